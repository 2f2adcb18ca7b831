/* SPDX-License-Identifier: Apache-2.0 */
/* store.c - the backends there are, opening one by its URL, and transactions. */
#include "proxy/store/store.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "include/log.h"
#include "proxy/store/backend.h"
#include "proxy/store/schema.h"

#define AT_ONCE_MS 20  /* a database that is well answers sooner; nothing else is begun before */
#define TURN_MS    100 /* the same of a lock, for which writers that are well wait one after the other */

const struct store_backend store_backends[] = {
    { "sqlite", &store_sqlite_ops },
    { "postgresql", &store_postgres_ops },
    { NULL, NULL },
};

/* Says which scheme it does not know, never the rest: a URL may hold a password. */
static int backend_of(const char *url, const struct store_ops **ret_ops, const char **ret_where)
{
    size_t scheme_len = strcspn(url, ":");

    for (const struct store_backend *row = store_backends; row->scheme; row++) {
        if (url[scheme_len] != ':' || !bytes_equal(BYTES(url, scheme_len), bytes_of_text(row->scheme)))
            continue;
        *ret_ops = row->ops;
        *ret_where = url + scheme_len + 1;
        return 0;
    }
    log_event(LOG_LEVEL_ERROR, "store.url", "scheme=%.*s expected=sqlite:PATH,postgresql:...",
              (int)scheme_len, url);
    return -EINVAL;
}

static int open_url(const char *url, bool may_create, struct store **ret)
{
    const struct store_ops *ops;
    const char *where;
    int r = backend_of(url, &ops, &where);

    return r < 0 ? r : ops->open(where, may_create, ret);
}

int store_open_as(const struct schema *schema, const char *url, struct store **ret)
{
    CLEANUP(store_close) struct store *store = NULL;
    unsigned version;
    int r = open_url(url, false, &store);

    if (r < 0)
        return r;
    r = schema_check(schema, store, &version);
    if (r < 0)
        return r;
    store->is_ours = true;
    *ret = TAKE(store);
    return 0;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    store_rollback(store);
    store->ops->close(store);
}

int store_migrate_to(const struct schema *schema, const char *url)
{
    CLEANUP(store_close) struct store *store = NULL;
    bool is_done = false;
    int r = open_url(url, true, &store);

    while (r == 0 && !is_done)
        r = schema_upgrade_step(schema, store, &is_done);
    return r;
}

int store_migrate(const char *url)
{
    return store_migrate_to(&schema_current, url);
}

int store_schema_version(struct store *store, unsigned *ret)
{
    return schema_check(&schema_current, store, ret);
}

uint64_t store_clock_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

int store_run(struct store *store, const char *sql, struct values parameters, store_row_fn *on_row, void *arg,
              size_t *ret_changed)
{
    uint64_t begun_us = store_clock_us();
    int r;

    if (store->is_waiting)
        return -EAGAIN;
    r = store->ops->run(store, sql, parameters, on_row, arg, ret_changed);
    store->spent_us += store_clock_us() - begun_us;
    if (r != -EPROTO || !store->is_ours)
        return r;
    store->has_left = true; /* its tables were as they should be when it was opened */
    return -EAGAIN;
}

void store_set_wait(struct store *store, store_wait_fn *wait, void *arg)
{
    store->wait = wait;
    store->wait_arg = arg;
}

/* Something else is done meanwhile, which has no store. */
static int wait_otherwise(struct store *store, int fd, short events, int timeout_ms)
{
    int ready;

    store->is_waiting = true;
    ready = store->wait(store->wait_arg, fd, events, timeout_ms);
    store->is_waiting = false;
    return ready;
}

int store_wait(struct store *store, int fd, short events, int timeout_ms)
{
    struct pollfd polled = { .fd = fd, .events = events };
    int at_once_ms = timeout_ms < AT_ONCE_MS || !store->wait ? timeout_ms : AT_ONCE_MS;
    int ready = poll(&polled, 1, at_once_ms);

    if (ready != 0 || at_once_ms == timeout_ms)
        return ready;
    return wait_otherwise(store, fd, events, timeout_ms - at_once_ms);
}

void store_pause(struct store *store, uint64_t waited_ms, int pause_ms)
{
    if (store->wait && waited_ms >= TURN_MS)
        (void)wait_otherwise(store, -1, 0, pause_ms);
    else
        (void)poll(NULL, 0, pause_ms);
}

uint64_t store_spent_us(const struct store *store)
{
    return store->spent_us;
}

bool store_has_left(const struct store *store)
{
    return store->has_left;
}

static int begin(struct store *store, const char *statement)
{
    int r;

    assert(!store->is_in_transaction);
    r = store_run(store, statement, VALUES_NONE, NULL, NULL, NULL);
    store->is_in_transaction = r == 0;
    return r;
}

int store_begin(struct store *store)
{
    return begin(store, store->ops->begin);
}

int store_begin_read(struct store *store)
{
    return begin(store, store->ops->begin_read);
}

int store_commit(struct store *store)
{
    int r;

    assert(store->is_in_transaction);
    r = store_run(store, "COMMIT", VALUES_NONE, NULL, NULL, NULL);
    if (r < 0) {
        store_rollback(store);
        return r;
    }
    store->is_in_transaction = false;
    return 0;
}

void store_rollback(struct store *store)
{
    if (!store->is_in_transaction)
        return;
    store->is_in_transaction = false;
    /* A failure here means that the backend has rolled back already, or that its connection is lost. */
    (void)store_run(store, "ROLLBACK", VALUES_NONE, NULL, NULL, NULL);
}
