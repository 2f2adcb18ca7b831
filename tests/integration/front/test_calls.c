/* SPDX-License-Identifier: Apache-2.0 */
/* test_calls.c - one call: what is asked, what is answered, and what is not a call at all. */
#include <errno.h>
#include <openssl/evp.h>
#include <string.h>
#include <unistd.h>

#include "proto/failure.h"
#include "proto/method.h"
#include "proto/privyseal.pb-c.h"
#include "tests/integration/front/client.h"
#include "tests/support/suite.h"

static struct rig rig;
static struct client client;

static void setup(void)
{
    rig_init(&rig);
    rig_start(&rig);
    client_connect(&client, &rig);
}

static void teardown(void)
{
    client_close(&client);
    rig_stop(&rig);
}

static struct bytes message_of(const struct result *result)
{
    ck_assert_uint_ge(result->body.len, 5);
    return BYTES(result->body.data + 5, result->body.len - 5);
}

static void assert_salt(const struct result *result, struct bytes expected)
{
    struct bytes message = message_of(result);
    Privyseal__V1__GetTokenResponse *answer =
        privyseal__v1__get_token_response__unpack(NULL, message.len, message.data);

    ck_assert_ptr_nonnull(answer);
    ck_assert(bytes_equal(BYTES(answer->salt.data, answer->salt.len), expected));
    privyseal__v1__get_token_response__free_unpacked(answer, NULL);
}

/* The Failure in the status details, as a client reads it. */
static struct failure failure_in(const struct result *result)
{
    CLEANUP(buffer_clear) struct buffer packed = { 0 };
    uint8_t status[1024];
    int len = EVP_DecodeBlock(status, (const uint8_t *)result->details, (int)strlen(result->details));
    struct failure failure = { 0 };

    ck_assert_int_gt(len, 0);
    while (result->details[0] && len > 0 && failure_unwrap_status(BYTES(status, len), &packed))
        len--; /* EVP_DecodeBlock counts the padding */
    ck_assert_int_eq(failure_decode(NULL, buffer_bytes(&packed), method_by_id(METHOD_GetToken), BYTES_NONE,
                                    BYTES_NONE, &failure),
                     0);
    return failure;
}

START_TEST(call_is_answered_with_length_request_id_and_trailers)
{
    const struct result *result = client_order(&client, "request");

    ck_assert_int_eq(result->http_status, 200);
    ck_assert_int_eq(result->grpc_status, GRPC_OK);
    ck_assert_int_eq(result->content_length, (long)result->body.len);
    ck_assert(result->has_trailers);
    ck_assert_uint_eq(strlen(result->request_id), REQUEST_ID_LEN);
    assert_salt(result, bytes_of_text(result->request_id));
}
END_TEST

START_TEST(call_carries_the_hash_of_the_client_certificate)
{
    unsigned char hash[HASH_LEN];

    ck_assert_int_eq(X509_digest(SSL_get_certificate(client.ssl), EVP_sha256(), hash, NULL), 1);
    assert_salt(client_order(&client, "echo"), BYTES_OF_ARRAY(hash));
}
END_TEST

START_TEST(fifty_calls_at_once_are_all_answered)
{
    int32_t streams[50];

    for (size_t i = 0; i < 50; i++)
        streams[i] = client_send_order(&client, "echo", NULL);
    for (size_t i = 0; i < 50; i++)
        ck_assert_int_eq(client_wait(&client, streams[i])->grpc_status, GRPC_OK);
}
END_TEST

START_TEST(largest_answer_arrives_whole)
{
    const struct result *result = client_order(&client, "big");

    ck_assert_int_eq(result->grpc_status, GRPC_OK);
    ck_assert_uint_eq(result->body.len, method_by_id(METHOD_GetToken)->reply_max + 5);
}
END_TEST

START_TEST(answer_larger_than_the_method_allows_is_an_internal_error)
{
    ck_assert_int_eq(client_order(&client, "too big")->grpc_status, (int)reason_row(REASON_INTERNAL)->status);
}
END_TEST

START_TEST(failure_of_the_signer_arrives_in_the_status_details)
{
    const struct result *result = client_order(&client, "fail");

    ck_assert_int_eq(result->grpc_status, (int)reason_row(REASON_PIN_LOCKED)->status);
    ck_assert_int_eq(failure_in(result).reason, REASON_PIN_LOCKED);
    ck_assert_str_eq(result->message, "h%C3%A9las, 100%25 locked");
}
END_TEST

START_TEST(unknown_method_is_unimplemented)
{
    const struct result *result = client_ask(&client, &(struct ask){ .path = "/privyseal.v1.Tokens/Steal" });

    ck_assert_int_eq(result->http_status, 200);
    ck_assert_int_eq(result->grpc_status, GRPC_UNIMPLEMENTED);
    ck_assert_int_eq(client_order(&client, "echo")->grpc_status, GRPC_OK);
}
END_TEST

START_TEST(unknown_method_is_refused_before_its_body_has_come)
{
    const struct result *result = client_ask(
        &client, &(struct ask){ .path = "/Steal", .body = bytes_of_text("x"), .is_unfinished = true });

    ck_assert_int_eq(result->grpc_status, GRPC_UNIMPLEMENTED);
    ck_assert_uint_eq(result->reset, NGHTTP2_NO_ERROR);
}
END_TEST

START_TEST(other_content_types_are_http_415)
{
    static const char *const types[] = { "application/json", "application/grpc+json", "application/grpc-web",
                                         "" };

    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq(client_ask(&client, &(struct ask){ .path = "/privyseal.v1.Tokens/ListTokens",
                                                            .content_type = types[i] })
                             ->http_status,
                         415);
}
END_TEST

START_TEST(content_type_with_proto_suffix_is_taken)
{
    static const uint8_t empty[5];

    ck_assert_int_eq(client_ask(&client, &(struct ask){ .path = "/privyseal.v1.Tokens/ListTokens",
                                                        .content_type = "application/grpc+proto",
                                                        .body = BYTES_OF_ARRAY(empty) })
                         ->grpc_status,
                     GRPC_OK);
}
END_TEST

START_TEST(get_is_http_405)
{
    ck_assert_int_eq(
        client_ask(&client, &(struct ask){ .path = "/privyseal.v1.Tokens/ListTokens", .method = "GET" })
            ->http_status,
        405);
}
END_TEST

START_TEST(malformed_message_frames_are_refused_with_a_failure)
{
    static const uint8_t none[] = { 0 }, half_prefix[] = { 0, 0, 0 }, half[] = { 0, 0, 0, 0, 4, 1, 2 },
                         two[] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }, huge[] = { 0, 0xff, 0xff, 0xff, 0xff, 1 };
    const struct bytes bodies[] = { BYTES(none, 0), BYTES_OF_ARRAY(half_prefix), BYTES_OF_ARRAY(half),
                                    BYTES_OF_ARRAY(two), BYTES_OF_ARRAY(huge) };

    for (size_t i = 0; i < 5; i++) {
        const struct result *result =
            client_ask(&client, &(struct ask){ .path = "/privyseal.v1.Tokens/GetToken", .body = bodies[i] });

        ck_assert_int_eq(result->grpc_status, (int)reason_row(REASON_MALFORMED)->status);
        ck_assert_int_eq(failure_in(result).reason, REASON_MALFORMED);
        ck_assert_str_eq(failure_in(result).request_id, result->request_id);
    }
}
END_TEST

START_TEST(compressed_message_is_unimplemented)
{
    static const uint8_t compressed[] = { 1, 0, 0, 0, 1, 0 };

    ck_assert_int_eq(client_ask(&client, &(struct ask){ .path = "/privyseal.v1.Tokens/GetToken",
                                                        .body = BYTES_OF_ARRAY(compressed) })
                         ->grpc_status,
                     GRPC_UNIMPLEMENTED);
}
END_TEST

START_TEST(oversized_message_costs_its_connection_and_no_other)
{
    static uint8_t body[5 + 1024 + 1] = { 0, 0, 0, 4, 1 };
    struct client other;

    client_connect(&other, &rig);
    ck_assert_int_eq(client_ask(&client, &(struct ask){ .path = "/privyseal.v1.Tokens/GetToken",
                                                        .body = BYTES_OF_ARRAY(body) })
                         ->grpc_status,
                     (int)reason_row(REASON_LIMIT)->status);
    ck_assert(client_is_cut_within(&client, 2000));
    ck_assert(client.has_goaway);
    ck_assert_int_eq(client_order(&other, "echo")->grpc_status, GRPC_OK);
    client_close(&other);
}
END_TEST

START_TEST(callers_deadline_ends_a_call)
{
    ck_assert_int_eq(client_wait(&client, client_send_order(&client, "hang", "200m"))->grpc_status,
                     (int)reason_row(REASON_DEADLINE)->status);
    ck_assert_int_eq(client_order(&client, "echo")->grpc_status, GRPC_OK);
}
END_TEST

START_TEST(malformed_timeout_is_refused)
{
    ck_assert_int_eq(client_wait(&client, client_send_order(&client, "echo", "soon"))->grpc_status,
                     (int)reason_row(REASON_MALFORMED)->status);
}
END_TEST

START_TEST(cancelled_call_leaves_the_others_alone)
{
    int32_t stream = client_send_order(&client, "slow", NULL);

    nghttp2_submit_rst_stream(client.session, NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL);
    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq(client_order(&client, "echo")->grpc_status, GRPC_OK);
}
END_TEST

static const struct result *check_health(const char *service)
{
    CLEANUP(buffer_clear) struct buffer body = { 0 };
    uint8_t question[64] = { 0x0a, (uint8_t)strlen(service) }; /* field 1, a string */

    memcpy(question + 2, service, strlen(service));
    buffer_append_u8(&body, 0);
    buffer_append_u32(&body, (uint32_t)(strlen(service) ? 2 + strlen(service) : 0));
    buffer_append(&body, BYTES(question, strlen(service) ? 2 + strlen(service) : 0));
    return client_ask(&client,
                      &(struct ask){ .path = "/grpc.health.v1.Health/Check", .body = buffer_bytes(&body) });
}

START_TEST(health_of_the_server_and_each_service_is_serving)
{
    static const char *const services[] = { "", "privyseal.v1.Tokens", "privyseal.v1.Operators",
                                            "grpc.health.v1.Health" };
    static const uint8_t serving[] = { 8, 1 };

    for (size_t i = 0; i < 4; i++)
        ck_assert(bytes_equal(message_of(check_health(services[i])), BYTES_OF_ARRAY(serving)));
}
END_TEST

START_TEST(health_of_an_unknown_service_is_not_found)
{
    ck_assert_int_eq(check_health("privyseal.v1.Thieves")->grpc_status, GRPC_NOT_FOUND);
}
END_TEST

START_TEST(health_without_signers_is_not_serving)
{
    static const uint8_t not_serving[] = { 8, 2 };

    for (unsigned i = 0; i < rig.config.signers; i++)
        rig_kill_signer(&rig, i);
    for (unsigned i = 0; i < 50 && !bytes_equal(message_of(check_health("")), BYTES_OF_ARRAY(not_serving));
         i++)
        usleep(20000); /* it may read us before it reads that they are gone */
    ck_assert(bytes_equal(message_of(check_health("")), BYTES_OF_ARRAY(not_serving)));
}
END_TEST

SUITE_WITH_FIXTURE("front: calls", setup, teardown, call_is_answered_with_length_request_id_and_trailers,
                   call_carries_the_hash_of_the_client_certificate, fifty_calls_at_once_are_all_answered,
                   largest_answer_arrives_whole, answer_larger_than_the_method_allows_is_an_internal_error,
                   failure_of_the_signer_arrives_in_the_status_details, unknown_method_is_unimplemented,
                   unknown_method_is_refused_before_its_body_has_come, other_content_types_are_http_415,
                   content_type_with_proto_suffix_is_taken, get_is_http_405,
                   malformed_message_frames_are_refused_with_a_failure, compressed_message_is_unimplemented,
                   oversized_message_costs_its_connection_and_no_other, callers_deadline_ends_a_call,
                   malformed_timeout_is_refused, cancelled_call_leaves_the_others_alone,
                   health_of_the_server_and_each_service_is_serving,
                   health_of_an_unknown_service_is_not_found, health_without_signers_is_not_serving);
