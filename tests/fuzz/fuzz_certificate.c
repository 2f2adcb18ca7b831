/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_certificate.c - a certificate from the wire, believed by nobody. */
#include "proto/certificate.h"

#include <errno.h>

#include "include/table.h"
#include "proto/certificate_parts.h"
#include "tests/fuzz/fuzz.h"

static void require_within(struct bytes part, struct bytes der)
{
    fuzz_require(part.data >= der.data && part.data + part.len <= der.data + der.len);
}

/* What is shown of one lies in it, whatever else is wrong with it. */
static void take_apart(struct bytes der)
{
    struct certificate_parts parts;

    if (certificate_parts_read(der, &parts) < 0)
        return;
    require_within(parts.serial, der);
    require_within(parts.issuer, der);
    require_within(parts.subject, der);
    require_within(parts.spki, der);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum certificate_use uses[] = { CERTIFICATE_CLIENT, CERTIFICATE_SERVER, CERTIFICATE_SEAL };
    const struct bytes der = BYTES(data, size);
    CLEANUP(certificate_free_stack) STACK_OF(X509) *chain = NULL;
    CLEANUP(X509_STORE_free) X509_STORE *trust = X509_STORE_new();
    uint8_t hash[HASH_LEN];

    take_apart(der);
    if (!trust || certificate_parse_chain(NULL, &der, 1, &chain) < 0)
        return 0;
    fuzz_require(certificate_hash(NULL, sk_X509_value(chain, 0), hash) == 0);
    /* Whatever it says of itself: nothing is trusted here. */
    for (size_t i = 0; i < ARRAY_SIZE(uses); i++) {
        const char *why = NULL;

        fuzz_require(certificate_check(NULL, chain, trust, uses[i], 0, &why) == -EACCES && why);
    }
    return 0;
}
