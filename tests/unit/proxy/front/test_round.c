/* SPDX-License-Identifier: Apache-2.0 */
/* test_round.c - what is put off is done once, and may free itself or put off more. */
#include "proxy/front/round.h"

#include <stdlib.h>

#include "tests/support/suite.h"

static struct round round_;
static unsigned done;

struct job {
    struct round_task task;
    struct job *next;
};

static void setup(void)
{
    round_init(&round_);
    done = 0;
}

static void teardown(void)
{
    ck_assert(TAILQ_EMPTY(&round_));
}

static void work(void *context)
{
    struct job *job = context;

    done++;
    if (job->next)
        round_put_off(&round_, &job->next->task);
    free(job);
}

static struct job *job_new(struct job *next)
{
    struct job *job = calloc(1, sizeof(*job));

    ck_assert_ptr_nonnull(job);
    *job = (struct job){ .task = { .run = work, .context = job }, .next = next };
    return job;
}

START_TEST(what_is_put_off_twice_is_done_once)
{
    struct job *job = job_new(NULL);

    round_put_off(&round_, &job->task);
    round_put_off(&round_, &job->task);
    round_end(&round_);
    ck_assert_uint_eq(done, 1);
}
END_TEST

START_TEST(what_is_put_off_meanwhile_is_done_as_well)
{
    round_put_off(&round_, &job_new(job_new(job_new(NULL)))->task);
    round_end(&round_);
    ck_assert_uint_eq(done, 3);
}
END_TEST

START_TEST(what_is_forgotten_is_not_done)
{
    struct job *job = job_new(NULL);

    round_put_off(&round_, &job->task);
    round_forget(&round_, &job->task);
    round_forget(&round_, &job->task);
    round_end(&round_);
    ck_assert_uint_eq(done, 0);
    free(job);
}
END_TEST

SUITE_WITH_FIXTURE("front/round", setup, teardown, what_is_put_off_twice_is_done_once,
                   what_is_put_off_meanwhile_is_done_as_well, what_is_forgotten_is_not_done);
