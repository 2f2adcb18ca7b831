/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_metrics.c - a proxy's numbers, as `privyseal top` reads them: whatever it says, it has its row. */
#include "cli/metrics_read.h"

#include <string.h>

#include "tests/fuzz/fuzz.h"

/* The first half of the text is what the proxy said a second before it said all of it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct metrics_reading before, now;
    json_t *row;

    before = (struct metrics_reading){ .proxy = "web1", .at_ms = 1000 };
    now = (struct metrics_reading){ .proxy = "web1", .at_ms = 2000 };
    metrics_read(BYTES(data, size / 2), &before);
    metrics_read(BYTES(data, size), &now);
    fuzz_require(now.signers <= METRICS_SIGNERS_MAX && now.bounds <= METRICS_BOUNDS_MAX);
    row = metrics_row(&before, &now);
    fuzz_require(row != NULL);
    json_decref(row);
    return 0;
}
