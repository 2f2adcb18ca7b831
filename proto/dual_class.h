/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dual_class.h - what of an operator's work a deployment may want two people for, as words.
 *
 * The daemon's configuration is written in these words ([operators] two_for); which method belongs to which class
 * stands in proxy/service/dual.c.
 */
#pragma once

#include <stdbool.h>

#include "include/cleanup.h"

enum dual_class {
    DUAL_ENROL,       /* users come into being, or back into use */
    DUAL_KEY,         /* who may make keys */
    DUAL_RESET,       /* what is destroyed so that a user can begin anew; a second factor taken away */
    DUAL_UNLOCK,      /* a lock of a PIN is cleared */
    DUAL_DEVICE,      /* devices and applications */
    DUAL_CERTIFICATE, /* certificates are issued or revoked */
    DUAL_POLICY,      /* what a user's token may do, and who sees it */
    DUAL_DELETE,      /* users end */
    DUAL_CLASSES,
};

#define DUAL_BIT(class) (1U << (class))

/* "enrol" */
const char *dual_class_word(enum dual_class class);
/* False: no class is called so. */
MUST_CHECK bool dual_class_find(const char *word, enum dual_class *ret);
