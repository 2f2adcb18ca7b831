/* SPDX-License-Identifier: Apache-2.0 */
/* test_remote_token.c - a token as its application sees it, while the fleet and the network do what they do. */
#include "client/remote.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "proto/digest.h"
#include "tests/support/suite.h"
#include "tests/unit/client/fake_signer.h"

static struct fake_signer *fake;
static struct remote *remote;
static struct remote_token *token;
static struct remote_error what;

static void set_up(void)
{
    fake = fake_signer_new();
    fake_signer_set_pin(fake, "123456");
    ck_assert_int_eq(remote_new(NULL, &fake->deployment, &fake->channel, &remote), 0);
    ck_assert_int_eq(remote_token_new(remote, "anna", &token), 0);
}

static void tear_down(void)
{
    remote_token_free(token);
    remote_free(remote);
}

static CK_RV login(const char *pin)
{
    return remote_token_login(token, bytes_of_text(pin), &what);
}

static CK_RV sign(const char *data)
{
    CLEANUP(buffer_clear) struct buffer signature = { 0 };
    uint8_t name[KEY_NAME_LEN] = { 1 }, expected[HASH_LEN];
    struct remote_sign request = { .key_name = BYTES_OF_ARRAY(name),
                                   .raw = CKM_RSA_PKCS,
                                   .data = bytes_of_text(data) };
    CK_RV rv = remote_token_sign(token, &request, &signature, &what);

    if (rv == CKR_OK) {
        ck_assert_int_eq(digest_sha256(NULL, bytes_of_text(data), expected), 0);
        ck_assert(bytes_equal(buffer_bytes(&signature), BYTES_OF_ARRAY(expected)));
    }
    return rv;
}

static CK_RV look(unsigned max_age_ms, bool *is_confirmed)
{
    struct remote_snapshot *snapshot = NULL;
    CK_RV rv = remote_token_snapshot(token, max_age_ms, &snapshot, &what);

    if (rv == CKR_OK) {
        ck_assert_uint_eq(snapshot->content->n_key, 1);
        ck_assert_str_eq(snapshot->content->key[0]->label, "my key");
        *is_confirmed = snapshot->is_confirmed;
    }
    remote_snapshot_unref(snapshot);
    return rv;
}

/* ------------------------------------------------------------------------------------------------------- listing */

START_TEST(listing_twice_costs_one_call)
{
    bool is_confirmed = true;

    ck_assert_uint_eq(look(60000, &is_confirmed), CKR_OK);
    ck_assert_uint_eq(look(60000, &is_confirmed), CKR_OK);
    ck_assert(!is_confirmed);
    ck_assert_uint_eq(fake->calls[METHOD_GetToken], 1);
}
END_TEST

START_TEST(unchanged_snapshot_is_kept_when_the_server_leaves_it_out)
{
    bool is_confirmed;

    ck_assert_uint_eq(look(0, &is_confirmed), CKR_OK);
    ck_assert_uint_eq(look(0, &is_confirmed), CKR_OK);
    ck_assert_uint_eq(fake->calls[METHOD_GetToken], 2);
}
END_TEST

START_TEST(unknown_token_is_not_present)
{
    struct remote_token *other = NULL;
    struct remote_snapshot *snapshot = NULL;

    ck_assert_int_eq(remote_token_new(remote, "nobody", &other), 0);
    ck_assert_uint_eq(remote_token_snapshot(other, 0, &snapshot, &what), CKR_TOKEN_NOT_PRESENT);
    remote_token_free(other);
}
END_TEST

START_TEST(tokens_are_listed_in_the_servers_order)
{
    char **names = NULL;
    size_t count = 0;

    ck_assert_uint_eq(remote_list_tokens(remote, &names, &count, &what), CKR_OK);
    ck_assert_uint_eq(count, 2);
    ck_assert_str_eq(names[0], "anna");
    ck_assert_str_eq(names[1], "berta");
    free(names[0]);
    free(names[1]);
    free(names);
}
END_TEST

START_TEST(key_whose_name_is_not_its_hash_is_refused)
{
    bool is_confirmed;

    fake->serves_wrong_name = true;
    ck_assert_uint_eq(look(0, &is_confirmed), CKR_DEVICE_ERROR);
}
END_TEST

START_TEST(sealing_key_of_a_foreign_issuer_is_refused)
{
    fake->serves_foreign_chain = true;
    ck_assert_uint_eq(login("123456"), CKR_DEVICE_ERROR);
    ck_assert_uint_eq(fake->calls[METHOD_Unlock], 0);
}
END_TEST

START_TEST(unreachable_server_is_reported_at_once_to_a_listing)
{
    bool is_confirmed;

    fake_signer_script(fake, METHOD_GetToken, FAKE_UNREACHABLE);
    ck_assert_uint_eq(look(0, &is_confirmed), CKR_DEVICE_REMOVED);
    ck_assert_uint_eq(fake->calls[METHOD_GetToken], 1);
}
END_TEST

START_TEST(server_that_is_being_restarted_is_waited_for)
{
    bool is_confirmed;

    ck_assert_uint_eq(look(0, &is_confirmed), CKR_OK);
    fake_signer_script(fake, METHOD_GetToken, FAKE_UNREACHABLE);
    fake_signer_script(fake, METHOD_GetToken, FAKE_LOSE_REPLY);
    ck_assert_uint_eq(look(0, &is_confirmed), CKR_OK);
}
END_TEST

/* ------------------------------------------------------------------------------------------------------- logging in */

START_TEST(login_and_signature_cost_one_call_each)
{
    bool is_confirmed = false;

    ck_assert_uint_eq(look(60000, &is_confirmed), CKR_OK);
    ck_assert_uint_eq(login("123456"), CKR_OK);
    ck_assert_uint_eq(sign("hello"), CKR_OK);
    ck_assert_uint_eq(look(60000, &is_confirmed), CKR_OK);
    ck_assert(is_confirmed);
    ck_assert_uint_eq(fake->calls[METHOD_GetToken], 1);
    ck_assert_uint_eq(fake->calls[METHOD_Unlock], 1);
    ck_assert_uint_eq(fake->calls[METHOD_Sign], 1);
}
END_TEST

START_TEST(signature_without_login_is_refused_here)
{
    ck_assert_uint_eq(sign("hello"), CKR_USER_NOT_LOGGED_IN);
    ck_assert_uint_eq(fake->calls[METHOD_Sign], 0);
}
END_TEST

START_TEST(second_login_is_refused_here)
{
    ck_assert_uint_eq(login("123456"), CKR_OK);
    ck_assert_uint_eq(login("123456"), CKR_USER_ALREADY_LOGGED_IN);
    ck_assert_uint_eq(fake->calls[METHOD_Unlock], 1);
}
END_TEST

START_TEST(short_pin_costs_no_attempt)
{
    ck_assert_uint_eq(login("12345"), CKR_PIN_LEN_RANGE);
    ck_assert_uint_eq(fake->calls[METHOD_GetToken], 0);
}
END_TEST

START_TEST(wrong_pin_tells_the_tries_left)
{
    ck_assert_uint_eq(login("654321"), CKR_PIN_INCORRECT);
    ck_assert(what.failure.is_authentic);
    ck_assert_uint_eq(what.failure.tries_left, FAKE_TRIES - 1);
    ck_assert(!remote_token_is_logged_in(token));
    ck_assert_uint_eq(login("123456"), CKR_OK);
}
END_TEST

START_TEST(forged_wrong_pin_is_not_believed)
{
    fake_signer_script(fake, METHOD_Unlock, FAKE_FORGE_PIN);
    ck_assert_uint_eq(login("123456"), CKR_DEVICE_ERROR);
    fake_signer_script(fake, METHOD_Unlock, FAKE_FORGE_LOCKED);
    ck_assert_uint_eq(login("123456"), CKR_DEVICE_ERROR);
    ck_assert(!what.failure.is_authentic);
}
END_TEST

START_TEST(altered_answer_to_unlock_is_refused)
{
    fake_signer_script(fake, METHOD_Unlock, FAKE_ALTER_REPLY);
    ck_assert_uint_eq(login("123456"), CKR_DEVICE_ERROR);
    ck_assert(!remote_token_is_logged_in(token));
}
END_TEST

START_TEST(stale_challenge_is_replaced_without_an_attempt)
{
    bool is_confirmed;

    ck_assert_uint_eq(look(0, &is_confirmed), CKR_OK);
    fake->challenges += 100; /* all that were served are stale now */
    ck_assert_uint_eq(login("123456"), CKR_OK);
    ck_assert_uint_eq(fake->calls[METHOD_Unlock], 2);
    ck_assert_uint_eq(fake->failures, 0);
}
END_TEST

START_TEST(lost_answer_to_unlock_is_made_up_for)
{
    fake_signer_script(fake, METHOD_Unlock, FAKE_LOSE_REPLY);
    ck_assert_uint_eq(login("123456"), CKR_OK);
    ck_assert_uint_eq(sign("hello"), CKR_OK);
}
END_TEST

START_TEST(pin_changed_elsewhere_is_stretched_for_its_new_version)
{
    bool is_confirmed;

    ck_assert_uint_eq(look(0, &is_confirmed), CKR_OK);
    fake_signer_set_pin(fake, "abcdef");
    ck_assert_uint_eq(login("abcdef"), CKR_OK);
    ck_assert_uint_eq(fake->failures, 0);
}
END_TEST

START_TEST(token_without_a_pin_says_so)
{
    fake->pin_version = 0;
    ck_assert_uint_eq(login("123456"), CKR_USER_PIN_NOT_INITIALIZED);
}
END_TEST

START_TEST(cheap_stretching_is_refused)
{
    fake->cost.memory_kib = 1024;
    ck_assert_uint_eq(login("123456"), CKR_DEVICE_ERROR);
    ck_assert_uint_eq(fake->calls[METHOD_Unlock], 0);
}
END_TEST

START_TEST(listing_that_no_signer_stands_for_refuses_the_login)
{
    fake->served_label = "somebody else's";
    ck_assert_uint_eq(login("123456"), CKR_DEVICE_ERROR);
    ck_assert(!remote_token_is_logged_in(token));
}
END_TEST

START_TEST(listing_that_was_altered_before_login_is_fetched_again)
{
    struct remote_snapshot *snapshot = NULL;
    bool is_confirmed = false;

    fake->served_label = "somebody else's";
    ck_assert_uint_eq(remote_token_snapshot(token, 0, &snapshot, &what), CKR_OK);
    remote_snapshot_unref(snapshot);
    fake->served_label = NULL;
    ck_assert_uint_eq(login("123456"), CKR_OK);
    ck_assert_uint_eq(look(60000, &is_confirmed), CKR_OK);
    ck_assert(is_confirmed);
}
END_TEST

START_TEST(change_by_another_device_is_proved_with_one_unlock)
{
    bool is_confirmed = false;

    ck_assert_uint_eq(login("123456"), CKR_OK);
    fake->version++;
    ck_assert_uint_eq(look(0, &is_confirmed), CKR_OK);
    ck_assert(is_confirmed);
    ck_assert_uint_eq(fake->calls[METHOD_GetToken], 2);
    ck_assert_uint_eq(fake->calls[METHOD_Unlock], 2);
}
END_TEST

START_TEST(listing_altered_during_a_login_is_refused)
{
    bool is_confirmed;

    ck_assert_uint_eq(login("123456"), CKR_OK);
    fake->served_label = "somebody else's";
    ck_assert_uint_eq(look(0, &is_confirmed), CKR_DEVICE_ERROR);
}
END_TEST

/* ------------------------------------------------------------------------------------------------------ logging out */

START_TEST(same_pin_after_logout_costs_nothing)
{
    ck_assert_uint_eq(login("123456"), CKR_OK);
    for (int i = 0; i < 3; i++) {
        remote_token_logout(token);
        ck_assert(!remote_token_is_logged_in(token));
        ck_assert_uint_eq(sign("hello"), CKR_USER_NOT_LOGGED_IN);
        ck_assert_uint_eq(login("123456"), CKR_OK);
    }
    ck_assert_uint_eq(fake->calls[METHOD_Unlock], 1);
    ck_assert_uint_eq(sign("hello"), CKR_OK);
}
END_TEST

START_TEST(other_pin_after_logout_goes_to_the_server)
{
    ck_assert_uint_eq(login("123456"), CKR_OK);
    remote_token_logout(token);
    ck_assert_uint_eq(login("654321"), CKR_PIN_INCORRECT);
    ck_assert_uint_eq(login("123456"), CKR_OK);
    ck_assert_uint_eq(fake->calls[METHOD_Unlock], 3);
}
END_TEST

START_TEST(logout_is_told_to_the_signer_when_its_time_is_over)
{
    bool is_confirmed;

    ck_assert_uint_eq(login("123456"), CKR_OK);
    remote_token_logout(token);
    usleep(5200 * 1000);
    ck_assert_uint_eq(look(60000, &is_confirmed), CKR_OK);
    ck_assert_uint_eq(fake->executed[METHOD_Lock], 1);
    ck_assert_uint_eq(login("123456"), CKR_OK);
    ck_assert_uint_eq(fake->calls[METHOD_Unlock], 2);
}
END_TEST

/* --------------------------------------------------------------------------------------------------------- signing */

START_TEST(dead_signer_costs_one_unlock_and_keeps_the_request_id)
{
    ck_assert_uint_eq(login("123456"), CKR_OK);
    fake_signer_script(fake, METHOD_Sign, FAKE_SIGNER_DIES);
    ck_assert_uint_eq(sign("hello"), CKR_OK);
    ck_assert_uint_eq(fake->calls[METHOD_GetToken], 1); /* the challenge came with UNLOCK_REQUIRED */
    ck_assert_uint_eq(fake->calls[METHOD_Unlock], 2);
    ck_assert_uint_eq(fake->executed[METHOD_Sign], 1);
}
END_TEST

START_TEST(reply_lost_with_its_signer_is_signed_again_under_the_same_request_id)
{
    ck_assert_uint_eq(login("123456"), CKR_OK);
    fake_signer_script(fake, METHOD_Sign, FAKE_LOSE_REPLY);
    fake_signer_script(fake, METHOD_Sign, FAKE_SIGNER_DIES);
    ck_assert_uint_eq(sign("hello"), CKR_OK);
    ck_assert_uint_eq(fake->executed[METHOD_Sign], 2);
    ck_assert_uint_eq(fake->request_ids_seen, 1);
}
END_TEST

START_TEST(lost_reply_is_asked_for_again_not_signed_again)
{
    ck_assert_uint_eq(login("123456"), CKR_OK);
    fake_signer_script(fake, METHOD_Sign, FAKE_LOSE_REPLY);
    fake_signer_script(fake, METHOD_Sign, FAKE_UNREACHABLE);
    ck_assert_uint_eq(sign("hello"), CKR_OK);
    ck_assert_uint_eq(fake->calls[METHOD_Sign], 3);
    ck_assert_uint_eq(fake->executed[METHOD_Sign], 1);
}
END_TEST

START_TEST(busy_server_is_asked_again)
{
    ck_assert_uint_eq(login("123456"), CKR_OK);
    for (int i = 0; i < 5; i++)
        fake_signer_script(fake, METHOD_Sign, FAKE_BUSY);
    ck_assert_uint_eq(sign("hello"), CKR_OK);
    ck_assert_uint_eq(fake->calls[METHOD_Sign], 6);
}
END_TEST

START_TEST(unreachable_server_ends_within_its_time)
{
    ck_assert_uint_eq(login("123456"), CKR_OK);
    for (int i = 0; i < FAKE_SCRIPT_MAX; i++)
        fake_signer_script(fake, METHOD_Sign, FAKE_UNREACHABLE);
    ck_assert_uint_eq(sign("hello"), CKR_DEVICE_ERROR);
    ck_assert_uint_lt(fake->calls[METHOD_Sign], FAKE_SCRIPT_MAX);
    ck_assert(remote_token_is_logged_in(token));
}
END_TEST

START_TEST(altered_signature_is_refused)
{
    ck_assert_uint_eq(login("123456"), CKR_OK);
    fake_signer_script(fake, METHOD_Sign, FAKE_ALTER_REPLY);
    ck_assert_uint_eq(sign("hello"), CKR_DEVICE_ERROR);
}
END_TEST

START_TEST(pin_changed_elsewhere_ends_the_login_without_counting)
{
    ck_assert_uint_eq(login("123456"), CKR_OK);
    fake_signer_set_pin(fake, "abcdef");
    fake_signer_script(fake, METHOD_Sign, FAKE_SIGNER_DIES);
    ck_assert_uint_eq(sign("hello"), CKR_USER_NOT_LOGGED_IN);
    ck_assert(!remote_token_is_logged_in(token));
    ck_assert_uint_eq(fake->failures, 0);
}
END_TEST

static void *sign_some(void *cookie)
{
    CLEANUP(buffer_clear) struct buffer signature = { 0 };
    uint8_t name[KEY_NAME_LEN] = { 1 };
    struct remote_sign request = { .key_name = BYTES_OF_ARRAY(name),
                                   .raw = CKM_RSA_PKCS,
                                   .data = BYTES(name, 8) };
    struct remote_error error;

    *(CK_RV *)cookie = remote_token_sign(token, &request, &signature, &error);
    return NULL;
}

START_TEST(sixteen_threads_share_one_unlock)
{
    pthread_t threads[16];
    CK_RV results[16];

    ck_assert_uint_eq(login("123456"), CKR_OK);
    fake->lease_count = 0;
    for (int i = 0; i < 16; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, sign_some, &results[i]), 0);
    for (int i = 0; i < 16; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_uint_eq(results[i], CKR_OK);
    }
    ck_assert_uint_eq(fake->calls[METHOD_Unlock], 2);
    ck_assert_uint_eq(fake->executed[METHOD_Sign], 16);
}
END_TEST

static unsigned unlocks_asked(void)
{
    unsigned calls;

    pthread_mutex_lock(&fake->lock);
    calls = fake->calls[METHOD_Unlock];
    pthread_mutex_unlock(&fake->lock);
    return calls;
}

START_TEST(unlock_of_a_thread_without_time_fails_no_other)
{
    pthread_t hurried;
    CK_RV result;

    ck_assert_uint_eq(login("123456"), CKR_OK);
    fake->lease_count = 0;
    for (int i = 0; i < 20; i++) /* 600 ms */
        fake_signer_script(fake, METHOD_Unlock, FAKE_BUSY);
    fake->deployment.sign_timeout_ms = 300;
    ck_assert_int_eq(pthread_create(&hurried, NULL, sign_some, &result), 0);
    while (unlocks_asked() < 2)
        usleep(1000);
    fake->deployment.sign_timeout_ms = 60000;
    ck_assert_uint_eq(sign("hello"), CKR_OK);
    pthread_join(hurried, NULL);
    ck_assert_uint_eq(result, CKR_DEVICE_ERROR);
}
END_TEST

/* -------------------------------------------------------------------------------------------- changing the token */

START_TEST(generated_key_shows_in_a_confirmed_listing)
{
    uint8_t name[KEY_NAME_LEN];
    bool is_confirmed = false;

    ck_assert_uint_eq(login("123456"), CKR_OK);
    ck_assert_uint_eq(
        remote_token_generate(
            token, &(struct remote_new_key){ .type = CKK_RSA, .bits = 2048, .label = "new" }, name, &what),
        CKR_OK);
    ck_assert_str_eq((const char *)name, "a new key");
    ck_assert_uint_eq(look(60000, &is_confirmed), CKR_OK);
    ck_assert(is_confirmed);
}
END_TEST

START_TEST(lost_answer_to_generate_is_not_repeated)
{
    uint8_t name[KEY_NAME_LEN];

    ck_assert_uint_eq(login("123456"), CKR_OK);
    fake_signer_script(fake, METHOD_GenerateKey, FAKE_LOSE_REPLY);
    ck_assert_uint_eq(
        remote_token_generate(
            token, &(struct remote_new_key){ .type = CKK_RSA, .bits = 2048, .label = "new" }, name, &what),
        CKR_DEVICE_ERROR);
    ck_assert_uint_eq(fake->calls[METHOD_GenerateKey], 1);
    ck_assert_ptr_nonnull(strstr(what.detail, "was done or was not"));
}
END_TEST

START_TEST(login_goes_on_with_the_new_pin)
{
    ck_assert_uint_eq(login("123456"), CKR_OK);
    ck_assert_uint_eq(remote_token_change_pin(token, bytes_of_text("123456"), bytes_of_text("abcdef"), &what),
                      CKR_OK);
    ck_assert_uint_eq(sign("hello"), CKR_OK);
    remote_token_logout(token);
    ck_assert_uint_eq(login("abcdef"), CKR_OK);
}
END_TEST

START_TEST(change_with_a_wrong_old_pin_is_refused_and_counted)
{
    ck_assert_uint_eq(remote_token_change_pin(token, bytes_of_text("000000"), bytes_of_text("abcdef"), &what),
                      CKR_PIN_INCORRECT);
    ck_assert_uint_eq(fake->failures, 1);
    ck_assert_uint_eq(fake->pin_version, 1);
}
END_TEST

START_TEST(lost_answer_to_a_change_is_found_out)
{
    fake_signer_script(fake, METHOD_ChangePin, FAKE_LOSE_REPLY);
    ck_assert_uint_eq(remote_token_change_pin(token, bytes_of_text("123456"), bytes_of_text("abcdef"), &what),
                      CKR_OK);
    ck_assert_uint_eq(fake->executed[METHOD_ChangePin], 1);
    ck_assert_uint_eq(login("abcdef"), CKR_OK);
}
END_TEST

START_TEST(change_that_never_arrived_is_an_error)
{
    for (int i = 0; i < FAKE_SCRIPT_MAX; i++)
        fake_signer_script(fake, METHOD_ChangePin, FAKE_UNREACHABLE);
    ck_assert_uint_eq(remote_token_change_pin(token, bytes_of_text("123456"), bytes_of_text("abcdef"), &what),
                      CKR_DEVICE_REMOVED);
    ck_assert_uint_eq(login("123456"), CKR_OK);
}
END_TEST

START_TEST(activation_code_sets_the_first_pin)
{
    static const char code[] = "sixteen letters", wrong[] = "sixteen LETTERS";

    fake->pin_version = 0;
    ck_assert_uint_eq(remote_token_set_pin(token, BYTES(wrong, 16), bytes_of_text("abcdef"), &what),
                      CKR_PIN_INCORRECT);
    ck_assert_uint_eq(what.failure.reason, REASON_CODE_INCORRECT);
    ck_assert_uint_eq(remote_token_set_pin(token, BYTES(code, 16), bytes_of_text("abcdef"), &what), CKR_OK);
    ck_assert_uint_eq(login("abcdef"), CKR_OK);
}
END_TEST

/* ------------------------------------------------------------------------------------------------------ operators */

START_TEST(operators_request_is_signed)
{
    Privyseal__V1__SetUserEnabledRequest request = PRIVYSEAL__V1__SET_USER_ENABLED_REQUEST__INIT;
    struct throwaway officer = throwaway_make(THROWAWAY_CLIENT, &fake->root, NULL);
    STACK_OF(X509) *chain = sk_X509_new_null();
    ProtobufCMessage *reply = NULL;

    request.user = (char *)"berta";
    sk_X509_push(chain, officer.certificate);
    ck_assert_uint_eq(
        remote_operate(remote, METHOD_SetUserEnabled, &request.base, officer.key, chain, &reply, &what),
        CKR_OK);
    ck_assert_ptr_nonnull(reply);
    ck_assert_uint_eq(fake->executed[METHOD_SetUserEnabled], 1);
    protobuf_c_message_free_unpacked(reply, NULL);
    sk_X509_free(chain);
    throwaway_clear(&officer);
}
END_TEST

SUITE_WITH_FIXTURE(
    "remote_token", set_up, tear_down, listing_twice_costs_one_call,
    unchanged_snapshot_is_kept_when_the_server_leaves_it_out, unknown_token_is_not_present,
    tokens_are_listed_in_the_servers_order, key_whose_name_is_not_its_hash_is_refused,
    sealing_key_of_a_foreign_issuer_is_refused, unreachable_server_is_reported_at_once_to_a_listing,
    server_that_is_being_restarted_is_waited_for, login_and_signature_cost_one_call_each,
    signature_without_login_is_refused_here, second_login_is_refused_here, short_pin_costs_no_attempt,
    wrong_pin_tells_the_tries_left, forged_wrong_pin_is_not_believed, altered_answer_to_unlock_is_refused,
    stale_challenge_is_replaced_without_an_attempt, lost_answer_to_unlock_is_made_up_for,
    pin_changed_elsewhere_is_stretched_for_its_new_version, token_without_a_pin_says_so,
    cheap_stretching_is_refused, listing_that_no_signer_stands_for_refuses_the_login,
    listing_that_was_altered_before_login_is_fetched_again,
    change_by_another_device_is_proved_with_one_unlock, listing_altered_during_a_login_is_refused,
    same_pin_after_logout_costs_nothing, other_pin_after_logout_goes_to_the_server,
    logout_is_told_to_the_signer_when_its_time_is_over, dead_signer_costs_one_unlock_and_keeps_the_request_id,
    reply_lost_with_its_signer_is_signed_again_under_the_same_request_id,
    lost_reply_is_asked_for_again_not_signed_again, busy_server_is_asked_again,
    unreachable_server_ends_within_its_time, altered_signature_is_refused,
    pin_changed_elsewhere_ends_the_login_without_counting, sixteen_threads_share_one_unlock,
    unlock_of_a_thread_without_time_fails_no_other, generated_key_shows_in_a_confirmed_listing,
    lost_answer_to_generate_is_not_repeated, login_goes_on_with_the_new_pin,
    change_with_a_wrong_old_pin_is_refused_and_counted, lost_answer_to_a_change_is_found_out,
    change_that_never_arrived_is_an_error, activation_code_sets_the_first_pin, operators_request_is_signed);
