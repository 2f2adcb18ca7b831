/* SPDX-License-Identifier: Apache-2.0 */
/*
 * self_test.c - what this HSM refuses, tried; and what it lacks, said. A promise of docs/threat-model.md that rests on
 * the HSM rests on a row here.
 */
#include "include/table.h"
#include "proxy/hsm/self_test_attempts.h"

struct trial {
    const char *name;
    attempt_fn *attempt;
    bool is_required;
    const char *sentence; /* what follows from a success */
};

/* Not to be tried: the PIN it would lock is the signers' own. */
static CK_RV guess_pin_forever(const struct bench *bench)
{
    bool locks_pin;

    (void)library_is_software(&bench->hsm->token.info, &locks_pin);
    return locks_pin ? CKR_PIN_LOCKED : CKR_OK;
}

static CK_RV read_memory(const struct bench *bench)
{
    bool locks_pin;

    return library_is_software(&bench->hsm->token.info, &locks_pin) ? CKR_OK : CKR_ATTRIBUTE_SENSITIVE;
}

/* In the order of an attack: guessing, the master keys, then a key that a row gave away. */
static const struct trial trials[] = {
    { "ecb-derivation", self_test_derive_by_ecb, true,
      "one HSM call tests thousands of PINs: who has the database and the HSM's login guesses in minutes" },
    { "altered-ciphertext", self_test_open_altered, true, "rows can be altered and still open" },
    { "exchanged-ciphertext", self_test_open_exchanged, true, "a row opens in the place of another" },
    { "master-key-read", self_test_read_master_keys, true,
      "the master keys can be read: the database alone opens with them" },
    { "master-key-wrap", self_test_wrap_master_keys, true,
      "the master keys can be wrapped and carried away" },
    { "master-key-other-use", self_test_use_otherwise, true,
      "a master key does more than the one thing it is for" },
    { "master-key-flags", self_test_flip_flags, true,
      "a master key's attributes can be changed into more usage" },
    { "master-key-copy", self_test_copy_with_more, true,
      "a copy of a master key can have more usage than the key" },
    { "unwrap-extractable", self_test_unwrap_extractable, true,
      "a user's key can be unwrapped so that it may leave the HSM" },
    { "unwrap-readable", self_test_unwrap_readable, true,
      "a user's key can be unwrapped so that its value can be read" },
    { "unwrap-to-stay", self_test_unwrap_to_stay, true,
      "a user's key can be unwrapped for good and outlive its unlocking" },
    { "unwrap-for-more", self_test_unwrap_for_more, true,
      "a user's key can be unwrapped for a use that it was not made for" },
    { "unwrap-as-secret", self_test_unwrap_as_secret, true,
      "a user's key can be unwrapped as an HMAC or AES key" },
    { "unwrap-in-silence", self_test_unwrap_in_silence, true,
      "who leaves attributes out when unwrapping gets weaker ones" },
    { "unwrapped-key-taken", self_test_take_unwrapped, true,
      "an unlocked key can be read, wrapped or made extractable" },
    { "other-mechanism", self_test_sign_by_another, true,
      "a key signs by mechanisms that it was not allowed" },
    { "derived-key-read", self_test_derive_readable, false,
      "the key of a row can be read by who has that row's secret; it opens nothing but what Kw still "
      "protects" },
    { "master-key-digest", self_test_digest_master_key, false,
      "the HSM tells a master key's SHA-256, from which 256 random bits cannot be found" },
    { "trusted-wrapping", self_test_steal_at_birth, false,
      "a patched signer could wrap a user's key under its own key at the moment of its birth, and only "
      "then" },
    { "pin-lock-out", guess_pin_forever, false,
      "the HSM never locks its PIN: it must stay 256 random bits, and attempts are counted in the store" },
    { "hardware", read_memory, false,
      "this is software: root on this machine can read the master keys from files and memory" },
};

_Static_assert(ARRAY_SIZE(trials) <= HSM_FINDINGS_MAX, "room for every finding");

/* ------------------------------------------------------------------------------------------------- judging */

/* These say that the attempt was not made at all, so they prove nothing. */
static bool is_no_answer(CK_RV rv)
{
    static const CK_RV codes[] = { CKR_HOST_MEMORY,
                                   CKR_DEVICE_ERROR,
                                   CKR_DEVICE_REMOVED,
                                   CKR_SESSION_CLOSED,
                                   CKR_SESSION_HANDLE_INVALID,
                                   CKR_SESSION_READ_ONLY,
                                   CKR_USER_NOT_LOGGED_IN,
                                   CKR_KEY_HANDLE_INVALID,
                                   CKR_OBJECT_HANDLE_INVALID,
                                   CKR_OPERATION_ACTIVE,
                                   CKR_CRYPTOKI_NOT_INITIALIZED };
    const CK_RV *code;

    for (EACH_ROW(code, codes))
        if (rv == *code)
            return true;
    return false;
}

/* All attempts against one epoch of Kw or Kx; what succeeds is taken off @findings. */
static CK_RV try_all(struct hsm *hsm, const struct master_key *kw, enum key_usage usage,
                     struct hsm_finding *findings)
{
    CLEANUP(bench_clear) struct bench bench = { 0 };
    CK_RV rv = bench_init(hsm, kw, usage, &bench);

    if (rv != CKR_OK)
        return rv;
    for (size_t i = 0; i < ARRAY_SIZE(trials); i++) {
        rv = trials[i].attempt(&bench);
        if (is_no_answer(rv))
            return rv;
        if (rv == CKR_OK)
            findings[i].is_enforced = false;
    }
    return CKR_OK;
}

/* The unwrap template of a key is the one attribute that its table entry does not show: every epoch is tried. */
static CK_RV try_epochs(struct hsm *hsm, enum master_kind kind, enum key_usage usage,
                        struct hsm_finding *findings)
{
    CK_RV rv = CKR_OK;

    for (size_t i = 0; i < hsm->keys.count[kind] && rv == CKR_OK; i++)
        rv = try_all(hsm, &hsm->keys.keys[kind][i], usage, findings);
    return rv;
}

CK_RV hsm_self_test(struct hsm *hsm, struct hsm_finding ret[HSM_FINDINGS_MAX], size_t *ret_count)
{
    CK_RV rv;

    for (size_t i = 0; i < ARRAY_SIZE(trials); i++)
        ret[i] = (struct hsm_finding){ .name = trials[i].name,
                                       .is_enforced = true,
                                       .is_required = trials[i].is_required,
                                       .sentence = trials[i].sentence };
    rv = try_epochs(hsm, MASTER_WRAP, KEY_SIGNS, ret);
    if (rv == CKR_OK)
        rv = try_epochs(hsm, MASTER_EXCHANGE, KEY_DERIVES, ret);
    if (rv == CKR_OK)
        *ret_count = ARRAY_SIZE(trials);
    return rv;
}

const char *hsm_grade(const struct hsm_finding *findings, size_t count)
{
    const char *grade = "A";

    for (size_t i = 0; i < count; i++) {
        if (!findings[i].is_enforced && findings[i].is_required)
            return "F";
        if (!findings[i].is_enforced)
            grade = "B";
    }
    return grade;
}
