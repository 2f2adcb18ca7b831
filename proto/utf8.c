/* SPDX-License-Identifier: Apache-2.0 */
/* utf8.c - reads UTF-8 strictly: no overlong form, no surrogate, nothing above U+10FFFF. */
#include "proto/utf8.h"

#include "include/table.h"

/* A leading byte, by its fixed bits; what it leads to must be at least @least, or it is overlong. */
static const struct utf8_lead {
    uint8_t mask, bits;
    uint32_t least;
} leads[] = {
    { 0x80, 0x00, 0x0 },
    { 0xe0, 0xc0, 0x80 },
    { 0xf0, 0xe0, 0x800 },
    { 0xf8, 0xf0, 0x10000 },
};

size_t utf8_next(struct bytes text, uint32_t *ret_character)
{
    const struct utf8_lead *lead;
    uint32_t character;
    size_t len;

    for (EACH_ROW(lead, leads))
        if (text.len && (text.data[0] & lead->mask) == lead->bits)
            break;
    len = (size_t)(lead - leads) + 1;
    if (len > ARRAY_SIZE(leads) || len > text.len)
        return 0;
    character = text.data[0] & (uint8_t)~lead->mask;
    for (size_t i = 1; i < len; i++) {
        if ((text.data[i] & 0xc0) != 0x80)
            return 0;
        character = character << 6 | (text.data[i] & 0x3f);
    }
    if (character < lead->least || character > 0x10ffff || (character >= 0xd800 && character <= 0xdfff))
        return 0;
    *ret_character = character;
    return len;
}
