/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attack_hsm.c - an intruder has every row of the database, the HSM's login, this source and any amount of time, but no
 * S: no sequence of calls to the HSM gives him a signature by a user's key, or a byte of one.
 *
 * He speaks to SoftHSM as any program with the PIN would. Only the last cases give him an S, to show what stays his
 * victim's even then.
 */
#include <errno.h>
#include <string.h>

#include "include/table.h"
#include "proto/aead.h"
#include "proto/context.h"
#include "proto/digest.h"
#include "proxy/hsm/hsm_state.h"
#include "proxy/hsm/template.h"
#include "tests/support/suite.h"
#include "tests/unit/proxy/hsm/softhsm_fixture.h"

#define REALM          "test"
#define MECHANISMS_MAX 512
#define OBJECTS_MAX    64
#define GUESSES        500
#define OUTPUT_MAX     8192

static const uint8_t s[STRETCHED_PIN_LEN] = { 0x73, 0x65,
                                              0x63 }; /* the victim's: only victim_*() looks at it */

/* What the intruder holds. */
static struct token_row alice, carol;
static struct access_row row;
static struct key_row ec_key, rsa_key; /* alice's */
static struct key_row derive_key;      /* hers too, for key agreement */
static struct key_row carols_key;      /* in a partition */
static CK_FUNCTION_LIST *p11;
static CK_SESSION_HANDLE session; /* logged in to the master keys' token, read and write */

/* --------------------------------------------------------------------------------------------------- stage */

static struct custody *victim_custody(const struct custody_ops *ops)
{
    const struct custody_config config = {
        .realm = REALM, .hsm = fixture.hsm, .key_life_days = 365, .partition_dir = fixture.tokens
    };
    struct custody *custody;

    ck_assert_uint_eq(ops->new (&config, &custody), CKR_OK);
    return custody;
}

static void victim_makes_keys(void)
{
    struct custody *wrapped = victim_custody(&custody_wrapped),
                   *partition = victim_custody(&custody_partition);
    struct access_row unused = { 0 };
    struct custody_token *token;

    alice = (struct token_row){ .name = "alice" };
    row = (struct access_row){ .row_name = { 5 }, .version = 1 };
    ck_assert_uint_eq(custody_wrapped.create(wrapped, &alice, BYTES_OF_ARRAY(s), &row), CKR_OK);
    ck_assert_uint_eq(custody_wrapped.authorise(wrapped, &alice, &row, BYTES_OF_ARRAY(s), &token), CKR_OK);
    ck_assert_uint_eq(custody_wrapped.generate(token, CKK_EC, 256, KEY_SIGNS, &ec_key), CKR_OK);
    ck_assert_uint_eq(custody_wrapped.generate(token, CKK_RSA, 2048, KEY_SIGNS, &rsa_key), CKR_OK);
    ck_assert_uint_eq(custody_wrapped.generate(token, CKK_EC, 256, KEY_DERIVES, &derive_key), CKR_OK);
    custody_wrapped.close(token);
    custody_wrapped.free(wrapped);
    carol = (struct token_row){ .name = "carol", .custody = TOKEN_PARTITION };
    ck_assert_uint_eq(custody_partition.create(partition, &carol, BYTES_OF_ARRAY(s), &unused), CKR_OK);
    ck_assert_uint_eq(custody_partition.authorise(partition, &carol, &unused, BYTES_OF_ARRAY(s), &token),
                      CKR_OK);
    ck_assert_uint_eq(custody_partition.generate(token, CKK_EC, 256, KEY_SIGNS, &carols_key), CKR_OK);
    custody_partition.close(token);
    custody_partition.free(partition);
}

static void setup(void)
{
    softhsm_setup();
    victim_makes_keys();
    softhsm_close();
    softhsm_open(); /* a new process of the intruder's: the handles of the master keys are all he is given */
    p11 = fixture.hsm->library->p11;
    ck_assert_uint_eq(p11->C_OpenSession(fixture.hsm->token.slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL,
                                         NULL, &session),
                      CKR_OK);
}

static void teardown(void)
{
    access_row_clear(&row);
    key_row_clear(&ec_key);
    key_row_clear(&rsa_key);
    key_row_clear(&derive_key);
    key_row_clear(&carols_key);
    softhsm_teardown();
}

/* ------------------------------------------------------------------------------------------------ his tools */

static CK_OBJECT_HANDLE master(enum master_kind kind)
{
    return master_keys_newest(&fixture.hsm->keys, kind)->handle;
}

static CK_ULONG all_mechanisms(CK_MECHANISM_TYPE mechanisms[MECHANISMS_MAX])
{
    CK_ULONG count = MECHANISMS_MAX;

    ck_assert_uint_eq(p11->C_GetMechanismList(fixture.hsm->token.slot, mechanisms, &count), CKR_OK);
    ck_assert_uint_gt(count, 20);
    return count;
}

static CK_ULONG all_objects(CK_OBJECT_HANDLE objects[OBJECTS_MAX])
{
    struct hsm_session own = { p11, session };
    CK_ULONG count = 0;

    ck_assert_uint_eq(hsm_session_find(&own, NULL, 0, objects, OBJECTS_MAX, &count), CKR_OK);
    return count;
}

static bool is_users_signature(struct bytes data, struct bytes signature)
{
    return softhsm_verifies(&ec_key, CKM_ECDSA, NULL, data, signature) ||
           softhsm_verifies(&rsa_key, CKM_RSA_PKCS, NULL, data, signature) ||
           softhsm_verifies(&carols_key, CKM_ECDSA, NULL, data, signature);
}

/* The contexts are no secret: they are in this repository. */
static struct context pin_context(const char *label)
{
    struct context context = context_of(label);

    context_text(&context, REALM);
    context_text(&context, alice.name);
    context_number(&context, row.kind);
    context_bytes(&context, BYTES_OF_ARRAY(row.row_name));
    context_number(&context, row.version);
    context_number(&context, row.kd_epoch);
    return context;
}

/* The key of alice's row, by a guess of S, taken out of the HSM: SoftHSM lets a derived key be readable. */
static CK_RV derive_row_key(struct bytes guess, struct secret **ret)
{
    CLEANUP(context_clear) struct context purpose = pin_context("privyseal v1 pin");
    CLEANUP(secret_free) struct secret *input = NULL;
    struct bytes info;
    CK_AES_CBC_ENCRYPT_DATA_PARAMS params = { 0 };
    CK_MECHANISM mechanism = { CKM_AES_CBC_ENCRYPT_DATA, &params, sizeof(params) };
    CK_ATTRIBUTE template[] = {
        ATTRIBUTE_NUMBER(CKA_CLASS, CKO_SECRET_KEY),
        ATTRIBUTE_NUMBER(CKA_KEY_TYPE, CKK_GENERIC_SECRET),
        ATTRIBUTE_NUMBER(CKA_VALUE_LEN, 32),
        ATTRIBUTE_FALSE(CKA_TOKEN),
        ATTRIBUTE_FALSE(CKA_SENSITIVE),
        ATTRIBUTE_TRUE(CKA_EXTRACTABLE),
    };
    CLEANUP(secret_free) struct secret *value = NULL;
    CK_ATTRIBUTE read;
    CK_OBJECT_HANDLE key;
    CK_RV rv;

    ck_assert_int_eq(context_end(&purpose, &info), 0);
    ck_assert_int_eq(digest_hkdf(NULL, guess, BYTES_NONE, info, 32, &input), 0);
    params.pData = input->data;
    params.length = input->len;
    rv = p11->C_DeriveKey(session, &mechanism, master(MASTER_DERIVE), template, ARRAY_SIZE(template), &key);
    if (rv != CKR_OK)
        return rv;
    ck_assert_int_eq(secret_new(32, &value), 0);
    read = (CK_ATTRIBUTE){ CKA_VALUE, value->data, value->len };
    rv = p11->C_GetAttributeValue(session, key, &read, 1);
    p11->C_DestroyObject(session, key);
    if (rv == CKR_OK)
        *ret = TAKE(value);
    return rv;
}

static int open_row_in_software(struct secret *key, struct secret **ret)
{
    CLEANUP(context_clear) struct context aad = pin_context("privyseal v1 pin row");
    struct bytes bytes;

    ck_assert_int_eq(context_end(&aad, &bytes), 0);
    return aead_open(NULL, secret_bytes(key), BYTES_OF_ARRAY(row.nonce), bytes, buffer_bytes(&row.sealed),
                     ret);
}

/* ------------------------------------------------------------------------------------------------- no S: guessing */

START_TEST(wrong_guesses_of_s_open_nothing_even_with_readable_keys)
{
    for (uint32_t i = 0; i < GUESSES; i++) {
        uint8_t guess[STRETCHED_PIN_LEN] = { 0 };
        CLEANUP(secret_free) struct secret *key = NULL;
        CLEANUP(secret_free) struct secret *u = NULL;

        memcpy(guess, &i, sizeof(i));
        ck_assert_uint_eq(derive_row_key(BYTES_OF_ARRAY(guess), &key), CKR_OK);
        ck_assert_int_eq(open_row_in_software(key, &u), -EBADMSG);
    }
}
END_TEST

/* The row is tested by asking the HSM, once a guess: no mechanism of Kd answers many at once. */
START_TEST(no_mechanism_of_kd_but_chained_derivation_answers)
{
    CK_MECHANISM_TYPE mechanisms[MECHANISMS_MAX];
    CK_ULONG count = all_mechanisms(mechanisms);
    CK_BYTE guesses[1024] = { 0 };
    CK_KEY_DERIVATION_STRING_DATA string = { guesses, sizeof(guesses) };
    CK_ATTRIBUTE template[] = { ATTRIBUTE_NUMBER(CKA_CLASS, CKO_SECRET_KEY),
                                ATTRIBUTE_NUMBER(CKA_KEY_TYPE, CKK_GENERIC_SECRET),
                                ATTRIBUTE_NUMBER(CKA_VALUE_LEN, 1024), ATTRIBUTE_FALSE(CKA_TOKEN) };

    for (CK_ULONG i = 0; i < count; i++) {
        CK_MECHANISM mechanism = { mechanisms[i], &string, sizeof(string) };
        CK_OBJECT_HANDLE key;

        ck_assert_uint_ne(p11->C_DeriveKey(session, &mechanism, master(MASTER_DERIVE), template,
                                           ARRAY_SIZE(template), &key),
                          CKR_OK);
    }
}
END_TEST

/* ----------------------------------------------------------------------------------- no S: the stolen rows */

/* Every class, key type and strictness a blob could be unwrapped with, under every epoch of Kw. */
START_TEST(sealed_rows_are_no_wrapped_keys)
{
    static const CK_OBJECT_CLASS classes[] = { CKO_PRIVATE_KEY, CKO_SECRET_KEY };
    static const CK_KEY_TYPE types[] = { CKK_EC, CKK_RSA, CKK_AES, CKK_GENERIC_SECRET };
    static const CK_MECHANISM_TYPE ways[] = { CKM_AES_KEY_WRAP_PAD, CKM_AES_KEY_WRAP };
    const struct buffer *blobs[] = { &row.sealed, &ec_key.sealed, &rsa_key.sealed, &derive_key.sealed };

    for (size_t b = 0; b < ARRAY_SIZE(blobs); b++)
        for (size_t c = 0; c < ARRAY_SIZE(classes); c++)
            for (size_t t = 0; t < ARRAY_SIZE(types); t++)
                for (size_t w = 0; w < ARRAY_SIZE(ways); w++)
                    for (int cut = 0; cut <= 16; cut += 16) {
                        CK_MECHANISM mechanism = { ways[w], NULL, 0 };
                        CK_ATTRIBUTE template[] = {
                            ATTRIBUTE_NUMBER(CKA_CLASS, classes[c]),
                            ATTRIBUTE_NUMBER(CKA_KEY_TYPE, types[t]),
                            ATTRIBUTE_FALSE(CKA_TOKEN),
                            ATTRIBUTE_TRUE(CKA_SENSITIVE),
                            ATTRIBUTE_FALSE(CKA_EXTRACTABLE),
                            ATTRIBUTE_FALSE(CKA_DERIVE),
                            ATTRIBUTE_FALSE(CKA_DECRYPT),
                            ATTRIBUTE_FALSE(CKA_UNWRAP),
                            ATTRIBUTE_TRUE(CKA_SIGN),
                        };
                        CK_OBJECT_HANDLE key;

                        ck_assert_uint_ne(p11->C_UnwrapKey(session, &mechanism, master(MASTER_WRAP),
                                                           blobs[b]->data, blobs[b]->len - (CK_ULONG)cut,
                                                           template, ARRAY_SIZE(template), &key),
                                          CKR_OK);
                    }
}
END_TEST

/* ----------------------------------------------------------------------------------- no S: the master keys */

enum operation { OP_SIGN, OP_VERIFY, OP_ENCRYPT, OP_DECRYPT, OPERATIONS };

static CK_RV begin(enum operation operation, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    CK_RV(*const inits[OPERATIONS])
    (CK_SESSION_HANDLE, CK_MECHANISM *, CK_OBJECT_HANDLE) = {
        [OP_SIGN] = p11->C_SignInit,
        [OP_VERIFY] = p11->C_VerifyInit,
        [OP_ENCRYPT] = p11->C_EncryptInit,
        [OP_DECRYPT] = p11->C_DecryptInit,
    };

    return inits[operation](session, mechanism, key);
}

/* A master key signs with one mechanism or with none. */
static bool is_meant(enum master_kind kind, enum operation operation, CK_MECHANISM_TYPE type)
{
    static const CK_MECHANISM_TYPE signs_with[] = {
        [MASTER_FORM_MACS] = CKM_SHA256_HMAC,
        [MASTER_FORM_DERIVES] = CK_UNAVAILABLE_INFORMATION,
        [MASTER_FORM_WRAPS] = CK_UNAVAILABLE_INFORMATION,
        [MASTER_FORM_PAIR] = CKM_ECDSA,
    };

    return operation == OP_SIGN && signs_with[master_keys_form(kind)] == type;
}

START_TEST(master_keys_begin_no_operation_but_their_own)
{
    CK_MECHANISM_TYPE mechanisms[MECHANISMS_MAX];
    CK_ULONG count = all_mechanisms(mechanisms);
    CK_BYTE iv[16] = { 0 }, data[32] = { 0 }, output[OUTPUT_MAX];

    for (int kind = 0; kind < MASTER_KINDS; kind++)
        for (int operation = 0; operation < OPERATIONS; operation++)
            for (CK_ULONG i = 0; i < 2 * count; i++) {
                /* With and without a parameter: one of both is what the mechanism wants. */
                CK_MECHANISM mechanism = { mechanisms[i / 2], i % 2 ? iv : NULL, i % 2 ? sizeof(iv) : 0 };
                CK_ULONG len = sizeof(output);

                if (begin(operation, &mechanism, master(kind)) != CKR_OK)
                    continue;
                ck_assert_msg(is_meant(kind, operation, mechanism.mechanism), "%s does 0x%lx",
                              master_keys_name(kind), mechanism.mechanism);
                ck_assert_uint_eq(p11->C_Sign(session, data, sizeof(data), output, &len), CKR_OK);
            }
}
END_TEST

START_TEST(master_keys_are_not_wrapped_by_anything)
{
    CK_MECHANISM_TYPE mechanisms[MECHANISMS_MAX];
    CK_ULONG count = all_mechanisms(mechanisms);
    CK_BYTE known[32] = { 0 }, iv[16] = { 0 }, output[OUTPUT_MAX];
    CK_ATTRIBUTE template[] = { ATTRIBUTE_NUMBER(CKA_CLASS, CKO_SECRET_KEY),
                                ATTRIBUTE_NUMBER(CKA_KEY_TYPE, CKK_AES),
                                ATTRIBUTE_BYTES(CKA_VALUE, known, sizeof(known)), ATTRIBUTE_FALSE(CKA_TOKEN),
                                ATTRIBUTE_TRUE(CKA_WRAP) };
    CK_OBJECT_HANDLE wrapping[3] = { master(MASTER_WRAP), master(MASTER_EXCHANGE) };

    ck_assert_uint_eq(p11->C_CreateObject(session, template, ARRAY_SIZE(template), &wrapping[2]), CKR_OK);
    for (int kind = 0; kind < MASTER_KINDS; kind++)
        for (int w = 0; w < 3; w++)
            for (CK_ULONG i = 0; i < 2 * count; i++) {
                CK_MECHANISM mechanism = { mechanisms[i / 2], i % 2 ? iv : NULL, i % 2 ? sizeof(iv) : 0 };
                CK_ULONG len = sizeof(output);

                ck_assert_uint_ne(
                    p11->C_WrapKey(session, &mechanism, wrapping[w], master(kind), output, &len), CKR_OK);
            }
}
END_TEST

/* Everything that makes a key of use to somebody else. */
static const CK_ATTRIBUTE_TYPE looser_if_true[] = { CKA_EXTRACTABLE, CKA_MODIFIABLE, CKA_COPYABLE,
                                                    CKA_ENCRYPT,     CKA_DECRYPT,    CKA_SIGN,
                                                    CKA_WRAP,        CKA_UNWRAP,     CKA_DERIVE };
static const CK_ATTRIBUTE_TYPE looser_if_false[] = { CKA_SENSITIVE, CKA_PRIVATE };

static CK_RV loosen(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, bool value, bool by_copy)
{
    CK_BBOOL flag = value;
    CK_ATTRIBUTE template = { type, &flag, sizeof(flag) };
    CK_OBJECT_HANDLE copy;

    return by_copy ? p11->C_CopyObject(session, object, &template, 1, &copy)
                   : p11->C_SetAttributeValue(session, object, &template, 1);
}

START_TEST(master_keys_are_neither_changed_nor_copied)
{
    CK_MECHANISM_TYPE all[] = { CKM_AES_ECB_ENCRYPT_DATA, CKM_AES_CBC_ENCRYPT_DATA };
    CK_ATTRIBUTE mechanisms = { CKA_ALLOWED_MECHANISMS, all, sizeof(all) };
    CK_ATTRIBUTE no_template = { CKA_UNWRAP_TEMPLATE, NULL, 0 };

    for (int kind = 0; kind < MASTER_KINDS; kind++) {
        for (int by_copy = 0; by_copy <= 1; by_copy++) {
            for (size_t i = 0; i < ARRAY_SIZE(looser_if_true); i++)
                ck_assert_uint_ne(loosen(master(kind), looser_if_true[i], true, by_copy), CKR_OK);
            for (size_t i = 0; i < ARRAY_SIZE(looser_if_false); i++)
                ck_assert_uint_ne(loosen(master(kind), looser_if_false[i], false, by_copy), CKR_OK);
        }
        ck_assert_uint_ne(p11->C_SetAttributeValue(session, master(kind), &mechanisms, 1), CKR_OK);
        ck_assert_uint_ne(p11->C_SetAttributeValue(session, master(kind), &no_template, 1), CKR_OK);
    }
}
END_TEST

START_TEST(master_keys_values_are_not_read)
{
    static const CK_ATTRIBUTE_TYPE values[] = { CKA_VALUE, CKA_PRIVATE_EXPONENT, CKA_PRIME_1 };
    struct hsm_session own = { p11, session };

    for (int kind = 0; kind < MASTER_KINDS; kind++)
        for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
            CLEANUP(buffer_clear) struct buffer value = { 0 };

            ck_assert_uint_ne(hsm_session_attribute(&own, master(kind), values[i], &value), CKR_OK);
            ck_assert_uint_eq(value.len, 0);
        }
}
END_TEST

/* --------------------------------------------------------------------------------------- no S: a signature */

START_TEST(nothing_in_the_hsm_signs_for_a_user)
{
    CK_MECHANISM_TYPE mechanisms[MECHANISMS_MAX];
    CK_OBJECT_HANDLE objects[OBJECTS_MAX];
    CK_ULONG mechanism_count = all_mechanisms(mechanisms), object_count = all_objects(objects);
    struct bytes digest = softhsm_digest(1);

    ck_assert_uint_eq(object_count,
                      MASTER_KINDS + 3); /* and the public halves of Kaudit and the authorities */
    for (CK_ULONG o = 0; o < object_count; o++)
        for (CK_ULONG m = 0; m < mechanism_count; m++) {
            CK_MECHANISM mechanism = { mechanisms[m], NULL, 0 };
            CK_BYTE signature[OUTPUT_MAX];
            CK_ULONG len = sizeof(signature);

            if (p11->C_SignInit(session, &mechanism, objects[o]) == CKR_OK &&
                p11->C_Sign(session, (CK_BYTE *)digest.data, digest.len, signature, &len) == CKR_OK)
                ck_assert(!is_users_signature(digest, BYTES(signature, len)));
        }
}
END_TEST

/* --------------------------------------------------------------------------------- no S: another's partition */

static CK_RV log_in_to(const char *serial, CK_USER_TYPE user, const char *pin)
{
    CK_SESSION_HANDLE own;
    struct library_token token;
    CK_RV rv;

    ck_assert_uint_eq(library_find_serial(fixture.hsm->library, serial, &token), CKR_OK);
    ck_assert_uint_eq(p11->C_OpenSession(token.slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &own),
                      CKR_OK);
    rv = p11->C_Login(own, user, (CK_UTF8CHAR *)pin, strlen(pin));
    p11->C_CloseSession(own);
    return rv;
}

START_TEST(partition_opens_to_no_other_login_and_nobody_is_its_officer)
{
    static const char *const pins[] = { "", "0000", "12345678",
                                        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" };
    char master_pin[64] = { 0 };
    FILE *file = fopen(fixture.pin_file, "re");

    ck_assert_ptr_nonnull(fgets(master_pin, sizeof(master_pin), file));
    fclose(file);
    master_pin[strcspn(master_pin, "\n")] = '\0';
    for (size_t i = 0; i < ARRAY_SIZE(pins); i++) {
        ck_assert_uint_ne(log_in_to(carol.partition, CKU_USER, pins[i]), CKR_OK);
        ck_assert_uint_ne(log_in_to(carol.partition, CKU_SO, pins[i]), CKR_OK);
    }
    ck_assert_uint_ne(log_in_to(carol.partition, CKU_USER, master_pin), CKR_OK);
    ck_assert_uint_ne(log_in_to(carol.partition, CKU_SO, master_pin), CKR_OK);
}
END_TEST

START_TEST(partition_shows_no_key_without_its_login)
{
    struct library_token token;
    CK_SESSION_HANDLE own;
    CK_OBJECT_HANDLE object;
    CK_ULONG count = 0;

    ck_assert_uint_eq(library_find_serial(fixture.hsm->library, carol.partition, &token), CKR_OK);
    ck_assert_uint_eq(p11->C_OpenSession(token.slot, CKF_SERIAL_SESSION, NULL, NULL, &own), CKR_OK);
    ck_assert_uint_eq(p11->C_FindObjectsInit(own, NULL, 0), CKR_OK);
    ck_assert_uint_eq(p11->C_FindObjects(own, &object, 1, &count), CKR_OK);
    ck_assert_uint_eq(count, 0);
    p11->C_FindObjectsFinal(own);
    p11->C_CloseSession(own);
}
END_TEST

/* ------------------------------------------------------------------------- with S: the key still cannot leave */

/* He watched one unlocking: S gives him U, U gives him W1. This HSM signs for him now; the key stays in it. */
static void steal_wrapped_key(const struct key_row *stolen, struct secret **ret)
{
    CLEANUP(context_clear) struct context purpose = context_of("privyseal v1 key");
    CLEANUP(context_clear) struct context aad = context_of("privyseal v1 key row");
    CLEANUP(secret_free) struct secret *row_key = NULL;
    CLEANUP(secret_free) struct secret *u = NULL;
    CLEANUP(secret_free) struct secret *input = NULL;
    struct context *contexts[] = { &purpose, &aad };
    CK_OBJECT_HANDLE key;
    struct bytes info;

    ck_assert_uint_eq(derive_row_key(BYTES_OF_ARRAY(s), &row_key), CKR_OK);
    ck_assert_int_eq(open_row_in_software(row_key, &u), 0);
    for (int i = 0; i < 2; i++) {
        context_text(contexts[i], REALM);
        context_text(contexts[i], alice.name);
        context_bytes(contexts[i], BYTES_OF_ARRAY(stolen->name));
        context_number(contexts[i], stolen->usage);
        context_number(contexts[i], stolen->kd_epoch);
        context_number(contexts[i], stolen->kw_epoch);
    }
    context_number(&aad, stolen->key_type);
    context_number(&aad, stolen->bits);
    context_bytes(&aad, buffer_bytes(&stolen->spki));
    context_number(&aad, (uint64_t)stolen->created_ms);
    context_number(&aad, (uint64_t)stolen->expires_ms);
    ck_assert_int_eq(context_end(&purpose, &info), 0);
    ck_assert_int_eq(digest_hkdf(NULL, secret_bytes(u), BYTES_NONE, info, 32, &input), 0);
    ck_assert_uint_eq(hsm_derive_key(fixture.hsm, stolen->kd_epoch, secret_bytes(input), &key), CKR_OK);
    ck_assert_int_eq(context_end(&aad, &info), 0);
    ck_assert_uint_eq(hsm_session_decrypt(&fixture.hsm->session, key, BYTES_OF_ARRAY(stolen->nonce), info,
                                          buffer_bytes(&stolen->sealed), ret),
                      CKR_OK);
}

/* How a signer unwraps: the one use, and the template of Kw or Kx. */
#define STRICT(key_type, use, ...) ATTRIBUTE_NUMBER(CKA_KEY_TYPE, key_type), ATTRIBUTE_TRUE(use), __VA_ARGS__
#define STRICT_CLASS               2 /* where CKA_CLASS stands in it */

static CK_RV unwrap_by(enum master_kind kind, struct secret *wrapped, CK_ATTRIBUTE *template, CK_ULONG count,
                       CK_OBJECT_HANDLE *ret)
{
    CK_MECHANISM mechanism = { CKM_AES_KEY_WRAP_PAD, NULL, 0 };

    return p11->C_UnwrapKey(session, &mechanism, master(kind), wrapped->data, wrapped->len, template, count,
                            ret);
}

static CK_RV unwrap_with(struct secret *wrapped, CK_ATTRIBUTE *template, CK_ULONG count,
                         CK_OBJECT_HANDLE *ret)
{
    return unwrap_by(MASTER_WRAP, wrapped, template, count, ret);
}

START_TEST(observed_secret_lets_the_key_be_used_here_but_not_taken)
{
    CLEANUP(secret_free) struct secret *wrapped = NULL;
    CK_ATTRIBUTE template[] = { STRICT(CKK_EC, CKA_SIGN, MASTER_UNWRAP_TEMPLATE) };
    struct hsm_session own = { p11, session };
    CLEANUP(buffer_clear) struct buffer value = { 0 };
    CLEANUP(secret_free) struct secret *again = NULL;
    CK_OBJECT_HANDLE key;

    steal_wrapped_key(&ec_key, &wrapped);
    ck_assert_uint_eq(unwrap_with(wrapped, template, ARRAY_SIZE(template), &key),
                      CKR_OK); /* said openly: promise 2 */
    ck_assert_uint_ne(hsm_session_attribute(&own, key, CKA_VALUE, &value), CKR_OK);
    ck_assert_uint_ne(hsm_session_wrap(&own, master(MASTER_WRAP), key, &again), CKR_OK);
    for (int by_copy = 0; by_copy <= 1; by_copy++) {
        ck_assert_uint_ne(loosen(key, CKA_EXTRACTABLE, true, by_copy), CKR_OK);
        ck_assert_uint_ne(loosen(key, CKA_SENSITIVE, false, by_copy), CKR_OK);
    }
}
END_TEST

/* Each attribute of Kw's template left out in turn, or said otherwise; and the bytes taken for another kind of key. */
START_TEST(observed_secret_unwraps_in_no_weaker_form)
{
    CLEANUP(secret_free) struct secret *wrapped = NULL;
    CK_ATTRIBUTE strict[] = { STRICT(CKK_EC, CKA_SIGN, MASTER_UNWRAP_TEMPLATE) };
    static const CK_ATTRIBUTE_TYPE held[] = { CKA_TOKEN,   CKA_SENSITIVE, CKA_EXTRACTABLE, CKA_DERIVE,
                                              CKA_DECRYPT, CKA_UNWRAP,    CKA_COPYABLE,    CKA_MODIFIABLE };
    CK_ATTRIBUTE as_secret[] = { STRICT(CKK_GENERIC_SECRET, CKA_SIGN, MASTER_UNWRAP_TEMPLATE) };
    CK_OBJECT_CLASS secret_class = CKO_SECRET_KEY;
    struct hsm_session own = { p11, session };
    CK_OBJECT_HANDLE key;

    steal_wrapped_key(&ec_key, &wrapped);
    for (size_t i = 0; i < ARRAY_SIZE(held); i++) {
        CK_ATTRIBUTE template[ARRAY_SIZE(strict)];
        CK_BBOOL otherwise = held[i] != CKA_SENSITIVE;
        size_t at = 0;

        memcpy(template, strict, sizeof(strict));
        while (template[at].type != held[i])
            at++;
        template[at].pValue = &otherwise;
        ck_assert_uint_ne(unwrap_with(wrapped, template, ARRAY_SIZE(template), &key), CKR_OK);
        memmove(&template[at], &template[at + 1], (ARRAY_SIZE(template) - at - 1) * sizeof(template[0]));
        /* Left out, it is refused or has the strict value all the same. */
        if (unwrap_with(wrapped, template, ARRAY_SIZE(template) - 1, &key) == CKR_OK)
            ck_assert_uint_eq(hsm_session_matches(&own, key, strict, ARRAY_SIZE(strict)), CKR_OK);
    }
    as_secret[STRICT_CLASS] = (CK_ATTRIBUTE){ CKA_CLASS, &secret_class, sizeof(secret_class) };
    ck_assert_uint_ne(unwrap_with(wrapped, as_secret, ARRAY_SIZE(as_secret), &key), CKR_OK);
    ck_assert_uint_ne(unwrap_with(wrapped, as_secret, STRICT_CLASS + 1, &key), CKR_OK);
}
END_TEST

/* A key that derives, once observed, derives here; it signs nothing, and is not for Kw; nor is one that signs for Kx. */
START_TEST(observed_secret_gives_a_key_no_other_use)
{
    CLEANUP(secret_free) struct secret *derives = NULL;
    CLEANUP(secret_free) struct secret *signs = NULL;
    CK_ATTRIBUTE strict[] = { STRICT(CKK_EC, CKA_DERIVE, MASTER_EXCHANGE_TEMPLATE) };
    CK_ATTRIBUTE to_sign[] = { STRICT(CKK_EC, CKA_SIGN, MASTER_UNWRAP_TEMPLATE) };
    static const CK_ATTRIBUTE_TYPE held[] = { CKA_SIGN,        CKA_SIGN_RECOVER, CKA_UNWRAP,    CKA_TOKEN,
                                              CKA_EXTRACTABLE, CKA_COPYABLE,     CKA_MODIFIABLE };
    CK_OBJECT_HANDLE key;

    steal_wrapped_key(&derive_key, &derives);
    steal_wrapped_key(&ec_key, &signs);
    ck_assert_uint_eq(unwrap_by(MASTER_EXCHANGE, derives, strict, ARRAY_SIZE(strict), &key), CKR_OK);
    ck_assert_uint_ne(loosen(key, CKA_SIGN, true, true), CKR_OK);
    for (size_t i = 0; i < ARRAY_SIZE(held); i++) {
        CK_ATTRIBUTE template[ARRAY_SIZE(strict)];
        CK_BBOOL otherwise = CK_TRUE;
        size_t at = 0;

        memcpy(template, strict, sizeof(strict));
        while (template[at].type != held[i])
            at++;
        template[at].pValue = &otherwise;
        ck_assert_uint_ne(unwrap_by(MASTER_EXCHANGE, derives, template, ARRAY_SIZE(template), &key), CKR_OK);
    }
    ck_assert_uint_ne(unwrap_by(MASTER_EXCHANGE, derives, to_sign, ARRAY_SIZE(to_sign), &key), CKR_OK);
    ck_assert_uint_ne(unwrap_by(MASTER_WRAP, derives, to_sign, ARRAY_SIZE(to_sign), &key), CKR_OK);
    ck_assert_uint_ne(unwrap_by(MASTER_EXCHANGE, signs, strict, ARRAY_SIZE(strict), &key), CKR_OK);
}
END_TEST

SUITE_WITH_FIXTURE("attack_hsm", setup, teardown, wrong_guesses_of_s_open_nothing_even_with_readable_keys,
                   no_mechanism_of_kd_but_chained_derivation_answers, sealed_rows_are_no_wrapped_keys,
                   master_keys_begin_no_operation_but_their_own, master_keys_are_not_wrapped_by_anything,
                   master_keys_are_neither_changed_nor_copied, master_keys_values_are_not_read,
                   nothing_in_the_hsm_signs_for_a_user,
                   partition_opens_to_no_other_login_and_nobody_is_its_officer,
                   partition_shows_no_key_without_its_login,
                   observed_secret_lets_the_key_be_used_here_but_not_taken,
                   observed_secret_unwraps_in_no_weaker_form, observed_secret_gives_a_key_no_other_use);
