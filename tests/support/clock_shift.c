/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock_shift.c - preloaded into a daemon: the wall clock is off by as many seconds as stand in CLOCK_SHIFT_FILE (eight
 * bytes, this machine's order), from one moment to the next. Other clocks go on as they do.
 *
 * Everything is opened at the start: a sandbox that is entered later needs no new system call for it, which is why this
 * is not libfaketime.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *shift_s;
static int (*real_clock_gettime)(clockid_t clock, struct timespec *ret);

__attribute__((constructor)) static void open_file(void)
{
    const char *path = getenv("CLOCK_SHIFT_FILE");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *mapped = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*shift_s), PROT_READ, MAP_SHARED, fd, 0);

    *(void **)&real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime"); /* POSIX's way, dlsym(3) */
    if (!real_clock_gettime || mapped == MAP_FAILED)
        abort();
    shift_s = mapped;
    close(fd);
}

__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, struct timespec *ret)
{
    int r;

    if (!shift_s) /* another library's constructor came first */
        open_file();
    r = real_clock_gettime(clock, ret);
    if (r == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        ret->tv_sec += (time_t)*shift_s;
    return r;
}

__attribute__((visibility("default"))) time_t time(time_t *ret)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (ret)
        *ret = now.tv_sec;
    return now.tv_sec;
}

__attribute__((visibility("default"))) int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
    struct timespec now;

    (void)zone;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    *ret = (struct timeval){ .tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000 };
    return 0;
}
