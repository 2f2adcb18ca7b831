/* SPDX-License-Identifier: Apache-2.0 */
/* spelling.c - Levenshtein's distance, a row of its table at a time. */
#include "include/spelling.h"

#include <string.h>

static unsigned least_of(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

unsigned spelling_distance(const char *a, const char *b)
{
    unsigned row[SPELLING_WORD_MAX + 1]; /* from what was read of @a to each beginning of @b */
    size_t len = strlen(b);

    if (len > SPELLING_WORD_MAX)
        return UINT_MAX;
    for (unsigned j = 0; j <= len; j++)
        row[j] = j;
    for (unsigned i = 0; a[i]; i++) {
        unsigned diagonal = row[0];

        row[0] = i + 1;
        for (size_t j = 1; j <= len; j++) {
            unsigned changed = diagonal + (a[i] != b[j - 1]);

            diagonal = row[j];
            row[j] = least_of(changed, least_of(row[j], row[j - 1]) + 1);
        }
    }
    return row[len];
}
