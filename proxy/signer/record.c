/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record.c - one call, at most one record, one line.
 */
#include "proxy/signer/record.h"

#include <string.h>
#include <time.h>

#include "include/log.h"

#define REFUSALS_PER_MINUTE 60 /* lines of the process's log; the audit log has all of them */

/* Refusals that are ours to mend: said loudly. */
static const bool is_our_fault[REASONS] = {
    [REASON_STORE] = true,     [REASON_HSM] = true,      [REASON_AUDIT] = true,
    [REASON_INTEGRITY] = true, [REASON_INTERNAL] = true,
};

/*
 * Whose record is written with its round's, before the answers leave: what these did is in their answers and nowhere else.
 * What changed the store is recorded at once.
 */
static const bool is_gathered[METHODS] = {
    [METHOD_Sign] = true,
    [METHOD_Decrypt] = true,
    [METHOD_Derive] = true,
};

int64_t record_clock_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* What the handler left out is empty, not absent. */
static void fill_gaps(struct audit_record *record)
{
    const char **fields[] = { &record->client_request_id,
                              &record->principal,
                              &record->certificate,
                              &record->peer,
                              &record->token,
                              &record->key,
                              &record->mechanism,
                              &record->digest,
                              &record->note };

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        if (!*fields[i])
            *fields[i] = "";
}

static void fill(struct exchange *exchange, enum reason reason)
{
    struct call *call = &exchange->call;
    struct audit_record *record = &call->record;

    if (!record->event) /* a method that was approved is recorded as what it is */
        record->event = service_event(call->method->id);
    record->result = reason_row(reason)->word;
    record->request_id = call->request_id;
    record->trace_id = call->trace_id;
    record->principal = call->caller.principal.name;
    record->peer = call->peer;
    record->latency_us = (uint64_t)(record_clock_us() - exchange->started_us);
    if (call->has_token)
        record->token = call->token.name;
    if (reason != REASON_NONE)
        record->key_count = 0; /* no signature leaves */
    hex_encode(BYTES_OF_ARRAY(call->caller.certificate_hash), call->text.certificate);
    record->certificate = call->text.certificate;
    fill_gaps(record);
}

static void log_end(const struct exchange *exchange, enum reason reason)
{
    const struct call *call = &exchange->call;
    const char *who = call->caller.principal.name;
    const char *word = reason_row(reason)->word;

    if (reason == REASON_NONE)
        log_event(LOG_LEVEL_DEBUG, "request.done", "method=%s principal=\"%s\" id=%s trace=%s",
                  call->method->name, who, call->request_id, call->trace_id);
    else
        log_event_limited(is_our_fault[reason] ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO, REFUSALS_PER_MINUTE,
                          is_our_fault[reason] ? "request.failed" : "request.refused",
                          "method=%s reason=%s principal=\"%s\" id=%s trace=%s", call->method->name, word,
                          who, call->request_id, call->trace_id);
}

static int add_to_log(struct exchange *exchange)
{
    struct audit *audit = exchange->service->audit;
    struct audit_record *record = &exchange->call.record;

    return is_gathered[exchange->call.method->id] ? audit_gather(audit, record) : audit_append(audit, record);
}

enum reason record_end(struct exchange *exchange, enum reason reason)
{
    if (service_is_recorded(exchange->call.method->id, reason)) {
        int64_t begun_us;
        int r;

        fill(exchange, reason);
        begun_us = record_clock_us();
        r = add_to_log(exchange);
        exchange->audit_us = (uint64_t)(record_clock_us() - begun_us);
        if (r < 0) {
            log_event_limited(LOG_LEVEL_ERROR, REFUSALS_PER_MINUTE, "audit.failed", "error=\"%s\" id=%s",
                              strerror(-r), exchange->call.request_id);
            reason = REASON_AUDIT;
        }
    }
    log_end(exchange, reason);
    return reason;
}

void record_count(const struct exchange *exchange, enum reason reason)
{
    const struct service *service = exchange->service;
    struct metrics *metrics = service->config->metrics;
    uint64_t all_us = (uint64_t)(record_clock_us() - exchange->started_us);
    uint64_t received_us = exchange->envelope->received_ns / 1000;
    struct metrics_signer *mine;

    if (!metrics || service->config->signer >= metrics->signers)
        return;
    mine = &metrics->signer[service->config->signer];
    metrics_add(&mine->requests[exchange->call.method->id][reason], 1);
    metrics_add(&mine->busy_us, all_us);
    metrics_time(&mine->stages[STAGE_ALL], all_us);
    metrics_time(&mine->stages[STAGE_STORE], store_spent_us(service->access.store) - exchange->store_us);
    if (received_us && received_us < (uint64_t)exchange->started_us)
        metrics_time(&mine->stages[STAGE_QUEUE], (uint64_t)exchange->started_us - received_us);
    if (exchange->call.hsm_us)
        metrics_time(&mine->stages[STAGE_HSM], exchange->call.hsm_us);
    if (exchange->audit_us)
        metrics_time(&mine->stages[STAGE_AUDIT], exchange->audit_us);
}
