/* SPDX-License-Identifier: Apache-2.0 */
/* stub_signer.c - a table of orders. */
#include "tests/integration/front/stub_signer.h"

#include <arpa/inet.h>
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "include/bytes.h"
#include "include/table.h"
#include "proto/envelope.pb-c.h"
#include "proto/failure.h"
#include "proto/limits.h"
#include "proto/method.h"
#include "proto/privyseal.pb-c.h"

struct stub {
    int stream;
    unsigned index, signers;
    int64_t began_us; /* the call it is at */
};

static int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static bool read_all(int stream, uint8_t *target, size_t len)
{
    while (len) {
        ssize_t got = read(stream, target, len);

        if (got <= 0)
            return false;
        target += got;
        len -= (size_t)got;
    }
    return true;
}

static void write_all(int stream, const uint8_t *data, size_t len)
{
    while (len) {
        ssize_t put = write(stream, data, len);

        if (put <= 0)
            _exit(0); /* the front has gone */
        data += put;
        len -= (size_t)put;
    }
}

static void send_reply(const struct stub *stub, const Privyseal__V1__EnvelopeReply *reply)
{
    size_t size = privyseal__v1__envelope_reply__get_packed_size(reply);
    uint8_t *frame = malloc(4 + size);
    uint32_t prefix = htonl((uint32_t)size);

    memcpy(frame, &prefix, sizeof(prefix));
    privyseal__v1__envelope_reply__pack(reply, frame + 4);
    write_all(stub->stream, frame, 4 + size);
    free(frame);
}

static void send_message(const struct stub *stub, uint64_t id, const ProtobufCMessage *message)
{
    Privyseal__V1__EnvelopeReply reply = PRIVYSEAL__V1__ENVELOPE_REPLY__INIT;

    reply.id = id;
    reply.spent_us = (uint32_t)(now_us() - stub->began_us);
    reply.body.len = protobuf_c_message_get_packed_size(message);
    reply.body.data = malloc(reply.body.len + 1);
    protobuf_c_message_pack(message, reply.body.data);
    send_reply(stub, &reply);
    free(reply.body.data);
}

/* ---------------------------------------------------------------------------------------------------- orders */

static void send_salt(const struct stub *stub, uint64_t id, const void *salt, size_t len)
{
    Privyseal__V1__GetTokenResponse answer = PRIVYSEAL__V1__GET_TOKEN_RESPONSE__INIT;

    answer.salt = (ProtobufCBinaryData){ len, (uint8_t *)salt };
    send_message(stub, id, &answer.base);
}

static void echo(const struct stub *stub, const Privyseal__V1__Envelope *envelope)
{
    send_salt(stub, envelope->id, envelope->certificate_hash.data, envelope->certificate_hash.len);
}

static void tell_request(const struct stub *stub, const Privyseal__V1__Envelope *envelope)
{
    send_salt(stub, envelope->id, envelope->request_id, strlen(envelope->request_id));
}

static void slow(const struct stub *stub, const Privyseal__V1__Envelope *envelope)
{
    usleep(300000);
    echo(stub, envelope);
}

static void hang(const struct stub *stub, const Privyseal__V1__Envelope *envelope)
{
    (void)stub;
    (void)envelope;
}

static void leave(const struct stub *stub, const Privyseal__V1__Envelope *envelope)
{
    Privyseal__V1__EnvelopeReply goodbye = PRIVYSEAL__V1__ENVELOPE_REPLY__INIT;

    goodbye.leaving = true;
    send_reply(stub, &goodbye);
    usleep(1000000); /* time for others to be served meanwhile */
    echo(stub, envelope);
}

static void die(const struct stub *stub, const Privyseal__V1__Envelope *envelope)
{
    (void)stub;
    (void)envelope;
    _exit(0);
}

static void die_once(const struct stub *stub, const Privyseal__V1__Envelope *envelope)
{
    if (stub->index != 1)
        _exit(0);
    echo(stub, envelope);
}

static void fail_call(const struct stub *stub, const Privyseal__V1__Envelope *envelope)
{
    const struct reason_row *row = reason_row(REASON_PIN_LOCKED);
    struct failure failure = failure_of(REASON_PIN_LOCKED);
    Privyseal__V1__EnvelopeReply reply = PRIVYSEAL__V1__ENVELOPE_REPLY__INIT;
    struct buffer packed = { 0 };

    if (failure_encode(NULL, &failure, method_by_id(METHOD_GetToken), BYTES_NONE, BYTES_NONE, &packed))
        _exit(1);
    reply.id = envelope->id;
    reply.grpc_status = row->status;
    reply.failure = (ProtobufCBinaryData){ packed.len, packed.data };
    reply.message = (char *)"h\303\251las, 100% locked";
    send_reply(stub, &reply);
    buffer_clear(&packed);
}

static void send_bytes(const struct stub *stub, uint64_t id, size_t len)
{
    Privyseal__V1__EnvelopeReply reply = PRIVYSEAL__V1__ENVELOPE_REPLY__INIT;

    reply.id = id;
    reply.body = (ProtobufCBinaryData){ len, calloc(1, len) };
    send_reply(stub, &reply);
    free(reply.body.data);
}

static void big(const struct stub *stub, const Privyseal__V1__Envelope *envelope)
{
    send_bytes(stub, envelope->id, method_by_id(METHOD_GetToken)->reply_max);
}

static void too_big(const struct stub *stub, const Privyseal__V1__Envelope *envelope)
{
    send_bytes(stub, envelope->id, method_by_id(METHOD_GetToken)->reply_max + 1);
}

static void send_elsewhere(const struct stub *stub, uint64_t id, unsigned index)
{
    Privyseal__V1__EnvelopeReply reply = PRIVYSEAL__V1__ENVELOPE_REPLY__INIT;

    reply.id = id;
    reply.reroute_to = index + 1;
    send_reply(stub, &reply);
}

static void move(const struct stub *stub, const Privyseal__V1__Envelope *envelope)
{
    if (stub->index == 1)
        echo(stub, envelope);
    else
        send_elsewhere(stub, envelope->id, 1);
}

static void move_on(const struct stub *stub, const Privyseal__V1__Envelope *envelope)
{
    send_elsewhere(stub, envelope->id, (stub->index + 1) % stub->signers);
}

static void nonsense(const struct stub *stub, const Privyseal__V1__Envelope *envelope)
{
    static const uint8_t frame[] = { 0, 0, 0, 2, 0xff, 0xff };

    (void)envelope;
    write_all(stub->stream, frame, sizeof(frame));
}

static const struct order {
    const char *token;
    void (*obey)(const struct stub *stub, const Privyseal__V1__Envelope *envelope);
} orders[] = {
    { "echo", echo },   { "request", tell_request }, { "slow", slow },       { "hang", hang },
    { "die", die },     { "die once", die_once },    { "fail", fail_call },  { "big", big },
    { "move", move },   { "move on", move_on },      { "too big", too_big }, { "nonsense", nonsense },
    { "leave", leave },
};

/* --------------------------------------------------------------------------------------------------- methods */

static void get_token(const struct stub *stub, const Privyseal__V1__Envelope *envelope)
{
    Privyseal__V1__GetTokenRequest *request =
        privyseal__v1__get_token_request__unpack(NULL, envelope->body.len, envelope->body.data);
    const struct order *order;

    for (EACH_ROW(order, orders))
        if (request && strcmp(order->token, request->token) == 0)
            order->obey(stub, envelope);
    if (request)
        privyseal__v1__get_token_request__free_unpacked(request, NULL);
}

static void list_tokens(const struct stub *stub, const Privyseal__V1__Envelope *envelope)
{
    Privyseal__V1__ListTokensResponse answer = PRIVYSEAL__V1__LIST_TOKENS_RESPONSE__INIT;
    char name[32], *names[] = { name };

    snprintf(name, sizeof(name), "signer %u", stub->index);
    answer.n_token = 1;
    answer.token = names;
    send_message(stub, envelope->id, &answer.base);
}

static void sign(const struct stub *stub, const Privyseal__V1__Envelope *envelope)
{
    Privyseal__V1__SessionReply answer = PRIVYSEAL__V1__SESSION_REPLY__INIT;
    char name[32];

    snprintf(name, sizeof(name), "signer %u", stub->index);
    answer.ciphertext = (ProtobufCBinaryData){ strlen(name), (uint8_t *)name };
    send_message(stub, envelope->id, &answer.base);
}

static void serve(const struct stub *stub, const Privyseal__V1__Envelope *envelope)
{
    if (envelope->method == METHOD_GetToken)
        get_token(stub, envelope);
    else if (envelope->method == METHOD_ListTokens)
        list_tokens(stub, envelope);
    else if (envelope->method == METHOD_Sign)
        sign(stub, envelope);
    else
        _exit(0);
}

void stub_signer(int stream, unsigned index, unsigned signers)
{
    struct stub stub = { stream, index, signers, 0 };
    uint8_t *frame = malloc(FRAME_MAX);
    Privyseal__V1__Envelope *envelope;
    uint32_t prefix;

    while (read_all(stream, (uint8_t *)&prefix, sizeof(prefix)) && ntohl(prefix) <= FRAME_MAX &&
           read_all(stream, frame, ntohl(prefix))) {
        envelope = privyseal__v1__envelope__unpack(NULL, ntohl(prefix), frame);
        if (!envelope)
            break;
        stub.began_us = now_us();
        serve(&stub, envelope);
        privyseal__v1__envelope__free_unpacked(envelope, NULL);
    }
    free(frame);
}
