/* SPDX-License-Identifier: Apache-2.0 */
/*
 * activation.c - a code is checked as a PIN is, in constant time, but needs no counter: nobody guesses 128 bits.
 */
#include "proxy/service/activation.h"

#include <string.h>

#define HOURS_DEFAULT 168 /* a week */
#define HOUR_MS       3600000

enum reason activation_hmac(struct service *service, const char *token, struct bytes code,
                            uint8_t ret[HASH_LEN])
{
    CLEANUP(context_clear) struct context context = context_of("privyseal v1 activation");

    if (code.len != ACTIVATION_CODE_LEN)
        return REASON_MALFORMED;
    context_text(&context, service->config->realm);
    context_text(&context, token);
    context_bytes(&context, code);
    return access_mac(&service->access, HSM_CHECK, PIN_KEY_EPOCH, &context, ret);
}

enum reason activation_check(struct service *service, const struct token_row *token, struct bytes code,
                             int64_t now_ms)
{
    static const uint8_t none[HASH_LEN];
    uint8_t hmac[HASH_LEN];
    bool is_open = memcmp(token->activation, none, sizeof(none)) != 0 && now_ms < token->activation_until_ms;
    enum reason reason = activation_hmac(service, token->name, code, hmac);

    if (reason != REASON_NONE)
        return reason;
    if (!secret_equal(BYTES_OF_ARRAY(hmac), BYTES_OF_ARRAY(token->activation)) || !is_open)
        return REASON_CODE_INCORRECT;
    return REASON_NONE;
}

enum reason activation_until(int64_t now_ms, uint32_t hours, int64_t *ret_ms)
{
    if (hours > ACTIVATION_HOURS_MAX)
        return REASON_MALFORMED;
    *ret_ms = now_ms + (int64_t)(hours ? hours : HOURS_DEFAULT) * HOUR_MS;
    return REASON_NONE;
}
