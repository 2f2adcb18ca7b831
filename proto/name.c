/* SPDX-License-Identifier: Apache-2.0 */
/* name.c - names and labels, and activation codes in Crockford's base32. */
#include "proto/name.h"

#include <errno.h>
#include <string.h>

#include "include/secret.h"
#include "proto/utf8.h"

static bool is_control(uint32_t character)
{
    return character < 0x20 || (character >= 0x7f && character < 0xa0);
}

/* UTF-8 of 1 to @max bytes without control characters and without any character of @refused. */
static bool is_clean_text(struct bytes text, size_t max, const char *refused)
{
    uint32_t character;
    size_t len;

    if (text.len == 0 || text.len > max)
        return false;
    for (size_t at = 0; at < text.len; at += len) {
        len = utf8_next(BYTES(text.data + at, text.len - at), &character);
        if (len == 0 || is_control(character))
            return false;
        if (len == 1 && strchr(refused, (int)character))
            return false;
    }
    return true;
}

bool name_is_valid(struct bytes name)
{
    return is_clean_text(name, NAME_MAX_LEN, ":/\"'\\") && name.data[0] != ' ' &&
           name.data[name.len - 1] != ' ';
}

bool label_is_valid(struct bytes label)
{
    return is_clean_text(label, LABEL_MAX_LEN, "");
}

/* --------------------------------------------------------------------------------------- activation codes */

/* The 32 digits, then five that only a check character may be (crockford.com/base32.html). */
static const char code_digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ*~$=U";

#define CODE_DIGITS     26 /* 128 bits in digits of five; the first has only the uppermost three */
#define CODE_GROUP      4
#define CODE_CHECK_BASE 37

/* The code as a number, modulo 37: finds every single wrong digit and every two that changed places. */
static unsigned code_check(const uint8_t code[ACTIVATION_CODE_LEN])
{
    unsigned rest = 0;

    for (size_t i = 0; i < ACTIVATION_CODE_LEN; i++)
        rest = (rest << 8 | code[i]) % CODE_CHECK_BASE;
    return rest;
}

void activation_code_text(const uint8_t code[ACTIVATION_CODE_LEN], char ret[ACTIVATION_TEXT_MAX])
{
    unsigned bits = 0, held = 2; /* two zero bits before the code fill its first digit up */
    size_t next = 0;

    for (size_t i = 0; i <= CODE_DIGITS; i++) {
        if (i && i % CODE_GROUP == 0)
            *ret++ = '-';
        if (i == CODE_DIGITS)
            break;
        if (held < 5) {
            bits = bits << 8 | code[next++];
            held += 8;
        }
        held -= 5;
        *ret++ = code_digits[bits >> held & 31];
    }
    *ret++ = code_digits[code_check(code)];
    *ret = '\0';
}

/* The value of a digit as people type it; -1: it is none. */
static int code_digit(char c)
{
    const char *found;

    if (c >= 'a' && c <= 'z')
        c = (char)(c - 'a' + 'A');
    if (c == 'O')
        c = '0';
    if (c == 'I' || c == 'L')
        c = '1';
    found = c ? strchr(code_digits, c) : NULL;
    return found ? (int)(found - code_digits) : -1;
}

/* @text as digits, without what groups them. Errors: -EINVAL (no digit, or another number of them). */
static int read_digits(const char *text, uint8_t ret[CODE_DIGITS + 1])
{
    size_t count = 0;

    for (; *text; text++) {
        int digit = code_digit(*text);

        if (*text == '-' || *text == ' ')
            continue;
        if (digit < 0 || count > CODE_DIGITS || (digit > 31 && count < CODE_DIGITS))
            return -EINVAL;
        ret[count++] = (uint8_t)digit;
    }
    return count == CODE_DIGITS + 1 ? 0 : -EINVAL;
}

int activation_code_parse(const char *text, uint8_t ret[ACTIVATION_CODE_LEN])
{
    uint8_t digits[CODE_DIGITS + 1], code[ACTIVATION_CODE_LEN];
    unsigned bits = 0, held = 0;
    size_t next = 0;
    int r = read_digits(text, digits);

    if (r < 0)
        goto out;
    bits = digits[0];
    held = 3;
    for (size_t i = 1; i < CODE_DIGITS; i++) {
        bits = bits << 5 | digits[i];
        held += 5;
        if (held >= 8) {
            held -= 8;
            code[next++] = (uint8_t)(bits >> held);
        }
    }
    r = digits[0] < 8 && code_check(code) == digits[CODE_DIGITS] ? 0 : -EINVAL;
    if (r == 0)
        memcpy(ret, code, sizeof(code));
out:
    /* A code is as good as a PIN until it is used: no copy of it stays on the stack. */
    secret_wipe(digits, sizeof(digits));
    secret_wipe(code, sizeof(code));
    secret_wipe(&bits, sizeof(bits));
    return r;
}
