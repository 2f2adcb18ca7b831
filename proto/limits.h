/* SPDX-License-Identifier: Apache-2.0 */
/* limits.h - bounds for everything that comes from outside; each says what it protects. */
#pragma once

#define NAME_MAX_LEN             32  /* realm, token, user: CK_TOKEN_INFO.label has 32 bytes */
#define LABEL_MAX_LEN            128 /* CKA_LABEL of a key or certificate: OpenSSH's buffer has 255 */
#define KEY_NAME_LEN             32  /* SHA-256 of the SubjectPublicKeyInfo */
#define KEY_ID_LEN               20  /* CKA_ID that nobody chose: the beginning of the key's name */
#define KEY_ID_MAX               64  /* CKA_ID that somebody chose: libp11 takes at most 100 bytes */
#define CIPHERTEXT_MAX           512 /* RSA-4096: the largest key there is */
#define HASH_LEN                 32  /* SHA-256 */
#define SERIAL_LEN               16  /* CK_TOKEN_INFO.serialNumber */
#define REQUEST_ID_LEN           16  /* hexadecimal digits */
#define CLIENT_REQUEST_ID_MAX    64  /* an application's own request id, for the record */
#define STRETCHED_PIN_LEN        32  /* S */
#define TOKEN_SECRET_LEN         32  /* U */
#define SALT_LEN                 32
#define ACTIVATION_CODE_LEN      16 /* 128 bits */
#define DEVICE_CODE_LEN          16 /* 128 bits: nobody guesses it, so what it protects needs no other counter */
#define DEVICE_SECRET_LEN        32 /* mixed into S */
#define DEVICE_SECRET_SEALED_LEN 60 /* nonce, device secret, tag: on its way from one device to another */
#define DEVICE_LABEL_MAX         64 /* what its user calls a device */
#define DEVICES_MAX              64 /* good certificates of one principal */
#define DEVICES_A_DAY_MAX                                                                                    \
    32 /* certificates that a user makes alone: each is a row that every call looks at */
#define DEVICE_REQUEST_MAX       2048 /* bytes of a PKCS#10 request for an EC key */
#define LEASE_LEN                16   /* signer (2), random (14) */
#define CHALLENGE_LEN            40   /* signer (2), time (8), random (14), MAC (16) */
#define CHALLENGE_LIFE_MS        120000
#define CLIENT_SECRET_LEN        32
#define RECOVERY_CODE_LEN        16    /* 128 bits, as an activation code */
#define RECOVERY_BLOB_MAX        512   /* what a user keeps with the recovery code: a device secret, sealed */
#define QUORUM_NAME_LEN          16    /* random names of a quorum and of a request to it */
#define OFFICERS_MAX             16    /* to each of them goes a share of 32 bytes */
#define SEQUENCE_WINDOW          1024  /* replies kept per lease: a repeat within it gets the same bytes */
#define SIGN_DATA_MAX            65536 /* pure EdDSA signs the message itself; all else sends a digest */
#define CERTIFICATE_MAX          16384 /* bytes of DER */
#define CERTIFICATES_MAX         5     /* in a chain */
#define KEYS_PER_TOKEN_MAX       64
#define CERTS_PER_TOKEN_MAX      64
#define TOKENS_PER_PRINCIPAL_MAX 1024
#define NEW_USERS_MAX            64  /* in one call: a signer serves nobody else meanwhile */
#define MEMBERS_CHANGED_MAX      256 /* likewise; of a group, into, out of it or by a policy */
#define GROUPS_PER_TOKEN_MAX     8   /* each costs a lookup when the token is used by another than its user */
#define TRANSPORT_PIN_MAX        255 /* of a partition, as its HSM's administrator set it */
#define PIN_MIN_LEN              6   /* CK_TOKEN_INFO.ulMinPinLen */
#define FACTOR_CODE_MIN_LEN      6   /* digits of a second factor's code */
#define FACTOR_CODE_MAX_LEN      8
#define TICKET_LEN               40  /* proxy/access/ticket.h */
#define PIN_MAX_LEN              128 /* bytes of UTF-8 */
#define OPERATOR_PROOF_LIFE_S    300
#define APPROVAL_ID_LEN          8   /* of a request that waits for a second person: a name, not a secret */
#define REQUESTS_OPEN_MAX        100 /* of one requester: nobody fills the store with requests */
#define REQUESTS_KEPT_MAX        200 /* of one requester, decided ones included */
#define METHOD_NAME_MAX          63
#define FRAME_MAX                (2 * 1024 * 1024) /* between front and signer */

/* The client refuses to stretch a PIN more cheaply than this, whatever a server says. */
#define ARGON2_MEMORY_KIB_FLOOR 19456
#define ARGON2_PASSES_FLOOR     2
/* ... and more expensively than this: a hostile server must not exhaust the host. */
#define ARGON2_MEMORY_KIB_MAX (1024 * 1024)
#define ARGON2_PASSES_MAX     16
#define ARGON2_LANES_MAX      4
/* Defaults of a deployment (RFC 9106 4, second recommended option). */
#define ARGON2_MEMORY_KIB_DEFAULT 65536
#define ARGON2_PASSES_DEFAULT     3
#define ARGON2_LANES_DEFAULT      1
