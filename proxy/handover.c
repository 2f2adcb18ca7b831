/* SPDX-License-Identifier: Apache-2.0 */
/* handover.c - the variable: our process id, then one word for each thing, a letter and numbers between dots. */
#include "proxy/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "include/descriptor.h"
#include "include/log.h"
#include "include/table.h"

#define VARIABLE    "PRIVYSEAL_HANDOVER"
#define NUMBERS_MAX 4
#define CHECK_MAX_S 30

/* ------------------------------------------------------------------------------------------------------- asking */

static void become_check(const struct program *program)
{
    char *argv[] = { (char *)program->path, (char *)"--config", (char *)program->config, (char *)"--check",
                     NULL };
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    alarm(CHECK_MAX_S); /* goes on after execve() */
    if (fchdir(program->directory) == 0)
        execv(program->path, argv);
    log_event(LOG_LEVEL_ERROR, "handover.check", "program=%s why=\"%s\"", program->path, strerror(errno));
    _exit(1);
}

int handover_check(const struct program *program)
{
    pid_t pid = fork();
    int status;

    if (pid < 0)
        return -errno;
    if (pid == 0)
        become_check(program);
    while (waitpid(pid, &status, 0) != pid)
        if (errno != EINTR)
            return -errno;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EINVAL;
}

/* ------------------------------------------------------------------------------------------------------- giving */

static void write_sockets(FILE *out, const struct crew *crew)
{
    const struct sockets *sockets = &crew->sockets;

    for (size_t i = 0; i < sockets->count; i++)
        fprintf(out, " s%d.%d", (int)sockets->purpose[i], sockets->fd[i]);
    if (sockets->http > 0)
        fprintf(out, " h%d", sockets->http);
    if (sockets->metrics > 0)
        fprintf(out, " m%d", sockets->metrics);
    if (crew->notices[0] >= 0)
        fprintf(out, " n%d.%d", crew->notices[0], crew->notices[1]);
}

static char *describe(const struct crew *crew)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    const struct child *child;

    if (!out)
        return NULL;
    fprintf(out, "%d", (int)getpid());
    write_sockets(out, crew);
    for (EACH_CHILD(child, crew))
        if (child->state == CHILD_UP && child->control >= 0)
            fprintf(out, " c%d.%u.%d.%d", (int)child->kind, child->index, child->pid, child->control);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

static void set_kept(const struct crew *crew, bool is_kept)
{
    const struct sockets *sockets = &crew->sockets;
    const int others[] = { sockets->http, sockets->metrics, crew->notices[0], crew->notices[1] };
    const struct child *child;
    const int *fd;
    int flags = is_kept ? 0 : FD_CLOEXEC;

    for (size_t i = 0; i < sockets->count; i++)
        fcntl(sockets->fd[i], F_SETFD, flags);
    for (EACH_ROW(fd, others))
        if (*fd > 0)
            fcntl(*fd, F_SETFD, flags);
    for (EACH_CHILD(child, crew))
        if (child->control >= 0)
            fcntl(child->control, F_SETFD, flags);
}

int handover_make(const struct program *program, const struct crew *crew)
{
    CLEANUP(descriptor_close) int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(free_string) char *text = describe(crew);
    int error;

    if (here < 0 || !text || setenv(VARIABLE, text, 1))
        return errno ? -errno : -ENOMEM;
    set_kept(crew, true);
    if (fchdir(program->directory) == 0)
        execv(program->path, program->argv);
    error = -errno;
    set_kept(crew, false);
    unsetenv(VARIABLE);
    return fchdir(here) ? -errno : error;
}

/* ------------------------------------------------------------------------------------------------------- taking */

static int take_socket(struct crew *crew, const int numbers[])
{
    struct sockets *sockets = &crew->sockets;

    if (sockets->count == SOCKETS_MAX || numbers[0] < 0 || numbers[0] >= SOCKET_PURPOSES)
        return -EBADMSG;
    sockets->purpose[sockets->count] = numbers[0];
    sockets->fd[sockets->count++] = numbers[1];
    return fcntl(numbers[1], F_SETFD, FD_CLOEXEC) ? -errno : 0;
}

static int take_http(struct crew *crew, const int numbers[])
{
    crew->sockets.http = numbers[0];
    return fcntl(numbers[0], F_SETFD, FD_CLOEXEC) ? -errno : 0;
}

static int take_metrics(struct crew *crew, const int numbers[])
{
    crew->sockets.metrics = numbers[0];
    return fcntl(numbers[0], F_SETFD, FD_CLOEXEC) ? -errno : 0;
}

/* What signers have said to the herald and nobody has read yet is in there. */
static int take_notices(struct crew *crew, const int numbers[])
{
    for (int i = 0; i < 2; i++) {
        if (fcntl(numbers[i], F_SETFD, FD_CLOEXEC))
            return -errno;
        if (!crew->herald) {
            descriptor_close(numbers[i]);
            continue;
        }
        descriptor_close(crew->notices[i]);
        crew->notices[i] = numbers[i];
    }
    return 0;
}

static struct child *place_of(struct crew *crew, enum child_kind kind, unsigned index)
{
    if (kind == CHILD_SIGNER)
        return index < crew->signer_count ? &crew->signers[index] : NULL;
    if (kind == CHILD_FRONT)
        return &crew->former;
    return kind == CHILD_HERALD ? crew->herald : kind == CHILD_EXPORTER ? crew->exporter : NULL;
}

static int take_child(struct crew *crew, const int numbers[])
{
    struct child *child = place_of(crew, numbers[0], (unsigned)numbers[1]);

    if (fcntl(numbers[3], F_SETFD, FD_CLOEXEC))
        return -errno;
    if (!child) { /* it leaves, as nobody holds the other end */
        descriptor_close(numbers[3]);
        return 0;
    }
    child->pid = numbers[2];
    child->control = numbers[3];
    child->state = CHILD_UP;
    child->is_inherited = true;
    return 0;
}

static const struct word {
    char letter;
    int numbers;
    int (*take)(struct crew *crew, const int numbers[]);
} words[] = {
    { 'c', 4, take_child },   { 'h', 1, take_http },   { 'm', 1, take_metrics },
    { 'n', 2, take_notices }, { 's', 2, take_socket },
};

static int take_word(struct crew *crew, const char *text)
{
    const struct word *word;
    int numbers[NUMBERS_MAX];
    int count = sscanf(text + 1, "%d.%d.%d.%d", &numbers[0], &numbers[1], &numbers[2], &numbers[3]);

    for (EACH_ROW(word, words))
        if (word->letter == *text && word->numbers == count)
            return word->take(crew, numbers);
    return -EBADMSG;
}

/* What comes after our own process id; NULL: nothing is ours. */
static const char *pending(void)
{
    const char *text = getenv(VARIABLE);
    char *end;

    return text && strtol(text, &end, 10) == (long)getpid() && *end == ' ' ? end : NULL;
}

bool handover_is_pending(void)
{
    return pending() != NULL;
}

int handover_take(struct crew *crew)
{
    const char *text = pending();
    CLEANUP(free_string) char *copy = text ? strdup(text) : NULL;
    char *rest = copy, *word;
    int error = copy ? 0 : -ENOMEM;

    unsetenv(VARIABLE);
    crew->sockets = (struct sockets){ .http = -1, .metrics = -1 };
    while (!error && (word = strsep(&rest, " ")))
        if (*word)
            error = take_word(crew, word);
    return error;
}
