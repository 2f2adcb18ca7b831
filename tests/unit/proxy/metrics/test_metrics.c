/* SPDX-License-Identifier: Apache-2.0 */
/* test_metrics.c - numbers that several processes share, their text, and what the exporter answers. */
#include "proxy/metrics/exporter.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/suite.h"

#define SIGNERS 2
#define NOW     1700000000

static struct metrics *numbers;

static void setup(void)
{
    ck_assert_int_eq(metrics_new(SIGNERS, &numbers), 0);
}

static void teardown(void)
{
    metrics_free(numbers);
}

/* The answer to a request; lent until the next call. */
static const char *ask(const char *line)
{
    static struct buffer answer;

    buffer_clear(&answer);
    exporter_answer(numbers, "web1", line, NOW, &answer);
    buffer_append_u8(&answer, '\0');
    ck_assert(!answer.failed);
    return (const char *)answer.data;
}

static void ck_assert_has(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) != NULL, "no \"%s\" in %s", part, text);
}

START_TEST(what_a_child_counts_its_parent_sees)
{
    pid_t child = fork();

    if (child == 0) {
        metrics_add(&numbers->signer[1].requests[METHOD_Sign][REASON_NONE], 3);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    ck_assert_has(ask("GET /metrics HTTP/1.1\r\n"),
                  "privyseal_requests_total{proxy=\"web1\",signer=\"1\",method=\"Sign\",reason=\"OK\"} 3\n");
}
END_TEST

START_TEST(buckets_are_cumulative_and_end_with_all)
{
    const char *text;

    metrics_time(&numbers->signer[0].stages[STAGE_HSM], 100); /* the bound itself is below the bound */
    metrics_time(&numbers->signer[0].stages[STAGE_HSM], 101);
    metrics_time(&numbers->signer[0].stages[STAGE_HSM], 10000000);
    text = ask("GET /metrics HTTP/1.1\r\n");
    ck_assert_has(text, "stage=\"hsm\",le=\"5e-05\"} 0\n");
    ck_assert_has(text, "stage=\"hsm\",le=\"0.0001\"} 1\n");
    ck_assert_has(text, "stage=\"hsm\",le=\"0.00025\"} 2\n");
    ck_assert_has(text, "stage=\"hsm\",le=\"5\"} 2\n");
    ck_assert_has(text, "stage=\"hsm\",le=\"+Inf\"} 3\n");
    ck_assert_has(text, "duration_seconds_count{proxy=\"web1\",signer=\"0\",stage=\"hsm\"} 3\n");
    ck_assert_has(text, "duration_seconds_sum{proxy=\"web1\",signer=\"0\",stage=\"hsm\"} 10.000201\n");
}
END_TEST

static void serve(unsigned signer, uint64_t seen)
{
    numbers->signer[signer].values[SIGNER_STARTED] = 1;
    numbers->signer[signer].values[SIGNER_SEEN] = seen;
    numbers->signer[signer].values[SIGNER_HSM_WELL] = 1;
}

START_TEST(proxy_is_ready_when_every_signer_was_just_heard_of)
{
    ck_assert_has(ask("GET /readyz HTTP/1.1\r\n"), "HTTP/1.1 503 ");
    serve(0, NOW);
    ck_assert_has(ask("GET /readyz HTTP/1.1\r\n"), "HTTP/1.1 503 ");
    serve(1, NOW - EXPORTER_READY_S);
    ck_assert_has(ask("GET /readyz HTTP/1.1\r\n"), "HTTP/1.1 200 ");
    serve(1, NOW - EXPORTER_READY_S - 1);
    ck_assert_has(ask("GET /readyz HTTP/1.1\r\n"), "HTTP/1.1 503 ");
}
END_TEST

/* The second signer's HSM is another than the first's. */
static void have_two_hsms(void)
{
    numbers->hsms = 2;
    strcpy(numbers->hsm_name[1], "hsm.b");
    numbers->signer[1].hsm = 1;
}

START_TEST(proxy_is_ready_while_one_hsm_is_well)
{
    have_two_hsms();
    serve(1, NOW);
    ck_assert_has(ask("GET /readyz HTTP/1.1\r\n"), "HTTP/1.1 200 ");
    numbers->signer[1].values[SIGNER_HSM_WELL] = 0;
    ck_assert_has(ask("GET /readyz HTTP/1.1\r\n"), "HTTP/1.1 503 ");
}
END_TEST

START_TEST(hsms_are_told_apart_by_the_names_of_their_sections)
{
    const char *text;

    have_two_hsms();
    serve(1, NOW);
    text = ask("GET /metrics HTTP/1.1\r\n");
    ck_assert_has(text, "privyseal_hsm_up{proxy=\"web1\",hsm=\"hsm\"} 0\n");
    ck_assert_has(text, "privyseal_hsm_up{proxy=\"web1\",hsm=\"hsm.b\"} 1\n");
    ck_assert_has(text, "privyseal_hsm_signers{proxy=\"web1\",hsm=\"hsm.b\"} 1\n");
}
END_TEST

START_TEST(signer_without_its_log_is_not_ready)
{
    serve(0, NOW);
    serve(1, NOW);
    numbers->signer[1].values[SIGNER_AUDIT_FAILED] = 1;
    ck_assert_has(ask("GET /readyz HTTP/1.1\r\n"), "HTTP/1.1 503 ");
}
END_TEST

START_TEST(other_requests_are_refused)
{
    ck_assert_has(ask("GET / HTTP/1.1\r\n"), "HTTP/1.1 404 ");
    ck_assert_has(ask("GET /metricsx HTTP/1.1\r\n"), "HTTP/1.1 404 ");
    ck_assert_has(ask("POST /metrics HTTP/1.1\r\n"), "HTTP/1.1 405 ");
    ck_assert_has(ask(""), "HTTP/1.1 405 ");
    ck_assert_has(ask("GET /healthz?x HTTP/1.1\r\n"), "HTTP/1.1 200 ");
}
END_TEST

SUITE_WITH_FIXTURE("metrics", setup, teardown, what_a_child_counts_its_parent_sees,
                   buckets_are_cumulative_and_end_with_all,
                   proxy_is_ready_when_every_signer_was_just_heard_of, proxy_is_ready_while_one_hsm_is_well,
                   hsms_are_told_apart_by_the_names_of_their_sections, signer_without_its_log_is_not_ready,
                   other_requests_are_refused);
