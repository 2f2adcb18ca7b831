/* SPDX-License-Identifier: Apache-2.0 */
/* grant_words.c - the bits of a grant and their words. */
#include "cli/grant_words.h"

#include <stdio.h>
#include <string.h>

#include "include/table.h"

static const struct bit_row {
    const char *word;
    unsigned bit;
} bits_rows[] = {
    { "see", 1 },
    { "sign", 2 },
    { "make-keys", 4 },
};

static unsigned bit_of(const char *word, size_t len)
{
    const struct bit_row *row;

    for (EACH_ROW(row, bits_rows))
        if (strlen(row->word) == len && memcmp(row->word, word, len) == 0)
            return row->bit;
    return 0;
}

unsigned grant_bits_of(const char *words)
{
    unsigned bits = 1;

    for (;;) {
        size_t len = strcspn(words, ",");
        unsigned bit = bit_of(words, len);

        if (!bit)
            return 0;
        bits |= bit;
        if (!words[len])
            return bits;
        words += len + 1;
    }
}

void grant_words(unsigned bits, char ret[GRANT_WORDS_MAX])
{
    const struct bit_row *row;
    size_t len = 0;

    *ret = '\0';
    for (EACH_ROW(row, bits_rows))
        if (bits & row->bit)
            len += (size_t)snprintf(ret + len, GRANT_WORDS_MAX - len, "%s%s", len ? "," : "", row->word);
}

json_t *grant_objects(Privyseal__V1__GrantInfo **grants, size_t count)
{
    json_t *rows = json_array();

    for (size_t i = 0; i < count; i++) {
        char words[GRANT_WORDS_MAX];

        grant_words(grants[i]->bits, words);
        json_array_append_new(rows,
                              json_pack("{s:s, s:s, s:s, s:s}", "principal", grants[i]->principal, "user",
                                        grants[i]->user, "group", grants[i]->group, "may", words));
    }
    return rows;
}
