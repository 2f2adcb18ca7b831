/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A front with its TLS key and socket in hostile hands: it sees, keeps, alters, swaps, forges and repeats. No call of
 * it yields a signature, a changed key or a cleared counter, and no client believes it about a PIN.
 */
#include <string.h>

#include "include/table.h"
#include "proto/pack.h"
#include "tests/loopback/capture.h"
#include "tests/support/suite.h"

static struct captures captures;
static struct remote *remote;
static struct remote_token *token;
static struct remote_error error;
static uint8_t key_name[KEY_NAME_LEN];

static void setup(void)
{
    deployment_setup();
    remote = deployment_remote(&deployment.alice);
    token = deployment_token(remote, PRIVYSEAL__V1__CUSTODY__CUSTODY_WRAPPED);
    ck_assert_uint_eq(remote_token_login(token, PIN, &error), CKR_OK);
    ck_assert_uint_eq(
        remote_token_generate(token, &(struct remote_new_key){ .type = CKK_EC, .bits = 256, .label = "" },
                              key_name, &error),
        CKR_OK);
}

static void teardown(void)
{
    deployment_hook(NULL);
    captures_clear(&captures);
    remote_token_free(token);
    remote_free(remote);
    deployment_teardown();
}

static CK_RV sign(uint8_t first_byte)
{
    CLEANUP(buffer_clear) struct buffer signature = { 0 };
    const uint8_t digest[HASH_LEN] = { first_byte };
    const struct remote_sign request = { .key_name = BYTES_OF_ARRAY(key_name),
                                         .raw = CKM_ECDSA,
                                         .hash = CKM_SHA256,
                                         .data = BYTES_OF_ARRAY(digest) };

    return remote_token_sign(token, &request, &signature, &error);
}

static void log_out(void)
{
    remote_token_logout(token);
    deployment_wait(10000); /* the client forgets a parked login */
}

/* What a front could have changed: counted before and after. */
struct state {
    unsigned signatures, unlocks, keys_made, pins_changed, users_added;
    uint64_t keys, users;
};

static struct state state_now(void)
{
    struct state state = {
        .signatures = deployment_records("\"sign\",\"result\":\"OK\""),
        .unlocks = deployment_records("\"unlock\",\"result\":\"OK\""),
        .keys_made = deployment_records("\"key.generate\",\"result\":\"OK\""),
        .pins_changed = deployment_records("\"pin.change\",\"result\":\"OK\""),
        .users_added = deployment_records("\"user.add\",\"result\":\"OK\""),
    };

    ck_assert_int_eq(store_count(deployment.store, &state.users, &state.keys), 0);
    return state;
}

static void assert_state(const struct state *before)
{
    struct state now = state_now();

    ck_assert_mem_eq(&now, before, sizeof(now));
}

/* How many wrong PINs are counted: seen from the answer to one more. */
static uint32_t tries_left(void)
{
    log_out();
    ck_assert_uint_eq(remote_token_login(token, WRONG_PIN, &error), CKR_PIN_INCORRECT);
    return error.failure.tries_left;
}

/* ------------------------------------------------------------------------------------------------- repeating */

static void use_everything(void)
{
    Privyseal__V1__AddUserRequest add = PRIVYSEAL__V1__ADD_USER_REQUEST__INIT;
    ProtobufCMessage *reply = NULL;
    uint8_t name[KEY_NAME_LEN];

    log_out();
    ck_assert_uint_eq(remote_token_login(token, WRONG_PIN, &error), CKR_PIN_INCORRECT);
    ck_assert_uint_eq(remote_token_login(token, PIN, &error), CKR_OK);
    ck_assert_uint_eq(sign(1), CKR_OK);
    ck_assert_uint_eq(
        remote_token_generate(
            token, &(struct remote_new_key){ .type = CKK_EC, .bits = 384, .label = "second" }, name, &error),
        CKR_OK);
    ck_assert_uint_eq(remote_token_change_pin(token, PIN, OTHER_PIN, &error), CKR_OK);
    ck_assert_uint_eq(sign(2), CKR_OK);
    add.user = "bob";
    ck_assert_uint_eq(deployment_operate(&deployment.operator_, METHOD_AddUser, &add.base, &reply, &error),
                      CKR_OK);
    protobuf_c_message_free_unpacked(reply, NULL);
}

static void repeat_all(const struct person *as)
{
    for (size_t i = 0; i < captures.count; i++) {
        const struct capture *row = &captures.rows[i];
        CLEANUP(channel_reply_clear) struct channel_reply reply = { 0 };

        deployment_carry(row->method, as ? as->certificate_hash : row->certificate_hash,
                         buffer_bytes(&row->request), &reply);
        if (row->method->proof == PROOF_PLAIN)
            continue;
        if (reply.status == GRPC_OK) /* only a session's answer is given again, and it is the same */
            ck_assert(row->method->proof == PROOF_SESSION &&
                      bytes_equal(buffer_bytes(&reply.body), buffer_bytes(&row->reply.body)));
    }
}

START_TEST(captured_messages_repeated_change_nothing)
{
    struct front_hook keep = capture_hook(&captures);
    struct state before;

    deployment_hook(&keep);
    use_everything();
    deployment_hook(NULL);
    before = state_now();
    for (int round = 0; round < 2; round++) {
        repeat_all(NULL);
        assert_state(&before);
        repeat_all(&deployment.mallory);
        assert_state(&before);
        deployment_wait(CHALLENGE_LIFE_MS + 1000); /* a forgotten challenge is still a used one */
    }
}
END_TEST

START_TEST(repeated_wrong_pin_counts_once)
{
    struct front_hook keep = capture_hook(&captures);
    const struct capture *unlock;

    log_out();
    deployment_hook(&keep);
    ck_assert_uint_eq(remote_token_login(token, WRONG_PIN, &error), CKR_PIN_INCORRECT);
    deployment_hook(NULL);
    unlock = captures_last(&captures, METHOD_Unlock);
    for (int i = 0; i < 12; i++) {
        CLEANUP(channel_reply_clear) struct channel_reply reply = { 0 };

        deployment_carry(unlock->method, unlock->certificate_hash, buffer_bytes(&unlock->request), &reply);
        ck_assert_int_ne(reply.status, GRPC_OK);
    }
    ck_assert_uint_eq(tries_left(), 8);
}
END_TEST

/* -------------------------------------------------------------------------------------------------- altering */

/* Flips one bit of the body of one method's messages, at a position that counts up from call to call. */
struct alteration {
    enum method_id method;
    bool is_reply;
    size_t at;
    bool is_beyond; /* the message is shorter than that: all of it has been tried */
    unsigned done;
};

static void flip(struct alteration *alteration, uint8_t *data, size_t len)
{
    alteration->is_beyond = alteration->at >= len;
    if (alteration->is_beyond)
        return;
    data[alteration->at] ^= (uint8_t)(1U << alteration->at % 8);
    alteration->done++;
}

static bool alter_request(void *arg, const struct method *method, Privyseal__V1__Envelope *envelope)
{
    static uint8_t altered[128 * 1024];
    struct alteration *alteration = arg;

    if (alteration->is_reply || method->id != alteration->method)
        return true;
    ck_assert_uint_le(envelope->body.len, sizeof(altered));
    memcpy(altered, envelope->body.data, envelope->body.len);
    envelope->body.data = altered;
    flip(alteration, altered, envelope->body.len);
    return true;
}

static void alter_reply(void *arg, const struct method *method, struct channel_reply *reply)
{
    struct alteration *alteration = arg;

    if (!alteration->is_reply || method->id != alteration->method)
        return;
    if (reply->status == GRPC_OK)
        flip(alteration, reply->body.data, reply->body.len);
    else
        flip(alteration, reply->failure.data, reply->failure.len);
}

static bool is_about_a_pin(CK_RV rv)
{
    return rv == CKR_PIN_INCORRECT || rv == CKR_PIN_LOCKED || rv == CKR_PIN_EXPIRED;
}

static CK_RV try_login(void)
{
    return remote_token_login(token, PIN, &error);
}

static CK_RV try_sign(void)
{
    return sign(3);
}

static CK_RV try_change_pin(void)
{
    return remote_token_change_pin(token, PIN, OTHER_PIN, &error);
}

static CK_RV try_generate(void)
{
    uint8_t name[KEY_NAME_LEN];

    return remote_token_generate(
        token, &(struct remote_new_key){ .type = CKK_EC, .bits = 256, .label = "altered" }, name, &error);
}

/* Every @step-th byte of one method's message, one after the other: none of it may go through. */
static void alter_each(enum method_id method, bool is_reply, size_t step, CK_RV (*try)(void))
{
    struct alteration alteration = { .method = method, .is_reply = is_reply };
    struct front_hook alter = { alter_request, alter_reply, &alteration };

    for (deployment_hook(&alter); !alteration.is_beyond; alteration.at += step) {
        CK_RV rv;

        alteration.done = 0;
        rv = try();
        if (alteration.is_beyond)
            break;
        ck_assert_uint_gt(alteration.done, 0);
        ck_assert_msg(rv != CKR_OK, "byte %zu altered, and it went through", alteration.at);
        ck_assert_msg(!is_about_a_pin(rv), "byte %zu altered, and the client blames the PIN", alteration.at);
    }
    deployment_hook(NULL);
}

START_TEST(altered_sign_request_yields_no_signature)
{
    struct state before = state_now();

    alter_each(METHOD_Sign, false, 1, try_sign);
    before.unlocks = state_now().unlocks; /* the client tries a new lease now and then */
    before.signatures++;                  /* the last message was too short to be altered */
    assert_state(&before);
}
END_TEST

START_TEST(altered_signature_is_not_handed_out)
{
    alter_each(METHOD_Sign, true, 1, try_sign);
}
END_TEST

START_TEST(altered_unlock_opens_nothing_and_counts_nothing)
{
    struct state before;

    log_out();
    before = state_now();
    alter_each(METHOD_Unlock, false, 7, try_login);
    before.unlocks++;
    assert_state(&before);
    ck_assert_uint_eq(tries_left(), 9);
}
END_TEST

START_TEST(altered_unlock_answer_is_not_believed)
{
    log_out();
    alter_each(METHOD_Unlock, true, 3, try_login);
}
END_TEST

START_TEST(altered_pin_change_changes_nothing)
{
    struct state before = state_now();

    alter_each(METHOD_ChangePin, false, 11, try_change_pin);
    before.pins_changed++;
    before.unlocks = state_now().unlocks;
    assert_state(&before);
}
END_TEST

START_TEST(altered_key_request_makes_no_key)
{
    struct state before = state_now();

    alter_each(METHOD_GenerateKey, false, 5, try_generate);
    before.keys_made++;
    before.keys++;
    before.unlocks = state_now().unlocks;
    assert_state(&before);
}
END_TEST

/* --------------------------------------------------------------------------------------------------- forging */

struct forgery {
    enum method_id method;
    struct failure failure;
    struct buffer message; /* instead of a made one */
    uint8_t key[HASH_LEN];
    bool has_key; /* a MAC under a key of the front's own */
};

static void forge_failure(void *arg, const struct method *method, struct channel_reply *reply)
{
    struct forgery *forgery = arg;
    struct bytes key = forgery->has_key ? BYTES_OF_ARRAY(forgery->key) : BYTES_NONE;

    if (method->id != forgery->method)
        return;
    channel_reply_clear(reply);
    reply->was_sent = true;
    reply->status = reason_row(forgery->failure.reason)->status;
    if (forgery->message.len)
        buffer_append(&reply->failure, buffer_bytes(&forgery->message));
    else
        ck_assert_int_eq(failure_encode(NULL, &forgery->failure, method, key, BYTES_NONE, &reply->failure),
                         0);
}

START_TEST(forged_failures_are_not_believed_about_a_pin)
{
    static const enum reason reasons[] = { REASON_PIN_INCORRECT, REASON_PIN_LOCKED,  REASON_PIN_DELAYED,
                                           REASON_PIN_CHANGED,   REASON_PIN_NOT_SET, REASON_DISABLED };
    struct forgery forgery = { .method = METHOD_Unlock };
    struct front_hook forge = { NULL, forge_failure, &forgery };
    const enum reason *reason;

    log_out();
    deployment_hook(&forge);
    for (EACH_ROW(reason, reasons)) {
        forgery.failure = failure_of(*reason);
        forgery.has_key = !forgery.has_key;
        ck_assert_uint_eq(remote_token_login(token, PIN, &error), CKR_DEVICE_ERROR);
        ck_assert(!error.failure.is_authentic);
    }
}
END_TEST

START_TEST(wrong_pin_answer_of_another_login_is_not_believed)
{
    struct front_hook keep = capture_hook(&captures);
    struct forgery forgery = { .method = METHOD_Unlock };
    struct front_hook forge = { NULL, forge_failure, &forgery };

    log_out();
    deployment_hook(&keep);
    ck_assert_uint_eq(remote_token_login(token, WRONG_PIN, &error), CKR_PIN_INCORRECT);
    buffer_append(&forgery.message, buffer_bytes(&captures_last(&captures, METHOD_Unlock)->reply.failure));
    forgery.failure = failure_of(REASON_PIN_INCORRECT);
    deployment_hook(&forge);
    ck_assert_uint_eq(remote_token_login(token, PIN, &error), CKR_DEVICE_ERROR);
    buffer_clear(&forgery.message);
}
END_TEST

/* Answers with what an earlier call of the same method was answered. */
static void swap_reply(void *arg, const struct method *method, struct channel_reply *reply)
{
    const struct capture *earlier = arg;

    if (method != earlier->method || reply->status != GRPC_OK)
        return;
    buffer_clear(&reply->body);
    buffer_append(&reply->body, buffer_bytes(&earlier->reply.body));
}

START_TEST(signature_of_another_request_is_not_taken)
{
    struct front_hook keep = capture_hook(&captures);
    struct front_hook swap = { NULL, swap_reply, NULL };

    deployment_hook(&keep);
    ck_assert_uint_eq(sign(1), CKR_OK);
    swap.arg = (void *)(uintptr_t)captures_last(&captures, METHOD_Sign);
    deployment_hook(&swap);
    ck_assert_uint_ne(sign(2), CKR_OK);
}
END_TEST

/* A second client of alice's: its own connection, its own sessions, the same process. */
struct second {
    struct remote *remote;
    struct remote_token *token;
};

static void begin_second(struct second *second)
{
    second->remote = deployment_remote(&deployment.alice);
    ck_assert_int_eq(remote_token_new(second->remote, "alice", &second->token), 0);
}

static void end_second(struct second *second)
{
    remote_token_free(second->token);
    remote_free(second->remote);
}

static CK_RV sign_at(struct remote_token *which, uint8_t first_byte)
{
    struct remote_token *own = token;
    CK_RV rv;

    token = which;
    rv = sign(first_byte);
    token = own;
    return rv;
}

START_TEST(login_of_one_client_opens_nothing_for_another)
{
    struct second second;

    begin_second(&second);
    ck_assert_uint_eq(sign(1), CKR_OK);
    ck_assert_uint_eq(sign_at(second.token, 1), CKR_USER_NOT_LOGGED_IN);
    ck_assert_uint_eq(remote_token_login(second.token, WRONG_PIN, &error), CKR_PIN_INCORRECT);
    ck_assert_uint_eq(sign_at(second.token, 1), CKR_USER_NOT_LOGGED_IN);
    ck_assert_uint_eq(sign(1), CKR_OK); /* nor does one's failure close the other's */
    end_second(&second);
}
END_TEST

START_TEST(answers_of_two_sessions_that_are_exchanged_are_taken_by_neither)
{
    struct front_hook keep = capture_hook(&captures);
    struct front_hook swap = { NULL, swap_reply, NULL };
    struct second second;

    begin_second(&second);
    ck_assert_uint_eq(remote_token_login(second.token, PIN, &error), CKR_OK);
    deployment_hook(&keep);
    ck_assert_uint_eq(sign(1), CKR_OK);
    swap.arg = (void *)(uintptr_t)captures_last(&captures, METHOD_Sign);
    deployment_hook(&swap);
    ck_assert_uint_ne(sign_at(second.token, 1), CKR_OK); /* though it asked for the very same */
    deployment_hook(&keep);
    ck_assert_uint_eq(sign_at(second.token, 1), CKR_OK);
    swap.arg = (void *)(uintptr_t)captures_last(&captures, METHOD_Sign);
    deployment_hook(&swap);
    ck_assert_uint_ne(sign(1), CKR_OK);
    deployment_hook(NULL);
    ck_assert_uint_eq(sign(1), CKR_OK);
    end_second(&second);
}
END_TEST

/* Says that the caller is somebody else. */
static bool name_other(void *arg, const struct method *method, Privyseal__V1__Envelope *envelope)
{
    const struct person *person = arg;

    (void)method;
    envelope->certificate_hash = pack_borrow(BYTES_OF_ARRAY(person->certificate_hash));
    return true;
}

START_TEST(lease_is_not_made_for_another_certificate)
{
    struct front_hook lie = { name_other, NULL, &deployment.mallory };
    struct state before;
    uint8_t code[ACTIVATION_CODE_LEN];

    deployment_add_user("mallory", &deployment.mallory, PRIVYSEAL__V1__CUSTODY__CUSTODY_WRAPPED, code);
    log_out();
    before = state_now();
    deployment_hook(&lie);
    ck_assert_uint_ne(remote_token_login(token, PIN, &error), CKR_OK);
    assert_state(&before);
}
END_TEST

START_TEST(stolen_challenge_lets_nobody_speak_as_operator)
{
    Privyseal__V1__UnlockPinRequest request = PRIVYSEAL__V1__UNLOCK_PIN_REQUEST__INIT;
    struct front_hook lie = { name_other, NULL, &deployment.operator_ };
    ProtobufCMessage *reply = NULL;

    request.user = "alice";
    deployment_hook(&lie); /* the front swears that mallory is the operator */
    ck_assert_uint_eq(
        deployment_operate(&deployment.mallory, METHOD_UnlockPin, &request.base, &reply, &error),
        CKR_ACTION_PROHIBITED);
    deployment_hook(NULL);
    ck_assert_uint_eq(deployment_operate(&deployment.alice, METHOD_UnlockPin, &request.base, &reply, &error),
                      CKR_ACTION_PROHIBITED);
    ck_assert_uint_eq(deployment_records("\"pin.unlock\",\"result\":\"OK\""), 0);
}
END_TEST

SUITE_WITH_FIXTURE("loopback hostile front", setup, teardown, captured_messages_repeated_change_nothing,
                   repeated_wrong_pin_counts_once, altered_sign_request_yields_no_signature,
                   altered_signature_is_not_handed_out, altered_unlock_opens_nothing_and_counts_nothing,
                   altered_unlock_answer_is_not_believed, altered_pin_change_changes_nothing,
                   altered_key_request_makes_no_key, forged_failures_are_not_believed_about_a_pin,
                   wrong_pin_answer_of_another_login_is_not_believed,
                   signature_of_another_request_is_not_taken, login_of_one_client_opens_nothing_for_another,
                   answers_of_two_sessions_that_are_exchanged_are_taken_by_neither,
                   lease_is_not_made_for_another_certificate, stolen_challenge_lets_nobody_speak_as_operator);
