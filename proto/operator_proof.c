/* SPDX-License-Identifier: Apache-2.0 */
/* operator_proof.c - SignedRequest, made by an operator's key and checked by the signer itself. */
#include "proto/operator_proof.h"

#include <errno.h>
#include <string.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "proto/certificate.h"
#include "proto/context.h"
#include "proto/digest.h"
#include "proto/pack.h"

#define SIGNATURE_MAX 1024 /* bytes; RSA-8192 */

DEFINE_CLEANUP(EVP_MD_CTX_free, EVP_MD_CTX *);

/* What is signed: everything that tells this request from any other. */
static int signed_context(OSSL_LIB_CTX *libctx, const char *realm, const struct method *method,
                          struct bytes challenge, struct bytes body, uint64_t expires_unix,
                          struct context *context)
{
    uint8_t body_hash[HASH_LEN];
    int r = digest_sha256(libctx, body, body_hash);

    if (r < 0)
        return r;
    context_text(context, realm);
    context_text(context, method->path);
    context_bytes(context, BYTES_OF_ARRAY(body_hash));
    context_bytes(context, challenge);
    context_number(context, expires_unix);
    return 0;
}

/* Ed25519 hashes by itself and takes no digest's name. RFC 8032 5.1 (Ed25519ph, Ed25519ctx, and Ed25519). */
static const char *digest_of_key(const EVP_PKEY *key)
{
    return EVP_PKEY_is_a(key, "ED25519") ? NULL : "SHA256";
}

static bool set_padding(EVP_PKEY_CTX *ctx, const EVP_PKEY *key)
{
    if (!EVP_PKEY_is_a(key, "RSA"))
        return true;
    return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
}

static int sign(OSSL_LIB_CTX *libctx, EVP_PKEY *key, struct bytes input, uint8_t ret[SIGNATURE_MAX],
                size_t *ret_len)
{
    CLEANUP(EVP_MD_CTX_free) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_ctx; /* lent by ctx */
    size_t len = SIGNATURE_MAX;

    if (!ctx || EVP_DigestSignInit_ex(ctx, &key_ctx, digest_of_key(key), libctx, NULL, key, NULL) != 1 ||
        !set_padding(key_ctx, key) || EVP_DigestSign(ctx, ret, &len, input.data, input.len) != 1)
        return -EIO;
    *ret_len = len;
    return 0;
}

static int verify(OSSL_LIB_CTX *libctx, EVP_PKEY *key, struct bytes input, struct bytes signature)
{
    CLEANUP(EVP_MD_CTX_free) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_ctx; /* lent by ctx */

    if (!key || !ctx ||
        EVP_DigestVerifyInit_ex(ctx, &key_ctx, digest_of_key(key), libctx, NULL, key, NULL) != 1 ||
        !set_padding(key_ctx, key))
        return -EACCES;
    return EVP_DigestVerify(ctx, signature.data, signature.len, input.data, input.len) == 1 ? 0 : -EACCES;
}

/* ------------------------------------------------------------------------------------------------- client */

static void free_encodings(ProtobufCBinaryData encodings[CERTIFICATES_MAX])
{
    for (size_t i = 0; i < CERTIFICATES_MAX; i++)
        OPENSSL_free(encodings[i].data);
}

/* Encodes the chain; what is there is freed by the caller, whatever the answer. */
static int encode_chain(const STACK_OF(X509) *chain, ProtobufCBinaryData ret[CERTIFICATES_MAX])
{
    for (int i = 0; i < sk_X509_num(chain); i++) {
        int len = i2d_X509(sk_X509_value(chain, i), &ret[i].data);

        if (len <= 0)
            return -ENOMEM;
        ret[i].len = (size_t)len;
    }
    return 0;
}

static int pack_signed(const STACK_OF(X509) *chain, struct bytes body, uint64_t expires_unix,
                       struct bytes signature, struct buffer *ret)
{
    Privyseal__V1__SignedRequest request = PRIVYSEAL__V1__SIGNED_REQUEST__INIT;
    ProtobufCBinaryData certificates[CERTIFICATES_MAX] = { 0 };
    int r = encode_chain(chain, certificates);

    if (r == 0) {
        request.body = pack_borrow(body);
        request.expires_unix = expires_unix;
        request.n_certificates = (size_t)sk_X509_num(chain);
        request.certificates = certificates;
        request.signature = pack_borrow(signature);
        r = pack_append(&request.base, ret);
    }
    free_encodings(certificates);
    return r;
}

int operator_proof_make(OSSL_LIB_CTX *libctx, const char *realm, const struct method *method,
                        struct bytes challenge, struct bytes body, uint64_t expires_unix, EVP_PKEY *key,
                        const STACK_OF(X509) *chain, struct buffer *ret)
{
    CLEANUP(context_clear) struct context context = context_of("privyseal v1 operator");
    uint8_t signature[SIGNATURE_MAX];
    size_t signature_len = 0;
    struct bytes input;
    int r;

    if (sk_X509_num(chain) < 1 || sk_X509_num(chain) > CERTIFICATES_MAX)
        return -EINVAL;
    r = signed_context(libctx, realm, method, challenge, body, expires_unix, &context);
    if (r == 0)
        r = context_end(&context, &input);
    if (r == 0)
        r = sign(libctx, key, input, signature, &signature_len);
    return r < 0 ? r : pack_signed(chain, body, expires_unix, BYTES(signature, signature_len), ret);
}

/* ------------------------------------------------------------------------------------------------- signer */

/* What can be refused without arithmetic. */
static int check_form(const Privyseal__V1__SignedRequest *request, uint64_t now_unix)
{
    if (request->n_certificates < 1 || request->n_certificates > CERTIFICATES_MAX)
        return -EINVAL;
    if (request->signature.len == 0 || request->signature.len > SIGNATURE_MAX)
        return -EINVAL;
    if (request->expires_unix <= now_unix || request->expires_unix - now_unix > OPERATOR_PROOF_LIFE_S)
        return -EACCES;
    return 0;
}

static int parse_chain(OSSL_LIB_CTX *libctx, const Privyseal__V1__SignedRequest *request,
                       STACK_OF(X509) **ret)
{
    struct bytes ders[CERTIFICATES_MAX];

    for (size_t i = 0; i < request->n_certificates; i++)
        ders[i] = pack_lend(&request->certificates[i]);
    return certificate_parse_chain(libctx, ders, request->n_certificates, ret) < 0 ? -EINVAL : 0;
}

int operator_proof_check(OSSL_LIB_CTX *libctx, const char *realm, const struct method *method,
                         struct bytes challenge, const Privyseal__V1__SignedRequest *request,
                         X509_STORE *trust, uint64_t now_unix, uint8_t ret_certificate_hash[HASH_LEN])
{
    CLEANUP(certificate_free_stack) STACK_OF(X509) *chain = NULL;
    CLEANUP(context_clear) struct context context = context_of("privyseal v1 operator");
    struct bytes input;
    const char *why;
    int r;

    r = check_form(request, now_unix);
    if (r == 0)
        r = parse_chain(libctx, request, &chain);
    if (r == 0)
        r = certificate_check(libctx, chain, trust, CERTIFICATE_CLIENT, now_unix, &why);
    if (r == 0)
        r = signed_context(libctx, realm, method, challenge, pack_lend(&request->body), request->expires_unix,
                           &context);
    if (r == 0)
        r = context_end(&context, &input);
    if (r == 0)
        r = verify(libctx, X509_get0_pubkey(sk_X509_value(chain, 0)), input, pack_lend(&request->signature));
    return r < 0 ? r : certificate_hash(libctx, sk_X509_value(chain, 0), ret_certificate_hash);
}
