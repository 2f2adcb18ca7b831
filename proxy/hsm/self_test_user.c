/* SPDX-License-Identifier: Apache-2.0 */
/* self_test_user.c - what is tried with a user's key: wrapped, while it is unwrapped, unwrapped, and when it is born. */
#include "include/table.h"
#include "proxy/hsm/self_test_attempts.h"
#include "proxy/hsm/template.h"

CK_RV self_test_unwrap_extractable(const struct bench *bench)
{
    return bench_unwrap_otherwise(bench, CKA_EXTRACTABLE, true);
}

CK_RV self_test_unwrap_readable(const struct bench *bench)
{
    return bench_unwrap_otherwise(bench, CKA_SENSITIVE, false);
}

CK_RV self_test_unwrap_to_stay(const struct bench *bench)
{
    return bench_unwrap_otherwise(bench, CKA_TOKEN, true);
}

static CK_RV unwrap_to_derive(const struct bench *bench)
{
    return bench_unwrap_otherwise(bench, CKA_DERIVE, true);
}

static CK_RV unwrap_to_decrypt(const struct bench *bench)
{
    return bench_unwrap_otherwise(bench, CKA_DECRYPT, true);
}

static CK_RV unwrap_to_sign(const struct bench *bench)
{
    return bench_unwrap_otherwise(bench, CKA_SIGN, true);
}

/* As a copy, or after a change, it could do whatever else was refused. */
static CK_RV unwrap_to_copy(const struct bench *bench)
{
    return bench_unwrap_otherwise(bench, CKA_COPYABLE, true);
}

static CK_RV unwrap_to_change(const struct bench *bench)
{
    return bench_unwrap_otherwise(bench, CKA_MODIFIABLE, true);
}

static CK_RV unwrap_to_unwrap(const struct bench *bench)
{
    return bench_unwrap_otherwise(bench, CKA_UNWRAP, true);
}

CK_RV self_test_unwrap_for_more(const struct bench *bench)
{
    static attempt_fn *const of_signing[] = { unwrap_to_derive, unwrap_to_decrypt, unwrap_to_unwrap,
                                              unwrap_to_copy, unwrap_to_change };
    static attempt_fn *const of_others[] = { unwrap_to_sign, unwrap_to_unwrap, unwrap_to_copy,
                                             unwrap_to_change };

    return bench->use->usage == KEY_SIGNS ? bench_any_of(bench, of_signing, ARRAY_SIZE(of_signing))
                                          : bench_any_of(bench, of_others, ARRAY_SIZE(of_others));
}

/* As an AES or HMAC key the bytes of a private key answer questions about themselves. */
CK_RV self_test_unwrap_as_secret(const struct bench *bench)
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
    CK_RV rv = bench_unwrap_as(bench, strict, ARRAY_SIZE(strict));

    return rv == CKR_OK ? rv : bench_unwrap_as(bench, loose, ARRAY_SIZE(loose));
}

/* A caller who leaves an attribute out must get the template's value or a refusal, never the default. */
CK_RV self_test_unwrap_in_silence(const struct bench *bench)
{
    CK_ATTRIBUTE template[] = { ATTRIBUTE_NUMBER(CKA_CLASS, CKO_PRIVATE_KEY),
                                ATTRIBUTE_NUMBER(CKA_KEY_TYPE, CKK_EC), ATTRIBUTE_TRUE(CKA_SIGN) };
    CK_ATTRIBUTE strict[] = { ATTRIBUTE_TRUE(CKA_SENSITIVE), ATTRIBUTE_FALSE(CKA_EXTRACTABLE),
                              ATTRIBUTE_FALSE(CKA_DERIVE) };
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    CK_RV rv = bench_unwrap(bench, template, ARRAY_SIZE(template), &key);

    if (rv != CKR_OK)
        return rv;
    rv = hsm_session_matches(&bench->session, key, strict, ARRAY_SIZE(strict));
    hsm_session_destroy(&bench->session, key);
    return rv == CKR_OK ? CKR_TEMPLATE_INCONSISTENT : CKR_OK;
}

static CK_RV read_unwrapped(const struct bench *bench)
{
    return bench_read_value(bench, bench->unwrapped, CKA_VALUE);
}

static CK_RV wrap_unwrapped(const struct bench *bench)
{
    CK_RV rv = bench_wrap_with(bench, bench->kw->handle, bench->unwrapped);

    return rv == CKR_OK ? rv : bench_wrap_with(bench, bench->foreign, bench->unwrapped);
}

static CK_RV free_unwrapped(const struct bench *bench)
{
    CK_RV rv = bench_set_flag(bench, bench->unwrapped, CKA_EXTRACTABLE, true);

    if (rv != CKR_OK)
        rv = bench_set_flag(bench, bench->unwrapped, CKA_SENSITIVE, false);
    return rv == CKR_OK ? rv : bench_copy_with(bench, bench->unwrapped, CKA_EXTRACTABLE, true);
}

CK_RV self_test_take_unwrapped(const struct bench *bench)
{
    static attempt_fn *const attempts[] = { read_unwrapped, wrap_unwrapped, free_unwrapped };

    return bench_any_of(bench, attempts, ARRAY_SIZE(attempts));
}

/* A key that may sign by one mechanism and signs by another: the list keeps raw RSA away from users' keys. */
CK_RV self_test_sign_by_another(const struct bench *bench)
{
    CK_ATTRIBUTE template[] = { ATTRIBUTE_NUMBER(CKA_KEY_TYPE, CKK_EC), ATTRIBUTE_TRUE(CKA_SIGN),
                                ATTRIBUTE_NUMBER(CKA_ALLOWED_MECHANISMS, CKM_ECDSA_SHA1),
                                MASTER_UNWRAP_TEMPLATE };
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    CK_RV rv = bench_unwrap(bench, template, ARRAY_SIZE(template), &key);

    if (rv == CKR_OK)
        rv = bench_sign_with(bench, key, CKM_ECDSA);
    hsm_session_destroy(&bench->session, key);
    return rv;
}

/* A key that only a trusted key may wrap, and a Kw that is one: then nobody wraps it under a key of his own at birth. */
CK_RV self_test_steal_at_birth(const struct bench *bench)
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
        rv = bench_wrap_with(bench, bench->foreign, key);
    hsm_session_destroy(&bench->session, key);
    return rv;
}
