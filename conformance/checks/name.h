/* SPDX-License-Identifier: Apache-2.0 */
/*
 * name.h - constants by the names that the standard prints.
 *
 * Source: PKCS#11 v3.1 5.1 (Function return values), chapter 6 (Mechanisms).
 */
#pragma once

#include <p11-kit/pkcs11.h>

/* The name of a CKR_ code, or its number in a buffer that the next unknown code overwrites. */
const char *rv_name(CK_RV rv);
