/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deployment.h - a whole deployment in one process: a CA, a SoftHSM token with master keys, a store, an audit log,
 * two signers (the second holds the partitions), and clients that reach them through a channel without a network.
 *
 * Everything lies in a directory of its own that deployment_teardown() removes. One per process: Check runs each
 * case in a fork of its own, and an HSM is logged into once per process.
 */
#pragma once

#include <openssl/x509.h>

#include "client/remote.h"
#include "proto/envelope.pb-c.h"
#include "proxy/service/service.h"

#define SIGNERS        2
#define SIGNER_WRAPPED 0
#define SIGNER_HOME    1 /* of the partitions */
#define REALM          "Loopback"
#define PROXY          "loop1"
#define PIN            BYTES("135790", 6)
#define OTHER_PIN      BYTES("246813", 6)
#define WRONG_PIN      BYTES("000000", 6)

/* Somebody with a TLS certificate: "alice" (device), "mallory" (nobody, until added), "operator". */
struct person {
    EVP_PKEY *key;
    STACK_OF(X509) *chain;
    uint8_t certificate_hash[HASH_LEN];
};

struct deployment {
    char directory[64];
    char audit_directory[96];
    struct store *store;
    struct hsm *hsm;
    struct audit *audit[SIGNERS];
    struct service_config config[SIGNERS];
    struct service service[SIGNERS];
    struct person alice, mallory, operator_;
    struct deployment_config client; /* what a client knows */
};

/* A Check fixture, and what it made. */
extern struct deployment deployment;
void deployment_setup(void);
void deployment_teardown(void);
/* The two halves of deployment_teardown(): what is open, and what is on the disk. */
void deployment_close(void);
void deployment_remove(void);

/* What the front of a test does to what passes through it; NULL: nothing. */
struct front_hook {
    /* Before the signer sees it; @envelope may be changed. False: it never arrives. */
    bool (*request)(void *arg, const struct method *method, Privyseal__V1__Envelope *envelope);
    /* Before the client sees it. */
    void (*reply)(void *arg, const struct method *method, struct channel_reply *reply);
    void *arg;
};

/* A client of @person's certificate; the hook may change at any time. Ends with remote_free(). */
struct remote *deployment_remote(const struct person *person);
void deployment_hook(const struct front_hook *hook);
/* One envelope to the signer its body names (or signer 0), following a reroute once; as a front does. */
void deployment_carry(const struct method *method, const uint8_t certificate_hash[HASH_LEN],
                      struct bytes body, struct channel_reply *ret);

/* Somebody else with a certificate of the deployment's CA, of whom the signers know nothing yet. */
void deployment_person(struct person *person, const char *subject);
void deployment_person_clear(struct person *person);
/* An operator registers @person's certificate for the principal @name. */
void deployment_register(const char *name, const char *role, const struct person *person);
/* An operator adds a user and registers @person's certificate for it. */
void deployment_add_user(const char *name, const struct person *person, Privyseal__V1__Custody custody,
                         uint8_t ret_code[ACTIVATION_CODE_LEN]);
/* alice's token, with PIN set; logged out. Of the custody asked for. */
struct remote_token *deployment_token(struct remote *remote, Privyseal__V1__Custody custody);
/* An operator's call. */
CK_RV deployment_operate(const struct person *person, enum method_id method, const ProtobufCMessage *request,
                         ProtobufCMessage **ret, struct remote_error *error);

/* Every record of all audit logs, as a line. */
void deployment_each_record(void (*visit)(const char *line));
/* Lines of all audit logs that hold @text. */
unsigned deployment_records(const char *text);
/* Moves the clock of every program part on by @ms. */
void deployment_wait(int64_t ms);
/* Back to the present: Check, which times a case with the same clock, does not take more than an hour. */
void deployment_wait_no_more(void);
