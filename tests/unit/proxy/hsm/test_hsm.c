/* SPDX-License-Identifier: Apache-2.0 */
/* test_hsm.c - a provisioned token opens, with its master keys; whatever is not as it must be is refused with a word. */
#include <string.h>
#include <sys/stat.h>

#include "proto/public_key.h"
#include "proxy/hsm/hsm_state.h"
#include "proxy/hsm/template.h"
#include "tests/support/suite.h"
#include "tests/unit/proxy/hsm/softhsm_fixture.h"

#define NOBODY 65534

static void open_is_refused(CK_RV expected, const char *word)
{
    struct hsm *hsm = NULL;
    char *why = NULL;

    ck_assert_uint_eq(hsm_open(&fixture.config, &hsm, &why), expected);
    ck_assert_ptr_null(hsm);
    ck_assert_ptr_nonnull(why);
    ck_assert_msg(strstr(why, word) != NULL, "\"%s\" does not say \"%s\"", why, word);
    free(why);
}

START_TEST(provisioned_token_opens_and_says_what_it_is)
{
    ck_assert_ptr_nonnull(strstr(hsm_description(fixture.hsm), "SoftHSM"));
    ck_assert_uint_eq(hsm_probe(fixture.hsm), CKR_OK);
    ck_assert_uint_eq(hsm_epoch_derive(fixture.hsm), 1);
    ck_assert_uint_eq(hsm_epoch_wrap(fixture.hsm), 1);
    ck_assert_uint_eq(hsm_epoch_mac(fixture.hsm, HSM_SEAL), 1);
}
END_TEST

START_TEST(provisioning_twice_is_refused_and_leaves_the_first_token)
{
    char *why = NULL;

    softhsm_close();
    ck_assert_uint_eq(hsm_provision(&fixture.config, &why), CKR_FUNCTION_REJECTED);
    ck_assert_ptr_nonnull(strstr(why, "master"));
    free(why);
    softhsm_open();
}
END_TEST

START_TEST(existing_pin_file_is_never_overwritten)
{
    char *why = NULL;

    softhsm_close();
    fixture.config.token_label = "another";
    ck_assert_uint_eq(hsm_provision(&fixture.config, &why), CKR_FUNCTION_REJECTED);
    free(why);
    fixture.config.token_label = "master";
    softhsm_open(); /* with the PIN of before */
}
END_TEST

START_TEST(pin_file_is_for_its_owner_alone)
{
    struct stat status;

    ck_assert_int_eq(stat(fixture.pin_file, &status), 0);
    ck_assert_uint_eq(status.st_mode & 07777, 0600);
    softhsm_close();
    ck_assert_int_eq(chmod(fixture.pin_file, 0604), 0);
    open_is_refused(CKR_PIN_INVALID, "others");
}
END_TEST

START_TEST(mac_is_the_same_after_reopening)
{
    uint8_t before[HASH_LEN], after[HASH_LEN];

    ck_assert_uint_eq(hsm_mac(fixture.hsm, HSM_ROW, 1, bytes_of_text("row"), before), CKR_OK);
    softhsm_close();
    softhsm_open();
    ck_assert_uint_eq(hsm_mac(fixture.hsm, HSM_ROW, 1, bytes_of_text("row"), after), CKR_OK);
    ck_assert_mem_eq(before, after, HASH_LEN);
}
END_TEST

START_TEST(each_mac_key_and_input_gives_another_mac)
{
    uint8_t macs[HSM_MAC_KEYS + 1][HASH_LEN];

    for (int key = 0; key < HSM_MAC_KEYS; key++)
        ck_assert_uint_eq(hsm_mac(fixture.hsm, key, 1, bytes_of_text("row"), macs[key]), CKR_OK);
    ck_assert_uint_eq(hsm_mac(fixture.hsm, HSM_SALT, 1, bytes_of_text("roW"), macs[HSM_MAC_KEYS]), CKR_OK);
    for (int i = 0; i <= HSM_MAC_KEYS; i++)
        for (int j = 0; j < i; j++)
            ck_assert_mem_ne(macs[i], macs[j], HASH_LEN);
}
END_TEST

START_TEST(mac_under_an_unknown_epoch_is_refused)
{
    uint8_t mac[HASH_LEN];

    ck_assert_uint_eq(hsm_mac(fixture.hsm, HSM_ROW, 2, bytes_of_text("row"), mac), CKR_KEY_NEEDED);
}
END_TEST

START_TEST(checkpoint_verifies_with_the_public_half_in_the_token)
{
    static const char label[] = "privyseal Kaudit epoch 1";
    CK_ATTRIBUTE template[] = { ATTRIBUTE_NUMBER(CKA_CLASS, CKO_PUBLIC_KEY), ATTRIBUTE_TRUE(CKA_TOKEN),
                                ATTRIBUTE_BYTES(CKA_LABEL, label, sizeof(label) - 1) };
    CLEANUP(buffer_clear) struct buffer params = { 0 };
    CLEANUP(buffer_clear) struct buffer point = { 0 };
    CLEANUP(public_key_free) struct public_key *public_key = NULL;
    uint8_t digest[HASH_LEN] = { 7 }, signature[64];
    CK_OBJECT_HANDLE object;
    CK_ULONG count = 0;

    ck_assert_uint_eq(hsm_sign_checkpoint(fixture.hsm, digest, signature), CKR_OK);
    ck_assert_uint_eq(hsm_session_find(&fixture.hsm->session, template, 3, &object, 1, &count), CKR_OK);
    ck_assert_uint_eq(count, 1);
    ck_assert_uint_eq(hsm_session_attribute(&fixture.hsm->session, object, CKA_EC_PARAMS, &params), CKR_OK);
    ck_assert_uint_eq(hsm_session_attribute(&fixture.hsm->session, object, CKA_EC_POINT, &point), CKR_OK);
    ck_assert_uint_eq(
        public_key_of_ec(NULL, CKK_EC, buffer_bytes(&params), buffer_bytes(&point), &public_key), CKR_OK);
    ck_assert_uint_eq(public_key_verify(NULL, public_key, CKM_ECDSA, NULL, BYTES_OF_ARRAY(digest),
                                        BYTES_OF_ARRAY(signature)),
                      CKR_OK);
}
END_TEST

/* Each by its own key, and none by another's: what one authority signs is worth nothing for the other. */
START_TEST(authorities_sign_with_keys_of_their_own)
{
    uint8_t digest[HASH_LEN] = { 9 }, signature[64];

    for (int signer = 0; signer < HSM_CAS; signer++) {
        ck_assert_uint_eq(hsm_ca_sign(fixture.hsm, signer, digest, signature), CKR_OK);
        for (int named = 0; named < HSM_CAS; named++) {
            CLEANUP(buffer_clear) struct buffer spki = { 0 };
            CLEANUP(public_key_free) struct public_key *key = NULL;

            ck_assert_uint_eq(hsm_ca_public_key(fixture.hsm, named, &spki), CKR_OK);
            ck_assert_uint_eq(public_key_of_spki(NULL, buffer_bytes(&spki), &key), CKR_OK);
            ck_assert_uint_eq(public_key_verify(NULL, key, CKM_ECDSA, NULL, BYTES_OF_ARRAY(digest),
                                                BYTES_OF_ARRAY(signature)) == CKR_OK,
                              signer == named);
        }
    }
}
END_TEST

START_TEST(random_bytes_differ)
{
    uint8_t first[32], second[32];

    ck_assert_uint_eq(hsm_random(fixture.hsm, first, sizeof(first)), CKR_OK);
    ck_assert_uint_eq(hsm_random(fixture.hsm, second, sizeof(second)), CKR_OK);
    ck_assert_mem_ne(first, second, sizeof(first));
}
END_TEST

START_TEST(software_is_refused_unless_allowed)
{
    softhsm_close();
    fixture.config.allow_software = false;
    open_is_refused(CKR_FUNCTION_REJECTED, "allow_software_hsm");
}
END_TEST

START_TEST(missing_things_are_named)
{
    softhsm_close();
    fixture.config.token_label = "nowhere";
    open_is_refused(CKR_TOKEN_NOT_PRESENT, "nowhere");
    fixture.config.token_label = "master";
    fixture.config.pin_file = "/nonexistent/pin";
    open_is_refused(CKR_PIN_INVALID, "/nonexistent/pin");
    fixture.config.pin_file = fixture.pin_file;
    fixture.config.module = "/nonexistent/libhsm.so";
    open_is_refused(CKR_DEVICE_ERROR, "/nonexistent/libhsm.so");
    fixture.config.module = "libcrypto.so.3";
    open_is_refused(CKR_DEVICE_ERROR, "no PKCS#11 library");
    fixture.config.module = SOFTHSM_MODULE;
    fixture.config.environment = "SOFTHSM2_CONF";
    open_is_refused(CKR_ARGUMENTS_BAD, "NAME=value");
    fixture.config.environment = "SOFTHSM2_CONF=/nonexistent/softhsm2.conf";
    open_is_refused(CKR_DEVICE_ERROR, "/nonexistent/softhsm2.conf");
    fixture.config.environment = fixture.environment;
    ck_assert_int_eq(rename(fixture.tokens, scratch_path(&fixture.scratch, "elsewhere")), 0);
    open_is_refused(CKR_DEVICE_ERROR, fixture.tokens);
}
END_TEST

START_TEST(wrong_pin_is_refused)
{
    FILE *file;

    softhsm_close();
    file = fopen(fixture.pin_file, "we");
    fputs("0000\n", file);
    fclose(file);
    open_is_refused(CKR_PIN_INCORRECT, fixture.pin_file);
}
END_TEST

/* Provisions a token whose keys somebody else made, with the same login. */
static struct hsm_session foreign_session(void)
{
    struct hsm_session session;

    ck_assert_uint_eq(
        hsm_session_open(fixture.hsm->library->p11, fixture.hsm->token.slot, CKF_RW_SESSION, &session),
        CKR_OK);
    return session;
}

START_TEST(newer_epoch_is_found_and_the_older_stays)
{
    struct hsm_session session = foreign_session();
    uint8_t first[HASH_LEN], second[HASH_LEN];

    ck_assert_uint_eq(master_keys_generate(&session, 10), CKR_OK);
    softhsm_close();
    softhsm_open();
    ck_assert_uint_eq(hsm_epoch_derive(fixture.hsm), 10);
    ck_assert_uint_eq(hsm_epoch_wrap(fixture.hsm), 10);
    ck_assert_uint_eq(hsm_mac(fixture.hsm, HSM_ROW, 1, bytes_of_text("row"), first), CKR_OK);
    ck_assert_uint_eq(hsm_mac(fixture.hsm, HSM_ROW, 10, bytes_of_text("row"), second), CKR_OK);
    ck_assert_mem_ne(first, second, HASH_LEN);
}
END_TEST

START_TEST(same_epoch_twice_is_refused)
{
    struct hsm_session session = foreign_session();

    ck_assert_uint_eq(master_keys_generate(&session, 1), CKR_OK);
    softhsm_close();
    open_is_refused(CKR_TEMPLATE_INCONSISTENT, "twice");
}
END_TEST

/* Whoever has the HSM's login could plant the next epoch and wait for rows to be sealed under it. */
START_TEST(planted_epoch_that_is_readable_or_imported_is_refused)
{
    uint8_t known[32] = { 1 };
    CK_ATTRIBUTE template[] = {
        ATTRIBUTE_NUMBER(CKA_CLASS, CKO_SECRET_KEY),
        ATTRIBUTE_NUMBER(CKA_KEY_TYPE, CKK_AES),
        ATTRIBUTE_BYTES(CKA_VALUE, known, sizeof(known)),
        ATTRIBUTE_TRUE(CKA_TOKEN),
        ATTRIBUTE_TRUE(CKA_PRIVATE),
        ATTRIBUTE_TRUE(CKA_SENSITIVE),
        ATTRIBUTE_FALSE(CKA_EXTRACTABLE),
        ATTRIBUTE_TRUE(CKA_DERIVE),
        ATTRIBUTE_FALSE(CKA_ENCRYPT),
        ATTRIBUTE_FALSE(CKA_DECRYPT),
        ATTRIBUTE_FALSE(CKA_SIGN),
        ATTRIBUTE_FALSE(CKA_VERIFY),
        ATTRIBUTE_FALSE(CKA_WRAP),
        ATTRIBUTE_FALSE(CKA_UNWRAP),
        ATTRIBUTE_NUMBER(CKA_ALLOWED_MECHANISMS, CKM_AES_CBC_ENCRYPT_DATA),
        ATTRIBUTE_BYTES(CKA_LABEL, "privyseal Kd epoch 2", 20),
        ATTRIBUTE_FALSE(CKA_COPYABLE),
        ATTRIBUTE_FALSE(CKA_MODIFIABLE),
    };
    struct hsm_session session = foreign_session();
    CK_OBJECT_HANDLE planted;

    ck_assert_uint_eq(session.p11->C_CreateObject(session.handle, template,
                                                  sizeof(template) / sizeof(template[0]), &planted),
                      CKR_OK);
    softhsm_close();
    open_is_refused(CKR_TEMPLATE_INCONSISTENT, "Kd epoch 2");
}
END_TEST

START_TEST(missing_master_key_is_named)
{
    struct hsm_session session = foreign_session();

    session.p11->C_DestroyObject(session.handle,
                                 master_keys_newest(&fixture.hsm->keys, MASTER_CHECK)->handle);
    softhsm_close();
    open_is_refused(CKR_KEY_NEEDED, "Kcheck");
}
END_TEST

/* SoftHSM's C_Login rewrites its token file, not atomically: signers get a directory that they cannot write. */
START_TEST(read_only_token_directory_serves)
{
    uint8_t mac[HASH_LEN];
    struct hsm_finding findings[HSM_FINDINGS_MAX];
    size_t count = 0;

    if (geteuid() != 0)
        return; /* nobody to become; packaging runs this suite as root */
    softhsm_close();
    softhsm_show_to(NOBODY);
    ck_assert_int_eq(seteuid(NOBODY), 0);
    ck_assert_int_ne(eaccess(fixture.tokens, W_OK), 0);
    softhsm_open();
    ck_assert_uint_eq(hsm_mac(fixture.hsm, HSM_ROW, 1, bytes_of_text("row"), mac), CKR_OK);
    ck_assert_uint_eq(hsm_self_test(fixture.hsm, findings, &count), CKR_OK);
    ck_assert_str_eq(hsm_grade(findings, count), "B");
    softhsm_close();
    ck_assert_int_eq(seteuid(0), 0);
}
END_TEST

SUITE_WITH_FIXTURE("hsm", softhsm_setup, softhsm_teardown, provisioned_token_opens_and_says_what_it_is,
                   provisioning_twice_is_refused_and_leaves_the_first_token,
                   existing_pin_file_is_never_overwritten, pin_file_is_for_its_owner_alone,
                   mac_is_the_same_after_reopening, each_mac_key_and_input_gives_another_mac,
                   mac_under_an_unknown_epoch_is_refused,
                   checkpoint_verifies_with_the_public_half_in_the_token,
                   authorities_sign_with_keys_of_their_own, random_bytes_differ,
                   software_is_refused_unless_allowed, missing_things_are_named, wrong_pin_is_refused,
                   newer_epoch_is_found_and_the_older_stays, same_epoch_twice_is_refused,
                   planted_epoch_that_is_readable_or_imported_is_refused, missing_master_key_is_named,
                   read_only_token_directory_serves);
