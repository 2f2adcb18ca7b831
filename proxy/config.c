/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.c - privyseald.conf, read by a table: each key has one row, which knows its place, its form and its default.
 *
 * Nothing is guessed: what the table does not know, and what it knows but cannot take, is an error with the file, the
 * line and what was expected there.
 */
#include "proxy/config.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <ini.h>

#include "include/spelling.h"
#include "include/table.h"
#include "proto/dual_class.h"
#include "proto/enrolment_proof.h"
#include "proto/limits.h"
#include "proto/log_name.h"
#include "proto/name.h"
#include "proto/token_policy.h"

struct key;

/* Reads @value into the field @member. Errors: -EINVAL (not of the expected form), -ENOMEM. */
typedef int parse_fn(const struct key *key, const char *value, void *member);

static parse_fn parse_text, parse_realm, parse_proxy, parse_listen, parse_number, parse_switch, parse_sync,
    parse_level, parse_assignment, parse_policy, parse_classes, parse_address, parse_forward, parse_proofs,
    parse_partitions, parse_log_format;

/* What a value looks like. */
struct form {
    parse_fn *parse;
    bool is_text;         /* the field is a char *, which the config owns */
    const char *expected; /* for people; NULL: a number in the key's range */
};

static const struct form form_text = { parse_text, true, "something" };
static const struct form form_realm = { parse_realm, true,
                                        "1 to 32 bytes of UTF-8 without : / \\ and quotes" };
static const struct form form_proxy = { parse_proxy, true, "1 to 63 letters, digits, - and _" };
static const struct form form_addresses = { parse_listen, false,
                                            "up to 8 addresses like 127.0.0.1:7443 or [::]:7443" };
static const struct form form_address = { parse_address, true, "an address like 127.0.0.1:80" };
static const struct form form_number = { parse_number, false, NULL };
static const struct form form_yes_no = { parse_switch, false, "yes or no" };
static const struct form form_partitions = { parse_partitions, false,
                                             "yes, no or a number of signers up to 64" };
static const struct form form_batch_write = { parse_sync, false, "batch or write" };
static const struct form form_forward = { parse_forward, true,
                                          "journald, syslog:ADDRESS:PORT or syslog-tcp:ADDRESS:PORT" };
static const struct form form_proofs = { parse_proofs, false,
                                         "some of code, totp, recovery, pin, separated by commas" };
static const struct form form_log_format = { parse_log_format, false, "text or json" };
static const struct form form_level = { parse_level, true, "error, warning, notice, info or debug" };
static const struct form form_classes = { parse_classes, false,
                                          "some of enrol, key, reset, unlock, device, certificate, policy, "
                                          "delete, separated by commas" };
static const struct form form_assignment = { parse_assignment, true, "NAME=VALUE" };

static const struct form form_policy = { parse_policy, false, "" }; /* each setting says what it takes */

struct key {
    const char *section, *name;
    const struct form *form;
    size_t offset;
    const char *fallback; /* as it would be written in the file */
    bool is_required;
    unsigned least, most; /* of a number */
};

#define AT(member)   offsetof(struct proxy_config, member)
#define REQUIRED     NULL, true
#define OPTIONAL     NULL, false
#define DEFAULT(x)   #x, false
#define NUMBER_OF(x) DEFAULT(x) /* of a macro: expanded first, then made text */
#define DAY_MS       (24 * 60 * 60 * 1000)

static const struct key keys[] = {
    { "server", "realm", &form_realm, AT(realm), REQUIRED },
    { "server", "proxy", &form_proxy, AT(proxy), OPTIONAL },
    { "server", "state", &form_text, AT(state), OPTIONAL },
    { "server", "listen", &form_addresses, AT(listen), REQUIRED },
    { "server", "certificate", &form_text, AT(certificate), REQUIRED },
    { "server", "key", &form_text, AT(key), REQUIRED },
    { "server", "client_ca", &form_text, AT(client_ca), REQUIRED },
    { "server", "seal_chain", &form_text, AT(seal_chain), REQUIRED },
    { "server", "signers", &form_number, AT(signers), OPTIONAL, 1, 256 },
    { "server", "partitions", &form_partitions, AT(partitions), DEFAULT(no), 0, 64 },
    { "server", "partition_users", &form_number, AT(partition_users), DEFAULT(1000), 1, 65536 },
    { "server", "busy_poll", &form_number, AT(busy_poll_us), DEFAULT(250), 0, 10000 },
    { "server", "front_user", &form_text, AT(front_user), OPTIONAL },
    { "server", "signer_user", &form_text, AT(signer_user), OPTIONAL },
    { "server", "log_format", &form_log_format, AT(log_json), DEFAULT(text) },
    { "server", "log_level", &form_level, AT(log_level), DEFAULT(info) },
    { "limits", "max_connections", &form_number, AT(max_connections), DEFAULT(20000), 1, 1000000 },
    { "limits", "max_connections_per_address", &form_number, AT(max_connections_per_address), DEFAULT(0), 0,
      1000000 },
    { "limits", "max_streams", &form_number, AT(max_streams), DEFAULT(100), 1, 1000 },
    { "limits", "queue", &form_number, AT(queue), DEFAULT(256), 1, 65536 },
    { "limits", "idle_ms", &form_number, AT(idle_ms), DEFAULT(600000), 1000, DAY_MS },
    { "limits", "handshake_ms", &form_number, AT(handshake_ms), DEFAULT(10000), 100, 600000 },
    { "limits", "rate", &form_number, AT(rate), DEFAULT(0), 0, 1000000 },
    { "limits", "token_rate", &form_number, AT(token_rate), DEFAULT(0), 0, 1000000 },
    { "enrolment", "listen", &form_addresses, AT(enrolment_listen), OPTIONAL },
    { "enrolment", "proof", &form_proofs, AT(enrolment_proofs), DEFAULT(code totp recovery) },
    { "enrolment", "address", &form_text, AT(enrolment_address), OPTIONAL },
    { "enrolment", "endpoints", &form_addresses, AT(enrolment_endpoints), OPTIONAL },
    { "enrolment", "max_connections", &form_number, AT(enrolment_connections), DEFAULT(200), 1, 100000 },
    { "enrolment", "rate", &form_number, AT(enrolment_rate), DEFAULT(100), 1, 100000 },
    { "enrolment", "rate_per_address", &form_number, AT(enrolment_rate_per_address), DEFAULT(20), 1, 100000 },
    { "store", "successor", &form_text, AT(store_successor), OPTIONAL },
    { "store", "url", &form_text, AT(store), "sqlite:store/privyseal.db", false },
    { "audit", "directory", &form_text, AT(audit_directory), DEFAULT(audit) },
    { "audit", "sync", &form_batch_write, AT(audit_write), DEFAULT(batch) },
    { "audit", "rotate_mib", &form_number, AT(audit_rotate_mib), DEFAULT(256), 0, 1048576 },
    { "audit", "rotate_days", &form_number, AT(audit_rotate_days), DEFAULT(0), 0, 36525 },
    { "audit", "forward", &form_forward, AT(audit_forward), OPTIONAL },
    { "hsm", "module", &form_text, AT(hsm_module), REQUIRED },
    { "hsm", "environment", &form_assignment, AT(hsm_environment), OPTIONAL },
    { "hsm", "token", &form_text, AT(hsm_token), REQUIRED },
    { "hsm", "pin_file", &form_text, AT(hsm_pin_file), REQUIRED },
    { "hsm", "partition_environment", &form_assignment, AT(hsm_partition_environment), OPTIONAL },
    { "hsm", "partition_directory", &form_text, AT(hsm_partition_directory), OPTIONAL },
    { "hsm", "allow_software_hsm", &form_yes_no, AT(allow_software_hsm), DEFAULT(no) },
    { "hsm", "manifest", &form_text, AT(hsm_manifest), OPTIONAL },
    { "hsm", "master_backup", &form_text, AT(hsm_master_backup), DEFAULT(master - backup) },
    { "hsm", "handles", &form_number, AT(hsm_handles), DEFAULT(10000), 1, 1000000 },
    { "hsm", "recycle_after", &form_number, AT(recycle_after), DEFAULT(500000), 1, 100000000 },
    { "hsm", "hang_ms", &form_number, AT(hsm_hang_ms), DEFAULT(5000), 100, 600000 },
    { "hsm", "probe_ms", &form_number, AT(hsm_probe_ms), DEFAULT(1000), 100, 600000 },
    { "ca", "device", &form_text, AT(ca_device), OPTIONAL },
    { "ca", "document", &form_text, AT(ca_document), OPTIONAL },
    { "metrics", "listen", &form_address, AT(metrics_listen), OPTIONAL },
    { "ca", "listen", &form_address, AT(ca_listen), OPTIONAL },
    { "ca", "url", &form_text, AT(ca_url), OPTIONAL },
    { "ca", "crl_hours", &form_number, AT(ca_crl_hours), DEFAULT(24), 1, 744 },
    { "ca", "ocsp_minutes", &form_number, AT(ca_ocsp_minutes), DEFAULT(60), 1, 10080 },
    { "ca", "rate", &form_number, AT(ca_rate), DEFAULT(200), 1, 1000000 },
    { "ca", "self_service", &form_yes_no, AT(ca_self_service), DEFAULT(no) },
    { "ca", "subject", &form_text, AT(ca_subject), "/CN=%u", false },
    { "ca", "server_days", &form_number, AT(ca_server_days), DEFAULT(398), 1, 3650 },
    { "ca", "device_days", &form_number, AT(ca_device_days), DEFAULT(398), 1, 3650 },
    { "ca", "document_days", &form_number, AT(ca_document_days), DEFAULT(730), 1, 3650 },
    { "pin", "argon2_memory_kib", &form_number, AT(argon2_memory_kib), NUMBER_OF(ARGON2_MEMORY_KIB_DEFAULT),
      ARGON2_MEMORY_KIB_FLOOR, ARGON2_MEMORY_KIB_MAX },
    { "pin", "argon2_passes", &form_number, AT(argon2_passes), NUMBER_OF(ARGON2_PASSES_DEFAULT),
      ARGON2_PASSES_FLOOR, ARGON2_PASSES_MAX },
    { "pin", "argon2_lanes", &form_number, AT(argon2_lanes), NUMBER_OF(ARGON2_LANES_DEFAULT), 1,
      ARGON2_LANES_MAX },
    { "pin", "min_length", &form_number, AT(pin_min_length), NUMBER_OF(PIN_MIN_LEN), PIN_MIN_LEN,
      PIN_MAX_LEN },
    { "pin", "max_length", &form_number, AT(pin_max_length), NUMBER_OF(PIN_MAX_LEN), PIN_MIN_LEN,
      PIN_MAX_LEN },
    { "pin", "character_classes", &form_number, AT(pin_character_classes), DEFAULT(1), 1, 4 },
    { "pin", "refuse_trivial", &form_yes_no, AT(pin_refuse_trivial), DEFAULT(yes) },
    { "recovery", "quorum", &form_number, AT(recovery_quorum), DEFAULT(0), 0, OFFICERS_MAX },
    { "recovery", "officers", &form_text, AT(recovery_officers), OPTIONAL },
    { "recovery", "delay_hours", &form_number, AT(recovery_delay_hours), DEFAULT(24), 0, 720 },
    { "lease", "idle_ms", &form_number, AT(lease_idle_ms), DEFAULT(900000), 1000, 7 * DAY_MS },
    { "lease", "life_ms", &form_number, AT(lease_life_ms), DEFAULT(43200000), 1000, 7 * DAY_MS },
    { "lease", "leases", &form_number, AT(leases), DEFAULT(4096), 1, 1000000 },
    { "factor", "window", &form_number, AT(factor_window), DEFAULT(1), 0, 10 },
    { "factor", "ticket_hours", &form_number, AT(factor_ticket_hours), DEFAULT(12), 1, 168 },
    { "notice", "command", &form_text, AT(notice_command), OPTIONAL },
    { "notice", "webhook", &form_text, AT(notice_webhook), OPTIONAL },
    { "notice", "webhook_ca", &form_text, AT(notice_webhook_ca), OPTIONAL },
    { "notice", "user", &form_text, AT(notice_user), OPTIONAL },
    { "notice", "timeout_ms", &form_number, AT(notice_timeout_ms), DEFAULT(10000), 100, 600000 },
    { "notice", "workers", &form_number, AT(notice_workers), DEFAULT(4), 2, 64 },
    { "notice", "keep", &form_number, AT(notice_keep), DEFAULT(10000), 1, 1000000 },
    { "notice", "retry_hours", &form_number, AT(notice_retry_hours), DEFAULT(72), 1, 8760 },
    { "keys", "verify_every_ec", &form_yes_no, AT(verify_every_ec), DEFAULT(no) },
    { "keys", "life_days", &form_number, AT(key_life_days), DEFAULT(1826), 1, 36525 },
    { "policy", "second_factor", &form_policy, AT(policy), OPTIONAL },
    { "policy", "device_secret", &form_policy, AT(policy), OPTIONAL },
    { "policy", "always_authenticate", &form_policy, AT(policy), OPTIONAL },
    { "policy", "idle_ms", &form_policy, AT(policy), OPTIONAL },
    { "policy", "max_signatures", &form_policy, AT(policy), OPTIONAL },
    { "policy", "mechanisms", &form_policy, AT(policy), OPTIONAL },
    { "policy", "decrypt", &form_policy, AT(policy), OPTIONAL },
    { "policy", "keys_need_permit", &form_policy, AT(policy), OPTIONAL },
    { "operators", "two_for", &form_classes, AT(two_for), OPTIONAL },
    { "operators", "request_hours", &form_number, AT(request_hours), DEFAULT(72), 1, 2160 },
};

/* Of a further HSM, [hsm.NAME]: fields of its struct hsm_place. */
#define PLACE(member) offsetof(struct hsm_place, member)
static const struct key place_keys[] = {
    { "hsm.", "module", &form_text, PLACE(module), OPTIONAL },
    { "hsm.", "environment", &form_assignment, PLACE(environment), OPTIONAL },
    { "hsm.", "token", &form_text, PLACE(token), OPTIONAL },
    { "hsm.", "pin_file", &form_text, PLACE(pin_file), REQUIRED },
    { "hsm.", "signers", &form_number, PLACE(signers), OPTIONAL, 1, 256 },
};

/* A file on its way into a config. */
struct loader {
    const char *path;
    struct proxy_config *config;
    FILE *file;
    unsigned line; /* the last that was read */
    bool is_seen[ARRAY_SIZE(keys)];
    bool is_place_seen[HSMS_MAX - 1][ARRAY_SIZE(place_keys)];
    int error; /* the first; nothing is read after it */
    char *why; /* its words */
};

/* ---------------------------------------------------------------------------------------------------- errors */

static int refuse(struct loader *loader, int error, unsigned line, const char *format, ...) PRINTF_LIKE(4, 5);

/* Keeps the first error: "FILE:LINE: words", without the line when that is 0. Returns @error. */
static int refuse(struct loader *loader, int error, unsigned line, const char *format, ...)
{
    CLEANUP(free_string) char *words = NULL;
    va_list arguments;
    int len;

    if (loader->error)
        return loader->error;
    loader->error = error;
    va_start(arguments, format);
    len = vasprintf(&words, format, arguments);
    va_end(arguments);
    if (len < 0) {
        words = NULL;
        return error;
    }
    len = line ? asprintf(&loader->why, "%s:%u: %s", loader->path, line, words)
               : asprintf(&loader->why, "%s: %s", loader->path, words);
    if (len < 0)
        loader->why = NULL;
    return error;
}

#define TYPO_MAX 2 /* changes; beyond, a suggestion would be a guess */

/* The key most like @name, in @section if it is as near there as elsewhere; NULL: none is near. */
static const struct key *nearest_key(const char *section, const char *name)
{
    const struct key *key, *nearest = NULL;
    unsigned least = 2 * TYPO_MAX + 2; /* distances doubled, plus one outside the section */

    for (EACH_ROW(key, keys)) {
        unsigned distance = spelling_distance(name, key->name);
        unsigned weight;

        if (distance > TYPO_MAX)
            continue;
        weight = 2 * distance + (strcmp(key->section, section) != 0);
        if (weight >= least)
            continue;
        least = weight;
        nearest = key;
    }
    return nearest;
}

static int refuse_key(struct loader *loader, const char *section, const char *name)
{
    const struct key *nearest = nearest_key(section, name);

    if (!nearest)
        return refuse(loader, -EINVAL, loader->line, "unknown key \"%s\" in [%s]", name, section);
    return refuse(loader, -EINVAL, loader->line, "unknown key \"%s\" in [%s]; did you mean \"%s\" in [%s]?",
                  name, section, nearest->name, nearest->section);
}

static int refuse_section(struct loader *loader, const char *section, const char *name)
{
    const struct key *key;

    if (!*section)
        return refuse(loader, -EINVAL, loader->line, "\"%s\" stands before the first [section]", name);
    for (EACH_ROW(key, keys))
        if (spelling_distance(section, key->section) <= TYPO_MAX)
            return refuse(loader, -EINVAL, loader->line, "unknown section [%s]; did you mean [%s]?", section,
                          key->section);
    return refuse(loader, -EINVAL, loader->line, "unknown section [%s]", section);
}

static int refuse_value(struct loader *loader, const struct key *key, const char *value)
{
    const char *expected = key->form->expected;
    struct token_policy policy;

    if (key->form == &form_policy)
        (void)!token_policy_set(&policy, key->name, value, &expected);
    if (expected)
        return refuse(loader, -EINVAL, loader->line, "%s = \"%s\": expected %s", key->name, value, expected);
    return refuse(loader, -EINVAL, loader->line, "%s = \"%s\": expected a number from %u to %u", key->name,
                  value, key->least, key->most);
}

/* ---------------------------------------------------------------------------------------------------- values */

static int parse_text(const struct key *key, const char *value, void *member)
{
    (void)key;
    if (!*value)
        return -EINVAL;
    *(char **)member = strdup(value);
    return *(char **)member ? 0 : -ENOMEM;
}

static int parse_realm(const struct key *key, const char *value, void *member)
{
    return name_is_valid(bytes_of_text(value)) ? parse_text(key, value, member) : -EINVAL;
}

static int parse_log_format(const struct key *key, const char *value, void *member)
{
    bool is_json = strcmp(value, "json") == 0;

    (void)key;
    *(bool *)member = is_json;
    return is_json || strcmp(value, "text") == 0 ? 0 : -EINVAL;
}

static int parse_forward(const struct key *key, const char *value, void *member)
{
    static const char *const schemes[] = { "syslog:", "syslog-tcp:" };

    if (strcmp(value, "journald") == 0)
        return parse_text(key, value, member);
    for (size_t i = 0; i < ARRAY_SIZE(schemes); i++)
        if (strncmp(value, schemes[i], strlen(schemes[i])) == 0 && strchr(value + strlen(schemes[i]), ':'))
            return parse_text(key, value, member);
    return -EINVAL;
}

static int parse_proxy(const struct key *key, const char *value, void *member)
{
    return proxy_name_is_valid(value) ? parse_text(key, value, member) : -EINVAL;
}

static int parse_assignment(const struct key *key, const char *value, void *member)
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

static int parse_number(const struct key *key, const char *value, void *member)
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

static int parse_switch(const struct key *key, const char *value, void *member)
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
static int parse_partitions(const struct key *key, const char *value, void *member)
{
    static const char *const words[] = { "no", "yes" };
    size_t index;

    if (parse_choice(words, ARRAY_SIZE(words), value, &index) < 0)
        return parse_number(key, value, member);
    *(unsigned *)member = (unsigned)index;
    return 0;
}

static int parse_sync(const struct key *key, const char *value, void *member)
{
    static const char *const words[] = { "batch", "write" };
    size_t index;
    int r = parse_choice(words, ARRAY_SIZE(words), value, &index);

    (void)key;
    if (r == 0)
        *(bool *)member = index == 1;
    return r;
}

static int parse_level(const struct key *key, const char *value, void *member)
{
    static const char *const words[] = { "error", "warning", "notice", "info", "debug" };
    size_t index;
    int r = parse_choice(words, ARRAY_SIZE(words), value, &index);

    return r < 0 ? r : parse_text(key, value, member);
}

/* @member is the whole policy; the name says which of its settings. */
static int parse_policy(const struct key *key, const char *value, void *member)
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

static int parse_classes(const struct key *key, const char *value, void *member)
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
static int parse_proofs(const struct key *key, const char *value, void *member)
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

static int parse_address(const struct key *key, const char *value, void *member)
{
    return is_address(value) ? parse_text(key, value, member) : -EINVAL;
}

/* May come several times, each with several addresses. */
static int parse_listen(const struct key *key, const char *value, void *member)
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

/* --------------------------------------------------------------------------------------------------- reading */

/* @fields: what the key's offset counts from. */
static int set_key(struct loader *loader, const struct key *key, const char *value, void *fields)
{
    int r = key->form->parse(key, value, (char *)fields + key->offset);

    if (r == -EINVAL)
        return refuse_value(loader, key, value);
    return r < 0 ? refuse(loader, r, loader->line, "%s", strerror(-r)) : 0;
}

static const struct key *find_key(const char *section, const char *name, bool *ret_is_section)
{
    const struct key *key;

    *ret_is_section = false;
    for (EACH_ROW(key, keys)) {
        if (strcmp(key->section, section) != 0)
            continue;
        *ret_is_section = true;
        if (strcmp(key->name, name) == 0)
            return key;
    }
    return NULL;
}

/* The HSM of a section "hsm.NAME", which may be a new one; NULL: there cannot be one, as has been said. */
static struct hsm_place *find_place(struct loader *loader, const char *section)
{
    struct proxy_config *config = loader->config;
    const char *name = section + strlen("hsm.");

    for (unsigned i = 0; i < config->further_count; i++)
        if (strcmp(config->further[i].name, section) == 0)
            return &config->further[i];
    if (!proxy_name_is_valid(name) || strlen(name) > HSM_NAME_LEN_MAX)
        (void)refuse(loader, -EINVAL, loader->line,
                     "[%s]: expected 1 to %d letters, digits, - and _ behind the dot", section,
                     HSM_NAME_LEN_MAX);
    else if (config->further_count == ARRAY_SIZE(config->further))
        (void)refuse(loader, -EINVAL, loader->line, "[%s]: more than %d HSMs", section, HSMS_MAX);
    if (loader->error)
        return NULL;
    strcpy(config->further[config->further_count].name, section);
    return &config->further[config->further_count++];
}

static const struct key *find_place_key(const char *name)
{
    const struct key *key;

    for (EACH_ROW(key, place_keys))
        if (strcmp(key->name, name) == 0)
            return key;
    return NULL;
}

/* As on_line(). */
static int on_place_line(struct loader *loader, const char *section, const char *name, const char *value)
{
    struct hsm_place *place = find_place(loader, section);
    const struct key *key = find_place_key(name);
    bool *is_seen;

    if (!place)
        return 0;
    if (!key) {
        (void)refuse(loader, -EINVAL, loader->line,
                     "unknown key \"%s\" in [%s]: there are module, environment, token, pin_file and signers",
                     name, section);
        return 0;
    }
    is_seen = &loader->is_place_seen[place - loader->config->further][key - place_keys];
    if (*is_seen) {
        (void)refuse(loader, -EINVAL, loader->line, "%s is given twice in [%s]", name, section);
        return 0;
    }
    *is_seen = true;
    return set_key(loader, key, value, place) == 0;
}

/* inih's handler: 1 is success. */
static int on_line(void *arg, const char *section, const char *name, const char *value)
{
    struct loader *loader = arg;
    bool is_section;
    const struct key *key = find_key(section, name, &is_section);

    if (loader->error)
        return 0;
    if (strncmp(section, "hsm.", strlen("hsm.")) == 0)
        return on_place_line(loader, section, name, value);
    if (!key) {
        (void)(is_section ? refuse_key(loader, section, name) : refuse_section(loader, section, name));
        return 0;
    }
    if (loader->is_seen[key - keys] && key->form != &form_addresses) {
        (void)refuse(loader, -EINVAL, loader->line, "%s is given twice in [%s]", name, section);
        return 0;
    }
    loader->is_seen[key - keys] = true;
    return set_key(loader, key, value, loader->config) == 0;
}

/*
 * inih's reader. A line that does not fit would be split unnoticed; a NUL would hide the rest of one. Indentation goes:
 * to inih an indented line continues the value above it.
 */
static char *read_line(char *text, int room, void *stream)
{
    struct loader *loader = stream;
    size_t len;

    if (loader->error || !fgets(text, room, loader->file))
        return NULL;
    loader->line++;
    len = strlen(text);
    if ((len && text[len - 1] == '\n') || (feof(loader->file) && len + 1 < (size_t)room)) {
        size_t indent = strspn(text, " \t");

        memmove(text, text + indent, len + 1 - indent);
        return text;
    }
    if (len + 1 < (size_t)room)
        (void)refuse(loader, -EINVAL, loader->line, "this is not a text file");
    else
        (void)refuse(loader, -EINVAL, loader->line, "the line is too long: at most %d bytes", room - 2);
    return NULL;
}

static int read_file(struct loader *loader)
{
    int line;

    loader->file = fopen(loader->path, "re");
    if (!loader->file)
        return refuse(loader, -errno, 0, "%s", strerror(errno));
    line = ini_parse_stream(read_line, loader, on_line, loader);
    if (ferror(loader->file))
        (void)refuse(loader, -EIO, 0, "cannot be read");
    fclose(loader->file);
    if (line > 0) /* the handler's own errors were said when they were found */
        return refuse(loader, -EINVAL, (unsigned)line, "expected [section], key = value, or a # comment");
    return loader->error;
}

/* ---------------------------------------------------------------------------------------------- what is not there */

/* The first label of the host's name. `init` writes it down, so that a renamed host keeps its logs. */
static int name_after_host(struct loader *loader)
{
    char host[HOST_NAME_MAX + 1] = "";

    if (loader->config->proxy)
        return 0;
    if (gethostname(host, sizeof(host) - 1) == 0)
        host[strcspn(host, ".")] = '\0';
    loader->config->proxy = strdup(proxy_name_is_valid(host) ? host : "proxy");
    return loader->config->proxy ? 0 : refuse(loader, -ENOMEM, 0, "%s", strerror(ENOMEM));
}

/* Each HSM has its own; one that does not say how many, as many as [hsm]. */
static void count_signers(struct proxy_config *config)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned first = config->signers;

    if (first == 0)
        first = cores < 1 ? 1 : (unsigned)cores;
    config->signers = first;
    for (unsigned i = 0; i < config->further_count; i++) {
        if (config->further[i].signers == 0)
            config->further[i].signers = first;
        config->signers += config->further[i].signers;
    }
}

static int set_fallbacks(struct loader *loader)
{
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        int r = loader->is_seen[i] || !keys[i].fallback
                    ? 0
                    : set_key(loader, &keys[i], keys[i].fallback, loader->config);

        if (r < 0)
            return r;
    }
    count_signers(loader->config);
    return name_after_host(loader);
}

static void name_missing(struct buffer *missing, const char *section, const char *name)
{
    buffer_append_text(missing, missing->len ? ", [" : "[");
    buffer_append_text(missing, section);
    buffer_append_text(missing, "] ");
    buffer_append_text(missing, name);
}

/* Names all that is missing at once: nobody wants to learn it one by one. */
static int check_required(struct loader *loader)
{
    CLEANUP(buffer_clear) struct buffer missing = { 0 };

    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        bool is_of_officers = keys[i].offset == AT(recovery_officers) && loader->config->recovery_quorum > 0;
        bool is_of_http = keys[i].offset == AT(ca_url) && loader->config->ca_listen;

        if (loader->is_seen[i] || !(keys[i].is_required || is_of_http || is_of_officers))
            continue;
        name_missing(&missing, keys[i].section, keys[i].name);
    }
    for (unsigned i = 0; i < loader->config->further_count; i++)
        for (size_t k = 0; k < ARRAY_SIZE(place_keys); k++)
            if (place_keys[k].is_required && !loader->is_place_seen[i][k])
                name_missing(&missing, loader->config->further[i].name, place_keys[k].name);
    if (missing.len == 0)
        return 0;
    return refuse(loader, -EINVAL, 0, "missing: %.*s", (int)missing.len, (const char *)missing.data);
}

/* The state directory: that of the file, or what [server] state says, from there. */
static int resolve_state(struct loader *loader)
{
    struct proxy_config *config = loader->config;
    const char *said = config->state ? config->state : ".";
    size_t folder_len = (size_t)(strrchr(config->path, '/') - config->path);
    CLEANUP(free_string) char *wanted = NULL;
    char *state;
    int len = *said == '/' ? asprintf(&wanted, "%s", said)
                           : asprintf(&wanted, "%.*s/%s", (int)folder_len, config->path, said);

    if (len < 0) {
        wanted = NULL;
        return refuse(loader, -ENOMEM, 0, "%s", strerror(ENOMEM));
    }
    state = realpath(wanted, NULL);
    if (!state)
        return refuse(loader, -errno, 0, "state directory %s: %s", wanted, strerror(errno));
    free(config->state);
    config->state = state;
    return 0;
}

static int load(struct loader *loader)
{
    int r = read_file(loader);

    if (r < 0)
        return r;
    loader->config->path = realpath(loader->path, NULL);
    if (!loader->config->path)
        return refuse(loader, -errno, 0, "%s", strerror(errno));
    r = set_fallbacks(loader);
    if (r < 0)
        return r;
    r = check_required(loader);
    return r < 0 ? r : resolve_state(loader);
}

int proxy_config_load(const char *path, struct proxy_config **ret, char **why)
{
    CLEANUP(proxy_config_free) struct proxy_config *config = calloc(1, sizeof(*config));
    struct loader loader = { .path = path, .config = config };
    int r;

    if (!config)
        return -ENOMEM;
    r = load(&loader);
    if (r < 0) {
        *why = loader.why;
        return r;
    }
    *ret = TAKE(config);
    return 0;
}

int proxy_config_of_shard(const char *value, unsigned shard, char **ret)
{
    const char *name = value ? strrchr(value, '/') : NULL, *suffix;
    char *path = NULL;

    *ret = NULL;
    if (!value)
        return 0;
    suffix = strrchr(name ? name : value, '.');
    if (!suffix)
        suffix = value + strlen(value);
    if ((shard == 0 ? asprintf(&path, "%s", value)
                    : asprintf(&path, "%.*s-%u%s", (int)(suffix - value), value, shard, suffix)) < 0)
        return -ENOMEM;
    *ret = path;
    return 0;
}

void proxy_config_free(struct proxy_config *config)
{
    const struct key *key;

    if (!config)
        return;
    for (EACH_ROW(key, keys))
        if (key->form->is_text)
            free(*(char **)((char *)config + key->offset));
    for (unsigned i = 0; i < config->further_count; i++)
        for (EACH_ROW(key, place_keys))
            if (key->form->is_text)
                free(*(char **)((char *)&config->further[i] + key->offset));
    for (size_t i = 0; i < LISTEN_MAX; i++) {
        free(config->listen.at[i]);
        free(config->enrolment_listen.at[i]);
        free(config->enrolment_endpoints.at[i]);
    }
    free(config->path);
    free(config);
}

/* ------------------------------------------------------------------------------------------------------ HSMs */

unsigned proxy_config_hsms(const struct proxy_config *config)
{
    return 1 + config->further_count;
}

struct hsm_place proxy_config_hsm(const struct proxy_config *config, unsigned hsm)
{
    struct hsm_place first = { .name = "hsm",
                               .module = config->hsm_module,
                               .token = config->hsm_token,
                               .pin_file = config->hsm_pin_file,
                               .environment = config->hsm_environment,
                               .signers = config->signers };
    struct hsm_place place;

    for (unsigned i = 0; i < config->further_count; i++)
        first.signers -= config->further[i].signers;
    if (hsm == 0)
        return first;
    place = config->further[hsm - 1];
    place.module = place.module ? place.module : first.module;
    place.token = place.token ? place.token : first.token;
    place.environment = place.environment ? place.environment : first.environment;
    return place;
}

unsigned proxy_config_hsm_of(const struct proxy_config *config, unsigned index)
{
    unsigned begin = proxy_config_hsm(config, 0).signers;

    for (unsigned i = 0; i < config->further_count && index < config->signers; i++) {
        if (index >= begin && index < begin + config->further[i].signers)
            return i + 1;
        begin += config->further[i].signers;
    }
    return 0;
}

unsigned proxy_config_find_hsm(const struct proxy_config *config, const char *name)
{
    if (strcmp(name, "hsm") == 0)
        return 0;
    for (unsigned i = 0; i < config->further_count; i++)
        if (strcmp(config->further[i].name + strlen("hsm."), name) == 0)
            return i + 1;
    return HSMS_MAX;
}
