/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qr.h - a QR code in a terminal, for a telephone's camera: two modules in each character, by half blocks.
 *
 * Light modules are printed, as terminals are mostly dark; to a terminal with colours that make it dark on light whatever
 * its theme. What is in it may be a secret: it goes where it is printed and is wiped here.
 */
#pragma once

#include <stdio.h>

#include "include/cleanup.h"

/* Errors: -ENOSPC (more text than a code takes), -ENOMEM. */
MUST_CHECK int qr_print(FILE *out, const char *text);
