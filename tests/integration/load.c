/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load.c - an application under faults: load MODULE TOKEN PIN-FILE FIRST THREADS PAUSE_MS [unlock]
 *
 * Signs in THREADS threads with one login until SIGTERM, P-256 and in the last thread RSA-2048, and checks each signature
 * that it is given; one that does not verify ends it at once. With "unlock" it starts the module anew, logs in and
 * signs once, over and over, in one thread. What is signed is the next number from FIRST on, never the same twice. One
 * line on standard output for each:
 *     given NUMBER MS PAUSE_MS    a signature; how long the call took, and since when this thread had wanted one
 *     unlocked NUMBER MS          a login that succeeded
 *     failed NUMBER CKR MS        a call that did not
 * A call that fails is followed by the next, nothing is started anew: the way back must not need the application.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/life/host.h"

#define THREADS_MAX    16
#define FAILED_REST_MS 100

struct load {
    struct host host;
    atomic_uint next;
    unsigned threads, pause_ms;
};

struct worker {
    struct load *load;
    pthread_t thread;
    enum host_key_type type;
};

static atomic_bool is_over;

static void on_signal(int number)
{
    (void)number;
    atomic_store(&is_over, true);
}

static void rest(unsigned ms)
{
    (void)usleep(ms * 1000);
}

static void sign_one(struct load *load, CK_SESSION_HANDLE session, enum host_key_type type, double *wanted)
{
    unsigned number = atomic_fetch_add(&load->next, 1);
    double began = host_now_ms(), now;
    CK_RV rv = host_sign_in(&load->host, session, type, number);

    now = host_now_ms();
    if (*wanted == 0)
        *wanted = began;
    if (rv != CKR_OK) {
        printf("failed %u 0x%lx %.0f\n", number, rv, now - began);
        rest(FAILED_REST_MS);
        return;
    }
    printf("given %u %.0f %.0f\n", number, now - began, now - *wanted);
    *wanted = 0;
    rest(load->pause_ms);
}

static void *work(void *argument)
{
    const struct worker *worker = argument;
    struct load *load = worker->load;
    CK_SESSION_HANDLE session;
    double wanted = 0;

    EXPECT_OK(load->host.p11->C_OpenSession(load->host.slot, CKF_SERIAL_SESSION, NULL, NULL, &session));
    while (!atomic_load(&is_over))
        sign_one(load, session, worker->type, &wanted);
    return NULL;
}

static void sign_on(struct load *load)
{
    struct worker workers[THREADS_MAX];

    host_start(&load->host);
    for (unsigned i = 0; i < load->threads; i++) {
        workers[i] =
            (struct worker){ .load = load, .type = i + 1 == load->threads && i ? HOST_RSA : HOST_EC };
        EXPECT(pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0, "no thread");
    }
    for (unsigned i = 0; i < load->threads; i++)
        pthread_join(workers[i].thread, NULL);
    host_finish(&load->host);
}

static void unlock_one(struct load *load)
{
    CK_C_INITIALIZE_ARGS threads = { .flags = CKF_OS_LOCKING_OK };
    double began = host_now_ms(), wanted = 0;
    CK_RV rv;

    EXPECT_OK(load->host.p11->C_Initialize(&threads));
    rv = host_try_login(&load->host);
    if (rv == CKR_OK) {
        printf("unlocked 0 %.0f\n", host_now_ms() - began);
        sign_one(load, load->host.session, HOST_EC, &wanted);
    } else {
        printf("failed 0 0x%lx %.0f\n", rv, host_now_ms() - began);
        rest(FAILED_REST_MS);
    }
    host_finish(&load->host);
    rest(load->pause_ms);
}

static void unlock_on(struct load *load)
{
    host_load(&load->host);
    while (!atomic_load(&is_over))
        unlock_one(load);
}

int main(int argc, char **argv)
{
    struct load load;

    if (argc < 7)
        return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGTERM, on_signal);
    load = (struct load){ .host = { .path = argv[1], .token = argv[2], .pin_file = argv[3] },
                          .threads = (unsigned)atoi(argv[5]),
                          .pause_ms = (unsigned)atoi(argv[6]) };
    atomic_init(&load.next, (unsigned)atoi(argv[4]));
    EXPECT(load.threads >= 1 && load.threads <= THREADS_MAX, "1 to %d threads", THREADS_MAX);
    if (argc > 7)
        unlock_on(&load);
    else
        sign_on(&load);
    return 0;
}
