/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_ceremony.c - master keys that were wrapped for officers: as strict in the HSM as any, the same in a second HSM,
 * and believed only as far as the root's signature goes.
 */
#include <string.h>
#include <sys/stat.h>
#include <openssl/pem.h>

#include "include/table.h"
#include "proxy/hsm/ceremony.h"
#include "proxy/hsm/epochs.h"
#include "proxy/hsm/hsm_state.h"
#include "proxy/hsm/template.h"
#include "tests/support/suite.h"
#include "tests/support/test_ca.h"
#include "tests/unit/proxy/hsm/softhsm_fixture.h"

static EVP_PKEY *root_key;
static char root_path[SCRATCH_PATH_MAX], manifest_path[SCRATCH_PATH_MAX];
static struct manifest manifest;
static struct master_backup backup;
static struct secret *quorum_private;
static const struct ceremony_epoch made = { .manifest = &manifest, .backup = &backup };

static void write_root(EVP_PKEY *key)
{
    const struct test_certificate wanted = { .name = "root", .key = key, .is_ca = true };
    X509 *root = test_certificate(&wanted);
    FILE *file = fopen(root_path, "we");

    ck_assert_int_eq(PEM_write_X509(file, root), 1);
    fclose(file);
    X509_free(root);
}

/* Signs the manifest as it is now, and writes it. */
static void publish(EVP_PKEY *key)
{
    json_t *text;

    ck_assert_int_eq(manifest_sign(&manifest, key), 0);
    text = manifest_to_json(&manifest);
    ck_assert_int_eq(json_dump_file(text, manifest_path, 0), 0);
    json_decref(text);
}

static void setup(void)
{
    char *why = NULL;

    softhsm_make();
    snprintf(root_path, sizeof(root_path), "%s", scratch_path(&fixture.scratch, "root.pem"));
    snprintf(manifest_path, sizeof(manifest_path), "%s", scratch_path(&fixture.scratch, "manifest"));
    root_key = test_key("EC");
    write_root(root_key);
    fixture.config.manifest = manifest_path;
    fixture.config.root = root_path;
    fixture.config.realm = "test";
    snprintf(manifest.realm, sizeof(manifest.realm), "test");
    manifest.quorum = (struct quorum){ .threshold = 1, .count = 1, .officers = { { "ann", { 7 } } } };
    ck_assert_int_eq(ceremony_quorum_key(&quorum_private, &manifest.quorum_key), 0);
    ck_assert_msg(ceremony_make(&fixture.config, &manifest, &backup, &why) == CKR_OK, "%s", why ? why : "");
    publish(root_key);
}

static void teardown(void)
{
    softhsm_teardown();
    EVP_PKEY_free(root_key);
    manifest_clear(&manifest);
    master_backup_clear(&backup);
    secret_free(quorum_private);
}

static void open_is_refused(CK_RV expected, const char *word)
{
    struct hsm *hsm = NULL;
    char *why = NULL;

    ck_assert_uint_eq(hsm_open(&fixture.config, &hsm, &why), expected);
    ck_assert_ptr_null(hsm);
    ck_assert_msg(why && strstr(why, word), "\"%s\" does not say \"%s\"", why ? why : "", word);
    free(why);
}

/* What each key of epoch 1 is known by. */
static void commitments(uint8_t ret[MASTER_KINDS][HASH_LEN])
{
    for (int kind = 0; kind < MASTER_KINDS; kind++)
        ck_assert_uint_eq(master_commit(&fixture.hsm->session, kind,
                                        master_keys_peek(&fixture.hsm->keys, kind, 1)->handle, 1, ret[kind]),
                          CKR_OK);
}

/* Another, empty HSM: its tokens lie elsewhere, its PIN too. */
static void go_to_second_hsm(void)
{
    char conf[SCRATCH_PATH_MAX];
    FILE *file;

    snprintf(fixture.tokens, sizeof(fixture.tokens), "%s", scratch_path(&fixture.scratch, "tokens2"));
    ck_assert_int_eq(mkdir(fixture.tokens, 0700), 0);
    snprintf(conf, sizeof(conf), "%s", scratch_path(&fixture.scratch, "second.conf"));
    file = fopen(conf, "we");
    fprintf(file, "directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n",
            fixture.tokens);
    fclose(file);
    snprintf(fixture.environment, sizeof(fixture.environment), "SOFTHSM2_CONF=%s", conf);
    snprintf(fixture.pin_file, sizeof(fixture.pin_file), "%s", scratch_path(&fixture.scratch, "pin2"));
}

static CK_RV restore(char **why)
{
    return ceremony_restore(&fixture.config, secret_bytes(quorum_private), &backup, &manifest, why);
}

/* Refused for @word, and no token is left behind. */
static void restore_is_refused(const char *word)
{
    char *why = NULL;

    go_to_second_hsm();
    ck_assert_uint_ne(restore(&why), CKR_OK);
    ck_assert_msg(why && strstr(why, word), "\"%s\" does not say \"%s\"", why ? why : "", word);
    ck_assert_int_eq(access(fixture.pin_file, F_OK), -1);
    free(why);
}

START_TEST(keys_of_a_ceremony_are_as_strict_as_any)
{
    struct hsm_finding findings[HSM_FINDINGS_MAX];
    size_t count;

    softhsm_open();
    ck_assert_uint_eq(hsm_self_test(fixture.hsm, findings, &count), CKR_OK);
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(findings[i].is_enforced || !findings[i].is_required, "%s", findings[i].name);
}
END_TEST

START_TEST(no_key_of_a_ceremony_can_be_wrapped_again)
{
    CK_MECHANISM mechanism = { CKM_AES_KEY_GEN, NULL, 0 };
    CK_ATTRIBUTE template[] = { ATTRIBUTE_NUMBER(CKA_VALUE_LEN, 32), ATTRIBUTE_FALSE(CKA_TOKEN),
                                ATTRIBUTE_TRUE(CKA_WRAP) };
    CK_OBJECT_HANDLE foreign;

    softhsm_open();
    ck_assert_uint_eq(fixture.hsm->session.p11->C_GenerateKey(fixture.hsm->session.handle, &mechanism,
                                                              template, ARRAY_SIZE(template), &foreign),
                      CKR_OK);
    for (int kind = 0; kind < MASTER_KINDS; kind++) {
        struct secret *wrapped = NULL;

        ck_assert_uint_eq(hsm_session_wrap(&fixture.hsm->session, foreign,
                                           master_keys_newest(&fixture.hsm->keys, kind)->handle, &wrapped),
                          CKR_KEY_UNEXTRACTABLE);
    }
}
END_TEST

START_TEST(without_a_manifest_such_keys_are_refused)
{
    fixture.config.manifest = NULL;
    open_is_refused(CKR_TEMPLATE_INCONSISTENT, "strict");
}
END_TEST

START_TEST(manifest_of_another_root_or_realm_is_refused)
{
    EVP_PKEY *other = test_key("EC");

    publish(other);
    open_is_refused(CKR_FUNCTION_REJECTED, "root");
    publish(root_key);
    fixture.config.realm = "other";
    open_is_refused(CKR_FUNCTION_REJECTED, "another deployment");
    EVP_PKEY_free(other);
}
END_TEST

START_TEST(key_with_another_commitment_is_refused)
{
    manifest.keys[0].commitment[0] ^= 1;
    publish(root_key);
    open_is_refused(CKR_DATA_INVALID, "manifest names");
}
END_TEST

/* Whoever can log in to the HSM makes a "next epoch" that is known outside: strict in all but its birth. */
static void plant_epoch(uint32_t epoch)
{
    CLEANUP(manifest_clear) struct manifest forged = { .quorum = manifest.quorum };
    CLEANUP(master_backup_clear) struct master_backup known = { 0 };
    struct hsm_session session;

    softhsm_open();
    buffer_append(&forged.quorum_key, buffer_bytes(&manifest.quorum_key));
    ck_assert_uint_eq(
        hsm_session_open(fixture.hsm->session.p11, fixture.hsm->token.slot, CKF_RW_SESSION, &session),
        CKR_OK);
    ck_assert_uint_eq(ceremony_add_epoch(&session, MASTER_DERIVE, epoch,
                                         &(struct ceremony_epoch){ .manifest = &forged, .backup = &known }),
                      CKR_OK);
    hsm_session_close(&session);
    softhsm_close();
}

START_TEST(planted_epoch_that_the_manifest_does_not_name_is_not_used)
{
    struct hsm_epoch epochs[HSM_EPOCHS_MAX];
    size_t count;

    plant_epoch(2);
    softhsm_open();
    ck_assert_uint_eq(hsm_epoch_derive(fixture.hsm), 1);
    ck_assert_ptr_null(master_keys_peek(&fixture.hsm->keys, MASTER_DERIVE, 2));
    hsm_epochs(fixture.hsm, epochs, &count);
    ck_assert(epochs[count - 1].is_stranger && epochs[count - 1].epoch == 2);
    ck_assert_uint_eq(hsm_epoch_destroy(fixture.hsm, MASTER_DERIVE, 2), CKR_OK);
    softhsm_close();
    softhsm_open();
    ck_assert_uint_eq(fixture.hsm->keys.stranger_count, 0);
}
END_TEST

/* Whichever of the two the HSM names first. */
START_TEST(planted_epoch_beside_one_that_the_manifest_names_is_refused)
{
    struct hsm *hsm = NULL;
    CLEANUP(free_string) char *why = NULL;
    CK_RV rv;

    plant_epoch(1);
    rv = hsm_open(&fixture.config, &hsm, &why);
    ck_assert(rv == CKR_DATA_INVALID || rv == CKR_TEMPLATE_INCONSISTENT);
    ck_assert_ptr_null(hsm);
}
END_TEST

START_TEST(many_planted_epochs_keep_the_hsm_closed)
{
    for (uint32_t i = 0; i < MASTER_STRANGERS_MAX; i++)
        plant_epoch(2 + i);
    softhsm_open();
    ck_assert_uint_eq(hsm_epoch_new_wrapped(fixture.hsm, MASTER_DERIVE, 0, &made, &(uint32_t){ 0 }), CKR_OK);
    softhsm_close();
    open_is_refused(CKR_TEMPLATE_INCONSISTENT, "Kd epoch");
    publish(root_key); /* which makes the ninth one ours */
    softhsm_open();
    ck_assert_uint_eq(hsm_epoch_derive(fixture.hsm), 2 + MASTER_STRANGERS_MAX);
}
END_TEST

START_TEST(new_epoch_is_taken_when_the_root_has_signed_for_it)
{
    struct hsm_session session;

    softhsm_open();
    ck_assert_uint_eq(
        hsm_session_open(fixture.hsm->session.p11, fixture.hsm->token.slot, CKF_RW_SESSION, &session),
        CKR_OK);
    ck_assert_uint_eq(ceremony_add_epoch(&session, MASTER_DERIVE, 2, &made), CKR_OK);
    hsm_session_close(&session);
    softhsm_close();
    publish(root_key);
    softhsm_open();
    ck_assert_uint_eq(hsm_epoch_derive(fixture.hsm), 2);
}
END_TEST

static void destroy_labelled(const struct hsm_session *session, const char *label)
{
    CK_ATTRIBUTE template[] = { ATTRIBUTE_BYTES(CKA_LABEL, label, strlen(label)) };
    CK_OBJECT_HANDLE key;
    CK_ULONG count;

    ck_assert_uint_eq(hsm_session_find(session, template, ARRAY_SIZE(template), &key, 1, &count), CKR_OK);
    ck_assert_uint_eq(count, 1);
    hsm_session_destroy(session, key);
}

/*
 * The epoch is made and destroyed again, so that this token lacks it as another HSM would, which waits for it: what was
 * wrapped for that one is @ret_copy, to be known by @ret_commitment.
 */
static void make_for_another(struct hsm_arrival *arrival, struct ceremony_recipient *recipient,
                             struct master_copy *ret_copy, uint8_t ret_commitment[HASH_LEN])
{
    const struct ceremony_epoch shared = {
        .manifest = &manifest, .backup = &backup, .recipients = recipient, .recipient_count = 1
    };
    uint32_t next, epoch;

    softhsm_open();
    ck_assert_uint_eq(hsm_epoch_expect(fixture.hsm, MASTER_DERIVE, arrival, &recipient->public_key, &next),
                      CKR_OK);
    ck_assert_uint_eq(next, 2);
    ck_assert_uint_eq(hsm_epoch_new_wrapped(fixture.hsm, MASTER_DERIVE, 7, &shared, &epoch), CKR_OK);
    ck_assert_uint_eq(epoch, 7);
    destroy_labelled(&arrival->session, "privyseal Kd epoch 7");
    *ret_copy = backup.copies[backup.count - 1];
    ret_copy->transport = recipient->transport;
    memcpy(ret_commitment, manifest_find(&manifest, "Kd", 7)->commitment, HASH_LEN);
}

static void recipient_clear(struct ceremony_recipient *recipient)
{
    buffer_clear(&recipient->public_key);
    buffer_clear(&recipient->transport);
}
DEFINE_CLEAR(recipient_clear, struct ceremony_recipient);

START_TEST(epoch_of_one_hsm_is_taken_over_by_another)
{
    CLEANUP(recipient_clear) struct ceremony_recipient recipient = { 0 };
    struct hsm_arrival arrival;
    struct master_copy copy;
    uint8_t commitment[HASH_LEN];

    make_for_another(&arrival, &recipient, &copy, commitment);
    ck_assert_uint_eq(hsm_epoch_take(&arrival, &copy, commitment), CKR_OK);
    softhsm_close();
    publish(root_key);
    softhsm_open();
    ck_assert_uint_eq(hsm_epoch_derive(fixture.hsm), 7);
}
END_TEST

START_TEST(epoch_that_is_not_the_one_that_was_made_does_not_stay)
{
    CLEANUP(recipient_clear) struct ceremony_recipient recipient = { 0 };
    struct hsm_arrival arrival;
    struct master_copy copy;
    uint8_t commitment[HASH_LEN];

    make_for_another(&arrival, &recipient, &copy, commitment);
    commitment[0] ^= 1;
    ck_assert_uint_eq(hsm_epoch_take(&arrival, &copy, commitment), CKR_DATA_INVALID);
    softhsm_close();
    softhsm_open();
    ck_assert_uint_eq(fixture.hsm->keys.stranger_count, 0);
}
END_TEST

START_TEST(second_hsm_has_the_same_keys)
{
    uint8_t first[MASTER_KINDS][HASH_LEN], second[MASTER_KINDS][HASH_LEN];
    char *why = NULL;

    softhsm_open();
    commitments(first);
    softhsm_close();
    go_to_second_hsm();
    ck_assert_msg(restore(&why) == CKR_OK, "%s", why ? why : "");
    softhsm_open();
    commitments(second);
    ck_assert_mem_eq(first, second, sizeof(first));
}
END_TEST

START_TEST(backup_survives_its_text)
{
    CLEANUP(json_decref) json_t *text = master_backup_to_json(&backup);
    char *why = NULL;

    master_backup_clear(&backup);
    ck_assert_int_eq(master_backup_of_json(text, &backup), 0);
    go_to_second_hsm();
    ck_assert_msg(restore(&why) == CKR_OK, "%s", why ? why : "");
}
END_TEST

/* Two keys of one form, each wrapped as the other. */
START_TEST(swapped_wrapped_keys_are_refused)
{
    struct master_copy *row = &backup.copies[MASTER_ROW], *check = &backup.copies[MASTER_CHECK];
    struct buffer wrapped = row->wrapped, transport = row->transport;

    row->wrapped = check->wrapped;
    row->transport = check->transport;
    check->wrapped = wrapped;
    check->transport = transport;
    restore_is_refused("not the key that the manifest names");
}
END_TEST

START_TEST(altered_wrapped_key_is_refused)
{
    backup.copies[MASTER_WRAP].wrapped.data[9] ^= 1;
    restore_is_refused("Kw epoch 1");
}
END_TEST

START_TEST(backup_that_lacks_a_key_is_refused)
{
    backup.count--;
    restore_is_refused("lacks");
    backup.count++;
}
END_TEST

START_TEST(another_quorum_key_opens_nothing)
{
    CLEANUP(buffer_clear) struct buffer public_key = { 0 };

    secret_free(quorum_private);
    ck_assert_int_eq(ceremony_quorum_key(&quorum_private, &public_key), 0);
    restore_is_refused("CK_RV");
}
END_TEST

SUITE_WITH_FIXTURE("hsm/ceremony", setup, teardown, keys_of_a_ceremony_are_as_strict_as_any,
                   no_key_of_a_ceremony_can_be_wrapped_again, without_a_manifest_such_keys_are_refused,
                   manifest_of_another_root_or_realm_is_refused, key_with_another_commitment_is_refused,
                   planted_epoch_that_the_manifest_does_not_name_is_not_used,
                   planted_epoch_beside_one_that_the_manifest_names_is_refused,
                   many_planted_epochs_keep_the_hsm_closed,
                   new_epoch_is_taken_when_the_root_has_signed_for_it,
                   epoch_of_one_hsm_is_taken_over_by_another,
                   epoch_that_is_not_the_one_that_was_made_does_not_stay, second_hsm_has_the_same_keys,
                   backup_survives_its_text, swapped_wrapped_keys_are_refused, altered_wrapped_key_is_refused,
                   backup_that_lacks_a_key_is_refused, another_quorum_key_opens_nothing);
