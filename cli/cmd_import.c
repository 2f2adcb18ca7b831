/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_import.c - user import: many users from a file.
 *
 * The file is checked as a whole before the first user is added. What is there already is found equal or reported as
 * different, so an import that broke off is run again as it is. The report gets each batch before the next is asked for.
 */
#include "cli/commands.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/activation.h"
#include "cli/connect.h"
#include "cli/csv.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/user_file.h"
#include "include/table.h"
#include "proto/name.h"
#include "proto/pack.h"
#include "proto/token_policy.h"

#define RESULTS (PRIVYSEAL__V1__NEW_USER_RESULT__NEW_USER_REFUSED + 1)

/* An import under way. */
struct import {
    struct cli *cli;
    struct user_file file;
    FILE *report; /* NULL: none wanted, and codes go to standard output */
    json_t *rows; /* what standard output gets */
    size_t counts[RESULTS];
};

static void import_clear(struct import *import)
{
    user_file_clear(&import->file);
    json_decref(import->rows);
    if (import->report)
        fclose(import->report);
}
DEFINE_CLEAR(import_clear, struct import);

/* ---------------------------------------------------------------------------------------------- the report */

/* Activation codes are in it: it is made for its owner alone, and one that others may read is not written to. */
static enum cli_exit open_report(struct import *import, const char *path)
{
    int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    struct stat status;
    char last;

    if (fd < 0 || fstat(fd, &status) < 0)
        return cli_fail(import->cli, CLI_REFUSED, "Choose another place for the report.", "%s: %s", path,
                        strerror(errno));
    if (status.st_mode & 077) {
        close(fd);
        return cli_fail(import->cli, CLI_REFUSED,
                        "Make it its owner's alone (chmod 600), or name another file.",
                        "%s can be read by others", path);
    }
    import->report = fdopen(fd, "a");
    if (!import->report)
        return cli_fail(import->cli, CLI_REFUSED, "Choose another place for the report.", "%s: %s", path,
                        strerror(errno));
    if (status.st_size == 0)
        fputs("user,result,activation_code,good_until,why\n", import->report);
    else if (pread(fd, &last, 1, status.st_size - 1) != 1 || last != '\n')
        putc(
            '\n',
            import
                ->report); /* whoever wrote before was killed in the midst of a line, or had no room for it */
    return CLI_DONE;
}

static void report(struct import *import, const json_t *row)
{
    static const char *const members[] = { "user", "result", "activation_code", "good_until", "why" };

    for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
        if (i)
            putc(',', import->report);
        csv_write_field(import->report, json_string_value(json_object_get(row, members[i])));
    }
    putc('\n', import->report);
}

/* On the disk before the next batch: a code that nobody wrote down is a user who cannot begin. */
static enum cli_exit settle_report(struct import *import)
{
    if (!import->report || (fflush(import->report) == 0 && fsync(fileno(import->report)) == 0))
        return CLI_DONE;
    return cli_fail(import->cli, CLI_REFUSED,
                    "Make room and run it again with --new-codes for those who have no code.",
                    "the report cannot be written: %s", strerror(errno));
}

/* ----------------------------------------------------------------------------------------------- one batch */

static enum cli_exit take_answer(struct import *import, const struct new_user *user,
                                 const Privyseal__V1__NewUserAnswer *answer)
{
    CLEANUP(json_decref) json_t *row = activation_row(user->user, answer);

    if (!row)
        return cli_fail(import->cli, CLI_REFUSED, NULL, "the server's answer cannot be understood");
    import->counts[answer->result]++;
    if (import->report)
        report(import, row);
    else
        json_array_append(import->rows, row);
    return CLI_DONE;
}

/* A request borrows from its row. */
struct wire_user {
    Privyseal__V1__NewUser message;
    Privyseal__V1__TokenPolicy policy;
    char *groups[GROUPS_PER_TOKEN_MAX];
};

static void fill_user(struct new_user *user, struct wire_user *wire)
{
    privyseal__v1__new_user__init(&wire->message);
    privyseal__v1__token_policy__init(&wire->policy);
    token_policy_to_message(&user->policy, &wire->policy);
    for (size_t i = 0; i < user->group_count; i++)
        wire->groups[i] = user->groups[i];
    wire->message.user = user->user;
    wire->message.custody = user->custody;
    wire->message.activation_hours = user->hours;
    wire->message.policy = &wire->policy;
    wire->message.set = (char **)user->set;
    wire->message.n_set = user->set_count;
    wire->message.group = wire->groups;
    wire->message.n_group = user->group_count;
}

static enum cli_exit import_batch(struct import *import, size_t from, size_t count)
{
    Privyseal__V1__AddUsersRequest request = PRIVYSEAL__V1__ADD_USERS_REQUEST__INIT;
    Privyseal__V1__NewUser *users[NEW_USERS_MAX];
    struct wire_user wires[NEW_USERS_MAX];
    CLEANUP(free_message) ProtobufCMessage *message = NULL;
    const Privyseal__V1__AddUsersResponse *reply;
    enum cli_exit status;

    for (size_t i = 0; i < count; i++) {
        fill_user(&import->file.users[from + i], &wires[i]);
        users[i] = &wires[i].message;
    }
    request.user = users;
    request.n_user = count;
    request.new_codes = cli_option(import->cli, "new-codes") != NULL;
    status = connect_operate(import->cli, "adding users", METHOD_AddUsers, &request.base, &message);
    if (status != CLI_DONE)
        return status;
    reply = (const Privyseal__V1__AddUsersResponse *)message;
    if (reply->n_user != count)
        return cli_fail(import->cli, CLI_REFUSED, NULL, "the server answered about %zu users of %zu",
                        reply->n_user, count);
    for (size_t i = 0; status == CLI_DONE && i < count; i++)
        status = take_answer(import, &import->file.users[from + i], reply->user[i]);
    return status == CLI_DONE ? settle_report(import) : status;
}

/* ------------------------------------------------------------------------------------------------ the whole */

static enum cli_exit import_all(struct import *import)
{
    size_t total = import->file.count;
    struct progress progress = progress_start("users", total);
    enum cli_exit status = CLI_DONE;

    for (size_t done = 0; status == CLI_DONE && done < total; done += NEW_USERS_MAX) {
        size_t count = total - done < NEW_USERS_MAX ? total - done : NEW_USERS_MAX;

        status = import_batch(import, done, count);
        for (size_t i = 0; i < count; i++)
            progress_step(&progress);
    }
    progress_end(&progress);
    return status;
}

/* One value, whatever came of it: what was done, and, where it ended early with @status, @failure's "error". */
static enum cli_exit print_sums(struct import *import, enum cli_exit status, json_t *failure)
{
    const size_t *counts = import->counts;
    size_t bad = counts[PRIVYSEAL__V1__NEW_USER_RESULT__NEW_USER_DIFFERS] +
                 counts[PRIVYSEAL__V1__NEW_USER_RESULT__NEW_USER_REFUSED];
    size_t good = counts[PRIVYSEAL__V1__NEW_USER_RESULT__NEW_USER_ADDED] +
                  counts[PRIVYSEAL__V1__NEW_USER_RESULT__NEW_USER_EXISTS];
    CLEANUP(json_decref) json_t *object = json_object();

    for (unsigned i = 0; i < RESULTS; i++)
        json_object_set_new(object, activation_result_word((Privyseal__V1__NewUserResult)i),
                            json_integer((json_int_t)counts[i]));
    if (!import->report)
        json_object_set(object, "users", import->rows);
    json_object_update(object, failure);
    (void)output_object(import->cli, object);
    if (bad == 0 && status == CLI_DONE)
        return CLI_DONE;
    return good ? CLI_PARTIAL : CLI_REFUSED;
}

/* Whether the server answered about anybody: then that has to be told, for codes are nowhere else. */
static bool has_begun(const struct import *import)
{
    bool is_any = false;

    for (unsigned i = 0; i < RESULTS; i++)
        is_any |= import->counts[i] > 0;
    return is_any;
}

static enum cli_exit run(struct import *import)
{
    CLEANUP(json_decref) json_t *failure = json_object();
    enum cli_exit status;

    import->cli->partial = failure;
    status = import_all(import);
    import->cli->partial = NULL;
    if (status == CLI_DONE || has_begun(import))
        return print_sums(import, status, failure);
    if (import->cli->is_json)
        (void)output_object(import->cli, failure);
    return status;
}

enum cli_exit cmd_user_import(struct cli *cli)
{
    CLEANUP(import_clear) struct import import = { .cli = cli, .rows = json_array() };
    const char *report_path = cli_option(cli, "report");
    enum cli_exit status = user_file_read(cli, cli->args[0], &import.file);

    if (status == CLI_DONE && cli_option(cli, "check"))
        return output_done(cli, json_pack("{s:I}", "users", (json_int_t)import.file.count),
                           "%s: %zu users, no faults. Nothing was done.", cli->args[0], import.file.count);
    if (status == CLI_DONE && report_path)
        status = open_report(&import, report_path);
    return status == CLI_DONE ? run(&import) : status;
}
