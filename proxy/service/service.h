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
#include "proto/failure.h"
#include "proto/method.h"
#include "proto/privyseal.pb-c.h"
#include "proxy/access/access.h"
#include "proxy/audit/audit.h"
#include "proxy/hsm/custody.h"

struct service_config {
    const char *realm;
    uint32_t signer;    /* our index */
    uint32_t signers;   /* how many there are; a partition's home is one of them */
    int partition_home; /* the signer that holds partitions; -1: none */
    uint32_t argon2_memory_kib, argon2_passes, argon2_lanes;
    const char *seal_chain_file; /* PEM: the sealing certificates of all live epochs, newest first */
    const char *client_ca_file;  /* PEM: roots that issue client certificates */
    const char *audit_directory;
    uint64_t started_unix;
};

struct seal_epoch {
    uint32_t epoch;
    uint8_t key_id[HASH_LEN]; /* SHA-256 of the public key */
    uint8_t public_key[32];
    struct secret *private_key;
};

#define SEAL_EPOCHS_MAX 4

struct service {
    const struct service_config *config;
    struct access access;
    struct challenges *challenges;
    struct leases *leases;
    struct audit *audit;
    struct custody *custody[2]; /* by enum token_custody; NULL: not held here */
    struct hsm_finding findings[HSM_FINDINGS_MAX];
    size_t findings_count;
    struct seal_epoch seal[SEAL_EPOCHS_MAX];
    size_t seal_count;
    struct buffer seal_chain[CERTIFICATES_MAX]; /* DER, served with every challenge */
    size_t seal_chain_count;
    X509_STORE *client_trust;
};

/* One call on its way through the signer. */
struct call {
    const struct method *method;
    struct caller caller; /* proved as the method's row says, before the handler runs */
    int64_t now_ms;
    char request_id[REQUEST_ID_LEN + 1];
    char peer[64];
    struct lease *lease;        /* SESSION */
    struct bytes challenge;     /* SEALED, OPERATOR: used up */
    struct failure failure;     /* a handler may add tries_left, retry_after_ms */
    int reroute_to;             /* >= 0: belongs to that signer; return any reason */
    struct audit_record record; /* what the handler adds: token, key, mechanism, digest, note ... */
    char text[512];             /* room for the record's strings */
    bool is_recorded;           /* false: reads that leave no record (ListTokens, GetToken) */
};

typedef enum reason service_handler(struct service *service, struct call *call,
                                    const ProtobufCMessage *request, ProtobufCMessage *reply);
/* The handler of a method; the table is built from methods.def, so a missing one does not link. */
service_handler *service_handler_of(enum method_id id);

/* Opens nothing: everything is handed in by the signer (or a test). Derives the sealing keys. */
MUST_CHECK int service_init(struct service *service, const struct service_config *config, struct store *store,
                            struct hsm *hsm, struct audit *audit);
void service_clear(struct service *service);
