/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hpke.c - RFC 9180 for one suite. Names are the RFC's; what it writes as concat() is join() here, the one
 * place where the RFC and not context.h decides what bytes are hashed.
 */
#include "proto/hpke.h"

#include <errno.h>
#include <string.h>
#include <openssl/evp.h>

#include "include/table.h"
#include "proto/aead.h"
#include "proto/digest.h"

#define IKM_MIN 32 /* RFC 9180 7.1.3: at least as many bytes as a private key */

DEFINE_CLEANUP(EVP_PKEY_free, EVP_PKEY *);
DEFINE_CLEANUP(EVP_PKEY_CTX_free, EVP_PKEY_CTX *);

/* RFC 9180 4.1 and 5.1: suite_id of the KEM, and of the whole. */
static const uint8_t kem_suite[] = { 'K', 'E', 'M', 0x00, 0x20 };
static const uint8_t hpke_suite[] = { 'H', 'P', 'K', 'E', 0x00, 0x20, 0x00, 0x01, 0x00, 0x02 };

#define KEM_SUITE  BYTES_OF_ARRAY(kem_suite)
#define HPKE_SUITE BYTES_OF_ARRAY(hpke_suite)

void hpke_shared_clear(struct hpke_shared *shared)
{
    secret_free(shared->exporter_secret);
    shared->exporter_secret = NULL;
}

/* ---------------------------------------------------------------- RFC 9180 4 (Cryptographic Dependencies) */

static int join(const struct bytes *parts, size_t count, struct secret **ret)
{
    struct secret *all = NULL;
    size_t len = 0;
    int r;

    for (size_t i = 0; i < count; i++)
        len += parts[i].len;
    r = secret_new(len, &all);
    if (r < 0)
        return r;
    len = 0;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len)
            memcpy(all->data + len, parts[i].data, parts[i].len);
        len += parts[i].len;
    }
    *ret = all;
    return 0;
}

static int labeled_extract(OSSL_LIB_CTX *libctx, struct bytes suite, struct bytes salt, const char *label,
                           struct bytes ikm, struct secret **ret)
{
    const struct bytes parts[] = { bytes_of_text("HPKE-v1"), suite, bytes_of_text(label), ikm };
    CLEANUP(secret_free) struct secret *labeled_ikm = NULL;
    int r = join(parts, ARRAY_SIZE(parts), &labeled_ikm);

    return r < 0 ? r : digest_hkdf_extract(libctx, salt, secret_bytes(labeled_ikm), ret);
}

static int labeled_expand(OSSL_LIB_CTX *libctx, struct bytes suite, const struct secret *prk,
                          const char *label, struct bytes info, size_t len, struct secret **ret)
{
    const uint8_t encoded_len[] = { (uint8_t)(len >> 8), (uint8_t)len };
    const struct bytes parts[] = { BYTES_OF_ARRAY(encoded_len), bytes_of_text("HPKE-v1"), suite,
                                   bytes_of_text(label), info };
    CLEANUP(secret_free) struct secret *labeled_info = NULL;
    int r = join(parts, ARRAY_SIZE(parts), &labeled_info);

    return r < 0 ? r : digest_hkdf_expand(libctx, secret_bytes(prk), secret_bytes(labeled_info), len, ret);
}

/* ---------------------------------------------------------------------------- RFC 9180 4.1 (DH-Based KEM) */

/* X25519 of a private key and the basepoint. */
static int public_of(OSSL_LIB_CTX *libctx, struct bytes private_key, uint8_t ret[HPKE_KEY_LEN])
{
    CLEANUP(EVP_PKEY_free)
    EVP_PKEY *key =
        EVP_PKEY_new_raw_private_key_ex(libctx, "X25519", NULL, private_key.data, private_key.len);
    size_t len = HPKE_KEY_LEN;

    return key && EVP_PKEY_get_raw_public_key(key, ret, &len) == 1 && len == HPKE_KEY_LEN ? 0 : -EIO;
}

/* RFC 9180 7.1.4 (Validation of Inputs and Outputs): OpenSSL refuses an all-zero result. */
static int diffie_hellman(OSSL_LIB_CTX *libctx, struct bytes private_key, struct bytes public_key,
                          struct secret **ret)
{
    CLEANUP(EVP_PKEY_free)
    EVP_PKEY *own =
        EVP_PKEY_new_raw_private_key_ex(libctx, "X25519", NULL, private_key.data, private_key.len);
    CLEANUP(EVP_PKEY_free)
    EVP_PKEY *peer = EVP_PKEY_new_raw_public_key_ex(libctx, "X25519", NULL, public_key.data, public_key.len);
    CLEANUP(EVP_PKEY_CTX_free)
    EVP_PKEY_CTX *ctx = own ? EVP_PKEY_CTX_new_from_pkey(libctx, own, NULL) : NULL;
    CLEANUP(secret_free) struct secret *dh = NULL;
    size_t len = HPKE_KEY_LEN;
    int r;

    if (!peer || !ctx || EVP_PKEY_derive_init(ctx) != 1)
        return -EIO;
    r = secret_new(len, &dh);
    if (r < 0)
        return r;
    if (EVP_PKEY_derive_set_peer(ctx, peer) != 1 || EVP_PKEY_derive(ctx, dh->data, &len) != 1)
        return -EINVAL;
    *ret = TAKE(dh);
    return 0;
}

/* DH, then ExtractAndExpand: Encap() with the ephemeral key as @private_key, Decap() with the recipient's. */
static int kem_shared_secret(OSSL_LIB_CTX *libctx, struct bytes private_key, struct bytes public_key,
                             struct bytes enc, struct bytes recipient, struct secret **ret)
{
    const struct bytes parts[] = { enc, recipient };
    CLEANUP(secret_free) struct secret *dh = NULL;
    CLEANUP(secret_free) struct secret *kem_context = NULL;
    CLEANUP(secret_free) struct secret *eae_prk = NULL;
    int r;

    r = diffie_hellman(libctx, private_key, public_key, &dh);
    if (r < 0)
        return r;
    r = join(parts, ARRAY_SIZE(parts), &kem_context);
    if (r < 0)
        return r;
    r = labeled_extract(libctx, KEM_SUITE, BYTES_NONE, "eae_prk", secret_bytes(dh), &eae_prk);
    if (r < 0)
        return r;
    return labeled_expand(libctx, KEM_SUITE, eae_prk, "shared_secret", secret_bytes(kem_context), HASH_LEN,
                          ret);
}

int hpke_derive_key_pair(OSSL_LIB_CTX *libctx, struct bytes ikm, struct secret **ret_private,
                         uint8_t ret_public[HPKE_KEY_LEN])
{
    CLEANUP(secret_free) struct secret *dkp_prk = NULL;
    CLEANUP(secret_free) struct secret *key = NULL;
    int r;

    if (ikm.len < IKM_MIN)
        return -EINVAL;
    r = labeled_extract(libctx, KEM_SUITE, BYTES_NONE, "dkp_prk", ikm, &dkp_prk);
    if (r < 0)
        return r;
    r = labeled_expand(libctx, KEM_SUITE, dkp_prk, "sk", BYTES_NONE, HPKE_KEY_LEN, &key);
    if (r < 0)
        return r;
    r = public_of(libctx, secret_bytes(key), ret_public);
    if (r < 0)
        return r;
    *ret_private = TAKE(key);
    return 0;
}

/* ---------------------------------------------------------------------------- RFC 9180 5.1 (Key Schedule) */

struct schedule {
    struct secret *key, *base_nonce, *exporter_secret;
};

static void schedule_clear(struct schedule *schedule)
{
    secret_free(schedule->key);
    secret_free(schedule->base_nonce);
    secret_free(schedule->exporter_secret);
}
DEFINE_CLEAR(schedule_clear, struct schedule);

/* mode_base, no pre-shared key: psk and psk_id are empty. */
static int schedule_context(OSSL_LIB_CTX *libctx, struct bytes info, struct secret **ret)
{
    static const uint8_t mode_base[] = { 0x00 };
    CLEANUP(secret_free) struct secret *psk_id_hash = NULL;
    CLEANUP(secret_free) struct secret *info_hash = NULL;
    int r;

    r = labeled_extract(libctx, HPKE_SUITE, BYTES_NONE, "psk_id_hash", BYTES_NONE, &psk_id_hash);
    if (r < 0)
        return r;
    r = labeled_extract(libctx, HPKE_SUITE, BYTES_NONE, "info_hash", info, &info_hash);
    if (r < 0)
        return r;
    return join(
        (struct bytes[]){ BYTES_OF_ARRAY(mode_base), secret_bytes(psk_id_hash), secret_bytes(info_hash) }, 3,
        ret);
}

static int key_schedule(OSSL_LIB_CTX *libctx, const struct secret *shared_secret, struct bytes info,
                        struct schedule *schedule)
{
    const struct {
        const char *label;
        size_t len;
        struct secret **ret;
    } outputs[] = {
        { "key", AEAD_KEY_LEN, &schedule->key },
        { "base_nonce", AEAD_NONCE_LEN, &schedule->base_nonce },
        { "exp", HASH_LEN, &schedule->exporter_secret },
    };
    CLEANUP(secret_free) struct secret *context = NULL;
    CLEANUP(secret_free) struct secret *secret = NULL;
    int r;

    r = schedule_context(libctx, info, &context);
    if (r < 0)
        return r;
    r = labeled_extract(libctx, HPKE_SUITE, secret_bytes(shared_secret), "secret", BYTES_NONE, &secret);
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(outputs); i++)
        r = labeled_expand(libctx, HPKE_SUITE, secret, outputs[i].label, secret_bytes(context),
                           outputs[i].len, outputs[i].ret);
    return r;
}

/* ---------------------------------------------------------- RFC 9180 5.2 (Encryption and Decryption), 5.3 */

/* An ephemeral key pair: of @test_ephemeral, or of fresh random bytes. */
static int ephemeral_key_pair(OSSL_LIB_CTX *libctx, struct bytes test_ephemeral, struct secret **ret_private,
                              uint8_t ret_enc[HPKE_KEY_LEN])
{
    CLEANUP(secret_free) struct secret *random = NULL;
    int r;

    if (test_ephemeral.len)
        return hpke_derive_key_pair(libctx, test_ephemeral, ret_private, ret_enc);
    r = secret_random(IKM_MIN, &random);
    return r < 0 ? r : hpke_derive_key_pair(libctx, secret_bytes(random), ret_private, ret_enc);
}

int hpke_seal(OSSL_LIB_CTX *libctx, struct bytes recipient, struct bytes info, struct bytes aad,
              struct bytes plaintext, struct bytes test_ephemeral, uint8_t ret_enc[HPKE_KEY_LEN],
              struct buffer *ret_ciphertext, struct hpke_shared *ret_shared)
{
    CLEANUP(schedule_clear) struct schedule schedule = { 0 };
    CLEANUP(secret_free) struct secret *ephemeral = NULL;
    CLEANUP(secret_free) struct secret *shared_secret = NULL;
    uint8_t enc[HPKE_KEY_LEN];
    int r;

    if (recipient.len != HPKE_KEY_LEN)
        return -EINVAL;
    r = ephemeral_key_pair(libctx, test_ephemeral, &ephemeral, enc);
    if (r < 0)
        return r;
    r = kem_shared_secret(libctx, secret_bytes(ephemeral), recipient, BYTES_OF_ARRAY(enc), recipient,
                          &shared_secret);
    if (r < 0)
        return r;
    r = key_schedule(libctx, shared_secret, info, &schedule);
    if (r < 0)
        return r;
    /* Single shot: the sequence number is 0, so the nonce is base_nonce. */
    r = aead_seal(libctx, secret_bytes(schedule.key), secret_bytes(schedule.base_nonce), aad, plaintext,
                  ret_ciphertext);
    if (r < 0)
        return r;
    memcpy(ret_enc, enc, sizeof(enc));
    ret_shared->exporter_secret = TAKE(schedule.exporter_secret);
    return 0;
}

int hpke_open(OSSL_LIB_CTX *libctx, struct bytes private_key, struct bytes enc, struct bytes info,
              struct bytes aad, struct bytes ciphertext, struct secret **ret_plaintext,
              struct hpke_shared *ret_shared)
{
    CLEANUP(schedule_clear) struct schedule schedule = { 0 };
    CLEANUP(secret_free) struct secret *shared_secret = NULL;
    uint8_t recipient[HPKE_KEY_LEN];
    int r;

    if (private_key.len != HPKE_KEY_LEN || enc.len != HPKE_KEY_LEN)
        return -EINVAL;
    r = public_of(libctx, private_key, recipient);
    if (r < 0)
        return r;
    r = kem_shared_secret(libctx, private_key, enc, enc, BYTES_OF_ARRAY(recipient), &shared_secret);
    if (r < 0)
        return r;
    r = key_schedule(libctx, shared_secret, info, &schedule);
    if (r < 0)
        return r;
    r = aead_open(libctx, secret_bytes(schedule.key), secret_bytes(schedule.base_nonce), aad, ciphertext,
                  ret_plaintext);
    if (r < 0)
        return r;
    ret_shared->exporter_secret = TAKE(schedule.exporter_secret);
    return 0;
}

int hpke_export(OSSL_LIB_CTX *libctx, const struct hpke_shared *shared, struct bytes exporter_context,
                size_t len, struct secret **ret)
{
    return labeled_expand(libctx, HPKE_SUITE, shared->exporter_secret, "sec", exporter_context, len, ret);
}
