/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pin_policy.c - lengths, classes, and what everybody tries first.
 *
 * A rule here makes the attacker's list longer at its beginning; it does not make six digits more than a million. So the
 * rules are few. NIST SP 800-63B 5.1.1.2 advises length and a list over composition; classes are for those who must.
 */
#include "client/pin_policy.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "include/table.h"
#include "proto/limits.h"

#define NAME_LEN_LEAST 3 /* shorter ones are in many a good PIN */

/* PINs and passwords that head every published list, beyond those that the rules below refuse anyway. */
static const char *const favourites[] = { "112233",    "121314",   "159753",    "147258",   "147258369",
                                          "789456",    "159357",   "741852963", "password", "passw0rd",
                                          "password1", "letmein",  "iloveyou",  "welcome",  "dragon",
                                          "monkey",    "princess", "football",  "admin123", "qwerty123",
                                          "abc123",    "secret" };

/* Fingers walk along these, from any key to any other, in either direction. */
static const char *const rows[] = {
    "1234567890", "qwertyuiop", "qwertzuiop", "asdfghjkl", "zxcvbnm", "yxcvbnm", "abcdefghijklmnopqrstuvwxyz"
};

static uint32_t clamp(uint32_t value, uint32_t least, uint32_t most)
{
    return value < least ? least : value > most ? most : value;
}

struct pin_policy pin_policy_of(const Privyseal__V1__PinPolicy *message)
{
    struct pin_policy policy = { .min_len = PIN_MIN_LEN, .max_len = PIN_MAX_LEN };

    if (!message)
        return policy;
    policy.min_len = clamp(message->min_len, PIN_MIN_LEN, PIN_MAX_LEN);
    policy.max_len = message->max_len ? clamp(message->max_len, policy.min_len, PIN_MAX_LEN) : PIN_MAX_LEN;
    policy.classes = message->classes;
    policy.refuse_trivial = message->refuse_trivial;
    return policy;
}

static uint32_t count_classes(struct bytes pin)
{
    bool has_small = false, has_capital = false, has_digit = false, has_other = false;

    for (size_t i = 0; i < pin.len; i++) {
        uint8_t c = pin.data[i];

        if (c >= 'a' && c <= 'z')
            has_small = true;
        else if (c >= 'A' && c <= 'Z')
            has_capital = true;
        else if (c >= '0' && c <= '9')
            has_digit = true;
        else
            has_other = true;
    }
    return has_small + has_capital + has_digit + has_other;
}

/* 111111, 121212, 123123: one part, again and again. */
static bool is_repetition(struct bytes pin)
{
    for (size_t period = 1; period <= pin.len / 2; period++)
        if (memcmp(pin.data, pin.data + period, pin.len - period) == 0)
            return true;
    return false;
}

/* Whether @pin stands in @row, going up or down by one place each time. */
static bool walks_along(struct bytes pin, const char *row, int step)
{
    const char *at = pin.data[0] ? strchr(row, tolower(pin.data[0])) : NULL;
    ptrdiff_t place = at ? at - row : 0, places = (ptrdiff_t)strlen(row);

    if (!at)
        return false;
    for (size_t i = 1; i < pin.len; i++) {
        place += step;
        if (place < 0 || place >= places || row[place] != tolower(pin.data[i]))
            return false;
    }
    return true;
}

static bool is_sequence(struct bytes pin)
{
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (walks_along(pin, rows[i], 1) || walks_along(pin, rows[i], -1))
            return true;
    return walks_along(pin, "0123456789", 1) || walks_along(pin, "0123456789", -1);
}

static bool is_favourite(struct bytes pin)
{
    for (size_t i = 0; i < ARRAY_SIZE(favourites); i++)
        if (strlen(favourites[i]) == pin.len &&
            strncasecmp(favourites[i], (const char *)pin.data, pin.len) == 0)
            return true;
    return false;
}

static bool contains_name(struct bytes pin, const char *user)
{
    size_t len = strlen(user);

    for (size_t i = 0; len >= NAME_LEN_LEAST && i + len <= pin.len; i++)
        if (strncasecmp((const char *)pin.data + i, user, len) == 0)
            return true;
    return false;
}

CK_RV pin_policy_check(const struct pin_policy *policy, const char *user, struct bytes pin, const char **why)
{
    *why = "too short or too long";
    if (pin.len < policy->min_len || pin.len > policy->max_len)
        return CKR_PIN_LEN_RANGE;
    *why = "too few kinds of characters: mix small letters, capitals, digits and others";
    if (count_classes(pin) < policy->classes)
        return CKR_PIN_INVALID;
    if (!policy->refuse_trivial)
        return CKR_OK;
    *why = "one part again and again is what is tried first";
    if (is_repetition(pin))
        return CKR_PIN_INVALID;
    *why = "a sequence of digits, letters or keys is what is tried first";
    if (is_sequence(pin))
        return CKR_PIN_INVALID;
    *why = "it is on every list of common PINs";
    if (is_favourite(pin))
        return CKR_PIN_INVALID;
    *why = "it contains the user's name";
    return contains_name(pin, user) ? CKR_PIN_INVALID : CKR_OK;
}
