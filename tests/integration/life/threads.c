/* SPDX-License-Identifier: Apache-2.0 */
/*
 * threads.c - many threads of one application: few connections, no lock across the network, no thread of ours; and
 * signals that interrupt them.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/time.h>
#include <unistd.h>

#include "tests/integration/life/cases.h"

#define THREADS          64
#define SIGNS_EACH       10
#define CONNECTIONS_MOST 16 /* what is few for so many threads */
#define SLOW_THREADS     8
#define SLOW_SIGNS       3
#define SLOW_MS          200 /* a round trip through the script's relay takes at least as long */

/* A session each, at the same moment. */
struct crew {
    struct host *host;
    unsigned signs_each;
    pthread_barrier_t start;
    atomic_uint working;
};

static void *sign_in_own_session(void *cookie)
{
    struct crew *crew = cookie;
    CK_FUNCTION_LIST *p11 = crew->host->p11;
    CK_SESSION_HANDLE session;

    EXPECT_OK(p11->C_OpenSession(crew->host->slot, CKF_SERIAL_SESSION, NULL, NULL, &session));
    pthread_barrier_wait(&crew->start);
    for (unsigned i = 0; i < crew->signs_each; i++)
        EXPECT_OK(host_sign_in(crew->host, session, i % HOST_KEY_TYPES, i));
    EXPECT_OK(p11->C_CloseSession(session));
    atomic_fetch_sub(&crew->working, 1);
    return NULL;
}

static void start_crew(struct crew *crew, pthread_t *threads, unsigned count)
{
    pthread_barrier_init(&crew->start, NULL, count + 1);
    atomic_store(&crew->working, count);
    for (unsigned i = 0; i < count; i++)
        EXPECT(pthread_create(&threads[i], NULL, sign_in_own_session, crew) == 0, "pthread_create");
    pthread_barrier_wait(&crew->start);
}

static void join_crew(struct crew *crew, pthread_t *threads, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&crew->start);
}

static void sixty_four_sign(struct host *host)
{
    struct crew crew = { .host = host, .signs_each = SIGNS_EACH };
    pthread_t threads[THREADS];
    unsigned before;
    size_t connections = 0;

    host_start(host);
    before = host_thread_count();
    start_crew(&crew, threads, THREADS);
    while (atomic_load(&crew.working)) {
        unsigned now = host_thread_count();
        size_t open = host_connections().count;

        EXPECT(now <= before + THREADS, "%u threads are not ours", now - before - THREADS);
        connections = open > connections ? open : connections;
        usleep(2000);
    }
    join_crew(&crew, threads, THREADS);
    host_sign(host);
    host_finish(host);
    printf("%u threads, at most %zu connections\n", THREADS, connections);
    EXPECT(connections <= CONNECTIONS_MOST, "%zu connections for %u threads", connections, THREADS);
}

static void note_signal(int number)
{
    (void)number;
}

/* A profiler, a scheduler, an interpreter: the host's timer interrupts whatever is going on, and its handlers stay. */
static void interrupted_calls(struct host *host)
{
    const struct itimerval often = { .it_interval = { .tv_usec = 1000 }, .it_value = { .tv_usec = 1000 } },
                           never = { 0 };
    struct sigaction action = { .sa_handler = note_signal }, before[_NSIG], after;

    EXPECT(sigaction(SIGALRM, &action, NULL) == 0, "sigaction");
    for (int number = 1; number < _NSIG; number++)
        if (sigaction(number, NULL, &before[number]) != 0)
            before[number] = (struct sigaction){ 0 };
    EXPECT(setitimer(ITIMER_REAL, &often, NULL) == 0, "setitimer");
    host_start(host);
    for (unsigned i = 0; i < SIGNS_EACH; i++)
        host_sign(host);
    host_finish(host);
    EXPECT(setitimer(ITIMER_REAL, &never, NULL) == 0, "setitimer");
    for (int number = 1; number < _NSIG; number++)
        EXPECT(sigaction(number, NULL, &after) != 0 || after.sa_handler == before[number].sa_handler,
               "signal %d has another handler", number);
}

static void slow_calls_overlap(struct host *host)
{
    struct crew crew = { .host = host, .signs_each = SLOW_SIGNS };
    pthread_t threads[SLOW_THREADS];
    double began, one, all;

    host_start(host);
    began = host_now_ms();
    EXPECT_OK(host_sign_in(host, host->session, HOST_EC, 1));
    one = host_now_ms() - began;
    EXPECT(one >= SLOW_MS, "the way to the server is not slow: %.0f ms", one);
    began = host_now_ms();
    start_crew(&crew, threads, SLOW_THREADS);
    join_crew(&crew, threads, SLOW_THREADS);
    all = host_now_ms() - began;
    printf("one signature took %.0f ms, %u threads with %u each %.0f ms\n", one, SLOW_THREADS, SLOW_SIGNS,
           all);
    /* Each thread's connection is new, and costs round trips of its own; one after the other it would be much more. */
    EXPECT(all < SLOW_THREADS * SLOW_SIGNS * SLOW_MS / 2, "slow calls went one after the other: %.0f ms",
           all);
    host_finish(host);
}

const struct life_case thread_cases[] = {
    { "sixty-four", "64 threads sign at once, RSA and EC, over few connections", sixty_four_sign },
    { "interrupted", "a timer of the host interrupts every call, and no handler is changed",
      interrupted_calls },
    { NULL, NULL, NULL },
};

const struct life_case slow_cases[] = {
    { "overlap", "slow calls overlap: no lock is held across the network", slow_calls_overlap },
    { NULL, NULL, NULL },
};
