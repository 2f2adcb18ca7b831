/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_snapshot.c - what a server says of a token; what of it is not sound is not shown to any application. */
#include "client/snapshot.h"

#include <errno.h>
#include <string.h>

#include "proto/limits.h"
#include "proto/name.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_keys.h"

static void check_content(const Privyseal__V1__Snapshot *content)
{
    fuzz_require(strcmp(content->realm, FUZZ_REALM) == 0 && strcmp(content->token, FUZZ_TOKEN) == 0);
    fuzz_require(content->n_key <= KEYS_PER_TOKEN_MAX && content->n_certificate <= CERTS_PER_TOKEN_MAX);
    for (size_t i = 0; i < content->n_key; i++)
        fuzz_require(content->key[i]->name.len == HASH_LEN &&
                     label_is_valid(bytes_of_text(content->key[i]->label)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct remote_snapshot *snapshot = NULL, *copy = NULL;
    const char *why = NULL;
    int r = snapshot_new(NULL, FUZZ_REALM, FUZZ_TOKEN, BYTES(data, size), &snapshot, &why);

    fuzz_require(r == 0 || (r == -EBADMSG && why && !snapshot));
    if (r < 0)
        return 0;
    check_content(snapshot->content);
    fuzz_require(snapshot_copy(NULL, snapshot, &copy) == 0);
    remote_snapshot_unref(snapshot);
    check_content(copy->content);
    remote_snapshot_unref(copy);
    return 0;
}
