/* SPDX-License-Identifier: Apache-2.0 */
/*
 * postgres_hosts.h - where the servers of a PostgreSQL store are, found out without waiting for a name server.
 *
 * libpq would ask the C library's resolver in the midst of connecting, for as long as resolv.conf(5) says, and everybody
 * who signs would wait behind it. So names are looked up beside the work (getaddrinfo_a(3), whose thread is glibc's), and
 * libpq gets `host`, which TLS verifies and .pgpass knows, together with `hostaddr`. What was found last is used while the
 * resolver says nothing. Addresses and Unix sockets are left alone.
 * Source: PostgreSQL 15, 34.1.2 (Parameter Key Words), 34.1.1.3 (Specifying Multiple Hosts).
 */
#pragma once

#include <stdint.h>

#include "include/cleanup.h"

struct postgres_hosts;

/* As libpq has them, lists with commas; NULL: not given. Errors: -ENOMEM. */
MUST_CHECK int postgres_hosts_new(const char *host, const char *hostaddr, const char *port,
                                  struct postgres_hosts **ret);
void postgres_hosts_free(struct postgres_hosts *hosts);
DEFINE_CLEANUP(postgres_hosts_free, struct postgres_hosts *);

/*
 * Looks up what has to be, waiting until @until_ms of CLOCK_MONOTONIC at most.
 * Errors: -EAGAIN (not yet: call again), -EHOSTUNREACH (no address is known of any of them), -ENOMEM.
 */
MUST_CHECK int postgres_hosts_find(struct postgres_hosts *hosts, int64_t until_ms);
/* What libpq is to be given for @keyword then; NULL: what it would have been given anyway. */
const char *postgres_hosts_value(const struct postgres_hosts *hosts, const char *keyword);
