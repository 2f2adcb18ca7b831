/* SPDX-License-Identifier: Apache-2.0 */
/* delivery.c - from fork() to the command, or to libcurl. */
#include "proxy/herald/delivery.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <curl/curl.h>

#include "include/descriptor.h"
#include "include/table.h"
#include "proxy/herald/webhook.h"

#define NOT_STARTED 127 /* as a shell says it */

/* child.c ignores these and the herald blocks SIGCHLD; a command expects neither. */
static int restore_signals(void)
{
    static const int restored[] = { SIGTERM, SIGINT, SIGHUP, SIGPIPE };
    const int *number;
    sigset_t none;

    for (EACH_ROW(number, restored))
        signal(*number, SIG_DFL);
    sigemptyset(&none);
    return sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Standard input is @input; what a command says about a code might be the code, so only news keep standard error. */
static int arrange_descriptors(int input, enum notice_kind kind)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null < 0 || dup2(input, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
        (kind == NOTICE_CODE && dup2(null, STDERR_FILENO) < 0))
        return -1;
    return close_range(STDERR_FILENO + 1, ~0U, 0);
}

/* What the new process knows: a message lies in memory that fork() wipes. secret.h */
struct start {
    const struct proxy_config *config;
    enum notice_kind kind;
    char event[NOTICE_EVENT_MAX + 1];
    int input;
    pid_t herald;
};

static int run(struct start *start)
{
    const struct proxy_config *config = start->config;
    char *const environment[] = { "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL };
    char *const arguments[] = { config->notice_command, start->event, NULL };

    if (setpgid(0, 0) || prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != start->herald ||
        restore_signals() || arrange_descriptors(start->input, start->kind))
        return NOT_STARTED;
    if (!config->notice_command)
        return webhook_post(config, start->event);
    execve(config->notice_command, arguments, environment);
    return NOT_STARTED;
}

/* The object fits into any pipe (NOTICE_MAX is a page), so nobody has to wait until it is read. */
static int fill_pipe(struct bytes object, int *ret)
{
    CLEANUP(descriptor_close) int reader = -1;
    CLEANUP(descriptor_close) int writer = -1;
    int ends[2];

    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK))
        return -errno;
    reader = ends[0];
    writer = ends[1];
    if (write(writer, object.data, object.len) != (ssize_t)object.len)
        return -EAGAIN;
    if (fcntl(reader, F_SETFL, 0)) /* for the command, blocking as it expects */
        return -errno;
    *ret = TAKE_DESCRIPTOR(reader);
    return 0;
}

pid_t delivery_start(const struct proxy_config *config, const struct notice_message *message)
{
    CLEANUP(descriptor_close) int input = -1;
    struct start start = { .config = config, .kind = message->kind, .herald = getpid() };
    int r = fill_pipe(message->object, &input);
    pid_t pid;

    if (r < 0)
        return r;
    start.input = input;
    snprintf(start.event, sizeof(start.event), "%s", message->event);
    pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0)
        _exit(run(&start));
    (void)setpgid(pid, pid); /* both sides: whoever comes first, the group is there before the deadline */
    return pid;
}

void delivery_kill(pid_t pid)
{
    kill(-pid, SIGKILL);
}

const char *delivery_complaint(const struct proxy_config *config, int status)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return NULL;
    if (WIFSIGNALED(status))
        return WTERMSIG(status) == SIGKILL ? "it took too long" : "it died of a signal";
    if (WEXITSTATUS(status) == NOT_STARTED)
        return "it could not be started";
    return config->notice_command ? "the command's exit status is not 0"
                                  : curl_easy_strerror((CURLcode)WEXITSTATUS(status));
}
