/* SPDX-License-Identifier: Apache-2.0 */
/*
 * template.h - attribute templates written as lists.
 *
 *     CK_ATTRIBUTE template[] = {
 *         ATTRIBUTE_NUMBER(CKA_CLASS, CKO_SECRET_KEY), ATTRIBUTE_TRUE(CKA_SENSITIVE), ATTRIBUTE_FALSE(CKA_TOKEN),
 *     };
 *
 * The values are compound literals: they live as long as the block (or, at file scope, the program).
 */
#pragma once

#include <p11-kit/pkcs11.h>

#define ATTRIBUTE_TRUE(type)                                                                                 \
    {                                                                                                        \
        (type), &(CK_BBOOL){ CK_TRUE }, sizeof(CK_BBOOL)                                                     \
    }
#define ATTRIBUTE_FALSE(type)                                                                                \
    {                                                                                                        \
        (type), &(CK_BBOOL){ CK_FALSE }, sizeof(CK_BBOOL)                                                    \
    }
#define ATTRIBUTE_NUMBER(type, value)                                                                        \
    {                                                                                                        \
        (type), &(CK_ULONG){ (value) }, sizeof(CK_ULONG)                                                     \
    }
/* PKCS#11 reads a template only, yet its pValue is not const. */
#define ATTRIBUTE_BYTES(type, data, len)                                                                     \
    {                                                                                                        \
        (type), (void *)(data), (len)                                                                        \
    }
