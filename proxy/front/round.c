/* SPDX-License-Identifier: Apache-2.0 */
/* round.c - a list, served from its head. */
#include "proxy/front/round.h"

#include <stddef.h>

void round_init(struct round *round)
{
    TAILQ_INIT(round);
}

void round_put_off(struct round *round, struct round_task *task)
{
    if (task->is_put_off)
        return;
    task->is_put_off = true;
    TAILQ_INSERT_TAIL(round, task, entry);
}

void round_forget(struct round *round, struct round_task *task)
{
    if (!task->is_put_off)
        return;
    task->is_put_off = false;
    TAILQ_REMOVE(round, task, entry);
}

void round_end(struct round *round)
{
    struct round_task *task;

    while ((task = TAILQ_FIRST(round))) {
        round_forget(round, task);
        task->run(task->context); /* which may free it */
    }
}
