/* SPDX-License-Identifier: Apache-2.0 */
/* test_object.c - what an application finds on a token, reads of it, and brings to it. */
#include "include/table.h"
#include "proto/public_key.h"
#include "tests/support/suite.h"
#include "tests/support/test_ca.h"
#include "tests/unit/module/fake_remote.h"
#include "tests/unit/module/host.h"

static CK_SESSION_HANDLE session;

static void begin_with(const char *configuration)
{
    host_configure(configuration);
    ck_assert_uint_eq(C_Initialize(NULL), CKR_OK);
    session = host_open();
}

static void setup(void)
{
    fake_reset();
    begin_with(HOST_ONE_TOKEN);
}

static void teardown(void)
{
    (void)C_Finalize(NULL);
    host_leave();
    fake_clear();
}

static CK_ULONG count_found(CK_ATTRIBUTE *wanted, CK_ULONG wanted_count)
{
    CK_OBJECT_HANDLE found[64];
    CK_ULONG count = 0;

    ck_assert_uint_eq(C_FindObjectsInit(session, wanted, wanted_count), CKR_OK);
    ck_assert_uint_eq(C_FindObjects(session, found, ARRAY_SIZE(found), &count), CKR_OK);
    ck_assert_uint_eq(C_FindObjectsFinal(session), CKR_OK);
    return count;
}

static CK_ULONG count_class(CK_OBJECT_CLASS class)
{
    CK_ATTRIBUTE wanted = { CKA_CLASS, &class, sizeof(class) };

    return count_found(&wanted, 1);
}

static struct bytes read_attribute(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type)
{
    static CK_BYTE value[4096];
    CK_ATTRIBUTE wanted = { type, value, sizeof(value) };

    ck_assert_uint_eq(C_GetAttributeValue(session, object, &wanted, 1), CKR_OK);
    return BYTES(value, wanted.ulValueLen);
}

START_TEST(private_keys_are_seen_after_login_and_the_rest_before)
{
    ck_assert_uint_eq(count_class(CKO_PRIVATE_KEY), 0);
    ck_assert_uint_eq(count_class(CKO_PUBLIC_KEY), 3);
    ck_assert_uint_eq(count_class(CKO_CERTIFICATE), 2);
    ck_assert_uint_eq(count_class(CKO_PROFILE), 3);
    ck_assert_uint_eq(host_login(session, FAKE_PIN), CKR_OK);
    ck_assert_uint_eq(count_class(CKO_PRIVATE_KEY), 3);
    ck_assert_uint_eq(count_found(NULL, 0), 11);
    ck_assert_uint_eq(fake.snapshots, 1);
}
END_TEST

START_TEST(unknown_classes_and_attributes_find_nothing)
{
    CK_ATTRIBUTE wanted = { CKA_VENDOR_DEFINED | 0x4e534301, "x", 1 };
    CK_BBOOL no = CK_FALSE;
    CK_ATTRIBUTE session_objects = { CKA_TOKEN, &no, sizeof(no) };

    ck_assert_uint_eq(count_class(CKO_VENDOR_DEFINED | 0x4e534301), 0);
    ck_assert_uint_eq(count_class(CKO_SECRET_KEY), 0);
    ck_assert_uint_eq(count_found(&wanted, 1), 0);
    ck_assert_uint_eq(count_found(&session_objects, 1), 0);
}
END_TEST

START_TEST(search_is_given_out_one_by_one)
{
    CK_OBJECT_HANDLE handle, last = CK_INVALID_HANDLE;
    CK_ULONG count, total = 0;

    ck_assert_uint_eq(C_FindObjectsInit(session, NULL, 0), CKR_OK);
    ck_assert_uint_eq(C_FindObjectsInit(session, NULL, 0), CKR_OPERATION_ACTIVE);
    while (C_FindObjects(session, &handle, 1, &count) == CKR_OK && count) {
        ck_assert_uint_eq(count, 1);
        ck_assert_uint_ne(handle, last);
        last = handle;
        total++;
    }
    ck_assert_uint_eq(total, 8);
    ck_assert_uint_eq(C_FindObjectsFinal(session), CKR_OK);
    ck_assert_uint_eq(C_FindObjectsFinal(session), CKR_OPERATION_NOT_INITIALIZED);
    ck_assert_uint_eq(C_FindObjects(session, &handle, 1, &count), CKR_OPERATION_NOT_INITIALIZED);
}
END_TEST

START_TEST(key_and_certificate_pair_by_id_and_subject)
{
    CK_OBJECT_HANDLE key, certificate;
    CK_BYTE id[64];
    struct bytes value;
    CK_ULONG id_len;

    ck_assert_uint_eq(host_login(session, FAKE_PIN), CKR_OK);
    key = host_find(session, CKO_PRIVATE_KEY, "ec");
    certificate = host_find(session, CKO_CERTIFICATE, "ec");
    value = read_attribute(key, CKA_ID);
    id_len = value.len;
    ck_assert_uint_eq(id_len, KEY_ID_LEN);
    memcpy(id, value.data, id_len);
    ck_assert(bytes_equal(read_attribute(certificate, CKA_ID), BYTES(id, id_len)));
    ck_assert(read_attribute(certificate, CKA_SUBJECT).len > 0);
    ck_assert_uint_eq(read_attribute(key, CKA_SUBJECT).len, read_attribute(certificate, CKA_SUBJECT).len);
    ck_assert_uint_eq(*read_attribute(certificate, CKA_SERIAL_NUMBER).data, 0x02); /* DER INTEGER */
}
END_TEST

START_TEST(ec_point_is_an_octet_string_on_both_halves)
{
    static const uint8_t begin[] = { 0x04, 0x41, 0x04 };
    const CK_OBJECT_CLASS classes[] = { CKO_PRIVATE_KEY, CKO_PUBLIC_KEY };

    ck_assert_uint_eq(host_login(session, FAKE_PIN), CKR_OK);
    for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
        struct bytes point = read_attribute(host_find(session, classes[i], "ec"), CKA_EC_POINT);

        ck_assert_uint_eq(point.len, 67);
        ck_assert_mem_eq(point.data, begin, sizeof(begin));
    }
}
END_TEST

START_TEST(dates_and_mechanisms_of_a_key_are_told)
{
    CK_OBJECT_HANDLE key = host_find(session, CKO_PUBLIC_KEY, "ed25519");

    ck_assert(bytes_equal(read_attribute(key, CKA_START_DATE), BYTES("20231114", 8)));
    ck_assert_uint_eq(read_attribute(key, CKA_END_DATE).len, 0);
    ck_assert(bytes_equal(read_attribute(key, CKA_ALLOWED_MECHANISMS),
                          BYTES(&(CK_MECHANISM_TYPE){ CKM_EDDSA }, sizeof(CK_MECHANISM_TYPE))));
}
END_TEST

START_TEST(handles_stay_over_logins_sessions_and_new_snapshots)
{
    CK_OBJECT_HANDLE key;
    CK_BYTE id[64];
    CK_ATTRIBUTE wanted = { CKA_ID, id, sizeof(id) };
    CK_TOKEN_INFO info;

    ck_assert_uint_eq(host_login(session, FAKE_PIN), CKR_OK);
    key = host_find(session, CKO_PRIVATE_KEY, "rsa");
    ck_assert_uint_eq(C_CloseSession(session), CKR_OK);
    session = host_open();
    ck_assert_uint_eq(C_GetAttributeValue(session, key, &wanted, 1), CKR_OBJECT_HANDLE_INVALID);
    fake.key_count = 1; /* another device took the others away; and a wrong PIN asks the server anew */
    ck_assert_uint_eq(host_login(session, "wrong one"), CKR_PIN_INCORRECT);
    ck_assert_uint_eq(host_login(session, FAKE_PIN), CKR_OK);
    ck_assert_uint_eq(C_GetTokenInfo(0, &info), CKR_OK);
    ck_assert_uint_eq(host_find(session, CKO_PRIVATE_KEY, "rsa"), key);
    ck_assert_uint_eq(host_find(session, CKO_PRIVATE_KEY, "ec"), CK_INVALID_HANDLE);
    ck_assert_uint_eq(C_GetAttributeValue(session, key, &wanted, 1), CKR_OK);
}
END_TEST

START_TEST(filter_shows_keys_by_label_or_id_with_their_certificates)
{
    CLEANUP(public_key_free) struct public_key *ec = fake_public_key(FAKE_EC);
    char configuration[1024], hex[2 * KEY_ID_LEN + 1];

    hex_encode(BYTES(ec->name, KEY_ID_LEN), hex);
    snprintf(configuration, sizeof(configuration), "%skeys = %s ed25519\n", HOST_ONE_TOKEN, hex);
    ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
    host_leave();
    begin_with(configuration);
    ck_assert_uint_eq(count_class(CKO_PUBLIC_KEY), 2);
    ck_assert_uint_eq(count_class(CKO_CERTIFICATE), 1);
    ck_assert_uint_eq(host_find(session, CKO_PUBLIC_KEY, "rsa"), CK_INVALID_HANDLE);
    ck_assert_uint_ne(host_find(session, CKO_CERTIFICATE, "ec"), CK_INVALID_HANDLE);
}
END_TEST

START_TEST(object_has_a_size)
{
    CK_OBJECT_HANDLE certificate = host_find(session, CKO_CERTIFICATE, "rsa");
    CK_ULONG size = 0;

    ck_assert_uint_eq(C_GetObjectSize(session, certificate, &size), CKR_OK);
    ck_assert_uint_gt(size, read_attribute(certificate, CKA_VALUE).len);
    ck_assert_uint_eq(C_GetObjectSize(session, CK_INVALID_HANDLE, &size), CKR_OBJECT_HANDLE_INVALID);
}
END_TEST

START_TEST(search_and_signature_are_apart)
{
    CK_MECHANISM mechanism = { CKM_RSA_PKCS, NULL, 0 };
    CK_BYTE signature[256];
    CK_ULONG len = sizeof(signature);
    CK_OBJECT_HANDLE key;

    ck_assert_uint_eq(host_login(session, FAKE_PIN), CKR_OK);
    key = host_find(session, CKO_PRIVATE_KEY, "rsa");
    ck_assert_uint_eq(C_SignInit(session, &mechanism, key), CKR_OK);
    ck_assert_uint_eq(host_find(session, CKO_PRIVATE_KEY, "rsa"), key);
    ck_assert(!*read_attribute(key, CKA_ALWAYS_AUTHENTICATE).data);
    ck_assert_uint_eq(C_Sign(session, (CK_BYTE *)"abc", 3, signature, &len), CKR_OK);
}
END_TEST

/* ------------------------------------------------------------------------------------------------- making */

static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
static CK_MECHANISM make_ed25519 = { CKM_EC_EDWARDS_KEY_PAIR_GEN, NULL, 0 };
static CK_BYTE ed25519_oid[] = { 0x06, 0x03, 0x2b, 0x65, 0x70 };

/* What is asked of a new Ed25519 key, but for one attribute of its private half. */
static CK_RV make_key(CK_ATTRIBUTE changed)
{
    CK_ATTRIBUTE public_half[] = { { CKA_TOKEN, &yes, 1 },
                                   { CKA_EC_PARAMS, ed25519_oid, sizeof(ed25519_oid) },
                                   { CKA_LABEL, "fresh", 5 } };
    CK_ATTRIBUTE private_half[] = {
        { CKA_TOKEN, &yes, 1 }, { CKA_DECRYPT, &yes, 1 }, { CKA_SIGN, &yes, 1 }, changed
    };
    CK_OBJECT_HANDLE public_key = 0, private_key = 0;
    CK_RV rv =
        C_GenerateKeyPair(session, &make_ed25519, public_half, 3, private_half, 4, &public_key, &private_key);

    if (rv == CKR_OK) {
        ck_assert_uint_eq(host_find(session, CKO_PRIVATE_KEY, "fresh"), private_key);
        ck_assert_uint_eq(host_find(session, CKO_PUBLIC_KEY, "fresh"), public_key);
    }
    return rv;
}

START_TEST(key_pair_is_made_and_found)
{
    fake.key_count = FAKE_ED25519;
    ck_assert_uint_eq(make_key((CK_ATTRIBUTE){ CKA_SENSITIVE, &yes, 1 }), CKR_USER_NOT_LOGGED_IN);
    ck_assert_uint_eq(host_login(session, FAKE_PIN), CKR_OK);
    ck_assert_uint_eq(make_key((CK_ATTRIBUTE){ CKA_SENSITIVE, &yes, 1 }), CKR_OK);
}
END_TEST

START_TEST(what_a_key_cannot_be_is_refused)
{
    static const uint8_t long_id[KEY_ID_MAX + 1];
    static const struct {
        CK_ATTRIBUTE attribute;
        CK_RV rv;
    } rows[] = {
        { { CKA_EXTRACTABLE, &yes, 1 }, CKR_TEMPLATE_INCONSISTENT },
        { { CKA_SENSITIVE, &no, 1 }, CKR_TEMPLATE_INCONSISTENT },
        { { CKA_TOKEN, &no, 1 }, CKR_TEMPLATE_INCONSISTENT },
        { { CKA_ID, (void *)long_id, sizeof(long_id) }, CKR_ATTRIBUTE_VALUE_INVALID },
        { { CKA_SIGN, &no, 1 }, CKR_TEMPLATE_INCONSISTENT },
        { { CKA_LABEL, "\n", 1 }, CKR_ATTRIBUTE_VALUE_INVALID },
        { { CKA_SIGN, "\1\1", 2 }, CKR_ATTRIBUTE_VALUE_INVALID },
        { { CKA_VALUE, "x", 1 }, CKR_ATTRIBUTE_TYPE_INVALID },
    };

    fake.key_count = FAKE_ED25519;
    ck_assert_uint_eq(host_login(session, FAKE_PIN), CKR_OK);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        ck_assert_uint_eq(make_key(rows[i].attribute), rows[i].rv);
    ck_assert_uint_eq(fake.key_count, FAKE_ED25519);
}
END_TEST

START_TEST(rsa_key_needs_a_size_that_is_offered)
{
    CK_MECHANISM mechanism = { CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0 };
    CK_ULONG bits = 1024;
    CK_ATTRIBUTE public_half[] = { { CKA_MODULUS_BITS, &bits, sizeof(bits) } };
    CK_ATTRIBUTE private_half[] = { { CKA_TOKEN, &yes, 1 } };
    CK_OBJECT_HANDLE ignored;

    ck_assert_uint_eq(host_login(session, FAKE_PIN), CKR_OK);
    ck_assert_uint_eq(C_GenerateKeyPair(session, &mechanism, NULL, 0, private_half, 1, &ignored, &ignored),
                      CKR_TEMPLATE_INCOMPLETE);
    ck_assert_uint_eq(
        C_GenerateKeyPair(session, &mechanism, public_half, 1, private_half, 1, &ignored, &ignored),
        CKR_KEY_SIZE_RANGE);
}
END_TEST

START_TEST(certificate_is_brought_in_and_found)
{
    CK_OBJECT_CLASS class = CKO_CERTIFICATE;
    X509 *certificate =
        test_certificate(&(struct test_certificate){ .name = "new", .key = fake.key[FAKE_EC] });
    uint8_t *der = NULL;
    int len = i2d_X509(certificate, &der);
    CK_ATTRIBUTE template[] = { { CKA_CLASS, &class, sizeof(class) },
                                { CKA_TOKEN, &yes, 1 },
                                { CKA_ID, "proposed", 8 },
                                { CKA_LABEL, "new", 3 },
                                { CKA_VALUE, der, (CK_ULONG)len } };
    CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;

    ck_assert_uint_eq(C_CreateObject(session, template, 5, &handle), CKR_USER_NOT_LOGGED_IN);
    ck_assert_uint_eq(host_login(session, FAKE_PIN), CKR_OK);
    ck_assert_uint_eq(C_CreateObject(session, template, 4, &handle), CKR_TEMPLATE_INCOMPLETE);
    ck_assert_uint_eq(C_CreateObject(session, template, 5, &handle), CKR_OK);
    ck_assert(bytes_equal(read_attribute(handle, CKA_VALUE), BYTES(der, len)));
    ck_assert_uint_eq(read_attribute(handle, CKA_ID).len, KEY_ID_LEN);
    OPENSSL_free(der);
    X509_free(certificate);
}
END_TEST

START_TEST(keys_are_not_brought_in)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE template[] = { { CKA_CLASS, &class, sizeof(class) } };
    CK_OBJECT_HANDLE handle;

    ck_assert_uint_eq(C_CreateObject(session, template, 1, &handle), CKR_ATTRIBUTE_VALUE_INVALID);
    ck_assert_uint_eq(C_CreateObject(session, NULL, 0, &handle), CKR_TEMPLATE_INCOMPLETE);
}
END_TEST

SUITE_WITH_FIXTURE("entry/object", setup, teardown, private_keys_are_seen_after_login_and_the_rest_before,
                   unknown_classes_and_attributes_find_nothing, search_is_given_out_one_by_one,
                   key_and_certificate_pair_by_id_and_subject, ec_point_is_an_octet_string_on_both_halves,
                   dates_and_mechanisms_of_a_key_are_told,
                   handles_stay_over_logins_sessions_and_new_snapshots,
                   filter_shows_keys_by_label_or_id_with_their_certificates, object_has_a_size,
                   search_and_signature_are_apart, key_pair_is_made_and_found,
                   what_a_key_cannot_be_is_refused, rsa_key_needs_a_size_that_is_offered,
                   certificate_is_brought_in_and_found, keys_are_not_brought_in);
