/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.h - privyseald.conf: read once by the supervisor, fixed after start.
 *
 * Syntax: INI (inih), read by the table in config_keys.c. A key is a field's name below without its section: [hsm] pin_file,
 * [lease] idle_ms, [keys] life_days; but [store] url, [server] busy_poll, [audit] directory and sync = batch | write,
 * [hsm] allow_software_hsm. An unknown section or key, a key given twice and a value out of range are errors. listen takes
 * several addresses, separated by commas or spaces. "required" below: there is no default.
 *
 * Relative paths are relative to the state directory, which is the directory of the file unless
 * [server] state says otherwise; every process makes it its working directory before it drops its rights, so it may
 * lie below a directory that only root can enter.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "include/cleanup.h"
#include "include/log.h"
#include "proto/policy.h"

#define LISTEN_MAX       8
#define HSMS_MAX         8
#define HSM_NAME_LEN_MAX 16 /* of what stands behind the dot in [hsm.NAME] */

/* As a key of the configuration lists them. */
struct addresses {
    char *at[LISTEN_MAX]; /* "127.0.0.1:7443", "[::]:7443" */
    size_t count;
};

/* One HSM of the pool, as [hsm] and [hsm.NAME] describe it. What a further one leaves out is as in [hsm]. */
struct hsm_place {
    char name[HSM_NAME_LEN_MAX + sizeof("hsm.")]; /* of its section: "hsm", "hsm.b" */
    char *module, *token, *pin_file;
    char *environment; /* "SOFTHSM2_CONF=path", or NULL */
    unsigned signers;  /* processes, each with one session */
};

struct proxy_config {
    char *path; /* of the file itself; absolute */
    /* [server] */
    char *realm;             /* required */
    char *proxy;             /* this one's name among those that share the store; the host's */
    char *state;             /* absolute */
    struct addresses listen; /* required */
    char *certificate, *key; /* required; PEM: the front's TLS certificate chain and key */
    char *client_ca;         /* required; PEM: roots of client certificates */
    char *seal_chain;        /* required; PEM: sealing certificates */
    unsigned signers;    /* wrapped-custody signers of all HSMs; in the file those of [hsm]: one per core */
    unsigned partitions; /* more signers, each of which holds HSM partitions: index = signers + number; 0 */
    unsigned partition_users; /* a new user's partition goes to a signer with fewer than so many: 1000 */
    unsigned
        busy_poll_us; /* busy_poll: so long front and signers ask again before they sleep: 250; 0: never */
    char *front_user, *signer_user; /* names or numeric uids; used only when started as root */
    bool log_json;                  /* log_format = json; text */
    enum log_level log_level;       /* error, warning, notice, info (the default), debug */
    /* [limits] */
    unsigned max_connections;             /* 20000 */
    unsigned max_connections_per_address; /* default 0: no limit */
    unsigned max_streams;                 /* concurrent per connection: 100 */
    unsigned queue;                       /* requests waiting per signer: 256 */
    unsigned idle_ms;                     /* connection without a stream: 600000 */
    unsigned handshake_ms;                /* TLS and first request: 10000 */
    unsigned rate; /* requests a second and certificate, burst 2x; default 0: no limit */
    unsigned
        token_rate; /* uses of keys a second, of one token at one signer, burst 2x; default 0: no limit */
    /* [enrolment] */
    struct addresses enrolment_listen; /* for callers without a certificate; none: no device enrols itself */
    unsigned enrolment_proofs;         /* ENROLMENT_BIT()s of proto/enrolment_proof.h: code, totp, recovery */
    char *enrolment_address; /* of that listener, for clients: "host:port"; NULL: its port, same host */
    struct addresses
        enrolment_endpoints;        /* where enrolled devices go, for clients; none: [server] listen's port */
    unsigned enrolment_connections; /* at once: 200 */
    unsigned enrolment_rate;        /* calls and connections a second, of all addresses together: 100 */
    unsigned enrolment_rate_per_address; /* of one of them: 20 */
    /* [store] */
    char *store;           /* "sqlite:store/privyseal.db" */
    char *store_successor; /* where it is being moved to; NULL: nowhere */
    /* [audit] */
    char *audit_directory;                        /* "audit" */
    bool audit_write;                             /* sync = write; default batch */
    unsigned audit_rotate_mib, audit_rotate_days; /* a log's file is closed then: 256, 0 (never) */
    char *metrics_listen;                         /* [metrics] listen: "127.0.0.1:9743"; NULL: nowhere */
    char *audit_forward; /* "journald", "syslog:ADDRESS:PORT", "syslog-tcp:ADDRESS:PORT"; NULL */
    /* [hsm] */
    char *hsm_module, *hsm_token, *hsm_pin_file; /* required */
    char *hsm_environment;                       /* "SOFTHSM2_CONF=path", or NULL */
    char *
        hsm_partition_environment; /* for the first partition signer: its own SOFTHSM2_CONF; NULL: as above */
    char
        *hsm_partition_directory; /* others': proxy_config_of_shard(); NULL: partitions are bound, not made */
    char *hsm_manifest; /* of a key ceremony, signed by client_ca's first certificate; NULL: there was none */
    char *hsm_master_backup; /* "master-backup": the master keys, wrapped for the officers */
    bool allow_software_hsm; /* no */
    unsigned hsm_hang_ms;    /* a call of the library that takes longer never returns: 5000 */
    unsigned hsm_probe_ms;   /* how often an HSM without work is asked whether it is there: 1000 */
    unsigned hsm_handles;    /* 10000 */
    unsigned recycle_after;  /* session objects made, then the signer is replaced: 500000 */
    struct hsm_place further[HSMS_MAX - 1]; /* [hsm.NAME], in the order of the file */
    unsigned further_count;
    /* [ca] */
    char *ca_device, *ca_document; /* PEM: the authorities' certificates by the root; NULL: none */
    char *ca_listen;               /* "0.0.0.0:80": lists and OCSP over plain HTTP; NULL: nowhere */
    char *ca_url;                  /* "http://ca.example.org": into certificates; required with listen */
    unsigned ca_crl_hours;         /* 24 */
    unsigned ca_ocsp_minutes;      /* 60 */
    unsigned ca_rate;              /* requests a second that are answered: 200 */
    bool ca_self_service;          /* no */
    char *ca_subject;              /* of users' certificates: "/CN=%u" */
    unsigned ca_server_days, ca_device_days, ca_document_days; /* 398, 398, 730 */
    /* [pin] */
    unsigned argon2_memory_kib, argon2_passes, argon2_lanes; /* ARGON2_*_DEFAULT in proto/limits.h */
    unsigned pin_min_length, pin_max_length; /* of new PINs, in bytes: PIN_MIN_LEN, PIN_MAX_LEN */
    unsigned pin_character_classes;          /* how many of: small letters, capitals, digits, others: 1 */
    bool pin_refuse_trivial;                 /* yes */
    /* [recovery] */
    unsigned recovery_quorum; /* so many officers can open a token for its user; 0, the default: none can */
    char *recovery_officers;  /* PEM: their certificates and their issuer's; required with a quorum */
    unsigned recovery_delay_hours; /* from the user's request to its effect: 24 */
    /* [lease] */
    unsigned lease_idle_ms; /* 900000: a quarter of an hour without use */
    unsigned lease_life_ms; /* 43200000: a working day */
    unsigned leases;        /* of one signer: 4096 */
    /* [factor] */
    unsigned factor_window;       /* steps of 30 s that an authenticator's clock may be off, each way: 1 */
    unsigned factor_ticket_hours; /* how long a code that was given stands: 12 */
    /* [notice]: command or webhook, or neither: then notices are only logged */
    char *notice_command;        /* a program: JSON on standard input, the event as its argument */
    char *notice_webhook;        /* "https://..." */
    char *notice_webhook_ca;     /* PEM: who vouches for its certificate; default: whom the system trusts */
    char *notice_user;           /* name or uid; required when started as root */
    unsigned notice_timeout_ms;  /* of one try: 10000 */
    unsigned notice_workers;     /* tries at a time: 4 */
    unsigned notice_keep;        /* news that may wait: 10000 */
    unsigned notice_retry_hours; /* until they are given up: 72 */
    /* [keys] */
    bool verify_every_ec;   /* no: the first of each unwrapped handle only */
    unsigned key_life_days; /* 1826 */
    /* [policy], of new tokens */
    struct token_policy policy;
    /* [operators] */
    unsigned two_for;       /* DUAL_BIT()s of proto/dual_class.h; none */
    unsigned request_hours; /* 72 */
};

/* @why: "FILE:LINE: what was expected", caller frees. Errors: -EINVAL, -errno of the file. */
MUST_CHECK int proxy_config_load(const char *path, struct proxy_config **ret, char **why);
void proxy_config_free(struct proxy_config *config);
/*
 * What @value, a path or NAME=path of the first partition signer, is to the one with the number @shard: of
 * "hsm/softhsm2-partitions.conf" the second has "hsm/softhsm2-partitions-1.conf". NULL stays NULL. Errors: -ENOMEM.
 */
MUST_CHECK int proxy_config_of_shard(const char *value, unsigned shard, char **ret);
DEFINE_CLEANUP(proxy_config_free, struct proxy_config *);

/* How many HSMs there are, and each of them by number, 0 being [hsm]; its texts are the configuration's. */
unsigned proxy_config_hsms(const struct proxy_config *config);
struct hsm_place proxy_config_hsm(const struct proxy_config *config, unsigned hsm);
/* Which HSM signer @index works with. Partitions are [hsm]'s. */
unsigned proxy_config_hsm_of(const struct proxy_config *config, unsigned index);
/* "b" of [hsm.b], or "hsm"; HSMS_MAX: there is none of that name. */
unsigned proxy_config_find_hsm(const struct proxy_config *config, const char *name);
