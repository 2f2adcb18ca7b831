/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire.h - one libcurl easy handle, which keeps one HTTP/2 connection to one endpoint alive between calls; and
 * the descriptors of them all, so that a forked child can let go of them.
 *
 * Threads: a connection belongs to one call at a time. Its functions want the private library context set.
 */
#pragma once

#include <curl/curl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "client/config.h"
#include "client/credentials.h"

#define DESCRIPTORS_MAX 256 /* libcurl tries several addresses at once, so more than connections */

/* Open sockets, -1 for a free place. No lock: a forked child reads it, and a lock might be held for ever there. */
struct descriptors {
    atomic_int list[DESCRIPTORS_MAX];
};

void descriptors_init(struct descriptors *descriptors);
/* In a forked child: closes them all. Nothing is sent: the parent's connections go on. */
void descriptors_close(struct descriptors *descriptors);

struct wire {
    CURL *easy;
    size_t endpoint;
    struct credentials *credentials;
    struct curl_slist *resolve; /* what the handle was told about addresses */
    int64_t idle_since_ms;      /* clock_boot_ms(); 0: it was never used */
    struct wire *next;          /* in the pool */
    char error[CURL_ERROR_SIZE];
};

/* Errors: -ENOMEM, -EIO (libcurl lacks an option: not the library we were built for). */
MUST_CHECK int wire_new(const struct credentials *credentials, struct descriptors *descriptors,
                        size_t endpoint, struct wire **ret);
void wire_free(struct wire *connection);
DEFINE_CLEANUP(wire_free, struct wire *);
/* Tells the handle where the endpoint is: "host:port:addresses", or "" for a name that libcurl knows itself. */
MUST_CHECK int wire_set_addresses(struct wire *connection, const char *addresses);

/* Sets an option unless one before it failed: @code remembers the first error. */
#define WIRE_SET(easy, code, option, value)                                                                  \
    do {                                                                                                     \
        if ((code) == CURLE_OK)                                                                              \
            (code) = curl_easy_setopt(easy, option, value);                                                  \
    } while (0)
