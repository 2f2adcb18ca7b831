/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enrol.c - new users, one or many at a time.
 *
 * Of many, each is added, found there already, or refused, by itself; only what befalls store or HSM fails them all.
 * They share one transaction, so ten thousand users are a few hundred commits.
 */
#include <stdio.h>

#include "proto/name.h"
#include "proxy/service/handlers.h"
#include "proxy/service/message.h"
#include "proxy/service/newcomer.h"
#include "proxy/service/refusal.h"

static enum reason enrol_all(struct service *service, int64_t now_ms, bool gives_codes,
                             struct newcomer *newcomers, size_t count)
{
    struct store *store = service->access.store;
    enum reason reason = refusal_of_store(store_begin(store));

    if (reason != REASON_NONE)
        return reason;
    for (size_t i = 0; reason == REASON_NONE && i < count; i++)
        reason = newcomer_enrol(service, now_ms, gives_codes, &newcomers[i]);
    if (reason == REASON_NONE)
        reason = refusal_of_store(store_commit(store));
    if (reason != REASON_NONE)
        store_rollback(store);
    return reason;
}

/* ------------------------------------------------------------------------------------------------ AddUser */

/* What AddUser says of one who was not added: as before, by a reason. */
static enum reason reason_of_result(struct call *call, const struct newcomer *newcomer)
{
    switch ((int)newcomer->result) {
    case PRIVYSEAL__V1__NEW_USER_RESULT__NEW_USER_ADDED:
        return REASON_NONE;
    case PRIVYSEAL__V1__NEW_USER_RESULT__NEW_USER_REFUSED:
        call->sentence = newcomer->why;
        return newcomer->refusal;
    default:
        return REASON_ALREADY_EXISTS;
    }
}

enum reason handle_AddUser(struct service *service, struct call *call, const ProtobufCMessage *request,
                           ProtobufCMessage *reply)
{
    const Privyseal__V1__AddUserRequest *ask = (const Privyseal__V1__AddUserRequest *)request;
    Privyseal__V1__AddUserResponse *answer = (Privyseal__V1__AddUserResponse *)reply;
    Privyseal__V1__NewUser user = PRIVYSEAL__V1__NEW_USER__INIT;
    CLEANUP(newcomer_clear) struct newcomer newcomer = { .ask = &user };
    enum reason reason;

    if (!name_is_valid(bytes_of_text(ask->user)))
        return REASON_MALFORMED;
    call->record.token = user.user = ask->user;
    user.custody = ask->custody;
    user.activation_hours = ask->activation_hours;
    reason = enrol_all(service, call->now_ms, false, &newcomer, 1);
    if (reason == REASON_NONE)
        reason = reason_of_result(call, &newcomer);
    if (reason != REASON_NONE)
        return reason;
    answer->expires_unix = (uint64_t)newcomer.token.activation_until_ms / 1000;
    return message_set_bytes(&answer->activation_code, secret_bytes(newcomer.code)) < 0 ? REASON_INTERNAL
                                                                                        : REASON_NONE;
}

/* ------------------------------------------------------------------------------------------------ AddUsers */

struct newcomers {
    struct newcomer *items;
    size_t count;
};

static void newcomers_clear(struct newcomers *newcomers)
{
    for (size_t i = 0; i < newcomers->count; i++)
        newcomer_clear(&newcomers->items[i]);
    free(newcomers->items);
}
DEFINE_CLEAR(newcomers_clear, struct newcomers);

static enum reason make_answer(const struct newcomer *newcomer, Privyseal__V1__NewUserAnswer **ret)
{
    CLEANUP(message_free) ProtobufCMessage *message = NULL;
    Privyseal__V1__NewUserAnswer *answer;

    if (message_new(&privyseal__v1__new_user_answer__descriptor, &message) < 0)
        return REASON_INTERNAL;
    answer = (Privyseal__V1__NewUserAnswer *)message;
    answer->result = newcomer->result;
    if (newcomer->why && message_set_text(&answer->why, newcomer->why) < 0)
        return REASON_INTERNAL;
    if (newcomer->code) {
        answer->expires_unix = (uint64_t)newcomer->token.activation_until_ms / 1000;
        if (message_set_bytes(&answer->activation_code, secret_bytes(newcomer->code)) < 0)
            return REASON_INTERNAL;
    }
    *ret = (Privyseal__V1__NewUserAnswer *)TAKE(message);
    return REASON_NONE;
}

static enum reason fill_answers(const struct newcomers *newcomers, Privyseal__V1__AddUsersResponse *answer)
{
    enum reason reason = REASON_NONE;

    answer->user = message_alloc(newcomers->count * sizeof(*answer->user));
    if (!answer->user)
        return REASON_INTERNAL;
    for (size_t i = 0; reason == REASON_NONE && i < newcomers->count; i++) {
        reason = make_answer(&newcomers->items[i], &answer->user[i]);
        answer->n_user += reason == REASON_NONE;
    }
    return reason;
}

/* A record for each who was added or got a code, as AddUser leaves one; the call's own, with the sums, comes after. */
static enum reason record_each(struct service *service, struct call *call, const struct newcomers *newcomers)
{
    hex_encode(BYTES_OF_ARRAY(call->caller.certificate_hash), call->text.certificate);
    for (size_t i = 0; i < newcomers->count; i++) {
        bool is_added = newcomers->items[i].result == PRIVYSEAL__V1__NEW_USER_RESULT__NEW_USER_ADDED;
        struct audit_record record = {
            .event = is_added ? "user.add" : "user.code",
            .result = reason_row(REASON_NONE)->word,
            .request_id = call->request_id,
            .client_request_id = "",
            .principal = call->caller.principal.name,
            .certificate = call->text.certificate,
            .peer = call->peer,
            .token = newcomers->items[i].ask->user,
            .key = "",
            .mechanism = "",
            .digest = "",
            .note = "",
        };

        if (newcomers->items[i].code && audit_append(service->audit, &record) < 0)
            return REASON_AUDIT;
    }
    return REASON_NONE;
}

static void record_sums(struct call *call, const struct newcomers *newcomers)
{
    unsigned sums[4] = { 0 };

    for (size_t i = 0; i < newcomers->count; i++)
        sums[newcomers->items[i].result]++;
    snprintf(call->text.note, sizeof(call->text.note), "added=%u exist=%u differ=%u refused=%u", sums[0],
             sums[1], sums[2], sums[3]);
    call->record.note = call->text.note;
}

enum reason handle_AddUsers(struct service *service, struct call *call, const ProtobufCMessage *request,
                            ProtobufCMessage *reply)
{
    const Privyseal__V1__AddUsersRequest *ask = (const Privyseal__V1__AddUsersRequest *)request;
    CLEANUP(newcomers_clear) struct newcomers newcomers = { 0 };
    enum reason reason;

    if (ask->n_user == 0 || ask->n_user > NEW_USERS_MAX)
        return REASON_MALFORMED;
    newcomers.items = calloc(ask->n_user, sizeof(*newcomers.items));
    if (!newcomers.items)
        return REASON_INTERNAL;
    newcomers.count = ask->n_user;
    for (size_t i = 0; i < ask->n_user; i++)
        newcomers.items[i].ask = ask->user[i];
    reason = enrol_all(service, call->now_ms, ask->new_codes, newcomers.items, newcomers.count);
    if (reason == REASON_NONE)
        reason = record_each(service, call, &newcomers);
    if (reason != REASON_NONE)
        return reason;
    record_sums(call, &newcomers);
    return fill_answers(&newcomers, (Privyseal__V1__AddUsersResponse *)reply);
}
