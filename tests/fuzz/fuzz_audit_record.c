/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_audit_record.c - a whole log, line by line; and words of a peer that become part of a record. */
#include "proto/audit_record.h"

#include <string.h>

#include "tests/fuzz/fuzz.h"

static const struct log_name log_name = { "web1", 0 };

static void check_log(struct bytes rest)
{
    struct audit_check check;

    fuzz_require(audit_check_init(&check, "example", &log_name) == 0);
    while (rest.len) {
        const uint8_t *end = memchr(rest.data, '\n', rest.len);
        size_t len = end ? (size_t)(end - rest.data) + 1 : rest.len;
        uint64_t sequence = check.next_sequence;
        const char *why = NULL;
        int r = audit_check_line(&check, BYTES(rest.data, len), &why);

        fuzz_require(r == 0 ? check.next_sequence == sequence + 1 : check.next_sequence == sequence && why);
        rest = BYTES(rest.data + len, rest.len - len);
    }
}

/* Whatever it is, it becomes one line that checks. */
static void record_words(const char *words)
{
    const struct audit_record record = { .sequence = 1, .event = "sign", .note = words, .peer = words };
    CLEANUP(buffer_clear) struct buffer line = { 0 };
    struct audit_check check;
    uint8_t hash[HASH_LEN];
    const char *why;

    fuzz_require(audit_check_init(&check, "example", &log_name) == 0);
    if (audit_record_line(&record, check.hash, &line, hash) < 0)
        return;
    fuzz_require(memchr(line.data, '\n', line.len) == line.data + line.len - 1);
    fuzz_require(audit_check_line(&check, buffer_bytes(&line), &why) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *words = strndup((const char *)data, size);

    check_log(BYTES(data, size));
    if (words)
        record_words(words);
    free(words);
    return 0;
}
