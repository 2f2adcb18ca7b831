/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_method_route.c - the front's look at a message, against protobuf-c's reading of it. */
#include "proto/method.h"
#include "proto/pack.h"
#include "proto/privyseal.pb-c.h"
#include "tests/fuzz/fuzz.h"

/* The signer that an unpacked field names. */
static int named(const ProtobufCBinaryData *field)
{
    return field->len < 2 ? -1 : field->data[0] << 8 | field->data[1];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes body = BYTES(data, size);
    int by_lease = method_route(method_by_id(METHOD_Sign), body);
    int by_challenge = method_route(method_by_id(METHOD_Unlock), body);
    Privyseal__V1__Session *session = privyseal__v1__session__unpack(NULL, size, data);
    Privyseal__V1__Sealed *sealed = privyseal__v1__sealed__unpack(NULL, size, data);

    fuzz_require(by_lease >= -1 && by_lease <= UINT16_MAX);
    fuzz_require(by_challenge >= -1 && by_challenge <= UINT16_MAX);
    fuzz_require(method_route(method_by_id(METHOD_AddUser), body) == by_challenge);
    fuzz_require(method_route(method_by_id(METHOD_GetToken), body) == -1);
    if (session)
        fuzz_require(by_lease == named(&session->lease));
    if (sealed)
        fuzz_require(by_challenge == named(&sealed->challenge));
    privyseal__v1__session__free_unpacked(session, NULL);
    privyseal__v1__sealed__free_unpacked(sealed, NULL);
    return 0;
}
