/* SPDX-License-Identifier: Apache-2.0 */
/*
 * der.h - one tagged value after the other, read and written; for the few shapes that OpenSSL reads slowly.
 *
 * Source: X.690 8.1.3 (Length octets), 10.1 (DER: lengths have their shortest form).
 */
#pragma once

#include "include/bytes.h"

#define DER_INTEGER    0x02
#define DER_BIT_STRING 0x03
#define DER_OID        0x06
#define DER_SEQUENCE   0x30

/* The content of the next value; fails when it has another tag, is cut off, or longer than 65535 bytes. */
struct bytes der_take(struct reader *reader, uint8_t tag);
/* The same with tag and length, as an attribute has it. */
struct bytes der_take_whole(struct reader *reader, uint8_t tag);
/* Whether the next value has that tag; it stays to be taken. */
bool der_is_next(const struct reader *reader, uint8_t tag);

void der_append(struct buffer *ret, uint8_t tag, struct bytes content);
/* An unsigned number without zeros in front; one whose first bit is set gets one. X.690 8.3 (Integer value). */
void der_append_number(struct buffer *ret, struct bytes number);
