/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secret.c - memory for secrets: short ones from the pool, long ones, and those for which it has no room, in a mapping
 * of their own.
 */
#include "include/secret.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>
#include <openssl/crypto.h>

#include "include/secret_pool.h"

static size_t round_to_pages(size_t len)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    return len ? (len + page - 1) / page * page : page;
}

static int secret_allocate(size_t len, struct secret **ret)
{
    CLEANUP(free) void *memory = NULL;
    struct secret *secret;
    int r;

    if (len > SECRET_MAX)
        return -EINVAL;
    memory = calloc(1, sizeof(*secret));
    if (!memory)
        return -ENOMEM;
    secret = memory;
    secret->len = len;
    secret->data = secret_pool_take(len, &secret->capacity);
    if (!secret->data) {
        secret->capacity = round_to_pages(len);
        r = secret_map_pages(secret->capacity, &secret->data);
        if (r < 0)
            return r;
    }
    memory = NULL;
    *ret = secret;
    return 0;
}

int secret_new(size_t len, struct secret **ret)
{
    return len ? secret_allocate(len, ret) : -EINVAL;
}

int secret_copy(struct bytes bytes, struct secret **ret)
{
    int r = secret_allocate(bytes.len, ret);

    if (r == 0 && bytes.len)
        memcpy((*ret)->data, bytes.data, bytes.len);
    return r;
}

int secret_random(size_t len, struct secret **ret)
{
    CLEANUP(secret_free) struct secret *secret = NULL;
    int r = secret_new(len, &secret);

    if (r < 0)
        return r;
    for (size_t done = 0; done < len;) {
        ssize_t n = getrandom(secret->data + done, len - done, 0);

        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0)
            done += (size_t)n;
    }
    *ret = TAKE(secret);
    return 0;
}

void secret_free(struct secret *secret)
{
    if (!secret)
        return;
    if (!secret_pool_give(secret->data)) {
        OPENSSL_cleanse(secret->data, secret->capacity);
        munmap(secret->data, secret->capacity);
    }
    free(secret);
}

struct bytes secret_bytes(const struct secret *secret)
{
    return secret ? BYTES(secret->data, secret->len) : BYTES_NONE;
}

bool secret_equal(struct bytes a, struct bytes b)
{
    return a.len == b.len && CRYPTO_memcmp(a.data, b.data, a.len) == 0;
}

void secret_wipe(void *memory, size_t len)
{
    OPENSSL_cleanse(memory, len);
}
