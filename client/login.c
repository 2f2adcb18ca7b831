/* SPDX-License-Identifier: Apache-2.0 */
/* login.c - logins and leases in locked memory. */
#include "client/login.h"

#include <errno.h>
#include <string.h>

#include "proto/digest.h"

#define TAG_KEY_LEN HASH_LEN

static int tag_of(OSSL_LIB_CTX *libctx, const uint8_t key[TAG_KEY_LEN], struct bytes pin,
                  uint8_t ret[HASH_LEN])
{
    return digest_hmac(libctx, BYTES(key, TAG_KEY_LEN), pin, ret);
}

static int make_tag(OSSL_LIB_CTX *libctx, struct bytes pin, struct secret **ret)
{
    CLEANUP(secret_free) struct secret *tag = NULL;
    int r = secret_random(TAG_KEY_LEN + HASH_LEN, &tag);

    if (r == 0)
        r = tag_of(libctx, tag->data, pin, tag->data + TAG_KEY_LEN);
    if (r == 0)
        *ret = TAKE(tag);
    return r;
}

int login_new(OSSL_LIB_CTX *libctx, struct secret *stretched, uint32_t pin_version, struct bytes pin,
              struct login **ret)
{
    CLEANUP(login_unref) struct login *login = calloc(1, sizeof(*login));
    int r;

    if (!login) {
        secret_free(stretched);
        return -ENOMEM;
    }
    atomic_init(&login->references, 1);
    login->stretched = stretched;
    login->pin_version = pin_version;
    r = make_tag(libctx, pin, &login->pin_tag);
    if (r == 0)
        *ret = TAKE(login);
    return r;
}

struct login *login_ref(struct login *login)
{
    atomic_fetch_add(&login->references, 1);
    return login;
}

void login_unref(struct login *login)
{
    if (!login || atomic_fetch_sub(&login->references, 1) != 1)
        return;
    secret_free(login->code);
    secret_free(login->stretched);
    secret_free(login->pin_tag);
    free(login);
}

bool login_is_of_pin(OSSL_LIB_CTX *libctx, const struct login *login, struct bytes pin)
{
    uint8_t tag[HASH_LEN];
    bool is_same = tag_of(libctx, login->pin_tag->data, pin, tag) == 0 &&
                   secret_equal(BYTES_OF_ARRAY(tag), BYTES(login->pin_tag->data + TAG_KEY_LEN, HASH_LEN));

    secret_wipe(tag, sizeof(tag));
    return is_same;
}

int lease_new(struct session_keys *keys, struct lease **ret)
{
    struct lease *lease = calloc(1, sizeof(*lease));

    if (!lease)
        return -ENOMEM;
    atomic_init(&lease->references, 1);
    atomic_init(&lease->sequence, 0);
    atomic_init(&lease->calls, 0);
    lease->keys = *keys;
    *keys = (struct session_keys){ 0 };
    *ret = lease;
    return 0;
}

struct lease *lease_ref(struct lease *lease)
{
    atomic_fetch_add(&lease->references, 1);
    return lease;
}

void lease_unref(struct lease *lease)
{
    if (!lease || atomic_fetch_sub(&lease->references, 1) != 1)
        return;
    session_keys_clear(&lease->keys);
    free(lease);
}

uint64_t lease_next_sequence(struct lease *lease)
{
    return atomic_fetch_add(&lease->sequence, 1) + 1;
}
