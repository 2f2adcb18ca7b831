/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service.c - the state of one signer: put together at start, taken apart at the end.
 */
#include "proxy/service/service.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <openssl/evp.h>

#include "include/rate.h"

/* Says why the start failed; the errno stays what the caller decides with. */
PRINTF_LIKE(3, 4) static int refuse(char **why, int error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    if (vasprintf(why, format, arguments) < 0)
        *why = NULL;
    va_end(arguments);
    return error;
}

/* A client checks the first certificate; one for another key would make every login fail, so fail here instead. */
static bool is_certificate_of(X509 *certificate, const struct seal_epoch *epoch)
{
    EVP_PKEY *key = X509_get0_pubkey(certificate);
    uint8_t raw[HPKE_KEY_LEN];
    size_t len = sizeof(raw);

    return key && EVP_PKEY_get_raw_public_key(key, raw, &len) == 1 && len == sizeof(raw) &&
           memcmp(raw, epoch->public_key, sizeof(raw)) == 0;
}

static int keep_certificate(struct service *service, X509 *certificate)
{
    unsigned char *der = NULL;
    int len = i2d_X509(certificate, &der);

    if (len <= 0)
        return -EIO;
    buffer_append(&service->seal_chain[service->seal_chain_count], BYTES(der, (size_t)len));
    OPENSSL_free(der);
    return service->seal_chain[service->seal_chain_count++].failed ? -ENOMEM : 0;
}

static int load_seal_chain(struct service *service, char **why)
{
    CLEANUP(certificate_free_stack) STACK_OF(X509) *chain = NULL;
    const char *path = service->config->seal_chain_file;
    int r = certificate_load_file(NULL, path, &chain);

    if (r < 0)
        return refuse(why, r, "cannot read the sealing certificates in %s: %s", path, strerror(-r));
    if (sk_X509_num(chain) < 1 || sk_X509_num(chain) > CERTIFICATES_MAX)
        return refuse(why, -EINVAL, "%s has to hold 1 to %d certificates", path, CERTIFICATES_MAX);
    if (!is_certificate_of(sk_X509_value(chain, 0), &service->seal[0]))
        return refuse(why, -EINVAL,
                      "the first certificate in %s is not for the newest sealing key (epoch %u)", path,
                      service->seal[0].epoch);
    for (int i = 0; r == 0 && i < sk_X509_num(chain); i++)
        r = keep_certificate(service, sk_X509_value(chain, i));
    return r;
}

static int derive_seal_keys(struct service *service, char **why)
{
    CK_RV rv =
        seal_epochs_derive(service->access.hsm, service->config->realm, service->seal, &service->seal_count);

    if (rv != CKR_OK)
        return refuse(why, -EIO, "cannot derive the sealing keys: the HSM answers 0x%lx", rv);
    return 0;
}

static int load_client_trust(struct service *service, char **why)
{
    const char *path = service->config->client_ca_file;
    int r = certificate_trust_file(NULL, path, &service->client_trust);

    if (r == 0)
        r = certificate_load_file(NULL, path, &service->roots);
    if (r < 0)
        return refuse(why, r, "cannot read the client CA in %s: %s", path, strerror(-r));
    return 0;
}

static bool holds_partitions(const struct service_config *config)
{
    return config->signer >= config->signers - config->partition_signers;
}

/* Wrapped custody everywhere; partitions only at their signers. */
static int open_custodies(struct service *service, char **why)
{
    const struct service_config *config = service->config;
    const struct custody_config custody = {
        .realm = config->realm,
        .hsm = service->access.hsm,
        .verify_every_ec = config->verify_every_ec,
        .key_life_days = config->key_life_days,
        .partition_dir = config->partition_dir,
    };

    for (int kind = TOKEN_WRAPPED; kind <= TOKEN_PARTITION; kind++) {
        CK_RV rv;

        if (kind == TOKEN_PARTITION && !holds_partitions(config))
            continue;
        rv = custody_kinds[kind]->new (&custody, &service->custody[kind]);
        if (rv != CKR_OK)
            return refuse(why, -EIO, "cannot open %s custody: 0x%lx", custody_kinds[kind]->name, rv);
    }
    return 0;
}

static int open_parts(struct service *service, char **why)
{
    int r = derive_seal_keys(service, why);

    if (r == 0)
        r = load_seal_chain(service, why);
    if (r == 0)
        r = load_client_trust(service, why);
    if (r == 0)
        r = ca_open_all(service, why);
    if (r == 0)
        r = officers_load_file(service->config->officers_file, &service->officers, why);
    if (r == 0)
        r = open_custodies(service, why);
    if (r == 0)
        r = challenges_new(service->config->signer, CHALLENGES_USED_MAX, &service->challenges);
    if (r == 0)
        r = leases_new(&service->config->leases, &service->leases);
    return r;
}

int service_init(struct service *service, const struct service_config *config, struct store *store,
                 struct hsm *hsm, struct audit *audit, char **why)
{
    int r;

    *why = NULL;
    *service = (struct service){
        .config = config,
        .access = { .realm = config->realm,
                    .signer = config->signer,
                    .factor_window = config->factor_window,
                    .store = store,
                    .hsm = hsm },
        .audit = audit,
    };
    r = config->token_rate ? rate_new(config->token_rate, &service->token_rate) : 0;
    if (r == 0)
        r = rate_new(1, &service->key_making);
    if (r == 0)
        r = rate_new(1, &service->notices);
    if (r == 0)
        r = open_parts(service, why);
    if (r < 0)
        service_clear(service);
    return r;
}

void service_clear(struct service *service)
{
    leases_free(service->leases); /* closes tokens, so before their custodies */
    challenges_free(service->challenges);
    rate_free(service->token_rate);
    rate_free(service->key_making);
    rate_free(service->notices);
    for (int kind = TOKEN_WRAPPED; kind <= TOKEN_PARTITION; kind++)
        if (service->custody[kind])
            custody_kinds[kind]->free(service->custody[kind]);
    for (size_t i = 0; i < service->seal_count; i++)
        seal_epoch_clear(&service->seal[i]);
    for (size_t i = 0; i < service->seal_chain_count; i++)
        buffer_clear(&service->seal_chain[i]);
    X509_STORE_free(service->client_trust);
    for (int i = 0; i < AUTHORITIES; i++)
        ca_clear(&service->ca[i]);
    officers_clear(&service->officers);
    certificate_free_stack(service->roots);
    access_clear(&service->access);
    *service = (struct service){ 0 };
}
