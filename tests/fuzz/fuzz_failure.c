/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_failure.c - what a client reads out of a refused call: a Status, and the Failure inside. */
#include "proto/failure.h"
#include "tests/fuzz/fuzz.h"

static void decode(struct bytes message)
{
    const struct method *method = method_by_id(METHOD_Unlock);
    CLEANUP(buffer_clear) struct buffer again = { 0 };
    struct failure failure, repeated;

    if (failure_decode(NULL, message, method, bytes_of_text("a key nobody has"), BYTES_NONE, &failure) < 0)
        return;
    fuzz_require(failure.reason < REASONS && !failure.is_authentic);
    fuzz_require(failure_encode(NULL, &failure, method, BYTES_NONE, BYTES_NONE, &again) == 0);
    fuzz_require(failure_decode(NULL, buffer_bytes(&again), method, BYTES_NONE, BYTES_NONE, &repeated) == 0);
    fuzz_require(repeated.reason == failure.reason && repeated.tries_left == failure.tries_left);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(buffer_clear) struct buffer inside = { 0 };

    decode(BYTES(data, size));
    if (failure_unwrap_status(BYTES(data, size), &inside) == 0)
        decode(buffer_bytes(&inside));
    return 0;
}
