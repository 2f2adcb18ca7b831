/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_sandbox.c - what a captured front could try: each attempt is made by a process of its own, which the kernel must
 * kill for it. In a build with the address sanitizer there is no sandbox, and the cases say so by doing nothing.
 */
#include "proxy/front/sandbox.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "include/table.h"
#include "tests/support/suite.h"

/* Its end, as waitpid(2) gives it: of a process that enters the sandbox and then does @attempt. */
static int end_of(void (*attempt)(void))
{
    int status;
    pid_t pid = fork();

    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        if (sandbox_enter())
            _exit(1);
        attempt();
        _exit(0);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return status;
}

static void open_file(void)
{
    (void)!open("/etc/passwd", O_RDONLY);
}

static void open_socket(void)
{
    (void)!socket(AF_INET, SOCK_STREAM, 0);
}

static void connect_out(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET };

    (void)!connect(0, (struct sockaddr *)&address, sizeof(address));
}

static void run_program(void)
{
    char *arguments[] = { (char *)"/bin/true", NULL };

    execve(arguments[0], arguments, NULL);
}

static void make_process(void)
{
    (void)!fork();
}

static void trace(void)
{
    ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
}

static void signal_parent(void)
{
    kill(getppid(), 0);
}

static void map_code(void)
{
    mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void make_code(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    mprotect(page, 4096, PROT_READ | PROT_EXEC);
}

static void duplicate_descriptor(void)
{
    (void)!fcntl(0, F_DUPFD, 10);
}

static void hold_up_parent(void)
{
    sched_setscheduler(getppid(), SCHED_IDLE, &(struct sched_param){ 0 });
}

static void stay_within(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    munmap(page, 4096);
    sched_yield();
    sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){ 0 });
    close(0);
}

START_TEST(what_a_front_needs_is_let_through)
{
    if (sandbox_is_built())
        ck_assert_int_eq(end_of(stay_within), 0);
}
END_TEST

START_TEST(what_a_captured_front_would_want_kills_it)
{
    static void (*const attempts[])(
        void) = { open_file,     open_socket, connect_out, run_program,          make_process,  trace,
                  signal_parent, map_code,    make_code,   duplicate_descriptor, hold_up_parent };

    for (size_t i = 0; sandbox_is_built() && i < ARRAY_SIZE(attempts); i++) {
        int status = end_of(attempts[i]);

        ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "attempt %zu ended with %#x", i,
                      status);
    }
}
END_TEST

SUITE("front/sandbox", what_a_front_needs_is_let_through, what_a_captured_front_would_want_kills_it);
