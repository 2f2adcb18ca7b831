/* SPDX-License-Identifier: Apache-2.0 */
/* token_policy.c - the settings of a token's policy: a row each, with its words and its place. */
#include "proto/token_policy.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "include/table.h"
#include "proto/mechanism.h"

struct policy_key;

/* How a setting is read and written; @member is its place. Errors: -EINVAL. */
struct policy_form {
    int (*parse)(const struct policy_key *key, const char *value, void *member);
    void (*print)(const struct policy_key *key, const void *member, char ret[POLICY_VALUE_MAX]);
};

struct policy_key {
    const char *name;
    const struct policy_form *form;
    size_t offset, size;
    const char *expected;
    const char *const *words; /* of a choice, by value; ends with NULL */
    uint32_t least, most;     /* of a number that is not 0 */
};

/* ----------------------------------------------------------------------------------------------- the forms */

/* A choice is a bool or an enumeration; no other field is one byte wide. */
static void put_number(const struct policy_key *key, uint32_t number, void *member)
{
    if (key->size == sizeof(bool))
        *(bool *)member = number != 0;
    else
        *(uint32_t *)member = number;
}

static uint32_t get_number(const struct policy_key *key, const void *member)
{
    return key->size == sizeof(bool) ? *(const bool *)member : *(const uint32_t *)member;
}

static int parse_choice(const struct policy_key *key, const char *value, void *member)
{
    for (uint32_t i = 0; key->words[i]; i++)
        if (strcmp(key->words[i], value) == 0) {
            put_number(key, i, member);
            return 0;
        }
    return -EINVAL;
}

static void print_choice(const struct policy_key *key, const void *member, char ret[POLICY_VALUE_MAX])
{
    snprintf(ret, POLICY_VALUE_MAX, "%s", key->words[get_number(key, member)]);
}

static int parse_number(const struct policy_key *key, const char *value, void *member)
{
    size_t len = strspn(value, "0123456789");
    unsigned long number;

    if (len == 0 || len > 10 || value[len])
        return -EINVAL;
    number = strtoul(value, NULL, 10);
    if (number != 0 && (number < key->least || number > key->most))
        return -EINVAL;
    put_number(key, (uint32_t)number, member);
    return 0;
}

static void print_number(const struct policy_key *key, const void *member, char ret[POLICY_VALUE_MAX])
{
    snprintf(ret, POLICY_VALUE_MAX, "%u", get_number(key, member));
}

#define CKM_PREFIX_LEN 4 /* "CKM_", which may be left out */

/* The bit of one that is named @word, of @len bytes; 0: none of them. */
static uint32_t bit_of_word(const char *word, size_t len)
{
    const struct mechanism *mechanism;

    for (size_t i = 0; (mechanism = mechanism_at(i)); i++) {
        const char *name = mechanism->name;

        if (strncmp(word, "CKM_", CKM_PREFIX_LEN) != 0)
            name += CKM_PREFIX_LEN;
        if (strlen(name) == len && memcmp(name, word, len) == 0)
            return mechanism_wire_bit(mechanism->type);
    }
    return 0;
}

/* "all", or names with + between them: a comma would end a column of a CSV file. */
static int parse_mechanisms(const struct policy_key *key, const char *value, void *member)
{
    uint32_t bits = 0;

    if (strcmp(value, "all") == 0) {
        put_number(key, 0, member);
        return 0;
    }
    for (;;) {
        size_t len = strcspn(value, "+");
        uint32_t bit = bit_of_word(value, len);

        if (!bit)
            return -EINVAL;
        bits |= bit;
        value += len;
        if (!*value)
            break;
        value++;
    }
    put_number(key, bits, member);
    return 0;
}

static void print_mechanisms(const struct policy_key *key, const void *member, char ret[POLICY_VALUE_MAX])
{
    uint32_t bits = get_number(key, member);
    const struct mechanism *mechanism;
    size_t len = 0;

    snprintf(ret, POLICY_VALUE_MAX, "all");
    for (size_t i = 0; (mechanism = mechanism_at(i)); i++)
        if (bits & mechanism_wire_bit(mechanism->type))
            len += (size_t)snprintf(ret + len, POLICY_VALUE_MAX - len, "%s%s", len ? "+" : "",
                                    mechanism->name + CKM_PREFIX_LEN);
}

/* ------------------------------------------------------------------------------------------------- the table */

static const struct policy_form form_choice = { parse_choice, print_choice };
static const struct policy_form form_number = { parse_number, print_number };
static const struct policy_form form_mechanisms = { parse_mechanisms, print_mechanisms };

static const char *const factor_words[] = { "none", "totp", "sent", NULL };
static const char *const secret_words[] = { "none", "required", NULL };
static const char *const no_yes[] = { "no", "yes", NULL };
static const char *const yes_no[] = { "yes", "no", NULL }; /* of what is kept as its contrary */

#define AT(member) offsetof(struct token_policy, member), sizeof(((struct token_policy *)NULL)->member)

static const struct policy_key keys[] = {
    { "second_factor", &form_choice, AT(second_factor), "none, totp or sent", factor_words },
    { "device_secret", &form_choice, AT(device_secret), "none or required", secret_words },
    { "always_authenticate", &form_choice, AT(always_authenticate), "yes or no", no_yes },
    { "idle_ms", &form_number, AT(idle_ms), "0, or a number from 1000 to 604800000", NULL, POLICY_IDLE_MS_MIN,
      POLICY_IDLE_MS_MAX },
    { "max_signatures", &form_number, AT(max_signatures), "a number from 0 to 1000000000", NULL, 1,
      POLICY_SIGNATURES_MAX },
    { "mechanisms", &form_mechanisms, AT(mechanisms),
      "all, or some of RSA_PKCS, RSA_PKCS_PSS, ECDSA, EDDSA, RSA_PKCS_OAEP, ECDH1_DERIVE with + between them",
      NULL },
    { "decrypt", &form_choice, AT(no_decrypt), "yes or no", yes_no },
    { "keys_need_permit", &form_choice, AT(keys_need_permit), "yes or no", no_yes },
};

static const struct policy_key *find_key(const char *name)
{
    const struct policy_key *key;

    for (EACH_ROW(key, keys))
        if (strcmp(key->name, name) == 0)
            return key;
    return NULL;
}

const char *token_policy_key_at(size_t index)
{
    return index < ARRAY_SIZE(keys) ? keys[index].name : NULL;
}

int token_policy_set(struct token_policy *policy, const char *name, const char *value,
                     const char **ret_expected)
{
    const struct policy_key *key = find_key(name);
    int r;

    if (!key)
        return -ENOENT;
    r = key->form->parse(key, value, (char *)policy + key->offset);
    if (r < 0)
        *ret_expected = key->expected;
    return r;
}

void token_policy_print(const struct token_policy *policy, const char *name, char ret[POLICY_VALUE_MAX])
{
    const struct policy_key *key = find_key(name);

    key->form->print(key, (const char *)policy + key->offset, ret);
}

int token_policy_copy(struct token_policy *policy, const struct token_policy *from, const char *name)
{
    const struct policy_key *key = find_key(name);

    if (!key)
        return -ENOENT;
    memcpy((char *)policy + key->offset, (const char *)from + key->offset, key->size);
    return 0;
}

bool token_policy_agree(const struct token_policy *a, const struct token_policy *b, const char *name)
{
    const struct policy_key *key = find_key(name);

    return memcmp((const char *)a + key->offset, (const char *)b + key->offset, key->size) == 0;
}

/* ---------------------------------------------------------------------------------------------- the message */

void token_policy_to_message(const struct token_policy *policy, Privyseal__V1__TokenPolicy *message)
{
    message->second_factor = (Privyseal__V1__SecondFactor)policy->second_factor;
    message->device_secret = policy->device_secret;
    message->always_authenticate = policy->always_authenticate;
    message->idle_ms = policy->idle_ms;
    message->max_signatures = policy->max_signatures;
    message->mechanisms = policy->mechanisms;
    message->no_decrypt = policy->no_decrypt;
    message->keys_need_permit = policy->keys_need_permit;
    message->key_permits = policy->key_permits;
}

static bool is_in_range(uint32_t number, uint32_t least, uint32_t most)
{
    return number == 0 || (number >= least && number <= most);
}

int token_policy_of_message(const Privyseal__V1__TokenPolicy *message, struct token_policy *ret)
{
    if ((unsigned)message->second_factor >= FACTORS ||
        !is_in_range(message->idle_ms, POLICY_IDLE_MS_MIN, POLICY_IDLE_MS_MAX) ||
        !is_in_range(message->max_signatures, 1, POLICY_SIGNATURES_MAX) ||
        (message->mechanisms & ~mechanism_wire_bits()))
        return -EBADMSG;
    *ret = (struct token_policy){
        .second_factor = (enum second_factor)message->second_factor,
        .device_secret = message->device_secret,
        .always_authenticate = message->always_authenticate,
        .idle_ms = message->idle_ms,
        .max_signatures = message->max_signatures,
        .mechanisms = message->mechanisms,
        .no_decrypt = message->no_decrypt,
        .keys_need_permit = message->keys_need_permit,
    };
    return 0;
}

bool token_policy_allows(const struct token_policy *policy, CK_MECHANISM_TYPE raw)
{
    return policy->mechanisms == 0 || (policy->mechanisms & mechanism_wire_bit(raw));
}
