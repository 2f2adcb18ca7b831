/* SPDX-License-Identifier: Apache-2.0 */
/* master_make.c - master keys born in the HSM to stay, and those of a key ceremony. */
#include <string.h>

#include "include/table.h"
#include "proto/public_key.h"
#include "proxy/hsm/master_row.h"
#include "proxy/hsm/template.h"

#define MASTER_KEY_LEN 32 /* bytes: AES-256, HMAC-SHA256 */

static void id_of(uint32_t epoch, uint8_t ret[4])
{
    for (int i = 0; i < 4; i++)
        ret[i] = (uint8_t)(epoch >> (24 - 8 * i));
}

/* ------------------------------------------------------------------------------------------------- making */

static CK_RV generate_secret(const struct hsm_session *session, const struct master_row *row,
                             struct master_template *template, CK_OBJECT_HANDLE *ret)
{
    CK_MECHANISM mechanism = { row->generate, NULL, 0 };
    CK_ULONG len = MASTER_KEY_LEN;

    master_template_add(template, CKA_VALUE_LEN, &len, sizeof(len));
    return session->p11->C_GenerateKey(session->handle, &mechanism, template->attributes, template->count,
                                       ret);
}

/* @label: of a public half that stays as an object of the token: an auditor may ask for it. NULL: for a while. */
static CK_RV generate_pair(const struct hsm_session *session, const struct master_row *row,
                           struct master_template *template, const char *label, CK_OBJECT_HANDLE *ret,
                           CK_OBJECT_HANDLE *ret_public)
{
    struct bytes curve = public_key_ec_params(CKK_EC, 256);
    CK_BBOOL is_token = label != NULL;
    CK_ATTRIBUTE public_template[] = {
        ATTRIBUTE_BYTES(CKA_EC_PARAMS, curve.data, curve.len),
        ATTRIBUTE_BYTES(CKA_TOKEN, &is_token, sizeof(is_token)),
        ATTRIBUTE_FALSE(CKA_PRIVATE),
        ATTRIBUTE_TRUE(CKA_VERIFY),
        ATTRIBUTE_BYTES(CKA_LABEL, label, label ? strlen(label) : 0),
    };
    CK_MECHANISM mechanism = { row->generate, NULL, 0 };

    return session->p11->C_GenerateKeyPair(session->handle, &mechanism, public_template,
                                           ARRAY_SIZE(public_template), template->attributes, template->count,
                                           ret_public, ret);
}

/* Label, id and what the key demands of those it unwraps: what the strict template of a kind has beside it. */
static void add_identity(struct master_template *template, const struct master_row *row, const char *label,
                         const uint8_t id[4])
{
    master_template_add(template, CKA_LABEL, label, strlen(label));
    master_template_add(template, CKA_ID, id, 4);
    if (row->unwrap_template)
        master_template_add(template, CKA_UNWRAP_TEMPLATE, row->unwrap_template,
                            row->unwrap_count * sizeof(*row->unwrap_template));
}

CK_RV master_keys_generate_one(const struct hsm_session *session, enum master_kind kind, uint32_t epoch)
{
    const struct master_row *row = master_row(kind);
    struct master_template template = { 0 };
    CK_OBJECT_HANDLE key, public_key;
    char label[MASTER_LABEL_MAX];
    uint8_t id[4];

    master_label(kind, epoch, master_keys_end(kind), label);
    id_of(epoch, id);
    add_identity(&template, row, label, id);
    master_template_add_kind(&template, row, STATE_FINAL);
    return row->class == CKO_PRIVATE_KEY ? generate_pair(session, row, &template, label, &key, &public_key)
                                         : generate_secret(session, row, &template, &key);
}

CK_RV master_keys_generate(const struct hsm_session *session, uint32_t epoch)
{
    CK_RV rv = CKR_OK;

    for (int kind = 0; kind < MASTER_KINDS && rv == CKR_OK; kind++)
        rv = master_keys_generate_one(session, kind, epoch);
    return rv;
}

/* ------------------------------------------------------------------------------------------- a key ceremony's */

CK_RV master_keys_make_transit(const struct hsm_session *session, enum master_kind kind,
                               CK_OBJECT_HANDLE *ret, struct buffer *ret_point)
{
    const struct master_row *row = master_row(kind);
    struct master_template template = { 0 };
    CK_OBJECT_HANDLE public_key = CK_INVALID_HANDLE;
    CK_RV rv;

    master_template_add_kind(&template, row, STATE_TRANSIT);
    if (row->class != CKO_PRIVATE_KEY)
        return generate_secret(session, row, &template, ret);
    rv = generate_pair(session, row, &template, NULL, ret, &public_key);
    if (rv != CKR_OK)
        return rv;
    rv = hsm_session_attribute(session, public_key, CKA_EC_POINT, ret_point);
    hsm_session_destroy(session, public_key);
    if (rv != CKR_OK)
        hsm_session_destroy(session, *ret);
    return rv;
}

static CK_RV make_public(const struct hsm_session *session, const char *label, struct bytes point)
{
    struct bytes curve = public_key_ec_params(CKK_EC, 256);
    CK_OBJECT_HANDLE key;
    CK_ATTRIBUTE template[] = {
        ATTRIBUTE_NUMBER(CKA_CLASS, CKO_PUBLIC_KEY),
        ATTRIBUTE_NUMBER(CKA_KEY_TYPE, CKK_EC),
        ATTRIBUTE_TRUE(CKA_TOKEN),
        ATTRIBUTE_FALSE(CKA_PRIVATE),
        ATTRIBUTE_TRUE(CKA_VERIFY),
        ATTRIBUTE_BYTES(CKA_LABEL, label, strlen(label)),
        ATTRIBUTE_BYTES(CKA_EC_PARAMS, curve.data, curve.len),
        ATTRIBUTE_BYTES(CKA_EC_POINT, point.data, point.len),
    };

    return session->p11->C_CreateObject(session->handle, template, ARRAY_SIZE(template), &key);
}

CK_RV master_keys_unwrap(const struct hsm_session *session, enum master_kind kind, uint32_t epoch,
                         int64_t ends_ms, CK_OBJECT_HANDLE unwrapping_key, struct bytes wrapped,
                         struct bytes point, CK_OBJECT_HANDLE *ret)
{
    const struct master_row *row = master_row(kind);
    CK_MECHANISM mechanism = { CKM_AES_KEY_WRAP_PAD, NULL, 0 };
    struct master_template template = { 0 };
    char label[MASTER_LABEL_MAX];
    uint8_t id[4];
    CK_RV rv;

    master_label(kind, epoch, ends_ms, label);
    id_of(epoch, id);
    add_identity(&template, row, label, id);
    master_template_add_kind(&template, row, STATE_FINAL);
    rv = session->p11->C_UnwrapKey(session->handle, &mechanism, unwrapping_key, (CK_BYTE *)wrapped.data,
                                   wrapped.len, template.attributes, template.count, ret);
    if (rv != CKR_OK || row->class != CKO_PRIVATE_KEY)
        return rv;
    rv = make_public(session, label, point);
    if (rv != CKR_OK)
        hsm_session_destroy(session, *ret);
    return rv;
}
