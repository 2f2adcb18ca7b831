/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cases_object.c - searches and attributes.
 *
 * Source: PKCS#11 v3.1 4.4 (Storage objects), 4.6 (Certificate objects), 5.7.5 (C_GetAttributeValue),
 *         5.7.7 (C_FindObjectsInit), 5.7.8 (C_FindObjects), 5.7.9 (C_FindObjectsFinal).
 */
#include <string.h>

#include <openssl/x509.h>

#include "conformance/checks/cases.h"
#include "conformance/checks/key.h"

#define CKA_OF_NOBODY (CKA_VENDOR_DEFINED | 0x7654321UL)
#define CKO_OF_NOBODY (CKO_VENDOR_DEFINED | 0x7654321UL)

/* ---- searches ---- */

static void private_before_login(struct check *check)
{
    if (!(check->token.flags & CKF_LOGIN_REQUIRED))
        check_skip(check, "the token requires no login");
    expect_true(check, object_find_class(check, CKO_PRIVATE_KEY) == CK_INVALID_HANDLE,
                "a private key is seen before login");
}

static void private_after_login(struct check *check)
{
    expect_true(check, object_find_class(check, CKO_PRIVATE_KEY) != CK_INVALID_HANDLE,
                "no private key is seen after login");
}

static void private_after_logout(struct check *check)
{
    if (!(check->token.flags & CKF_LOGIN_REQUIRED))
        check_skip(check, "the token requires no login");
    REQUIRE(check, C_Logout(check->session));
    expect_true(check, object_find_class(check, CKO_PRIVATE_KEY) == CK_INVALID_HANDLE,
                "a private key is seen after logout");
}

static void search_one_by_one(struct check *check)
{
    CK_OBJECT_HANDLE all[OBJECTS_MAX], one[OBJECTS_MAX];
    CK_ULONG count = objects_find(check, NULL, 0, all, OBJECTS_MAX), got = 0;

    expect_true(check, count >= 1, "an empty template finds nothing");
    REQUIRE(check, C_FindObjectsInit(check->session, NULL, 0));
    for (CK_ULONG i = 0; i < count; i++) {
        REQUIRE(check, C_FindObjects(check->session, one + i, 1, &got));
        if (!expect_true(check, got == 1, "room for one, got %lu handles after %lu of %lu", got, i, count))
            return;
    }
    EXPECT(check, C_FindObjects(check->session, one, 1, &got), CKR_OK);
    expect_true(check, got == 0, "more objects one by one than at once");
    REQUIRE(check, C_FindObjectsFinal(check->session));
    expect_true(check, !memcmp(one + 1, all + 1, (count - 1) * sizeof(*all)),
                "one by one they are other objects");
}

static void search_out_of_order(struct check *check)
{
    CK_OBJECT_HANDLE object;
    CK_ULONG got;

    EXPECT(check, C_FindObjects(check->session, &object, 1, &got), CKR_OPERATION_NOT_INITIALIZED);
    EXPECT(check, C_FindObjectsFinal(check->session), CKR_OPERATION_NOT_INITIALIZED);
    REQUIRE(check, C_FindObjectsInit(check->session, NULL, 0));
    EXPECT(check, C_FindObjectsInit(check->session, NULL, 0), CKR_OPERATION_ACTIVE);
    EXPECT(check, C_FindObjectsFinal(check->session), CKR_OK);
    EXPECT(check, C_FindObjectsFinal(check->session), CKR_OPERATION_NOT_INITIALIZED);
}

static void search_for_nothing_known(struct check *check)
{
    CK_OBJECT_CLASS class = CKO_OF_NOBODY;
    CK_BYTE value[] = "nobody";
    CK_ATTRIBUTE filters[] = { { CKA_CLASS, &class, sizeof(class) },
                               { CKA_OF_NOBODY, value, sizeof(value) } };
    CK_OBJECT_HANDLE object;

    for (size_t i = 0; i < COUNT(filters); i++)
        expect_true(check, !objects_find(check, &filters[i], 1, &object, 1), "filter %zu finds an object", i);
}

static void search_by_each_name(struct check *check)
{
    struct key keys[KEYS_MAX];
    size_t count = keys_load(check, keys);

    for (size_t i = 0; i < count; i++) {
        CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
        CK_BBOOL yes = CK_TRUE;
        CK_ATTRIBUTE filter[] = { { CKA_CLASS, &class, sizeof(class) },
                                  { CKA_ID, keys[i].id, keys[i].id_len },
                                  { CKA_SIGN, &yes, sizeof(yes) },
                                  { CKA_LABEL, keys[i].label, strlen(keys[i].label) } };
        CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;
        CK_ULONG found = objects_find(check, filter, COUNT(filter), &object, 1);

        expect_true(check, found == 1 && object == keys[i].handle,
                    "class, id, label and use of key \"%s\" find %lu objects, another one or none",
                    keys[i].label, found);
    }
}

/* A value that is a beginning of the right one, or longer than it, is another value. */
static void search_by_part(struct check *check)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_BYTE longer[sizeof(check->key.id) + 1] = { 0 };
    CK_ATTRIBUTE filter[] = { { CKA_CLASS, &class, sizeof(class) },
                              { CKA_ID, longer, check->key.id_len + 1 } };
    CK_OBJECT_HANDLE object;

    memcpy(longer, check->key.id, check->key.id_len);
    expect_true(check, !objects_find(check, filter, 2, &object, 1), "an id with a byte too many finds a key");
    filter[1].ulValueLen = check->key.id_len - 1;
    if (check->key.id_len > 1)
        expect_true(check, !objects_find(check, filter, 2, &object, 1),
                    "an id with a byte too few finds a key");
}

static void search_in_two_sessions(struct check *check)
{
    CK_OBJECT_HANDLE first = object_find(check, CKO_PRIVATE_KEY, check->key.id, check->key.id_len), second;

    check->session = check_open(check);
    second = object_find(check, CKO_PRIVATE_KEY, check->key.id, check->key.id_len);
    expect_true(check, first == second, "the key has handle %lu in one session, %lu in another", first,
                second);
}

static void search_while_signing(struct check *check)
{
    CK_BYTE data[4096] = { 0 }, signature[2048];
    CK_ULONG len = sizeof(signature), data_len;
    CK_OBJECT_HANDLE object;
    CK_ATTRIBUTE attribute = { CKA_ID, data, sizeof(data) };

    data_len = mechanism_fit(check->mechanism, data, 32, check->key.signature_len);
    expect_rv(check, "C_SignInit", sign_init(check, check->session, check->mechanism, check->key.handle),
              (const CK_RV[]){ CKR_OK }, 1);
    expect_true(check, objects_find(check, NULL, 0, &object, 1) == 1,
                "a search during a signature finds nothing");
    EXPECT(check, C_GetAttributeValue(check->session, check->key.handle, &attribute, 1), CKR_OK);
    memset(data, 0, sizeof(data));
    data_len = mechanism_fit(check->mechanism, data, data_len, check->key.signature_len);
    EXPECT(check, C_Sign(check->session, data, data_len, signature, &len), CKR_OK);
}

/* Values that no attribute can have: refused or found nowhere, but nothing worse. */
static void search_for_nonsense(struct check *check)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE filters[] = { { CKA_CLASS, &class, 1 },
                               { CKA_CLASS, NULL, 0 },
                               { CKA_CLASS, NULL, sizeof(class) },
                               { CKA_TOKEN, &class, sizeof(class) },
                               { CKA_LABEL, NULL, 0 } };
    CK_OBJECT_HANDLE object;
    CK_ULONG found = 0;

    for (size_t i = 0; i < COUNT(filters); i++) {
        expect_begin(check, "C_FindObjectsInit with a value of the wrong length");
        if (check->p11->C_FindObjectsInit(check->session, &filters[i], 1) != CKR_OK)
            continue;
        EXPECT(check, C_FindObjects(check->session, &object, 1, &found), CKR_OK);
        if (filters[i].type != CKA_LABEL)
            expect_true(check, !found, "filter %zu finds an object", i);
        EXPECT(check, C_FindObjectsFinal(check->session), CKR_OK);
    }
}

/* ---- attributes ---- */

static void read_length(struct check *check)
{
    CK_BYTE value[256];
    CK_ATTRIBUTE attribute = { CKA_ID, NULL, 0 };

    EXPECT(check, C_GetAttributeValue(check->session, check->key.handle, &attribute, 1), CKR_OK);
    expect_true(check, attribute.ulValueLen == check->key.id_len, "CKA_ID has %lu bytes, said to have %lu",
                check->key.id_len, attribute.ulValueLen);
    attribute.pValue = value;
    EXPECT(check, C_GetAttributeValue(check->session, check->key.handle, &attribute, 1), CKR_OK);
    attribute.ulValueLen = sizeof(value);
    EXPECT(check, C_GetAttributeValue(check->session, check->key.handle, &attribute, 1), CKR_OK);
    expect_true(check, attribute.ulValueLen == check->key.id_len, "with much room CKA_ID has %lu bytes",
                attribute.ulValueLen);
}

/* Three cases of one rule: what cannot be given is marked, the others are filled all the same. */
static void read_beside(struct check *check, CK_ATTRIBUTE odd, CK_RV wanted)
{
    CK_OBJECT_CLASS class = ~0UL;
    CK_KEY_TYPE type = ~0UL;
    CK_ATTRIBUTE template[] = { { CKA_CLASS, &class, sizeof(class) },
                                odd,
                                { CKA_KEY_TYPE, &type, sizeof(type) } };

    EXPECT(check, C_GetAttributeValue(check->session, check->key.handle, template, COUNT(template)), wanted);
    expect_true(check, template[1].ulValueLen == CK_UNAVAILABLE_INFORMATION,
                "the length of what cannot be given is %lu, wanted CK_UNAVAILABLE_INFORMATION",
                template[1].ulValueLen);
    expect_true(check, class == CKO_PRIVATE_KEY, "the attribute before it was not filled");
    expect_true(check, type == check->key.type, "the attribute after it was not filled");
}

static void read_absent(struct check *check)
{
    CK_BYTE value[64];

    read_beside(check, (CK_ATTRIBUTE){ CKA_OF_NOBODY, value, sizeof(value) }, CKR_ATTRIBUTE_TYPE_INVALID);
    read_beside(check, (CK_ATTRIBUTE){ CKA_CERTIFICATE_TYPE, NULL, 0 }, CKR_ATTRIBUTE_TYPE_INVALID);
}

static void read_too_small(struct check *check)
{
    CK_BYTE value[1];

    if (check->key.id_len < 2)
        check_skip(check, "the key's CKA_ID is too short for a shorter buffer");
    read_beside(check, (CK_ATTRIBUTE){ CKA_ID, value, sizeof(value) }, CKR_BUFFER_TOO_SMALL);
}

static void read_sensitive(struct check *check)
{
    CK_BYTE value[4096];
    CK_BBOOL is_sensitive = CK_FALSE, is_extractable = CK_TRUE;
    CK_ULONG len = 1;
    CK_ATTRIBUTE_TYPE secret = check->key.type == CKK_RSA ? CKA_PRIVATE_EXPONENT : CKA_VALUE;

    object_read(check, check->key.handle, CKA_SENSITIVE, &is_sensitive, &len);
    len = 1;
    object_read(check, check->key.handle, CKA_EXTRACTABLE, &is_extractable, &len);
    if (!is_sensitive && is_extractable)
        check_skip(check, "the key is meant to be read: not sensitive, extractable");
    read_beside(check, (CK_ATTRIBUTE){ secret, value, sizeof(value) }, CKR_ATTRIBUTE_SENSITIVE);
    read_beside(check, (CK_ATTRIBUTE){ secret, NULL, 0 }, CKR_ATTRIBUTE_SENSITIVE);
}

static void read_no_object(struct check *check)
{
    static const CK_OBJECT_HANDLE nobody[] = { CK_INVALID_HANDLE, 0x7ffffff1UL, ~0UL };
    CK_OBJECT_CLASS class;
    CK_ATTRIBUTE attribute = { CKA_CLASS, &class, sizeof(class) };

    for (size_t i = 0; i < COUNT(nobody); i++)
        EXPECT(check, C_GetAttributeValue(check->session, nobody[i], &attribute, 1),
               CKR_OBJECT_HANDLE_INVALID);
}

/* What applications ask of a key before they use it; each is there, or absent by its proper code. */
static void read_what_clients_read(struct check *check)
{
    static const CK_ATTRIBUTE_TYPE types[] = {
        CKA_CLASS,
        CKA_KEY_TYPE,
        CKA_ID,
        CKA_LABEL,
        CKA_TOKEN,
        CKA_PRIVATE,
        CKA_SENSITIVE,
        CKA_EXTRACTABLE,
        CKA_ALWAYS_SENSITIVE,
        CKA_NEVER_EXTRACTABLE,
        CKA_LOCAL,
        CKA_SIGN,
        CKA_SIGN_RECOVER,
        CKA_DECRYPT,
        CKA_UNWRAP,
        CKA_DERIVE,
        CKA_ALWAYS_AUTHENTICATE,
        CKA_ALLOWED_MECHANISMS,
        CKA_SUBJECT,
        CKA_MODIFIABLE,
        CKA_MODULUS,
        CKA_PUBLIC_EXPONENT,
        CKA_MODULUS_BITS,
        CKA_EC_PARAMS,
        CKA_EC_POINT,
        CKA_WRAP,
        CKA_TRUSTED,
    };
    CK_BYTE value[4096];

    for (size_t i = 0; i < COUNT(types); i++) {
        CK_ATTRIBUTE attribute = { types[i], value, sizeof(value) };

        if (!EXPECT(check, C_GetAttributeValue(check->session, check->key.handle, &attribute, 1), CKR_OK,
                    CKR_ATTRIBUTE_TYPE_INVALID))
            check_note(check, "of attribute 0x%lx", types[i]);
    }
}

/* A session that may only read changes nothing, whatever the token could do. v3.1 5.6.1 (C_OpenSession). */
static void read_only_session_writes_nothing(struct check *check)
{
    static const CK_RV wanted[] = { CKR_SESSION_READ_ONLY,
                                    CKR_FUNCTION_NOT_SUPPORTED,
                                    CKR_ACTION_PROHIBITED,
                                    CKR_ATTRIBUTE_READ_ONLY,
                                    CKR_TOKEN_WRITE_PROTECTED,
                                    CKR_ATTRIBUTE_VALUE_INVALID /* a class that is never made */ };
    CK_OBJECT_CLASS class = CKO_DATA;
    CK_BBOOL yes = CK_TRUE;
    CK_ATTRIBUTE data[] = { { CKA_CLASS, &class, sizeof(class) }, { CKA_TOKEN, &yes, sizeof(yes) } };
    CK_ATTRIBUTE label = { CKA_LABEL, check->key.label, strlen(check->key.label) };
    CK_OBJECT_HANDLE object;

    expect_rv(check, "C_CreateObject on the token",
              check->p11->C_CreateObject(check->session, data, COUNT(data), &object), wanted, COUNT(wanted));
    expect_rv(check, "C_SetAttributeValue of a label",
              check->p11->C_SetAttributeValue(check->session, check->key.handle, &label, 1), wanted,
              COUNT(wanted));
    EXPECT(check, C_DestroyObject(check->session, 0x7ffffff1UL), CKR_OBJECT_HANDLE_INVALID,
           CKR_SESSION_READ_ONLY, CKR_FUNCTION_NOT_SUPPORTED);
}

static void object_size(struct check *check)
{
    CK_ULONG size = 0;

    EXPECT(check, C_GetObjectSize(check->session, check->key.handle, &size), CKR_OK,
           CKR_FUNCTION_NOT_SUPPORTED, CKR_INFORMATION_SENSITIVE);
    EXPECT(check, C_GetObjectSize(check->session, 0x7ffffff1UL, &size), CKR_OBJECT_HANDLE_INVALID,
           CKR_FUNCTION_NOT_SUPPORTED);
}

static void key_halves_agree(struct check *check)
{
    struct key keys[KEYS_MAX];
    size_t count = keys_load(check, keys);

    for (size_t i = 0; i < count; i++) {
        EVP_PKEY *object = key_from_public_object(check, &keys[i]);
        EVP_PKEY *certificate = key_from_certificate(check, &keys[i]);

        expect_true(check, object || certificate,
                    "key \"%s\" has neither public key nor certificate with its CKA_ID", keys[i].label);
        if (object && certificate)
            expect_true(check, EVP_PKEY_eq(object, certificate) == 1,
                        "public key and certificate of key \"%s\" differ", keys[i].label);
        EVP_PKEY_free(object);
        EVP_PKEY_free(certificate);
    }
}

static void expect_der(struct check *check, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, const char *name,
                       unsigned char *der, int der_len)
{
    CK_BYTE value[4096];
    CK_ULONG len = sizeof(value);

    expect_true(check,
                object_read(check, object, type, value, &len) && len == (CK_ULONG)der_len &&
                    !memcmp(value, der, len),
                "%s is not the DER in the certificate", name);
    OPENSSL_free(der);
}

/* NSS and Java find certificates by these three. */
static void certificate_names_agree(struct check *check)
{
    CK_OBJECT_HANDLE object = object_find_class(check, CKO_CERTIFICATE);
    CK_BYTE value[16384];
    CK_ULONG len = sizeof(value);
    const unsigned char *at = value;
    unsigned char *der = NULL;
    X509 *certificate;
    int der_len;

    if (object == CK_INVALID_HANDLE)
        check_skip(check, "the token shows no certificate before login");
    if (!expect_true(check, object_read(check, object, CKA_VALUE, value, &len),
                     "a certificate has no CKA_VALUE"))
        return;
    certificate = d2i_X509(NULL, &at, (long)len);
    if (!expect_true(check, certificate != NULL, "CKA_VALUE is no certificate"))
        return;
    der_len = i2d_X509_NAME(X509_get_subject_name(certificate), &der);
    expect_der(check, object, CKA_SUBJECT, "CKA_SUBJECT", der, der_len);
    der = NULL;
    der_len = i2d_X509_NAME(X509_get_issuer_name(certificate), &der);
    expect_der(check, object, CKA_ISSUER, "CKA_ISSUER", der, der_len);
    der = NULL;
    der_len = i2d_ASN1_INTEGER(X509_get_serialNumber(certificate), &der);
    expect_der(check, object, CKA_SERIAL_NUMBER, "CKA_SERIAL_NUMBER", der, der_len);
    X509_free(certificate);
}

const struct check_case cases_object[] = {
    { "private keys are not seen before login", SESSION, private_before_login },
    { "private keys are seen after login", LOGIN, private_after_login },
    { "private keys are not seen after logout", LOGIN, private_after_logout },
    { "a search with room for one gives one after the other, then none", LOGIN, search_one_by_one },
    { "a search out of order is refused", SESSION, search_out_of_order },
    { "an unknown class or attribute finds nothing, without an error", LOGIN, search_for_nothing_known },
    { "each key is found by its class, id, label and use", LOGIN, search_by_each_name },
    { "an id too long or too short finds nothing", KEY, search_by_part },
    { "a search for values of the wrong length finds nothing or is refused", LOGIN, search_for_nonsense },
    { "a key has one handle in all sessions", KEY, search_in_two_sessions },
    { "a search and a signature in one session do not disturb each other", KEY, search_while_signing },
    { "an attribute's length is told, then the attribute", KEY, read_length },
    { "an absent attribute is marked, those beside it are given", KEY, read_absent },
    { "an attribute with too little room is marked, those beside it are given", KEY, read_too_small },
    { "a secret attribute is marked, those beside it are given", KEY, read_sensitive },
    { "attributes of an object that does not exist are refused", SESSION, read_no_object },
    { "every attribute that applications ask for is given or properly absent", KEY, read_what_clients_read },
    { "a read-only session changes nothing", KEY, read_only_session_writes_nothing },
    { "an object's size is told or unknown", KEY, object_size },
    { "public key and certificate of a key have its id and agree", LOGIN, key_halves_agree },
    { "a certificate's subject, issuer and serial number are those inside it", SESSION,
      certificate_names_agree },
    { 0 },
};
