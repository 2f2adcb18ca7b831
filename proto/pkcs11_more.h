/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkcs11_more.h - what PKCS#11 3.0 and 3.1 add and p11-kit's header (2.40) lacks, written from the standard.
 *
 * To be filled by the module: CK_INTERFACE, CK_FUNCTION_LIST_3_0, CKO_PROFILE, CKF_*, CKU_* ... PKCS#11 v3.0.
 */
#pragma once

#include <p11-kit/pkcs11.h>
