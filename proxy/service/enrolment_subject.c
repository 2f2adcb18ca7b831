/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enrolment_subject.c - three rows, read or made up. A made-up one gets a MAC as a real one has it checked, with the
 * same call to the HSM.
 */
#include "proxy/service/enrolment_subject.h"

#include <string.h>

#include "proto/name.h"

#define MADE_UP_VERSIONS 5

void enrolment_subject_clear(struct enrolment_subject *subject)
{
    access_row_clear(&subject->pin);
}

enum reason enrolment_begin(struct service *service, struct call *call, const char *user)
{
    if (!service->config->enrolment.is_open)
        return REASON_NOT_PERMITTED;
    if (!name_is_valid(bytes_of_text(user)))
        return REASON_MALFORMED;
    call->record.token = user;
    return REASON_NONE;
}

static enum reason load_token(struct access *access, const char *user, struct token_row *ret, bool *is_user)
{
    enum reason reason = token_load(access, user, ret);

    if (reason != REASON_NOT_PERMITTED)
        return reason;
    *is_user = false;
    *ret = (struct token_row){ 0 };
    strcpy(ret->name, user); /* a valid name: at most NAME_MAX_LEN */
    return row_mac_token(access, ret);
}

static enum reason load_principal(struct access *access, const char *user, struct principal_row *ret,
                                  bool *is_user)
{
    enum reason reason = principal_load(access, user, ret);

    if (reason != REASON_NOT_FOUND)
        return reason;
    *is_user = false;
    *ret = (struct principal_row){ 0 };
    strcpy(ret->name, user);
    return row_mac_principal(access, ret);
}

static enum reason load_pin(struct access *access, const struct token_row *token, struct access_row *ret,
                            bool *is_user)
{
    enum reason reason = row_load_access(access, token->id, ACCESS_PIN, ret);

    if (reason != REASON_NOT_FOUND)
        return reason;
    *is_user = false;
    *ret = (struct access_row){ .version = 1 };
    return row_mac_access(access, ret);
}

enum reason enrolment_subject_load(struct service *service, const char *user, struct enrolment_subject *ret)
{
    struct access *access = &service->access;
    enum reason reason;

    ret->is_user = true;
    reason = load_token(access, user, &ret->token, &ret->is_user);
    if (reason == REASON_NONE)
        reason = load_principal(access, user, &ret->principal, &ret->is_user);
    if (reason == REASON_NONE)
        reason = load_pin(access, &ret->token, &ret->pin, &ret->is_user);
    if (reason != REASON_NONE)
        return reason;
    if (ret->is_user && ret->pin.version != ret->token.pin_version)
        return REASON_INTEGRITY; /* a row that was once ours, put back */
    ret->is_user &= ret->token.enabled && !ret->token.locked && ret->principal.enabled;
    return REASON_NONE;
}

/* Most users never changed their PIN: 1 for every other name, 2 for every other one of the rest, and so on. */
static enum reason make_up_version(struct service *service, const char *user, uint32_t *ret)
{
    CLEANUP(context_clear) struct context context = context_of("privyseal v1 made up pin version");
    uint8_t hmac[HASH_LEN];
    enum reason reason;

    context_text(&context, service->config->realm);
    context_text(&context, user);
    reason = access_mac(&service->access, HSM_SALT, PIN_KEY_EPOCH, &context, hmac);
    for (*ret = 1; *ret < MADE_UP_VERSIONS && (hmac[0] >> *ret & 1); (*ret)++)
        ;
    return reason;
}

enum reason enrolment_pin_version(struct service *service, const char *user, uint32_t *ret)
{
    struct token_row token;
    bool is_user = true;
    uint32_t made_up;
    enum reason reason = load_token(&service->access, user, &token, &is_user);

    if (reason == REASON_NONE)
        reason = make_up_version(service, user, &made_up);
    if (reason != REASON_NONE)
        return reason;
    *ret = is_user && token.pin_version ? token.pin_version : made_up;
    return REASON_NONE;
}
