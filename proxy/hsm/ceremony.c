/* SPDX-License-Identifier: Apache-2.0 */
/* ceremony.c - master keys out of the HSM, wrapped, and into one again. */
#include "proxy/hsm/ceremony.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "include/table.h"
#include "proto/digest.h"
#include "proxy/hsm/carrier.h"
#include "proxy/hsm/hsm_state.h"
#include "proxy/hsm/provision.h"
#include "proxy/hsm/template.h"

#define FIRST_EPOCH   1
#define TRANSPORT_LEN 32 /* bytes: AES-256 */

DEFINE_CLEANUP(EVP_PKEY_free, EVP_PKEY *);

/* ---------------------------------------------------------------------------------------------- the quorum key */

int ceremony_quorum_key(struct secret **ret_private, struct buffer *ret_public)
{
    CLEANUP(EVP_PKEY_free) EVP_PKEY *key = EVP_RSA_gen(CARRIER_RSA_BITS);
    uint8_t *private_der = NULL, *public_der = NULL;
    int private_len = key ? i2d_PrivateKey(key, &private_der) : -1;
    int public_len = key ? i2d_PUBKEY(key, &public_der) : -1;
    int r = private_len > 0 && public_len > 0
                ? secret_copy(BYTES(private_der, (size_t)private_len), ret_private)
                : -EIO;

    if (r == 0)
        buffer_append(ret_public, BYTES(public_der, (size_t)public_len));
    OPENSSL_clear_free(private_der, private_len > 0 ? (size_t)private_len : 0);
    OPENSSL_free(public_der);
    ERR_clear_error();
    return r == 0 && ret_public->failed ? -ENOMEM : r;
}

/* ------------------------------------------------------------------------------------------------ out of the HSM */

static CK_RV make_transport(const struct hsm_session *session, CK_OBJECT_HANDLE *ret)
{
    CK_MECHANISM mechanism = { CKM_AES_KEY_GEN, NULL, 0 };
    CK_ATTRIBUTE template[] = {
        ATTRIBUTE_NUMBER(CKA_VALUE_LEN, TRANSPORT_LEN),
        ATTRIBUTE_FALSE(CKA_TOKEN),
        ATTRIBUTE_TRUE(CKA_PRIVATE),
        ATTRIBUTE_TRUE(CKA_SENSITIVE),
        ATTRIBUTE_TRUE(CKA_EXTRACTABLE),
        ATTRIBUTE_TRUE(CKA_WRAP),
        ATTRIBUTE_TRUE(CKA_UNWRAP),
        ATTRIBUTE_FALSE(CKA_ENCRYPT),
        ATTRIBUTE_FALSE(CKA_DECRYPT),
        ATTRIBUTE_NUMBER(CKA_ALLOWED_MECHANISMS, CKM_AES_KEY_WRAP_PAD),
    };

    return session->p11->C_GenerateKey(session->handle, &mechanism, template, ARRAY_SIZE(template), ret);
}

/* Makes the key, wraps it, and destroys what could be wrapped. */
static CK_RV take_out(const struct hsm_session *session, CK_OBJECT_HANDLE transport, struct master_copy *copy)
{
    CLEANUP(secret_free) struct secret *wrapped = NULL;
    CK_OBJECT_HANDLE key;
    CK_RV rv = master_keys_make_transit(session, copy->kind, &key, &copy->point);

    if (rv != CKR_OK)
        return rv;
    rv = hsm_session_wrap(session, transport, key, &wrapped);
    hsm_session_destroy(session, key);
    if (rv != CKR_OK)
        return rv;
    buffer_append(&copy->wrapped, secret_bytes(wrapped));
    return copy->wrapped.failed || copy->point.failed ? CKR_HOST_MEMORY : CKR_OK;
}

static CK_RV bring_in(const struct hsm_session *session, CK_OBJECT_HANDLE transport,
                      const struct master_copy *copy, uint8_t ret_commitment[HASH_LEN], CK_OBJECT_HANDLE *ret)
{
    CK_RV rv = master_keys_unwrap(session, copy->kind, copy->epoch, copy->ends_ms, transport,
                                  buffer_bytes(&copy->wrapped), buffer_bytes(&copy->point), ret);

    return rv == CKR_OK ? master_commit(session, copy->kind, *ret, copy->epoch, ret_commitment) : rv;
}

/* The transport key for whom the epoch goes to: the officers, and the other HSMs of a pool. */
static CK_RV address(const struct hsm_session *session, struct bytes public_key, CK_OBJECT_HANDLE transport,
                     struct buffer *ret)
{
    CK_OBJECT_HANDLE carrier;
    CK_RV rv = carrier_import_public(session, public_key, &carrier);

    if (rv != CKR_OK)
        return rv;
    rv = carrier_wrap(session, carrier, transport, ret);
    hsm_session_destroy(session, carrier);
    return rv;
}

static CK_RV address_all(const struct hsm_session *session, const struct ceremony_epoch *made,
                         CK_OBJECT_HANDLE transport, struct master_copy *copy)
{
    CK_RV rv = address(session, buffer_bytes(&made->manifest->quorum_key), transport, &copy->transport);

    for (size_t i = 0; rv == CKR_OK && i < made->recipient_count; i++)
        rv = address(session, buffer_bytes(&made->recipients[i].public_key), transport,
                     &made->recipients[i].transport);
    return rv;
}

static CK_RV make_copy(const struct hsm_session *session, const struct ceremony_epoch *made,
                       struct master_copy *copy, uint8_t ret_commitment[HASH_LEN])
{
    CK_OBJECT_HANDLE transport, key;
    CK_RV rv = make_transport(session, &transport);

    if (rv != CKR_OK)
        return rv;
    rv = address_all(session, made, transport, copy);
    if (rv == CKR_OK)
        rv = take_out(session, transport, copy);
    if (rv == CKR_OK)
        rv = bring_in(session, transport, copy, ret_commitment, &key);
    hsm_session_destroy(session, transport);
    return rv;
}

CK_RV ceremony_add_epoch(const struct hsm_session *session, enum master_kind kind, uint32_t epoch,
                         const struct ceremony_epoch *made)
{
    struct master_backup *backup = made->backup;
    struct master_copy *copies;
    struct manifest_key named = { .epoch = epoch };
    struct master_copy *copy;
    CK_RV rv;

    master_backup_remove(backup, kind, epoch); /* of a try that the root never signed for */
    copies = reallocarray(backup->copies, backup->count + 1, sizeof(*copies));
    if (!copies)
        return CKR_HOST_MEMORY;
    backup->copies = copies;
    copy = &copies[backup->count++]; /* the caller clears it, whatever comes of it */
    *copy = (struct master_copy){ .kind = kind, .epoch = epoch, .ends_ms = master_keys_end(kind) };
    snprintf(named.kind, sizeof(named.kind), "%s", master_keys_name(kind));
    rv = make_copy(session, made, copy, named.commitment);
    if (rv == CKR_OK && manifest_add(made->manifest, &named) < 0)
        rv = CKR_HOST_MEMORY;
    return rv;
}

static CK_RV fill_new(const struct hsm_session *session, void *arg, char **why)
{
    CK_RV rv = CKR_OK;

    (void)why;
    for (int kind = 0; kind < MASTER_KINDS && rv == CKR_OK; kind++)
        rv = ceremony_add_epoch(session, kind, FIRST_EPOCH, arg);
    return rv;
}

CK_RV ceremony_make(const struct hsm_config *config, struct manifest *manifest, struct master_backup *ret,
                    char **why)
{
    struct ceremony_epoch made = { .manifest = manifest, .backup = ret };

    return hsm_provision_with(config, fill_new, &made, why);
}

/* ------------------------------------------------------------------------------------------------- into another */

/* What is not the key that was named does not stay: some tokens that it comes into are in use. */
CK_RV ceremony_bring_in(const struct hsm_session *session, CK_OBJECT_HANDLE carrier,
                        const struct master_copy *copy, const uint8_t commitment[HASH_LEN])
{
    CK_OBJECT_HANDLE transport, key = CK_INVALID_HANDLE;
    uint8_t found[HASH_LEN];
    CK_RV rv = carrier_unwrap(session, carrier, buffer_bytes(&copy->transport), &transport);

    if (rv != CKR_OK)
        return rv;
    rv = bring_in(session, transport, copy, found, &key);
    hsm_session_destroy(session, transport);
    if (rv == CKR_OK && !secret_equal(BYTES_OF_ARRAY(found), BYTES(commitment, HASH_LEN)))
        rv = CKR_DATA_INVALID;
    if (rv != CKR_OK)
        hsm_session_destroy(session, key);
    return rv;
}

/* What the functions below hand on. */
struct restoring {
    struct bytes quorum_private;
    const struct manifest *manifest;
    const struct master_backup *backup;
    const struct master_keys *present; /* in the token already; NULL: none */
    unsigned count;                    /* of keys brought in */
};

/* One key from the backup, if the manifest names it: an epoch that was destroyed since is not brought back. */
static CK_RV restore_copy(const struct hsm_session *session, CK_OBJECT_HANDLE quorum_key,
                          const struct master_copy *copy, struct restoring *restoring, char **why)
{
    const char *name = master_keys_name(copy->kind);
    const struct manifest_key *named = manifest_find(restoring->manifest, name, copy->epoch);
    CK_RV rv;

    if (!named || (restoring->present && master_keys_peek(restoring->present, copy->kind, copy->epoch)))
        return CKR_OK;
    rv = ceremony_bring_in(session, quorum_key, copy, named->commitment);
    restoring->count += rv == CKR_OK;
    if (rv != CKR_OK &&
        asprintf(why, "the backup's %s epoch %u is not the key that the manifest names (CK_RV 0x%lx)", name,
                 copy->epoch, rv) < 0)
        *why = NULL;
    return rv;
}

static bool has_copy(const struct master_backup *backup, const struct manifest_key *named)
{
    for (size_t i = 0; i < backup->count; i++)
        if (backup->copies[i].epoch == named->epoch &&
            strcmp(master_keys_name(backup->copies[i].kind), named->kind) == 0)
            return true;
    return false;
}

/* All that the manifest names must be there, or rows could not be opened with what comes of it. */
static CK_RV check_complete(const struct master_backup *backup, const struct manifest *manifest, char **why)
{
    for (size_t i = 0; i < manifest->count; i++) {
        if (has_copy(backup, &manifest->keys[i]))
            continue;
        if (asprintf(why, "the backup of the master keys lacks %s epoch %u", manifest->keys[i].kind,
                     manifest->keys[i].epoch) < 0)
            *why = NULL;
        return CKR_KEY_NEEDED;
    }
    return CKR_OK;
}

static CK_RV fill_from_backup(const struct hsm_session *session, void *arg, char **why)
{
    struct restoring *restoring = arg;
    CK_OBJECT_HANDLE quorum_key;
    CK_RV rv = carrier_import_private(session, restoring->quorum_private, &quorum_key);

    if (rv != CKR_OK)
        return rv;
    for (size_t i = 0; i < restoring->backup->count && rv == CKR_OK; i++)
        rv = restore_copy(session, quorum_key, &restoring->backup->copies[i], restoring, why);
    hsm_session_destroy(session, quorum_key);
    return rv;
}

CK_RV ceremony_restore(const struct hsm_config *config, struct bytes quorum_private,
                       const struct master_backup *backup, const struct manifest *manifest, char **why)
{
    struct restoring restoring = { .quorum_private = quorum_private, .manifest = manifest, .backup = backup };
    CK_RV rv;

    *why = NULL;
    rv = check_complete(backup, manifest, why);
    return rv == CKR_OK ? hsm_provision_with(config, fill_from_backup, &restoring, why) : rv;
}

CK_RV ceremony_catch_up(const struct hsm_config *config, struct bytes quorum_private,
                        const struct master_backup *backup, const struct manifest *manifest, char **why)
{
    CLEANUP(hsm_close) struct hsm *hsm = NULL;
    struct restoring restoring = { .quorum_private = quorum_private, .manifest = manifest, .backup = backup };
    struct hsm_session session;
    CK_RV rv = hsm_open(config, &hsm, why);

    if (rv == CKR_OK)
        rv = check_complete(backup, manifest, why);
    if (rv == CKR_OK)
        rv = hsm_session_open(hsm->session.p11, hsm->token.slot, CKF_RW_SESSION, &session);
    if (rv != CKR_OK)
        return rv;
    restoring.present = &hsm->keys;
    rv = fill_from_backup(&session, &restoring, why);
    hsm_session_close(&session);
    if (rv != CKR_OK || restoring.count)
        return rv;
    if (asprintf(why, "the token \"%s\" has all the master keys that the manifest names",
                 config->token_label) < 0)
        *why = NULL;
    return CKR_FUNCTION_REJECTED;
}
