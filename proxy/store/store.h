/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store.h - what a deployment remembers: tokens, rows, keys, certificates, principals, attempts, log heads.
 *
 * Two backends stand behind it (SQLite here; PostgreSQL has its place in store_backends[]); the contract test runs
 * every backend through one suite. The store believes nothing and decides nothing: rows that matter carry MACs which
 * proxy/access makes and checks. What a thief of the store learns is listed in docs/threat-model.md.
 *
 * Errors of every function: -EAGAIN (busy beyond its patience: try later), -EIO, -ENOSPC, -EUCLEAN (damaged), -EPROTO
 * (another schema) and -ENOMEM, which are logged where they happen, and those named beside each. An insert that refers
 * to a row which is not there gives -ENOENT. What a row owns is freed by x_row_clear(). Times are Unix time in ms.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "include/bytes.h"
#include "proto/limits.h"
#include "proto/log_name.h"
#include "proto/policy.h"

struct store;

/*
 * @url: "sqlite:PATH" (relative to the working directory, which must stay the same), later "postgresql:...".
 * A connection belongs to one thread and does not survive fork(). Migrates nothing: see below.
 * Errors: -EINVAL (no such backend), -EPROTO (this program does not work on its schema), -ENOENT, -EACCES.
 */
MUST_CHECK int store_open(const char *url, struct store **ret);
void store_close(struct store *store);
DEFINE_CLEANUP(store_close, struct store *);
/*
 * Creates the database if need be and brings its schema to this program's version, each version in one transaction, while
 * programs of the version before go on with it; killed in the midst, it goes on there the next time. A new file has
 * mode 0600 and, made by root, the owner of its directory. Errors: as above; -EPROTO (too new for this program).
 */
MUST_CHECK int store_migrate(const char *url);
/* Whether the store was moved to another place since it was opened (store_move.h): open it anew. */
bool store_has_left(const struct store *store);
/*
 * What else to do while the database makes us wait: called instead of poll(2) on one descriptor (-1: none, where there is
 * only a lock to wait for) once an answer has not come at once, returns what poll() does. Meanwhile the store has no
 * answer for anybody: each of its functions gives -EAGAIN.
 */
typedef int store_wait_fn(void *arg, int fd, short events, int timeout_ms);
void store_set_wait(struct store *store, store_wait_fn *wait, void *arg);
/* How long this connection has waited for its statements, in all: for the histogram of a request's stages. */
uint64_t store_spent_us(const struct store *store);
/* -EPROTO when this program does not work on the schema: schema.h. store_open() checks it too. */
MUST_CHECK int store_schema_version(struct store *store, unsigned *ret);

/*
 * One transaction at a time; not nested. Begin takes the write lock at once (BEGIN IMMEDIATE), so that what is read
 * inside is what is written over. A commit that returns 0 is durable (synchronous=FULL). Single calls outside a
 * transaction are transactions of their own.
 */
MUST_CHECK int store_begin(struct store *store);
/* A transaction that only reads: all of it at one moment, keeping nobody from writing. Ends with store_rollback(). */
MUST_CHECK int store_begin_read(struct store *store);
MUST_CHECK int store_commit(struct store *store);
void store_rollback(struct store *store); /* no transaction: does nothing */

/* ------------------------------------------------------------------------------------------------- tokens */

enum token_custody { TOKEN_WRAPPED = 0, TOKEN_PARTITION = 1 };

/* What can be done when the PIN is forgotten. */
enum recovery_bits {
    RECOVERY_CODE = 1,
    RECOVERY_QUORUM = 2,
    RECOVERY_PENDING = 4, /* the user asked the officers, and they have not finished */
    RECOVERY_KEPT =
        8, /* a partition whose SO PIN was not destroyed but sealed, so that the others are possible */
    RECOVERY_HSM =
        16, /* a partition whose SO PIN its HSM's administrator has: who can reset the PIN and sign */
};

struct token_row {
    int64_t id;
    char name[NAME_MAX_LEN + 1]; /* the user's and the token's */
    char serial[SERIAL_LEN + 1]; /* CK_TOKEN_INFO.serialNumber: 16 hexadecimal digits, random */
    enum token_custody custody;
    int home; /* which of the partition signers it belongs to; -1: any signer serves it */
    char partition[SERIAL_LEN + 1]; /* serial number of its HSM partition; "" */
    bool enabled;
    bool locked;          /* the 10th failure; cleared by an operator */
    uint32_t pin_version; /* 0: no PIN set yet */
    uint64_t version;     /* of the snapshot */
    uint64_t sequence;    /* grows with every change of this row: compare-and-set */
    int64_t created_ms;
    uint8_t activation[HASH_LEN]; /* HMAC of the activation code; all zero: none open */
    int64_t activation_until_ms;
    uint32_t failures_total;       /* wrong PINs of all principals under failures_version */
    uint32_t failures_version;     /* the PIN version they were counted under */
    int64_t failed_ms;             /* the last of them */
    uint8_t attempts[HASH_LEN];    /* digest of this token's attempt rows; all zero: there are none */
    uint8_t grants[HASH_LEN];      /* digest of the grants on this token; all zero: there are none */
    uint8_t memberships[HASH_LEN]; /* digest of its memberships of groups; all zero: there are none */
    struct token_policy policy;
    unsigned recovery_bits;     /* enum recovery_bits */
    uint8_t recovery[HASH_LEN]; /* digest of its ways of recovery; all zero: there are none */
    uint32_t
        retired_versions; /* PIN versions there were before the token was last destroyed: none comes again */
    uint32_t recovery_failures; /* wrong recovery codes since the last right one */
    int64_t recovery_failed_ms; /* the last of them */
    enum second_factor factor;  /* what the user enrolled and confirmed */
    uint32_t factor_version;    /* grows with every change of it: tickets end */
    uint8_t factors[HASH_LEN];  /* digest of this token's factor rows; all zero: there are none */
    uint8_t mac[HASH_LEN];      /* by proxy/access under Krow, over all of the above */
};

/* Errors: -EEXIST (name taken). @row->id is set. */
MUST_CHECK int store_token_insert(struct store *store, struct token_row *row);
/* Errors: -ENOENT. */
MUST_CHECK int store_token_by_name(struct store *store, const char *name, struct token_row *ret);
MUST_CHECK int store_token_by_id(struct store *store, int64_t id, struct token_row *ret);
/* Writes all but id, name, serial, created. Errors: -ESTALE (the stored sequence is not @old_sequence). */
MUST_CHECK int store_token_update(struct store *store, const struct token_row *row, uint64_t old_sequence);
/* Up to @limit tokens with name > @after, by name. @ret_rows: malloc'd array. */
MUST_CHECK int store_token_list(struct store *store, const char *after, unsigned limit,
                                struct token_row **ret_rows, size_t *ret_count);

/* Which tokens to find: those for which all that is set holds. */
struct token_filter {
    bool is_locked, is_disabled, has_no_pin;
    int64_t group_id; /* 0: of any group or none */
};

MUST_CHECK int store_token_search(struct store *store, const char *after, unsigned limit,
                                  const struct token_filter *filter, struct token_row **ret_rows,
                                  size_t *ret_count);
/* How many tokens belong to each of the @count partition signers. */
MUST_CHECK int store_token_homes(struct store *store, uint64_t *ret, size_t count);
/* Tokens and keys, each counted up to STORE_COUNT_MOST, so that it costs the same from there on. */
#define STORE_COUNT_MOST 100000
MUST_CHECK int store_count(struct store *store, uint64_t *ret_tokens, uint64_t *ret_keys);

/* Deletes its keys, their certificates and its access rows. */
MUST_CHECK int store_token_empty(struct store *store, int64_t token_id);
/*
 * Deletes all that, its attempts, grants on it, its memberships, and the token. What else refers to it must be gone.
 * Errors: -ESTALE (the stored sequence is not @old_sequence).
 */
MUST_CHECK int store_token_delete(struct store *store, int64_t token_id, uint64_t old_sequence);

/* -------------------------------------------------------------------------------------------- access rows */

enum access_kind { ACCESS_PIN = 0, ACCESS_RECOVERY = 1, ACCESS_QUORUM = 2 };

/* One way to the token's secret U. */
struct access_row {
    int64_t id;
    int64_t token_id;
    enum access_kind kind;
    uint8_t row_name[16]; /* random; in every context of this row */
    uint32_t version;     /* of the PIN */
    uint32_t kd_epoch;
    uint8_t nonce[12];
    struct buffer sealed; /* wrapped custody: AES-GCM of U under HSM.derive(Kd, HKDF(S, row)); else empty */
    uint8_t check[HASH_LEN]; /* HMAC(Kcheck, row | S) */
    struct buffer blob;      /* what its owner keeps with it, sealed by the owner; mostly empty */
    uint8_t mac[HASH_LEN];   /* under Krow */
};

void access_row_clear(struct access_row *row);
DEFINE_CLEAR(access_row_clear, struct access_row);
/* Errors: -EEXIST (the token has a row of this kind). @row->id is set. */
MUST_CHECK int store_access_insert(struct store *store, struct access_row *row);
/* The token's row of this kind (one pin row per token until devices carry secrets). Errors: -ENOENT. */
MUST_CHECK int store_access_get(struct store *store, int64_t token_id, enum access_kind kind,
                                struct access_row *ret);
/* No such row: nothing to do. */
MUST_CHECK int store_access_delete(struct store *store, int64_t token_id, enum access_kind kind);

/* ------------------------------------------------------------------------------------- quorum recovery */

/*
 * Carries no MAC of its own, nor does a share: token_row.recovery binds both, and the access rows that are not of the
 * PIN. So a share of another token, a request that was altered or an old row put back spoil the token's recovery.
 */
struct quorum_row {
    int64_t id;
    int64_t token_id;
    uint8_t name[QUORUM_NAME_LEN]; /* random, by the user's client; in the context of every share */
    uint32_t needed;               /* shares that open it */
    /* The request under way; until_ms 0: there is none. */
    uint8_t request[QUORUM_NAME_LEN]; /* random */
    uint32_t pin_version;             /* the one that is forgotten */
    uint8_t row_name[16];             /* of the PIN row to be ... */
    uint8_t check[HASH_LEN];          /* ... and its check value: the new S is bound, and not stored */
    uint8_t certificate[HASH_LEN];    /* whose device asked */
    int64_t principal_id;
    int64_t asked_ms, from_ms, until_ms; /* when; not before; not after */
};

/* One officer's share of Q, and what it opened to for the request under way. */
struct share_row {
    int64_t id;
    int64_t token_id;
    uint32_t number;           /* from 1: where Shamir's polynomials were evaluated */
    uint8_t officer[HASH_LEN]; /* SHA-256 of the certificate */
    char name[NAME_MAX_LEN + 1];
    uint8_t digest[HASH_LEN]; /* of the share */
    struct buffer sealed;     /* HPKE to the officer: encapsulated key, ciphertext */
    int64_t given_by;         /* the principal who opened it; 0: nobody yet */
    uint32_t kd_epoch;
    uint8_t nonce[12];
    struct buffer given; /* the share under HSM.derive(Kd, HKDF(request)) */
};

void share_rows_free(struct share_row *rows, size_t count);
/* Errors: -EEXIST (the token has one). @row->id is set. */
MUST_CHECK int store_quorum_insert(struct store *store, struct quorum_row *row);
/* Errors: -ENOENT. */
MUST_CHECK int store_quorum_get(struct store *store, int64_t token_id, struct quorum_row *ret);
/* Writes the request of the row with @row->id. Errors: -ENOENT. */
MUST_CHECK int store_quorum_update(struct store *store, const struct quorum_row *row);
/* With its shares. None: nothing to do. */
MUST_CHECK int store_quorum_delete(struct store *store, int64_t token_id);
/* Those with a request, up to @limit with id > @after, by id. @ret_rows: malloc'd array. */
MUST_CHECK int store_quorum_list(struct store *store, int64_t after, unsigned limit,
                                 struct quorum_row **ret_rows, size_t *ret_count);
/* Errors: -EEXIST (that number). @row->id is set. */
MUST_CHECK int store_share_insert(struct store *store, struct share_row *row);
/* All shares of a token, by number. */
MUST_CHECK int store_share_list(struct store *store, int64_t token_id, struct share_row **ret_rows,
                                size_t *ret_count);
/* Writes given_by, kd_epoch, nonce and given of the row with @row->id. Errors: -ENOENT. */
MUST_CHECK int store_share_update(struct store *store, const struct share_row *row);

/* --------------------------------------------------------------------------------- keys and certificates */

/* One key, one use. */
enum key_usage { KEY_SIGNS = 0, KEY_DECRYPTS = 1, KEY_DERIVES = 2 };

struct key_row {
    int64_t id;
    int64_t token_id;
    uint8_t name[KEY_NAME_LEN]; /* SHA-256 of spki */
    char label[LABEL_MAX_LEN + 1];
    struct buffer cka_id; /* CKA_ID: 1 to KEY_ID_MAX bytes, no two alike in a token */
    enum key_usage usage;
    bool always_authenticate; /* signs with the PIN in the same message only */
    uint64_t key_type;        /* CKK_* */
    uint32_t bits;
    struct buffer spki;
    uint32_t kd_epoch, kw_epoch; /* wrapped custody; Kw is the one for this usage */
    uint8_t nonce[12];
    struct buffer sealed; /* wrapped: AES-GCM of W1 under HSM.derive(Kd, HKDF(U, key)); partition: empty */
    int64_t created_ms, expires_ms;
    uint8_t mac[HASH_LEN]; /* under Krow */
};

void key_row_clear(struct key_row *row);
DEFINE_CLEAR(key_row_clear, struct key_row);
void key_rows_free(struct key_row *rows, size_t count);
/* Errors: -EEXIST (that name, or that cka_id). @row->id is set. */
MUST_CHECK int store_key_insert(struct store *store, struct key_row *row);
/* All keys of a token, oldest first. */
MUST_CHECK int store_key_list(struct store *store, int64_t token_id, struct key_row **ret_rows,
                              size_t *ret_count);
/* Errors: -ENOENT (no such key of this token). */
MUST_CHECK int store_key_get(struct store *store, int64_t token_id, const uint8_t name[KEY_NAME_LEN],
                             struct key_row *ret);
/* Writes label, cka_id and mac of the row with @row->id. Errors: -ENOENT, -EEXIST (the token has that cka_id). */
MUST_CHECK int store_key_update(struct store *store, const struct key_row *row);
/* Writes kd_epoch, nonce, sealed and mac of the row with @row->id. Errors: -ENOENT. */
MUST_CHECK int store_key_reseal(struct store *store, const struct key_row *row);
/* With its certificate, if it has one. Errors: -ENOENT. */
MUST_CHECK int store_key_delete(struct store *store, int64_t token_id, const uint8_t name[KEY_NAME_LEN]);

struct certificate_row {
    int64_t id;
    int64_t token_id;
    uint8_t key_name[KEY_NAME_LEN];
    char label[LABEL_MAX_LEN + 1];
    struct buffer der;
    struct buffer chain; /* its issuer's, then that one's ...: DER, one behind the other; may be empty */
    int64_t created_ms;
    uint8_t mac[HASH_LEN]; /* under Krow */
};

void certificate_row_clear(struct certificate_row *row);
DEFINE_CLEAR(certificate_row_clear, struct certificate_row);
void certificate_rows_free(struct certificate_row *rows, size_t count);
/*
 * One certificate per key of a token: a newer one replaces the older (Java refuses two with one CKA_ID).
 * Errors: -ENOENT (no such key of this token).
 */
MUST_CHECK int store_certificate_put(struct store *store, const struct certificate_row *row);
MUST_CHECK int store_certificate_list(struct store *store, int64_t token_id,
                                      struct certificate_row **ret_rows, size_t *ret_count);
/* Of one key; so the next. Errors: -ENOENT. */
MUST_CHECK int store_certificate_get(struct store *store, int64_t token_id,
                                     const uint8_t key_name[KEY_NAME_LEN], struct certificate_row *ret);
MUST_CHECK int store_certificate_delete(struct store *store, int64_t token_id,
                                        const uint8_t key_name[KEY_NAME_LEN]);

/* -------------------------------------------------------------------------------------------- principals */

enum role { ROLE_NONE = 0, ROLE_DEVICE, ROLE_APPLICATION, ROLE_OPERATOR, ROLE_AUDITOR, ROLE_OFFICER, ROLES };

struct principal_row {
    int64_t id;
    char name[NAME_MAX_LEN + 1];
    bool enabled;
    int64_t created_ms;
    uint64_t sequence;              /* grows with every change of this row: compare-and-set */
    uint8_t certificates[HASH_LEN]; /* digest of its certificate rows; all zero: there are none */
    uint8_t requests[HASH_LEN];     /* digest of what it asked for; all zero: nothing */
    uint8_t device_code[HASH_LEN];  /* HMAC of the code that enrols one more device; all zero: none is open */
    int64_t device_code_until_ms;
    uint8_t device_secret[DEVICE_SECRET_SEALED_LEN]; /* under that code; all zero: it brings none */
    uint8_t mac[HASH_LEN];                           /* under Krow, over all of the above */
};

/* Carries no MAC of its own: principal_row.certificates binds all of a principal's, as one does a token's attempts. */
struct principal_certificate_row {
    uint8_t hash[HASH_LEN]; /* SHA-256 of the DER form */
    int64_t principal_id;
    enum role role;
    int64_t not_after_ms;
    bool revoked;
    char label[DEVICE_LABEL_MAX + 1]; /* what its user calls the device; "" */
    int64_t created_ms;
    uint8_t replaces
        [HASH_LEN]; /* what it renews, which is good until this one is first used; all zero: nothing */
};

/* Errors: -EEXIST (name taken). @row->id is set. */
MUST_CHECK int store_principal_insert(struct store *store, struct principal_row *row);
/* Errors: -ENOENT. */
MUST_CHECK int store_principal_by_name(struct store *store, const char *name, struct principal_row *ret);
/* Writes all but id, name, created. Errors: -ESTALE (the stored sequence is not @old_sequence). */
MUST_CHECK int store_principal_update(struct store *store, const struct principal_row *row,
                                      uint64_t old_sequence);
/* Errors: -EEXIST (that certificate is registered). */
MUST_CHECK int store_principal_add_certificate(struct store *store,
                                               const struct principal_certificate_row *row);
/* Writes revoked and replaces of the row with @row->hash. Errors: -ENOENT. */
MUST_CHECK int store_principal_update_certificate(struct store *store,
                                                  const struct principal_certificate_row *row);
/* All of a principal's. */
MUST_CHECK int store_principal_forget_certificates(struct store *store, int64_t principal_id);
/* Those made before @before_ms (it is known when) that are revoked, or were over by then. None: nothing to do. */
MUST_CHECK int store_principal_forget_dead(struct store *store, int64_t principal_id, int64_t before_ms);
MUST_CHECK int store_principal_by_id(struct store *store, int64_t id, struct principal_row *ret);
/* Errors: -ENOENT (default deny starts here). */
MUST_CHECK int store_principal_by_certificate(struct store *store, const uint8_t hash[HASH_LEN],
                                              struct principal_row *ret);
/* By end of validity. */
MUST_CHECK int store_principal_certificates(struct store *store, int64_t principal_id,
                                            struct principal_certificate_row **ret_rows, size_t *ret_count);

/* Names of the principals that have a certificate of @role, in order. */
MUST_CHECK int store_principals_of_role(struct store *store, enum role role,
                                        char (**ret_names)[NAME_MAX_LEN + 1], size_t *ret_count);

enum grant_bits { GRANT_SEE = 1, GRANT_SIGN = 2, GRANT_MAKE_KEYS = 4, GRANT_ALL = 7 };

/* Carries no MAC of its own: token_row.grants binds all of a token's. */
struct grant_row {
    int64_t id;
    int64_t token_id;
    int64_t principal_id;
    unsigned bits; /* 0: taken back */
};

/* Replaces an earlier grant; 0 takes it back. */
MUST_CHECK int store_grant_put(struct store *store, int64_t principal_id, int64_t token_id, unsigned bits);
/* All grants on a token, oldest first. */
MUST_CHECK int store_grant_list(struct store *store, int64_t token_id, struct grant_row **ret_rows,
                                size_t *ret_count);
/* All grants of a principal on tokens, oldest first. */
MUST_CHECK int store_grants_of(struct store *store, int64_t principal_id, struct grant_row **ret_rows,
                               size_t *ret_count);
/*
 * Names of the tokens a principal sees, at most @limit: those it was granted, oldest grant first; then those of groups
 * it was granted, in the order in which they joined.
 */
MUST_CHECK int store_grant_tokens(struct store *store, int64_t principal_id, unsigned limit,
                                  char (**ret_names)[NAME_MAX_LEN + 1], size_t *ret_count);

/* ------------------------------------------------------------------------------------------ token groups */

/* What is granted on a group is granted on every token in it. */
struct group_row {
    int64_t id;
    char name[NAME_MAX_LEN + 1];
    int64_t created_ms;
    uint64_t sequence;        /* grows with every change of this row: compare-and-set */
    uint8_t grants[HASH_LEN]; /* digest of the grants on this group; all zero: there are none */
    uint8_t mac[HASH_LEN];    /* under Krow, over all of the above */
};

/* Errors: -EEXIST (name taken). @row->id is set. */
MUST_CHECK int store_group_insert(struct store *store, struct group_row *row);
/* Errors: -ENOENT. */
MUST_CHECK int store_group_by_name(struct store *store, const char *name, struct group_row *ret);
MUST_CHECK int store_group_by_id(struct store *store, int64_t id, struct group_row *ret);
/* Writes all but id, name, created. Errors: -ESTALE (the stored sequence is not @old_sequence). */
MUST_CHECK int store_group_update(struct store *store, const struct group_row *row, uint64_t old_sequence);
MUST_CHECK int store_group_list(struct store *store, const char *after, unsigned limit,
                                struct group_row **ret_rows, size_t *ret_count);
/* With the grants on it; it must have no members. Errors: -ESTALE. */
MUST_CHECK int store_group_delete(struct store *store, int64_t id, uint64_t old_sequence);

/* Carries no MAC of its own: token_row.memberships binds all of a token's. */
struct member_row {
    int64_t id;
    int64_t group_id;
    int64_t token_id;
};

/* Errors: -EEXIST (it is in the group). @row->id is set. */
MUST_CHECK int store_member_insert(struct store *store, struct member_row *row);
/* Errors: -ENOENT. */
MUST_CHECK int store_member_delete(struct store *store, int64_t group_id, int64_t token_id);
/* All memberships of a token, oldest first. */
MUST_CHECK int store_member_list(struct store *store, int64_t token_id, struct member_row **ret_rows,
                                 size_t *ret_count);
/* Up to @limit names of tokens in a group that are greater than @after, by name. */
MUST_CHECK int store_member_names(struct store *store, int64_t group_id, const char *after, unsigned limit,
                                  char (**ret_names)[NAME_MAX_LEN + 1], size_t *ret_count);

/* Carries no MAC of its own: group_row.grants binds all of a group's. */
struct group_grant_row {
    int64_t id;
    int64_t group_id;
    int64_t principal_id;
    unsigned bits; /* 0: taken back */
};

/* Replaces an earlier grant; 0 takes it back. */
MUST_CHECK int store_group_grant_put(struct store *store, int64_t principal_id, int64_t group_id,
                                     unsigned bits);
/* All grants on a group, and all of a principal's on groups, oldest first. */
MUST_CHECK int store_group_grant_list(struct store *store, int64_t group_id,
                                      struct group_grant_row **ret_rows, size_t *ret_count);
MUST_CHECK int store_group_grants_of(struct store *store, int64_t principal_id,
                                     struct group_grant_row **ret_rows, size_t *ret_count);

/* ---------------------------------------------------------------------------------------------- requests */

enum request_state {
    REQUEST_OPEN = 0,
    REQUEST_APPROVED, /* and begun */
    REQUEST_DONE,
    REQUEST_FAILED, /* approved, and then refused by the method itself */
    REQUEST_REJECTED,
    REQUEST_STATES
};

/*
 * What an operator asked for and another person has to approve. Carries no MAC of its own: principal_row.requests
 * binds all of a principal's, so that none is altered, added, decided or put back unnoticed.
 */
struct request_row {
    int64_t id;
    uint8_t name[APPROVAL_ID_LEN]; /* random; by which people speak of it */
    int64_t principal_id;          /* who asks, and under which certificate */
    uint8_t certificate[HASH_LEN];
    char method[METHOD_NAME_MAX + 1]; /* by name: numbers change with versions */
    struct buffer body;               /* that method's request, serialized; no method's has secrets */
    int64_t created_ms, expires_ms;
    enum request_state state;
    char decided_by[NAME_MAX_LEN + 1]; /* a principal's name; "": nobody yet */
};

void request_row_clear(struct request_row *row);
DEFINE_CLEAR(request_row_clear, struct request_row);
void request_rows_free(struct request_row *rows, size_t count);
/* Errors: -EEXIST (that name). @row->id is set. */
MUST_CHECK int store_request_insert(struct store *store, struct request_row *row);
/* All requests of a principal, oldest first. */
MUST_CHECK int store_request_list(struct store *store, int64_t principal_id, struct request_row **ret_rows,
                                  size_t *ret_count);
/* Writes state and decided_by. Errors: -ENOENT. */
MUST_CHECK int store_request_set(struct store *store, const struct request_row *row);
MUST_CHECK int store_request_delete(struct store *store, int64_t id);
/* The name of the principal whose request it is. Errors: -ENOENT. */
MUST_CHECK int store_request_owner(struct store *store, const uint8_t name[APPROVAL_ID_LEN],
                                   char ret[NAME_MAX_LEN + 1]);
/* The names of all who have requests, in order. */
MUST_CHECK int store_request_owners(struct store *store, char (**ret_names)[NAME_MAX_LEN + 1],
                                    size_t *ret_count);

/* ---------------------------------------------------------------------------------------------- attempts */

/*
 * An attempt is a reservation first. Failures count per token and principal; a success clears its principal's.
 * These rows carry no MAC of their own: token_row.attempts, which is under the token's MAC, binds all of them, so
 * that none can be altered, added or removed unnoticed.
 */
enum attempt_state {
    ATTEMPT_RESERVED = 0,
    ATTEMPT_FAILED = 1,
    ATTEMPT_REQUESTED = 2 /* a code, by the PIN alone */
};

struct attempt_row {
    int64_t id;
    int64_t token_id;
    int64_t principal_id;
    enum attempt_state state;
    int64_t at_ms;
};

/* @row->id is set. */
MUST_CHECK int store_attempt_insert(struct store *store, struct attempt_row *row);
/* All attempts of a token, oldest first. */
MUST_CHECK int store_attempt_list(struct store *store, int64_t token_id, struct attempt_row **ret_rows,
                                  size_t *ret_count);
/* Errors: -ENOENT. */
MUST_CHECK int store_attempt_set(struct store *store, const struct attempt_row *row);
/* No such attempt: nothing to do; so for the next. */
MUST_CHECK int store_attempt_delete(struct store *store, int64_t id);
/* Failures and reservations of one principal at a token; @principal_id 0: of all. */
MUST_CHECK int store_attempt_clear(struct store *store, int64_t token_id, int64_t principal_id);

/* --------------------------------------------------------------------------------- attempts at enrolment */

/* What was tried with one of ENROLMENT_SLOTS names. A table of fixed size: whoever asks for no user owns no row. */
struct enrolment_row {
    uint32_t slot;
    uint32_t failures;
    int64_t failed_ms;     /* the last of them */
    uint64_t sequence;     /* grows with every change of this row: compare-and-set */
    uint8_t mac[HASH_LEN]; /* under Krow */
};

/* Errors: -ENOENT (nothing was tried there). */
MUST_CHECK int store_enrolment_get(struct store *store, uint32_t slot, struct enrolment_row *ret);
/* Errors: -ESTALE (the stored sequence is not @old_sequence; 0 stands for none). */
MUST_CHECK int store_enrolment_put(struct store *store, const struct enrolment_row *row,
                                   uint64_t old_sequence);
/* -------------------------------------------------------------------------------------------- second factors */

/* At most one of a kind. Carries no MAC of its own: token_row.factors binds all of a token's. */
struct factor_row {
    int64_t id;
    int64_t token_id;
    enum second_factor kind;
    uint8_t row_name[16]; /* random; in every context of this row */
    uint32_t kd_epoch;    /* FACTOR_TOTP: of the seed's sealing */
    uint8_t nonce[12];
    struct buffer sealed;   /* FACTOR_TOTP: the seed, sealed in the HSM; else empty */
    bool confirmed;         /* FACTOR_TOTP: a code was given, so it is in force */
    uint64_t last_step;     /* FACTOR_TOTP: of the last code that was taken; only later ones are good */
    uint8_t code[HASH_LEN]; /* FACTOR_SENT: HMAC of the code that is out; all zero: none */
    int64_t code_until_ms;
    int64_t sent_ms; /* when a code was asked for last */
    int64_t created_ms;
};

void factor_row_clear(struct factor_row *row);
DEFINE_CLEAR(factor_row_clear, struct factor_row);
void factor_rows_free(struct factor_row *rows, size_t count);
/* Errors: -EEXIST (the token has one of this kind). @row->id is set. */
MUST_CHECK int store_factor_insert(struct store *store, struct factor_row *row);
/* All of a token, oldest first. */
MUST_CHECK int store_factor_list(struct store *store, int64_t token_id, struct factor_row **ret_rows,
                                 size_t *ret_count);
/* Writes all but id, token_id, kind, row_name and created_ms. Errors: -ENOENT. */
MUST_CHECK int store_factor_update(struct store *store, const struct factor_row *row);
/* No such row: nothing to do. */
MUST_CHECK int store_factor_delete(struct store *store, int64_t token_id, enum second_factor kind);

/* ------------------------------------------------------------------------------------------- audit heads */

/* Errors: -ESTALE (the head that is stored is as new or newer: a head never goes back). */
MUST_CHECK int store_audit_head_put(struct store *store, const struct log_name *log, uint64_t sequence,
                                    const uint8_t hash[HASH_LEN]);
/* Sequence 0 and a zero hash when there is none. */
MUST_CHECK int store_audit_head_get(struct store *store, const struct log_name *log, uint64_t *ret_sequence,
                                    uint8_t ret_hash[HASH_LEN]);

struct audit_head {
    struct log_name log;
    uint64_t sequence;
    uint8_t hash[HASH_LEN];
};

/* Of all logs that any proxy ever wrote, by proxy and signer: a log that is no longer written stays known. */
MUST_CHECK int store_audit_head_list(struct store *store, struct audit_head **ret_heads, size_t *ret_count);
/* A key's running count in one log, as of a sequence number; 0 when there is none. */
MUST_CHECK int store_key_count_put(struct store *store, const struct log_name *log,
                                   const uint8_t name[KEY_NAME_LEN], uint64_t count, uint64_t sequence);
MUST_CHECK int store_key_count_get(struct store *store, const struct log_name *log,
                                   const uint8_t name[KEY_NAME_LEN], uint64_t *ret_count,
                                   uint64_t *ret_sequence);

/* ------------------------------------------------------------------------------------------------ sightings */

#define SIGHTING_HSM_MAX     24
#define SIGHTING_MODEL_MAX   160
#define SIGHTING_NOTE_MAX    320
#define SIGHTING_VERSION_MAX 32

enum sighting_state {
    SIGHTING_SERVES,
    SIGHTING_ILL,    /* its HSM answers no probes */
    SIGHTING_FAILED, /* it did not start; the note says why */
    SIGHTING_LEFT,   /* in order: replaced, or shut down */
    SIGHTING_STATES
};

/* What a signer said of itself last. Whoever can write the database can write anything here. */
struct sighting {
    struct log_name who;
    enum sighting_state state;
    char hsm[SIGHTING_HSM_MAX];     /* its section: "hsm", "hsm.b" */
    char model[SIGHTING_MODEL_MAX]; /* manufacturer, model, serial */
    char note[SIGHTING_NOTE_MAX];
    char version[SIGHTING_VERSION_MAX];
    int64_t started_ms, seen_ms;
    uint64_t leases;
};

MUST_CHECK int store_sighting_put(struct store *store, const struct sighting *sighting);
/* Those seen since @since_ms, by proxy and signer; no more than @limit. @ret_rows: malloc'd array. */
MUST_CHECK int store_sighting_list(struct store *store, int64_t since_ms, unsigned limit,
                                   struct sighting **ret_rows, size_t *ret_count);
/* Forgets who was not seen since @since_ms. */
MUST_CHECK int store_sighting_forget(struct store *store, int64_t since_ms);

/* ------------------------------------------------------------------------------------- epochs of master keys */

/* Rows that need an epoch of Kd, by what they are. */
struct kd_rows {
    uint64_t pins, keys;     /* these move on at their user's next login, */
    uint64_t authenticators; /* so do these, */
    uint64_t codes, quorums; /* these when the user makes others, */
    uint64_t shares;         /* these end with the request that they were given for */
};
MUST_CHECK int store_list_kd(struct store *store, uint32_t epoch, struct kd_rows *ret);
/* All of these together; keys under an epoch of Kw, of Kx. */
MUST_CHECK int store_count_kd(struct store *store, uint32_t epoch, uint64_t *ret);
MUST_CHECK int store_count_kw(struct store *store, uint32_t epoch, uint64_t *ret);
MUST_CHECK int store_count_kx(struct store *store, uint32_t epoch, uint64_t *ret);

/* ------------------------------------------------------------------------------------ what the own CA issued */

enum authority { AUTHORITY_DEVICE = 0, AUTHORITY_DOCUMENT = 1, AUTHORITIES };
enum issue_profile { ISSUE_SERVER = 0, ISSUE_CLIENT = 1, ISSUE_DOCUMENT = 2, ISSUE_PROFILES };

#define ISSUED_SERIAL_LEN  16  /* bytes: 128 bits, random */
#define ISSUED_SUBJECT_MAX 255 /* bytes of the subject as text; a longer one is refused */

/* Stays when its token is deleted: until it expires, its serial number belongs on the list of revoked ones. */
struct issued_row {
    int64_t id;
    enum authority authority;
    uint8_t serial[ISSUED_SERIAL_LEN];
    enum issue_profile profile;
    char owner[NAME_MAX_LEN + 1];   /* the user or principal it was issued for */
    int64_t token_id;               /* 0: none; ids are never used twice */
    uint8_t key_name[KEY_NAME_LEN]; /* SHA-256 of the SubjectPublicKeyInfo */
    uint8_t hash[HASH_LEN];         /* SHA-256 of the DER form */
    char subject[ISSUED_SUBJECT_MAX + 1];
    int64_t issued_ms, not_after_ms;
    int64_t revoked_ms;    /* 0: good */
    uint32_t crl_reason;   /* RFC 5280 5.3.1, with revoked_ms */
    uint32_t notice_days;  /* the last threshold before the end that was told of; 0: none yet */
    uint8_t mac[HASH_LEN]; /* under Krow */
};

/* Errors: -EEXIST (that serial number). @row->id is set. */
MUST_CHECK int store_issued_insert(struct store *store, struct issued_row *row);
/* Errors: -ENOENT. */
MUST_CHECK int store_issued_by_serial(struct store *store, const uint8_t serial[ISSUED_SERIAL_LEN],
                                      struct issued_row *ret);
/* Of a token, oldest first. @ret_rows: malloc'd array; so the next. */
MUST_CHECK int store_issued_of_token(struct store *store, int64_t token_id, struct issued_row **ret_rows,
                                     size_t *ret_count);
/* Of a user or principal, whether it is there still, with id > @after_id, at most @limit. */
MUST_CHECK int store_issued_of_owner(struct store *store, const char *owner, int64_t after_id, unsigned limit,
                                     struct issued_row **ret_rows, size_t *ret_count);
/* Revoked ones of an authority that end after @after_ms, oldest first. */
MUST_CHECK int store_issued_revoked(struct store *store, enum authority authority, int64_t after_ms,
                                    struct issued_row **ret_rows, size_t *ret_count);
/* Good ones that end after @after_ms (and id @after_id among those of the same end) and not after @until_ms, by end. */
MUST_CHECK int store_issued_ending(struct store *store, int64_t after_ms, int64_t after_id, int64_t until_ms,
                                   unsigned limit, struct issued_row **ret_rows, size_t *ret_count);
/* Writes revoked_ms, crl_reason, notice_days and mac. Errors: -ENOENT. */
MUST_CHECK int store_issued_update(struct store *store, const struct issued_row *row);
MUST_CHECK int store_issued_count(struct store *store, enum authority authority, uint64_t *ret);

/* What an authority's revocations are as a whole; and its latest list, which every signer serves. */
struct authority_row {
    enum authority authority;
    uint64_t sequence;         /* grows with every change of this row: compare-and-set */
    int64_t as_of_ms;          /* certificates that ended before are not in the digest */
    uint8_t revoked[HASH_LEN]; /* digest of the revoked rows; all zero: there are none */
    uint64_t crl_number;       /* RFC 5280 5.2.3 */
    int64_t crl_until_ms;      /* its nextUpdate; 0: something changed since */
    uint8_t crl_hash[HASH_LEN];
    uint8_t mac[HASH_LEN]; /* under Krow */
};

/* Errors: -EEXIST. */
MUST_CHECK int store_authority_insert(struct store *store, const struct authority_row *row);
/* Errors: -ENOENT. */
MUST_CHECK int store_authority_get(struct store *store, enum authority authority, struct authority_row *ret);
/* Errors: -ESTALE (the stored sequence is not @old_sequence). */
MUST_CHECK int store_authority_update(struct store *store, const struct authority_row *row,
                                      uint64_t old_sequence);
MUST_CHECK int store_crl_put(struct store *store, enum authority authority, struct bytes der);
/* Appends. Errors: -ENOENT. */
MUST_CHECK int store_crl_get(struct store *store, enum authority authority, struct buffer *ret);
