/* SPDX-License-Identifier: Apache-2.0 */
/* config_keys.c - the tables, and who looks in them. */
#include "proxy/config_keys.h"

#include <string.h>

#include "include/spelling.h"
#include "include/table.h"
#include "proto/limits.h"
#include "proxy/config.h"

#define AT(member)   offsetof(struct proxy_config, member)
#define REQUIRED     NULL, true
#define OPTIONAL     NULL, false
#define DEFAULT(x)   #x, false
#define NUMBER_OF(x) DEFAULT(x) /* of a macro: expanded first, then made text */
#define DAY_MS       (24 * 60 * 60 * 1000)

static const struct config_key keys[] = {
    { "server", "realm", FORM_REALM, AT(realm), REQUIRED },
    { "server", "proxy", FORM_PROXY, AT(proxy), OPTIONAL },
    { "server", "state", FORM_TEXT, AT(state), OPTIONAL },
    { "server", "listen", FORM_ADDRESSES, AT(listen), REQUIRED },
    { "server", "certificate", FORM_TEXT, AT(certificate), REQUIRED },
    { "server", "key", FORM_TEXT, AT(key), REQUIRED },
    { "server", "client_ca", FORM_TEXT, AT(client_ca), REQUIRED },
    { "server", "seal_chain", FORM_TEXT, AT(seal_chain), REQUIRED },
    { "server", "signers", FORM_NUMBER, AT(signers), OPTIONAL, 1, 256 },
    { "server", "partitions", FORM_PARTITIONS, AT(partitions), DEFAULT(no), 0, 64 },
    { "server", "partition_users", FORM_NUMBER, AT(partition_users), DEFAULT(1000), 1, 65536 },
    { "server", "busy_poll", FORM_NUMBER, AT(busy_poll_us), DEFAULT(250), 0, 10000 },
    { "server", "front_user", FORM_TEXT, AT(front_user), OPTIONAL },
    { "server", "signer_user", FORM_TEXT, AT(signer_user), OPTIONAL },
    { "server", "log_format", FORM_LOG_FORMAT, AT(log_json), DEFAULT(text) },
    { "server", "log_level", FORM_LEVEL, AT(log_level), DEFAULT(info) },
    { "limits", "max_connections", FORM_NUMBER, AT(max_connections), DEFAULT(20000), 1, 1000000 },
    { "limits", "max_connections_per_address", FORM_NUMBER, AT(max_connections_per_address), DEFAULT(0), 0,
      1000000 },
    { "limits", "max_streams", FORM_NUMBER, AT(max_streams), DEFAULT(100), 1, 1000 },
    { "limits", "queue", FORM_NUMBER, AT(queue), DEFAULT(256), 1, 65536 },
    { "limits", "idle_ms", FORM_NUMBER, AT(idle_ms), DEFAULT(600000), 1000, DAY_MS },
    { "limits", "handshake_ms", FORM_NUMBER, AT(handshake_ms), DEFAULT(10000), 100, 600000 },
    { "limits", "rate", FORM_NUMBER, AT(rate), DEFAULT(0), 0, 1000000 },
    { "limits", "token_rate", FORM_NUMBER, AT(token_rate), DEFAULT(0), 0, 1000000 },
    { "enrolment", "listen", FORM_ADDRESSES, AT(enrolment_listen), OPTIONAL },
    { "enrolment", "proof", FORM_PROOFS, AT(enrolment_proofs), DEFAULT(code totp recovery) },
    { "enrolment", "address", FORM_TEXT, AT(enrolment_address), OPTIONAL },
    { "enrolment", "endpoints", FORM_ADDRESSES, AT(enrolment_endpoints), OPTIONAL },
    { "enrolment", "max_connections", FORM_NUMBER, AT(enrolment_connections), DEFAULT(200), 1, 100000 },
    { "enrolment", "rate", FORM_NUMBER, AT(enrolment_rate), DEFAULT(100), 1, 100000 },
    { "enrolment", "rate_per_address", FORM_NUMBER, AT(enrolment_rate_per_address), DEFAULT(20), 1, 100000 },
    { "store", "successor", FORM_TEXT, AT(store_successor), OPTIONAL },
    { "store", "url", FORM_TEXT, AT(store), "sqlite:store/privyseal.db", false },
    { "audit", "directory", FORM_TEXT, AT(audit_directory), DEFAULT(audit) },
    { "audit", "sync", FORM_BATCH_WRITE, AT(audit_write), DEFAULT(batch) },
    { "audit", "rotate_mib", FORM_NUMBER, AT(audit_rotate_mib), DEFAULT(256), 0, 1048576 },
    { "audit", "rotate_days", FORM_NUMBER, AT(audit_rotate_days), DEFAULT(0), 0, 36525 },
    { "audit", "forward", FORM_FORWARD, AT(audit_forward), OPTIONAL },
    { "hsm", "module", FORM_TEXT, AT(hsm_module), REQUIRED },
    { "hsm", "environment", FORM_ASSIGNMENT, AT(hsm_environment), OPTIONAL },
    { "hsm", "token", FORM_TEXT, AT(hsm_token), REQUIRED },
    { "hsm", "pin_file", FORM_TEXT, AT(hsm_pin_file), REQUIRED },
    { "hsm", "partition_environment", FORM_ASSIGNMENT, AT(hsm_partition_environment), OPTIONAL },
    { "hsm", "partition_directory", FORM_TEXT, AT(hsm_partition_directory), OPTIONAL },
    { "hsm", "allow_software_hsm", FORM_YES_NO, AT(allow_software_hsm), DEFAULT(no) },
    { "hsm", "manifest", FORM_TEXT, AT(hsm_manifest), OPTIONAL },
    { "hsm", "master_backup", FORM_TEXT, AT(hsm_master_backup), DEFAULT(master - backup) },
    { "hsm", "handles", FORM_NUMBER, AT(hsm_handles), DEFAULT(10000), 1, 1000000 },
    { "hsm", "recycle_after", FORM_NUMBER, AT(recycle_after), DEFAULT(500000), 1, 100000000 },
    { "hsm", "hang_ms", FORM_NUMBER, AT(hsm_hang_ms), DEFAULT(5000), 100, 600000 },
    { "hsm", "probe_ms", FORM_NUMBER, AT(hsm_probe_ms), DEFAULT(1000), 100, 600000 },
    { "ca", "device", FORM_TEXT, AT(ca_device), OPTIONAL },
    { "ca", "document", FORM_TEXT, AT(ca_document), OPTIONAL },
    { "metrics", "listen", FORM_ADDRESS, AT(metrics_listen), OPTIONAL },
    { "ca", "listen", FORM_ADDRESS, AT(ca_listen), OPTIONAL },
    { "ca", "url", FORM_TEXT, AT(ca_url), OPTIONAL },
    { "ca", "crl_hours", FORM_NUMBER, AT(ca_crl_hours), DEFAULT(24), 1, 744 },
    { "ca", "ocsp_minutes", FORM_NUMBER, AT(ca_ocsp_minutes), DEFAULT(60), 1, 10080 },
    { "ca", "rate", FORM_NUMBER, AT(ca_rate), DEFAULT(200), 1, 1000000 },
    { "ca", "self_service", FORM_YES_NO, AT(ca_self_service), DEFAULT(no) },
    { "ca", "subject", FORM_TEXT, AT(ca_subject), "/CN=%u", false },
    { "ca", "server_days", FORM_NUMBER, AT(ca_server_days), DEFAULT(398), 1, 3650 },
    { "ca", "device_days", FORM_NUMBER, AT(ca_device_days), DEFAULT(398), 1, 3650 },
    { "ca", "document_days", FORM_NUMBER, AT(ca_document_days), DEFAULT(730), 1, 3650 },
    { "pin", "argon2_memory_kib", FORM_NUMBER, AT(argon2_memory_kib), NUMBER_OF(ARGON2_MEMORY_KIB_DEFAULT),
      ARGON2_MEMORY_KIB_FLOOR, ARGON2_MEMORY_KIB_MAX },
    { "pin", "argon2_passes", FORM_NUMBER, AT(argon2_passes), NUMBER_OF(ARGON2_PASSES_DEFAULT),
      ARGON2_PASSES_FLOOR, ARGON2_PASSES_MAX },
    { "pin", "argon2_lanes", FORM_NUMBER, AT(argon2_lanes), NUMBER_OF(ARGON2_LANES_DEFAULT), 1,
      ARGON2_LANES_MAX },
    { "pin", "min_length", FORM_NUMBER, AT(pin_min_length), NUMBER_OF(PIN_MIN_LEN), PIN_MIN_LEN,
      PIN_MAX_LEN },
    { "pin", "max_length", FORM_NUMBER, AT(pin_max_length), NUMBER_OF(PIN_MAX_LEN), PIN_MIN_LEN,
      PIN_MAX_LEN },
    { "pin", "character_classes", FORM_NUMBER, AT(pin_character_classes), DEFAULT(1), 1, 4 },
    { "pin", "refuse_trivial", FORM_YES_NO, AT(pin_refuse_trivial), DEFAULT(yes) },
    { "recovery", "quorum", FORM_NUMBER, AT(recovery_quorum), DEFAULT(0), 0, OFFICERS_MAX },
    { "recovery", "officers", FORM_TEXT, AT(recovery_officers), OPTIONAL },
    { "recovery", "delay_hours", FORM_NUMBER, AT(recovery_delay_hours), DEFAULT(24), 0, 720 },
    { "lease", "idle_ms", FORM_NUMBER, AT(lease_idle_ms), DEFAULT(900000), 1000, 7 * DAY_MS },
    { "lease", "life_ms", FORM_NUMBER, AT(lease_life_ms), DEFAULT(43200000), 1000, 7 * DAY_MS },
    { "lease", "leases", FORM_NUMBER, AT(leases), DEFAULT(4096), 1, 1000000 },
    { "factor", "window", FORM_NUMBER, AT(factor_window), DEFAULT(1), 0, 10 },
    { "factor", "ticket_hours", FORM_NUMBER, AT(factor_ticket_hours), DEFAULT(12), 1, 168 },
    { "notice", "command", FORM_TEXT, AT(notice_command), OPTIONAL },
    { "notice", "webhook", FORM_TEXT, AT(notice_webhook), OPTIONAL },
    { "notice", "webhook_ca", FORM_TEXT, AT(notice_webhook_ca), OPTIONAL },
    { "notice", "user", FORM_TEXT, AT(notice_user), OPTIONAL },
    { "notice", "timeout_ms", FORM_NUMBER, AT(notice_timeout_ms), DEFAULT(10000), 100, 600000 },
    { "notice", "workers", FORM_NUMBER, AT(notice_workers), DEFAULT(4), 2, 64 },
    { "notice", "keep", FORM_NUMBER, AT(notice_keep), DEFAULT(10000), 1, 1000000 },
    { "notice", "retry_hours", FORM_NUMBER, AT(notice_retry_hours), DEFAULT(72), 1, 8760 },
    { "keys", "verify_every_ec", FORM_YES_NO, AT(verify_every_ec), DEFAULT(no) },
    { "keys", "life_days", FORM_NUMBER, AT(key_life_days), DEFAULT(1826), 1, 36525 },
    { "policy", "second_factor", FORM_POLICY, AT(policy), OPTIONAL },
    { "policy", "device_secret", FORM_POLICY, AT(policy), OPTIONAL },
    { "policy", "always_authenticate", FORM_POLICY, AT(policy), OPTIONAL },
    { "policy", "idle_ms", FORM_POLICY, AT(policy), OPTIONAL },
    { "policy", "max_signatures", FORM_POLICY, AT(policy), OPTIONAL },
    { "policy", "mechanisms", FORM_POLICY, AT(policy), OPTIONAL },
    { "policy", "decrypt", FORM_POLICY, AT(policy), OPTIONAL },
    { "policy", "keys_need_permit", FORM_POLICY, AT(policy), OPTIONAL },
    { "operators", "two_for", FORM_CLASSES, AT(two_for), OPTIONAL },
    { "operators", "request_hours", FORM_NUMBER, AT(request_hours), DEFAULT(72), 1, 2160 },
};

/* Of a further HSM, [hsm.NAME]: fields of its struct hsm_place. */
#define PLACE(member) offsetof(struct hsm_place, member)
static const struct config_key place_keys[] = {
    { "hsm.", "module", FORM_TEXT, PLACE(module), OPTIONAL },
    { "hsm.", "environment", FORM_ASSIGNMENT, PLACE(environment), OPTIONAL },
    { "hsm.", "token", FORM_TEXT, PLACE(token), OPTIONAL },
    { "hsm.", "pin_file", FORM_TEXT, PLACE(pin_file), REQUIRED },
    { "hsm.", "signers", FORM_NUMBER, PLACE(signers), OPTIONAL, 1, 256 },
};

_Static_assert(ARRAY_SIZE(keys) <= CONFIG_KEYS_MAX && ARRAY_SIZE(place_keys) <= CONFIG_KEYS_MAX,
               "what is read remembers each key");

const struct config_keys config_keys = { keys, ARRAY_SIZE(keys) };
const struct config_keys config_place_keys = { place_keys, ARRAY_SIZE(place_keys) };

const struct config_key *config_keys_find(const struct config_keys *table, const char *section,
                                          const char *name)
{
    const struct config_key *key;

    for (EACH_KEY(key, table))
        if ((!section || strcmp(key->section, section) == 0) && strcmp(key->name, name) == 0)
            return key;
    return NULL;
}

bool config_keys_has_section(const char *section)
{
    const struct config_key *key;

    for (EACH_ROW(key, keys))
        if (strcmp(key->section, section) == 0)
            return true;
    return false;
}

#define TYPO_MAX 2 /* changes; beyond, a suggestion would be a guess */

/* The key most like @name, in @section if it is as near there as elsewhere. */
const struct config_key *config_keys_nearest(const char *section, const char *name)
{
    const struct config_key *key, *nearest = NULL;
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

const char *config_keys_nearest_section(const char *section)
{
    const struct config_key *key;

    for (EACH_ROW(key, keys))
        if (spelling_distance(section, key->section) <= TYPO_MAX)
            return key->section;
    return NULL;
}
