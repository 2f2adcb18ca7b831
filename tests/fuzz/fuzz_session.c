/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_session.c - a Session as the signer opens it, a SessionReply as the client does. */
#include "proto/session_keys.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_keys.h"

static void open_request(const struct session_keys *keys, struct bytes message)
{
    CLEANUP(secret_free) struct secret *opened = NULL;
    Privyseal__V1__Session *session = privyseal__v1__session__unpack(NULL, message.len, message.data);

    if (session && session_open_request(NULL, keys, method_by_id(METHOD_Sign), session, &opened) == 0)
        fuzz_require(bytes_equal(secret_bytes(opened), bytes_of_text(FUZZ_TEXT)) && session->sequence == 1);
    privyseal__v1__session__free_unpacked(session, NULL);
}

static void open_reply(const struct session_keys *keys, struct bytes message)
{
    CLEANUP(secret_free) struct secret *opened = NULL;

    if (session_open_reply(NULL, keys, method_by_id(METHOD_Sign), 1, message, &opened) == 0)
        fuzz_require(bytes_equal(secret_bytes(opened), bytes_of_text(FUZZ_TEXT)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct session_keys keys; /* made once: nothing here changes them */

    if (!keys.request_key)
        fuzz_session_keys(&keys);
    open_request(&keys, BYTES(data, size));
    open_reply(&keys, BYTES(data, size));
    return 0;
}
