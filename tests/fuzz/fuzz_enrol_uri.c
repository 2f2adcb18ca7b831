/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_enrol_uri.c - privyseal:// addresses as they are pasted, and what --server and --ca-fingerprint take. */
#include "cli/enrol_uri.h"

#include <string.h>

#include "tests/fuzz/fuzz.h"

static bool is_same(const struct enrol_uri *a, const struct enrol_uri *b)
{
    return strcmp(a->server, b->server) == 0 && strcmp(a->realm, b->realm) == 0 &&
           strcmp(a->user, b->user) == 0 && a->has_code == b->has_code &&
           memcmp(a->ca, b->ca, sizeof(a->ca)) == 0 && memcmp(a->code, b->code, sizeof(a->code)) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = strndup((const char *)data, size), written[ENROL_URI_MAX + 1], server[ENROL_SERVER_MAX + 1];
    struct enrol_uri uri = { 0 }, again = { 0 };
    uint8_t fingerprint[HASH_LEN];
    const char *why = NULL;

    if (enrol_uri_parse(text, &uri, &why) < 0)
        fuzz_require(why != NULL);
    else if (uri.has_ca) { /* one that is shown has a fingerprint */
        fuzz_require(enrol_uri_format(&uri, written) == 0);
        fuzz_require(enrol_uri_parse(written, &again, &why) == 0 && is_same(&uri, &again));
    }
    if (enrol_server_parse(text, server) == 0)
        fuzz_require(strlen(server) <= ENROL_SERVER_MAX && strrchr(server, ':'));
    (void)!enrol_fingerprint_parse(text, fingerprint);
    enrol_uri_clear(&uri);
    enrol_uri_clear(&again);
    free(text);
    return 0;
}
