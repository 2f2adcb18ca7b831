/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sign_bench.c - how fast a module signs: sign_bench MODULE TOKEN PIN-FILE ec|rsa THREADS SECONDS [PID...]
 *
 * Each thread has a session, and signs one digest after the other (C_SignInit, C_Sign) for so long. One line comes out:
 * signatures a second of all threads together, how long one took in the middle and at the 99th percentile, and the
 * processor time of one in this process and in all those named.
 * The token has a P-256 and an RSA-2048 key.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/integration/life/host.h"

#define DIGEST_LEN    32
#define SIGNATURE_MAX 512
#define SAMPLES_MAX   (1u << 20) /* of one thread: SoftHSM makes 15,000 P-256 signatures a second */
#define WARM_UP_MS    300
#define PIDS_MAX      16

struct bench {
    struct host *host;
    enum host_key_type type;
    double seconds;
    pthread_barrier_t start;
    clockid_t clocks[PIDS_MAX]; /* of processor time: ours first */
    size_t clock_count;
    double cpu_us[PIDS_MAX];
};

struct worker {
    struct bench *bench;
    pthread_t thread;
    float *us;
    size_t count;
};

static void sign(struct bench *bench, CK_SESSION_HANDLE session)
{
    CK_FUNCTION_LIST *p11 = bench->host->p11;
    CK_MECHANISM mechanism = { bench->type == HOST_EC ? CKM_ECDSA : CKM_RSA_PKCS, NULL, 0 };
    unsigned char digest[DIGEST_LEN] = { 1 }, signature[SIGNATURE_MAX];
    CK_ULONG len = sizeof(signature);

    EXPECT_OK(p11->C_SignInit(session, &mechanism, bench->host->keys[bench->type].handle));
    EXPECT_OK(p11->C_Sign(session, digest, sizeof(digest), signature, &len));
}

static void *work(void *cookie)
{
    struct worker *worker = cookie;
    struct bench *bench = worker->bench;
    CK_SESSION_HANDLE session;
    double end;

    EXPECT_OK(bench->host->p11->C_OpenSession(bench->host->slot, CKF_SERIAL_SESSION, NULL, NULL, &session));
    /* Connections are made, and keys unwrapped, once and not a signature. */
    for (end = host_now_ms() + WARM_UP_MS; host_now_ms() < end;)
        sign(bench, session);
    pthread_barrier_wait(&bench->start);
    end = host_now_ms() + bench->seconds * 1e3;
    for (double began = host_now_ms(); began < end && worker->count < SAMPLES_MAX;) {
        double now;

        sign(bench, session);
        now = host_now_ms();
        worker->us[worker->count++] = (float)((now - began) * 1e3);
        began = now;
    }
    return NULL;
}

static double cpu_us(clockid_t clock)
{
    struct timespec used;

    EXPECT(clock_gettime(clock, &used) == 0, "a process is no more");
    return (double)used.tv_sec * 1e6 + (double)used.tv_nsec / 1e3;
}

/* From the start of all threads to the end of the last. */
static void account(struct bench *bench, double sign)
{
    for (size_t i = 0; i < bench->clock_count; i++)
        bench->cpu_us[i] += sign * cpu_us(bench->clocks[i]);
}

static int compare(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

static void report(const struct bench *bench, const struct worker *workers, unsigned threads)
{
    size_t count = 0;
    float *all;

    for (unsigned i = 0; i < threads; i++)
        count += workers[i].count;
    all = malloc((count + 1) * sizeof(*all));
    EXPECT(all && count, "no signature was made");
    count = 0;
    for (unsigned i = 0; i < threads; i++) {
        memcpy(all + count, workers[i].us, workers[i].count * sizeof(*all));
        count += workers[i].count;
    }
    qsort(all, count, sizeof(*all), compare);
    printf("threads=%u per_second=%.0f p50_us=%.0f p99_us=%.0f cpu_us=", threads,
           (double)count / bench->seconds, (double)all[count / 2], (double)all[count * 99 / 100]);
    for (size_t i = 0; i < bench->clock_count; i++)
        printf("%s%.1f", i ? "," : "", bench->cpu_us[i] / (double)count);
    putchar('\n');
    free(all);
}

static void run(struct bench *bench, unsigned threads)
{
    struct worker *workers = calloc(threads, sizeof(*workers));

    EXPECT(workers, "out of memory");
    pthread_barrier_init(&bench->start, NULL, threads + 1);
    for (unsigned i = 0; i < threads; i++) {
        workers[i] = (struct worker){ .bench = bench, .us = malloc(SAMPLES_MAX * sizeof(float)) };
        EXPECT(workers[i].us && pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0,
               "no thread");
    }
    pthread_barrier_wait(&bench->start);
    account(bench, -1);
    for (unsigned i = 0; i < threads; i++)
        pthread_join(workers[i].thread, NULL);
    account(bench, 1);
    report(bench, workers, threads);
    for (unsigned i = 0; i < threads; i++)
        free(workers[i].us);
    free(workers);
    pthread_barrier_destroy(&bench->start);
}

int main(int argc, char **argv)
{
    struct host host = { 0 };
    struct bench bench = { .host = &host, .clocks = { CLOCK_PROCESS_CPUTIME_ID }, .clock_count = 1 };
    int threads = argc >= 7 ? atoi(argv[5]) : 0;

    bench.seconds = argc >= 7 ? atof(argv[6]) : 0;
    if (threads < 1 || bench.seconds <= 0 || argc - 7 >= PIDS_MAX)
        return 2;
    for (int i = 7; i < argc; i++)
        EXPECT(clock_getcpuclockid(atoi(argv[i]), &bench.clocks[bench.clock_count++]) == 0,
               "no such process");
    bench.type = strcmp(argv[4], "rsa") == 0 ? HOST_RSA : HOST_EC;
    host = (struct host){ .path = argv[1], .token = argv[2], .pin_file = argv[3] };
    host_start(&host);
    run(&bench, (unsigned)threads);
    host_finish(&host);
    return 0;
}
