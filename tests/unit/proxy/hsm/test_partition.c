/* SPDX-License-Identifier: Apache-2.0 */
/* test_partition.c - a partition opens to its S alone, whoever else is logged in, and outlives its process's death. */
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "proxy/hsm/hsm_state.h"
#include "proxy/hsm/template.h"
#include "proxy/hsm/token_directory.h"
#include "tests/support/suite.h"
#include "tests/unit/proxy/hsm/softhsm_fixture.h"

#define KILLS 20 /* a third of them leave an empty token.object */

static const struct custody_ops *const partition = &custody_partition;
static const uint8_t right[STRETCHED_PIN_LEN] = { 1, 2, 3 }, wrong[STRETCHED_PIN_LEN] = { 1, 2, 4 };

static struct custody *custody;
static struct token_row alice, bob;
static struct access_row row;

static void new_custody(void)
{
    const struct custody_config config = {
        .realm = "test", .hsm = fixture.hsm, .key_life_days = 365, .partition_dir = fixture.tokens
    };

    ck_assert_uint_eq(partition->new (&config, &custody), CKR_OK);
}

static void setup(void)
{
    softhsm_setup();
    new_custody();
    alice = (struct token_row){ .name = "alice", .custody = TOKEN_PARTITION };
    bob = (struct token_row){ .name = "bob-with-a-name-of-32-characters", .custody = TOKEN_PARTITION };
    row = (struct access_row){ .version = 1 };
    ck_assert_uint_eq(partition->create(custody, &alice, BYTES_OF_ARRAY(right), &row), CKR_OK);
}

static void teardown(void)
{
    access_row_clear(&row);
    partition->free(custody);
    softhsm_teardown();
}

static void reopen(void)
{
    partition->free(custody);
    softhsm_close();
    softhsm_open();
    new_custody();
}

static struct custody_token *unlock_with(const struct token_row *whose, struct bytes s)
{
    struct custody_token *token = NULL;

    ck_assert_uint_eq(partition->authorise(custody, whose, &row, s, &token), CKR_OK);
    return token;
}

static CK_RV try(const struct token_row *whose, struct bytes s)
{
    struct custody_token *token = NULL;
    CK_RV rv = partition->authorise(custody, whose, &row, s, &token);

    partition->close(token);
    return rv;
}

static CK_RV sign(struct custody_token *token, const struct key_row *key)
{
    CLEANUP(buffer_clear) struct buffer signature = { 0 };
    CK_MECHANISM_TYPE raw = softhsm_raw(key->key_type);
    CK_RV rv = partition->sign(token, key, raw, NULL, softhsm_digest(9), &signature);

    if (rv == CKR_OK)
        ck_assert(softhsm_verifies(key, raw, NULL, softhsm_digest(9), buffer_bytes(&signature)));
    return rv;
}

/* Asks the HSM itself: is this partition's user PIN made of @s? */
static bool hsm_accepts(const struct token_row *whose, struct bytes s)
{
    struct hsm_session session;
    struct library_token found;
    char pin[64];
    bool is_accepted;

    base64url_encode(s, pin);
    ck_assert_uint_eq(library_find_serial(fixture.hsm->library, whose->partition, &found), CKR_OK);
    ck_assert_uint_eq(hsm_session_open(fixture.hsm->library->p11, found.slot, CKF_RW_SESSION, &session),
                      CKR_OK);
    is_accepted = session.p11->C_Login(session.handle, CKU_USER, (CK_UTF8CHAR *)pin, strlen(pin)) == CKR_OK;
    hsm_session_close(&session);
    return is_accepted;
}

/* --------------------------------------------------------------------------------------------------- tokens */

START_TEST(new_partition_has_a_serial_number_and_opens_to_its_secret_alone)
{
    ck_assert_uint_eq(strlen(alice.partition), SERIAL_LEN);
    ck_assert_uint_eq(row.sealed.len, 0);
    ck_assert_uint_eq(try(&alice, BYTES_OF_ARRAY(right)), CKR_OK);
    ck_assert(hsm_accepts(&alice, BYTES_OF_ARRAY(right)));
    ck_assert(!hsm_accepts(&alice, BYTES_OF_ARRAY(wrong)));
}
END_TEST

START_TEST(partition_is_found_by_its_serial_number_after_a_restart)
{
    ck_assert_uint_eq(partition->create(custody, &bob, BYTES_OF_ARRAY(wrong), &row), CKR_OK);
    ck_assert_str_ne(alice.partition, bob.partition);
    reopen(); /* slot ids are others now */
    ck_assert_uint_eq(try(&alice, BYTES_OF_ARRAY(right)), CKR_OK);
    ck_assert_uint_eq(try(&bob, BYTES_OF_ARRAY(wrong)), CKR_OK);
}
END_TEST

START_TEST(token_without_a_partition_or_with_an_unknown_one_is_refused)
{
    struct token_row none = { .name = "none" },
                     unknown = { .name = "unknown", .partition = "0123456789abcdef" };

    ck_assert_uint_eq(try(&none, BYTES_OF_ARRAY(right)), CKR_DATA_INVALID);
    ck_assert_uint_eq(try(&unknown, BYTES_OF_ARRAY(right)), CKR_TOKEN_NOT_PRESENT);
}
END_TEST

START_TEST(token_of_the_master_keys_is_nobodys_partition)
{
    struct token_row false_row = { .name = "mallory" };

    library_text(fixture.hsm->token.info.serialNumber, SERIAL_LEN, false_row.partition);
    ck_assert_uint_eq(try(&false_row, BYTES_OF_ARRAY(right)), CKR_TOKEN_NOT_PRESENT);
    ck_assert_uint_eq(hsm_probe(fixture.hsm), CKR_OK); /* and is still logged in */
}
END_TEST

/* PKCS#11's login is the whole process's: it must open nothing for anybody else. */
START_TEST(open_login_lets_nobody_in_with_another_secret)
{
    struct custody_token *token = unlock_with(&alice, BYTES_OF_ARRAY(right)), *second;

    ck_assert_uint_eq(try(&alice, BYTES_OF_ARRAY(wrong)), CKR_PIN_INCORRECT);
    ck_assert_uint_eq(try(&alice, BYTES(right, 31)), CKR_PIN_INCORRECT);
    ck_assert_uint_eq(try(&alice, BYTES_NONE), CKR_PIN_INCORRECT);
    second = unlock_with(&alice, BYTES_OF_ARRAY(right));
    partition->close(token);
    ck_assert_uint_eq(try(&alice, BYTES_OF_ARRAY(wrong)), CKR_PIN_INCORRECT);
    partition->close(second);
}
END_TEST

/* Somebody in this process logged in behind our back: that is no proof, and S decides. */
START_TEST(login_that_is_not_ours_is_never_believed)
{
    struct hsm_session session;
    struct library_token found;
    char pin[64];

    base64url_encode(BYTES_OF_ARRAY(right), pin);
    ck_assert_uint_eq(library_find_serial(fixture.hsm->library, alice.partition, &found), CKR_OK);
    ck_assert_uint_eq(hsm_session_open(fixture.hsm->library->p11, found.slot, CKF_RW_SESSION, &session),
                      CKR_OK);
    ck_assert_uint_eq(session.p11->C_Login(session.handle, CKU_USER, (CK_UTF8CHAR *)pin, strlen(pin)),
                      CKR_OK);
    ck_assert_uint_ne(try(&alice, BYTES_OF_ARRAY(wrong)), CKR_OK);
    hsm_session_close(&session);
}
END_TEST

START_TEST(last_lease_logs_out)
{
    struct custody_token *first = unlock_with(&alice, BYTES_OF_ARRAY(right));
    struct custody_token *second = unlock_with(&alice, BYTES_OF_ARRAY(right));
    CLEANUP(key_row_clear) struct key_row key = { 0 };

    ck_assert_uint_eq(partition->generate(first, CKK_EC, 256, KEY_SIGNS, &key), CKR_OK);
    partition->close(first);
    ck_assert_uint_eq(sign(second, &key), CKR_OK);
    partition->close(second);
    ck_assert(!hsm_accepts(&alice, BYTES_OF_ARRAY(wrong))); /* asked anew, so nobody is logged in */
}
END_TEST

START_TEST(undone_partition_leaves_nothing)
{
    char backup[SCRATCH_PATH_MAX + 64];

    snprintf(backup, sizeof(backup), "%s-backup/%s", fixture.tokens, alice.partition);
    ck_assert_int_eq(access(backup, F_OK), 0);
    partition->undo(custody, &alice);
    ck_assert_int_ne(access(backup, F_OK), 0);
    reopen();
    ck_assert_uint_eq(try(&alice, BYTES_OF_ARRAY(right)), CKR_TOKEN_NOT_PRESENT);
}
END_TEST

/* ----------------------------------------------------------------------------------------------------- keys */

static void key_signs_now_and_after_a_restart(CK_KEY_TYPE type, unsigned bits)
{
    struct custody_token *token = unlock_with(&alice, BYTES_OF_ARRAY(right));
    CLEANUP(key_row_clear) struct key_row key = { 0 };

    ck_assert(partition->can_hold(custody, type, bits));
    ck_assert_uint_eq(partition->generate(token, type, bits, KEY_SIGNS, &key), CKR_OK);
    ck_assert_uint_eq(key.sealed.len, 0);
    ck_assert_uint_eq(sign(token, &key), CKR_OK);
    partition->close(token);
    reopen();
    token = unlock_with(&alice, BYTES_OF_ARRAY(right));
    ck_assert_uint_eq(sign(token, &key), CKR_OK);
    partition->close(token);
}

START_TEST(rsa_and_ec_keys_sign_now_and_after_a_restart)
{
    key_signs_now_and_after_a_restart(CKK_RSA, 2048);
    key_signs_now_and_after_a_restart(CKK_EC, 256);
    key_signs_now_and_after_a_restart(CKK_EC, 384);
    key_signs_now_and_after_a_restart(CKK_EC, 521);
}
END_TEST

START_TEST(ed25519_key_signs_now_and_after_a_restart)
{
    softhsm_allow_leaks();
    key_signs_now_and_after_a_restart(CKK_EC_EDWARDS, 255);
}
END_TEST

START_TEST(key_was_never_extractable_and_cannot_be_read_or_wrapped)
{
    struct custody_token *token = unlock_with(&alice, BYTES_OF_ARRAY(right));
    CK_ATTRIBUTE private_keys[] = { ATTRIBUTE_NUMBER(CKA_CLASS, CKO_PRIVATE_KEY) };
    const CK_ATTRIBUTE strict[] = { ATTRIBUTE_TRUE(CKA_NEVER_EXTRACTABLE),
                                    ATTRIBUTE_TRUE(CKA_ALWAYS_SENSITIVE), ATTRIBUTE_FALSE(CKA_DECRYPT),
                                    ATTRIBUTE_FALSE(CKA_DERIVE), ATTRIBUTE_FALSE(CKA_COPYABLE) };
    CLEANUP(key_row_clear) struct key_row key = { 0 };
    CLEANUP(buffer_clear) struct buffer value = { 0 };
    CLEANUP(buffer_clear) struct buffer id = { 0 };
    struct library_token found;
    struct hsm_session session;
    CK_OBJECT_HANDLE object;
    CK_ULONG count = 0;

    ck_assert_uint_eq(partition->generate(token, CKK_EC, 256, KEY_SIGNS, &key), CKR_OK);
    ck_assert_uint_eq(library_find_serial(fixture.hsm->library, alice.partition, &found), CKR_OK);
    ck_assert_uint_eq(hsm_session_open(fixture.hsm->library->p11, found.slot, CKF_RW_SESSION, &session),
                      CKR_OK);
    ck_assert_uint_eq(hsm_session_find(&session, private_keys, 1, &object, 1, &count), CKR_OK);
    ck_assert_uint_eq(count, 1);
    ck_assert_uint_eq(hsm_session_matches(&session, object, strict, 5), CKR_OK);
    ck_assert_uint_eq(hsm_session_attribute(&session, object, CKA_VALUE, &value), CKR_ATTRIBUTE_SENSITIVE);
    ck_assert_uint_eq(hsm_session_attribute(&session, object, CKA_ID, &id), CKR_OK);
    ck_assert(bytes_equal(buffer_bytes(&id), BYTES(key.name, KEY_ID_LEN)));
    hsm_session_close(&session);
    partition->close(token);
}
END_TEST

START_TEST(key_of_one_partition_does_not_sign_in_another)
{
    struct custody_token *token = unlock_with(&alice, BYTES_OF_ARRAY(right)), *others;
    CLEANUP(key_row_clear) struct key_row key = { 0 };

    ck_assert_uint_eq(partition->create(custody, &bob, BYTES_OF_ARRAY(right), &row), CKR_OK);
    others = unlock_with(&bob, BYTES_OF_ARRAY(right));
    ck_assert_uint_eq(partition->generate(token, CKK_EC, 256, KEY_SIGNS, &key), CKR_OK);
    ck_assert_uint_eq(sign(others, &key), CKR_DATA_INVALID);
    ck_assert_uint_eq(sign(token, &key), CKR_OK);
    partition->close(token);
    partition->close(others);
}
END_TEST

/* ----------------------------------------------------------------------------------------------- new secret */

static CK_RV change(struct custody_token *token)
{
    return partition->change_secret(token, BYTES_OF_ARRAY(right), BYTES_OF_ARRAY(wrong), &row);
}

START_TEST(new_secret_opens_and_the_old_one_does_not)
{
    struct custody_token *token = unlock_with(&alice, BYTES_OF_ARRAY(right));
    CLEANUP(key_row_clear) struct key_row key = { 0 };

    ck_assert_uint_eq(partition->generate(token, CKK_RSA, 2048, KEY_SIGNS, &key), CKR_OK);
    ck_assert_uint_eq(change(token), CKR_OK);
    partition->settle(token, BYTES_OF_ARRAY(right), BYTES_OF_ARRAY(wrong), true);
    ck_assert_uint_eq(try(&alice, BYTES_OF_ARRAY(right)), CKR_PIN_INCORRECT); /* while the login stands */
    ck_assert_uint_eq(try(&alice, BYTES_OF_ARRAY(wrong)), CKR_OK);
    partition->close(token);
    ck_assert(!hsm_accepts(&alice, BYTES_OF_ARRAY(right)));
    ck_assert(hsm_accepts(&alice, BYTES_OF_ARRAY(wrong)));
    reopen();
    token = unlock_with(&alice, BYTES_OF_ARRAY(wrong));
    ck_assert_uint_eq(sign(token, &key), CKR_OK);
    partition->close(token);
}
END_TEST

START_TEST(secret_whose_transaction_was_lost_is_put_back)
{
    struct custody_token *token = unlock_with(&alice, BYTES_OF_ARRAY(right));

    ck_assert_uint_eq(change(token), CKR_OK);
    partition->settle(token, BYTES_OF_ARRAY(right), BYTES_OF_ARRAY(wrong), false);
    partition->close(token);
    ck_assert(hsm_accepts(&alice, BYTES_OF_ARRAY(right)));
    ck_assert(!hsm_accepts(&alice, BYTES_OF_ARRAY(wrong)));
}
END_TEST

/* Between the partition's change and the end of the store's transaction the process dies: either S may be the one. */
static void die_in_the_middle_of_a_change(struct key_row *key)
{
    struct custody_token *token = unlock_with(&alice, BYTES_OF_ARRAY(right));

    ck_assert_uint_eq(partition->generate(token, CKK_EC, 256, KEY_SIGNS, key), CKR_OK);
    ck_assert_uint_eq(change(token), CKR_OK);
    partition->close(token); /* no settle() */
    reopen();
}

START_TEST(death_before_the_transaction_ends_leaves_the_old_secret_usable)
{
    CLEANUP(key_row_clear) struct key_row key = { 0 };
    struct custody_token *token = NULL;

    die_in_the_middle_of_a_change(&key);
    /* Found out at the first unlock, which asks for a new process; nothing else is believed until then. */
    ck_assert_uint_eq(try(&alice, BYTES_OF_ARRAY(right)), CKR_DEVICE_ERROR);
    ck_assert_uint_gt(hsm_objects_made(fixture.hsm), 1000000000);
    ck_assert_uint_eq(try(&alice, BYTES_OF_ARRAY(wrong)), CKR_DEVICE_ERROR);
    reopen();
    token = unlock_with(&alice, BYTES_OF_ARRAY(right));
    ck_assert_uint_eq(sign(token, &key), CKR_OK);
    partition->close(token);
}
END_TEST

START_TEST(death_after_the_transaction_ends_leaves_the_new_secret_usable)
{
    CLEANUP(key_row_clear) struct key_row key = { 0 };
    struct custody_token *token = NULL;

    die_in_the_middle_of_a_change(&key);
    token = unlock_with(&alice, BYTES_OF_ARRAY(wrong));
    ck_assert_uint_eq(sign(token, &key), CKR_OK);
    partition->close(token);
}
END_TEST

/* SoftHSM's C_Login truncates token.object and then writes it; a process killed in between leaves it empty. */
START_TEST(token_emptied_by_a_killed_login_is_repaired_at_the_next_start)
{
    struct custody_token *token = unlock_with(&alice, BYTES_OF_ARRAY(right));
    CLEANUP(key_row_clear) struct key_row key = { 0 };
    char command[2 * SCRATCH_PATH_MAX];

    ck_assert_uint_eq(partition->generate(token, CKK_EC, 256, KEY_SIGNS, &key), CKR_OK);
    partition->close(token);
    partition->free(custody);
    softhsm_close();
    snprintf(command, sizeof(command), "truncate -s 0 %s/*-%.4s-%.12s/token.object", fixture.tokens,
             alice.partition, alice.partition + 4);
    ck_assert_int_eq(system(command), 0);
    softhsm_open();
    new_custody();
    token = unlock_with(&alice, BYTES_OF_ARRAY(right));
    ck_assert_uint_eq(sign(token, &key), CKR_OK);
    partition->close(token);
}
END_TEST

static void log_in_and_out_until_killed(int ready)
{
    softhsm_open();
    new_custody();
    ck_assert_int_eq(write(ready, "", 1), 1);
    for (;;)
        partition->close(unlock_with(&alice, BYTES_OF_ARRAY(right)));
}

/* Not before it loops: the master keys' token, which is read only where partitions are served, is not at stake. */
static void kill_a_process_that_logs_in(unsigned after_us)
{
    int ready[2];
    pid_t child;
    char byte;

    ck_assert_int_eq(pipe(ready), 0);
    child = fork();
    if (child == 0)
        log_in_and_out_until_killed(ready[1]);
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    usleep(after_us);
    kill(child, SIGKILL);
    scratch_wait(child);
    close(ready[0]);
    close(ready[1]);
}

START_TEST(processes_killed_while_logging_in_lose_no_key)
{
    struct custody_token *token = unlock_with(&alice, BYTES_OF_ARRAY(right));
    CLEANUP(key_row_clear) struct key_row key = { 0 };

    ck_assert_uint_eq(partition->generate(token, CKK_EC, 256, KEY_SIGNS, &key), CKR_OK);
    partition->close(token);
    partition->free(custody);
    softhsm_close();
    for (unsigned i = 0; i < KILLS; i++)
        kill_a_process_that_logs_in(1000 + 700 * i);
    softhsm_open();
    new_custody();
    token = unlock_with(&alice, BYTES_OF_ARRAY(right));
    ck_assert_uint_eq(sign(token, &key), CKR_OK);
    partition->close(token);
}
END_TEST

START_TEST(destroyed_key_is_gone_for_good_and_others_stay)
{
    struct custody_token *token = unlock_with(&alice, BYTES_OF_ARRAY(right));
    CLEANUP(key_row_clear) struct key_row key = { 0 };
    CLEANUP(key_row_clear) struct key_row other = { 0 };

    ck_assert_uint_eq(partition->generate(token, CKK_EC, 256, KEY_SIGNS, &key), CKR_OK);
    ck_assert_uint_eq(partition->generate(token, CKK_EC, 256, KEY_SIGNS, &other), CKR_OK);
    ck_assert_uint_eq(partition->destroy(token, &key), CKR_OK);
    ck_assert_uint_eq(sign(token, &key), CKR_DATA_INVALID);
    ck_assert_uint_eq(partition->destroy(token, &key), CKR_DATA_INVALID);
    partition->close(token);
    reopen();
    token = unlock_with(&alice, BYTES_OF_ARRAY(right));
    ck_assert_uint_eq(sign(token, &key), CKR_DATA_INVALID);
    ck_assert_uint_eq(sign(token, &other), CKR_OK);
    partition->close(token);
}
END_TEST

START_TEST(partition_that_cannot_be_kept_safe_makes_no_key)
{
    struct custody_token *token = unlock_with(&alice, BYTES_OF_ARRAY(right));
    struct key_row key = { 0 };
    char backup[3 * SCRATCH_PATH_MAX];

    /* A file where the folder of backups should be. */
    snprintf(backup, sizeof(backup), "rm -r %s-backup && touch %s-backup", fixture.tokens, fixture.tokens);
    ck_assert_int_eq(system(backup), 0);
    ck_assert_uint_eq(partition->generate(token, CKK_EC, 256, KEY_SIGNS, &key), CKR_DEVICE_ERROR);
    ck_assert_uint_eq(key.spki.len, 0);
    ck_assert_uint_eq(change(token), CKR_DEVICE_ERROR);
    partition->close(token);
    ck_assert(hsm_accepts(&alice, BYTES_OF_ARRAY(right)));
}
END_TEST

SUITE_WITH_FIXTURE(
    "partition", setup, teardown, new_partition_has_a_serial_number_and_opens_to_its_secret_alone,
    partition_is_found_by_its_serial_number_after_a_restart,
    token_without_a_partition_or_with_an_unknown_one_is_refused,
    token_of_the_master_keys_is_nobodys_partition, open_login_lets_nobody_in_with_another_secret,
    login_that_is_not_ours_is_never_believed, last_lease_logs_out, undone_partition_leaves_nothing,
    rsa_and_ec_keys_sign_now_and_after_a_restart, ed25519_key_signs_now_and_after_a_restart,
    key_was_never_extractable_and_cannot_be_read_or_wrapped, key_of_one_partition_does_not_sign_in_another,
    new_secret_opens_and_the_old_one_does_not, secret_whose_transaction_was_lost_is_put_back,
    death_before_the_transaction_ends_leaves_the_old_secret_usable,
    death_after_the_transaction_ends_leaves_the_new_secret_usable,
    token_emptied_by_a_killed_login_is_repaired_at_the_next_start,
    processes_killed_while_logging_in_lose_no_key, destroyed_key_is_gone_for_good_and_others_stay,
    partition_that_cannot_be_kept_safe_makes_no_key);
