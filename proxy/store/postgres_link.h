/* SPDX-License-Identifier: Apache-2.0 */
/*
 * postgres_link.h - one connection to PostgreSQL, made, lost and made again, that never keeps its caller waiting long.
 *
 * A connection is made in the background of calls that are told to try again; a statement that gets no answer in three
 * seconds costs the connection; while there is none, calls fail at once.
 * Source: PostgreSQL 15, 34.1 (Database Connection Control Functions), 34.4 (Asynchronous Command Processing).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <libpq-fe.h>

#include "include/cleanup.h"
#include "proxy/store/postgres_hosts.h"

#define POSTGRES_CONNECT_MS 8000 /* with one attempt at all hosts */

struct postgres_link {
    struct store *store; /* through which it waits */
    PQconninfoOption *options;
    struct postgres_hosts *hosts;
    PGconn *connection;  /* NULL: none, and none in the making */
    bool is_ready;       /* connected, and set up */
    unsigned generation; /* of the connection: what was prepared on another is gone */
    int64_t began_ms, rests_until_ms;
};

/* @where: behind "postgresql:". Connects nowhere yet. Errors: -EINVAL (not understood: logged), -ENOMEM. */
MUST_CHECK int postgres_link_init(struct postgres_link *link, struct store *store, const char *where);
void postgres_link_clear(struct postgres_link *link);

/*
 * Takes at most @take_ms. @is_bound: in a transaction, which no other connection can go on with.
 * Errors: -EAGAIN (not yet, or not now), -ENOMEM.
 */
MUST_CHECK int postgres_link_ensure(struct postgres_link *link, bool is_bound, int64_t take_ms);
/*
 * The result of what was sent; @was_sent: what PQsendX() said. Errors: those of store_ops.run (backend.h); -EAGAIN: no
 * answer, and the connection is closed.
 */
MUST_CHECK int postgres_link_result(struct postgres_link *link, int was_sent, PGresult **ret);
/* A statement, or several, without parameters or rows. */
MUST_CHECK int postgres_link_run(struct postgres_link *link, const char *sql);

/* CLOCK_MONOTONIC. */
int64_t postgres_clock_ms(void);
