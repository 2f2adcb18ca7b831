/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_restore.c - restore: a deployment made again from its backup, in two steps with the officers between them.
 *
 *   DIR/restore.request, .key   the first step's: the request for shares, and what opens the answers
 *   DIR/restore.rows            between the two programs of the second step, then gone
 * Everything else in DIR is as `init` laid it out, with a new HSM token, and belongs to the second step: if that fails,
 * it goes again, and the same shares are good for another try.
 */
#include "cli/commands.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/backup_trust.h"
#include "cli/daemon.h"
#include "cli/master_files.h"
#include "cli/output.h"
#include "cli/share_request.h"

#define REQUEST      "restore.request"
#define ROWS         "restore.rows"
#define SHARES_MAX   SHAMIR_SHARES_MAX
#define NOTE_MAX     160
#define FIXED_VALUES 7 /* of the daemon's arguments, before the shares */

struct restore {
    struct cli *cli;
    char directory[PATH_MAX], request[PATH_MAX + 32], rows[PATH_MAX + 32], config[PATH_MAX + 32];
    struct backup_file backup;
    int fd; /* of the entry that is being written */
};

static void restore_clear(struct restore *restore)
{
    backup_file_clear(&restore->backup);
}
DEFINE_CLEAR(restore_clear, struct restore);

/* ------------------------------------------------------------------------------------------------------ entries */

static int make_folders(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0755) < 0 && errno != EEXIST)
            return -errno;
        *slash = '/';
    }
    return 0;
}

static int on_begin(void *arg, const char *name, uint32_t mode)
{
    struct restore *restore = arg;
    bool is_store = strcmp(name, "store") == 0;
    char path[2 * PATH_MAX];
    int r;

    snprintf(path, sizeof(path), "%s/%s", restore->directory, is_store ? ROWS : name);
    r = make_folders(path);
    if (r < 0)
        return r;
    restore->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    return restore->fd < 0 || fchmod(restore->fd, mode & 0777) < 0 ? -errno : 0;
}

static int on_data(void *arg, struct bytes data)
{
    const struct restore *restore = arg;

    while (data.len > 0) {
        ssize_t written = write(restore->fd, data.data, data.len);

        if (written < 0)
            return -errno;
        data = BYTES(data.data + written, data.len - (size_t)written);
    }
    return 0;
}

static int on_end(void *arg)
{
    struct restore *restore = arg;
    int r = fsync(restore->fd) < 0 ? -errno : 0;

    close(restore->fd);
    restore->fd = -1;
    return r;
}

static enum cli_exit extract(struct restore *restore, const json_t *request, const json_t *answers,
                             const struct secret *request_key)
{
    static const struct backup_sink sink = { on_begin, on_data, on_end };
    CLEANUP(secret_free) struct secret *key = NULL;
    CLEANUP(free_string) char *why = NULL;
    int r = quorum_join(request, secret_bytes(request_key), answers, BACKUP_SECRET, &key, &why);

    if (r < 0)
        return cli_fail(restore->cli, CLI_REFUSED, "Ask the officers who are missing for their shares.",
                        "the backup stays closed: %s", why ? why : "the request was altered");
    r = backup_extract(&restore->backup, secret_bytes(key), &sink, restore);
    if (restore->fd >= 0)
        close(restore->fd);
    return r == 0 ? CLI_DONE
                  : cli_fail(restore->cli, CLI_REFUSED, NULL, "the backup's content: %s",
                             r == -EBADMSG ? "it does not open with the key of this request" : strerror(-r));
}

/* The state directory is the one the file is in now; where it was stays behind. */
static enum cli_exit move_config(const struct restore *restore)
{
    CLEANUP(free_string) char *line = NULL;
    char fresh[PATH_MAX + 64];
    FILE *from = fopen(restore->config, "re"), *to;
    size_t room = 0;
    bool is_written;

    snprintf(fresh, sizeof(fresh), "%s.new", restore->config);
    to = fopen(fresh, "we");
    while (from && to && getline(&line, &room, from) > 0)
        if (strncmp(line, "state", 5) != 0 || line[5 + strspn(line + 5, " \t")] != '=')
            fputs(line, to);
    is_written = to && fflush(to) == 0 && !ferror(to);
    if (from)
        fclose(from);
    if (to)
        fclose(to);
    return from && is_written && rename(fresh, restore->config) == 0
               ? CLI_DONE
               : cli_fail(restore->cli, CLI_REFUSED, NULL, "%s: %s", restore->config, strerror(errno));
}

static enum cli_exit write_files(struct restore *restore, const json_t *request, const json_t *answers,
                                 const struct secret *request_key)
{
    const json_t *master_backup = json_object_get(restore->backup.header, "master_backup");
    char path[PATH_MAX + 32];
    enum cli_exit status = extract(restore, request, answers, request_key);

    if (status == CLI_DONE)
        status = move_config(restore);
    snprintf(path, sizeof(path), "%s/" MASTER_BACKUP, restore->directory);
    if (status == CLI_DONE && master_backup)
        status = master_files_write(restore->cli, path, 0640, master_backup);
    return status;
}

/* ------------------------------------------------------------------------------------------------------ two steps */

/* Everything below the directory but the request: nftw() has no argument, and this is the end of the program. */
static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    const char *name = path + place->base;

    (void)info, (void)kind;
    if (place->level == 0 || (place->level == 1 && strncmp(name, REQUEST, strlen(REQUEST)) == 0))
        return 0;
    return remove(path);
}

static json_t *sealed_secrets(const struct restore *restore)
{
    json_t *secrets = json_array();
    json_t *master = json_object_get(json_object_get(restore->backup.header, "master_backup"), "secret");

    json_array_append(secrets, json_object_get(restore->backup.header, "secret"));
    if (master)
        json_array_append(secrets, master);
    return secrets;
}

static void time_text(const struct restore *restore, char ret[32])
{
    time_t when = (time_t)json_integer_value(json_object_get(restore->backup.header, "time"));
    struct tm utc = { 0 };

    gmtime_r(&when, &utc);
    strftime(ret, 32, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

static enum cli_exit ask(struct restore *restore)
{
    CLEANUP(json_decref) json_t *secrets = sealed_secrets(restore);
    char purpose[96], when[32];

    if (rmdir(restore->directory) < 0 || mkdir(restore->directory, 0755) < 0)
        return cli_fail(restore->cli, CLI_REFUSED, "Choose a new directory, or an empty one.", "%s: %s",
                        restore->directory, strerror(errno));
    time_text(restore, when);
    snprintf(purpose, sizeof(purpose), "restore the backup of %s", when);
    return share_request_make(restore->cli, restore->request, json_read_text(restore->backup.header, "realm"),
                              purpose, secrets);
}

static enum cli_exit run_daemon(struct restore *restore, const char *fingerprint, json_t **ret)
{
    const char *arguments[FIXED_VALUES + SHARES_MAX + 1] = { "restore", "--request",   restore->request,
                                                             "--rows",  restore->rows, "--note" };
    char *shares[SHARES_MAX] = { NULL };
    char note[NOTE_MAX], when[32];
    enum cli_exit status;
    int count = restore->cli->arg_count - 2;

    time_text(restore, when);
    snprintf(note, sizeof(note), "goes on from the backup of %s on %.60s, by request %s", when,
             json_read_text(restore->backup.header, "host"), fingerprint);
    arguments[FIXED_VALUES - 1] = note;
    for (int i = 0; i < count; i++)
        arguments[FIXED_VALUES + i] = shares[i] = daemon_path(restore->cli->args[2 + i]);
    status = daemon_run(restore->cli, restore->config, arguments, ret);
    for (int i = 0; i < count; i++)
        free(shares[i]);
    return status;
}

static enum cli_exit report(const struct restore *restore, json_t *result)
{
    enum cli_exit status;

    json_object_set_new(result, "directory", json_string(restore->directory));
    status = output_object(restore->cli, result);
    output_say(restore->cli,
               "\nNext: privyseald --config %s\n"
               "      privyseal audit verify: every log says that it goes on from a backup.\n"
               "What happened after the backup is not there: PINs that were changed are the old ones, "
               "failures that\n"
               "were counted are forgotten. docs/operating.md says whom to tell, and what to revoke.",
               restore->config);
    return status;
}

static enum cli_exit make_again(struct restore *restore)
{
    CLEANUP(json_decref) json_t *request = NULL;
    CLEANUP(json_decref) json_t *answers = NULL;
    CLEANUP(json_decref) json_t *result = NULL;
    CLEANUP(secret_free) struct secret *key = NULL;
    struct cli *cli = restore->cli;
    char fingerprint[FINGERPRINT_LEN];
    enum cli_exit status;

    if (cli->arg_count - 2 > SHARES_MAX)
        return cli_fail(cli, CLI_USAGE, NULL, "more than %d shares", SHARES_MAX);
    status = share_request_load(cli, restore->request, cli->args + 2, cli->arg_count - 2, &request, &answers,
                                &key);
    if (status == CLI_DONE)
        status = share_request_fingerprint(cli, request, fingerprint);
    if (status != CLI_DONE)
        return status;
    status = write_files(restore, request, answers, key);
    if (status == CLI_DONE)
        status = run_daemon(restore, fingerprint, &result);
    unlink(restore->rows);
    if (status != CLI_DONE) {
        nftw(restore->directory, remove_entry, 8, FTW_PHYS | FTW_DEPTH);
        return status;
    }
    share_request_remove(restore->request);
    return report(restore, result);
}

enum cli_exit cmd_restore(struct cli *cli)
{
    CLEANUP(restore_clear) struct restore restore = { .cli = cli, .fd = -1 };
    const char *given = cli->args[1];
    enum cli_exit status = backup_trust_open(cli, cli->args[0], &restore.backup);

    if (status == CLI_DONE)
        status = backup_trust_check(cli, &restore.backup);
    if (status != CLI_DONE)
        return status;
    if ((mkdir(given, 0755) < 0 && errno != EEXIST) || !realpath(given, restore.directory))
        return cli_fail(cli, CLI_REFUSED, NULL, "%s: %s", given, strerror(errno));
    snprintf(restore.request, sizeof(restore.request), "%s/" REQUEST, restore.directory);
    snprintf(restore.rows, sizeof(restore.rows), "%s/" ROWS, restore.directory);
    snprintf(restore.config, sizeof(restore.config), "%s/privyseald.conf", restore.directory);
    return cli->arg_count > 2 ? make_again(&restore) : ask(&restore);
}
