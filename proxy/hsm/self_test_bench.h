/* SPDX-License-Identifier: Apache-2.0 */
/*
 * self_test_bench.h - what the attempts of a self-test work with, and what they do with it: one call of PKCS#11 each.
 *
 * What an attempt makes by success is destroyed again, and all that is made for it are session objects.
 */
#pragma once

#include "proto/public_key.h"
#include "proxy/hsm/hsm_state.h"
#include "proxy/hsm/key_pair.h"

/* Made once for all attempts against one epoch. */
struct bench {
    struct hsm *hsm;
    struct hsm_session
        session; /* read and write: an attempt must fail for its own reason, not for the session's */
    const struct master_key *kw; /* the epoch under test, of Kw or Kx */
    const struct key_use *use;   /* what keys under it are for */
    struct secret *wrapped;      /* a P-256 private key under it */
    struct public_key *public_key;
    CK_OBJECT_HANDLE unwrapped; /* the same, as users' keys are */
    CK_OBJECT_HANDLE foreign;   /* an AES key of the intruder's own, which wraps */
    CK_OBJECT_HANDLE row_key;   /* derived from Kd, as the key of a row */
    struct buffer sealed;       /* under it, for BENCH_AAD */
};

#define BENCH_AAD "privyseal v1 self-test"

MUST_CHECK CK_RV bench_init(struct hsm *hsm, const struct master_key *kw, enum key_usage usage,
                            struct bench *ret);
void bench_clear(struct bench *bench);
DEFINE_CLEAR(bench_clear, struct bench);

/* An attempt: CKR_OK means that it succeeded, which is what must not be. */
typedef CK_RV attempt_fn(const struct bench *bench);

CK_OBJECT_HANDLE bench_newest(const struct bench *bench, enum master_kind kind);
/* The first of several attempts that does not fail as it should. */
CK_RV bench_any_of(const struct bench *bench, attempt_fn *const *attempts, size_t count);
CK_RV bench_read_value(const struct bench *bench, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type);
/* @is_readable: the child is to be, and is read. */
CK_RV bench_derive(const struct bench *bench, CK_OBJECT_HANDLE base, CK_MECHANISM *mechanism,
                   bool is_readable);
CK_RV bench_derive_cbc(const struct bench *bench, CK_OBJECT_HANDLE base, bool is_readable);
CK_RV bench_encrypt_with(const struct bench *bench, CK_OBJECT_HANDLE key, CK_MECHANISM_TYPE type);
CK_RV bench_sign_with(const struct bench *bench, CK_OBJECT_HANDLE key, CK_MECHANISM_TYPE type);
CK_RV bench_wrap_with(const struct bench *bench, CK_OBJECT_HANDLE wrapping_key, CK_OBJECT_HANDLE key);
CK_RV bench_set_flag(const struct bench *bench, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, bool value);
CK_RV bench_copy_with(const struct bench *bench, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, bool value);
/* @ret: the caller's to destroy. */
CK_RV bench_unwrap(const struct bench *bench, CK_ATTRIBUTE *template, CK_ULONG count, CK_OBJECT_HANDLE *ret);
CK_RV bench_unwrap_as(const struct bench *bench, CK_ATTRIBUTE *template, CK_ULONG count);
/* What users' keys are unwrapped with, with one attribute told otherwise. */
CK_RV bench_unwrap_otherwise(const struct bench *bench, CK_ATTRIBUTE_TYPE type, bool value);
CK_RV bench_open_row(const struct bench *bench, const char *aad);
