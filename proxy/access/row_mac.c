/* SPDX-License-Identifier: Apache-2.0 */
/* row_mac.c - every field of a row as a context, and its HMAC under Krow. */
#include "proxy/access/row_mac.h"

#include "proto/context.h"
#include "proxy/access/access.h"

static enum reason row_mac(struct access *access, const struct context *context, uint8_t ret[HASH_LEN])
{
    enum reason reason = access_mac(access, HSM_ROW, hsm_epoch_mac(access->hsm, HSM_ROW), context, ret);
    struct bytes input;

    if (reason == REASON_NONE && context_end(context, &input) == 0)
        believed_add(&access->believed, input, ret);
    return reason;
}

/* Tries the newest epoch first: after a rotation rows of the one before are rewritten as they change. */
static enum reason row_check(struct access *access, const struct context *context,
                             const uint8_t stored[HASH_LEN])
{
    uint8_t mac[HASH_LEN];
    struct bytes input;
    CK_RV rv;

    if (context_end(context, &input) < 0)
        return REASON_INTERNAL;
    if (!access->asks_anew && believed_has(&access->believed, input, stored))
        return REASON_NONE;
    for (uint32_t epoch = hsm_epoch_mac(access->hsm, HSM_ROW); epoch > 0; epoch--) {
        rv = hsm_mac(access->hsm, HSM_ROW, epoch, input, mac);
        if (rv == CKR_KEY_NEEDED)
            continue; /* that epoch was destroyed */
        if (rv != CKR_OK)
            return REASON_HSM;
        if (secret_equal(BYTES_OF_ARRAY(mac), BYTES(stored, HASH_LEN))) {
            believed_add(&access->believed, input, stored);
            return REASON_NONE;
        }
    }
    return REASON_INTEGRITY;
}

/* ------------------------------------------------------------------------------------------------- tokens */

static struct context token_context(const struct access *access, const struct token_row *row)
{
    struct context context = context_of("privyseal v1 row token");

    context_text(&context, access->realm);
    context_number(&context, (uint64_t)row->id);
    context_text(&context, row->name);
    context_text(&context, row->serial);
    context_number(&context, row->custody);
    context_number(&context, (uint64_t)row->home);
    context_text(&context, row->partition);
    context_number(&context, row->enabled);
    context_number(&context, row->locked);
    context_number(&context, row->pin_version);
    context_number(&context, row->version);
    context_number(&context, row->sequence);
    context_number(&context, (uint64_t)row->created_ms);
    context_bytes(&context, BYTES_OF_ARRAY(row->activation));
    context_number(&context, (uint64_t)row->activation_until_ms);
    context_number(&context, row->failures_total);
    context_number(&context, row->failures_version);
    context_number(&context, (uint64_t)row->failed_ms);
    context_bytes(&context, BYTES_OF_ARRAY(row->attempts));
    context_bytes(&context, BYTES_OF_ARRAY(row->grants));
    context_bytes(&context, BYTES_OF_ARRAY(row->memberships));
    context_number(&context, row->policy.second_factor);
    context_number(&context, row->policy.device_secret);
    context_number(&context, row->policy.always_authenticate);
    context_number(&context, row->policy.idle_ms);
    context_number(&context, row->policy.max_signatures);
    context_number(&context, row->policy.mechanisms);
    context_number(&context, row->policy.no_decrypt);
    context_number(&context, row->policy.keys_need_permit);
    context_number(&context, row->policy.key_permits);
    context_number(&context, row->recovery_bits);
    context_bytes(&context, BYTES_OF_ARRAY(row->recovery));
    context_number(&context, row->retired_versions);
    context_number(&context, row->recovery_failures);
    context_number(&context, (uint64_t)row->recovery_failed_ms);
    context_number(&context, row->factor);
    context_number(&context, row->factor_version);
    context_bytes(&context, BYTES_OF_ARRAY(row->factors));
    return context;
}

enum reason row_mac_token(struct access *access, struct token_row *row)
{
    CLEANUP(context_clear) struct context context = token_context(access, row);

    return row_mac(access, &context, row->mac);
}

enum reason row_check_token(struct access *access, const struct token_row *row)
{
    CLEANUP(context_clear) struct context context = token_context(access, row);

    return row_check(access, &context, row->mac);
}

/* --------------------------------------------------------------------------------- attempts at enrolment */

static struct context enrolment_context(const struct access *access, const struct enrolment_row *row)
{
    struct context context = context_of("privyseal v1 row enrolment");

    context_text(&context, access->realm);
    context_number(&context, row->slot);
    context_number(&context, row->failures);
    context_number(&context, (uint64_t)row->failed_ms);
    context_number(&context, row->sequence);
    return context;
}

enum reason row_mac_enrolment(struct access *access, struct enrolment_row *row)
{
    CLEANUP(context_clear) struct context context = enrolment_context(access, row);

    return row_mac(access, &context, row->mac);
}

enum reason row_check_enrolment(struct access *access, const struct enrolment_row *row)
{
    CLEANUP(context_clear) struct context context = enrolment_context(access, row);

    return row_check(access, &context, row->mac);
}

/* -------------------------------------------------------------------------------------------- access rows */

static struct context access_context(const struct access *access, const struct access_row *row)
{
    struct context context = context_of("privyseal v1 row access");

    context_text(&context, access->realm);
    context_number(&context, (uint64_t)row->token_id);
    context_number(&context, row->kind);
    context_bytes(&context, BYTES_OF_ARRAY(row->row_name));
    context_number(&context, row->version);
    context_number(&context, row->kd_epoch);
    context_bytes(&context, BYTES_OF_ARRAY(row->nonce));
    context_bytes(&context, buffer_bytes(&row->sealed));
    context_bytes(&context, BYTES_OF_ARRAY(row->check));
    context_bytes(&context, buffer_bytes(&row->blob));
    return context;
}

enum reason row_mac_access(struct access *access, struct access_row *row)
{
    CLEANUP(context_clear) struct context context = access_context(access, row);

    return row_mac(access, &context, row->mac);
}

enum reason row_check_access(struct access *access, const struct access_row *row)
{
    CLEANUP(context_clear) struct context context = access_context(access, row);

    return row_check(access, &context, row->mac);
}

/* --------------------------------------------------------------------------------------------------- keys */

static struct context key_context(const struct access *access, const struct key_row *row)
{
    struct context context = context_of("privyseal v1 row key");

    context_text(&context, access->realm);
    context_number(&context, (uint64_t)row->token_id);
    context_bytes(&context, BYTES_OF_ARRAY(row->name));
    context_text(&context, row->label);
    context_bytes(&context, buffer_bytes(&row->cka_id));
    context_number(&context, row->usage);
    context_number(&context, row->always_authenticate);
    context_number(&context, row->key_type);
    context_number(&context, row->bits);
    context_bytes(&context, buffer_bytes(&row->spki));
    context_number(&context, row->kd_epoch);
    context_number(&context, row->kw_epoch);
    context_bytes(&context, BYTES_OF_ARRAY(row->nonce));
    context_bytes(&context, buffer_bytes(&row->sealed));
    context_number(&context, (uint64_t)row->created_ms);
    context_number(&context, (uint64_t)row->expires_ms);
    return context;
}

enum reason row_mac_key(struct access *access, struct key_row *row)
{
    CLEANUP(context_clear) struct context context = key_context(access, row);

    return row_mac(access, &context, row->mac);
}

enum reason row_check_key(struct access *access, const struct key_row *row)
{
    CLEANUP(context_clear) struct context context = key_context(access, row);

    return row_check(access, &context, row->mac);
}

/* -------------------------------------------------------------------------------------- keys' certificates */

static struct context certificate_context(const struct access *access, const struct certificate_row *row)
{
    struct context context = context_of("privyseal v1 row certificate");

    context_text(&context, access->realm);
    context_number(&context, (uint64_t)row->token_id);
    context_bytes(&context, BYTES_OF_ARRAY(row->key_name));
    context_text(&context, row->label);
    context_bytes(&context, buffer_bytes(&row->der));
    context_bytes(&context, buffer_bytes(&row->chain));
    context_number(&context, (uint64_t)row->created_ms);
    return context;
}

enum reason row_mac_certificate(struct access *access, struct certificate_row *row)
{
    CLEANUP(context_clear) struct context context = certificate_context(access, row);

    return row_mac(access, &context, row->mac);
}

enum reason row_check_certificate(struct access *access, const struct certificate_row *row)
{
    CLEANUP(context_clear) struct context context = certificate_context(access, row);

    return row_check(access, &context, row->mac);
}

/* --------------------------------------------------------------------------------------------- principals */

static struct context principal_context(const struct access *access, const struct principal_row *row)
{
    struct context context = context_of("privyseal v1 row principal");

    context_text(&context, access->realm);
    context_number(&context, (uint64_t)row->id);
    context_text(&context, row->name);
    context_number(&context, row->enabled);
    context_number(&context, (uint64_t)row->created_ms);
    context_number(&context, row->sequence);
    context_bytes(&context, BYTES_OF_ARRAY(row->certificates));
    context_bytes(&context, BYTES_OF_ARRAY(row->requests));
    context_bytes(&context, BYTES_OF_ARRAY(row->device_code));
    context_number(&context, (uint64_t)row->device_code_until_ms);
    context_bytes(&context, BYTES_OF_ARRAY(row->device_secret));
    return context;
}

enum reason row_mac_principal(struct access *access, struct principal_row *row)
{
    CLEANUP(context_clear) struct context context = principal_context(access, row);

    return row_mac(access, &context, row->mac);
}

enum reason row_check_principal(struct access *access, const struct principal_row *row)
{
    CLEANUP(context_clear) struct context context = principal_context(access, row);

    return row_check(access, &context, row->mac);
}

/* ------------------------------------------------------------------------------------------------- groups */

static struct context group_context(const struct access *access, const struct group_row *row)
{
    struct context context = context_of("privyseal v1 row group");

    context_text(&context, access->realm);
    context_number(&context, (uint64_t)row->id);
    context_text(&context, row->name);
    context_number(&context, (uint64_t)row->created_ms);
    context_number(&context, row->sequence);
    context_bytes(&context, BYTES_OF_ARRAY(row->grants));
    return context;
}

enum reason row_mac_group(struct access *access, struct group_row *row)
{
    CLEANUP(context_clear) struct context context = group_context(access, row);

    return row_mac(access, &context, row->mac);
}

enum reason row_check_group(struct access *access, const struct group_row *row)
{
    CLEANUP(context_clear) struct context context = group_context(access, row);

    return row_check(access, &context, row->mac);
}

/* ------------------------------------------------------------------------------------ what the CA issued */

static struct context issued_context(const struct access *access, const struct issued_row *row)
{
    struct context context = context_of("privyseal v1 row issued");

    context_text(&context, access->realm);
    context_number(&context, row->authority);
    context_bytes(&context, BYTES_OF_ARRAY(row->serial));
    context_number(&context, row->profile);
    context_text(&context, row->owner);
    context_number(&context, (uint64_t)row->token_id);
    context_bytes(&context, BYTES_OF_ARRAY(row->key_name));
    context_bytes(&context, BYTES_OF_ARRAY(row->hash));
    context_text(&context, row->subject);
    context_number(&context, (uint64_t)row->issued_ms);
    context_number(&context, (uint64_t)row->not_after_ms);
    context_number(&context, (uint64_t)row->revoked_ms);
    context_number(&context, row->crl_reason);
    context_number(&context, row->notice_days);
    return context;
}

enum reason row_mac_issued(struct access *access, struct issued_row *row)
{
    CLEANUP(context_clear) struct context context = issued_context(access, row);

    return row_mac(access, &context, row->mac);
}

enum reason row_check_issued(struct access *access, const struct issued_row *row)
{
    CLEANUP(context_clear) struct context context = issued_context(access, row);

    return row_check(access, &context, row->mac);
}

static struct context authority_context(const struct access *access, const struct authority_row *row)
{
    struct context context = context_of("privyseal v1 row authority");

    context_text(&context, access->realm);
    context_number(&context, row->authority);
    context_number(&context, row->sequence);
    context_number(&context, (uint64_t)row->as_of_ms);
    context_bytes(&context, BYTES_OF_ARRAY(row->revoked));
    context_number(&context, row->crl_number);
    context_number(&context, (uint64_t)row->crl_until_ms);
    context_bytes(&context, BYTES_OF_ARRAY(row->crl_hash));
    return context;
}

enum reason row_mac_authority(struct access *access, struct authority_row *row)
{
    CLEANUP(context_clear) struct context context = authority_context(access, row);

    return row_mac(access, &context, row->mac);
}

enum reason row_check_authority(struct access *access, const struct authority_row *row)
{
    CLEANUP(context_clear) struct context context = authority_context(access, row);

    return row_check(access, &context, row->mac);
}
