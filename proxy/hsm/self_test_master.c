/* SPDX-License-Identifier: Apache-2.0 */
/* self_test_master.c - what is tried with the master keys, and with what Kd has sealed. */
#include "include/table.h"
#include "proxy/hsm/self_test_attempts.h"

/* One call with 65,536 guesses. */
CK_RV self_test_derive_by_ecb(const struct bench *bench)
{
    CK_BYTE guesses[64] = { 0 };
    CK_KEY_DERIVATION_STRING_DATA params = { guesses, sizeof(guesses) };
    CK_MECHANISM mechanism = { CKM_AES_ECB_ENCRYPT_DATA, &params, sizeof(params) };

    return bench_derive(bench, bench_newest(bench, MASTER_DERIVE), &mechanism, false);
}

CK_RV self_test_derive_readable(const struct bench *bench)
{
    return bench_derive_cbc(bench, bench_newest(bench, MASTER_DERIVE), true);
}

CK_RV self_test_read_master_keys(const struct bench *bench)
{
    CK_RV rv = CKR_ATTRIBUTE_SENSITIVE;

    for (int kind = 0; kind < MASTER_KINDS && rv != CKR_OK; kind++)
        rv = bench_read_value(bench, bench_newest(bench, kind), CKA_VALUE);
    return rv;
}

CK_RV self_test_wrap_master_keys(const struct bench *bench)
{
    CK_RV rv = CKR_KEY_UNEXTRACTABLE;

    for (int kind = 0; kind < MASTER_KINDS && rv != CKR_OK; kind++) {
        rv = bench_wrap_with(bench, bench->kw->handle, bench_newest(bench, kind));
        if (rv != CKR_OK)
            rv = bench_wrap_with(bench, bench->foreign, bench_newest(bench, kind));
    }
    return rv;
}

static CK_RV encrypt_with_kd(const struct bench *bench)
{
    CK_RV rv = bench_encrypt_with(bench, bench_newest(bench, MASTER_DERIVE), CKM_AES_CBC);

    return rv == CKR_OK ? rv : bench_encrypt_with(bench, bench_newest(bench, MASTER_DERIVE), CKM_AES_ECB);
}

static CK_RV wrap_with_kd(const struct bench *bench)
{
    return bench_wrap_with(bench, bench_newest(bench, MASTER_DERIVE), bench->foreign);
}

static CK_RV encrypt_with_kw(const struct bench *bench)
{
    return bench_encrypt_with(bench, bench->kw->handle, CKM_AES_CBC);
}

static CK_RV derive_from_kw(const struct bench *bench)
{
    return bench_derive_cbc(bench, bench->kw->handle, true);
}

static CK_RV derive_from_krow(const struct bench *bench)
{
    return bench_derive_cbc(bench, bench_newest(bench, MASTER_ROW), true);
}

CK_RV self_test_use_otherwise(const struct bench *bench)
{
    static attempt_fn *const attempts[] = { encrypt_with_kd, wrap_with_kd, encrypt_with_kw, derive_from_kw,
                                            derive_from_krow };

    return bench_any_of(bench, attempts, ARRAY_SIZE(attempts));
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

CK_RV self_test_flip_flags(const struct bench *bench)
{
    const struct flag *flag;
    CK_RV rv = CKR_ATTRIBUTE_READ_ONLY;

    for (EACH_ROW(flag, flags)) {
        rv = bench_set_flag(bench, bench_newest(bench, flag->kind), flag->type, flag->value);
        if (rv == CKR_OK) {
            /* Put right what can be put right, before saying that it went wrong. */
            (void)bench_set_flag(bench, bench_newest(bench, flag->kind), flag->type, !flag->value);
            return rv;
        }
    }
    return rv;
}

CK_RV self_test_copy_with_more(const struct bench *bench)
{
    const struct flag *flag;
    CK_RV rv = CKR_ACTION_PROHIBITED;

    for (EACH_ROW(flag, flags)) {
        rv = bench_copy_with(bench, bench_newest(bench, flag->kind), flag->type, flag->value);
        if (rv == CKR_OK)
            return rv;
    }
    return rv;
}

CK_RV self_test_open_exchanged(const struct bench *bench)
{
    return bench_open_row(bench, "privyseal v1 self-TEST");
}

CK_RV self_test_open_altered(const struct bench *bench)
{
    CK_RV rv;

    bench->sealed.data[0] ^= 1;
    rv = bench_open_row(bench, BENCH_AAD);
    bench->sealed.data[0] ^= 1;
    return rv;
}

/* The SHA-256 of a key that nobody can guess is harmless; an HSM that gives none is still the better one. */
CK_RV self_test_digest_master_key(const struct bench *bench)
{
    CK_MECHANISM mechanism = { CKM_SHA256, NULL, 0 };
    CK_BYTE digest[HASH_LEN];
    CK_ULONG len = sizeof(digest);
    CK_RV rv = bench->session.p11->C_DigestInit(bench->session.handle, &mechanism), final;

    if (rv != CKR_OK)
        return rv;
    rv = bench->session.p11->C_DigestKey(bench->session.handle, bench_newest(bench, MASTER_DERIVE));
    /* A session has one digest at a time, and a refused key need not end it. v3.1 5.12.4 (C_DigestKey) */
    final = bench->session.p11->C_DigestFinal(bench->session.handle, digest, &len);
    return rv == CKR_OK ? final : rv;
}
