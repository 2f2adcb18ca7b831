/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address.h - how many connections an address holds: an IPv4 address, or the first 64 bits of an IPv6 address, since
 * whoever has one address of such a network has them all (RFC 4291 2.5.4).
 */
#pragma once

#include <stdint.h>
#include <sys/socket.h>

#include "include/cleanup.h"

struct address_table;

/* For at most @connections in all, @each of one address. Errors: -ENOMEM. */
MUST_CHECK int address_table_new(unsigned connections, unsigned each, struct address_table **ret);
void address_table_free(struct address_table *table);
DEFINE_CLEANUP(address_table_free, struct address_table *);

/* What addresses are told apart by. Addresses that are not of the internet are all one. */
uint64_t address_key(const struct sockaddr *address);
/* One more connection. Errors: -EUSERS (the address has all it may). */
MUST_CHECK int address_enter(struct address_table *table, uint64_t key);
/* One less, of those that entered. */
void address_leave(struct address_table *table, uint64_t key);
