/* SPDX-License-Identifier: Apache-2.0 */
/* progress.c - one line, written over itself. */
#include "proxy/provision/progress.h"

#include <stdio.h>
#include <unistd.h>

#define BAR_LEN 30

struct progress progress_of(const char *what, uint64_t total)
{
    return (struct progress){
        .what = what, .total = total, .shown = -1, .is_terminal = isatty(STDERR_FILENO) == 1
    };
}

void progress_add(struct progress *progress, uint64_t count)
{
    static const char bar[BAR_LEN + 1] = "##############################";
    uint64_t whole;
    int now;

    progress->done += count;
    whole = progress->total > progress->done ? progress->total : progress->done;
    now = whole ? (int)(progress->done * 100 / whole) : 100;
    if (!progress->is_terminal || now == progress->shown)
        return;
    progress->shown = now;
    fprintf(stderr, "\r%-20s [%-*.*s] %3d%%", progress->what, BAR_LEN, now * BAR_LEN / 100, bar, now);
}

void progress_end(const struct progress *progress)
{
    if (progress->is_terminal && progress->shown >= 0)
        fputc('\n', stderr);
}
