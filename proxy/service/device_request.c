/* SPDX-License-Identifier: Apache-2.0 */
/* device_request.c - foreign DER, so a bound on its size and on its key comes first. */
#include "proxy/service/device_request.h"

#include <string.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include "include/table.h"

DEFINE_CLEANUP(X509_REQ_free, X509_REQ *);

static const char *const curves[] = { "prime256v1", "secp384r1" };

static bool is_device_key(EVP_PKEY *key)
{
    const char *const *curve;
    char name[32];
    size_t len;

    if (!key || !EVP_PKEY_is_a(key, "EC") || EVP_PKEY_get_group_name(key, name, sizeof(name), &len) != 1)
        return false;
    for (EACH_ROW(curve, curves))
        if (strcmp(*curve, name) == 0)
            return true;
    return false;
}

static X509_REQ *parse(struct bytes der)
{
    const unsigned char *at = der.data;
    X509_REQ *request = der.len <= DEVICE_REQUEST_MAX ? d2i_X509_REQ(NULL, &at, (long)der.len) : NULL;

    if (request && at != der.data + der.len) {
        X509_REQ_free(request); /* trailing bytes */
        return NULL;
    }
    return request;
}

enum reason device_request_open(struct call *call, struct bytes der, EVP_PKEY **ret)
{
    CLEANUP(X509_REQ_free) X509_REQ *request = parse(der);
    EVP_PKEY *key = request ? X509_REQ_get0_pubkey(request) : NULL;
    bool is_good = is_device_key(key) && X509_REQ_verify(request, key) == 1;

    ERR_clear_error();
    if (is_good) {
        EVP_PKEY_up_ref(key);
        *ret = key;
        return REASON_NONE;
    }
    call->sentence = "the device's certificate request has to be for a P-256 or P-384 key, signed by it";
    return REASON_MALFORMED;
}
