/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verb_move.c - migrate-store: the configured store's rows into another, which is the store from then on, while a daemon
 * goes on with its work.
 *
 *   1. A copy of what is there is made, and again of what has changed meanwhile, until that is little.
 *   2. The configuration names the new one as [store] successor, and the daemon takes that up (SIGUSR2).
 *   3. Under the old one's write lock the last changes are copied and both are compared, row by row. Who signs goes on; who
 *      logs in waits. The commit that ends it is the move (proxy/store/store_move.h): signers find their tables gone, leave,
 *      and their successors open the new store.
 *   4. The copy is told that it is the store (a signer may have been first), then the configuration names it alone, and the
 *      daemon takes that up, too.
 *
 * Whoever dies before that commit has changed nothing: the old store is whole and in service, and the copy says of itself
 * that it is none. Whoever dies after it leaves a deployment that works and a line to tidy up, which the same command does.
 */
#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include <openssl/rand.h>

#include "include/descriptor.h"
#include "proxy/in_use.h"
#include "proxy/provision/progress.h"
#include "proxy/provision/store_config.h"
#include "proxy/provision/verbs.h"
#include "proxy/store/store_move.h"
#include "proxy/store/store_sync.h"

#define PASSES_MAX 8   /* while others write; then what is left is copied while they wait */
#define LITTLE     100 /* rows */
#define TAKE_UP_S  60  /* for the daemon to take up its configuration */
#define LOCK_TRIES 10  /* of some seconds each */

struct moving {
    const struct proxy_config *config;
    const char *url; /* where to */
    struct owners owners;
    pid_t daemon; /* 0: none runs */
    int claim;    /* that none does, then; -1 */
    uint8_t id[MOVE_ID_LEN];
    struct store_sync *sync;
    struct store *from, *to;
    struct progress progress;
    int64_t pause_ms; /* in which nobody could write */
};

static void moving_clear(struct moving *moving)
{
    store_close(moving->from); /* before the statements that it has prepared */
    store_close(moving->to);
    store_sync_free(moving->sync);
    if (moving->claim >= 0)
        descriptor_close(moving->claim);
}
DEFINE_CLEAR(moving_clear, struct moving);

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int fail_moving(int r)
{
    return provision_fail(EX_DATAERR, "the store was not moved, the former one is whole: %s",
                          r == -EEXIST    ? "the new one has rows already"
                          : r == -EUCLEAN ? "what the new one gives back is not what it was given"
                          : r == -EAGAIN  ? "a database does not answer, or its lock is not to be had"
                                          : strerror(-r));
}

/* ----------------------------------------------------------------------------------------------------- the daemon */

/* More than one could not be told together, so one would go on with a store that is gone. */
static int find_daemon(struct moving *moving, const char *in_service)
{
    struct in_use_daemon daemons[IN_USE_MAX];
    size_t count;
    int r = in_use_daemons(daemons, &count);

    if (r < 0)
        return provision_fail(EX_OSERR, "%s: %s", moving->config->state, strerror(-r));
    if (count > 1 || (count == 1 && strncmp(in_service, "sqlite:", 7) != 0))
        return provision_fail(EX_TEMPFAIL,
                              "the store was not moved: %s; stop it first (systemctl stop privyseald)",
                              count > 1 ? "several daemons run on it, and one at most is moved with it"
                                        : "a privyseald runs on it, and others of other machines may");
    moving->daemon = count ? daemons[0].pid : 0;
    r = count ? 0 : in_use_claim(moving->config, &moving->claim); /* else none comes before this is done */
    return r == 0 ? EX_OK
                  : provision_fail(EX_TEMPFAIL, "the store was not moved: a privyseald starts just now");
}

static bool knows(const struct moving *moving, const char *word)
{
    struct in_use_daemon daemons[IN_USE_MAX];
    size_t count;

    return in_use_daemons(daemons, &count) == 0 && count == 1 && daemons[0].pid == moving->daemon &&
           strcmp(daemons[0].store, word) == 0;
}

/* The configuration says these two, and so does the daemon from now on. */
static int configure(const struct moving *moving, const char *url, const char *successor)
{
    const struct timespec moment = { .tv_nsec = 50000000 };
    int64_t until_ms = now_ms() + TAKE_UP_S * 1000;
    char word[IN_USE_STORE_LEN];
    int r = store_config_write(moving->config->path, url, successor);

    if (r == 0)
        r = in_use_store(url, successor, word);
    if (r < 0)
        return provision_fail(EX_CANTCREAT, "%s: %s", moving->config->path, strerror(-r));
    if (!moving->daemon || knows(moving, word))
        return EX_OK;
    if (kill(moving->daemon, SIGUSR2) < 0)
        return provision_fail(EX_OSERR, "process %d: %s", (int)moving->daemon, strerror(errno));
    while (!knows(moving, word) && now_ms() < until_ms)
        nanosleep(&moment, NULL);
    return knows(moving, word)
               ? EX_OK
               : provision_fail(EX_TEMPFAIL,
                                "the daemon did not take up the configuration, its log says why: "
                                "%s",
                                moving->config->path);
}

/* ------------------------------------------------------------------------------------------------------ opening */

/* As the signers will: with their user's rights, and what PostgreSQL thinks of that user. */
static void open_as_signer(const struct moving *moving)
{
    const struct owners *owners = &moving->owners;
    struct store *store = NULL;

    if (owners->is_root && (setgroups(0, NULL) || setgid(owners->signer_gid) || setuid(owners->signer_uid)))
        _exit(EX_OSERR);
    _exit(store_open_copy(moving->url, &store) == 0 ? EX_OK : EX_NOPERM);
}

static int check_reach(const struct moving *moving)
{
    pid_t pid = fork();
    int status;

    if (pid == 0)
        open_as_signer(moving);
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return provision_fail(EX_OSERR, "%s", strerror(errno));
    return WIFEXITED(status) && WEXITSTATUS(status) == EX_OK
               ? EX_OK
               : provision_fail(EX_NOPERM,
                                "the store was not moved: [server] signer_user cannot open the new one");
}

static int open_both(struct moving *moving)
{
    char directory[PATH_MAX];
    int r = store_sync_new(&moving->sync);

    if (r == 0)
        r = store_open(moving->config->store, &moving->from);
    if (r == 0)
        r = store_migrate(moving->url);
    if (r == 0)
        r = store_open_copy(moving->url, &moving->to);
    if (r == 0 && RAND_bytes(moving->id, sizeof(moving->id)) != 1)
        r = -EIO;
    if (r == 0)
        r = store_move_begin(moving->to, moving->id);
    if (r == 0 && provision_store_directory(moving->url, directory))
        r = directory_give(directory, &moving->owners);
    return r < 0 ? fail_moving(r) : check_reach(moving);
}

/* ------------------------------------------------------------------------------------------------------ copying */

static void on_row(void *arg)
{
    progress_add(arg, 1);
}

/* One moment's rows. Those who write wait for nothing. */
static int copy_once(struct moving *moving, uint64_t *ret_written)
{
    int r = store_begin_read(moving->from);

    if (r == 0)
        r = store_sync_write(moving->sync, moving->from, moving->to, on_row, &moving->progress, ret_written);
    store_rollback(moving->from);
    return r;
}

static int copy_most(struct moving *moving)
{
    CLEANUP(store_copy_free) struct store_copy *counting = NULL;
    uint64_t rows = 0, written = UINT64_MAX;
    int r = store_copy_new(&counting);

    if (r == 0)
        r = store_copy_count(counting, moving->from, &rows);
    for (unsigned i = 0; r == 0 && written > LITTLE && i < PASSES_MAX; i++) {
        moving->progress = progress_of("rows", rows);
        r = copy_once(moving, &written);
        progress_end(&moving->progress);
    }
    return r < 0 ? fail_moving(r) : EX_OK;
}

/* Nobody else writes to the old one from here to the commit, or the end of this process. */
static int copy_rest(struct moving *moving)
{
    int64_t begun_ms = now_ms();
    uint64_t written;
    int r = -EAGAIN;

    for (unsigned i = 0; r == -EAGAIN && i < LOCK_TRIES; i++) {
        begun_ms = now_ms();
        r = store_begin(moving->from);
    }
    if (r == 0)
        r = store_sync_write(moving->sync, moving->from, moving->to, NULL, NULL, &written);
    if (r == 0)
        r = store_sync_compare(moving->sync, moving->from, moving->to);
    if (r == 0)
        r = store_move_away(moving->from, moving->id);
    if (r == 0)
        r = store_commit(moving->from);
    store_rollback(moving->from);
    moving->pause_ms = now_ms() - begun_ms;
    return r < 0 ? fail_moving(r) : EX_OK;
}

/* ------------------------------------------------------------------------------------------------------ the verb */

static int print_result(const struct moving *moving)
{
    CLEANUP(json_decref) json_t *tables = json_array();
    CLEANUP(json_decref) json_t *result = NULL;
    size_t count = 0;
    const struct store_sum *sums = moving->sync ? store_sync_sums(moving->sync, &count) : NULL;

    for (size_t i = 0; i < count; i++)
        json_array_append_new(tables, json_pack("{s:s, s:I, s:o}", "table", sums[i].table, "rows",
                                                (json_int_t)sums[i].rows, "digest",
                                                json_of_hex(BYTES_OF_ARRAY(sums[i].digest))));
    /* A URL may hold a password: only its scheme is repeated. */
    result = json_pack("{s:s#, s:b, s:I, s:O}", "store", moving->url, (int)strcspn(moving->url, ":"), "live",
                       moving->daemon != 0, "pause_ms", (json_int_t)moving->pause_ms, "tables", tables);
    return result ? provision_print(result) : provision_fail(EX_OSERR, "out of memory");
}

/* It is moved: the copy becomes the store, unless a signer was first, and only then is the former one not named any more. */
static int finish(struct moving *moving)
{
    CLEANUP(store_close) struct store *store = NULL;
    int status;

    if (store_open_following(moving->config->store, moving->url, &store) < 0)
        return provision_fail(EX_DATAERR,
                              "the store was moved, but not to there: [store] successor names where it is");
    status = configure(moving, moving->url, NULL);
    return status == EX_OK ? print_result(moving) : status;
}

static int move(struct moving *moving)
{
    int status = open_both(moving);

    if (status == EX_OK)
        status = copy_most(moving);
    if (status == EX_OK)
        status = configure(moving, moving->config->store, moving->url);
    if (status == EX_OK)
        status = copy_rest(moving);
    return status == EX_OK ? finish(moving) : status;
}

int verb_migrate_store(const struct proxy_config *config, int argc, char **argv)
{
    CLEANUP(moving_clear)
    struct moving moving = { .config = config, .url = argc == 2 ? argv[1] : NULL, .claim = -1 };
    bool is_away = false;
    int r, status;

    if (!moving.url)
        return provision_fail(EX_USAGE, "usage: --provision migrate-store URL");
    if (owners_find(config->signer_user, &moving.owners) < 0)
        return provision_fail(EX_NOUSER, "[server] signer_user: there is no user \"%s\"",
                              config->signer_user);
    status = find_daemon(&moving, config->store);
    if (status != EX_OK)
        return status;
    r = store_is_away(config->store, &is_away);
    if (r < 0)
        return fail_moving(r);
    return is_away ? finish(&moving) : move(&moving); /* away: by one who died before the end */
}
