/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite_plans.h - how SQLite goes about the statements that a test case has run: whether one reads a whole table that
 * grows with the users, where an index should have led to the row.
 */
#pragma once

/* From now on, the statements of all connections of this process that are opened. */
void sqlite_plans_watch(void);
/* Fails the case for each of them that scans a table, unless it is known why. @path: a database with the schema; or none. */
void sqlite_plans_check(const char *path);
