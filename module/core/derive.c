/* SPDX-License-Identifier: Apache-2.0 */
/* derive.c - from a point to a secret key. */
#include "module/core/derive.h"

#include <string.h>

#include "include/table.h"
#include "module/core/begin.h"
#include "proto/name.h"

static const struct key_use deriving = { USE_DERIVE, CKO_PRIVATE_KEY, OF_DERIVING };

/* ---------------------------------------------------------------------------------------------- templates */

/* What was read from the template. */
struct wish {
    CK_ULONG key_type, value_len; /* value_len 0: all of it */
    CK_ULONG is_sensitive, is_extractable, is_private;
    struct bytes label, id;
};

enum rule { MUST_BE, TAKE_NUMBER, TAKE_BYTES, PASS_OVER };

struct template_row {
    CK_ATTRIBUTE_TYPE type;
    enum rule rule;
    CK_ULONG value; /* of MUST_BE */
    size_t offset;  /* into struct wish, of TAKE_* */
};

/* Uses are asked for by habit (pkcs11-tool asks for all): the key that is made says itself that it has none. */
static const struct template_row template_rows[] = {
    { CKA_CLASS, MUST_BE, CKO_SECRET_KEY, 0 },
    { CKA_TOKEN, MUST_BE, CK_FALSE, 0 },
    { CKA_PRIVATE, TAKE_NUMBER, 0, offsetof(struct wish, is_private) },
    { CKA_LABEL, TAKE_BYTES, 0, offsetof(struct wish, label) },
    { CKA_KEY_TYPE, TAKE_NUMBER, 0, offsetof(struct wish, key_type) },
    { CKA_ID, TAKE_BYTES, 0, offsetof(struct wish, id) },
    { CKA_SENSITIVE, TAKE_NUMBER, 0, offsetof(struct wish, is_sensitive) },
    { CKA_ENCRYPT, PASS_OVER, 0, 0 },
    { CKA_DECRYPT, PASS_OVER, 0, 0 },
    { CKA_WRAP, PASS_OVER, 0, 0 },
    { CKA_UNWRAP, PASS_OVER, 0, 0 },
    { CKA_SIGN, PASS_OVER, 0, 0 },
    { CKA_VERIFY, PASS_OVER, 0, 0 },
    { CKA_DERIVE, PASS_OVER, 0, 0 },
    { CKA_VALUE_LEN, TAKE_NUMBER, 0, offsetof(struct wish, value_len) },
    { CKA_EXTRACTABLE, TAKE_NUMBER, 0, offsetof(struct wish, is_extractable) },
    { CKA_MODIFIABLE, PASS_OVER, 0, 0 },
};

static bool read_number(struct bytes value, CK_ULONG *ret)
{
    if (value.len == sizeof(CK_BBOOL))
        *ret = *value.data;
    else if (value.len == sizeof(CK_ULONG))
        memcpy(ret, value.data, sizeof(*ret));
    else
        return false;
    return true;
}

static CK_RV read_attribute(const CK_ATTRIBUTE *attribute, struct wish *wish)
{
    struct bytes value = BYTES(attribute->pValue, attribute->ulValueLen);
    const struct template_row *row;
    CK_ULONG number = 0;

    for (EACH_ROW(row, template_rows)) {
        char *member = (char *)wish + row->offset;

        if (row->type != attribute->type)
            continue;
        if ((row->rule == MUST_BE || row->rule == TAKE_NUMBER) && !read_number(value, &number))
            return CKR_ATTRIBUTE_VALUE_INVALID;
        if (row->rule == MUST_BE && number != row->value)
            return CKR_TEMPLATE_INCONSISTENT;
        if (row->rule == TAKE_NUMBER)
            memcpy(member, &number, sizeof(number));
        if (row->rule == TAKE_BYTES)
            memcpy(member, &value, sizeof(value));
        return CKR_OK;
    }
    return CKR_ATTRIBUTE_TYPE_INVALID;
}

/* AES keys have three lengths. v3.1 6.13.2 (AES secret key objects). */
static bool is_length(CK_ULONG key_type, size_t len)
{
    return key_type != CKK_AES || len == 16 || len == 24 || len == 32;
}

static CK_RV read_template(struct template template, size_t secret_len, struct wish *wish)
{
    for (size_t i = 0; i < template.count; i++) {
        CK_RV rv = read_attribute(&template.attributes[i], wish);

        if (rv != CKR_OK)
            return rv;
    }
    if (wish->key_type != CKK_GENERIC_SECRET && wish->key_type != CKK_AES)
        return CKR_TEMPLATE_INCONSISTENT;
    if (!wish->value_len)
        wish->value_len = secret_len;
    if (wish->value_len > secret_len || !is_length(wish->key_type, wish->value_len))
        return CKR_KEY_SIZE_RANGE;
    if ((wish->label.len && !label_is_valid(wish->label)) || wish->id.len > KEY_ID_MAX)
        return CKR_ATTRIBUTE_VALUE_INVALID;
    return CKR_OK;
}

/* -------------------------------------------------------------------------------------------- the parameter */

/* The other side's point: judged here, and sent uncompressed without what may be around it. */
static CK_RV read_point(const CK_MECHANISM *mechanism, OSSL_LIB_CTX *libctx, const struct object *key,
                        struct public_key **ret)
{
    CK_ECDH1_DERIVE_PARAMS params;

    if (!mechanism->pParameter || mechanism->ulParameterLen != sizeof(params))
        return CKR_MECHANISM_PARAM_INVALID;
    memcpy(&params, mechanism->pParameter, sizeof(params)); /* the application's may lie unaligned */
    if (params.kdf != CKD_NULL || params.ulSharedDataLen || !params.pPublicData)
        return CKR_MECHANISM_PARAM_INVALID;
    return public_key_of_ec(libctx, CKK_EC, key->ec_params, BYTES(params.pPublicData, params.ulPublicDataLen),
                            ret) == CKR_OK
               ? CKR_OK
               : CKR_MECHANISM_PARAM_INVALID;
}

static size_t field_len(const struct public_key *key)
{
    return (key->bits + 7) / 8;
}

/* Without the OCTET STRING around it. SEC 1 2.3.3: 04, then two coordinates. */
static struct bytes bare_point(const struct public_key *point)
{
    size_t len = 1 + 2 * field_len(point);

    return BYTES(point->ec_point.data + point->ec_point.len - len, len);
}

/* --------------------------------------------------------------------------------------------------- making */

/* A shorter key is the end of the secret: bytes are taken away from the beginning. v3.1 6.3.17. */
static CK_RV make_object(const struct session *session, const struct wish *wish, const struct secret *shared,
                         struct secret_object **ret)
{
    CLEANUP(secret_free) struct secret *value = NULL;
    struct secret_object *made;
    CK_RV rv;

    if (secret_copy(BYTES(shared->data + shared->len - wish->value_len, wish->value_len), &value) < 0)
        return CKR_HOST_MEMORY;
    rv = secret_object_new(wish->key_type, TAKE(value), &made);
    if (rv != CKR_OK)
        return rv;
    made->session = session;
    made->object.is_private = wish->is_private != CK_FALSE;
    made->object.is_sensitive = wish->is_sensitive != CK_FALSE;
    made->object.is_extractable = wish->is_extractable != CK_FALSE;
    if (wish->label.len)
        memcpy(made->label, wish->label.data, wish->label.len);
    if (wish->id.len)
        memcpy(made->id, wish->id.data, wish->id.len);
    made->object.label.len = wish->label.len;
    made->object.id.len = wish->id.len;
    *ret = made;
    return CKR_OK;
}

CK_RV derive_key(struct session *session, const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE base,
                 struct template template, CK_OBJECT_HANDLE *ret, struct remote_error *error)
{
    struct wish wish = { .key_type = CKK_GENERIC_SECRET, .is_private = CK_TRUE, .is_extractable = CK_TRUE };
    CLEANUP(beginning_clear) struct beginning beginning = { 0 };
    CLEANUP(public_key_free) struct public_key *point = NULL;
    CLEANUP(secret_free) struct secret *shared = NULL;
    struct secret_object *made;
    struct remote_token *token;
    CK_RV rv = begin_find(session, mechanism->mechanism, base, &deriving, &beginning);

    if (rv == CKR_OK)
        rv = read_point(mechanism, session->slot->link->libctx, beginning.key, &point);
    if (rv == CKR_OK)
        rv = read_template(template, field_len(beginning.key->public_key), &wish);
    if (rv == CKR_OK)
        rv = slot_token(session->slot, &token, error);
    if (rv == CKR_OK)
        rv = remote_token_derive(token, BYTES_OF_ARRAY(beginning.key->public_key->name), bare_point(point),
                                 &shared, error);
    if (rv == CKR_OK && shared->len != field_len(beginning.key->public_key))
        rv = CKR_DEVICE_ERROR;
    if (rv == CKR_OK)
        rv = make_object(session, &wish, shared, &made);
    if (rv == CKR_OK)
        *ret = slot_secret_add(session->slot, made);
    return slot_session_rv(session->slot, rv);
}
