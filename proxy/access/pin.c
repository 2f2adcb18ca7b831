/* SPDX-License-Identifier: Apache-2.0 */
/* pin.c - the salt of a PIN and the value that tells a right one. */
#include "proxy/access/pin.h"

#include <string.h>

#include "include/table.h"
#include "proto/context.h"
#include "proxy/access/access.h"

enum reason pin_salt(struct access *access, const char *token, uint8_t ret[SALT_LEN])
{
    CLEANUP(context_clear) struct context context = context_of("privyseal v1 pin salt");

    _Static_assert(SALT_LEN == HASH_LEN, "the salt is a whole HMAC");
    context_text(&context, access->realm);
    context_text(&context, token);
    return access_mac(access, HSM_SALT, PIN_KEY_EPOCH, &context, ret);
}

/* A row of one kind never passes for one of another, whatever secret comes with it. */
static const char *const check_labels[] = {
    [ACCESS_PIN] = "privyseal v1 pin check",
    [ACCESS_RECOVERY] = "privyseal v1 recovery check",
    [ACCESS_QUORUM] = "privyseal v1 quorum check",
};

enum reason pin_check_value(struct access *access, const struct token_row *token,
                            const struct access_row *row, struct bytes s, uint8_t ret[HASH_LEN])
{
    static const uint8_t place_of_s[STRETCHED_PIN_LEN];
    CLEANUP(context_clear) struct context context = { 0 };
    CLEANUP(secret_free) struct secret *secret = NULL;
    struct bytes input;

    if (s.len != STRETCHED_PIN_LEN)
        return REASON_MALFORMED;
    if ((size_t)row->kind >= ARRAY_SIZE(check_labels))
        return REASON_INTEGRITY;
    context = context_of(check_labels[row->kind]);
    context_text(&context, access->realm);
    context_text(&context, token->name);
    context_bytes(&context, BYTES_OF_ARRAY(row->row_name));
    context_number(&context, row->version);
    context_bytes(&context, BYTES_OF_ARRAY(place_of_s));

    /* A context's memory is not wiped: S takes its place, the last field, in a copy that is. */
    if (context_end(&context, &input) < 0 || secret_copy(input, &secret) < 0)
        return REASON_INTERNAL;
    memcpy(secret->data + secret->len - STRETCHED_PIN_LEN, s.data, STRETCHED_PIN_LEN);
    if (hsm_mac(access->hsm, HSM_CHECK, PIN_KEY_EPOCH, secret_bytes(secret), ret) != CKR_OK)
        return REASON_HSM;
    return REASON_NONE;
}
