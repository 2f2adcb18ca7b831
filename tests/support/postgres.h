/* SPDX-License-Identifier: Apache-2.0 */
/*
 * postgres.h - a PostgreSQL of the test's own: a cluster in a temporary directory, reached by a Unix socket alone.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define POSTGRES_URL_MAX 192

/* Makes and starts it. PostgreSQL refuses to run as root, so root's runs as "nobody". Aborts when it cannot. */
void postgres_start(void);
/* Stops it and removes all there is. In the process that started it. */
void postgres_stop(void);
/* A new, empty database. */
void postgres_make_database(char ret_url[POSTGRES_URL_MAX]);
/* As if the power had failed; and on again, with what was committed. */
void postgres_crash(void);
void postgres_restart(void);
/* All of its processes stand still, or go on. */
void postgres_freeze(bool is_frozen);
