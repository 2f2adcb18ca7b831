/* SPDX-License-Identifier: Apache-2.0 */
/* ca.c - the authorities' certificates and keys, opened at the signer's start. */
#include "proxy/service/ca.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <openssl/x509v3.h>

#include "proto/certificate.h"
#include "proxy/service/ca_key.h"
#include "proxy/service/ca_status.h"
#include "proxy/service/service.h"

static const struct {
    const char *name;
    enum hsm_ca key;
} authorities[AUTHORITIES] = {
    [AUTHORITY_DEVICE] = { "device", HSM_CA_DEVICE },
    [AUTHORITY_DOCUMENT] = { "document", HSM_CA_DOCUMENT },
};

/* A sentence about @path; @error is what the caller decides with. */
static int refuse(char **why, int error, const char *path, const char *sentence)
{
    if (asprintf(why, "the certificate of the authority in %s %s", path, sentence) < 0)
        *why = NULL;
    return error;
}

static int keep_der(struct ca *ca)
{
    unsigned char *der = NULL;
    int len = i2d_X509(ca->certificate, &der);

    if (len <= 0)
        return -ENOMEM;
    buffer_append(&ca->der, BYTES(der, (size_t)len));
    OPENSSL_free(der);
    return ca->der.failed ? -ENOMEM : 0;
}

static int load_certificate(struct ca *ca, const char *path, char **why)
{
    CLEANUP(certificate_free_stack) STACK_OF(X509) *chain = NULL;
    int r = certificate_load_file(NULL, path, &chain);

    if (r < 0)
        return refuse(why, r, path, "cannot be read");
    if (X509_check_ca(sk_X509_value(chain, 0)) != 1)
        return refuse(why, -EINVAL, path, "is not an authority's");
    if (EVP_PKEY_eq(X509_get0_pubkey(sk_X509_value(chain, 0)), ca->key) != 1)
        return refuse(why, -EINVAL, path, "is for another key than the HSM's");
    ca->certificate = sk_X509_shift(chain);
    return keep_der(ca);
}

static int set_url(char ret[CA_URL_MAX], const char *base, const char *name, const char *suffix)
{
    size_t len = strlen(base);

    while (len > 0 && base[len - 1] == '/')
        len--;
    return snprintf(ret, CA_URL_MAX, "%.*s/%s%s", (int)len, base, name, suffix) < CA_URL_MAX ? 0 : -EINVAL;
}

static int set_urls(struct ca *ca, const char *base, char **why)
{
    if (!base)
        return 0;
    if (set_url(ca->ocsp_url, base, "ocsp", "") == 0 && set_url(ca->crl_url, base, ca->name, ".crl") == 0 &&
        set_url(ca->issuer_url, base, ca->name, ".cer") == 0)
        return 0;
    *why = strdup("[ca] url is too long");
    return -EINVAL;
}

static int open_one(struct service *service, struct ca *ca, const char *path, char **why)
{
    int r;

    if (ca_key_new(service->access.hsm, authorities[ca->authority].key, &ca->key) != CKR_OK)
        return refuse(why, -EIO, path, "has no key in the HSM that it could be for");
    r = load_certificate(ca, path, why);
    if (r == 0)
        r = ca_status_new(&ca->status);
    return r == 0 ? set_urls(ca, service->config->ca_url, why) : r;
}

int ca_open_all(struct service *service, char **why)
{
    int r = 0;

    for (int i = 0; r == 0 && i < AUTHORITIES; i++) {
        struct ca *ca = &service->ca[i];

        ca->authority = (enum authority)i;
        ca->name = authorities[i].name;
        if (service->config->ca_file[i])
            r = open_one(service, ca, service->config->ca_file[i], why);
    }
    return r;
}

void ca_clear(struct ca *ca)
{
    X509_free(ca->certificate);
    EVP_PKEY_free(ca->key);
    buffer_clear(&ca->der);
    ca_status_free(ca->status);
    *ca = (struct ca){ 0 };
}

const struct ca *ca_find(const struct service *service, enum authority authority)
{
    return service->ca[authority].certificate ? &service->ca[authority] : NULL;
}
