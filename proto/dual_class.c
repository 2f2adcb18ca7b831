/* SPDX-License-Identifier: Apache-2.0 */
/* dual_class.c - the words for what takes two people. */
#include "proto/dual_class.h"

#include <assert.h>
#include <string.h>

static const char *const words[DUAL_CLASSES] = {
    [DUAL_ENROL] = "enrol",   [DUAL_KEY] = "key",       [DUAL_RESET] = "reset",
    [DUAL_UNLOCK] = "unlock", [DUAL_DEVICE] = "device", [DUAL_CERTIFICATE] = "certificate",
    [DUAL_POLICY] = "policy", [DUAL_DELETE] = "delete",
};

const char *dual_class_word(enum dual_class class)
{
    assert((unsigned)class < DUAL_CLASSES);
    return words[class];
}

bool dual_class_find(const char *word, enum dual_class *ret)
{
    for (unsigned i = 0; i < DUAL_CLASSES; i++)
        if (strcmp(words[i], word) == 0) {
            *ret = (enum dual_class)i;
            return true;
        }
    return false;
}
