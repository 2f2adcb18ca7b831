/* SPDX-License-Identifier: Apache-2.0 */
/*
 * errands.h - what the herald has still to deliver: when it is due, when it is given up, and the try under way.
 *
 * News lie in the spool and are known here by their number; a code, and news for which the disk had no room, are held
 * in memory. Codes go before news, and one place is kept free for them: a code is worth minutes.
 * Times are milliseconds of the monotonic clock.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "include/secret.h"
#include "proto/notice.h"

#define ERRAND_CODES_MAX    256   /* waiting at once; each is a few pages of locked memory */
#define ERRAND_CODE_LIFE_MS 60000 /* to be started; the code itself lives somewhat longer */

struct errand {
    struct errand *next;
    enum notice_kind kind;
    uint64_t number;        /* in the spool */
    struct secret *message; /* NULL: it is in the spool */
    unsigned tries;
    int64_t due_ms, expires_ms;
    pid_t pid; /* of the try under way; 0: none */
    int64_t deadline_ms;
};

struct errands {
    struct errand *first;
    size_t news, codes, running;
    size_t news_max, running_max;
};

void errands_init(struct errands *errands, size_t news_max, size_t running_max);
void errands_clear(struct errands *errands);
DEFINE_CLEAR(errands_clear, struct errands);
/* @message: taken in every case. Errors: -ENOBUFS (as many as there may be), -ENOMEM. */
MUST_CHECK int errands_add(struct errands *errands, enum notice_kind kind, uint64_t number,
                           struct secret *message, int64_t now_ms, int64_t expires_ms);
void errands_remove(struct errands *errands, struct errand *errand);
struct errand *errands_of_pid(struct errands *errands, pid_t pid); /* NULL: none */

/* The next to be tried, if there is room for it; NULL: none is due. */
struct errand *errands_due(struct errands *errands, int64_t now_ms);
void errands_started(struct errands *errands, struct errand *errand, pid_t pid, int64_t deadline_ms);
/* The try is over. False: there is no further one; a failed code has none, nor have news that expired. */
MUST_CHECK bool errands_ended(struct errands *errands, struct errand *errand, int64_t now_ms);
/* When errands_due() or a deadline next has something to say; INT64_MAX: never. */
int64_t errands_next_ms(const struct errands *errands);
