/* SPDX-License-Identifier: Apache-2.0 */
/* ceremony.c - master keys out of the HSM, wrapped, and into one again. */
#include "proxy/hsm/ceremony.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "include/table.h"
#include "proto/digest.h"
#include "proxy/hsm/provision.h"
#include "proxy/hsm/template.h"

#define FIRST_EPOCH    1
#define TRANSPORT_LEN  32   /* bytes: AES-256 */
#define COMPONENT_MAX  1024 /* bytes of a number of an RSA key */
#define RSA_COMPONENTS 8

DEFINE_CLEANUP(EVP_PKEY_free, EVP_PKEY *);
DEFINE_CLEANUP(BN_clear_free, BIGNUM *);

/* ---------------------------------------------------------------------------------------------- the quorum key */

int ceremony_quorum_key(struct secret **ret_private, struct buffer *ret_public)
{
    CLEANUP(EVP_PKEY_free) EVP_PKEY *key = EVP_RSA_gen(CEREMONY_RSA_BITS);
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

/* The numbers of an RSA key, and which attribute each is. v3.1 6.1.2, 6.1.3 (RSA public and private key objects) */
static const struct component {
    const char *name;
    CK_ATTRIBUTE_TYPE attribute;
} components[RSA_COMPONENTS] = {
    { OSSL_PKEY_PARAM_RSA_N, CKA_MODULUS },
    { OSSL_PKEY_PARAM_RSA_E, CKA_PUBLIC_EXPONENT },
    { OSSL_PKEY_PARAM_RSA_D, CKA_PRIVATE_EXPONENT },
    { OSSL_PKEY_PARAM_RSA_FACTOR1, CKA_PRIME_1 },
    { OSSL_PKEY_PARAM_RSA_FACTOR2, CKA_PRIME_2 },
    { OSSL_PKEY_PARAM_RSA_EXPONENT1, CKA_EXPONENT_1 },
    { OSSL_PKEY_PARAM_RSA_EXPONENT2, CKA_EXPONENT_2 },
    { OSSL_PKEY_PARAM_RSA_COEFFICIENT1, CKA_COEFFICIENT },
};

#define PUBLIC_COMPONENTS 2

/* Appends the first @count numbers of @key to @template; they lie in @room, COMPONENT_MAX bytes each. */
static CK_RV add_components(const EVP_PKEY *key, size_t count, uint8_t *room, CK_ATTRIBUTE *template,
                            CK_ULONG *template_count)
{
    for (size_t i = 0; i < count; i++) {
        CLEANUP(BN_clear_free) BIGNUM *number = NULL;
        uint8_t *at = room + i * COMPONENT_MAX;

        if (!EVP_PKEY_get_bn_param(key, components[i].name, &number) || BN_num_bytes(number) > COMPONENT_MAX)
            return CKR_DATA_INVALID;
        template[(*template_count)++] =
            (CK_ATTRIBUTE){ components[i].attribute, at, (CK_ULONG)BN_bn2bin(number, at) };
    }
    return CKR_OK;
}

static CK_RV import_public(const struct hsm_session *session, struct bytes spki, CK_OBJECT_HANDLE *ret)
{
    const unsigned char *at = spki.data;
    CLEANUP(EVP_PKEY_free) EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)spki.len);
    CK_ATTRIBUTE template[4 + PUBLIC_COMPONENTS] = {
        ATTRIBUTE_NUMBER(CKA_CLASS, CKO_PUBLIC_KEY),
        ATTRIBUTE_NUMBER(CKA_KEY_TYPE, CKK_RSA),
        ATTRIBUTE_FALSE(CKA_TOKEN),
        ATTRIBUTE_TRUE(CKA_WRAP),
    };
    uint8_t room[PUBLIC_COMPONENTS * COMPONENT_MAX];
    CK_ULONG count = 4;
    CK_RV rv = key && EVP_PKEY_is_a(key, "RSA")
                   ? add_components(key, PUBLIC_COMPONENTS, room, template, &count)
                   : CKR_DATA_INVALID;

    ERR_clear_error();
    return rv == CKR_OK ? session->p11->C_CreateObject(session->handle, template, count, ret) : rv;
}

static CK_RV import_private(const struct hsm_session *session, struct bytes der, CK_OBJECT_HANDLE *ret)
{
    const unsigned char *at = der.data;
    CLEANUP(EVP_PKEY_free) EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &at, (long)der.len);
    CK_ATTRIBUTE template[7 + RSA_COMPONENTS] = {
        ATTRIBUTE_NUMBER(CKA_CLASS, CKO_PRIVATE_KEY),
        ATTRIBUTE_NUMBER(CKA_KEY_TYPE, CKK_RSA),
        ATTRIBUTE_FALSE(CKA_TOKEN),
        ATTRIBUTE_TRUE(CKA_PRIVATE),
        ATTRIBUTE_TRUE(CKA_SENSITIVE),
        ATTRIBUTE_FALSE(CKA_EXTRACTABLE),
        ATTRIBUTE_TRUE(CKA_UNWRAP),
    };
    CLEANUP(secret_free) struct secret *room = NULL;
    CK_ULONG count = 7;
    CK_RV rv = CKR_DATA_INVALID;

    if (secret_new(RSA_COMPONENTS * COMPONENT_MAX, &room) < 0)
        return CKR_HOST_MEMORY;
    if (key && EVP_PKEY_is_a(key, "RSA"))
        rv = add_components(key, RSA_COMPONENTS, room->data, template, &count);
    ERR_clear_error();
    return rv == CKR_OK ? session->p11->C_CreateObject(session->handle, template, count, ret) : rv;
}

static CK_RSA_PKCS_OAEP_PARAMS oaep_params(void)
{
    return (
        CK_RSA_PKCS_OAEP_PARAMS){ .hashAlg = CKM_SHA_1, .mgf = CKG_MGF1_SHA1, .source = CKZ_DATA_SPECIFIED };
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

static CK_RV wrap_transport(const struct hsm_session *session, CK_OBJECT_HANDLE quorum_key,
                            CK_OBJECT_HANDLE transport, struct buffer *ret)
{
    CK_RSA_PKCS_OAEP_PARAMS params = oaep_params();
    CK_MECHANISM mechanism = { CKM_RSA_PKCS_OAEP, &params, sizeof(params) };
    uint8_t wrapped[COMPONENT_MAX];
    CK_ULONG len = sizeof(wrapped);
    CK_RV rv = session->p11->C_WrapKey(session->handle, &mechanism, quorum_key, transport, wrapped, &len);

    if (rv != CKR_OK)
        return rv;
    buffer_append(ret, BYTES(wrapped, len));
    return ret->failed ? CKR_HOST_MEMORY : CKR_OK;
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
                      const struct master_copy *copy, uint8_t ret_commitment[HASH_LEN])
{
    CK_OBJECT_HANDLE key;
    CK_RV rv = master_keys_unwrap(session, copy->kind, copy->epoch, copy->ends_ms, transport,
                                  buffer_bytes(&copy->wrapped), buffer_bytes(&copy->point), &key);

    return rv == CKR_OK ? master_commit(session, copy->kind, key, copy->epoch, ret_commitment) : rv;
}

static CK_RV make_copy(const struct hsm_session *session, CK_OBJECT_HANDLE quorum_key,
                       struct master_copy *copy, uint8_t ret_commitment[HASH_LEN])
{
    CK_OBJECT_HANDLE transport;
    CK_RV rv = make_transport(session, &transport);

    if (rv != CKR_OK)
        return rv;
    rv = wrap_transport(session, quorum_key, transport, &copy->transport);
    if (rv == CKR_OK)
        rv = take_out(session, transport, copy);
    if (rv == CKR_OK)
        rv = bring_in(session, transport, copy, ret_commitment);
    hsm_session_destroy(session, transport);
    return rv;
}

static CK_RV make_epoch(const struct hsm_session *session, CK_OBJECT_HANDLE quorum_key, enum master_kind kind,
                        uint32_t epoch, struct manifest *manifest, struct master_backup *backup)
{
    struct master_copy *copies = reallocarray(backup->copies, backup->count + 1, sizeof(*copies));
    struct manifest_key named = { .epoch = epoch };
    struct master_copy *copy;
    CK_RV rv;

    if (!copies)
        return CKR_HOST_MEMORY;
    backup->copies = copies;
    copy = &copies[backup->count++]; /* the caller clears it, whatever comes of it */
    *copy = (struct master_copy){ .kind = kind, .epoch = epoch, .ends_ms = master_keys_end(kind) };
    snprintf(named.kind, sizeof(named.kind), "%s", master_keys_name(kind));
    rv = make_copy(session, quorum_key, copy, named.commitment);
    if (rv == CKR_OK && manifest_add(manifest, &named) < 0)
        rv = CKR_HOST_MEMORY;
    return rv;
}

CK_RV ceremony_add_epoch(const struct hsm_session *session, enum master_kind kind, uint32_t epoch,
                         struct manifest *manifest, struct master_backup *backup)
{
    CK_OBJECT_HANDLE quorum_key;
    CK_RV rv = import_public(session, buffer_bytes(&manifest->quorum_key), &quorum_key);

    if (rv != CKR_OK)
        return rv;
    master_backup_remove(backup, kind, epoch); /* of a try that the root never signed for */
    rv = make_epoch(session, quorum_key, kind, epoch, manifest, backup);
    hsm_session_destroy(session, quorum_key);
    return rv;
}

/* What the two below hand to hsm_provision_with(). */
struct ceremony {
    struct bytes quorum_private;
    struct manifest *made;
    struct master_backup *backup_made;
    const struct manifest *manifest;
    const struct master_backup *backup;
};

static CK_RV fill_new(const struct hsm_session *session, void *arg, char **why)
{
    struct ceremony *ceremony = arg;
    CK_RV rv = CKR_OK;

    (void)why;
    for (int kind = 0; kind < MASTER_KINDS && rv == CKR_OK; kind++)
        rv = ceremony_add_epoch(session, kind, FIRST_EPOCH, ceremony->made, ceremony->backup_made);
    return rv;
}

CK_RV ceremony_make(const struct hsm_config *config, struct manifest *manifest, struct master_backup *ret,
                    char **why)
{
    struct ceremony ceremony = { .made = manifest, .backup_made = ret };

    return hsm_provision_with(config, fill_new, &ceremony, why);
}

/* ------------------------------------------------------------------------------------------------- into another */

static CK_RV unwrap_transport(const struct hsm_session *session, CK_OBJECT_HANDLE quorum_key,
                              struct bytes wrapped, CK_OBJECT_HANDLE *ret)
{
    CK_RSA_PKCS_OAEP_PARAMS params = oaep_params();
    CK_MECHANISM mechanism = { CKM_RSA_PKCS_OAEP, &params, sizeof(params) };
    CK_ATTRIBUTE template[] = {
        ATTRIBUTE_NUMBER(CKA_CLASS, CKO_SECRET_KEY),
        ATTRIBUTE_NUMBER(CKA_KEY_TYPE, CKK_AES),
        ATTRIBUTE_FALSE(CKA_TOKEN),
        ATTRIBUTE_TRUE(CKA_PRIVATE),
        ATTRIBUTE_TRUE(CKA_SENSITIVE),
        ATTRIBUTE_FALSE(CKA_EXTRACTABLE),
        ATTRIBUTE_TRUE(CKA_UNWRAP),
        ATTRIBUTE_NUMBER(CKA_ALLOWED_MECHANISMS, CKM_AES_KEY_WRAP_PAD),
    };

    return session->p11->C_UnwrapKey(session->handle, &mechanism, quorum_key, (CK_BYTE *)wrapped.data,
                                     wrapped.len, template, ARRAY_SIZE(template), ret);
}

/* One key from the backup, if it is the one that the manifest names. */
static CK_RV restore_copy(const struct hsm_session *session, CK_OBJECT_HANDLE quorum_key,
                          const struct master_copy *copy, const struct manifest *manifest, char **why)
{
    const char *name = master_keys_name(copy->kind);
    const struct manifest_key *named = manifest_find(manifest, name, copy->epoch);
    CK_OBJECT_HANDLE transport;
    uint8_t commitment[HASH_LEN];
    CK_RV rv =
        named ? unwrap_transport(session, quorum_key, buffer_bytes(&copy->transport), &transport) : CKR_OK;

    if (!named || rv != CKR_OK) /* an epoch that was destroyed since is not brought back */
        return rv;
    rv = bring_in(session, transport, copy, commitment);
    hsm_session_destroy(session, transport);
    if (rv == CKR_OK && !secret_equal(BYTES_OF_ARRAY(commitment), BYTES_OF_ARRAY(named->commitment)))
        rv = CKR_DATA_INVALID;
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
    const struct ceremony *ceremony = arg;
    CK_OBJECT_HANDLE quorum_key;
    CK_RV rv = import_private(session, ceremony->quorum_private, &quorum_key);

    if (rv != CKR_OK)
        return rv;
    for (size_t i = 0; i < ceremony->backup->count && rv == CKR_OK; i++)
        rv = restore_copy(session, quorum_key, &ceremony->backup->copies[i], ceremony->manifest, why);
    hsm_session_destroy(session, quorum_key);
    return rv;
}

CK_RV ceremony_restore(const struct hsm_config *config, struct bytes quorum_private,
                       const struct master_backup *backup, const struct manifest *manifest, char **why)
{
    struct ceremony ceremony = { .quorum_private = quorum_private, .manifest = manifest, .backup = backup };
    CK_RV rv;

    *why = NULL;
    rv = check_complete(backup, manifest, why);
    return rv == CKR_OK ? hsm_provision_with(config, fill_from_backup, &ceremony, why) : rv;
}
