/* SPDX-License-Identifier: Apache-2.0 */
/* debug.c - lines of trace, and the names of return values. */
#include "module/core/debug.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "include/table.h"
#include "proto/pkcs11_more.h"

#define LINE_MAX_LEN 1024 /* a longer line is cut: one write() each */

struct rv_name {
    CK_RV rv;
    const char *name;
};

#define NAME(rv)                                                                                             \
    {                                                                                                        \
        rv, #rv                                                                                              \
    }
static const struct rv_name rv_names[] = {
    /* sorted by value */
    NAME(CKR_OK),
    NAME(CKR_HOST_MEMORY),
    NAME(CKR_SLOT_ID_INVALID),
    NAME(CKR_GENERAL_ERROR),
    NAME(CKR_FUNCTION_FAILED),
    NAME(CKR_ARGUMENTS_BAD),
    NAME(CKR_NO_EVENT),
    NAME(CKR_ATTRIBUTE_READ_ONLY),
    NAME(CKR_ATTRIBUTE_SENSITIVE),
    NAME(CKR_ATTRIBUTE_TYPE_INVALID),
    NAME(CKR_ATTRIBUTE_VALUE_INVALID),
    NAME(CKR_ACTION_PROHIBITED),
    NAME(CKR_DATA_INVALID),
    NAME(CKR_DATA_LEN_RANGE),
    NAME(CKR_DEVICE_ERROR),
    NAME(CKR_DEVICE_MEMORY),
    NAME(CKR_DEVICE_REMOVED),
    NAME(CKR_FUNCTION_NOT_PARALLEL),
    NAME(CKR_FUNCTION_NOT_SUPPORTED),
    NAME(CKR_KEY_HANDLE_INVALID),
    NAME(CKR_KEY_SIZE_RANGE),
    NAME(CKR_KEY_TYPE_INCONSISTENT),
    NAME(CKR_KEY_INDIGESTIBLE),
    NAME(CKR_KEY_FUNCTION_NOT_PERMITTED),
    NAME(CKR_MECHANISM_INVALID),
    NAME(CKR_MECHANISM_PARAM_INVALID),
    NAME(CKR_OBJECT_HANDLE_INVALID),
    NAME(CKR_OPERATION_ACTIVE),
    NAME(CKR_OPERATION_NOT_INITIALIZED),
    NAME(CKR_PIN_INCORRECT),
    NAME(CKR_PIN_INVALID),
    NAME(CKR_PIN_LEN_RANGE),
    NAME(CKR_PIN_LOCKED),
    NAME(CKR_SESSION_CLOSED),
    NAME(CKR_SESSION_COUNT),
    NAME(CKR_SESSION_HANDLE_INVALID),
    NAME(CKR_SESSION_PARALLEL_NOT_SUPPORTED),
    NAME(CKR_SESSION_READ_ONLY),
    NAME(CKR_SIGNATURE_INVALID),
    NAME(CKR_SIGNATURE_LEN_RANGE),
    NAME(CKR_TEMPLATE_INCOMPLETE),
    NAME(CKR_TEMPLATE_INCONSISTENT),
    NAME(CKR_TOKEN_NOT_PRESENT),
    NAME(CKR_TOKEN_WRITE_PROTECTED),
    NAME(CKR_USER_ALREADY_LOGGED_IN),
    NAME(CKR_USER_NOT_LOGGED_IN),
    NAME(CKR_USER_PIN_NOT_INITIALIZED),
    NAME(CKR_USER_TYPE_INVALID),
    NAME(CKR_USER_ANOTHER_ALREADY_LOGGED_IN),
    NAME(CKR_RANDOM_SEED_NOT_SUPPORTED),
    NAME(CKR_CURVE_NOT_SUPPORTED),
    NAME(CKR_BUFFER_TOO_SMALL),
    NAME(CKR_CRYPTOKI_NOT_INITIALIZED),
    NAME(CKR_CRYPTOKI_ALREADY_INITIALIZED),
};

const char *debug_rv_name(CK_RV rv)
{
    const struct rv_name *row;

    for (EACH_ROW(row, rv_names)) {
        if (row->rv == rv)
            return row->name;
    }
    return "CKR_?";
}

void debug_open(struct debug *debug, const char *target)
{
    debug->fd = -1;
    if (!target || !*target)
        return;
    /* A descriptor of our own even for stderr: the host may close its 2 and open something else there. */
    if (strcmp(target, "stderr") == 0)
        debug->fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    else
        debug->fd = open(target, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);
}

void debug_close(struct debug *debug)
{
    if (debug->fd >= 0)
        close(debug->fd);
    debug->fd = -1;
}

/* "HH:MM:SS.mmm privyseal[pid/tid] " */
static size_t write_stamp(char *line, size_t size)
{
    struct timespec now;
    struct tm parts;
    int len;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    len = snprintf(line, size, "%02d:%02d:%02d.%03ld privyseal[%d/%d] ", parts.tm_hour, parts.tm_min,
                   parts.tm_sec, now.tv_nsec / 1000000, (int)getpid(), (int)gettid());
    return len > 0 ? (size_t)len : 0;
}

void debug_line(const struct debug *debug, const char *format, ...)
{
    char line[LINE_MAX_LEN];
    size_t used;
    va_list args;
    int len;

    if (debug->fd < 0)
        return;
    used = write_stamp(line, sizeof(line));
    va_start(args, format);
    len = vsnprintf(line + used, sizeof(line) - used - 1, format, args);
    va_end(args);
    if (len < 0)
        return;
    used = strlen(line);
    line[used] = '\n';
    /* A full disk or a closed pipe must not disturb the host. */
    if (write(debug->fd, line, used + 1) < 0)
        return;
}
