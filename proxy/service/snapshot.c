/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshot.c - rows into messages, in an order of their own.
 */
#include "proxy/service/snapshot.h"

#include <errno.h>
#include <string.h>

#include "proto/certificate.h"
#include "proto/digest.h"
#include "proto/mechanism.h"
#include "proto/name.h"
#include "proto/token_policy.h"
#include "proxy/service/key_kind.h"
#include "proxy/service/message.h"
#include "proxy/service/refusal.h"

static int compare_keys(const void *a, const void *b)
{
    const struct key_row *left = a, *right = b;

    if (left->created_ms != right->created_ms)
        return left->created_ms < right->created_ms ? -1 : 1;
    return left->id < right->id ? -1 : left->id > right->id;
}

void contents_clear(struct contents *contents)
{
    key_rows_free(contents->keys, contents->key_count);
    certificate_rows_free(contents->certificates, contents->certificate_count);
    *contents = (struct contents){ 0 };
}

/* All of it is ours, and of that token. */
static enum reason contents_check(struct access *access, int64_t token_id, const struct contents *contents)
{
    enum reason reason = REASON_NONE;

    for (size_t i = 0; reason == REASON_NONE && i < contents->key_count; i++)
        reason = contents->keys[i].token_id == token_id ? row_check_key(access, &contents->keys[i])
                                                        : REASON_INTEGRITY;
    for (size_t i = 0; reason == REASON_NONE && i < contents->certificate_count; i++)
        reason = contents->certificates[i].token_id == token_id
                     ? row_check_certificate(access, &contents->certificates[i])
                     : REASON_INTEGRITY;
    return reason;
}

enum reason contents_load(struct service *service, int64_t token_id, struct contents *ret)
{
    CLEANUP(contents_clear) struct contents contents = { 0 };
    struct store *store = service->access.store;
    enum reason reason;
    int r = store_key_list(store, token_id, &contents.keys, &contents.key_count);

    if (r == 0)
        r = store_certificate_list(store, token_id, &contents.certificates, &contents.certificate_count);
    if (r < 0)
        return refusal_of_store(r);
    reason = contents_check(&service->access, token_id, &contents);
    if (reason != REASON_NONE)
        return reason;
    if (contents.key_count)
        qsort(contents.keys, contents.key_count, sizeof(contents.keys[0]), compare_keys);
    *ret = contents;
    contents = (struct contents){ 0 };
    return REASON_NONE;
}

enum reason key_info(const struct key_row *key, Privyseal__V1__KeyInfo **ret)
{
    CLEANUP(message_free) ProtobufCMessage *message = NULL;
    Privyseal__V1__KeyInfo *info;

    if (message_new(&privyseal__v1__key_info__descriptor, &message) < 0)
        return REASON_INTERNAL;
    info = (Privyseal__V1__KeyInfo *)message;
    info->key_type = key->key_type;
    info->bits = key->bits;
    info->created_unix = (uint64_t)key->created_ms / 1000;
    info->expires_unix = (uint64_t)key->expires_ms / 1000;
    info->usage = (Privyseal__V1__KeyUsage)key->usage;
    info->always_authenticate = key->always_authenticate;
    if (message_set_bytes(&info->id, buffer_bytes(&key->cka_id)) < 0 ||
        message_set_bytes(&info->name, BYTES_OF_ARRAY(key->name)) < 0 ||
        message_set_text(&info->label, key->label) < 0 ||
        message_set_bytes(&info->public_key, buffer_bytes(&key->spki)) < 0)
        return REASON_INTERNAL;
    message = NULL;
    *ret = info;
    return REASON_NONE;
}

enum reason certificate_info(const struct certificate_row *certificate, const struct key_row *key,
                             Privyseal__V1__CertificateInfo **ret)
{
    CLEANUP(message_free) ProtobufCMessage *message = NULL;
    Privyseal__V1__CertificateInfo *info;

    if (message_new(&privyseal__v1__certificate_info__descriptor, &message) < 0)
        return REASON_INTERNAL;
    info = (Privyseal__V1__CertificateInfo *)message;
    if (message_set_bytes(&info->id, buffer_bytes(&key->cka_id)) < 0 ||
        message_set_text(&info->label, certificate->label) < 0 ||
        message_set_bytes(&info->der, buffer_bytes(&certificate->der)) < 0)
        return REASON_INTERNAL;
    message = NULL;
    *ret = info;
    return REASON_NONE;
}

/* The arrays below grow in place: what is there when memory ends is freed with the message that holds them. */

enum reason contents_keys(const struct contents *contents, size_t *ret_count, Privyseal__V1__KeyInfo ***ret)
{
    enum reason reason = REASON_NONE;

    *ret = message_alloc(contents->key_count * sizeof(**ret));
    if (!*ret)
        return REASON_INTERNAL;
    for (size_t i = 0; reason == REASON_NONE && i < contents->key_count; i++) {
        reason = key_info(&contents->keys[i], &(*ret)[i]);
        if (reason == REASON_NONE)
            (*ret_count)++;
    }
    return reason;
}

static const struct certificate_row *certificate_of(const struct contents *contents,
                                                    const uint8_t key_name[KEY_NAME_LEN])
{
    for (size_t i = 0; i < contents->certificate_count; i++)
        if (memcmp(contents->certificates[i].key_name, key_name, KEY_NAME_LEN) == 0)
            return &contents->certificates[i];
    return NULL;
}

/* ------------------------------------------------------------------------------------- who issued them */

/* An authority's CKA_ID is made of its own key, as that of a key here would be: no two objects share one by chance. */
static enum reason authority_info(X509 *certificate, struct bytes der, Privyseal__V1__CertificateInfo **ret)
{
    CLEANUP(message_free) ProtobufCMessage *message = NULL;
    Privyseal__V1__CertificateInfo *info;
    char label[LABEL_MAX_LEN + 1];
    uint8_t name[KEY_NAME_LEN];
    unsigned char *spki = NULL;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &spki), r;

    if (X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, label, sizeof(label)) <=
            0 ||
        !label_is_valid(bytes_of_text(label)))
        strcpy(label, "certificate authority");
    r = len > 0 ? digest_sha256(NULL, BYTES(spki, (size_t)len), name) : -EINVAL;
    OPENSSL_free(spki);
    if (r < 0 || message_new(&privyseal__v1__certificate_info__descriptor, &message) < 0)
        return REASON_INTERNAL;
    info = (Privyseal__V1__CertificateInfo *)message;
    if (message_set_bytes(&info->id, BYTES(name, KEY_ID_LEN)) < 0 ||
        message_set_text(&info->label, label) < 0 || message_set_bytes(&info->der, der) < 0)
        return REASON_INTERNAL;
    *ret = (Privyseal__V1__CertificateInfo *)TAKE(message);
    return REASON_NONE;
}

static bool is_listed(Privyseal__V1__CertificateInfo **infos, size_t count, struct bytes der)
{
    for (size_t i = 0; i < count; i++)
        if (bytes_equal(pack_lend(&infos[i]->der), der))
            return true;
    return false;
}

/* The authorities that one row's chain names and nobody has named before, as far as there is room. */
static enum reason add_chain(const struct certificate_row *row, size_t *count,
                             Privyseal__V1__CertificateInfo **infos)
{
    const unsigned char *at = row->chain.data, *end = at + row->chain.len;

    while (at < end && *count < CERTS_PER_TOKEN_MAX) {
        const unsigned char *start = at;
        CLEANUP(X509_free) X509 *certificate = d2i_X509(NULL, &at, end - at);
        struct bytes der = BYTES(start, (size_t)(at - start));
        enum reason reason;

        if (!certificate)
            return REASON_INTEGRITY;
        if (is_listed(infos, *count, der))
            continue;
        reason = authority_info(certificate, der, &infos[*count]);
        if (reason != REASON_NONE)
            return reason;
        (*count)++;
    }
    return REASON_NONE;
}

enum reason contents_certificates(const struct contents *contents, size_t *ret_count,
                                  Privyseal__V1__CertificateInfo ***ret)
{
    enum reason reason = REASON_NONE;

    *ret = message_alloc(CERTS_PER_TOKEN_MAX * sizeof(**ret)); /* at most one a key, then authorities */
    if (!*ret)
        return REASON_INTERNAL;
    for (size_t i = 0; i < contents->key_count && *ret_count < CERTS_PER_TOKEN_MAX; i++) {
        const struct certificate_row *row = certificate_of(contents, contents->keys[i].name);

        if (!row)
            continue;
        reason = certificate_info(row, &contents->keys[i], &(*ret)[*ret_count]);
        if (reason != REASON_NONE)
            return reason;
        (*ret_count)++;
    }
    for (size_t i = 0; reason == REASON_NONE && i < contents->certificate_count; i++)
        reason = add_chain(&contents->certificates[i], ret_count, *ret);
    return reason;
}

/* Of those that sign, or decrypt as well, the use alone does not tell: the raw mechanism does. */
static bool is_allowed(const struct token_policy *policy, const struct mechanism *mechanism)
{
    if (!mechanism->raw)
        return true;
    if (policy->no_decrypt && !(mechanism->use & USE_SIGN))
        return false;
    return token_policy_allows(policy, mechanism->raw);
}

static bool is_offered(const struct service *service, const struct token_row *token,
                       const struct mechanism *mechanism)
{
    return mechanism->key_type != CK_UNAVAILABLE_INFORMATION && is_allowed(&token->policy, mechanism) &&
           key_kind_is_held(service, token->custody, mechanism->key_type);
}

static enum reason fill_mechanisms(const struct service *service, const struct token_row *token,
                                   Privyseal__V1__Snapshot *snapshot)
{
    const struct mechanism *mechanism;
    size_t count = 0;

    while (mechanism_at(count))
        count++;
    snapshot->mechanism = message_alloc(count * sizeof(*snapshot->mechanism));
    if (!snapshot->mechanism)
        return REASON_INTERNAL;
    for (size_t i = 0; (mechanism = mechanism_at(i)); i++)
        if (is_offered(service, token, mechanism))
            snapshot->mechanism[snapshot->n_mechanism++] = mechanism->type;
    return REASON_NONE;
}

static bool has_key_that_decrypts(const struct contents *contents)
{
    for (size_t i = 0; i < contents->key_count; i++)
        if (contents->keys[i].usage == KEY_DECRYPTS)
            return true;
    return false;
}

/* To find it out takes a while, so nobody waits for it who does not need it. */
static enum reason fill_oaep(const struct service *service, const struct contents *contents,
                             Privyseal__V1__Snapshot *snapshot)
{
    const CK_MECHANISM_TYPE *hashes;
    size_t count;
    CK_RV rv;

    if (!has_key_that_decrypts(contents))
        return REASON_NONE;
    rv = hsm_oaep_hashes(service->access.hsm, &hashes, &count);
    if (rv != CKR_OK)
        return refusal_of_rv(rv);
    snapshot->oaep_hash = message_alloc(MECHANISM_OAEP_HASHES * sizeof(*snapshot->oaep_hash));
    if (!snapshot->oaep_hash)
        return REASON_INTERNAL;
    for (size_t i = 0; i < count; i++)
        snapshot->oaep_hash[snapshot->n_oaep_hash++] = hashes[i];
    return REASON_NONE;
}

static enum reason fill_names(const struct service *service, const struct token_row *token,
                              Privyseal__V1__Snapshot *snapshot)
{
    snapshot->version = token->version;
    snapshot->custody = (Privyseal__V1__Custody)token->custody;
    snapshot->has_recovery_code = (token->recovery_bits & RECOVERY_CODE) != 0;
    snapshot->has_recovery_quorum = (token->recovery_bits & RECOVERY_QUORUM) != 0;
    snapshot->has_hsm_officer = (token->recovery_bits & RECOVERY_HSM) != 0;
    snapshot->is_recovery_pending = (token->recovery_bits & RECOVERY_PENDING) != 0;
    if (message_set_text(&snapshot->realm, service->config->realm) < 0 ||
        message_set_text(&snapshot->token, token->name) < 0 ||
        message_set_text(&snapshot->serial, token->serial) < 0)
        return REASON_INTERNAL;
    return REASON_NONE;
}

/* What the application has to know of the token's policy is shown as its keys': CKA_ALWAYS_AUTHENTICATE. */
static void apply_policy(const struct token_policy *policy, Privyseal__V1__Snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->n_key; i++)
        if (policy->always_authenticate &&
            snapshot->key[i]->usage == PRIVYSEAL__V1__KEY_USAGE__KEY_USAGE_SIGN)
            snapshot->key[i]->always_authenticate = true;
}

enum reason snapshot_build(struct service *service, const struct token_row *token,
                           const struct contents *contents, struct secret **ret)
{
    CLEANUP(message_free) ProtobufCMessage *message = NULL;
    Privyseal__V1__Snapshot *snapshot;
    enum reason reason;

    if (message_new(&privyseal__v1__snapshot__descriptor, &message) < 0)
        return REASON_INTERNAL;
    snapshot = (Privyseal__V1__Snapshot *)message;
    reason = fill_names(service, token, snapshot);
    if (reason == REASON_NONE)
        reason = contents_keys(contents, &snapshot->n_key, &snapshot->key);
    if (reason == REASON_NONE)
        reason = contents_certificates(contents, &snapshot->n_certificate, &snapshot->certificate);
    if (reason == REASON_NONE)
        reason = fill_mechanisms(service, token, snapshot);
    if (reason == REASON_NONE)
        reason = fill_oaep(service, contents, snapshot);
    if (reason != REASON_NONE)
        return reason;
    apply_policy(&token->policy, snapshot);
    return message_pack(message, ret) < 0 ? REASON_INTERNAL : REASON_NONE;
}
