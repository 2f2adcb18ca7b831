/* SPDX-License-Identifier: Apache-2.0 */
/* request.c - PKCS#10 requests, signed here or by a remote key. */
#include "cli/request.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <openssl/ecdsa.h>
#include <openssl/pem.h>

#include "cli/output.h"
#include "proto/digest.h"
#include "proto/mechanism.h"

DEFINE_CLEANUP(EVP_PKEY_free, EVP_PKEY *);
DEFINE_CLEANUP(X509_ALGOR_free, X509_ALGOR *);
DEFINE_CLEANUP(ASN1_BIT_STRING_free, ASN1_BIT_STRING *);
DEFINE_CLEANUP(BIO_free_all, BIO *);

/*
 * How a kind of key signs a request: what travels, and the AlgorithmIdentifier. RFC 4055 5, 5758 3.2, 8410 3.
 */
static const struct signing {
    CK_KEY_TYPE type;
    CK_MECHANISM_TYPE raw;
    CK_MECHANISM_TYPE hash;
    int algorithm_nid;
    int parameter; /* V_ASN1_NULL or V_ASN1_UNDEF: none */
} signings[] = {
    { CKK_RSA, CKM_RSA_PKCS, CKM_SHA256, NID_sha256WithRSAEncryption, V_ASN1_NULL },
    { CKK_EC, CKM_ECDSA, CKM_SHA256, NID_ecdsa_with_SHA256, V_ASN1_UNDEF },
    { CKK_EC_EDWARDS, CKM_EDDSA, 0, NID_ED25519, V_ASN1_UNDEF },
};

static const struct signing *signing_of(CK_KEY_TYPE type)
{
    for (size_t i = 0; i < sizeof(signings) / sizeof(signings[0]); i++)
        if (signings[i].type == type)
            return &signings[i];
    return NULL;
}

static X509_REQ *new_request(EVP_PKEY *key, const X509_NAME *subject)
{
    CLEANUP(X509_REQ_free) X509_REQ *request = X509_REQ_new();

    if (!request || !X509_REQ_set_version(request, X509_REQ_VERSION_1) ||
        !X509_REQ_set_pubkey(request, key) || !X509_REQ_set_subject_name(request, subject))
        return NULL;
    return TAKE(request);
}

int request_of_key(EVP_PKEY *key, const X509_NAME *subject, X509_REQ **ret)
{
    CLEANUP(X509_REQ_free) X509_REQ *request = new_request(key, subject);

    if (!request || !X509_REQ_sign(request, key, EVP_sha256()))
        return -EIO;
    *ret = TAKE(request);
    return 0;
}

/* What the key's raw mechanism signs: DigestInfo, digest, or the message itself. */
static CK_RV data_to_sign(const struct signing *signing, X509_REQ *request, struct buffer *ret)
{
    uint8_t digest[HASH_LEN], *tbs = NULL;
    int len = i2d_re_X509_REQ_tbs(request, &tbs);
    CK_RV rv = CKR_HOST_MEMORY;

    if (len < 0)
        return rv;
    if (!signing->hash) {
        buffer_append(ret, BYTES(tbs, (size_t)len));
        rv = ret->failed ? CKR_HOST_MEMORY : CKR_OK;
    } else if (digest_sha256(NULL, BYTES(tbs, (size_t)len), digest) == 0) {
        rv = CKR_OK;
        if (signing->raw == CKM_RSA_PKCS)
            rv = mechanism_digest_info(signing->hash, BYTES_OF_ARRAY(digest), ret);
        else
            buffer_append(ret, BYTES_OF_ARRAY(digest));
    }
    OPENSSL_free(tbs);
    return rv;
}

/* PKCS#11's r || s becomes DER. RFC 3279 2.2.3. */
static int ecdsa_to_der(struct buffer *signature)
{
    ECDSA_SIG *sig = ECDSA_SIG_new();
    int half = (int)signature->len / 2, len, r = -ENOMEM;
    uint8_t *der = NULL;

    if (sig && ECDSA_SIG_set0(sig, BN_bin2bn(signature->data, half, NULL),
                              BN_bin2bn(signature->data + half, half, NULL))) {
        len = i2d_ECDSA_SIG(sig, &der);
        buffer_clear(signature);
        buffer_append(signature, BYTES(der, len < 0 ? 0 : (size_t)len));
        r = len < 0 || signature->failed ? -ENOMEM : 0;
    }
    OPENSSL_free(der);
    ECDSA_SIG_free(sig);
    return r;
}

static int attach_signature(X509_REQ *request, const struct signing *signing, struct buffer *signature)
{
    CLEANUP(ASN1_BIT_STRING_free) ASN1_BIT_STRING *bits = ASN1_BIT_STRING_new();
    CLEANUP(X509_ALGOR_free) X509_ALGOR *algorithm = X509_ALGOR_new();

    if (signing->raw == CKM_ECDSA && ecdsa_to_der(signature) < 0)
        return -ENOMEM;
    if (!bits || !algorithm || !ASN1_BIT_STRING_set(bits, signature->data, (int)signature->len) ||
        !X509_ALGOR_set0(algorithm, OBJ_nid2obj(signing->algorithm_nid), signing->parameter, NULL) ||
        !X509_REQ_set1_signature_algo(request, algorithm))
        return -ENOMEM;
    bits->flags &= ~(ASN1_STRING_FLAG_BITS_LEFT | 7);
    bits->flags |= ASN1_STRING_FLAG_BITS_LEFT;
    X509_REQ_set0_signature(request, TAKE(bits));
    return 0;
}

enum cli_exit request_of_token(struct cli *cli, const Privyseal__V1__KeyInfo *key, const X509_NAME *subject,
                               X509_REQ **ret)
{
    CLEANUP(buffer_clear) struct buffer data = { 0 };
    CLEANUP(buffer_clear) struct buffer signature = { 0 };
    CLEANUP(X509_REQ_free) X509_REQ *request = NULL;
    CLEANUP(EVP_PKEY_free) EVP_PKEY *public_key = NULL;
    const struct signing *signing = signing_of(key->key_type);
    const unsigned char *spki = key->public_key.data;
    struct remote_error error = { 0 };
    struct remote_sign sign;
    CK_RV rv;

    public_key = d2i_PUBKEY(NULL, &spki, (long)key->public_key.len);
    request = public_key && signing ? new_request(public_key, subject) : NULL;
    if (!request || data_to_sign(signing, request, &data) != CKR_OK)
        return cli_fail(cli, CLI_REFUSED, NULL, "this key cannot make a certificate request");
    sign = (struct remote_sign){ .key_name = BYTES(key->name.data, key->name.len),
                                 .raw = signing->raw,
                                 .hash = signing->hash,
                                 .data = buffer_bytes(&data) };
    rv = remote_token_sign(cli->token, &sign, &signature, &error);
    if (rv != CKR_OK)
        return cli_fail_remote(cli, "signing the request", rv, &error);
    if (attach_signature(request, signing, &signature) < 0 || X509_REQ_verify(request, public_key) != 1)
        return cli_fail(cli, CLI_REFUSED, NULL, "the request's signature does not verify");
    *ret = TAKE(request);
    return CLI_DONE;
}

enum cli_exit request_write(struct cli *cli, const char *path, X509_REQ *request)
{
    CLEANUP(BIO_free_all) BIO *bio = BIO_new(BIO_s_mem());
    char *data;
    long len;

    if (!bio || !PEM_write_bio_X509_REQ(bio, request))
        return cli_fail(cli, CLI_REFUSED, NULL, "out of memory");
    len = BIO_get_mem_data(bio, &data);
    return output_pem(cli, path, BYTES(data, len < 0 ? 0 : (size_t)len));
}

enum cli_exit request_read(struct cli *cli, const char *path, X509_REQ **ret)
{
    CLEANUP(X509_REQ_free) X509_REQ *request = NULL;
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");

    if (!file)
        return cli_fail(cli, CLI_REFUSED, "`privyseal cert request` makes one.", "%s: %s", path,
                        strerror(errno));
    request = PEM_read_X509_REQ(file, NULL, NULL, NULL);
    if (file != stdin)
        fclose(file);
    if (!request)
        return cli_fail(cli, CLI_REFUSED, "`privyseal cert request` makes one.",
                        "%s: no certificate request in PEM form", path);
    if (X509_REQ_verify(request, X509_REQ_get0_pubkey(request)) != 1)
        return cli_fail(cli, CLI_REFUSED, NULL, "%s: its signature is not by the key it names", path);
    *ret = TAKE(request);
    return CLI_DONE;
}
