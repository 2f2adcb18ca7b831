/* SPDX-License-Identifier: Apache-2.0 */
/*
 * child.c - the steps between fork() and the work, in the order in which they are possible: what needs root first,
 * then the new user, then what a change of user would undo. The first that fails ends the child.
 */
#include "proxy/child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "include/descriptor.h"
#include "include/table.h"

/* What a step knows besides the plan. */
struct start {
    const struct child_plan *plan;
    pid_t supervisor;
};

/* All digits. Errors: -ENOENT (not a number, or none of a user). */
static int parse_uid(const char *text, uid_t *ret)
{
    unsigned long value;
    char *end;

    errno = 0;
    value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || errno || value >= (uid_t)-1)
        return -ENOENT;
    *ret = (uid_t)value;
    return 0;
}

int identity_resolve(const char *user, struct identity *ret)
{
    const struct passwd *passwd;
    struct identity identity;

    if (parse_uid(user, &identity.uid) == 0) {
        passwd = getpwuid(identity.uid);
        identity.gid = passwd ? passwd->pw_gid : (gid_t)identity.uid;
    } else {
        passwd = getpwnam(user);
        if (!passwd)
            return -ENOENT;
        identity = (struct identity){ passwd->pw_uid, passwd->pw_gid };
    }
    if (identity.uid == 0)
        return -EPERM;
    *ret = identity;
    return 0;
}

/* --------------------------------------------------------------------------------------------------- the steps */

/* The supervisor tells its children what to do over their sockets; a terminal's ^C is meant for the supervisor. */
static int reset_signals(const struct start *start)
{
    static const int ignored[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR2, SIGPIPE };
    const int *signal_number;
    sigset_t none;

    (void)start;
    for (EACH_ROW(signal_number, ignored))
        signal(*signal_number, SIG_IGN);
    sigemptyset(&none);
    return sigprocmask(SIG_SETMASK, &none, NULL) ? -errno : 0;
}

static int compare_ints(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* Closes the gaps between those that stay. */
static int close_descriptors(const struct start *start)
{
    int keep[CHILD_KEEP_MAX];
    unsigned next = STDERR_FILENO + 1;

    memcpy(keep, start->plan->keep, sizeof(keep));
    qsort(keep, CHILD_KEEP_MAX, sizeof(keep[0]), compare_ints);
    for (size_t i = 0; i < CHILD_KEEP_MAX; i++) {
        if (keep[i] < (int)next)
            continue;
        if ((unsigned)keep[i] > next && close_range(next, (unsigned)keep[i] - 1, 0))
            return -errno;
        next = (unsigned)keep[i] + 1;
    }
    return close_range(next, ~0U, 0) ? -errno : 0;
}

/* The hard limit is the most there is, unless we may raise it; the front then refuses connections beyond it. */
static int raise_descriptors(rlim_t wanted)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files))
        return -errno;
    if (wanted <= files.rlim_cur)
        return 0;
    if (wanted > files.rlim_max && !setrlimit(RLIMIT_NOFILE, &(struct rlimit){ wanted, wanted }))
        return 0;
    if (wanted > files.rlim_max)
        log_event(LOG_LEVEL_WARNING, "child.descriptors", "wanted=%llu allowed=%llu",
                  (unsigned long long)wanted, (unsigned long long)files.rlim_max);
    files.rlim_cur = wanted < files.rlim_max ? wanted : files.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &files) ? -errno : 0;
}

static int set_limits(const struct start *start)
{
    const struct rlimit no_core = { 0, 0 };

    return setrlimit(RLIMIT_CORE, &no_core) ? -errno : raise_descriptors(start->plan->descriptors);
}

/* A directory that was removed while we are in it: empty, and no name can ever be put into it. */
static int enter_jail(const struct start *start)
{
    CLEANUP(descriptor_close) int directory = -1;
    char name[] = "empty-XXXXXX";

    if (!start->plan->is_jailed)
        return 0;
    if (!mkdtemp(name))
        return -errno;
    directory = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (rmdir(name) || directory < 0 || fchdir(directory) || chroot("."))
        return -errno;
    return 0;
}

static int drop_root(const struct start *start)
{
    const struct identity *identity = start->plan->identity;

    if (!identity)
        return 0;
    if (setgroups(0, NULL) || setresgid(identity->gid, identity->gid, identity->gid) ||
        setresuid(identity->uid, identity->uid, identity->uid))
        return -errno;
    return setresuid(0, 0, 0) == 0 ? -EPERM : 0; /* there must be no way back */
}

/* After the change of user, which makes the kernel forget some of it (prctl(2), PR_SET_PDEATHSIG, PR_SET_DUMPABLE). */
static int lock_down(const struct start *start)
{
    umask(077);
    /* ps -o comm, pgrep -x: "front", "signer 0". */
    if (prctl(PR_SET_NAME, start->plan->speaker) || prctl(PR_SET_PDEATHSIG, SIGKILL) ||
        prctl(PR_SET_DUMPABLE, 0) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return -errno;
    return getppid() == start->supervisor ? 0 : -ESRCH; /* it died before it was watched */
}

static const struct step {
    const char *name;
    int (*take)(const struct start *start);
} steps[] = {
    { "reset its signals", reset_signals },
    { "close descriptors", close_descriptors },
    { "set its limits", set_limits },
    { "enter its jail", enter_jail },
    { "drop root", drop_root },
    { "lock itself down", lock_down },
};

static int run(const struct start *start)
{
    const struct step *step;
    int error;

    log_open(start->plan->speaker, start->plan->log_level);
    for (EACH_ROW(step, steps)) {
        error = step->take(start);
        if (!error)
            continue;
        log_event(LOG_LEVEL_ERROR, "child.start", "cannot=\"%s\" why=\"%s\"", step->name, strerror(-error));
        return EX_OSERR;
    }
    return start->plan->run(start->plan->argument);
}

pid_t child_fork(const struct child_plan *plan)
{
    struct start start = { plan, getpid() };
    pid_t pid = fork();

    if (pid < 0)
        return -errno;
    if (pid == 0)
        exit(run(&start));
    return pid;
}
