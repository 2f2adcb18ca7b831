/* SPDX-License-Identifier: Apache-2.0 */
/* config_form.c - a function for each form, and the table of them. */
#include "proxy/config_form.h"

#include <errno.h>
#include <string.h>

#include "include/table.h"
#include "proto/dual_class.h"
#include "proto/enrolment_proof.h"
#include "proto/log_name.h"
#include "proto/name.h"
#include "proto/token_policy.h"
#include "proxy/config.h"

static int parse_text(const struct config_key *key, const char *value, void *member)
{
    (void)key;
    if (!*value)
        return -EINVAL;
    *(char **)member = strdup(value);
    return *(char **)member ? 0 : -ENOMEM;
}

static int parse_realm(const struct config_key *key, const char *value, void *member)
{
    return name_is_valid(bytes_of_text(value)) ? parse_text(key, value, member) : -EINVAL;
}

static int parse_log_format(const struct config_key *key, const char *value, void *member)
{
    bool is_json = strcmp(value, "json") == 0;

    (void)key;
    *(bool *)member = is_json;
    return is_json || strcmp(value, "text") == 0 ? 0 : -EINVAL;
}

static int parse_forward(const struct config_key *key, const char *value, void *member)
{
    static const char *const schemes[] = { "syslog:", "syslog-tcp:" };

    if (strcmp(value, "journald") == 0)
        return parse_text(key, value, member);
    for (size_t i = 0; i < ARRAY_SIZE(schemes); i++)
        if (strncmp(value, schemes[i], strlen(schemes[i])) == 0 && strchr(value + strlen(schemes[i]), ':'))
            return parse_text(key, value, member);
    return -EINVAL;
}

static int parse_proxy(const struct config_key *key, const char *value, void *member)
{
    return proxy_name_is_valid(value) ? parse_text(key, value, member) : -EINVAL;
}

static int parse_assignment(const struct config_key *key, const char *value, void *member)
{
    const char *equals = strchr(value, '=');

    return equals && equals != value ? parse_text(key, value, member) : -EINVAL;
}

static int parse_digits(const char *text, unsigned least, unsigned most, unsigned *ret)
{
    unsigned long number = 0;

    if (!*text)
        return -EINVAL;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return -EINVAL;
        number = 10 * number + (unsigned long)(*text - '0');
        if (number > most)
            return -EINVAL;
    }
    if (number < least)
        return -EINVAL;
    *ret = (unsigned)number;
    return 0;
}

static int parse_number(const struct config_key *key, const char *value, void *member)
{
    return parse_digits(value, key->least, key->most, member);
}

static int parse_choice(const char *const words[], size_t count, const char *value, size_t *ret)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(value, words[i]) == 0) {
            *ret = i;
            return 0;
        }
    return -EINVAL;
}

static int parse_switch(const struct config_key *key, const char *value, void *member)
{
    static const char *const words[] = { "no", "yes", "false", "true", "off", "on", "0", "1" }; /* in pairs */
    size_t index;
    int r = parse_choice(words, ARRAY_SIZE(words), value, &index);

    (void)key;
    if (r == 0)
        *(bool *)member = index % 2 == 1;
    return r;
}

/* "yes" is one: who has few users need not think about how many. */
static int parse_partitions(const struct config_key *key, const char *value, void *member)
{
    static const char *const words[] = { "no", "yes" };
    size_t index;

    if (parse_choice(words, ARRAY_SIZE(words), value, &index) < 0)
        return parse_number(key, value, member);
    *(unsigned *)member = (unsigned)index;
    return 0;
}

static int parse_sync(const struct config_key *key, const char *value, void *member)
{
    static const char *const words[] = { "batch", "write" };
    size_t index;
    int r = parse_choice(words, ARRAY_SIZE(words), value, &index);

    (void)key;
    if (r == 0)
        *(bool *)member = index == 1;
    return r;
}

static int parse_level(const struct config_key *key, const char *value, void *member)
{
    static const char *const words[] = { "error", "warning", "notice", "info", "debug" };
    size_t index;
    int r = parse_choice(words, ARRAY_SIZE(words), value, &index);

    (void)key;
    if (r == 0)
        *(enum log_level *)member = LOG_LEVEL_ERROR + (unsigned)index; /* which count from there on */
    return r;
}

/* @member is the whole policy; the name says which of its settings. */
static int parse_policy(const struct config_key *key, const char *value, void *member)
{
    const char *expected;

    return token_policy_set(member, key->name, value, &expected);
}

/* Finds the bit of one word. */
typedef bool find_word_fn(const char *word, unsigned *ret_bit);

/* Some words, separated by commas and blanks, as bits. */
static int parse_words(const char *value, find_word_fn *find, unsigned *ret)
{
    CLEANUP(free_string) char *copy = strdup(value);
    char *rest = copy, *word;
    unsigned bits = 0, bit;

    if (!copy)
        return -ENOMEM;
    while ((word = strsep(&rest, ", \t"))) {
        if (!*word)
            continue;
        if (!find(word, &bit))
            return -EINVAL;
        bits |= bit;
    }
    *ret = bits;
    return 0;
}

static bool find_class(const char *word, unsigned *ret_bit)
{
    enum dual_class class;
    bool is_found = dual_class_find(word, &class);

    if (is_found)
        *ret_bit = DUAL_BIT(class);
    return is_found;
}

static int parse_classes(const struct config_key *key, const char *value, void *member)
{
    (void)key;
    return parse_words(value, find_class, member);
}

static bool find_proof(const char *word, unsigned *ret_bit)
{
    Privyseal__V1__EnrolmentProof kind;
    bool is_found = enrolment_proof_find(word, &kind);

    if (is_found)
        *ret_bit = ENROLMENT_BIT(kind);
    return is_found;
}

/* A code is always among them: devices show some, operators give some. */
static int parse_proofs(const struct config_key *key, const char *value, void *member)
{
    unsigned proofs;
    int r = parse_words(value, find_proof, &proofs);

    (void)key;
    if (r == 0 && proofs == 0)
        r = -EINVAL;
    if (r == 0)
        *(unsigned *)member = proofs | ENROLMENT_BIT(PRIVYSEAL__V1__ENROLMENT_PROOF__ENROLMENT_CODE);
    return r;
}

/* The front reads the address itself; here it must have a host and a port. Port 0 lets the system choose. */
static bool is_address(const char *text)
{
    const char *colon = strrchr(text, ':');
    unsigned port;

    return colon && colon != text && parse_digits(colon + 1, 0, 65535, &port) == 0;
}

static int parse_address(const struct config_key *key, const char *value, void *member)
{
    return is_address(value) ? parse_text(key, value, member) : -EINVAL;
}

/* May come several times, each with several addresses. */
static int parse_listen(const struct config_key *key, const char *value, void *member)
{
    struct addresses *list = member;
    CLEANUP(free_string) char *copy = strdup(value);
    char *rest = copy, *word;

    (void)key;
    if (!copy)
        return -ENOMEM;
    if (!value[strspn(value, ", \t")])
        return -EINVAL;
    while ((word = strsep(&rest, ", \t"))) {
        if (!*word)
            continue;
        if (!is_address(word) || list->count == LISTEN_MAX)
            return -EINVAL;
        list->at[list->count] = strdup(word);
        if (!list->at[list->count])
            return -ENOMEM;
        list->count++;
    }
    return 0;
}

static const struct form {
    int (*parse)(const struct config_key *key, const char *value, void *member);
    bool is_text;
    const char *expected;
} forms[FORMS] = {
    [FORM_TEXT] = { parse_text, true, "something" },
    [FORM_REALM] = { parse_realm, true, "1 to 32 bytes of UTF-8 without : / \\ and quotes" },
    [FORM_PROXY] = { parse_proxy, true, "1 to 63 letters, digits, - and _" },
    [FORM_ADDRESSES] = { parse_listen, false, "up to 8 addresses like 127.0.0.1:7443 or [::]:7443" },
    [FORM_ADDRESS] = { parse_address, true, "an address like 127.0.0.1:80" },
    [FORM_NUMBER] = { parse_number, false, NULL },
    [FORM_YES_NO] = { parse_switch, false, "yes or no" },
    [FORM_PARTITIONS] = { parse_partitions, false, "yes, no or a number of signers up to 64" },
    [FORM_BATCH_WRITE] = { parse_sync, false, "batch or write" },
    [FORM_FORWARD] = { parse_forward, true, "journald, syslog:ADDRESS:PORT or syslog-tcp:ADDRESS:PORT" },
    [FORM_PROOFS] = { parse_proofs, false, "some of code, totp, recovery, pin, separated by commas" },
    [FORM_LOG_FORMAT] = { parse_log_format, false, "text or json" },
    [FORM_LEVEL] = { parse_level, false, "error, warning, notice, info or debug" },
    [FORM_CLASSES] = { parse_classes, false,
                       "some of enrol, key, reset, unlock, device, certificate, policy, "
                       "delete, separated by commas" },
    [FORM_ASSIGNMENT] = { parse_assignment, true, "NAME=VALUE" },
    [FORM_POLICY] = { parse_policy, false, NULL }, /* each setting says what it takes */
};

int config_form_read(const struct config_key *key, const char *value, void *member)
{
    return forms[key->form].parse(key, value, member);
}

const char *config_form_expected(const struct config_key *key, const char *value)
{
    const char *expected = forms[key->form].expected;
    struct token_policy policy;

    if (key->form == FORM_POLICY)
        (void)!token_policy_set(&policy, key->name, value, &expected);
    return expected;
}

bool config_form_is_text(enum config_form form)
{
    return forms[form].is_text;
}

bool config_form_is_list(enum config_form form)
{
    return form == FORM_ADDRESSES;
}
