/* SPDX-License-Identifier: Apache-2.0 */
/* test_change.c - objects that are made with a use, renamed, destroyed; and the secrets that derivation makes. */
#include <string.h>

#include "include/table.h"
#include "proto/public_key.h"
#include "tests/support/suite.h"
#include "tests/unit/module/fake_remote.h"
#include "tests/unit/module/host.h"

static CK_SESSION_HANDLE session;
static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;

static void setup(void)
{
    fake_reset();
    fake.usage[FAKE_EC] = PRIVYSEAL__V1__KEY_USAGE__KEY_USAGE_DERIVE;
    host_configure(HOST_ONE_TOKEN);
    ck_assert_uint_eq(C_Initialize(NULL), CKR_OK);
    session = host_open();
    ck_assert_uint_eq(host_login(session, FAKE_PIN), CKR_OK);
}

static void teardown(void)
{
    (void)C_Finalize(NULL);
    host_leave();
    fake_clear();
}

static CK_RV read_value(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, void *value, CK_ULONG *len)
{
    CK_ATTRIBUTE wanted = { type, value, *len };
    CK_RV rv = C_GetAttributeValue(session, object, &wanted, 1);

    *len = wanted.ulValueLen;
    return rv;
}

static CK_RV set_value(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, const void *value, CK_ULONG len)
{
    CK_ATTRIBUTE attribute = { type, (void *)value, len };

    return C_SetAttributeValue(session, object, &attribute, 1);
}

/* ----------------------------------------------------------------------------------------------- renaming */

START_TEST(new_label_and_id_show_on_both_halves_and_the_certificate)
{
    static const CK_OBJECT_CLASS classes[] = { CKO_PRIVATE_KEY, CKO_PUBLIC_KEY, CKO_CERTIFICATE };
    CK_OBJECT_HANDLE before = host_find(session, CKO_PRIVATE_KEY, "rsa");

    ck_assert_uint_eq(set_value(before, CKA_LABEL, "work", 4), CKR_OK);
    ck_assert_uint_eq(set_value(before, CKA_ID, "\x45\x01", 2), CKR_OK);
    ck_assert_uint_eq(host_find(session, CKO_PRIVATE_KEY, "work"), before);
    for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
        CK_OBJECT_HANDLE object = host_find(session, classes[i], "work");
        CK_BYTE id[8];
        CK_ULONG len = sizeof(id);

        ck_assert_uint_eq(read_value(object, CKA_ID, id, &len), CKR_OK);
        ck_assert(bytes_equal(BYTES(id, len), BYTES("\x45\x01", 2)));
    }
    ck_assert_uint_eq(fake.updates, 2);
}
END_TEST

START_TEST(everything_but_label_and_id_is_read_only)
{
    CK_OBJECT_HANDLE key = host_find(session, CKO_PRIVATE_KEY, "rsa");
    CK_OBJECT_HANDLE certificate = host_find(session, CKO_CERTIFICATE, "rsa");
    CK_BYTE subject[256];
    CK_ULONG len = sizeof(subject);

    ck_assert_uint_eq(set_value(key, CKA_SENSITIVE, &no, 1), CKR_ATTRIBUTE_READ_ONLY);
    ck_assert_uint_eq(set_value(key, CKA_EXTRACTABLE, &yes, 1), CKR_ATTRIBUTE_READ_ONLY);
    ck_assert_uint_eq(set_value(key, CKA_DECRYPT, &yes, 1), CKR_ATTRIBUTE_READ_ONLY);
    ck_assert_uint_eq(set_value(key, CKA_MODULUS, "x", 1), CKR_ATTRIBUTE_READ_ONLY);
    ck_assert_uint_eq(set_value(key, CKA_VALUE_LEN, &len, sizeof(len)), CKR_ATTRIBUTE_TYPE_INVALID);
    ck_assert_uint_eq(set_value(key, CKA_LABEL, "", 0), CKR_ATTRIBUTE_VALUE_INVALID);
    ck_assert_uint_eq(set_value(key, CKA_LABEL, "a\n", 2), CKR_ATTRIBUTE_VALUE_INVALID);
    ck_assert_uint_eq(set_value(key, CKA_ID, "", 0), CKR_ATTRIBUTE_VALUE_INVALID);
    ck_assert_uint_eq(set_value(certificate, CKA_VALUE, "x", 1), CKR_ATTRIBUTE_READ_ONLY);
    ck_assert_uint_eq(set_value(certificate + 1000, CKA_LABEL, "x", 1), CKR_OBJECT_HANDLE_INVALID);
    ck_assert_uint_eq(read_value(certificate, CKA_SUBJECT, subject, &len), CKR_OK);
    ck_assert_uint_eq(set_value(certificate, CKA_SUBJECT, subject, len),
                      CKR_OK); /* as it is: nothing happens */
    ck_assert_uint_eq(fake.updates, 0);
}
END_TEST

START_TEST(changes_need_a_login_and_a_session_that_writes)
{
    CK_OBJECT_HANDLE key = host_find(session, CKO_PUBLIC_KEY, "rsa");
    CK_SESSION_HANDLE reader;

    ck_assert_uint_eq(C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &reader), CKR_OK);
    ck_assert_uint_eq(C_CloseSession(session), CKR_OK);
    session = reader;
    ck_assert_uint_eq(set_value(key, CKA_LABEL, "x", 1), CKR_SESSION_READ_ONLY);
    ck_assert_uint_eq(C_DestroyObject(reader, host_find(session, CKO_CERTIFICATE, "rsa")),
                      CKR_SESSION_READ_ONLY);
    session = host_open();
    ck_assert_uint_eq(C_Logout(session), CKR_OK);
    ck_assert_uint_eq(set_value(key, CKA_LABEL, "x", 1), CKR_USER_NOT_LOGGED_IN);
}
END_TEST

/* --------------------------------------------------------------------------------------------- destroying */

START_TEST(destroyed_key_takes_its_certificate_along)
{
    CK_OBJECT_HANDLE key = host_find(session, CKO_PRIVATE_KEY, "rsa");

    ck_assert_uint_eq(C_DestroyObject(session, key), CKR_OK);
    ck_assert_uint_eq(host_find(session, CKO_PRIVATE_KEY, "rsa"), CK_INVALID_HANDLE);
    ck_assert_uint_eq(host_find(session, CKO_PUBLIC_KEY, "rsa"), CK_INVALID_HANDLE);
    ck_assert_uint_eq(host_find(session, CKO_CERTIFICATE, "rsa"), CK_INVALID_HANDLE);
    ck_assert_uint_ne(host_find(session, CKO_PRIVATE_KEY, "ec"), CK_INVALID_HANDLE);
    ck_assert_uint_eq(C_DestroyObject(session, key), CKR_OBJECT_HANDLE_INVALID);
}
END_TEST

START_TEST(certificate_is_destroyed_alone)
{
    ck_assert_uint_eq(C_DestroyObject(session, host_find(session, CKO_CERTIFICATE, "rsa")), CKR_OK);
    ck_assert_uint_eq(host_find(session, CKO_CERTIFICATE, "rsa"), CK_INVALID_HANDLE);
    ck_assert_uint_ne(host_find(session, CKO_PRIVATE_KEY, "rsa"), CK_INVALID_HANDLE);
}
END_TEST

/* Who deletes a public key means to tidy up, not to lose the private one. */
START_TEST(public_half_is_not_destroyed_and_nothing_is_copied)
{
    CK_OBJECT_HANDLE public_key = host_find(session, CKO_PUBLIC_KEY, "rsa"), copy;

    ck_assert_uint_eq(C_DestroyObject(session, public_key), CKR_ACTION_PROHIBITED);
    ck_assert_uint_eq(C_CopyObject(session, public_key, NULL, 0, &copy), CKR_ACTION_PROHIBITED);
    ck_assert_uint_eq(C_CopyObject(session, public_key + 1000, NULL, 0, &copy), CKR_OBJECT_HANDLE_INVALID);
    ck_assert_uint_eq(fake.deletions, 0);
}
END_TEST

/* ------------------------------------------------------------------------------------------ making with a use */

/* The fake makes its last key, which is Ed25519; what was asked for shows in fake.last_key. */
static CK_RV make(CK_ATTRIBUTE *uses, CK_ULONG count, CK_MECHANISM_TYPE type)
{
    static CK_BYTE p256[] = { 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 };
    CK_MECHANISM mechanism = { type, NULL, 0 };
    CK_ULONG bits = 2048;
    CK_ATTRIBUTE curve[] = { { CKA_EC_PARAMS, p256, sizeof(p256) } };
    CK_ATTRIBUTE modulus[] = { { CKA_MODULUS_BITS, &bits, sizeof(bits) } };
    CK_ATTRIBUTE private_half[8] = { { CKA_TOKEN, &yes, 1 } };
    CK_OBJECT_HANDLE public_key, private_key;

    memcpy(private_half + 1, uses, count * sizeof(*uses));
    return C_GenerateKeyPair(session, &mechanism, type == CKM_EC_KEY_PAIR_GEN ? curve : modulus, 1,
                             private_half, count + 1, &public_key, &private_key);
}

START_TEST(use_is_what_the_private_template_says)
{
    const struct {
        CK_MECHANISM_TYPE type;
        CK_ATTRIBUTE uses[3];
        CK_RV rv;
        Privyseal__V1__KeyUsage usage;
    } rows[] = {
        { CKM_EC_KEY_PAIR_GEN,
          { { CKA_SIGN, &yes, 1 }, { CKA_DERIVE, &yes, 1 }, { CKA_DECRYPT, &yes, 1 } },
          CKR_OK,
          PRIVYSEAL__V1__KEY_USAGE__KEY_USAGE_SIGN },
        { CKM_EC_KEY_PAIR_GEN,
          { { CKA_SIGN, &no, 1 }, { CKA_DERIVE, &yes, 1 }, { CKA_DECRYPT, &no, 1 } },
          CKR_OK,
          PRIVYSEAL__V1__KEY_USAGE__KEY_USAGE_DERIVE },
        { CKM_EC_KEY_PAIR_GEN,
          { { CKA_SIGN, &no, 1 }, { CKA_DERIVE, &no, 1 }, { CKA_DECRYPT, &no, 1 } },
          CKR_TEMPLATE_INCONSISTENT,
          0 },
        { CKM_EC_KEY_PAIR_GEN,
          { { CKA_SIGN, &no, 1 }, { CKA_DERIVE, &no, 1 }, { CKA_DECRYPT, &yes, 1 } },
          CKR_TEMPLATE_INCONSISTENT,
          0 },
        { CKM_RSA_PKCS_KEY_PAIR_GEN,
          { { CKA_SIGN, &no, 1 }, { CKA_DERIVE, &yes, 1 }, { CKA_DECRYPT, &no, 1 } },
          CKR_TEMPLATE_INCONSISTENT,
          0 },
        { CKM_EC_KEY_PAIR_GEN,
          { { CKA_SIGN, &no, 1 }, { CKA_DERIVE, &yes, 1 }, { CKA_ALWAYS_AUTHENTICATE, &yes, 1 } },
          CKR_TEMPLATE_INCONSISTENT,
          0 },
    };

    EVP_PKEY_free(fake.key[FAKE_ED25519]);
    fake.key[FAKE_ED25519] = EVP_EC_gen("P-256");
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        fake.key_count = FAKE_ED25519;
        ck_assert_uint_eq(make((CK_ATTRIBUTE *)rows[i].uses, 3, rows[i].type), rows[i].rv);
        if (rows[i].rv == CKR_OK)
            ck_assert_int_eq(fake.last_key.usage, rows[i].usage);
    }
}
END_TEST

START_TEST(id_and_consent_are_taken_from_the_template)
{
    CK_ATTRIBUTE wishes[] = { { CKA_ID, "\x45", 1 }, { CKA_ALWAYS_AUTHENTICATE, &yes, 1 } };

    EVP_PKEY_free(fake.key[FAKE_ED25519]);
    fake.key[FAKE_ED25519] = EVP_EC_gen("P-256");
    fake.key_count = FAKE_ED25519;
    ck_assert_uint_eq(make(wishes, 2, CKM_EC_KEY_PAIR_GEN), CKR_OK);
    ck_assert(fake.last_key.always_authenticate);
    ck_assert_uint_eq(fake.id_len[FAKE_ED25519], 1);
    ck_assert_uint_eq(fake.id[FAKE_ED25519][0], 0x45);
}
END_TEST

/* ----------------------------------------------------------------------------------------------- deriving */

/* As pkcs11-tool --derive asks. */
static CK_RV derive(CK_ATTRIBUTE changed, CK_OBJECT_HANDLE *ret)
{
    CLEANUP(public_key_free) struct public_key *peer = fake_public_key(FAKE_EC);
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_GENERIC_SECRET;
    CK_ATTRIBUTE template[] = {
        { CKA_TOKEN, &no, 1 },
        { CKA_CLASS, &class, sizeof(class) },
        { CKA_KEY_TYPE, &type, sizeof(type) },
        { CKA_SENSITIVE, &no, 1 },
        { CKA_EXTRACTABLE, &yes, 1 },
        { CKA_ENCRYPT, &yes, 1 },
        { CKA_LABEL, "shared", 6 },
        changed,
    };
    CK_ECDH1_DERIVE_PARAMS params = { CKD_NULL, 0, NULL, peer->ec_point.len - 2, peer->ec_point.data + 2 };
    CK_MECHANISM mechanism = { CKM_ECDH1_DERIVE, &params, sizeof(params) };

    return C_DeriveKey(session, &mechanism, host_find(session, CKO_PRIVATE_KEY, "ec"), template,
                       ARRAY_SIZE(template), ret);
}

START_TEST(derived_secret_is_read_found_and_destroyed)
{
    CK_OBJECT_HANDLE key;
    CK_BYTE value[64];
    CK_ULONG len = sizeof(value);

    ck_assert_uint_eq(derive((CK_ATTRIBUTE){ CKA_DECRYPT, &yes, 1 }, &key), CKR_OK);
    ck_assert_uint_eq(read_value(key, CKA_VALUE, value, &len), CKR_OK);
    ck_assert(bytes_equal(BYTES(value, len), BYTES("0123456789abcdef0123456789ABCDEF", 32)));
    ck_assert_uint_eq(host_find(session, CKO_SECRET_KEY, "shared"), key);
    ck_assert_uint_eq(C_DestroyObject(session, key), CKR_OK);
    ck_assert_uint_eq(host_find(session, CKO_SECRET_KEY, "shared"), CK_INVALID_HANDLE);
    ck_assert_uint_eq(C_DestroyObject(session, key), CKR_OBJECT_HANDLE_INVALID);
}
END_TEST

START_TEST(shorter_key_is_the_end_of_the_secret)
{
    CK_OBJECT_HANDLE key;
    CK_BYTE value[64];
    CK_ULONG len = sizeof(value), wanted = 16, long_one = 33;

    ck_assert_uint_eq(derive((CK_ATTRIBUTE){ CKA_VALUE_LEN, &wanted, sizeof(wanted) }, &key), CKR_OK);
    ck_assert_uint_eq(read_value(key, CKA_VALUE, value, &len), CKR_OK);
    ck_assert(bytes_equal(BYTES(value, len), BYTES("0123456789ABCDEF", 16)));
    ck_assert_uint_eq(derive((CK_ATTRIBUTE){ CKA_VALUE_LEN, &long_one, sizeof(long_one) }, &key),
                      CKR_KEY_SIZE_RANGE);
}
END_TEST

START_TEST(sensitive_secret_is_not_read)
{
    CK_OBJECT_HANDLE key;
    CK_BYTE value[64];
    CK_ULONG len = sizeof(value);

    ck_assert_uint_eq(derive((CK_ATTRIBUTE){ CKA_SENSITIVE, &yes, 1 }, &key), CKR_OK);
    ck_assert_uint_eq(read_value(key, CKA_VALUE, value, &len), CKR_ATTRIBUTE_SENSITIVE);
}
END_TEST

START_TEST(secret_ends_with_its_session_and_with_the_login)
{
    CK_SESSION_HANDLE other = host_open();
    CK_OBJECT_HANDLE key, second;
    CK_ULONG len = 0;

    ck_assert_uint_eq(derive((CK_ATTRIBUTE){ CKA_DECRYPT, &yes, 1 }, &key), CKR_OK);
    ck_assert_uint_eq(C_CloseSession(session), CKR_OK);
    session = other;
    ck_assert_uint_eq(read_value(key, CKA_VALUE, NULL, &len), CKR_OBJECT_HANDLE_INVALID);
    ck_assert_uint_eq(derive((CK_ATTRIBUTE){ CKA_DECRYPT, &yes, 1 }, &second), CKR_OK);
    ck_assert_uint_ne(second, key);
    ck_assert_uint_eq(C_Logout(session), CKR_OK);
    ck_assert_uint_eq(read_value(second, CKA_VALUE, NULL, &len), CKR_OBJECT_HANDLE_INVALID);
}
END_TEST

START_TEST(derivation_that_cannot_be_is_refused)
{
    CK_ECDH1_DERIVE_PARAMS params = { CKD_NULL, 0, NULL, 3, (CK_BYTE *)"\4ab" };
    CK_MECHANISM mechanism = { CKM_ECDH1_DERIVE, &params, sizeof(params) };
    CK_OBJECT_HANDLE ec = host_find(session, CKO_PRIVATE_KEY, "ec"), key;

    ck_assert_uint_eq(C_DeriveKey(session, &mechanism, ec, NULL, 0, &key), CKR_MECHANISM_PARAM_INVALID);
    params.kdf = CKD_SHA1_KDF;
    ck_assert_uint_eq(C_DeriveKey(session, &mechanism, ec, NULL, 0, &key), CKR_MECHANISM_PARAM_INVALID);
    ck_assert_uint_eq(
        C_DeriveKey(session, &mechanism, host_find(session, CKO_PRIVATE_KEY, "rsa"), NULL, 0, &key),
        CKR_KEY_FUNCTION_NOT_PERMITTED);
    ck_assert_uint_eq(derive((CK_ATTRIBUTE){ CKA_TOKEN, &yes, 1 }, &key), CKR_TEMPLATE_INCONSISTENT);
    ck_assert_uint_eq(derive((CK_ATTRIBUTE){ CKA_MODULUS, "x", 1 }, &key), CKR_ATTRIBUTE_TYPE_INVALID);
    ck_assert_uint_eq(fake.derivations, 0);
}
END_TEST

SUITE_WITH_FIXTURE("entry/change", setup, teardown, new_label_and_id_show_on_both_halves_and_the_certificate,
                   everything_but_label_and_id_is_read_only, changes_need_a_login_and_a_session_that_writes,
                   destroyed_key_takes_its_certificate_along, certificate_is_destroyed_alone,
                   public_half_is_not_destroyed_and_nothing_is_copied, use_is_what_the_private_template_says,
                   id_and_consent_are_taken_from_the_template, derived_secret_is_read_found_and_destroyed,
                   shorter_key_is_the_end_of_the_secret, sensitive_secret_is_not_read,
                   secret_ends_with_its_session_and_with_the_login, derivation_that_cannot_be_is_refused);
