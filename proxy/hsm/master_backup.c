/* SPDX-License-Identifier: Apache-2.0 */
/* master_backup.c - the text of wrapped master keys: an array of {kind, epoch, ends_ms, transport, wrapped, point}. */
#include <errno.h>
#include <string.h>

#include "proxy/hsm/ceremony.h"

#define WRAPPED_MAX 4096 /* bytes of a wrapped master key, of a wrapped transport key, of a point */

static void copy_clear(struct master_copy *copy)
{
    buffer_clear(&copy->transport);
    buffer_clear(&copy->wrapped);
    buffer_clear(&copy->point);
}

void master_backup_clear(struct master_backup *backup)
{
    for (size_t i = 0; i < backup->count; i++)
        copy_clear(&backup->copies[i]);
    free(backup->copies);
    *backup = (struct master_backup){ 0 };
}

void master_backup_remove(struct master_backup *backup, enum master_kind kind, uint32_t epoch)
{
    size_t kept = 0;

    for (size_t i = 0; i < backup->count; i++) {
        if (backup->copies[i].kind == kind && backup->copies[i].epoch == epoch)
            copy_clear(&backup->copies[i]);
        else
            backup->copies[kept++] = backup->copies[i];
    }
    backup->count = kept;
}

static json_t *copy_to_json(const struct master_copy *copy)
{
    json_t *object = json_pack("{s:s, s:I, s:I, s:o, s:o}", "kind", master_keys_name(copy->kind), "epoch",
                               (json_int_t)copy->epoch, "ends_ms", (json_int_t)copy->ends_ms, "transport",
                               json_of_hex(buffer_bytes(&copy->transport)), "wrapped",
                               json_of_hex(buffer_bytes(&copy->wrapped)));

    if (copy->point.len)
        json_object_set_new(object, "point", json_of_hex(buffer_bytes(&copy->point)));
    return object;
}

json_t *master_backup_to_json(const struct master_backup *backup)
{
    CLEANUP(json_decref) json_t *array = json_array();

    for (size_t i = 0; i < backup->count; i++)
        if (json_array_append_new(array, copy_to_json(&backup->copies[i])) < 0)
            return NULL;
    return TAKE(array);
}

static int read_copy(const json_t *object, struct master_copy *copy)
{
    json_int_t epoch = 0, ends_ms = 0;
    int r = master_keys_kind(json_read_text(object, "kind"), &copy->kind) ? 0 : -EBADMSG;

    if (r == 0)
        r = json_read_number(object, "epoch", 1, UINT32_MAX, &epoch);
    if (r == 0)
        r = json_read_number(object, "ends_ms", 0, INT64_MAX, &ends_ms);
    if (r == 0)
        r = json_read_hex_buffer(object, "transport", WRAPPED_MAX, &copy->transport);
    if (r == 0)
        r = json_read_hex_buffer(object, "wrapped", WRAPPED_MAX, &copy->wrapped);
    if (r == 0 && json_object_get(object, "point"))
        r = json_read_hex_buffer(object, "point", WRAPPED_MAX, &copy->point);
    copy->epoch = (uint32_t)epoch;
    copy->ends_ms = ends_ms;
    return r;
}

int master_backup_of_json(const json_t *array, struct master_backup *ret)
{
    CLEANUP(master_backup_clear) struct master_backup backup = { 0 };
    const json_t *object;
    size_t i;

    if (json_array_size(array) == 0 || json_array_size(array) > MANIFEST_KEYS_MAX)
        return -EBADMSG;
    backup.copies = calloc(json_array_size(array), sizeof(*backup.copies));
    if (!backup.copies)
        return -ENOMEM;
    json_array_foreach (array, i, object) {
        int r = read_copy(object, &backup.copies[backup.count++]);

        if (r < 0)
            return r;
    }
    *ret = backup;
    backup = (struct master_backup){ 0 };
    return 0;
}
