/* SPDX-License-Identifier: Apache-2.0 */
/* test_child.c - what a child of the supervisor has left, seen from inside it. Cases of root's are empty without root. */
#include "proxy/child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "tests/support/suite.h"

#define NOBODY_HERE "64399" /* a uid without an entry in passwd */

#define NO  40 /* exit statuses that nothing else has */
#define YES 41

/* The leak checker wants to look into a child that must not be looked into. */
const char *__asan_default_options(void);
__attribute__((visibility("default"))) const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

static int answer(bool is_so)
{
    return is_so ? YES : NO;
}

/* The exit status of a child that runs @run, a question with a yes or no for an answer, as one with @plan. */
static int ask(struct child_plan plan, int (*run)(void *argument), void *argument)
{
    int status;
    pid_t pid;

    plan.speaker = "child";
    plan.log_level = LOG_LEVEL_ERROR;
    plan.run = run;
    plan.argument = argument;
    pid = child_fork(&plan);
    ck_assert_int_gt(pid, 0);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

#define NOTHING_KEPT .keep = { -1, -1, -1, -1 }

static int is_open(void *argument)
{
    return answer(fcntl(*(int *)argument, F_GETFD) >= 0);
}

START_TEST(descriptors_that_are_not_kept_are_closed)
{
    int kept = open("/dev/null", O_RDONLY), lost = open("/dev/null", O_RDONLY);
    struct child_plan plan = { .keep = { -1, kept, -1, -1 } };

    ck_assert_int_eq(ask(plan, is_open, &kept), YES);
    ck_assert_int_eq(ask(plan, is_open, &lost), NO);
    ck_assert_int_eq(is_open(&lost), YES); /* here it is still */
    close(kept);
    close(lost);
}
END_TEST

static int is_locked_down(void *argument)
{
    struct rlimit core;

    (void)argument;
    return answer(getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0 && prctl(PR_GET_DUMPABLE) == 0 &&
                  prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 && umask(0) == 077);
}

START_TEST(child_dumps_no_core_gains_no_privilege_and_shares_no_file)
{
    ck_assert_int_eq(ask((struct child_plan){ NOTHING_KEPT }, is_locked_down, NULL), YES);
}
END_TEST

static int dies_with_parent(void *argument)
{
    int number = 0;

    (void)argument;
    return answer(prctl(PR_GET_PDEATHSIG, &number) == 0 && number == SIGKILL);
}

START_TEST(child_dies_with_the_supervisor_even_as_another_user)
{
    struct identity identity;
    struct child_plan plan = { NOTHING_KEPT };

    ck_assert_int_eq(ask(plan, dies_with_parent, NULL), YES);
    ck_assert_int_eq(identity_resolve(NOBODY_HERE, &identity), 0);
    plan.identity = &identity;
    if (geteuid() == 0)
        ck_assert_int_eq(ask(plan, dies_with_parent, NULL), YES);
}
END_TEST

static int ignores_signals_of_the_terminal(void *argument)
{
    (void)argument;
    raise(SIGINT);
    raise(SIGTERM);
    raise(SIGHUP);
    return YES;
}

START_TEST(signals_meant_for_the_supervisor_do_not_end_a_child)
{
    ck_assert_int_eq(ask((struct child_plan){ NOTHING_KEPT }, ignores_signals_of_the_terminal, NULL), YES);
}
END_TEST

static int is_identity(void *argument)
{
    const struct identity *identity = argument;
    uid_t real, effective, saved;
    gid_t group, effective_group, saved_group;

    return answer(getresuid(&real, &effective, &saved) == 0 &&
                  getresgid(&group, &effective_group, &saved_group) == 0 && real == identity->uid &&
                  effective == identity->uid && saved == identity->uid && group == identity->gid &&
                  effective_group == identity->gid && saved_group == identity->gid &&
                  getgroups(0, NULL) == 0 && setuid(0) < 0);
}

START_TEST(root_is_dropped_for_good)
{
    struct identity identity;

    ck_assert_int_eq(identity_resolve(NOBODY_HERE, &identity), 0);
    if (geteuid() == 0)
        ck_assert_int_eq(
            ask((struct child_plan){ .identity = &identity, NOTHING_KEPT }, is_identity, &identity), YES);
}
END_TEST

static int is_in_empty_jail(void *argument)
{
    (void)argument;
    return answer(access("/etc", F_OK) < 0 && access("../../etc", F_OK) < 0 &&
                  open("/new", O_CREAT | O_WRONLY, 0600) < 0 && mkdir("/new", 0700) < 0);
}

START_TEST(jail_is_empty_and_stays_so_even_for_root)
{
    if (geteuid() == 0)
        ck_assert_int_eq(ask((struct child_plan){ .is_jailed = true, NOTHING_KEPT }, is_in_empty_jail, NULL),
                         YES);
}
END_TEST

START_TEST(child_that_cannot_be_locked_in_does_not_run)
{
    struct identity root_again = { 0, 0 }; /* "dropping" root to root leaves the way back open */

    if (geteuid() == 0)
        ck_assert_int_eq(
            ask((struct child_plan){ .identity = &root_again, NOTHING_KEPT }, is_identity, &root_again),
            EX_OSERR);
}
END_TEST

START_TEST(user_is_a_name_or_a_number)
{
    struct identity identity;

    ck_assert_int_eq(identity_resolve("64399", &identity), 0);
    ck_assert_uint_eq(identity.uid, 64399);
    ck_assert_uint_eq(identity.gid, 64399);
    ck_assert_int_eq(identity_resolve("daemon", &identity), 0);
    ck_assert_uint_ne(identity.uid, 0);
    ck_assert_int_eq(identity_resolve("nobody-of-this-name", &identity), -ENOENT);
}
END_TEST

START_TEST(root_is_no_user_to_run_as)
{
    struct identity identity;

    ck_assert_int_eq(identity_resolve("0", &identity), -EPERM);
    ck_assert_int_eq(identity_resolve("root", &identity), -EPERM);
    ck_assert_int_eq(identity_resolve("4294967295", &identity), -ENOENT);
    ck_assert_int_eq(identity_resolve("99999999999999999999", &identity), -ENOENT);
    ck_assert_int_eq(identity_resolve("", &identity), -ENOENT);
}
END_TEST

SUITE("child", descriptors_that_are_not_kept_are_closed,
      child_dumps_no_core_gains_no_privilege_and_shares_no_file,
      child_dies_with_the_supervisor_even_as_another_user,
      signals_meant_for_the_supervisor_do_not_end_a_child, root_is_dropped_for_good,
      jail_is_empty_and_stays_so_even_for_root, child_that_cannot_be_locked_in_does_not_run,
      user_is_a_name_or_a_number, root_is_no_user_to_run_as);
