/* SPDX-License-Identifier: Apache-2.0 */
/* row_digest.c - each row's fields in turn. */
#include "proxy/access/row_digest.h"

#include <string.h>

#include "proto/context.h"
#include "proto/digest.h"
#include "proxy/access/access.h"

static enum reason row_digest(const struct context *context, size_t count, uint8_t ret[HASH_LEN])
{
    struct bytes input;

    if (count == 0) {
        memset(ret, 0, HASH_LEN);
        return REASON_NONE;
    }
    if (context_end(context, &input) < 0 || digest_sha256(NULL, input, ret) < 0)
        return REASON_INTERNAL;
    return REASON_NONE;
}

enum reason row_digest_attempts(const struct attempt_row *rows, size_t count, uint8_t ret[HASH_LEN])
{
    CLEANUP(context_clear) struct context context = context_of("privyseal v1 attempts");

    for (size_t i = 0; i < count; i++) {
        context_number(&context, (uint64_t)rows[i].id);
        context_number(&context, (uint64_t)rows[i].token_id);
        context_number(&context, (uint64_t)rows[i].principal_id);
        context_number(&context, rows[i].state);
        context_number(&context, (uint64_t)rows[i].at_ms);
    }
    return row_digest(&context, count, ret);
}

enum reason row_digest_grants(const struct grant_row *rows, size_t count, uint8_t ret[HASH_LEN])
{
    CLEANUP(context_clear) struct context context = context_of("privyseal v1 grants");

    for (size_t i = 0; i < count; i++) {
        context_number(&context, (uint64_t)rows[i].id);
        context_number(&context, (uint64_t)rows[i].token_id);
        context_number(&context, (uint64_t)rows[i].principal_id);
        context_number(&context, rows[i].bits);
    }
    return row_digest(&context, count, ret);
}

enum reason row_digest_memberships(const struct member_row *rows, size_t count, uint8_t ret[HASH_LEN])
{
    CLEANUP(context_clear) struct context context = context_of("privyseal v1 memberships");

    for (size_t i = 0; i < count; i++) {
        context_number(&context, (uint64_t)rows[i].id);
        context_number(&context, (uint64_t)rows[i].group_id);
        context_number(&context, (uint64_t)rows[i].token_id);
    }
    return row_digest(&context, count, ret);
}

enum reason row_digest_group_grants(const struct group_grant_row *rows, size_t count, uint8_t ret[HASH_LEN])
{
    CLEANUP(context_clear) struct context context = context_of("privyseal v1 group grants");

    for (size_t i = 0; i < count; i++) {
        context_number(&context, (uint64_t)rows[i].id);
        context_number(&context, (uint64_t)rows[i].group_id);
        context_number(&context, (uint64_t)rows[i].principal_id);
        context_number(&context, rows[i].bits);
    }
    return row_digest(&context, count, ret);
}

/* An access row by its MAC, which stands for all of it. */
static void append_access(struct context *context, bool is_there, const struct access_row *row)
{
    context_number(context, is_there);
    context_number(context, (uint64_t)row->id);
    context_bytes(context, BYTES_OF_ARRAY(row->mac));
}

static void append_quorum(struct context *context, const struct quorum_row *row)
{
    context_number(context, (uint64_t)row->id);
    context_number(context, (uint64_t)row->token_id);
    context_bytes(context, BYTES_OF_ARRAY(row->name));
    context_number(context, row->needed);
    context_bytes(context, BYTES_OF_ARRAY(row->request));
    context_number(context, row->pin_version);
    context_bytes(context, BYTES_OF_ARRAY(row->row_name));
    context_bytes(context, BYTES_OF_ARRAY(row->check));
    context_bytes(context, BYTES_OF_ARRAY(row->certificate));
    context_number(context, (uint64_t)row->principal_id);
    context_number(context, (uint64_t)row->asked_ms);
    context_number(context, (uint64_t)row->from_ms);
    context_number(context, (uint64_t)row->until_ms);
}

static void append_share(struct context *context, const struct share_row *row)
{
    context_number(context, (uint64_t)row->id);
    context_number(context, (uint64_t)row->token_id);
    context_number(context, row->number);
    context_bytes(context, BYTES_OF_ARRAY(row->officer));
    context_text(context, row->name);
    context_bytes(context, BYTES_OF_ARRAY(row->digest));
    context_bytes(context, buffer_bytes(&row->sealed));
    context_number(context, (uint64_t)row->given_by);
    context_number(context, row->kd_epoch);
    context_bytes(context, BYTES_OF_ARRAY(row->nonce));
    context_bytes(context, buffer_bytes(&row->given));
}

enum reason row_digest_recovery(const struct recovery *recovery, uint8_t ret[HASH_LEN])
{
    CLEANUP(context_clear) struct context context = context_of("privyseal v1 recovery");

    append_access(&context, recovery->has_code, &recovery->code);
    append_access(&context, recovery->has_quorum, &recovery->joined);
    append_quorum(&context, &recovery->quorum);
    for (size_t i = 0; i < recovery->share_count; i++)
        append_share(&context, &recovery->shares[i]);
    return row_digest(&context, recovery->has_code || recovery->has_quorum || recovery->share_count, ret);
}

enum reason row_digest_certificates(const struct principal_certificate_row *rows, size_t count,
                                    uint8_t ret[HASH_LEN])
{
    CLEANUP(context_clear) struct context context = context_of("privyseal v1 certificates");

    for (size_t i = 0; i < count; i++) {
        context_bytes(&context, BYTES_OF_ARRAY(rows[i].hash));
        context_number(&context, (uint64_t)rows[i].principal_id);
        context_number(&context, rows[i].role);
        context_number(&context, (uint64_t)rows[i].not_after_ms);
        context_number(&context, rows[i].revoked);
        context_text(&context, rows[i].label);
        context_number(&context, (uint64_t)rows[i].created_ms);
        context_bytes(&context, BYTES_OF_ARRAY(rows[i].replaces));
    }
    return row_digest(&context, count, ret);
}

enum reason row_digest_revoked(const struct issued_row *rows, size_t count, uint8_t ret[HASH_LEN])
{
    CLEANUP(context_clear) struct context context = context_of("privyseal v1 revoked");

    for (size_t i = 0; i < count; i++) {
        context_number(&context, (uint64_t)rows[i].id);
        context_bytes(&context, BYTES_OF_ARRAY(rows[i].serial));
        context_number(&context, (uint64_t)rows[i].not_after_ms);
        context_number(&context, (uint64_t)rows[i].revoked_ms);
        context_number(&context, rows[i].crl_reason);
    }
    return row_digest(&context, count, ret);
}

/* Bodies by their hash: together they may be long. */
enum reason row_digest_requests(const struct request_row *rows, size_t count, uint8_t ret[HASH_LEN])
{
    CLEANUP(context_clear) struct context context = context_of("privyseal v1 requests");
    uint8_t body[HASH_LEN];

    for (size_t i = 0; i < count; i++) {
        if (digest_sha256(NULL, buffer_bytes(&rows[i].body), body) < 0)
            return REASON_INTERNAL;
        context_number(&context, (uint64_t)rows[i].id);
        context_bytes(&context, BYTES_OF_ARRAY(rows[i].name));
        context_number(&context, (uint64_t)rows[i].principal_id);
        context_bytes(&context, BYTES_OF_ARRAY(rows[i].certificate));
        context_text(&context, rows[i].method);
        context_bytes(&context, BYTES_OF_ARRAY(body));
        context_number(&context, (uint64_t)rows[i].created_ms);
        context_number(&context, (uint64_t)rows[i].expires_ms);
        context_number(&context, rows[i].state);
        context_text(&context, rows[i].decided_by);
    }
    return row_digest(&context, count, ret);
}

enum reason row_digest_factors(const struct factor_row *rows, size_t count, uint8_t ret[HASH_LEN])
{
    CLEANUP(context_clear) struct context context = context_of("privyseal v1 factors");

    for (size_t i = 0; i < count; i++) {
        context_number(&context, (uint64_t)rows[i].id);
        context_number(&context, (uint64_t)rows[i].token_id);
        context_number(&context, rows[i].kind);
        context_bytes(&context, BYTES_OF_ARRAY(rows[i].row_name));
        context_number(&context, rows[i].kd_epoch);
        context_bytes(&context, BYTES_OF_ARRAY(rows[i].nonce));
        context_bytes(&context, buffer_bytes(&rows[i].sealed));
        context_number(&context, rows[i].confirmed);
        context_number(&context, rows[i].last_step);
        context_bytes(&context, BYTES_OF_ARRAY(rows[i].code));
        context_number(&context, (uint64_t)rows[i].code_until_ms);
        context_number(&context, (uint64_t)rows[i].sent_ms);
        context_number(&context, (uint64_t)rows[i].created_ms);
    }
    return row_digest(&context, count, ret);
}
