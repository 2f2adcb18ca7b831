/* SPDX-License-Identifier: Apache-2.0 */
/* clock.h - deadlines on the monotonic clock, in milliseconds. */
#pragma once

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <time.h>

static inline int64_t clock_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Counts what the machine slept through as well: how old a connection is to the rest of the world. */
static inline int64_t clock_boot_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* What is left until @deadline_ms; 0: it has passed. */
static inline unsigned clock_left_ms(int64_t deadline_ms)
{
    int64_t left = deadline_ms - clock_now_ms();

    return left > 0 ? (unsigned)left : 0;
}

static inline struct timespec clock_timespec(int64_t ms)
{
    return (struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
}

static inline void clock_sleep_until(int64_t deadline_ms)
{
    struct timespec until = clock_timespec(deadline_ms);

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
        continue;
}

/* A condition variable that waits by this clock. Errors: -errno. */
static inline int clock_condition_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    int r = pthread_condattr_init(&attributes);

    if (r)
        return -r;
    r = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    if (!r)
        r = pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
    return -r;
}

/* Errors: -ETIMEDOUT. */
static inline int clock_wait(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t deadline_ms)
{
    struct timespec until = clock_timespec(deadline_ms);

    return -pthread_cond_timedwait(condition, lock, &until);
}
