/* SPDX-License-Identifier: Apache-2.0 */
/* create.c - templates, and what is made from them. */
#include "module/core/create.h"

#include <string.h>

#include "include/table.h"
#include "module/core/mechanism_use.h"
#include "proto/limits.h"
#include "proto/name.h"
#include "proto/pkcs11_more.h"

/* Templates for what? One bit each, so that a row can name several. */
enum purpose {
    FOR_PUBLIC_KEY = 1,
    FOR_PRIVATE_KEY = 2,
    FOR_CERTIFICATE = 4,
};

#define FOR_KEY (FOR_PUBLIC_KEY | FOR_PRIVATE_KEY)
#define FOR_ANY (FOR_KEY | FOR_CERTIFICATE)

/* A CK_BBOOL of a template, which may be left out. */
enum said { UNSAID, SAID_FALSE, SAID_TRUE };

/* What was read from templates. Lent from the application's memory. */
struct wish {
    char label[LABEL_MAX_LEN + 1];
    struct bytes id;
    enum said sign, verify, decrypt, derive, always_authenticate;
    CK_ULONG modulus_bits;
    CK_KEY_TYPE key_type;
    struct bytes ec_params;
    struct bytes certificate;
};

struct template_row;
typedef CK_RV template_rule(const struct template_row *row, struct bytes value, struct wish *wish);
static template_rule must_be, must_not_differ_from_key_type, pass_over, take_label, take_id, take_flag,
    take_bits, take_curve, take_value, must_be_65537;

struct template_row {
    CK_ATTRIBUTE_TYPE type;
    unsigned purposes;
    template_rule *rule;
    CK_ULONG
    value; /* for must_be: a CK_ULONG, or a CK_BBOOL, by the length; for take_flag: where in struct wish */
};

static const struct template_row template_rows[] = {
    { CKA_CLASS, FOR_PUBLIC_KEY, must_be, CKO_PUBLIC_KEY },
    { CKA_CLASS, FOR_PRIVATE_KEY, must_be, CKO_PRIVATE_KEY },
    { CKA_CLASS, FOR_CERTIFICATE, must_be, CKO_CERTIFICATE },
    { CKA_TOKEN, FOR_ANY, must_be, CK_TRUE },
    { CKA_PRIVATE, FOR_PRIVATE_KEY, must_be, CK_TRUE },
    { CKA_PRIVATE, FOR_PUBLIC_KEY | FOR_CERTIFICATE, must_be, CK_FALSE },
    { CKA_LABEL, FOR_ANY, take_label, 0 },
    { CKA_VALUE, FOR_CERTIFICATE, take_value, 0 },
    { CKA_CERTIFICATE_TYPE, FOR_CERTIFICATE, must_be, CKC_X_509 },
    { CKA_ISSUER, FOR_CERTIFICATE, pass_over, 0 }, /* the certificate itself says these three */
    { CKA_SERIAL_NUMBER, FOR_CERTIFICATE, pass_over, 0 },
    { CKA_SUBJECT, FOR_ANY, pass_over, 0 },
    { CKA_TRUSTED, FOR_CERTIFICATE, must_be, CK_FALSE },
    { CKA_CERTIFICATE_CATEGORY, FOR_CERTIFICATE, pass_over, 0 },
    { CKA_KEY_TYPE, FOR_KEY, must_not_differ_from_key_type, 0 },
    { CKA_ID, FOR_KEY, take_id, 0 },
    { CKA_ID, FOR_CERTIFICATE, pass_over, 0 }, /* NSS proposes its own; the key's counts */
    { CKA_SENSITIVE, FOR_PRIVATE_KEY, must_be, CK_TRUE },
    { CKA_EXTRACTABLE, FOR_PRIVATE_KEY, must_be, CK_FALSE },
    { CKA_SIGN, FOR_PRIVATE_KEY, take_flag, offsetof(struct wish, sign) },
    { CKA_VERIFY, FOR_PUBLIC_KEY, take_flag, offsetof(struct wish, verify) },
    { CKA_ENCRYPT, FOR_PUBLIC_KEY, pass_over, 0 },
    { CKA_VERIFY_RECOVER, FOR_PUBLIC_KEY, pass_over, 0 },
    { CKA_WRAP, FOR_PUBLIC_KEY, pass_over, 0 },
    { CKA_DECRYPT, FOR_PRIVATE_KEY, take_flag, offsetof(struct wish, decrypt) },
    { CKA_SIGN_RECOVER, FOR_PRIVATE_KEY, pass_over, 0 },
    { CKA_UNWRAP, FOR_PRIVATE_KEY, pass_over, 0 },
    { CKA_DERIVE, FOR_PRIVATE_KEY, take_flag, offsetof(struct wish, derive) },
    { CKA_DERIVE, FOR_PUBLIC_KEY, pass_over, 0 },
    { CKA_ALWAYS_AUTHENTICATE, FOR_PRIVATE_KEY, take_flag, offsetof(struct wish, always_authenticate) },
    { CKA_MODIFIABLE, FOR_ANY, pass_over, 0 },
    { CKA_MODULUS_BITS, FOR_PUBLIC_KEY, take_bits, 0 },
    { CKA_PUBLIC_EXPONENT, FOR_PUBLIC_KEY, must_be_65537, 0 },
    { CKA_EC_PARAMS, FOR_KEY, take_curve, 0 },
};

struct curve {
    CK_KEY_TYPE key_type;
    unsigned bits;
};

static const struct curve curves[] = {
    { CKK_EC, 256 },
    { CKK_EC, 384 },
    { CKK_EC, 521 },
    { CKK_EC_EDWARDS, 255 },
};

/* CKA_EC_PARAMS may also be the PrintableString "edwards25519". v3.1 6.3.5 (Edwards public keys). */
static const uint8_t edwards25519_name[] = "\x13\x0c"
                                           "edwards25519";

/* ---------------------------------------------------------------------------------------------- the rules */

static bool read_ulong(struct bytes value, CK_ULONG *ret)
{
    if (value.len == sizeof(CK_BBOOL))
        *ret = *value.data;
    else if (value.len == sizeof(CK_ULONG))
        memcpy(ret, value.data, sizeof(*ret));
    else
        return false;
    return true;
}

static CK_RV must_be(const struct template_row *row, struct bytes value, struct wish *wish)
{
    CK_ULONG number;

    (void)wish;
    if (!read_ulong(value, &number))
        return CKR_ATTRIBUTE_VALUE_INVALID;
    return number == row->value ? CKR_OK : CKR_TEMPLATE_INCONSISTENT;
}

static CK_RV must_not_differ_from_key_type(const struct template_row *row, struct bytes value,
                                           struct wish *wish)
{
    const struct template_row same = { .type = row->type, .value = wish->key_type };

    return must_be(&same, value, wish);
}

static CK_RV pass_over(const struct template_row *row, struct bytes value, struct wish *wish)
{
    (void)row;
    (void)value;
    (void)wish;
    return CKR_OK;
}

/* Both halves have one. */
static CK_RV take_id(const struct template_row *row, struct bytes value, struct wish *wish)
{
    (void)row;
    if (value.len > KEY_ID_MAX)
        return CKR_ATTRIBUTE_VALUE_INVALID;
    if (wish->id.len && value.len && !bytes_equal(wish->id, value))
        return CKR_TEMPLATE_INCONSISTENT;
    if (value.len)
        wish->id = value;
    return CKR_OK;
}

static CK_RV take_flag(const struct template_row *row, struct bytes value, struct wish *wish)
{
    enum said *said = (enum said *)((char *)wish + row->value);
    CK_ULONG number;

    if (!read_ulong(value, &number))
        return CKR_ATTRIBUTE_VALUE_INVALID;
    *said = number ? SAID_TRUE : SAID_FALSE;
    return CKR_OK;
}

static CK_RV take_label(const struct template_row *row, struct bytes value, struct wish *wish)
{
    (void)row;
    if (!value.len)
        return CKR_OK;
    if (!label_is_valid(value))
        return CKR_ATTRIBUTE_VALUE_INVALID;
    memcpy(wish->label, value.data, value.len);
    wish->label[value.len] = '\0';
    return CKR_OK;
}

static CK_RV take_bits(const struct template_row *row, struct bytes value, struct wish *wish)
{
    (void)row;
    if (wish->key_type != CKK_RSA || !read_ulong(value, &wish->modulus_bits))
        return CKR_ATTRIBUTE_VALUE_INVALID;
    return CKR_OK;
}

static CK_RV must_be_65537(const struct template_row *row, struct bytes value, struct wish *wish)
{
    static const uint8_t f4[] = { 1, 0, 1 };

    (void)row;
    (void)wish;
    while (value.len && *value.data == 0)
        value = BYTES(value.data + 1, value.len - 1);
    return bytes_equal(value, BYTES_OF_ARRAY(f4)) ? CKR_OK : CKR_ATTRIBUTE_VALUE_INVALID;
}

static CK_RV take_curve(const struct template_row *row, struct bytes value, struct wish *wish)
{
    (void)row;
    wish->ec_params = value;
    return CKR_OK;
}

static CK_RV take_value(const struct template_row *row, struct bytes value, struct wish *wish)
{
    (void)row;
    if (!value.len || value.len > CERTIFICATE_MAX)
        return CKR_ATTRIBUTE_VALUE_INVALID;
    wish->certificate = value;
    return CKR_OK;
}

/* ---------------------------------------------------------------------------------------------- templates */

static const struct template_row *find_row(CK_ATTRIBUTE_TYPE type, enum purpose purpose)
{
    const struct template_row *row;

    for (EACH_ROW(row, template_rows)) {
        if (row->type == type && row->purposes & purpose)
            return row;
    }
    return NULL;
}

static CK_RV read_template(struct template template, enum purpose purpose, struct wish *wish)
{
    bool is_for_token = false;

    for (size_t i = 0; i < template.count; i++) {
        const CK_ATTRIBUTE *attribute = &template.attributes[i];
        const struct template_row *row = find_row(attribute->type, purpose);
        CK_RV rv;

        if (!row)
            return CKR_ATTRIBUTE_TYPE_INVALID;
        if (!attribute->pValue && attribute->ulValueLen)
            return CKR_ATTRIBUTE_VALUE_INVALID;
        rv = row->rule(row, BYTES(attribute->pValue, attribute->ulValueLen), wish);
        if (rv != CKR_OK)
            return rv;
        is_for_token |= attribute->type == CKA_TOKEN;
    }
    /* CKA_TOKEN is false unless given, and our tokens have no session objects: no private half may be one. */
    return is_for_token || purpose == FOR_PUBLIC_KEY ? CKR_OK : CKR_TEMPLATE_INCONSISTENT;
}

static CK_RV find_curve(const struct wish *wish, unsigned *ret_bits)
{
    const struct curve *row;

    if (!wish->ec_params.len)
        return CKR_TEMPLATE_INCOMPLETE;
    for (EACH_ROW(row, curves)) {
        if (row->key_type == wish->key_type &&
            bytes_equal(wish->ec_params, public_key_ec_params(row->key_type, row->bits))) {
            *ret_bits = row->bits;
            return CKR_OK;
        }
    }
    if (wish->key_type == CKK_EC_EDWARDS &&
        bytes_equal(wish->ec_params, BYTES(edwards25519_name, sizeof(edwards25519_name) - 1))) {
        *ret_bits = 255;
        return CKR_OK;
    }
    return CKR_CURVE_NOT_SUPPORTED;
}

static CK_RV find_bits(const struct wish *wish, const struct mechanism *mechanism, unsigned *ret_bits)
{
    if (wish->key_type != CKK_RSA)
        return find_curve(wish, ret_bits);
    if (!wish->modulus_bits)
        return CKR_TEMPLATE_INCOMPLETE;
    if (wish->modulus_bits < mechanism->min_bits || wish->modulus_bits > mechanism->max_bits)
        return CKR_KEY_SIZE_RANGE;
    *ret_bits = (unsigned)wish->modulus_bits;
    return CKR_OK;
}

/*
 * One key, one use. Signing comes first where several are asked for, as pkcs11-tool does unless told otherwise: the
 * key that is made says itself what it lacks.
 */
static CK_RV find_usage(const struct wish *wish, Privyseal__V1__KeyUsage *ret)
{
    bool decrypts = wish->sign != SAID_TRUE && wish->decrypt == SAID_TRUE;
    bool derives = wish->sign != SAID_TRUE && wish->derive == SAID_TRUE;
    bool signs = !decrypts && !derives;

    if ((decrypts && derives) || (decrypts && wish->key_type != CKK_RSA) ||
        (derives && wish->key_type != CKK_EC) || (signs && wish->sign == SAID_FALSE) ||
        (signs && wish->verify == SAID_FALSE) || (!signs && wish->always_authenticate == SAID_TRUE))
        return CKR_TEMPLATE_INCONSISTENT;
    *ret = decrypts  ? PRIVYSEAL__V1__KEY_USAGE__KEY_USAGE_DECRYPT
           : derives ? PRIVYSEAL__V1__KEY_USAGE__KEY_USAGE_DERIVE
                     : PRIVYSEAL__V1__KEY_USAGE__KEY_USAGE_SIGN;
    return CKR_OK;
}

/* Everything that the two templates say of a new key. */
static CK_RV read_wish(const struct mechanism *mechanism, struct template public_key,
                       struct template private_key, struct wish *wish, struct remote_new_key *ret)
{
    CK_RV rv;

    wish->key_type = mechanism->key_type;
    rv = read_template(public_key, FOR_PUBLIC_KEY, wish);
    if (rv == CKR_OK)
        rv = read_template(private_key, FOR_PRIVATE_KEY, wish);
    if (rv == CKR_OK)
        rv = find_bits(wish, mechanism, &ret->bits);
    if (rv == CKR_OK)
        rv = find_usage(wish, &ret->usage);
    ret->type = mechanism->key_type;
    ret->always_authenticate = wish->always_authenticate == SAID_TRUE;
    ret->label = wish->label;
    ret->id = wish->id;
    return rv;
}

/* ------------------------------------------------------------------------------------------------- making */

static CK_RV check_session(struct session *session)
{
    if (!session->is_rw)
        return CKR_SESSION_READ_ONLY;
    return slot_is_logged_in(session->slot) ? CKR_OK : CKR_USER_NOT_LOGGED_IN;
}

static CK_RV find_mechanism(struct session *session, const CK_MECHANISM *mechanism,
                            const struct mechanism **ret)
{
    CLEANUP(object_set_unref) struct object_set *set = NULL;
    struct remote_error error = { 0 };
    CK_RV rv = slot_objects(session->slot, ANY_AGE_MS, &set, &error);

    if (rv != CKR_OK)
        return slot_session_rv(session->slot, rv);
    rv = mechanism_offered(object_set_snapshot(set)->content, mechanism->mechanism, USE_GENERATE, ret);
    if (rv == CKR_OK && mechanism->ulParameterLen)
        rv = CKR_MECHANISM_PARAM_INVALID;
    return rv;
}

static CK_RV find_pair(struct slot *slot, const uint8_t name[KEY_NAME_LEN], CK_OBJECT_HANDLE *ret_public,
                       CK_OBJECT_HANDLE *ret_private, struct remote_error *error)
{
    CLEANUP(object_set_unref) struct object_set *set = NULL;
    const struct object *public_key, *private_key;
    CK_RV rv = slot_objects(slot, ANY_AGE_MS, &set, error);

    if (rv != CKR_OK)
        return slot_session_rv(slot, rv);
    public_key = object_set_find_key(set, CKO_PUBLIC_KEY, name);
    private_key = object_set_find_key(set, CKO_PRIVATE_KEY, name);
    if (!public_key || !private_key)
        return CKR_DEVICE_ERROR;
    *ret_public = public_key->handle;
    *ret_private = private_key->handle;
    return CKR_OK;
}

CK_RV create_key_pair(struct session *session, const CK_MECHANISM *mechanism, struct template public_key,
                      struct template private_key, CK_OBJECT_HANDLE *ret_public,
                      CK_OBJECT_HANDLE *ret_private, struct remote_error *error)
{
    struct wish wish = { .label = "" };
    struct remote_new_key key = { 0 };
    const struct mechanism *row;
    struct remote_token *token;
    uint8_t name[KEY_NAME_LEN];
    CK_RV rv = find_mechanism(session, mechanism, &row);

    if (rv == CKR_OK)
        rv = read_wish(row, public_key, private_key, &wish, &key);
    if (rv == CKR_OK)
        rv = check_session(session);
    /* A filter by id or label would not show the new key: there would be no handle to return. */
    if (rv == CKR_OK && session->slot->filter)
        rv = CKR_TOKEN_WRITE_PROTECTED;
    if (rv == CKR_OK)
        rv = slot_token(session->slot, &token, error);
    if (rv != CKR_OK)
        return rv;
    rv = remote_token_generate(token, &key, name, error);
    if (rv != CKR_OK)
        return slot_session_rv(session->slot, rv);
    return find_pair(session->slot, name, ret_public, ret_private, error);
}

static CK_RV find_certificate(struct slot *slot, struct bytes der, CK_OBJECT_HANDLE *ret,
                              struct remote_error *error)
{
    CLEANUP(object_set_unref) struct object_set *set = NULL;
    const struct object *object;
    CK_RV rv = slot_objects(slot, ANY_AGE_MS, &set, error);

    if (rv != CKR_OK)
        return slot_session_rv(slot, rv);
    object = object_set_find_certificate(set, der);
    if (!object)
        return CKR_DEVICE_ERROR;
    *ret = object->handle;
    return CKR_OK;
}

static CK_RV create_certificate(struct session *session, struct template certificate, CK_OBJECT_HANDLE *ret,
                                struct remote_error *error)
{
    struct wish wish = { .label = "" };
    struct remote_token *token;
    CK_RV rv = read_template(certificate, FOR_CERTIFICATE, &wish);

    if (rv == CKR_OK && !wish.certificate.len)
        rv = CKR_TEMPLATE_INCOMPLETE;
    if (rv == CKR_OK)
        rv = check_session(session);
    if (rv == CKR_OK)
        rv = slot_token(session->slot, &token, error);
    if (rv != CKR_OK)
        return rv;
    rv = remote_token_put_certificate(token, wish.certificate, wish.label, error);
    if (rv != CKR_OK)
        return slot_session_rv(session->slot, rv);
    return find_certificate(session->slot, wish.certificate, ret, error);
}

CK_RV create_object(struct session *session, struct template template, CK_OBJECT_HANDLE *ret,
                    struct remote_error *error)
{
    for (size_t i = 0; i < template.count; i++) {
        const CK_ATTRIBUTE *attribute = &template.attributes[i];
        CK_ULONG class;

        if (attribute->type != CKA_CLASS)
            continue;
        if (!read_ulong(BYTES(attribute->pValue, attribute->ulValueLen), &class) || class != CKO_CERTIFICATE)
            return CKR_ATTRIBUTE_VALUE_INVALID;
        return create_certificate(session, template, ret, error);
    }
    return CKR_TEMPLATE_INCOMPLETE;
}
