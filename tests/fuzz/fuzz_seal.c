/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_seal.c - a Sealed as the signer opens it, a SealedReply as the client does. */
#include "proto/seal.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_keys.h"

static void open_request(struct bytes message)
{
    CLEANUP(seal_call_clear) struct seal_call call = { 0 };
    CLEANUP(secret_free) struct secret *opened = NULL;
    Privyseal__V1__Sealed *sealed = privyseal__v1__sealed__unpack(NULL, message.len, message.data);
    int r;

    if (!sealed)
        return;
    r = seal_open_request(NULL, FUZZ_REALM, method_by_id(METHOD_Unlock), BYTES_OF_ARRAY(fuzz_private_key),
                          sealed, &call, &opened);
    fuzz_require((r == 0) == (opened != NULL) && (r == 0) == (call.reply_key != NULL));
    /* Only its own seed is authentic. */
    if (opened)
        fuzz_require(bytes_equal(secret_bytes(opened), bytes_of_text(FUZZ_TEXT)));
    privyseal__v1__sealed__free_unpacked(sealed, NULL);
}

static void open_reply(struct bytes message)
{
    CLEANUP(secret_free) struct secret *reply_key = NULL;
    CLEANUP(secret_free) struct secret *opened = NULL;
    struct seal_call call = { 0 };

    if (secret_copy(BYTES_OF_ARRAY(fuzz_private_key), &reply_key) < 0)
        return;
    call.reply_key = reply_key;
    if (seal_open_reply(NULL, method_by_id(METHOD_Unlock), &call, message, &opened) == 0)
        fuzz_require(bytes_equal(secret_bytes(opened), bytes_of_text(FUZZ_TEXT)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    open_request(BYTES(data, size));
    open_reply(BYTES(data, size));
    return 0;
}
