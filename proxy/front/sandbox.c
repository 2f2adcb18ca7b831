/* SPDX-License-Identifier: Apache-2.0 */
/* sandbox.c - the list, and libseccomp to enforce it. */
#include "proxy/front/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "include/table.h"

DEFINE_CLEANUP(seccomp_release, scmp_filter_ctx);

static const int calls[] = {
    /* the event loop */
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(timerfd_settime),
    SCMP_SYS(sched_yield),
    /* sockets that are there, or come from the supervisor or a listener */
    SCMP_SYS(accept4),
    SCMP_SYS(recvmsg),
    SCMP_SYS(recvfrom),
    SCMP_SYS(sendmsg),
    SCMP_SYS(sendto),
    SCMP_SYS(read),
    SCMP_SYS(readv),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(shutdown),
    SCMP_SYS(close),
    SCMP_SYS(getsockopt),
    SCMP_SYS(setsockopt),
    /* TLS material in a memfd */
    SCMP_SYS(lseek),
    SCMP_SYS(pread64),
    /* memory */
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(mlock),
    SCMP_SYS(munlock),
    /* time, randomness, locks within the process */
    SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(getrandom),
    SCMP_SYS(getpid), /* OpenSSL looks for a fork */
    SCMP_SYS(futex),
    /* leaving */
    SCMP_SYS(restart_syscall),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
};

/* Calls that are harmless with some arguments only: argument @at, under @mask, must be @value. */
static const struct guarded_call {
    int call;
    unsigned at;
    scmp_datum_t mask, value;
} guarded_calls[] = {
    { SCMP_SYS(mmap), 2, PROT_EXEC, 0 },
    { SCMP_SYS(mprotect), 2, PROT_EXEC, 0 },
    { SCMP_SYS(fcntl), 1, ~(scmp_datum_t)0, F_GETFL },
    { SCMP_SYS(fcntl), 1, ~(scmp_datum_t)0, F_SETFL },
    { SCMP_SYS(fcntl), 1, ~(scmp_datum_t)0, F_SETFD },
    { SCMP_SYS(ioctl), 1, ~(scmp_datum_t)0, FIONREAD },
    { SCMP_SYS(sched_setscheduler), 0, ~(scmp_datum_t)0, 0 }, /* of itself (pace.h) */
};

#if defined(__SANITIZE_ADDRESS__)
#define HAS_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ADDRESS_SANITIZER 1
#endif
#endif

bool sandbox_is_built(void)
{
#ifdef HAS_ADDRESS_SANITIZER
    return false;
#else
    return true;
#endif
}

int sandbox_enter(void)
{
    CLEANUP(seccomp_release) scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    const struct guarded_call *guarded;
    const int *call;
    int error;

    if (!filter)
        return -ENOMEM;
    for (EACH_ROW(call, calls)) {
        error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, *call, 0);
        if (error)
            return error;
    }
    for (EACH_ROW(guarded, guarded_calls)) {
        error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, guarded->call, 1,
                                 SCMP_CMP(guarded->at, SCMP_CMP_MASKED_EQ, guarded->mask, guarded->value));
        if (error)
            return error;
    }
    return seccomp_load(filter); /* sets no_new_privs, too */
}
