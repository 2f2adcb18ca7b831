/* SPDX-License-Identifier: Apache-2.0 */
/* principals.c - a person's device, an application, an operator: all are principals, known by name. */
#include "proxy/service/principals.h"

#include <errno.h>
#include <string.h>

int principal_find(struct store *store, const char *name, bool may_add, int64_t now_ms,
                   struct principal_row *ret)
{
    struct principal_row row = { .enabled = true, .created_ms = now_ms };
    int r = store_principal_by_name(store, name, ret);

    if (r != -ENOENT || !may_add)
        return r;
    strcpy(row.name, name); /* name_is_valid: at most NAME_MAX_LEN */
    r = store_principal_insert(store, &row);
    if (r == 0)
        *ret = row;
    return r;
}
