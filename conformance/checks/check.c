/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check.c - runs each case in a process of its own and prints TAP.
 *
 * The child's standard output is a memory file: a module that prints there would break hosts whose standard output
 * is a protocol (OpenSSH's helper), so a single byte fails the case.
 */
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conformance/checks/check.h"
#include "conformance/checks/key.h"
#include "conformance/checks/name.h"

/* Longer than any deadline a module may have on a network, shorter than a person's patience. */
#define CASE_SECONDS 60

static unsigned cases, failed;

/* ---- what a case says ---- */

static void note(struct verdict *verdict, const char *format, va_list arguments)
{
    size_t used = strlen(verdict->notes), room = sizeof(verdict->notes) - used;
    int len;

    if (room < 8)
        return;
    memcpy(verdict->notes + used, "# ", 3);
    len = vsnprintf(verdict->notes + used + 2, room - 3, format, arguments);
    if (len > 0)
        strcat(verdict->notes, "\n");
}

PRINTF_LIKE(2, 3) static void note_failure(struct verdict *verdict, const char *format, ...)
{
    va_list arguments;

    verdict->failures++;
    va_start(arguments, format);
    note(verdict, format, arguments);
    va_end(arguments);
}

void check_note(struct check *check, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    note(check->verdict, format, arguments);
    va_end(arguments);
}

void expect_begin(struct check *check, const char *call)
{
    snprintf(check->verdict->doing, sizeof(check->verdict->doing), "%s", call);
}

bool expect_rv(struct check *check, const char *call, CK_RV got, const CK_RV *wanted, size_t count)
{
    char names[400] = "";

    check->verdict->doing[0] = '\0';
    for (size_t i = 0; i < count; i++)
        if (got == wanted[i])
            return true;
    for (size_t i = 0; i < count; i++) {
        size_t used = strlen(names);
        snprintf(names + used, sizeof(names) - used, "%s%s", i ? " or " : "", rv_name(wanted[i]));
    }
    note_failure(check->verdict, "%s gave %s, wanted %s", call, rv_name(got), names);
    return false;
}

bool expect_true(struct check *check, bool is_true, const char *format, ...)
{
    va_list arguments;

    if (is_true)
        return true;
    check->verdict->failures++;
    va_start(arguments, format);
    note(check->verdict, format, arguments);
    va_end(arguments);
    return false;
}

void check_end(struct check *check)
{
    (void)check;
    _exit(EXIT_SUCCESS);
}

void check_skip(struct check *check, const char *format, ...)
{
    va_list arguments;

    check->verdict->is_skipped = true;
    va_start(arguments, format);
    vsnprintf(check->verdict->reason, sizeof(check->verdict->reason), format, arguments);
    va_end(arguments);
    check_end(check);
}

/* ---- the stages ---- */

void check_load(struct check *check)
{
    CK_C_GetFunctionList get_function_list;

    check->library = dlopen(check->settings->module, RTLD_NOW | RTLD_LOCAL);
    if (!expect_true(check, check->library != NULL, "dlopen: %s", check->library ? "" : dlerror()))
        check_end(check);
    get_function_list = (CK_C_GetFunctionList)dlsym(check->library, "C_GetFunctionList");
    if (!expect_true(check, get_function_list != NULL, "the module exports no C_GetFunctionList"))
        check_end(check);
    if (!expect_true(check, get_function_list(&check->p11) == CKR_OK && check->p11,
                     "C_GetFunctionList failed"))
        check_end(check);
}

/* Cases start threads, so the module must lock. v3.1 5.4.1 (C_Initialize). */
static void initialize(struct check *check)
{
    CK_C_INITIALIZE_ARGS os_locking = { .flags = CKF_OS_LOCKING_OK };

    REQUIRE(check, C_Initialize(&os_locking));
}

/* Whether the token in @slot is the wanted one. Labels are padded with spaces. v3.1 3.2 (CK_TOKEN_INFO). */
static bool token_is_wanted(struct check *check, CK_SLOT_ID slot)
{
    const char *wanted = check->settings->token;
    char label[33];

    if (check->p11->C_GetTokenInfo(slot, &check->token) != CKR_OK ||
        !(check->token.flags & CKF_TOKEN_INITIALIZED))
        return false;
    if (!wanted)
        return true;
    snprintf(label, sizeof(label), "%-32.32s", wanted);
    return memcmp(label, check->token.label, sizeof(check->token.label)) == 0;
}

static void find_token(struct check *check)
{
    CK_SLOT_ID slots[256];
    CK_ULONG count = COUNT(slots);

    REQUIRE(check, C_GetSlotList(CK_TRUE, slots, &count));
    for (CK_ULONG i = 0; i < count; i++)
        if (token_is_wanted(check, slots[i])) {
            check->slot = slots[i];
            return;
        }
    check_skip(check, "no initialized token%s%s", check->settings->token ? " with the label " : "",
               check->settings->token ? check->settings->token : "");
}

CK_SESSION_HANDLE check_open(struct check *check)
{
    CK_SESSION_HANDLE session = CK_INVALID_HANDLE;

    REQUIRE(check, C_OpenSession(check->slot, CKF_SERIAL_SESSION, NULL, NULL, &session));
    return session;
}

static void open_session(struct check *check)
{
    check->session = check_open(check);
}

CK_RV check_login(struct check *check, CK_SESSION_HANDLE session)
{
    const char *pin = check->settings->pin;

    expect_begin(check, "C_Login(session, CKU_USER, pin, pin_len)");
    return check->p11->C_Login(session, CKU_USER, (CK_UTF8CHAR *)pin, strlen(pin));
}

static void log_in(struct check *check)
{
    if (!check->settings->pin)
        check_skip(check, "no PIN was given");
    if (!expect_rv(check, "C_Login(session, CKU_USER, pin, pin_len)", check_login(check, check->session),
                   (const CK_RV[]){ CKR_OK }, 1))
        check_end(check);
}

static void find_key(struct check *check)
{
    if (!key_find_any(check, &check->key, &check->mechanism))
        check_skip(check, "no private key of the token signs with a mechanism that the checks know");
}

static void (*const stages[])(struct check *check) = {
    [LOADED] = check_load,    [INITIALIZED] = initialize, [TOKEN] = find_token,
    [SESSION] = open_session, [LOGIN] = log_in,           [KEY] = find_key,
};

void check_reach(struct check *check, enum stage stage)
{
    enum stage reached = NOTHING;

    if (check->key.handle)
        reached = KEY;
    else if (check->session)
        reached = SESSION;
    else if (check->library)
        reached = LOADED;
    while (reached < stage)
        stages[++reached](check);
}

CK_STATE check_state(struct check *check, CK_SESSION_HANDLE session)
{
    CK_SESSION_INFO info = { 0 };

    REQUIRE(check, C_GetSessionInfo(session, &info));
    return info.state;
}

/* ---- processes and TAP ---- */

static void run_child(const struct settings *settings, const struct check_case *row, struct verdict *verdict,
                      int output)
{
    struct check check = { .settings = settings, .verdict = verdict, .data = row->data, .index = row->index };

    dup2(output, STDOUT_FILENO);
    alarm(CASE_SECONDS);
    check_reach(&check, row->needs);
    row->run(&check);
    check_end(&check);
}

static void judge_end(struct verdict *verdict, int status, int output)
{
    struct stat written;
    const char *where = verdict->doing[0] ? verdict->doing : "no call under way";

    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        note_failure(verdict, "no end after %d s: %s", CASE_SECONDS, where);
    else if (WIFSIGNALED(status))
        note_failure(verdict, "the process died of signal %d (%s): %s", WTERMSIG(status),
                     strsignal(WTERMSIG(status)), where);
    else if (WEXITSTATUS(status))
        note_failure(verdict, "the process ended with status %d: %s", WEXITSTATUS(status), where);
    if (fstat(output, &written) == 0 && written.st_size)
        note_failure(verdict, "the module wrote %ld bytes to standard output", (long)written.st_size);
}

void check_apart(const struct settings *settings, const struct check_case *row, struct verdict *verdict)
{
    int output = memfd_create("stdout", MFD_CLOEXEC), status = 0;
    pid_t child;

    fflush(stdout);
    child = fork();
    if (child == 0)
        run_child(settings, row, verdict, output);
    if (child < 0 || waitpid(child, &status, 0) != child)
        note_failure(verdict, "no process for the case: %s", strerror(errno));
    else
        judge_end(verdict, status, output);
    close(output);
}

static struct verdict *verdict_new(void)
{
    void *memory =
        mmap(NULL, sizeof(struct verdict), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED) {
        printf("Bail out! no shared memory: %s\n", strerror(errno));
        exit(EXIT_FAILURE);
    }
    return memory;
}

void check_run(const struct settings *settings, const struct check_case *row)
{
    struct verdict *verdict = verdict_new();

    check_apart(settings, row, verdict);
    cases++;
    if (verdict->failures)
        failed++;
    if (verdict->failures)
        printf("not ok %u - %s\n", cases, row->name);
    else if (verdict->is_skipped)
        printf("ok %u - %s # SKIP %s\n", cases, row->name, verdict->reason);
    else
        printf("ok %u - %s\n", cases, row->name);
    fputs(verdict->notes, stdout);
    munmap(verdict, sizeof(*verdict));
}

unsigned check_plan(void)
{
    printf("1..%u\n", cases);
    return failed;
}
