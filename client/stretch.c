/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stretch.c - Argon2id and HKDF over the PIN, in the calling thread alone.
 *
 * libargon2's short functions start a thread for each lane, which a guest in somebody else's process must not: so
 * the long one, argon2_ctx(), computes the lanes one after the other, in pages of our own that are in no core dump.
 */
#include "client/stretch.h"

#include <argon2.h>
#include <errno.h>
#include <sys/mman.h>

#include "proto/context.h"
#include "proto/digest.h"
#include "proto/limits.h"

#define ARGON2_OUTPUT_LEN 32

static int allocate_pages(uint8_t **memory, size_t size)
{
    void *pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (pages == MAP_FAILED)
        return ARGON2_MEMORY_ALLOCATION_ERROR;
    (void)madvise(pages, size, MADV_HUGEPAGE); /* page faults and TLB misses are a quarter of it all */
    (void)madvise(pages, size, MADV_DONTDUMP);
    (void)madvise(pages, size, MADV_WIPEONFORK);
    *memory = pages;
    return ARGON2_OK;
}

/* libargon2 has wiped them by now (FLAG_clear_internal_memory). */
static void free_pages(uint8_t *memory, size_t size)
{
    munmap(memory, size);
}

/* The floor keeps a hostile server from making guesses cheap, the ceiling from exhausting the host. */
static bool cost_is_acceptable(const struct stretch_cost *cost)
{
    return cost->memory_kib >= ARGON2_MEMORY_KIB_FLOOR && cost->memory_kib <= ARGON2_MEMORY_KIB_MAX &&
           cost->passes >= ARGON2_PASSES_FLOOR && cost->passes <= ARGON2_PASSES_MAX && cost->lanes >= 1 &&
           cost->lanes <= ARGON2_LANES_MAX;
}

/* Names where the salt is used: a server that serves another's salt does not get a hash that fits there. */
static int local_salt(OSSL_LIB_CTX *libctx, const char *realm, const char *token, struct bytes salt,
                      uint8_t ret[HASH_LEN])
{
    CLEANUP(context_clear) struct context context = context_of("privyseal v1 stretch salt");
    struct bytes input;
    int r;

    context_text(&context, realm);
    context_text(&context, token);
    context_bytes(&context, salt);
    r = context_end(&context, &input);
    return r < 0 ? r : digest_sha256(libctx, input, ret);
}

static int hash_pin(struct bytes pin, const uint8_t salt[HASH_LEN], const struct stretch_cost *cost,
                    struct secret **ret)
{
    CLEANUP(secret_free) struct secret *copy = NULL, *output = NULL;
    argon2_context argon2 = {
        .outlen = ARGON2_OUTPUT_LEN,
        .pwdlen = (uint32_t)pin.len,
        .salt = (uint8_t *)salt, /* libargon2 only reads it */
        .saltlen = HASH_LEN,
        .t_cost = cost->passes,
        .m_cost = cost->memory_kib,
        .lanes = cost->lanes,
        .threads = 1,
        .version = ARGON2_VERSION_13,
        .allocate_cbk = allocate_pages,
        .free_cbk = free_pages,
    };
    int r = secret_copy(pin, &copy);

    if (r == 0)
        r = secret_new(ARGON2_OUTPUT_LEN, &output);
    if (r < 0)
        return r;
    argon2.pwd = copy->data;
    argon2.out = output->data;
    r = argon2_ctx(&argon2, Argon2_id);
    if (r != ARGON2_OK)
        return r == ARGON2_MEMORY_ALLOCATION_ERROR ? -ENOMEM : -EINVAL;
    *ret = TAKE(output);
    return 0;
}

int stretch_pin(OSSL_LIB_CTX *libctx, const char *realm, const char *token, struct bytes pin,
                struct bytes salt, const struct stretch_cost *cost, uint32_t pin_version,
                struct bytes device_secret, struct secret **ret)
{
    CLEANUP(context_clear) struct context context = context_of("privyseal v1 stretched pin");
    CLEANUP(secret_free) struct secret *hash = NULL;
    uint8_t mixed_salt[HASH_LEN];
    struct bytes info;
    int r;

    if (!cost_is_acceptable(cost))
        return -EPERM;
    if (pin.len < PIN_MIN_LEN || pin.len > PIN_MAX_LEN || salt.len != SALT_LEN)
        return -EINVAL;
    r = local_salt(libctx, realm, token, salt, mixed_salt);
    if (r == 0)
        r = hash_pin(pin, mixed_salt, cost, &hash);
    if (r < 0)
        return r;
    context_text(&context, realm);
    context_text(&context, token);
    context_number(&context, pin_version);
    r = context_end(&context, &info);
    if (r < 0)
        return r;
    return digest_hkdf(libctx, secret_bytes(hash), device_secret, info, STRETCHED_PIN_LEN, ret);
}
