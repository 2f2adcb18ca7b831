/* SPDX-License-Identifier: Apache-2.0 */
/* say.c - what a verb says: one JSON object, or one sentence of why not. */
#include <stdarg.h>
#include <stdio.h>
#include <sysexits.h>

#include "proxy/provision/verbs.h"

int provision_fail(int status, const char *format, ...)
{
    va_list arguments;

    fputs("privyseald: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return status;
}

int provision_print(const json_t *object)
{
    json_dumpf(object, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    putchar('\n');
    return fflush(stdout) == 0 ? EX_OK : EX_IOERR;
}
