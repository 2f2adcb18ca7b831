/* SPDX-License-Identifier: Apache-2.0 */
/* postgres_link.c - libpq's asynchronous half: nothing here waits longer than it says. */
#include "proxy/store/postgres_link.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "include/cleanup.h"
#include "include/log.h"
#include "include/table.h"
#include "proxy/store/backend.h"

#define PATIENCE_MS 3000 /* with a statement */
#define REST_MS     500  /* between two attempts */
#define OPTIONS_MAX 96   /* of a connection: libpq knows some fifty */

/* What is set unless the URL says otherwise. */
static const struct {
    const char *keyword, *value;
} defaults[] = {
    { "application_name", "privyseald" }, { "target_session_attrs", "read-write" },
    { "tcp_user_timeout", "3000" }, /* a host that vanished, also while connecting */
    { "keepalives_idle", "5" },           { "keepalives_interval", "2" },
    { "keepalives_count", "2" },          { "fallback_application_name", "privyseald" },
};

/*
 * For each new connection: the server ends what we have given up, and soon what a signer holds that froze in the middle:
 * the same user's logins wait for its row locks at every other proxy.
 */
static const char settings[] =
    "SET client_encoding = 'UTF8'; SET statement_timeout = 3000; SET lock_timeout = 2500; "
    "SET idle_in_transaction_session_timeout = 5000";

/* The first row that the SQLSTATE begins with. */
static const struct {
    const char *state;
    int error;
} errors[] = {
    { "23505", -EEXIST }, /* unique_violation */
    { "23503", -ENOENT }, /* foreign_key_violation */
    { "40", -EAGAIN },    /* serialization_failure, deadlock_detected */
    { "55P03", -EAGAIN }, /* lock_not_available */
    { "57", -EAGAIN },    /* query_canceled, admin_shutdown, cannot_connect_now */
    { "08", -EAGAIN },    /* connection exceptions */
    { "25006", -EAGAIN }, /* read_only_sql_transaction: a primary that is none any more */
    { "53100", -ENOSPC }, /* disk_full */
    { "53200", -ENOMEM }, /* out_of_memory */
    { "53", -EAGAIN },    /* too_many_connections */
    { "42P01", -EPROTO }, /* undefined_table: the schema is another */
    { "42703", -EPROTO }, /* undefined_column */
    { "XX00", -EUCLEAN }, /* data_corrupted, index_corrupted */
};

int64_t postgres_clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---------------------------------------------------------------------------------------------- the connection */

/* Waits for the socket. False: not in time. */
static bool await_socket(struct postgres_link *link, short events, int64_t until_ms)
{
    int64_t left = until_ms - postgres_clock_ms();
    int fd = PQsocket(link->connection);

    return fd >= 0 && left > 0 && store_wait(link->store, fd, events, (int)left) > 0;
}

static void disconnect(struct postgres_link *link)
{
    PQfinish(link->connection);
    link->connection = NULL;
    link->is_ready = false;
    link->generation++;
    link->rests_until_ms = postgres_clock_ms() + REST_MS;
}

/* libpq's words name hosts and users, never a password; the last line break goes. */
static void log_connection(struct postgres_link *link, enum log_level level, const char *event)
{
    const char *words = PQerrorMessage(link->connection);

    log_event_limited(level, 6, event, "backend=postgresql message=\"%.*s\"", (int)strcspn(words, "\n"),
                      words);
}

/* The URL's options with our defaults, as libpq takes them. */
static PGconn *start_connection(const struct postgres_link *link)
{
    const char *keywords[OPTIONS_MAX + 1] = { 0 }, *values[OPTIONS_MAX + 1] = { 0 };
    size_t count = 0;

    for (const PQconninfoOption *option = link->options; option->keyword && count < OPTIONS_MAX; option++) {
        const char *value = postgres_hosts_value(link->hosts, option->keyword);

        if (!value && option->val && *option->val)
            value = option->val;
        for (size_t i = 0; !value && i < ARRAY_SIZE(defaults); i++)
            if (strcmp(defaults[i].keyword, option->keyword) == 0)
                value = defaults[i].value;
        if (!value)
            continue;
        keywords[count] = option->keyword;
        values[count++] = value;
    }
    return PQconnectStartParams(keywords, values, 0);
}

/* --------------------------------------------------------------------------------------------------- answers */

/* Expected refusals are the caller's to tell; the rest is said here, where PostgreSQL's words are at hand. */
static int error_of(const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *words = PQresultErrorMessage(result);
    int error = -EIO;

    for (size_t i = 0; state && i < ARRAY_SIZE(errors) && error == -EIO; i++)
        if (strncmp(state, errors[i].state, strlen(errors[i].state)) == 0)
            error = errors[i].error;
    if (error != -EEXIST && error != -ENOENT)
        log_event_limited(LOG_LEVEL_ERROR, 6, "store.failed", "backend=postgresql state=%s message=\"%.*s\"",
                          state ? state : "-", (int)strcspn(words, "\n"), words);
    return error;
}

/* The last result of what was sent. NULL: no answer in time, or no connection any more; then it is closed. */
static PGresult *await_result(struct postgres_link *link)
{
    int64_t until_ms = postgres_clock_ms() + PATIENCE_MS;
    PGresult *last = NULL, *next;
    bool is_lost = false;

    for (;;) {
        while (!is_lost && PQisBusy(link->connection))
            is_lost = !await_socket(link, POLLIN, until_ms) || PQconsumeInput(link->connection) != 1;
        next = is_lost ? NULL : PQgetResult(link->connection);
        if (!next)
            break;
        PQclear(last);
        last = next;
    }
    if (!is_lost)
        return last;
    log_connection(link, LOG_LEVEL_ERROR, "store.silent");
    PQclear(last);
    disconnect(link);
    return NULL;
}

int postgres_link_result(struct postgres_link *link, int was_sent, PGresult **ret)
{
    PGresult *result = was_sent == 1 ? await_result(link) : NULL;
    ExecStatusType status = PQresultStatus(result);
    int r = 0;

    if (!result)
        return -EAGAIN;
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        r = error_of(result);
    if (r == 0)
        *ret = TAKE(result);
    PQclear(result);
    return r;
}

int postgres_link_run(struct postgres_link *link, const char *sql)
{
    PGresult *result = NULL;
    int r = postgres_link_result(link, PQsendQuery(link->connection, sql), &result);

    PQclear(result);
    return r;
}

/* ------------------------------------------------------------------------------------------------ connecting */

/* A migration's "already exists, skipping" is no news to anybody. */
static void skip_notice(void *arg, const PGresult *notice)
{
    (void)arg, (void)notice;
}

/* A server may fall silent here, too, so this waits no longer than any statement. */
static int set_up(struct postgres_link *link)
{
    PQsetNoticeReceiver(link->connection, skip_notice, NULL);
    link->is_ready = postgres_link_run(link, settings) == 0;
    return link->is_ready ? 0 : -EAGAIN;
}

/* One more step towards a connection. 0: it is there; -EAGAIN: not yet, or the attempt failed. */
static int go_on_connecting(struct postgres_link *link, int64_t until_ms)
{
    PostgresPollingStatusType status =
        PQstatus(link->connection) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;

    while (status != PGRES_POLLING_OK && status != PGRES_POLLING_FAILED) {
        if (!await_socket(link, status == PGRES_POLLING_READING ? POLLIN : POLLOUT | POLLIN, until_ms))
            break;
        status = PQconnectPoll(link->connection);
    }
    if (status == PGRES_POLLING_OK && set_up(link) == 0)
        return 0;
    if (link->connection && (status == PGRES_POLLING_FAILED || status == PGRES_POLLING_OK ||
                             postgres_clock_ms() - link->began_ms > POSTGRES_CONNECT_MS)) {
        log_connection(link, LOG_LEVEL_ERROR, "store.connect");
        disconnect(link);
    }
    return -EAGAIN;
}

/* Where to, then the first step. Names take their time beside us: who comes meanwhile is told to try again. */
static int begin_connecting(struct postgres_link *link, int64_t until_ms)
{
    int r = postgres_hosts_find(link->hosts, until_ms);

    if (r == -EHOSTUNREACH) { /* said by name already */
        link->rests_until_ms = postgres_clock_ms() + REST_MS;
        r = -EAGAIN;
    }
    if (r < 0)
        return r;
    link->connection = start_connection(link);
    link->began_ms = postgres_clock_ms();
    return link->connection ? 0 : -ENOMEM;
}

/* Gives up soon: whoever signs waits behind this. */
int postgres_link_ensure(struct postgres_link *link, bool is_bound, int64_t take_ms)
{
    int64_t now = postgres_clock_ms();

    if (link->is_ready && PQstatus(link->connection) == CONNECTION_OK)
        return 0;
    if (link->is_ready) {
        log_connection(link, LOG_LEVEL_WARNING, "store.disconnected");
        disconnect(link);
        link->rests_until_ms = 0;
    }
    if (is_bound || now < link->rests_until_ms)
        return -EAGAIN;
    if (!link->connection) {
        int r = begin_connecting(link, now + take_ms);

        if (r < 0)
            return r;
    }
    return go_on_connecting(link, now + take_ms);
}

/* ------------------------------------------------------------------------------------------------------ opening */

/* "postgresql://..." as it stands, or "postgresql:host=a,b dbname=x": libpq reads both. */
static int parse(const char *where, PQconninfoOption **ret)
{
    CLEANUP(free_string) char *uri = NULL;
    char *why = NULL;

    if (strncmp(where, "//", 2) == 0 && asprintf(&uri, "postgresql:%s", where) < 0)
        return -ENOMEM;
    *ret = PQconninfoParse(uri ? uri : where, &why);
    if (!*ret) /* its words may quote the URL, which may hold a password */
        log_event(LOG_LEVEL_ERROR, "store.url",
                  "backend=postgresql expected=\"a connection URI or keywords\"");
    PQfreemem(why);
    return *ret ? 0 : -EINVAL;
}

static const char *option(const struct postgres_link *link, const char *keyword)
{
    for (const PQconninfoOption *row = link->options; row->keyword; row++)
        if (strcmp(row->keyword, keyword) == 0)
            return row->val;
    return NULL;
}

int postgres_link_init(struct postgres_link *link, struct store *store, const char *where)
{
    int r = parse(where, &link->options);

    link->store = store;
    return r < 0 ? r
                 : postgres_hosts_new(option(link, "host"), option(link, "hostaddr"), option(link, "port"),
                                      &link->hosts);
}

void postgres_link_clear(struct postgres_link *link)
{
    PQfinish(link->connection);
    PQconninfoFree(link->options);
    postgres_hosts_free(link->hosts);
}
