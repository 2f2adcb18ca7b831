/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verb_restore.c - add-hsm: the master keys into one more HSM, or those that one lacks; restore: the same, and rows, partitions and logs into a
 * deployment whose other files are in place.
 *
 * The quorum key is joined here and nowhere else, from answers that are sealed to the request's key.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "proxy/audit/audit.h"
#include "proxy/hsm/ceremony.h"
#include "proxy/provision/backup_entries.h"
#include "proxy/provision/master_files.h"
#include "proxy/provision/progress.h"
#include "proxy/provision/verbs.h"

/* What the command line says. */
struct restoring {
    const struct proxy_config *config;
    const char *request, *rows, *note; /* the last two: restore only */
    unsigned hsm;                      /* add-hsm only: which of the configuration's */
    char **answers;
    int answer_count;
    struct owners owners;
    /* of the HSM */
    struct master_files files;
    struct secret *quorum_private;
};

static void restoring_clear(struct restoring *restoring)
{
    master_files_clear(&restoring->files);
    secret_free(restoring->quorum_private);
}
DEFINE_CLEAR(restoring_clear, struct restoring);

DEFINE_CLEANUP(fclose, FILE *);

/* --------------------------------------------------------------------------------------------------- the quorum */

static int load_json(const char *path, json_t **ret)
{
    json_error_t error;

    *ret = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    return *ret ? EX_OK : provision_fail(EX_NOINPUT, "%s: %s", path, error.text);
}

/* REQUEST.key: its private half, in the clear for as long as the request is open. */
static int load_request_key(const char *request, struct secret **ret)
{
    CLEANUP(free_string) char *path = NULL;
    uint8_t public_key[HPKE_KEY_LEN];
    int r = asprintf(&path, "%s.key", request) < 0 ? -ENOMEM : officer_load_private(path, ret, public_key);

    return r == 0 ? EX_OK : provision_fail(EX_NOINPUT, "%s.key: %s", request, strerror(-r));
}

static int load_answers(const struct restoring *restoring, json_t *answers)
{
    int status = EX_OK;

    for (int i = 0; status == EX_OK && i < restoring->answer_count; i++) {
        json_t *answer = NULL;

        status = load_json(restoring->answers[i], &answer);
        if (status == EX_OK)
            json_array_append_new(answers, answer);
    }
    return status;
}

static int join_quorum_key(struct restoring *restoring)
{
    CLEANUP(json_decref) json_t *request = NULL;
    CLEANUP(json_decref) json_t *answers = json_array();
    CLEANUP(secret_free) struct secret *key = NULL;
    CLEANUP(free_string) char *why = NULL;
    int status = load_json(restoring->request, &request), r;

    if (status == EX_OK)
        status = load_request_key(restoring->request, &key);
    if (status == EX_OK)
        status = load_answers(restoring, answers);
    if (status != EX_OK)
        return status;
    r = quorum_join(request, secret_bytes(key), answers, CEREMONY_SECRET, &restoring->quorum_private, &why);
    return r == 0 ? EX_OK
                  : provision_fail(EX_NOPERM, "the master keys stay closed: %s", why ? why : strerror(-r));
}

/* ------------------------------------------------------------------------------------------------------ the HSM */

/* A token of ours that add-hsm finds lacks an epoch that was made without it. */
static CK_RV make_from_backup(const struct hsm_config *hsm_config, void *arg, char **why)
{
    struct restoring *restoring = arg;

    if (!restoring->rows && access(hsm_config->pin_file, F_OK) == 0)
        return ceremony_catch_up(hsm_config, secret_bytes(restoring->quorum_private),
                                 &restoring->files.backup, &restoring->files.manifest, why);
    return ceremony_restore(hsm_config, secret_bytes(restoring->quorum_private), &restoring->files.backup,
                            &restoring->files.manifest, why);
}

static int restore_hsm(struct restoring *restoring)
{
    int status = master_files_load(restoring->config, &restoring->files);

    if (status == EX_OK)
        status = join_quorum_key(restoring);
    if (status == EX_OK)
        status = provision_token(restoring->config, restoring->hsm, &restoring->owners, make_from_backup,
                                 restoring);
    secret_free(TAKE(restoring->quorum_private));
    return status;
}

/* ----------------------------------------------------------------------------------------------------- the rows */

/* One record with its length before it; -ENODATA: the end. */
static int read_record(FILE *file, struct buffer *ret)
{
    CLEANUP(free_bytes) uint8_t *bytes = NULL;
    uint8_t head[4];
    struct reader reader = reader_of(BYTES_OF_ARRAY(head));
    size_t got = fread(head, 1, sizeof(head), file);
    uint32_t len;

    if (got < sizeof(head))
        return got == 0 && feof(file) ? -ENODATA : -EBADMSG;
    len = reader_u32(&reader);
    if (len == 0 || len > STORE_RECORD_MAX)
        return -EBADMSG;
    bytes = malloc(len);
    if (!bytes)
        return -ENOMEM;
    if (fread(bytes, 1, len, file) != len)
        return -EBADMSG;
    ret->limit = STORE_RECORD_MAX;
    buffer_append(ret, BYTES(bytes, len));
    return ret->failed ? -ENOMEM : 0;
}

static int write_rows(struct store_copy *copy, struct store *store, FILE *file)
{
    struct progress progress;
    struct stat status;
    int r = fstat(fileno(file), &status) < 0 ? -errno : store_copy_write_begin(copy, store);

    progress = progress_of("rows", (uint64_t)status.st_size);
    while (r == 0) {
        CLEANUP(buffer_clear) struct buffer record = { 0 };

        r = read_record(file, &record);
        if (r == 0)
            r = store_copy_write(copy, buffer_bytes(&record));
        progress_add(&progress, record.len + 4);
    }
    progress_end(&progress);
    return r == -ENODATA ? store_copy_write_end(copy) : r;
}

static int restore_rows(const struct restoring *restoring, struct store_copy *copy, struct store *store)
{
    CLEANUP(fclose) FILE *file = fopen(restoring->rows, "re");
    int r = file ? write_rows(copy, store, file) : -errno;

    return r == 0 ? EX_OK
                  : provision_fail(EX_DATAERR, "the rows of the backup: %s",
                                   r == -EBADMSG || r == -EUCLEAN ? "they are not whole" : strerror(-r));
}

/* --------------------------------------------------------------------------------------------- logs, partitions */

/*
 * The chain goes on from where the backup had it, and says so: what the lost machine wrote after that is another
 * branch, which `audit verify` would otherwise not tell from this one.
 */
static int mark_log(const struct restoring *restoring, const struct audit_head *head, struct store *store)
{
    const struct audit_config config = { .directory = restoring->config->audit_directory,
                                         .realm = restoring->config->realm,
                                         .log = head->log,
                                         .sync = AUDIT_SYNC_WRITE };
    CLEANUP(audit_close) struct audit *audit = NULL;
    struct audit_record record = { .event = "restore", .result = "OK", .note = restoring->note };
    int r = audit_open(&config, store, &audit);

    if (r == 0)
        r = audit_append(audit, &record);
    if (r == 0)
        audit_settle(audit);
    return r;
}

static bool has_log(const struct proxy_config *config, const struct log_name *log)
{
    char name[LOG_FILE_NAME_MAX], path[PATH_MAX];

    log_file_name(log, 0, name);
    snprintf(path, sizeof(path), "%s/%s", config->audit_directory, name);
    return access(path, F_OK) == 0;
}

/* @ret_marked, @ret_absent: logs that go on here, and logs of other proxies, which the backup has not. */
static int mark_logs(const struct restoring *restoring, struct store *store, json_t *ret_marked,
                     json_t *ret_absent)
{
    CLEANUP(free) void *memory = NULL;
    struct audit_head *heads = NULL;
    size_t count = 0;
    int r = store_audit_head_list(store, &heads, &count);

    memory = heads;
    for (size_t i = 0; r == 0 && i < count; i++) {
        bool is_here = has_log(restoring->config, &heads[i].log);
        char text[LOG_TEXT_MAX];

        log_name_text(&heads[i].log, text);
        json_array_append_new(is_here ? ret_marked : ret_absent, json_string(text));
        r = is_here ? mark_log(restoring, &heads[i], store) : 0;
    }
    return r == 0 ? EX_OK : provision_fail(EX_DATAERR, "the audit logs: %s", strerror(-r));
}

/* What the backup calls @word goes to @path, if it has it. */
static int restore_shard(const struct restoring *restoring, const char *word, unsigned number,
                         const char *path)
{
    char entry[SHARD_ENTRY_LEN];

    provision_shard_entry(word, number, entry);
    return access(entry, F_OK) == 0 ? directory_move(entry, path, &restoring->owners) : 0;
}

/* The users' partitions go beside the copies of the new master token. */
static int restore_partitions(const struct restoring *restoring)
{
    char partitions[PATH_MAX], backup[PATH_MAX + 16];
    int r = 0;

    for (unsigned i = 0; r == 0 && provision_shard_directory(restoring->config, i, partitions); i++) {
        snprintf(backup, sizeof(backup), "%s-backup", partitions);
        r = restore_shard(restoring, ENTRY_PARTITIONS, i, partitions);
        if (r == 0)
            r = restore_shard(restoring, ENTRY_PARTITION_BACKUP, i, backup);
    }
    return r == 0 ? EX_OK : provision_fail(EX_CANTCREAT, "the partitions: %s", strerror(-r));
}

static int restore_state(const struct restoring *restoring, json_t *ret_marked, json_t *ret_absent)
{
    CLEANUP(store_copy_free) struct store_copy *copy = NULL;
    CLEANUP(store_close) struct store *store = NULL; /* before @copy, whose statements it has prepared */
    int status, r = store_copy_new(&copy);

    if (r == 0)
        r = directory_for_signers(restoring->config->audit_directory, &restoring->owners);
    if (r == 0)
        r = store_migrate(restoring->config->store);
    if (r == 0)
        r = store_open(restoring->config->store, &store);
    if (r < 0)
        return provision_fail(EX_CANTCREAT, "%s: %s", restoring->config->store, strerror(-r));
    status = restore_rows(restoring, copy, store);
    return status == EX_OK ? mark_logs(restoring, store, ret_marked, ret_absent) : status;
}

static int give_to_signers(const struct restoring *restoring, const char *store_directory)
{
    int r = store_directory[0] ? directory_give(store_directory, &restoring->owners) : 0;

    if (r == 0)
        r = directory_give(restoring->config->audit_directory, &restoring->owners);
    return r == 0 ? EX_OK : provision_fail(EX_CANTCREAT, "%s", strerror(-r));
}

/* -------------------------------------------------------------------------------------------------------- verbs */

static int parse(const struct proxy_config *config, int argc, char **argv, struct restoring *ret)
{
    static const struct option options[] = { { "request", required_argument, NULL, 'r' },
                                             { "rows", required_argument, NULL, 'w' },
                                             { "note", required_argument, NULL, 'n' },
                                             { "hsm", required_argument, NULL, 'h' },
                                             { NULL, 0, NULL, 0 } };
    int c;

    *ret = (struct restoring){ .config = config };
    optind = 1;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 'r')
            ret->request = optarg;
        else if (c == 'w')
            ret->rows = optarg;
        else if (c == 'n')
            ret->note = optarg;
        else if (c == 'h')
            ret->hsm = proxy_config_find_hsm(config, optarg);
        else
            return EX_USAGE;
    }
    if (ret->hsm == HSMS_MAX)
        return provision_fail(EX_USAGE,
                              "the configuration has no such [hsm.NAME]; without --hsm, [hsm] is meant");
    ret->answers = argv + optind;
    ret->answer_count = argc - optind;
    if (owners_find(config->signer_user, &ret->owners) < 0)
        return provision_fail(EX_NOUSER, "[server] signer_user: there is no user \"%s\"",
                              config->signer_user);
    return EX_OK;
}

/* What the new token holds, so that two HSMs can be compared by eye. */
static int print_keys(const struct restoring *restoring)
{
    CLEANUP(json_decref) json_t *manifest = manifest_to_json(&restoring->files.manifest);
    CLEANUP(json_decref)
    json_t *object =
        json_pack("{s:s, s:O}", "token", proxy_config_hsm(restoring->config, restoring->hsm).token, "keys",
                  json_object_get(manifest, "keys"));

    return object ? provision_print(object) : provision_fail(EX_OSERR, "out of memory");
}

int verb_add_hsm(const struct proxy_config *config, int argc, char **argv)
{
    CLEANUP(restoring_clear) struct restoring restoring = { 0 };
    int status = parse(config, argc, argv, &restoring);

    if (status != EX_OK)
        return status;
    if (!restoring.request || !config->hsm_manifest)
        return provision_fail(EX_USAGE,
                              "usage: --provision add-hsm [--hsm NAME] --request FILE ANSWER..., with [hsm] "
                              "manifest set");
    status = restore_hsm(&restoring);
    if (status == EX_OK)
        status = provision_refresh_hsm(config, &restoring.owners);
    return status == EX_OK ? print_keys(&restoring) : status;
}

int verb_restore(const struct proxy_config *config, int argc, char **argv)
{
    CLEANUP(restoring_clear) struct restoring restoring = { 0 };
    CLEANUP(json_decref) json_t *marked = json_array();
    CLEANUP(json_decref) json_t *absent = json_array();
    CLEANUP(json_decref) json_t *result = NULL;
    char store_directory[PATH_MAX] = "";
    int status = parse(config, argc, argv, &restoring), r = 0;

    if (status != EX_OK)
        return status;
    if (!restoring.request || !restoring.rows || !restoring.note)
        return provision_fail(EX_USAGE,
                              "usage: --provision restore --request FILE --rows FILE --note TEXT ANSWER...");
    if (provision_store_directory(config->store, store_directory))
        r = directory_for_signers(store_directory, &restoring.owners);
    if (r < 0)
        return provision_fail(EX_CANTCREAT, "%s: %s", store_directory, strerror(-r));
    if (config->hsm_manifest) /* else the HSM comes back by its maker's means */
        status = restore_hsm(&restoring);
    if (status == EX_OK)
        status = restore_state(&restoring, marked, absent);
    if (status == EX_OK)
        status = restore_partitions(&restoring);
    if (status == EX_OK)
        status = give_to_signers(&restoring, store_directory);
    if (status != EX_OK)
        return status;
    result = json_pack("{s:b, s:O, s:O}", "master_keys", config->hsm_manifest != NULL, "logs", marked,
                       "absent_logs", absent);
    return result ? provision_print(result) : provision_fail(EX_OSERR, "out of memory");
}
