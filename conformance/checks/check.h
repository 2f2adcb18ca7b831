/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check.h - a case: what it needs, what it runs in, what it expects.
 *
 * Each case runs in a process of its own, which loads the module afresh: a module that crashes, hangs or is left in
 * a strange state by one case costs that case and no other. What a case finds out is written to a struct verdict in
 * memory that the parent shares, so it survives the process.
 *
 * Source: PKCS#11 v3.1; cases name the section they rest on. Where it allows several codes a case accepts the set.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <p11-kit/pkcs11.h>

#define PRINTF_LIKE(fmt, arg) __attribute__((format(printf, fmt, arg)))
#define COUNT(array)          (sizeof(array) / sizeof((array)[0]))

/* What the user asked for. */
struct settings {
    const char *module;
    const char *token; /* label, or NULL: the first token that can be used */
    const char *pin;   /* or NULL: no case that needs a login */
};

/* What a case needs; each stage includes those before it. */
enum stage {
    NOTHING,     /* not even the module is loaded */
    LOADED,      /* C_GetFunctionList answered */
    INITIALIZED, /* C_Initialize with locking by the system */
    TOKEN,       /* slot of a token that has been initialized */
    SESSION,     /* a read-only session */
    LOGIN,       /* the user is logged in */
    KEY,         /* a private key that signs, and a mechanism for it */
};

/* The outcome of a case, in memory shared with the parent. */
struct verdict {
    unsigned failures;
    bool is_skipped;
    char doing[200];  /* the call under way: what is shown if the process dies */
    char reason[200]; /* of a skip */
    char notes[8000]; /* lines for the reader, each beginning with "# " */
};

struct mechanism; /* mechanism.h */

/* One private key of the token and what names it. */
struct key {
    CK_OBJECT_HANDLE handle;
    CK_KEY_TYPE type;
    CK_BYTE id[128];
    CK_ULONG id_len;
    char label[64];
    CK_ULONG signature_len; /* bytes: a modulus, or two numbers of the curve's size */
};

struct check {
    const struct settings *settings;
    struct verdict *verdict;
    const void *data; /* of the case's row */
    size_t index;     /* likewise */

    void *library;                     /* from LOADED on */
    CK_FUNCTION_LIST *p11;             /* likewise */
    CK_SLOT_ID slot;                   /* from TOKEN on */
    CK_TOKEN_INFO token;               /* likewise */
    CK_SESSION_HANDLE session;         /* from SESSION on */
    struct key key;                    /* from KEY on */
    const struct mechanism *mechanism; /* likewise: takes any message if there is such a mechanism */
};

/* A row in a table of cases; a table ends with a row without a name. */
struct check_case {
    const char *name; /* situation, then outcome */
    enum stage needs;
    void (*run)(struct check *check);
    const void *data;
    size_t index;
};

/* Runs one case in a process of its own and prints its line of TAP. */
void check_run(const struct settings *settings, const struct check_case *row);

/* Runs @work as a case would be, without a line of TAP: the parent itself never loads the module. */
void check_apart(const struct settings *settings, const struct check_case *row, struct verdict *verdict);

/* Prints the plan; returns the number of failed cases. */
unsigned check_plan(void);

/* Calls @call (a function of the 2.40 list) and expects CKR_OK, or one of the codes that follow; true if it came. */
#define EXPECT(check, call, ...) EXPECT_CALL(check, call, #call, __VA_ARGS__)

/* As EXPECT for CKR_OK, and the case ends here if something else comes. */
#define REQUIRE(check, call)                                                                                 \
    do {                                                                                                     \
        if (!EXPECT_CALL(check, call, #call, CKR_OK))                                                        \
            check_end(check);                                                                                \
    } while (0)

#define EXPECT_CALL(check, call, text, ...)                                                                  \
    expect_rv((check), (text), (expect_begin((check), (text)), (check)->p11->call),                          \
              (const CK_RV[]){ __VA_ARGS__ }, sizeof((const CK_RV[]){ __VA_ARGS__ }) / sizeof(CK_RV))

void expect_begin(struct check *check, const char *call);
bool expect_rv(struct check *check, const char *call, CK_RV got, const CK_RV *wanted, size_t count);

/* Records a failure, told by @format, unless @is_true; returns @is_true. */
PRINTF_LIKE(3, 4) bool expect_true(struct check *check, bool is_true, const char *format, ...);

/* A line for the reader that is no failure. */
PRINTF_LIKE(2, 3) void check_note(struct check *check, const char *format, ...);

/* The case does not apply to this module; does not return. */
PRINTF_LIKE(2, 3) __attribute__((noreturn)) void check_skip(struct check *check, const char *format, ...);

/* Ends the case with what has been found so far. */
__attribute__((noreturn)) void check_end(struct check *check);

/* Brings the case to @stage, from wherever it is; ends or skips the case if that fails. */
void check_reach(struct check *check, enum stage stage);

/* Loads the module once more (after dlclose, or in another process). */
void check_load(struct check *check);

/* C_Login with the PIN of the settings. */
CK_RV check_login(struct check *check, CK_SESSION_HANDLE session);

/* A read-only session on the token; ends the case if there is none. */
CK_SESSION_HANDLE check_open(struct check *check);

/* The state of @session (C_GetSessionInfo). */
CK_STATE check_state(struct check *check, CK_SESSION_HANDLE session);
