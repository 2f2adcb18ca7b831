/* SPDX-License-Identifier: Apache-2.0 */
/* describe.h - any message of the wire in words, by its descriptor: whatever a message gains is shown from then on. */
#pragma once

#include <jansson.h>
#include <protobuf-c/protobuf-c.h>

/*
 * Every field of @message into @object, "" and 0 included: what is not asked for must be seen as well. Certificates
 * stand there by subject and fingerprint, times as dates, other bytes in hexadecimal; what is nested as "outer.inner".
 */
void describe_message(const ProtobufCMessage *message, json_t *object);
