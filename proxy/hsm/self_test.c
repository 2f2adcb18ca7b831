/* SPDX-License-Identifier: Apache-2.0 */
/*
 * self_test.c - what this HSM refuses, tried; and what it lacks, said. A promise of docs/threat-model.md that rests on
 * the HSM rests on a row here.
 *
 * Every attempt is one that an intruder with the HSM's login would make. What it makes by success is destroyed, and
 * the keys it makes for itself are session objects.
 */
#include <string.h>

#include "include/table.h"
#include "proto/public_key.h"
#include "proxy/hsm/hsm_state.h"
#include "proxy/hsm/key_pair.h"
#include "proxy/hsm/template.h"

#define OUTPUT_MAX 4096

static const char sealed_aad[] = "privyseal v1 self-test";
static const uint8_t sealed_nonce[12] = { 1 };

/* What an attempt works with. Made once for all of them. */
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
    struct buffer sealed;       /* under it, for sealed_aad */
};

/* An attempt: CKR_OK means that it succeeded, which is what must not be. */
typedef CK_RV attempt_fn(const struct bench *bench);

struct trial {
    const char *name;
    attempt_fn *attempt;
    bool is_required;
    const char *sentence; /* what follows from a success */
};

/* -------------------------------------------------------------------------------------------- small helpers */

static CK_OBJECT_HANDLE newest(const struct bench *bench, enum master_kind kind)
{
    return master_keys_newest(&bench->hsm->keys, kind)->handle;
}

/* An attempt that made something succeeded; the thing goes away again. */
static CK_RV made(const struct bench *bench, CK_RV rv, CK_OBJECT_HANDLE object)
{
    if (rv == CKR_OK)
        hsm_session_destroy(&bench->session, object);
    return rv;
}

/* The first of several attempts that does not fail as it should. */
static CK_RV any_of(const struct bench *bench, attempt_fn *const *attempts, size_t count)
{
    CK_RV rv = CKR_FUNCTION_REJECTED;

    for (size_t i = 0; i < count && rv != CKR_OK; i++)
        rv = attempts[i](bench);
    return rv;
}

static CK_RV read_value(const struct bench *bench, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type)
{
    CLEANUP(buffer_clear) struct buffer value = { 0 };
    CK_RV rv = hsm_session_attribute(&bench->session, object, type, &value);

    if (value.len)
        secret_wipe(value.data, value.len);
    return rv == CKR_OK && value.len == 0 ? CKR_ATTRIBUTE_SENSITIVE : rv;
}

static CK_RV derive(const struct bench *bench, CK_OBJECT_HANDLE base, CK_MECHANISM *mechanism,
                    bool is_readable)
{
    CK_BBOOL sensitive = !is_readable, extractable = is_readable;
    CK_ATTRIBUTE template[] = {
        ATTRIBUTE_NUMBER(CKA_CLASS, CKO_SECRET_KEY),
        ATTRIBUTE_NUMBER(CKA_KEY_TYPE, CKK_GENERIC_SECRET),
        ATTRIBUTE_NUMBER(CKA_VALUE_LEN, 32),
        ATTRIBUTE_FALSE(CKA_TOKEN),
        { CKA_SENSITIVE, &sensitive, sizeof(sensitive) },
        { CKA_EXTRACTABLE, &extractable, sizeof(extractable) },
    };
    CK_OBJECT_HANDLE child = CK_INVALID_HANDLE;
    CK_RV rv = bench->session.p11->C_DeriveKey(bench->session.handle, mechanism, base, template,
                                               ARRAY_SIZE(template), &child);

    if (rv == CKR_OK && is_readable)
        rv = read_value(bench, child, CKA_VALUE);
    hsm_session_destroy(&bench->session, child);
    return rv;
}

static CK_RV derive_cbc(const struct bench *bench, CK_OBJECT_HANDLE base, bool is_readable)
{
    CK_BYTE guess[32] = { 0 };
    CK_AES_CBC_ENCRYPT_DATA_PARAMS params = { .pData = guess, .length = sizeof(guess) };
    CK_MECHANISM mechanism = { CKM_AES_CBC_ENCRYPT_DATA, &params, sizeof(params) };

    return derive(bench, base, &mechanism, is_readable);
}

static CK_RV encrypt_with(const struct bench *bench, CK_OBJECT_HANDLE key, CK_MECHANISM_TYPE type)
{
    CK_BYTE iv[16] = { 0 }, block[32] = { 0 }, output[OUTPUT_MAX];
    CK_MECHANISM mechanism = { type, iv, sizeof(iv) };
    CK_ULONG len = sizeof(output);
    CK_RV rv = bench->session.p11->C_EncryptInit(bench->session.handle, &mechanism, key);

    return rv == CKR_OK
               ? bench->session.p11->C_Encrypt(bench->session.handle, block, sizeof(block), output, &len)
               : rv;
}

static CK_RV sign_with(const struct bench *bench, CK_OBJECT_HANDLE key, CK_MECHANISM_TYPE type)
{
    CK_MECHANISM mechanism = { type, NULL, 0 };
    uint8_t digest[HASH_LEN] = { 1 }, signature[HSM_SIGNATURE_MAX];
    size_t len = sizeof(signature);

    return hsm_session_sign(&bench->session, &mechanism, key, BYTES_OF_ARRAY(digest), signature, &len);
}

static CK_RV wrap_with(const struct bench *bench, CK_OBJECT_HANDLE wrapping_key, CK_OBJECT_HANDLE key)
{
    CLEANUP(secret_free) struct secret *wrapped = NULL;

    return hsm_session_wrap(&bench->session, wrapping_key, key, &wrapped);
}

static CK_RV set_flag(const struct bench *bench, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, bool value)
{
    CK_BBOOL flag = value;
    CK_ATTRIBUTE template = { type, &flag, sizeof(flag) };

    return bench->session.p11->C_SetAttributeValue(bench->session.handle, object, &template, 1);
}

static CK_RV copy_with(const struct bench *bench, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, bool value)
{
    CK_BBOOL flag = value;
    CK_ATTRIBUTE template[] = { ATTRIBUTE_FALSE(CKA_TOKEN), { type, &flag, sizeof(flag) } };
    CK_OBJECT_HANDLE copy = CK_INVALID_HANDLE;
    CK_RV rv = bench->session.p11->C_CopyObject(bench->session.handle, object, template, ARRAY_SIZE(template),
                                                &copy);

    return made(bench, rv, copy);
}

static CK_RV unwrap(const struct bench *bench, CK_ATTRIBUTE *template, CK_ULONG count, CK_OBJECT_HANDLE *ret)
{
    CK_MECHANISM mechanism = { CKM_AES_KEY_WRAP_PAD, NULL, 0 };

    return bench->session.p11->C_UnwrapKey(bench->session.handle, &mechanism, bench->kw->handle,
                                           bench->wrapped->data, bench->wrapped->len, template, count, ret);
}

static CK_RV unwrap_as(const struct bench *bench, CK_ATTRIBUTE *template, CK_ULONG count)
{
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    CK_RV rv = unwrap(bench, template, count, &key);

    return made(bench, rv, key);
}

/* What users' keys are unwrapped with, with one attribute told otherwise. */
static CK_RV unwrap_otherwise(const struct bench *bench, CK_ATTRIBUTE_TYPE type, bool value)
{
    CK_BBOOL flag = value;
    CK_ATTRIBUTE template[] = { MASTER_UNWRAP_COMMON, KEY_USE_ATTRIBUTES(bench->use),
                                ATTRIBUTE_NUMBER(CKA_KEY_TYPE, CKK_EC), MASTER_UNWRAP_FIXED };
    CK_ATTRIBUTE *attribute;

    for (EACH_ROW(attribute, template))
        if (attribute->type == type)
            *attribute = (CK_ATTRIBUTE){ type, &flag, sizeof(flag) };
    return unwrap_as(bench, template, ARRAY_SIZE(template));
}

/* ------------------------------------------------------------------------------------------------- attempts */

/* One call with 65,536 guesses. */
static CK_RV derive_by_ecb(const struct bench *bench)
{
    CK_BYTE guesses[64] = { 0 };
    CK_KEY_DERIVATION_STRING_DATA params = { guesses, sizeof(guesses) };
    CK_MECHANISM mechanism = { CKM_AES_ECB_ENCRYPT_DATA, &params, sizeof(params) };

    return derive(bench, newest(bench, MASTER_DERIVE), &mechanism, false);
}

static CK_RV derive_readable(const struct bench *bench)
{
    return derive_cbc(bench, newest(bench, MASTER_DERIVE), true);
}

static CK_RV read_master_keys(const struct bench *bench)
{
    CK_RV rv = CKR_ATTRIBUTE_SENSITIVE;

    for (int kind = 0; kind < MASTER_KINDS && rv != CKR_OK; kind++)
        rv = read_value(bench, newest(bench, kind), CKA_VALUE);
    return rv;
}

static CK_RV wrap_master_keys(const struct bench *bench)
{
    CK_RV rv = CKR_KEY_UNEXTRACTABLE;

    for (int kind = 0; kind < MASTER_KINDS && rv != CKR_OK; kind++) {
        rv = wrap_with(bench, bench->kw->handle, newest(bench, kind));
        if (rv != CKR_OK)
            rv = wrap_with(bench, bench->foreign, newest(bench, kind));
    }
    return rv;
}

static CK_RV encrypt_with_kd(const struct bench *bench)
{
    CK_RV rv = encrypt_with(bench, newest(bench, MASTER_DERIVE), CKM_AES_CBC);

    return rv == CKR_OK ? rv : encrypt_with(bench, newest(bench, MASTER_DERIVE), CKM_AES_ECB);
}

static CK_RV wrap_with_kd(const struct bench *bench)
{
    return wrap_with(bench, newest(bench, MASTER_DERIVE), bench->foreign);
}

static CK_RV encrypt_with_kw(const struct bench *bench)
{
    return encrypt_with(bench, bench->kw->handle, CKM_AES_CBC);
}

static CK_RV derive_from_kw(const struct bench *bench)
{
    return derive_cbc(bench, bench->kw->handle, true);
}

static CK_RV derive_from_krow(const struct bench *bench)
{
    return derive_cbc(bench, newest(bench, MASTER_ROW), true);
}

static CK_RV use_otherwise(const struct bench *bench)
{
    static attempt_fn *const attempts[] = { encrypt_with_kd, wrap_with_kd, encrypt_with_kw, derive_from_kw,
                                            derive_from_krow };

    return any_of(bench, attempts, ARRAY_SIZE(attempts));
}

struct flag {
    enum master_kind kind;
    CK_ATTRIBUTE_TYPE type;
    bool value;
};

/* Each would open a way around what the key is for. */
static const struct flag flags[] = {
    { MASTER_DERIVE, CKA_ENCRYPT, true },     { MASTER_DERIVE, CKA_DECRYPT, true },
    { MASTER_DERIVE, CKA_EXTRACTABLE, true }, { MASTER_DERIVE, CKA_MODIFIABLE, true },
    { MASTER_WRAP, CKA_DECRYPT, true },       { MASTER_WRAP, CKA_DERIVE, true },
    { MASTER_WRAP, CKA_SENSITIVE, false },    { MASTER_CHECK, CKA_DERIVE, true },
    { MASTER_EXCHANGE, CKA_DECRYPT, true },   { MASTER_EXCHANGE, CKA_SENSITIVE, false },
    { MASTER_ROW, CKA_EXTRACTABLE, true },    { MASTER_SEAL, CKA_SENSITIVE, false },
};

static CK_RV flip_flags(const struct bench *bench)
{
    const struct flag *flag;
    CK_RV rv = CKR_ATTRIBUTE_READ_ONLY;

    for (EACH_ROW(flag, flags)) {
        rv = set_flag(bench, newest(bench, flag->kind), flag->type, flag->value);
        if (rv == CKR_OK) {
            /* Put right what can be put right, before saying that it went wrong. */
            (void)set_flag(bench, newest(bench, flag->kind), flag->type, !flag->value);
            return rv;
        }
    }
    return rv;
}

static CK_RV copy_with_more(const struct bench *bench)
{
    const struct flag *flag;
    CK_RV rv = CKR_ACTION_PROHIBITED;

    for (EACH_ROW(flag, flags)) {
        rv = copy_with(bench, newest(bench, flag->kind), flag->type, flag->value);
        if (rv == CKR_OK)
            return rv;
    }
    return rv;
}

static CK_RV unwrap_extractable(const struct bench *bench)
{
    return unwrap_otherwise(bench, CKA_EXTRACTABLE, true);
}

static CK_RV unwrap_readable(const struct bench *bench)
{
    return unwrap_otherwise(bench, CKA_SENSITIVE, false);
}

static CK_RV unwrap_to_stay(const struct bench *bench)
{
    return unwrap_otherwise(bench, CKA_TOKEN, true);
}

static CK_RV unwrap_to_derive(const struct bench *bench)
{
    return unwrap_otherwise(bench, CKA_DERIVE, true);
}

static CK_RV unwrap_to_decrypt(const struct bench *bench)
{
    return unwrap_otherwise(bench, CKA_DECRYPT, true);
}

static CK_RV unwrap_to_sign(const struct bench *bench)
{
    return unwrap_otherwise(bench, CKA_SIGN, true);
}

/* As a copy, or after a change, it could do whatever else was refused. */
static CK_RV unwrap_to_copy(const struct bench *bench)
{
    return unwrap_otherwise(bench, CKA_COPYABLE, true);
}

static CK_RV unwrap_to_change(const struct bench *bench)
{
    return unwrap_otherwise(bench, CKA_MODIFIABLE, true);
}

static CK_RV unwrap_to_unwrap(const struct bench *bench)
{
    return unwrap_otherwise(bench, CKA_UNWRAP, true);
}

static CK_RV unwrap_for_more(const struct bench *bench)
{
    static attempt_fn *const of_signing[] = { unwrap_to_derive, unwrap_to_decrypt, unwrap_to_unwrap,
                                              unwrap_to_copy, unwrap_to_change };
    static attempt_fn *const of_others[] = { unwrap_to_sign, unwrap_to_unwrap, unwrap_to_copy,
                                             unwrap_to_change };

    return bench->use->usage == KEY_SIGNS ? any_of(bench, of_signing, ARRAY_SIZE(of_signing))
                                          : any_of(bench, of_others, ARRAY_SIZE(of_others));
}

/* As an AES or HMAC key the bytes of a private key answer questions about themselves. */
static CK_RV unwrap_as_secret(const struct bench *bench)
{
    CK_ATTRIBUTE strict[] = {
        ATTRIBUTE_NUMBER(CKA_CLASS, CKO_SECRET_KEY),
        ATTRIBUTE_NUMBER(CKA_KEY_TYPE, CKK_GENERIC_SECRET),
        ATTRIBUTE_FALSE(CKA_TOKEN),
        ATTRIBUTE_TRUE(CKA_SENSITIVE),
        ATTRIBUTE_FALSE(CKA_EXTRACTABLE),
        ATTRIBUTE_BYTES(CKA_SIGN, &bench->use->signs, sizeof(CK_BBOOL)),
        ATTRIBUTE_BYTES(CKA_DECRYPT, &bench->use->decrypts, sizeof(CK_BBOOL)),
        ATTRIBUTE_BYTES(CKA_DERIVE, &bench->use->derives, sizeof(CK_BBOOL)),
        ATTRIBUTE_FALSE(CKA_UNWRAP),
        MASTER_UNWRAP_FIXED,
    };
    CK_ATTRIBUTE loose[] = {
        ATTRIBUTE_NUMBER(CKA_CLASS, CKO_SECRET_KEY),
        ATTRIBUTE_NUMBER(CKA_KEY_TYPE, CKK_GENERIC_SECRET),
        ATTRIBUTE_FALSE(CKA_TOKEN),
        ATTRIBUTE_FALSE(CKA_SENSITIVE),
        ATTRIBUTE_TRUE(CKA_EXTRACTABLE),
    };
    CK_RV rv = unwrap_as(bench, strict, ARRAY_SIZE(strict));

    return rv == CKR_OK ? rv : unwrap_as(bench, loose, ARRAY_SIZE(loose));
}

/* A caller who leaves an attribute out must get the template's value or a refusal, never the default. */
static CK_RV unwrap_in_silence(const struct bench *bench)
{
    CK_ATTRIBUTE template[] = { ATTRIBUTE_NUMBER(CKA_CLASS, CKO_PRIVATE_KEY),
                                ATTRIBUTE_NUMBER(CKA_KEY_TYPE, CKK_EC), ATTRIBUTE_TRUE(CKA_SIGN) };
    CK_ATTRIBUTE strict[] = { ATTRIBUTE_TRUE(CKA_SENSITIVE), ATTRIBUTE_FALSE(CKA_EXTRACTABLE),
                              ATTRIBUTE_FALSE(CKA_DERIVE) };
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    CK_RV rv = unwrap(bench, template, ARRAY_SIZE(template), &key);

    if (rv != CKR_OK)
        return rv;
    rv = hsm_session_matches(&bench->session, key, strict, ARRAY_SIZE(strict));
    hsm_session_destroy(&bench->session, key);
    return rv == CKR_OK ? CKR_TEMPLATE_INCONSISTENT : CKR_OK;
}

static CK_RV read_unwrapped(const struct bench *bench)
{
    return read_value(bench, bench->unwrapped, CKA_VALUE);
}

static CK_RV wrap_unwrapped(const struct bench *bench)
{
    CK_RV rv = wrap_with(bench, bench->kw->handle, bench->unwrapped);

    return rv == CKR_OK ? rv : wrap_with(bench, bench->foreign, bench->unwrapped);
}

static CK_RV free_unwrapped(const struct bench *bench)
{
    CK_RV rv = set_flag(bench, bench->unwrapped, CKA_EXTRACTABLE, true);

    if (rv != CKR_OK)
        rv = set_flag(bench, bench->unwrapped, CKA_SENSITIVE, false);
    return rv == CKR_OK ? rv : copy_with(bench, bench->unwrapped, CKA_EXTRACTABLE, true);
}

static CK_RV take_unwrapped(const struct bench *bench)
{
    static attempt_fn *const attempts[] = { read_unwrapped, wrap_unwrapped, free_unwrapped };

    return any_of(bench, attempts, ARRAY_SIZE(attempts));
}

/* A key that may sign by one mechanism and signs by another: the list keeps raw RSA away from users' keys. */
static CK_RV sign_by_another(const struct bench *bench)
{
    CK_ATTRIBUTE template[] = { ATTRIBUTE_NUMBER(CKA_KEY_TYPE, CKK_EC), ATTRIBUTE_TRUE(CKA_SIGN),
                                ATTRIBUTE_NUMBER(CKA_ALLOWED_MECHANISMS, CKM_ECDSA_SHA1),
                                MASTER_UNWRAP_TEMPLATE };
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    CK_RV rv = unwrap(bench, template, ARRAY_SIZE(template), &key);

    if (rv == CKR_OK)
        rv = sign_with(bench, key, CKM_ECDSA);
    hsm_session_destroy(&bench->session, key);
    return rv;
}

static CK_RV open_row(const struct bench *bench, const char *aad)
{
    CLEANUP(secret_free) struct secret *opened = NULL;

    return hsm_session_decrypt(&bench->session, bench->row_key, BYTES_OF_ARRAY(sealed_nonce),
                               bytes_of_text(aad), buffer_bytes(&bench->sealed), &opened);
}

static CK_RV open_exchanged(const struct bench *bench)
{
    return open_row(bench, "privyseal v1 self-TEST");
}

static CK_RV open_altered(const struct bench *bench)
{
    CK_RV rv;

    bench->sealed.data[0] ^= 1;
    rv = open_row(bench, sealed_aad);
    bench->sealed.data[0] ^= 1;
    return rv;
}

/* The SHA-256 of a key that nobody can guess is harmless; an HSM that gives none is still the better one. */
static CK_RV digest_master_key(const struct bench *bench)
{
    CK_MECHANISM mechanism = { CKM_SHA256, NULL, 0 };
    CK_BYTE digest[HASH_LEN];
    CK_ULONG len = sizeof(digest);
    CK_RV rv = bench->session.p11->C_DigestInit(bench->session.handle, &mechanism), final;

    if (rv != CKR_OK)
        return rv;
    rv = bench->session.p11->C_DigestKey(bench->session.handle, newest(bench, MASTER_DERIVE));
    /* A session has one digest at a time, and a refused key need not end it. v3.1 5.12.4 (C_DigestKey) */
    final = bench->session.p11->C_DigestFinal(bench->session.handle, digest, &len);
    return rv == CKR_OK ? final : rv;
}

/* A key that only a trusted key may wrap, and a Kw that is one: then nobody wraps it under a key of his own at birth. */
static CK_RV steal_at_birth(const struct bench *bench)
{
    CK_ATTRIBUTE template[] = {
        ATTRIBUTE_FALSE(CKA_TOKEN),      ATTRIBUTE_TRUE(CKA_PRIVATE), ATTRIBUTE_TRUE(CKA_SENSITIVE),
        ATTRIBUTE_TRUE(CKA_EXTRACTABLE), ATTRIBUTE_TRUE(CKA_SIGN),    ATTRIBUTE_TRUE(CKA_WRAP_WITH_TRUSTED),
    };
    CLEANUP(public_key_free) struct public_key *public_key = NULL;
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    CK_RV rv;

    if (!bench->kw->is_trusted)
        return CKR_OK; /* users' keys cannot ask for a trusted key that is not there */
    rv = key_pair_generate(&bench->session, key_kind_find(CKK_EC, 256), bench->use, template,
                           ARRAY_SIZE(template), &key, &public_key);
    if (rv == CKR_OK)
        rv = wrap_with(bench, bench->foreign, key);
    hsm_session_destroy(&bench->session, key);
    return rv;
}

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
    { "ecb-derivation", derive_by_ecb, true,
      "one HSM call tests thousands of PINs: who has the database and the HSM's login guesses in minutes" },
    { "altered-ciphertext", open_altered, true, "rows can be altered and still open" },
    { "exchanged-ciphertext", open_exchanged, true, "a row opens in the place of another" },
    { "master-key-read", read_master_keys, true,
      "the master keys can be read: the database alone opens with them" },
    { "master-key-wrap", wrap_master_keys, true, "the master keys can be wrapped and carried away" },
    { "master-key-other-use", use_otherwise, true, "a master key does more than the one thing it is for" },
    { "master-key-flags", flip_flags, true, "a master key's attributes can be changed into more usage" },
    { "master-key-copy", copy_with_more, true, "a copy of a master key can have more usage than the key" },
    { "unwrap-extractable", unwrap_extractable, true,
      "a user's key can be unwrapped so that it may leave the HSM" },
    { "unwrap-readable", unwrap_readable, true,
      "a user's key can be unwrapped so that its value can be read" },
    { "unwrap-to-stay", unwrap_to_stay, true,
      "a user's key can be unwrapped for good and outlive its unlocking" },
    { "unwrap-for-more", unwrap_for_more, true,
      "a user's key can be unwrapped for a use that it was not made for" },
    { "unwrap-as-secret", unwrap_as_secret, true, "a user's key can be unwrapped as an HMAC or AES key" },
    { "unwrap-in-silence", unwrap_in_silence, true,
      "who leaves attributes out when unwrapping gets weaker ones" },
    { "unwrapped-key-taken", take_unwrapped, true,
      "an unlocked key can be read, wrapped or made extractable" },
    { "other-mechanism", sign_by_another, true, "a key signs by mechanisms that it was not allowed" },
    { "derived-key-read", derive_readable, false,
      "the key of a row can be read by who has that row's secret; it opens nothing but what Kw still "
      "protects" },
    { "master-key-digest", digest_master_key, false,
      "the HSM tells a master key's SHA-256, from which 256 random bits cannot be found" },
    { "trusted-wrapping", steal_at_birth, false,
      "a patched signer could wrap a user's key under its own key at the moment of its birth, and only "
      "then" },
    { "pin-lock-out", guess_pin_forever, false,
      "the HSM never locks its PIN: it must stay 256 random bits, and attempts are counted in the store" },
    { "hardware", read_memory, false,
      "this is software: root on this machine can read the master keys from files and memory" },
};

_Static_assert(ARRAY_SIZE(trials) <= HSM_FINDINGS_MAX, "room for every finding");

/* --------------------------------------------------------------------------------------------------- bench */

static CK_RV make_wrapped(struct bench *bench)
{
    CK_ATTRIBUTE template[] = {
        ATTRIBUTE_FALSE(CKA_TOKEN),      ATTRIBUTE_TRUE(CKA_PRIVATE),    ATTRIBUTE_TRUE(CKA_SENSITIVE),
        ATTRIBUTE_TRUE(CKA_EXTRACTABLE), KEY_USE_ATTRIBUTES(bench->use),
    };
    CK_OBJECT_HANDLE born;
    CK_RV rv = key_pair_generate(&bench->session, key_kind_find(CKK_EC, 256), bench->use, template,
                                 ARRAY_SIZE(template), &born, &bench->public_key);

    if (rv != CKR_OK)
        return rv;
    rv = hsm_session_wrap(&bench->session, bench->kw->handle, born, &bench->wrapped);
    hsm_session_destroy(&bench->session, born);
    return rv;
}

static CK_RV make_foreign(struct bench *bench)
{
    CK_ATTRIBUTE template[] = {
        ATTRIBUTE_NUMBER(CKA_CLASS, CKO_SECRET_KEY),
        ATTRIBUTE_NUMBER(CKA_KEY_TYPE, CKK_AES),
        ATTRIBUTE_NUMBER(CKA_VALUE_LEN, 32),
        ATTRIBUTE_FALSE(CKA_TOKEN),
        ATTRIBUTE_TRUE(CKA_WRAP),
        ATTRIBUTE_TRUE(CKA_EXTRACTABLE),
    };
    CK_MECHANISM mechanism = { CKM_AES_KEY_GEN, NULL, 0 };

    return bench->session.p11->C_GenerateKey(bench->session.handle, &mechanism, template,
                                             ARRAY_SIZE(template), &bench->foreign);
}

/* These are the ways that must work: else every refusal below might have another reason. */
static CK_RV make_unwrapped(struct bench *bench)
{
    CK_ATTRIBUTE template[] = { MASTER_UNWRAP_COMMON, KEY_USE_ATTRIBUTES(bench->use),
                                ATTRIBUTE_NUMBER(CKA_KEY_TYPE, CKK_EC), MASTER_UNWRAP_FIXED };
    struct handle_owner owner = { .session = &bench->session };
    struct key_handle key = { .public_key = bench->public_key, .owner = &owner };
    CK_RV rv = unwrap(bench, template, ARRAY_SIZE(template), &bench->unwrapped);

    key.object = bench->unwrapped;
    return rv == CKR_OK ? key_pair_prove(&key, bench->use->usage) : rv;
}

static CK_RV make_sealed(struct bench *bench)
{
    uint8_t input[32] = { 1 };
    CK_RV rv =
        hsm_derive_key(bench->hsm, hsm_epoch_derive(bench->hsm), BYTES_OF_ARRAY(input), &bench->row_key);

    if (rv == CKR_OK)
        rv = hsm_session_encrypt(&bench->session, bench->row_key, BYTES_OF_ARRAY(sealed_nonce),
                                 bytes_of_text(sealed_aad), BYTES_OF_ARRAY(input), &bench->sealed);
    return rv == CKR_OK ? open_row(bench, sealed_aad) : rv;
}

static void bench_clear(struct bench *bench)
{
    if (bench->session.p11) {
        hsm_session_destroy(&bench->session, bench->unwrapped);
        hsm_session_destroy(&bench->session, bench->foreign);
        hsm_session_destroy(&bench->session, bench->row_key);
    }
    hsm_session_close(&bench->session);
    secret_free(bench->wrapped);
    public_key_free(bench->public_key);
    buffer_clear(&bench->sealed);
}
DEFINE_CLEAR(bench_clear, struct bench);

static CK_RV bench_init(struct hsm *hsm, const struct master_key *kw, enum key_usage usage, struct bench *ret)
{
    CK_RV rv;

    *ret = (struct bench){ .hsm = hsm, .kw = kw, .use = key_use_find(CKK_EC, usage) };
    rv = hsm_session_open(hsm->library->p11, hsm->token.slot, CKF_RW_SESSION, &ret->session);
    if (rv == CKR_OK)
        rv = make_wrapped(ret);
    if (rv == CKR_OK)
        rv = make_foreign(ret);
    if (rv == CKR_OK)
        rv = make_unwrapped(ret);
    if (rv == CKR_OK)
        rv = make_sealed(ret);
    return rv;
}

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
