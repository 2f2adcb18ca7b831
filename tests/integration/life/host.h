/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host.h - an application that loads a PKCS#11 module and knows nothing else of it: what the cases in this folder
 * share.
 *
 * The token has a P-256 and an RSA-2048 key. Whatever fails ends the process with a sentence: each case runs in a
 * process of its own (cases.h).
 */
#pragma once

#include <openssl/evp.h>
#include <p11-kit/pkcs11.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define HOST_FDS_MAX 1024

enum host_key_type { HOST_EC, HOST_RSA, HOST_KEY_TYPES };

struct host_key {
    CK_OBJECT_HANDLE handle;
    EVP_PKEY *public_key;
};

struct host {
    const char *path, *token, *pin_file;
    void *library;
    CK_FUNCTION_LIST *p11;
    CK_SLOT_ID slot;
    CK_SESSION_HANDLE session;
    struct host_key keys[HOST_KEY_TYPES];
};

/* Ends the process with a sentence unless @condition holds. */
#define EXPECT(condition, ...)                                                                               \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            host_die(__FILE__, __LINE__, __VA_ARGS__);                                                       \
    } while (0)
#define EXPECT_RV(call, wanted)                                                                              \
    do {                                                                                                     \
        CK_RV rv_ = (call);                                                                                  \
                                                                                                             \
        EXPECT(rv_ == (wanted), "%s gave 0x%lx instead of %s", #call, rv_, #wanted);                         \
    } while (0)
#define EXPECT_OK(call) EXPECT_RV(call, CKR_OK)

__attribute__((noreturn, format(printf, 3, 4))) void host_die(const char *file, int line, const char *format,
                                                              ...);

void host_load(struct host *host);
void host_unload(struct host *host);
/* The slot whose token has the host's name. False: none is present. */
bool host_find_slot(struct host *host);
/* Opens a session, logs in with what is in the file (and wipes it), finds the keys. What the first call to fail says. */
CK_RV host_try_login(struct host *host);
/* The same, and it must succeed. */
void host_login(struct host *host);
/* Load, C_Initialize, host_login. */
void host_start(struct host *host);
/* Signs @number in @session and checks the signature. */
CK_RV host_sign_in(struct host *host, CK_SESSION_HANDLE session, enum host_key_type type, unsigned number);
/* One signature of either kind, in the host's own session; each must succeed. */
void host_sign(struct host *host);
/* Our own copies of the public keys: what is left of them is not the module's leak. */
void host_forget_keys(struct host *host);
/* That, and C_Finalize. */
void host_finish(struct host *host);

unsigned host_thread_count(void);
/* The inodes of open TCP connections: the same list means the same ones. */
struct host_connections {
    ino_t inode[HOST_FDS_MAX];
    size_t count;
};
struct host_connections host_connections(void);
bool host_connections_equal(const struct host_connections *a, const struct host_connections *b);
size_t host_fd_count(void);
double host_now_ms(void);
