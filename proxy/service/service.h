/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service.h - what the methods do. One handler per row of methods.def: handle_<Name>(), in the file of its subject.
 *
 * A handler gets a proved caller and an unpacked request; it returns a reason and fills the reply. It writes no
 * record itself: it fills call->record, and the dispatcher appends it before the answer leaves.
 */
#pragma once

#include "include/bytes.h"
#include "proto/audit_record.h"
#include "proto/certificate.h"
#include "proto/failure.h"
#include "proto/method.h"
#include "proto/privyseal.pb-c.h"
#include "proto/traceparent.h"
#include "proxy/access/access.h"
#include "proxy/audit/audit.h"
#include "proxy/hsm/custody.h"
#include "proxy/metrics/metrics.h"
#include "proxy/metrics/pulse.h"
#include "proxy/service/ca.h"
#include "proxy/service/officers.h"
#include "proxy/service/seal_keys.h"

/* How devices come and go. Addresses as privyseald.conf has them: "host:port", or ":port" of a host the client knows. */
struct enrolment_config {
    bool is_open;        /* there is a listener for callers without a certificate */
    unsigned proofs;     /* ENROLMENT_BIT()s (proto/enrolment_proof.h): what is taken beside name and PIN */
    const char *address; /* of that listener */
    const char *const *endpoints; /* where enrolled devices go */
    size_t endpoint_count;
};

/* Where expiry.c is in what it looks through. */
struct expiry {
    int64_t next_ms; /* not before */
    int64_t after_ms, after_id;
};

/* Fixed after start; the strings outlive the service. */
struct service_config {
    const char *realm;
    const char *proxy;          /* our name among those that share the store */
    uint32_t signer;            /* our index */
    uint32_t signers;           /* how many there are; the last partition_signers of them hold partitions */
    uint32_t partition_signers; /* a token's home is a number among these */
    uint32_t partition_users;   /* of each, when new ones are given a home */
    uint32_t argon2_memory_kib, argon2_passes, argon2_lanes;
    uint32_t pin_min_len, pin_max_len, pin_classes; /* of new PINs; 0: what the program insists on */
    bool refuse_trivial_pins;
    uint32_t recovery_needed;         /* officers' shares that open a token; 0: officers cannot help */
    uint32_t recovery_delay_hours;    /* between the user's request to them and its effect */
    const char *officers_file;        /* PEM: their certificates; NULL: there are none */
    const char *seal_chain_file;      /* PEM: the sealing certificates of all live epochs, newest first */
    const char *client_ca_file;       /* PEM: roots that issue client certificates */
    const char *ca_file[AUTHORITIES]; /* PEM: its certificate by the root; NULL: no such authority */
    const char *ca_subject;           /* of users' certificates: "/O=Example/CN=%u" */
    unsigned ca_days[ISSUE_PROFILES]; /* how long they live, unless an operator says */
    unsigned ca_crl_hours, ca_ocsp_minutes; /* how long lists and answers may be kept */
    bool ca_self_service;                   /* users renew their own certificates */
    const char *ca_url; /* where its certificates say to ask, "http://ca.example.org"; NULL: nowhere */
    const char *audit_directory;
    const char *
        partition_dir; /* SoftHSM: the token directory this signer alone writes; NULL: partitions are bound */
    bool verify_every_ec;
    uint32_t key_life_days;
    unsigned two_for; /* DUAL_BIT()s: what of the operators' work takes two people; 0: nothing */
    uint32_t request_hours;
    unsigned token_rate; /* uses of keys a second, of one token at this signer; 0: any number */
    struct leases_config leases;
    struct enrolment_config enrolment;
    bool has_herald;            /* else notices are only logged */
    int herald;                 /* the socket that leads to it (notice.h); shared with every other signer */
    struct token_policy policy; /* of new tokens */
    unsigned factor_window;     /* steps that an authenticator's clock may be off, each way */
    unsigned ticket_hours;      /* how long a code that was given stands */
    uint64_t started_unix;
    struct metrics *metrics; /* of the proxy; NULL: nobody counts */
    struct pulse *pulse;     /* of this process; NULL: nobody listens */
};

struct rate_table;

/* The lease whose keys are made ready next. warm_up.h */
struct warm_up {
    bool is_due;
    uint8_t lease[LEASE_LEN];
    size_t next; /* of its key rows */
    unsigned made;
};

struct service {
    const struct service_config *config;
    struct access access;
    struct challenges *challenges;
    struct leases *leases;
    struct warm_up warm_up;
    struct rate_table *token_rate; /* by token; NULL: no limit */
    struct rate_table *key_making; /* by token: policy_owe_making() */
    struct rate_table *notices;    /* by user: notice_send() */
    struct audit *audit;
    struct custody *custody[2]; /* by enum token_custody; NULL: not held here */
    struct hsm_finding findings[HSM_FINDINGS_MAX];
    size_t findings_count;
    struct seal_epoch seal[SEAL_EPOCHS_MAX];
    size_t seal_count;
    struct buffer seal_chain[CERTIFICATES_MAX]; /* DER, served with every challenge */
    size_t seal_chain_count;
    X509_STORE *client_trust;
    struct ca ca[AUTHORITIES];
    struct expiry expiry;
    struct officers officers;
    STACK_OF(X509) *roots; /* those in it, for devices that have none yet */
};

/* Room for the words of a record that stand nowhere else; record fields point here, or into the request. */
struct call_text {
    char certificate[2 * HASH_LEN + 1];
    char key[2 * KEY_NAME_LEN + 1];
    char digest[2 * 64 + 1];
    char note[160];
    char approval[256]; /* note, of a call that was approved */
};

/* One call on its way through the signer. */
struct call {
    const struct method *method;
    struct caller caller; /* proved as the method's row says, before the handler runs */
    int64_t now_ms;
    char request_id[REQUEST_ID_LEN + 1];
    char peer[64];
    char trace_id[TRACE_ID_LEN + 1]; /* of the client's trace, as the client says; "": none */
    struct token_row token; /* the one the request names, or the lease's; MAC checked, permission checked */
    bool has_token;
    struct lease *lease;    /* SESSION */
    struct bytes challenge; /* SEALED, OPERATOR: used up */
    STACK_OF(X509)
    *presented; /* OPERATOR: what came with the proof; helps to build chains, is trusted for none */
    struct failure failure;     /* a handler may add tries_left, retry_after_ms */
    const char *sentence;       /* static; for people, instead of the reason's own. NULL: the reason's */
    int reroute_to;             /* >= 0: belongs to that signer; return any reason */
    struct audit_record record; /* what the handler adds: token, key, mechanism, digest, note ... */
    struct call_text text;
    ProtobufCMessage *approved; /* ApproveRequest: what was executed; the record may borrow from it */
    uint64_t hsm_us;            /* that the HSM took for what the method is for */
    bool ends_lease;            /* the lease is removed once the answer is protected under its keys */
};

/*
 * Request and reply live in wiped memory (message.h): whatever a handler puts into the reply comes from there.
 * Errors: any reason; then the reply is not looked at.
 */
typedef enum reason service_handler(struct service *service, struct call *call,
                                    const ProtobufCMessage *request, ProtobufCMessage *reply);
/* What a deployment asks of new PINs, as messages have it. Errors: REASON_INTERNAL (memory). */
MUST_CHECK enum reason deployment_pin_policy(const struct service_config *config,
                                             Privyseal__V1__PinPolicy **ret);
/* The handler of a method; the table is built from methods.def, so a missing one does not link. */
service_handler *service_handler_of(enum method_id id);

/*
 * Which calls leave a record. A refused one leaves a record unless its reason says nothing about anybody; one that
 * met a row which is not as it was written always does.
 */
enum record_when { RECORD_NEVER, RECORD_REFUSED, RECORD_ALWAYS };
/* The event of a method, as the audit log names it: "sign", "pin.set". */
const char *service_event(enum method_id id);
/* Whether a call of @id that ended with @reason belongs into the log. */
bool service_is_recorded(enum method_id id, enum reason reason);

/*
 * Opens no store, HSM or log: those are handed in by the signer (or a test) and outlive the service. Derives the
 * sealing keys, loads the sealing chain and checks that its first certificate is for the newest of them.
 * @why: a sentence, caller frees. Errors: negative errno.
 */
MUST_CHECK int service_init(struct service *service, const struct service_config *config, struct store *store,
                            struct hsm *hsm, struct audit *audit, char **why);
void service_clear(struct service *service);
DEFINE_CLEAR(service_clear, struct service);
