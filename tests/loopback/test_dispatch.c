/* SPDX-License-Identifier: Apache-2.0 */
/* The dispatcher by itself: envelopes that no front should send, answers that were lost, records that cannot be kept. */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "include/rate.h"
#include "include/table.h"
#include "proto/pack.h"
#include "proxy/service/policies.h"
#include "proxy/signer/dispatch.h"
#include "proxy/store/backend.h"
#include "tests/loopback/raw_client.h"
#include "tests/support/suite.h"

static struct raw_client client;

static void setup(void)
{
    deployment_setup();
    raw_start(&client);
}

static void teardown(void)
{
    raw_clear(&client);
    deployment_teardown();
}

static Privyseal__V1__EnvelopeReply *send_bytes(struct bytes envelope)
{
    CLEANUP(buffer_clear) struct buffer reply = { 0 };
    Privyseal__V1__EnvelopeReply *opened;

    dispatch(&deployment.service[SIGNER_WRAPPED], envelope, &reply);
    ck_assert(!reply.failed);
    opened = privyseal__v1__envelope_reply__unpack(NULL, reply.len, reply.data);
    ck_assert_ptr_nonnull(opened);
    return opened;
}

static uint32_t status_of(const Privyseal__V1__Envelope *envelope)
{
    CLEANUP(buffer_clear) struct buffer packed = { 0 };
    Privyseal__V1__EnvelopeReply *reply;
    uint32_t status;

    ck_assert_int_eq(pack_append(&envelope->base, &packed), 0);
    reply = send_bytes(buffer_bytes(&packed));
    ck_assert_uint_eq(reply->id, envelope->id);
    status = reply->grpc_status;
    privyseal__v1__envelope_reply__free_unpacked(reply, NULL);
    return status;
}

/* A ListTokens that would be answered. */
static Privyseal__V1__Envelope good_envelope(void)
{
    Privyseal__V1__Envelope envelope = PRIVYSEAL__V1__ENVELOPE__INIT;

    envelope.id = UINT64_MAX;
    envelope.method = METHOD_ListTokens;
    envelope.request_id = "00112233aabbccdd";
    envelope.peer = "2001:db8::1";
    envelope.certificate_hash = pack_borrow(BYTES_OF_ARRAY(deployment.alice.certificate_hash));
    return envelope;
}

START_TEST(envelope_that_is_none_gets_an_answer)
{
    static const char *const junk[] = { "\xff", "\x08", "not protobuf at all", "\x3a\xff\xff\xff\xff\x0f" };
    const char *const *bytes;

    for (EACH_ROW(bytes, junk)) {
        Privyseal__V1__EnvelopeReply *reply = send_bytes(bytes_of_text(*bytes));

        ck_assert_uint_ne(reply->grpc_status, GRPC_OK);
        privyseal__v1__envelope_reply__free_unpacked(reply, NULL);
    }
}
END_TEST

START_TEST(unknown_method_is_unimplemented)
{
    Privyseal__V1__Envelope envelope = good_envelope();

    envelope.method = METHODS;
    ck_assert_uint_eq(status_of(&envelope), GRPC_UNIMPLEMENTED);
    envelope.method = UINT32_MAX;
    ck_assert_uint_eq(status_of(&envelope), GRPC_UNIMPLEMENTED);
}
END_TEST

START_TEST(envelope_out_of_bounds_is_malformed)
{
    static uint8_t body[4096];
    static char peer[4096];
    Privyseal__V1__Envelope envelope = good_envelope();

    ck_assert_uint_eq(status_of(&envelope), GRPC_OK);
    envelope.request_id = "too short";
    ck_assert_uint_eq(status_of(&envelope), GRPC_INVALID_ARGUMENT);
    envelope = good_envelope();
    envelope.request_id = "00112233aabbccd\n"; /* would forge a line of a log */
    ck_assert_uint_eq(status_of(&envelope), GRPC_INVALID_ARGUMENT);
    envelope = good_envelope();
    envelope.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    ck_assert_uint_eq(status_of(&envelope), GRPC_OK);
    envelope.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\n";
    ck_assert_uint_eq(status_of(&envelope), GRPC_INVALID_ARGUMENT);
    envelope = good_envelope();
    memset(peer, 'x', sizeof(peer) - 1);
    envelope.peer = peer;
    ck_assert_uint_eq(status_of(&envelope), GRPC_INVALID_ARGUMENT);
    envelope = good_envelope();
    envelope.body = pack_borrow(BYTES_OF_ARRAY(body)); /* ListTokens takes 1,024 bytes */
    ck_assert_uint_eq(status_of(&envelope), GRPC_INVALID_ARGUMENT);
}
END_TEST

START_TEST(nobody_without_a_certificate_gets_anything)
{
    Privyseal__V1__Envelope envelope = good_envelope();

    for (uint32_t method = 0; method < METHODS; method++) {
        enum permission permission = method_by_id((enum method_id)method)->permission;

        if (permission == PERM_ANYBODY || permission == PERM_ENROL)
            continue; /* test_enrolment.c, test_certificates.c */
        envelope.method = method;
        envelope.certificate_hash = pack_borrow(BYTES_NONE);
        ck_assert_uint_ne(status_of(&envelope), GRPC_OK);
        envelope.certificate_hash = pack_borrow(BYTES("short", 5));
        ck_assert_uint_ne(status_of(&envelope), GRPC_OK);
    }
}
END_TEST

/* Sends one Sign message twice, as a client does whose answer was lost. */
static void carry_twice(struct bytes message, struct channel_reply replies[2])
{
    for (int i = 0; i < 2; i++)
        deployment_carry(method_by_id(METHOD_Sign), client.person->certificate_hash, message, &replies[i]);
}

START_TEST(lost_answer_is_given_again_without_a_second_signature)
{
    CLEANUP(buffer_clear) struct buffer request = { 0 }, message = { 0 };
    struct channel_reply replies[2] = { 0 };

    raw_sign_request(&client, &request);
    raw_session_message(&client, METHOD_Sign, buffer_bytes(&request), &message);
    carry_twice(buffer_bytes(&message), replies);
    ck_assert_int_eq(replies[0].status, GRPC_OK);
    ck_assert(bytes_equal(buffer_bytes(&replies[0].body), buffer_bytes(&replies[1].body)));
    ck_assert_uint_eq(deployment_records("\"sign\""), 1);
    channel_reply_clear(&replies[0]);
    channel_reply_clear(&replies[1]);
}
END_TEST

START_TEST(lost_refusal_is_given_again_too)
{
    CLEANUP(buffer_clear) struct buffer message = { 0 };
    struct channel_reply replies[2] = { 0 };

    raw_session_message(&client, METHOD_Sign, BYTES_NONE, &message); /* names no key */
    carry_twice(buffer_bytes(&message), replies);
    ck_assert_int_eq(replies[0].status, GRPC_INVALID_ARGUMENT);
    ck_assert(bytes_equal(buffer_bytes(&replies[0].failure), buffer_bytes(&replies[1].failure)));
    ck_assert_uint_eq(deployment_records("\"sign\""), 1);
    channel_reply_clear(&replies[0]);
    channel_reply_clear(&replies[1]);
}
END_TEST

/* Another program holds the database's write lock, or lets go of it. */
static void lock_store(sqlite3 **db)
{
    char path[96];

    snprintf(path, sizeof(path), "%s/store.db", deployment.directory);
    ck_assert_int_eq(sqlite3_open(path, db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(*db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
}

START_TEST(answer_that_the_store_was_busy_is_not_kept_for_the_repeat)
{
    Privyseal__V1__GenerateKeyRequest generate = PRIVYSEAL__V1__GENERATE_KEY_REQUEST__INIT;
    CLEANUP(buffer_clear) struct buffer request = { 0 }, message = { 0 };
    struct channel_reply busy = { 0 }, done = { 0 };
    sqlite3 *other = NULL;

    generate.key_type = CKK_EC;
    generate.bits = 256;
    ck_assert_int_eq(pack_append(&generate.base, &request), 0);
    raw_session_message(&client, METHOD_GenerateKey, buffer_bytes(&request), &message);
    lock_store(&other);
    deployment_carry(method_by_id(METHOD_GenerateKey), client.person->certificate_hash,
                     buffer_bytes(&message), &busy);
    sqlite3_close(other);
    ck_assert_int_eq(busy.status, reason_row(REASON_BUSY)->status);
    deployment_carry(method_by_id(METHOD_GenerateKey), client.person->certificate_hash,
                     buffer_bytes(&message), &done);
    ck_assert_int_eq(done.status, GRPC_OK);
    channel_reply_clear(&busy);
    channel_reply_clear(&done);
}
END_TEST

START_TEST(used_number_with_other_bytes_is_refused)
{
    CLEANUP(buffer_clear) struct buffer request = { 0 };
    CLEANUP(secret_free) struct secret *answer = NULL;

    raw_sign_request(&client, &request);
    ck_assert_int_eq(raw_session(&client, METHOD_Sign, buffer_bytes(&request), &answer), GRPC_OK);
    client.sequence--;
    request.data[request.len - 1] ^= 1; /* another digest */
    ck_assert_int_ne(raw_session(&client, METHOD_Sign, buffer_bytes(&request), &answer), GRPC_OK);
    ck_assert_uint_eq(deployment_records("\"sign\",\"result\":\"OK\""), 1);
    ck_assert_uint_eq(deployment_records("\"REPLAY\""), 1);
}
END_TEST

START_TEST(locked_lease_signs_no_more)
{
    CLEANUP(buffer_clear) struct buffer request = { 0 };
    CLEANUP(secret_free) struct secret *answer = NULL, *none = NULL;

    raw_sign_request(&client, &request);
    ck_assert_int_eq(raw_session(&client, METHOD_Lock, BYTES_NONE, &answer), GRPC_OK);
    ck_assert_int_eq(raw_session(&client, METHOD_Sign, buffer_bytes(&request), &none), GRPC_UNAUTHENTICATED);
}
END_TEST

START_TEST(lease_of_one_certificate_is_nothing_to_another)
{
    CLEANUP(buffer_clear) struct buffer request = { 0 };
    CLEANUP(secret_free) struct secret *answer = NULL;

    raw_sign_request(&client, &request);
    client.person = &deployment.mallory;
    ck_assert_int_eq(raw_session(&client, METHOD_Sign, buffer_bytes(&request), &answer),
                     GRPC_UNAUTHENTICATED);
}
END_TEST

START_TEST(revoked_grant_ends_signing_within_seconds)
{
    CLEANUP(buffer_clear) struct buffer request = { 0 };
    CLEANUP(secret_free) struct secret *answer = NULL;
    struct access *access = &deployment.service[SIGNER_WRAPPED].access;
    struct principal_row principal;
    struct token_row token;

    raw_sign_request(&client, &request);
    ck_assert_int_eq(principal_load(access, "alice", &principal), REASON_NONE);
    ck_assert_int_eq(token_load(access, "alice", &token), REASON_NONE);
    ck_assert_int_eq(grant_put(access, &token, principal.id, GRANT_SEE), REASON_NONE);
    ck_assert_int_eq(token_save(access, &token), REASON_NONE);
    deployment_wait(6000);
    ck_assert_int_eq(raw_session(&client, METHOD_Sign, buffer_bytes(&request), &answer),
                     GRPC_PERMISSION_DENIED);
}
END_TEST

static bool is_disk_full;

/* In libc's place: the audit log has room set aside before a record counts. fallocate(2) */
int fallocate(int fd, int mode, off_t offset, off_t len)
{
    if (!is_disk_full)
        return (int)syscall(SYS_fallocate, fd, mode, offset, len);
    errno = ENOSPC;
    return -1;
}

START_TEST(without_a_record_no_signature_leaves)
{
    CLEANUP(buffer_clear) struct buffer request = { 0 };
    CLEANUP(secret_free) struct secret *answer = NULL;

    raw_sign_request(&client, &request);
    is_disk_full = true;
    ck_assert_int_ne(raw_session(&client, METHOD_Sign, buffer_bytes(&request), &answer), GRPC_OK);
    ck_assert_ptr_null(answer);
    is_disk_full = false;
    ck_assert_int_eq(raw_session(&client, METHOD_Sign, buffer_bytes(&request), &answer), GRPC_OK);
    ck_assert_uint_eq(deployment_records("\"sign\""), 1);
}
END_TEST

START_TEST(key_limit_of_a_token_holds)
{
    Privyseal__V1__GenerateKeyRequest generate = PRIVYSEAL__V1__GENERATE_KEY_REQUEST__INIT;
    CLEANUP(buffer_clear) struct buffer request = { 0 };
    enum grpc_status status = GRPC_OK;
    unsigned made = 0;

    generate.key_type = CKK_EC;
    generate.bits = 256;
    ck_assert_int_eq(pack_append(&generate.base, &request), 0);
    for (; status == GRPC_OK; made += status == GRPC_OK) {
        CLEANUP(secret_free) struct secret *answer = NULL;

        status = raw_session(&client, METHOD_GenerateKey, buffer_bytes(&request), &answer);
    }
    ck_assert_int_eq(status, reason_row(REASON_LIMIT)->status);
    ck_assert_uint_eq(made, KEYS_PER_TOKEN_MAX);
}
END_TEST

/* As after ten minutes of an HSM's making keys for one token: others' are not concerned. */
START_TEST(token_that_kept_the_hsm_busy_with_keys_waits)
{
    struct service *service = &deployment.service[SIGNER_WRAPPED];
    Privyseal__V1__GenerateKeyRequest generate = PRIVYSEAL__V1__GENERATE_KEY_REQUEST__INIT;
    CLEANUP(buffer_clear) struct buffer request = { 0 };
    CLEANUP(secret_free) struct secret *answer = NULL;
    struct call call = { 0 };

    generate.key_type = CKK_EC;
    generate.bits = 256;
    ck_assert_int_eq(pack_append(&generate.base, &request), 0);
    ck_assert_int_eq(token_load(&service->access, "alice", &call.token), REASON_NONE);
    policy_owe_making(service, &call, UINT64_C(601000000));
    ck_assert_int_eq(raw_session(&client, METHOD_GenerateKey, buffer_bytes(&request), &answer),
                     reason_row(REASON_LIMIT)->status);
    call.token.id++;
    ck_assert_int_eq(policy_check_making(service, &call), REASON_NONE);
}
END_TEST

START_TEST(token_used_too_often_is_told_to_wait_under_any_lease)
{
    CLEANUP(buffer_clear) struct buffer request = { 0 };
    struct service *service = &deployment.service[SIGNER_WRAPPED];

    raw_sign_request(&client, &request);
    deployment.config[SIGNER_WRAPPED].token_rate = 1; /* two at once */
    ck_assert_int_eq(rate_new(1, &service->token_rate), 0);
    for (unsigned i = 0; i < 4; i++) {
        CLEANUP(secret_free) struct secret *answer = NULL;

        if (i == 1)
            raw_unlock(&client);
        ck_assert_int_eq(raw_session(&client, METHOD_Sign, buffer_bytes(&request), &answer),
                         i < 2 ? GRPC_OK : reason_row(REASON_BUSY)->status);
    }
}
END_TEST

/* Of @body as @method, while the store makes another call wait. */
static struct failure meanwhile(enum method_id method, struct bytes body, enum grpc_status expected)
{
    CLEANUP(buffer_clear) struct buffer packed = { 0 }, reply = { 0 };
    Privyseal__V1__Envelope envelope = good_envelope();
    Privyseal__V1__EnvelopeReply *opened;
    struct failure failure = { 0 };

    envelope.method = method;
    envelope.body = pack_borrow(body);
    ck_assert_int_eq(pack_append(&envelope.base, &packed), 0);
    dispatch_meanwhile(&deployment.service[SIGNER_WRAPPED], buffer_bytes(&packed), &reply);
    opened = privyseal__v1__envelope_reply__unpack(NULL, reply.len, reply.data);
    ck_assert_ptr_nonnull(opened);
    ck_assert_uint_eq(opened->grpc_status, expected);
    if (expected != GRPC_OK)
        ck_assert_int_eq(failure_decode(NULL, pack_lend(&opened->failure), method_by_id(method), BYTES_NONE,
                                        BYTES_NONE, &failure),
                         0);
    privyseal__v1__envelope_reply__free_unpacked(opened, NULL);
    return failure;
}

START_TEST(while_the_store_is_silent_open_tokens_sign_and_others_are_put_off)
{
    CLEANUP(buffer_clear) struct buffer request = { 0 }, first = { 0 }, second = { 0 };
    CLEANUP(secret_free) struct secret *answer = NULL;
    struct service *service = &deployment.service[SIGNER_WRAPPED];
    unsigned attempts = deployment_records("\"unlock\"");
    struct failure failure;

    raw_sign_request(&client, &request);
    ck_assert_int_eq(raw_session(&client, METHOD_Sign, buffer_bytes(&request), &answer), GRPC_OK);
    raw_session_message(&client, METHOD_Sign, buffer_bytes(&request), &first);
    raw_session_message(&client, METHOD_Lock, BYTES_NONE, &second);
    service->access.store->is_waiting = true;
    leases_hold(service->leases, true);
    (void)meanwhile(METHOD_Sign, buffer_bytes(&first), GRPC_OK);
    failure = meanwhile(METHOD_Lock, buffer_bytes(&second), reason_row(REASON_BUSY)->status);
    ck_assert_int_eq(failure.reason, REASON_BUSY);
    ck_assert_uint_gt(failure.retry_after_ms, 0);
    failure = meanwhile(METHOD_Unlock, BYTES_NONE, reason_row(REASON_BUSY)->status);
    ck_assert_int_eq(failure.reason, REASON_BUSY);
    leases_hold(service->leases, false);
    service->access.store->is_waiting = false;
    ck_assert_uint_eq(deployment_records("\"unlock\""), attempts); /* nothing was tried */
}
END_TEST

SUITE_WITH_FIXTURE("loopback dispatch", setup, teardown, envelope_that_is_none_gets_an_answer,
                   unknown_method_is_unimplemented, envelope_out_of_bounds_is_malformed,
                   nobody_without_a_certificate_gets_anything,
                   lost_answer_is_given_again_without_a_second_signature, lost_refusal_is_given_again_too,
                   answer_that_the_store_was_busy_is_not_kept_for_the_repeat,
                   used_number_with_other_bytes_is_refused, locked_lease_signs_no_more,
                   lease_of_one_certificate_is_nothing_to_another, revoked_grant_ends_signing_within_seconds,
                   without_a_record_no_signature_leaves, key_limit_of_a_token_holds,
                   token_that_kept_the_hsm_busy_with_keys_waits,
                   token_used_too_often_is_told_to_wait_under_any_lease,
                   while_the_store_is_silent_open_tokens_sign_and_others_are_put_off);
