/* SPDX-License-Identifier: Apache-2.0 */
/* output.c - bytes and lists into an application's buffer. */
#include "module/core/output.h"

#include <string.h>

CK_RV output_write_list(struct output output, const void *list, size_t count, size_t size)
{
    CK_RV rv;

    if (output_ends_with_length(output, count, &rv))
        return rv;
    if (count)
        memcpy(output.data, list, count * size);
    *output.len = count;
    return CKR_OK;
}

CK_RV output_write(struct output output, struct bytes bytes)
{
    return output_write_list(output, bytes.data, bytes.len, 1);
}
