/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_csv.c - lists of users as others write them; what is read is written and read again as the same. */
#include "cli/csv.h"

#include <string.h>

#include "tests/fuzz/fuzz.h"

static struct csv_record write_and_read(const struct csv_record *record)
{
    struct csv_record again = { 0 };
    char *text = NULL;
    unsigned line = 0;
    size_t len = 0;
    FILE *file = open_memstream(&text, &len);

    for (size_t i = 0; i < record->count; i++) {
        if (i)
            putc(',', file);
        csv_write_field(file, record->field[i]);
    }
    putc('\n', file);
    fclose(file);
    file = fmemopen(text, len, "r");
    fuzz_require(csv_read(file, &line, &again) > 0);
    fclose(file);
    free(text);
    return again;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FILE *file = size ? fmemopen((void *)(uintptr_t)data, size, "r") : NULL;
    struct csv_record record = { 0 };
    unsigned line = 0;

    while (file && csv_read(file, &line, &record) > 0) {
        struct csv_record again = { 0 };

        if (record.count == 1 && !*record.field[0]) {
            csv_record_clear(&record); /* "" alone would be written as an empty line, which is no record */
            continue;
        }
        again = write_and_read(&record);

        fuzz_require(again.count == record.count);
        for (size_t i = 0; i < record.count; i++)
            fuzz_require(strcmp(again.field[i], record.field[i]) == 0);
        csv_record_clear(&again);
        csv_record_clear(&record);
    }
    csv_record_clear(&record);
    if (file)
        fclose(file);
    return 0;
}
