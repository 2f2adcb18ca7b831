/* SPDX-License-Identifier: Apache-2.0 */
/*
 * library.h - a PKCS#11 library by path: loaded, initialised, asked for its tokens.
 *
 * Source:  PKCS#11 v3.1 5.4 (general-purpose functions), 5.5 (slot and token management functions).
 * Threads: one. The library may start its own, so it is told to lock with the system's primitives (SoftHSM locks
 *          nothing at all when it gets no arguments).
 */
#pragma once

#include <stdbool.h>
#include <p11-kit/pkcs11.h>

#include "include/cleanup.h"
#include "include/secret.h"
#include "proto/limits.h"

struct library {
    void *handle;
    CK_FUNCTION_LIST *p11;
    bool is_initialised;
};

/*
 * @environment: "NAME=value", put into the process's environment first; NULL: nothing. @why: a sentence, caller frees.
 * Errors: CKR_ARGUMENTS_BAD (@environment), CKR_DEVICE_ERROR (cannot be loaded), what C_Initialize says.
 */
MUST_CHECK CK_RV library_open(const char *path, const char *environment, struct library **ret, char **why);
void library_close(struct library *library);
DEFINE_CLEANUP(library_close, struct library *);

struct library_token {
    CK_SLOT_ID slot;
    CK_TOKEN_INFO info;
};

/* All slots that hold something, initialised or not. @ret: malloc'd array. */
MUST_CHECK CK_RV library_tokens(const struct library *library, struct library_token **ret, size_t *ret_count);
/* Errors: CKR_TOKEN_NOT_PRESENT; CKR_ARGUMENTS_BAD (a label over 32 bytes, or shared by two tokens). */
MUST_CHECK CK_RV library_find_label(const struct library *library, const char *label,
                                    struct library_token *ret);
/* The token with this serial number. Slot ids change, serial numbers do not. Errors: CKR_TOKEN_NOT_PRESENT. */
MUST_CHECK CK_RV library_find_serial(const struct library *library, const char *serial,
                                     struct library_token *ret);
/* A slot whose token waits for C_InitToken. Errors: CKR_TOKEN_NOT_PRESENT. */
MUST_CHECK CK_RV library_find_blank(const struct library *library, struct library_token *ret);
/* 256 random bits in base64url: a PIN for programs. SoftHSM's files are only as safe as it. */
MUST_CHECK CK_RV library_random_pin(struct secret **ret);
/*
 * C_InitToken and C_InitPIN. @so_pin NULL: with a random SO PIN that nobody ever learns: it is wiped before this
 * returns. Whoever keeps one can reset the user PIN and take the token over.
 * @ret: set as soon as there is a token, even when its PIN cannot be set, so that the caller can take it away; until
 * then its serial number is all zero.
 * Errors: CKR_TOKEN_NOT_PRESENT (no blank slot), CKR_PIN_LEN_RANGE (it takes no such PINs; nothing was done),
 * CKR_ARGUMENTS_BAD (@label over 32 bytes), what the library says.
 */
MUST_CHECK CK_RV library_init_token(const struct library *library, const char *label,
                                    const struct secret *so_pin, const CK_UTF8CHAR *pin, size_t pin_len,
                                    struct library_token *ret);
/* The security officer sets the user PIN; nobody may be logged in. v3.1 5.5.8 (C_InitPIN). */
MUST_CHECK CK_RV library_reset_pin(const struct library *library, CK_SLOT_ID slot,
                                   const struct secret *so_pin, const struct secret *pin);

/*
 * Whether a token takes a PIN of @len characters. A PIN of ours is 256 bits in base64url and never shortened: a token
 * that takes fewer than 43 characters (opencryptoki's soft token: 8) can hold neither master keys nor partitions.
 */
bool library_takes_pin(const CK_TOKEN_INFO *info, size_t len);

/* CK_TOKEN_INFO pads its texts with blanks to a fixed length: @ret gets the text and a NUL. */
void library_text(const CK_UTF8CHAR *field, size_t len, char *ret);
/* Whether a token's manufacturer and model are those of a software HSM, and whether that one locks its PIN. */
bool library_is_software(const CK_TOKEN_INFO *info, bool *ret_locks_pin);
