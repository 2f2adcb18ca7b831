/* SPDX-License-Identifier: Apache-2.0 */
/* search.c - matches of a template, a page at a time. */
#include "module/core/search.h"

#include <stdlib.h>
#include <string.h>

#include "module/core/attribute.h"

static size_t count_objects(const struct object_set *set)
{
    size_t count = 0;

    while (object_set_at(set, count))
        count++;
    return count;
}

CK_RV search_start(struct search *search, const struct object_set *set, struct slot *slot, bool is_logged_in,
                   const CK_ATTRIBUTE *wanted, size_t count)
{
    size_t secrets = slot ? slot_secrets_count(slot) : 0;
    const struct object *object;

    if (search->is_active)
        return CKR_OPERATION_ACTIVE;
    search->found = calloc(count_objects(set) + secrets + 1, sizeof(*search->found));
    if (!search->found)
        return CKR_HOST_MEMORY;
    for (size_t i = 0; (object = object_set_at(set, i)); i++) {
        if ((!object->is_private || is_logged_in) && attribute_match(object, wanted, count))
            search->found[search->count++] = object->handle;
    }
    if (secrets)
        search->count += slot_secrets_find(slot, wanted, count, search->found + search->count, secrets);
    search->is_active = true;
    return CKR_OK;
}

CK_RV search_next(struct search *search, CK_OBJECT_HANDLE *handles, size_t max, CK_ULONG *ret_count)
{
    size_t left = search->count - search->next;
    size_t given = left < max ? left : max;

    if (!search->is_active)
        return CKR_OPERATION_NOT_INITIALIZED;
    if (given)
        memcpy(handles, search->found + search->next, given * sizeof(*handles));
    search->next += given;
    *ret_count = given;
    return CKR_OK;
}

CK_RV search_end(struct search *search)
{
    if (!search->is_active)
        return CKR_OPERATION_NOT_INITIALIZED;
    search_clear(search);
    return CKR_OK;
}

void search_clear(struct search *search)
{
    free(search->found);
    *search = (struct search){ 0 };
}
