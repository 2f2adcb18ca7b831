/* SPDX-License-Identifier: Apache-2.0 */
/* json.h - jansson's values, given back on every way out. */
#pragma once

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>

#include "include/bytes.h"
#include "include/cleanup.h"

DEFINE_CLEANUP(json_decref, json_t *);

/* Hexadecimal as a new JSON string; NULL: out of memory. */
static inline json_t *json_of_hex(struct bytes bytes)
{
    CLEANUP(free_string) char *text = malloc(2 * bytes.len + 1);

    if (!text)
        return NULL;
    hex_encode(bytes, text);
    return json_string(text);
}

/* A member of exactly @len bytes in hexadecimal. Errors: -EBADMSG. */
MUST_CHECK static inline int json_read_hex(const json_t *object, const char *key, uint8_t *ret, size_t len)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text && hex_decode(text, ret, len) == 0 ? 0 : -EBADMSG;
}

/* ... of 1 to @max bytes, appended. Errors: also -ENOMEM. */
MUST_CHECK static inline int json_read_hex_buffer(const json_t *object, const char *key, size_t max,
                                                  struct buffer *ret)
{
    const char *text = json_string_value(json_object_get(object, key));
    size_t len = text ? strlen(text) / 2 : 0;
    CLEANUP(free_bytes) uint8_t *bytes = len && len <= max ? malloc(len) : NULL;

    if (len == 0 || len > max)
        return -EBADMSG;
    if (!bytes)
        return -ENOMEM;
    if (hex_decode(text, bytes, len) < 0)
        return -EBADMSG;
    buffer_append(ret, BYTES(bytes, len));
    return ret->failed ? -ENOMEM : 0;
}

/* A text member; "" when there is none. */
static inline const char *json_read_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

/* A number from @least to @most. Errors: -EBADMSG. */
MUST_CHECK static inline int json_read_number(const json_t *object, const char *key, json_int_t least,
                                              json_int_t most, json_int_t *ret)
{
    const json_t *number = json_object_get(object, key);
    json_int_t value = json_integer_value(number);

    if (!json_is_integer(number) || value < least || value > most)
        return -EBADMSG;
    *ret = value;
    return 0;
}
