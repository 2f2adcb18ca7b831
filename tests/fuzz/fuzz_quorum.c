/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_quorum.c - the files between officers and those who ask them, none of which says whom it comes from:
 * {"quorum", "request", "answers"}, sealed to a key that everybody knows.
 */
#include "proto/quorum.h"

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_keys.h"

static void read_quorum(const json_t *object)
{
    struct quorum quorum = { 0 }, again = { 0 };
    json_t *written;

    if (quorum_of_json(object, &quorum) < 0)
        return;
    fuzz_require(quorum.count <= SHAMIR_SHARES_MAX);
    written = quorum_to_json(&quorum);
    fuzz_require(written && quorum_of_json(written, &again) == 0 && again.count == quorum.count);
    json_decref(written);
}

/* As an officer, and as the one who asked. */
static void read_request(const json_t *request, const json_t *answers)
{
    CLEANUP(secret_free) struct secret *key = NULL;
    CLEANUP(secret_free) struct secret *joined = NULL;
    CLEANUP(free_string) char *why = NULL;
    uint8_t public_key[HPKE_KEY_LEN], digest[HASH_LEN];
    const char *officer = NULL;
    json_t *answer = NULL;

    fuzz_require(hpke_derive_key_pair(NULL, BYTES_OF_ARRAY(fuzz_private_key), &key, public_key) == 0);
    if (quorum_request_digest(request, digest) == 0 &&
        quorum_answer(request, secret_bytes(key), public_key, &answer, &officer) == 0)
        fuzz_require(answer && officer);
    json_decref(answer);
    if (quorum_join(request, secret_bytes(key), answers, FUZZ_WHAT, &joined, &why) == 0)
        fuzz_require(bytes_equal(secret_bytes(joined), bytes_of_text(FUZZ_TEXT)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *file = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);

    if (json_is_object(file)) {
        read_quorum(json_object_get(file, "quorum"));
        read_request(json_object_get(file, "request"), json_object_get(file, "answers"));
    }
    json_decref(file);
    return 0;
}
