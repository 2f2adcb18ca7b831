/* SPDX-License-Identifier: Apache-2.0 */
/* errands.c - a list, oldest first; the back-off of what failed. */
#include "proxy/herald/errands.h"

#include <errno.h>

#define BACK_OFF_MIN_MS  INT64_C(5000)
#define BACK_OFF_MAX_MS  INT64_C(3600000)
#define BACK_OFF_DOUBLES 10 /* beyond, it is the maximum anyhow */

void errands_init(struct errands *errands, size_t news_max, size_t running_max)
{
    *errands = (struct errands){ .news_max = news_max, .running_max = running_max };
}

static size_t *count_of(struct errands *errands, enum notice_kind kind)
{
    return kind == NOTICE_CODE ? &errands->codes : &errands->news;
}

int errands_add(struct errands *errands, enum notice_kind kind, uint64_t number, struct secret *message,
                int64_t now_ms, int64_t expires_ms)
{
    CLEANUP(secret_free) struct secret *held = message;
    size_t *count = count_of(errands, kind);
    struct errand **last = &errands->first;
    struct errand *errand;

    if (*count >= (kind == NOTICE_CODE ? ERRAND_CODES_MAX : errands->news_max))
        return -ENOBUFS;
    errand = calloc(1, sizeof(*errand));
    if (!errand)
        return -ENOMEM;
    *errand = (struct errand){ .kind = kind, .number = number, .due_ms = now_ms, .expires_ms = expires_ms };
    errand->message = TAKE(held);
    while (*last)
        last = &(*last)->next;
    *last = errand;
    ++*count;
    return 0;
}

void errands_remove(struct errands *errands, struct errand *errand)
{
    struct errand **link = &errands->first;

    while (*link != errand)
        link = &(*link)->next;
    *link = errand->next;
    --*count_of(errands, errand->kind);
    errands->running -= errand->pid != 0;
    secret_free(errand->message);
    free(errand);
}

void errands_clear(struct errands *errands)
{
    while (errands->first)
        errands_remove(errands, errands->first);
}

struct errand *errands_of_pid(struct errands *errands, pid_t pid)
{
    for (struct errand *errand = errands->first; errand; errand = errand->next)
        if (errand->pid == pid)
            return errand;
    return NULL;
}

static bool has_room(const struct errands *errands, enum notice_kind kind)
{
    return errands->running + (kind == NOTICE_NEWS) < errands->running_max;
}

struct errand *errands_due(struct errands *errands, int64_t now_ms)
{
    struct errand *news = NULL;

    for (struct errand *errand = errands->first; errand; errand = errand->next) {
        if (errand->pid || errand->due_ms > now_ms || !has_room(errands, errand->kind))
            continue;
        if (errand->kind == NOTICE_CODE)
            return errand;
        if (!news)
            news = errand;
    }
    return news;
}

void errands_started(struct errands *errands, struct errand *errand, pid_t pid, int64_t deadline_ms)
{
    errand->pid = pid;
    errand->deadline_ms = deadline_ms;
    errands->running++;
}

static int64_t back_off_ms(unsigned tries)
{
    int64_t wait_ms = BACK_OFF_MIN_MS << (tries > BACK_OFF_DOUBLES ? BACK_OFF_DOUBLES : tries - 1);

    return wait_ms < BACK_OFF_MAX_MS ? wait_ms : BACK_OFF_MAX_MS;
}

bool errands_ended(struct errands *errands, struct errand *errand, int64_t now_ms)
{
    errands->running -= errand->pid != 0;
    errand->pid = 0;
    errand->tries++;
    errand->due_ms = now_ms + back_off_ms(errand->tries);
    return errand->kind == NOTICE_NEWS && errand->due_ms < errand->expires_ms;
}

int64_t errands_next_ms(const struct errands *errands)
{
    int64_t next_ms = INT64_MAX;

    for (const struct errand *errand = errands->first; errand; errand = errand->next) {
        int64_t at_ms = errand->pid                       ? errand->deadline_ms
                        : has_room(errands, errand->kind) ? errand->due_ms
                                                          : INT64_MAX;

        if (at_ms < next_ms)
            next_ms = at_ms;
    }
    return next_ms;
}
