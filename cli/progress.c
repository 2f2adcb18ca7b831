/* SPDX-License-Identifier: Apache-2.0 */
/* progress.c - how far long work is. */
#include "cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define SHOW_MS   200
#define BAR_WIDTH 30

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

struct progress progress_start(const char *what, uint64_t total)
{
    return (struct progress){
        .what = what, .total = total, .shown_ms = now_ms(), .is_terminal = isatty(STDERR_FILENO) == 1
    };
}

static void show(const struct progress *progress)
{
    uint64_t done = progress->done < progress->total ? progress->done : progress->total;
    unsigned full = progress->total ? (unsigned)(done * BAR_WIDTH / progress->total) : 0;

    if (progress->total)
        fprintf(stderr, "\r[%.*s%*s] %" PRIu64 " of %" PRIu64 " %s", (int)full,
                "##############################", (int)(BAR_WIDTH - full), "", done, progress->total,
                progress->what);
    else
        fprintf(stderr, "\r%" PRIu64 " %s", progress->done, progress->what);
}

void progress_step(struct progress *progress)
{
    progress->done++;
    if (!progress->is_terminal || progress->done % 64 || now_ms() - progress->shown_ms < SHOW_MS)
        return;
    progress->shown_ms = now_ms();
    show(progress);
}

void progress_end(struct progress *progress)
{
    if (progress->is_terminal)
        fputs("\r\033[K", stderr); /* ECMA-48 8.3.41 (EL): erases the line */
}
