/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wrapped.c - keys in rows. S opens the access row and gives U; U opens the key row and gives W1; Kw turns W1 into a
 * session object that signs and cannot leave. (Kx does, if the key decrypts or derives; below, both are Kw.)
 *
 *   access row   AES-GCM(HSM.derive(Kd, HKDF(S, "pin row" ...)), U)
 *   key row      AES-GCM(HSM.derive(Kd, HKDF(U, "key" ...)), W1)        W1 = AES-KEY-WRAP-PAD(Kw, private key)
 *
 * The secret half of each derivation is checked inside the HSM only, so a row alone tests no PIN; and what it opens is
 * ciphertext under Kw, so even a KEK forced out of the HSM opens no key.
 *
 * The cached session object stays CKA_PRIVATE: a public one would save SoftHSM 10 us of a P-256 signature and nothing
 * of RSA, as the locks it avoids bite threads and a signer has one; and it would outlive the login.
 */
#include "proxy/hsm/custody.h"

#include <assert.h>
#include <string.h>
#include <time.h>

#include "include/table.h"
#include "proto/context.h"
#include "proto/digest.h"
#include "proto/mechanism.h"
#include "proxy/hsm/hsm_state.h"
#include "proxy/hsm/key_pair.h"
#include "proxy/hsm/row_seal.h"
#include "proxy/hsm/template.h"

#define SEALED_KEY_MAX 8192 /* bytes: W1 of RSA-4096 has 2,384 */
#define DAY_MS         (24LL * 60 * 60 * 1000)

struct custody {
    struct custody_config config;
};

struct custody_token {
    struct custody *custody;
    char name[NAME_MAX_LEN + 1];
    struct secret *u;
    struct handle_owner keys;
};

/* --------------------------------------------------------------------------------------- what a row is for */

static struct context key_context(const char *label, const struct custody_token *token,
                                  const struct key_row *row)
{
    struct context context = context_of(label);

    context_text(&context, token->custody->config.realm);
    context_text(&context, token->name);
    context_bytes(&context, BYTES_OF_ARRAY(row->name));
    context_number(&context, row->usage);
    context_number(&context, row->kd_epoch);
    context_number(&context, row->kw_epoch);
    return context;
}

/* All that the key row says of the key: the label is its user's to choose. */
static struct context key_aad(const struct custody_token *token, const struct key_row *row)
{
    struct context context = key_context("privyseal v1 key row", token, row);

    context_number(&context, row->key_type);
    context_number(&context, row->bits);
    context_bytes(&context, buffer_bytes(&row->spki));
    context_number(&context, (uint64_t)row->created_ms);
    context_number(&context, (uint64_t)row->expires_ms);
    return context;
}

/* ------------------------------------------------------------------------------------------- life of a token */

static CK_RV wrapped_new(const struct custody_config *config, struct custody **ret)
{
    struct custody *custody = calloc(1, sizeof(*custody));

    if (!custody)
        return CKR_HOST_MEMORY;
    custody->config = *config;
    *ret = custody;
    return CKR_OK;
}

static void wrapped_free(struct custody *custody)
{
    free(custody);
}

static bool wrapped_can_hold(const struct custody *custody, CK_KEY_TYPE type, unsigned bits)
{
    const struct key_kind *kind = key_kind_find(type, bits);

    (void)custody;
    return kind && kind->can_wrap;
}

static CK_RV wrapped_create(struct custody *custody, struct token_row *token, struct bytes s,
                            struct access_row *row)
{
    CLEANUP(secret_free) struct secret *u = NULL;

    if (s.len != STRETCHED_PIN_LEN)
        return CKR_ARGUMENTS_BAD;
    if (secret_random(TOKEN_SECRET_LEN, &u) < 0)
        return CKR_HOST_MEMORY;
    return access_row_seal(&custody->config, token->name, s, secret_bytes(u), row);
}

/* All that was made is in the row, which the caller throws away. */
static void wrapped_undo(struct custody *custody, const struct token_row *token)
{
    (void)custody;
    (void)token;
}

static void wrapped_close(struct custody_token *token)
{
    if (!token)
        return;
    handle_cache_clear(token->custody->config.hsm->handles, &token->keys);
    secret_free(token->u);
    free(token);
}
DEFINE_CLEANUP(wrapped_close, struct custody_token *);

static CK_RV wrapped_authorise(struct custody *custody, const struct token_row *row,
                               const struct access_row *access, struct bytes s, struct custody_token **ret)
{
    CLEANUP(wrapped_close) struct custody_token *token = NULL;
    CK_RV rv;

    if (s.len != STRETCHED_PIN_LEN)
        return CKR_PIN_INCORRECT;
    token = calloc(1, sizeof(*token));
    if (!token)
        return CKR_HOST_MEMORY;
    token->custody = custody;
    token->keys = (struct handle_owner){ .session = &custody->config.hsm->session, .is_temporary = true };
    memcpy(token->name, row->name, sizeof(token->name));
    rv = access_row_open(&custody->config, token->name, s, access, &token->u);
    if (rv != CKR_OK)
        return rv;
    *ret = TAKE(token);
    return CKR_OK;
}

static CK_RV wrapped_change_secret(struct custody_token *token, struct bytes old_s, struct bytes new_s,
                                   struct access_row *new_row)
{
    (void)old_s; /* that, or another row's, opened the token: U is here */
    if (new_s.len != STRETCHED_PIN_LEN)
        return CKR_ARGUMENTS_BAD;
    return access_row_seal(&token->custody->config, token->name, new_s, secret_bytes(token->u), new_row);
}

static CK_RV wrapped_add_secret(struct custody_token *token, struct bytes s, struct access_row *row)
{
    if (s.len != STRETCHED_PIN_LEN)
        return CKR_ARGUMENTS_BAD;
    return access_row_seal(&token->custody->config, token->name, s, secret_bytes(token->u), row);
}

/* The row is all there is: the transaction alone decides which one counts. */
static void wrapped_settle(struct custody_token *token, struct bytes old_s, struct bytes new_s, bool is_done)
{
    (void)token;
    (void)old_s;
    (void)new_s;
    (void)is_done;
}

/* ----------------------------------------------------------------------------------------------------- keys */

/* Which of the two wraps a key of that usage. */
static enum master_kind wrapping_kind(enum key_usage usage)
{
    return usage == KEY_SIGNS ? MASTER_WRAP : MASTER_EXCHANGE;
}

/* Kw's template, repeated because SoftHSM compares instead of applying it, and what it leaves open said strictly. */
static CK_RV unwrap_key(struct hsm *hsm, const struct key_use *use, uint32_t kw_epoch, struct bytes wrapped,
                        CK_OBJECT_HANDLE *ret)
{
    const struct master_key *kw = master_keys_peek(&hsm->keys, wrapping_kind(use->usage), kw_epoch);
    CK_MECHANISM mechanism = { CKM_AES_KEY_WRAP_PAD, NULL, 0 };
    CK_ATTRIBUTE template[] = {
        MASTER_UNWRAP_COMMON, /* and KEY_USE_ATTRIBUTES say all that either template demands */
        ATTRIBUTE_NUMBER(CKA_KEY_TYPE, use->type),
        ATTRIBUTE_TRUE(CKA_PRIVATE),
        KEY_USE_ATTRIBUTES(use),
        KEY_USE_MECHANISMS(use),
        MASTER_UNWRAP_FIXED,
    };
    CK_RV rv;

    if (!kw)
        return CKR_KEY_NEEDED;
    rv = hsm->session.p11->C_UnwrapKey(hsm->session.handle, &mechanism, kw->handle, (CK_BYTE *)wrapped.data,
                                       wrapped.len, template, ARRAY_SIZE(template), ret);
    if (rv == CKR_OK)
        hsm->objects_made++;
    return rv;
}

/* A row's key becomes a handle in the cache. */
static CK_RV load_key(struct custody_token *token, const struct key_row *row, struct key_handle **ret)
{
    CLEANUP(context_clear) struct context purpose = key_context("privyseal v1 key", token, row);
    CLEANUP(context_clear) struct context aad = key_aad(token, row);
    CLEANUP(public_key_free) struct public_key *public_key = NULL;
    CLEANUP(secret_free) struct secret *wrapped = NULL;
    struct row_seal seal = { row->kd_epoch, secret_bytes(token->u), &purpose, &aad, (uint8_t *)row->nonce };
    struct hsm *hsm = token->custody->config.hsm;
    const struct key_kind *kind = key_kind_find(row->key_type, row->bits);
    const struct key_use *use = key_use_find(row->key_type, row->usage);
    CK_OBJECT_HANDLE object;
    CK_RV rv;

    if (!kind || !kind->can_wrap || !use || row->sealed.len > SEALED_KEY_MAX)
        return CKR_DATA_INVALID;
    rv = key_pair_of_row(row, &public_key);
    if (rv == CKR_OK)
        rv = row_open(hsm, &seal, buffer_bytes(&row->sealed), &wrapped);
    if (rv == CKR_OK)
        rv = unwrap_key(hsm, use, row->kw_epoch, secret_bytes(wrapped), &object);
    if (rv == CKR_ENCRYPTED_DATA_INVALID || rv == CKR_ENCRYPTED_DATA_LEN_RANGE)
        return CKR_DATA_INVALID;
    if (rv != CKR_OK)
        return rv;
    return handle_cache_put(hsm->handles, &token->keys, row->name, object, TAKE(public_key), ret);
}

/*
 * Born in the HSM as the one extractable form it ever has, wrapped, destroyed; named by its public half. Where Kw is a
 * trusted key, no other can wrap this one; SoftHSM cannot make a trusted private key (the self-test says so).
 */
static CK_RV give_birth(struct hsm *hsm, const struct key_kind *kind, const struct key_use *use,
                        const struct master_key *kw, struct key_row *row, struct secret **ret)
{
    CK_BBOOL wrap_with_trusted = kw->is_trusted;
    CK_ATTRIBUTE template[] = {
        ATTRIBUTE_FALSE(CKA_TOKEN),
        ATTRIBUTE_TRUE(CKA_PRIVATE),
        ATTRIBUTE_TRUE(CKA_SENSITIVE),
        ATTRIBUTE_TRUE(CKA_EXTRACTABLE),
        { CKA_WRAP_WITH_TRUSTED, &wrap_with_trusted, sizeof(wrap_with_trusted) },
        KEY_USE_ATTRIBUTES(use),
    };
    CLEANUP(public_key_free) struct public_key *public_key = NULL;
    CK_OBJECT_HANDLE born;
    CK_RV rv;

    rv = key_pair_generate(&hsm->session, kind, use, template, ARRAY_SIZE(template), &born, &public_key);
    if (rv != CKR_OK)
        return rv;
    hsm->objects_made += 2;
    rv = hsm_session_wrap(&hsm->session, kw->handle, born, ret);
    hsm_session_destroy(&hsm->session, born);
    return rv == CKR_OK ? key_pair_describe(public_key, row) : rv;
}

static CK_RV seal_key(struct custody_token *token, struct bytes wrapped, struct key_row *row)
{
    CLEANUP(context_clear) struct context purpose = key_context("privyseal v1 key", token, row);
    CLEANUP(context_clear) struct context aad = key_aad(token, row);
    struct row_seal seal = { row->kd_epoch, secret_bytes(token->u), &purpose, &aad, row->nonce };

    return row_seal(token->custody->config.hsm, &seal, wrapped, &row->sealed);
}

/* Its Kw stays: the HSM could not unwrap the key to wrap it anew, which is why it is safe there. */
static CK_RV wrapped_reseal(struct custody_token *token, struct key_row *row)
{
    CLEANUP(context_clear) struct context purpose = key_context("privyseal v1 key", token, row);
    CLEANUP(context_clear) struct context aad = key_aad(token, row);
    CLEANUP(secret_free) struct secret *wrapped = NULL;
    struct row_seal seal = { row->kd_epoch, secret_bytes(token->u), &purpose, &aad, row->nonce };
    struct hsm *hsm = token->custody->config.hsm;
    CK_RV rv = row_open(hsm, &seal, buffer_bytes(&row->sealed), &wrapped);

    if (rv != CKR_OK)
        return rv == CKR_ENCRYPTED_DATA_INVALID ? CKR_DATA_INVALID : rv;
    row->kd_epoch = hsm_epoch_derive(hsm);
    row->sealed.len = 0;
    return seal_key(token, secret_bytes(wrapped), row);
}

/* The new row is opened again as every later signature will, and has to work: what cannot be used is not handed out. */
static CK_RV prove_row(struct custody_token *token, const struct key_row *row)
{
    struct key_handle *key;
    CK_RV rv = load_key(token, row, &key);

    if (rv != CKR_OK)
        return rv;
    rv = key_pair_prove(key, row->usage);
    if (rv != CKR_OK)
        handle_cache_drop(token->custody->config.hsm->handles, key);
    return rv;
}

static CK_RV wrapped_generate(struct custody_token *token, CK_KEY_TYPE type, unsigned bits,
                              enum key_usage usage, struct key_row *ret)
{
    const struct custody_config *config = &token->custody->config;
    const struct key_kind *kind = key_kind_find(type, bits);
    const struct key_use *use = key_use_find(type, usage);
    const struct master_key *kw = master_keys_newest(&config->hsm->keys, wrapping_kind(usage));
    int64_t now_ms = (int64_t)time(NULL) * 1000;
    int64_t expires_ms = now_ms + config->key_life_days * DAY_MS;
    CLEANUP(key_row_clear)
    struct key_row row = { .usage = usage,
                           .kd_epoch = hsm_epoch_derive(config->hsm),
                           .kw_epoch = kw->epoch,
                           .created_ms = now_ms,
                           .expires_ms = expires_ms < kw->ends_ms ? expires_ms : kw->ends_ms };
    CLEANUP(secret_free) struct secret *wrapped = NULL;
    CK_RV rv;

    if (!kind || !kind->can_wrap || !use)
        return CKR_KEY_SIZE_RANGE;
    rv = give_birth(config->hsm, kind, use, kw, &row, &wrapped);
    if (rv == CKR_OK)
        rv = seal_key(token, secret_bytes(wrapped), &row);
    if (rv == CKR_OK)
        rv = prove_row(token, &row);
    if (rv != CKR_OK)
        return rv;
    *ret = row;
    row = (struct key_row){ 0 };
    return CKR_OK;
}

static CK_RV wrapped_destroy(struct custody_token *token, const struct key_row *row)
{
    struct handle_cache *cache = token->custody->config.hsm->handles;
    struct key_handle *key = handle_cache_peek(cache, &token->keys, row->name);

    if (key)
        handle_cache_drop(cache, key);
    return CKR_OK;
}

/* The key of @row, ready; and away with it when @rv of its use says that it is not what the row says, or lost. */
static CK_RV key_get(struct custody_token *token, const struct key_row *row, struct key_handle **ret)
{
    *ret = handle_cache_peek(token->custody->config.hsm->handles, &token->keys, row->name);
    return *ret ? CKR_OK : load_key(token, row, ret);
}

static CK_RV wrapped_prepare(struct custody_token *token, const struct key_row *row)
{
    struct key_handle *key;

    return handle_cache_is_full(token->custody->config.hsm->handles) ? CKR_OK : key_get(token, row, &key);
}

static CK_RV key_done(struct custody_token *token, struct key_handle *key, CK_RV rv)
{
    if (rv == CKR_DATA_INVALID || key_pair_is_lost(rv))
        handle_cache_drop(token->custody->config.hsm->handles, key);
    return rv;
}

static CK_RV sign_once(struct custody_token *token, const struct key_row *row, CK_MECHANISM_TYPE raw,
                       const Privyseal__V1__PssParameters *pss, struct bytes data, struct buffer *ret)
{
    bool verify = token->custody->config.verify_every_ec;
    struct key_handle *key;
    CK_RV rv = key_get(token, row, &key);

    return rv == CKR_OK ? key_done(token, key, key_pair_sign(key, raw, pss, data, verify, ret)) : rv;
}

static CK_RV wrapped_sign(struct custody_token *token, const struct key_row *row, CK_MECHANISM_TYPE raw,
                          const Privyseal__V1__PssParameters *pss, struct bytes data, struct buffer *ret)
{
    CK_RV rv = sign_once(token, row, raw, pss, data, ret);

    /* Handles die with the HSM's session; the row does not. */
    return key_pair_is_lost(rv) ? sign_once(token, row, raw, pss, data, ret) : rv;
}

static CK_RV decrypt_once(struct custody_token *token, const struct key_row *row, CK_MECHANISM_TYPE mechanism,
                          const Privyseal__V1__OaepParameters *oaep, struct bytes data, struct secret **ret)
{
    struct key_handle *key;
    CK_RV rv = key_get(token, row, &key);

    return rv == CKR_OK ? key_done(token, key, key_pair_decrypt(key, mechanism, oaep, data, ret)) : rv;
}

static CK_RV wrapped_decrypt(struct custody_token *token, const struct key_row *row,
                             CK_MECHANISM_TYPE mechanism, const Privyseal__V1__OaepParameters *oaep,
                             struct bytes data, struct secret **ret)
{
    CK_RV rv = decrypt_once(token, row, mechanism, oaep, data, ret);

    return key_pair_is_lost(rv) ? decrypt_once(token, row, mechanism, oaep, data, ret) : rv;
}

static CK_RV derive_once(struct custody_token *token, const struct key_row *row, struct bytes peer,
                         struct secret **ret)
{
    struct key_handle *key;
    CK_RV rv = key_get(token, row, &key);

    if (rv != CKR_OK)
        return rv;
    token->custody->config.hsm->objects_made += 2; /* the secret; in the beginning also that of the proof */
    return key_done(token, key, key_pair_derive(key, peer, ret));
}

static CK_RV wrapped_derive(struct custody_token *token, const struct key_row *row, struct bytes peer,
                            struct secret **ret)
{
    CK_RV rv = derive_once(token, row, peer, ret);

    return key_pair_is_lost(rv) ? derive_once(token, row, peer, ret) : rv;
}

const struct custody_ops custody_wrapped = {
    .name = "wrapped",
    .kind = TOKEN_WRAPPED,
    .new = wrapped_new,
    .free = wrapped_free,
    .can_hold = wrapped_can_hold,
    .create = wrapped_create,
    .undo = wrapped_undo,
    .authorise = wrapped_authorise,
    .generate = wrapped_generate,
    .prepare = wrapped_prepare,
    .sign = wrapped_sign,
    .decrypt = wrapped_decrypt,
    .derive = wrapped_derive,
    .destroy = wrapped_destroy,
    .add_secret = wrapped_add_secret,
    .change_secret = wrapped_change_secret,
    .settle = wrapped_settle,
    .reseal = wrapped_reseal,
    .close = wrapped_close,
};
