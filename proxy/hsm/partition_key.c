/* SPDX-License-Identifier: Apache-2.0 */
/* partition_key.c - born in a partition, found in it, used; through one login and its handles. */
#include <time.h>

#include "include/table.h"
#include "proxy/hsm/key_pair.h"
#include "proxy/hsm/partition_state.h"
#include "proxy/hsm/template.h"

#define DAY_MS (24LL * 60 * 60 * 1000)

/* ---------------------------------------------------------------------------------------------------- making */

/* A key's CKA_ID is made of its public half, so it gets its name after birth and stays modifiable for that. */
static CK_RV name_key(const struct login *login, CK_OBJECT_HANDLE key, const struct key_row *row)
{
    char label[2 * KEY_NAME_LEN + 1];
    CK_ATTRIBUTE template[] = {
        ATTRIBUTE_BYTES(CKA_ID, row->name, KEY_ID_LEN),
        ATTRIBUTE_BYTES(CKA_LABEL, label, sizeof(label) - 1),
    };

    hex_encode(BYTES_OF_ARRAY(row->name), label);
    return login->session.p11->C_SetAttributeValue(login->session.handle, key, template,
                                                   ARRAY_SIZE(template));
}

static CK_RV give_birth(const struct login *login, const struct key_kind *kind, const struct key_use *use,
                        CK_OBJECT_HANDLE *ret, struct public_key **ret_public)
{
    CK_ATTRIBUTE template[] = {
        ATTRIBUTE_TRUE(CKA_TOKEN),        ATTRIBUTE_TRUE(CKA_PRIVATE),   ATTRIBUTE_TRUE(CKA_SENSITIVE),
        ATTRIBUTE_FALSE(CKA_EXTRACTABLE), ATTRIBUTE_FALSE(CKA_COPYABLE), KEY_USE_ATTRIBUTES(use),
        KEY_USE_MECHANISMS(use),
    };
    const CK_ATTRIBUTE never_left[] = { ATTRIBUTE_TRUE(CKA_LOCAL), ATTRIBUTE_TRUE(CKA_ALWAYS_SENSITIVE),
                                        ATTRIBUTE_TRUE(CKA_NEVER_EXTRACTABLE) };
    CK_OBJECT_HANDLE key;
    CK_RV rv =
        key_pair_generate(&login->session, kind, use, template, ARRAY_SIZE(template), &key, ret_public);

    if (rv != CKR_OK)
        return rv;
    rv = hsm_session_matches(&login->session, key, never_left, ARRAY_SIZE(never_left));
    if (rv == CKR_OK)
        *ret = key;
    else
        hsm_session_destroy(&login->session, key);
    return rv;
}

/* Named, proved, and durable, or destroyed. */
static CK_RV settle_in(struct login *login, CK_OBJECT_HANDLE object, struct public_key *public_key,
                       const struct key_row *row)
{
    struct handle_cache *cache = login->custody->config.hsm->handles;
    struct key_handle *key = NULL;
    CK_RV rv = handle_cache_put(cache, &login->keys, row->name, object, public_key, &key);

    if (rv == CKR_OK)
        rv = name_key(login, object, row);
    if (rv == CKR_OK)
        rv = key_pair_prove(key, row->usage);
    if (rv == CKR_OK)
        rv = partition_keep(login->custody, login->serial);
    if (rv == CKR_OK)
        return CKR_OK;
    if (key)
        handle_cache_drop(cache, key);
    hsm_session_destroy(&login->session, object);
    return rv;
}

CK_RV partition_key_generate(struct login *login, CK_KEY_TYPE type, unsigned bits, enum key_usage usage,
                             struct key_row *ret)
{
    const struct key_kind *kind = key_kind_find(type, bits);
    const struct key_use *use = key_use_find(type, usage);
    int64_t now_ms = (int64_t)time(NULL) * 1000;
    CLEANUP(key_row_clear)
    struct key_row row = {
        .usage = usage,
        .created_ms = now_ms,
        .expires_ms = now_ms + login->custody->config.key_life_days * DAY_MS,
    };
    CLEANUP(public_key_free) struct public_key *public_key = NULL;
    CK_OBJECT_HANDLE object;
    CK_RV rv;

    if (!kind || !use)
        return CKR_KEY_SIZE_RANGE;
    rv = give_birth(login, kind, use, &object, &public_key);
    if (rv != CKR_OK)
        return rv;
    rv = key_pair_describe(public_key, &row);
    if (rv == CKR_OK)
        rv = settle_in(login, object, TAKE(public_key), &row);
    else
        hsm_session_destroy(&login->session, object);
    if (rv != CKR_OK)
        return rv;
    *ret = row;
    row = (struct key_row){ 0 };
    return CKR_OK;
}

/* ----------------------------------------------------------------------------------------- finding, destroying */

/* SoftHSM walks all objects of the partition. Errors: CKR_DATA_INVALID (it does not have the key the row names). */
static CK_RV find_object(const struct login *login, const struct key_row *row, CK_OBJECT_HANDLE *ret)
{
    CK_ATTRIBUTE template[] = {
        ATTRIBUTE_NUMBER(CKA_CLASS, CKO_PRIVATE_KEY),
        ATTRIBUTE_BYTES(CKA_ID, row->name, KEY_ID_LEN),
    };
    CK_ULONG count = 0;
    CK_RV rv = hsm_session_find(&login->session, template, ARRAY_SIZE(template), ret, 1, &count);

    return rv == CKR_OK && count == 0 ? CKR_DATA_INVALID : rv;
}

/* The backup too has had the key since it was made. */
CK_RV partition_key_destroy(struct login *login, const struct key_row *row)
{
    struct handle_cache *cache = login->custody->config.hsm->handles;
    struct key_handle *key = handle_cache_peek(cache, &login->keys, row->name);
    CK_OBJECT_HANDLE object;
    CK_RV rv;

    if (key)
        handle_cache_drop(cache, key);
    rv = find_object(login, row, &object);
    if (rv == CKR_OK)
        rv = login->session.p11->C_DestroyObject(login->session.handle, object);
    if (rv == CKR_OK)
        rv = partition_keep(login->custody, login->serial);
    return rv;
}

/* Once per login and key. */
static CK_RV find_key(struct login *login, const struct key_row *row, struct key_handle **ret)
{
    CLEANUP(public_key_free) struct public_key *public_key = NULL;
    CK_OBJECT_HANDLE object;
    CK_RV rv = key_pair_of_row(row, &public_key);

    if (rv == CKR_OK)
        rv = find_object(login, row, &object);
    if (rv != CKR_OK)
        return rv;
    return handle_cache_put(login->custody->config.hsm->handles, &login->keys, row->name, object,
                            TAKE(public_key), ret);
}

/* The key of @row, ready; and away with it when @rv of its use says that it is not what the row says, or lost. */
static CK_RV key_get(struct login *login, const struct key_row *row, struct key_handle **ret)
{
    *ret = handle_cache_peek(login->custody->config.hsm->handles, &login->keys, row->name);
    return *ret ? CKR_OK : find_key(login, row, ret);
}

static CK_RV key_done(struct login *login, struct key_handle *key, CK_RV rv)
{
    if (rv == CKR_DATA_INVALID || key_pair_is_lost(rv))
        handle_cache_drop(login->custody->config.hsm->handles, key);
    return rv;
}

/* ----------------------------------------------------------------------------------------------------- using */

static CK_RV sign_once(struct login *login, const struct key_row *row, CK_MECHANISM_TYPE raw,
                       const Privyseal__V1__PssParameters *pss, struct bytes data, struct buffer *ret)
{
    bool verify = login->custody->config.verify_every_ec;
    struct key_handle *key;
    CK_RV rv = key_get(login, row, &key);

    return rv == CKR_OK ? key_done(login, key, key_pair_sign(key, raw, pss, data, verify, ret)) : rv;
}

CK_RV partition_key_sign(struct login *login, const struct key_row *row, CK_MECHANISM_TYPE raw,
                         const Privyseal__V1__PssParameters *pss, struct bytes data, struct buffer *ret)
{
    CK_RV rv = sign_once(login, row, raw, pss, data, ret);

    return key_pair_is_lost(rv) ? sign_once(login, row, raw, pss, data, ret) : rv;
}

static CK_RV decrypt_once(struct login *login, const struct key_row *row, CK_MECHANISM_TYPE mechanism,
                          const Privyseal__V1__OaepParameters *oaep, struct bytes data, struct secret **ret)
{
    struct key_handle *key;
    CK_RV rv = key_get(login, row, &key);

    return rv == CKR_OK ? key_done(login, key, key_pair_decrypt(key, mechanism, oaep, data, ret)) : rv;
}

CK_RV partition_key_decrypt(struct login *login, const struct key_row *row, CK_MECHANISM_TYPE mechanism,
                            const Privyseal__V1__OaepParameters *oaep, struct bytes data, struct secret **ret)
{
    CK_RV rv = decrypt_once(login, row, mechanism, oaep, data, ret);

    return key_pair_is_lost(rv) ? decrypt_once(login, row, mechanism, oaep, data, ret) : rv;
}

static CK_RV derive_once(struct login *login, const struct key_row *row, struct bytes peer,
                         struct secret **ret)
{
    struct key_handle *key;
    CK_RV rv = key_get(login, row, &key);

    if (rv != CKR_OK)
        return rv;
    login->custody->config.hsm->objects_made += 2; /* the secret; in the beginning also that of the proof */
    return key_done(login, key, key_pair_derive(key, peer, ret));
}

CK_RV partition_key_derive(struct login *login, const struct key_row *row, struct bytes peer,
                           struct secret **ret)
{
    CK_RV rv = derive_once(login, row, peer, ret);

    return key_pair_is_lost(rv) ? derive_once(login, row, peer, ret) : rv;
}
