/* SPDX-License-Identifier: Apache-2.0 */
/*
 * endpoints.h - the proxies of a deployment: which one next, which ones rest, and what addresses they have.
 *
 * They are tried in the order of the configuration, or in one that each process draws for itself: a login lives at one
 * proxy, so it is processes that are spread over proxies, not calls. One that cannot be reached rests: half a second
 * first, twice as long each time, at most half a minute, less up to a quarter by chance, so that a fleet's clients do not
 * come back together. Who calls then is the probe; there is no thread for it. When all rest, the one that would be back
 * first is tried all the same.
 * Threads: every function takes endpoints->lock; none holds it while a name is looked up.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/config.h"
#include "include/bytes.h"

struct endpoint {
    const char *name; /* "host:port", the configuration's */
    char *host;
    const char *port;
    unsigned failures;     /* guarded by lock, as the rest: in a row */
    int64_t rest_until_ms; /* 0: not resting */
    char *addresses;       /* "192.0.2.1,[2001:db8::1]"; NULL: not looked up */
    int64_t resolved_ms;
};

struct endpoints {
    pthread_mutex_t lock;
    struct endpoint list[CONFIG_ENDPOINTS_MAX];
    size_t count;
    uint64_t random; /* guarded by lock */
};

/* @seed: whatever differs from process to process; the rest follows from it. */
MUST_CHECK int endpoints_init(struct endpoints *endpoints, const struct deployment_config *deployment,
                              uint64_t seed);
void endpoints_clear(struct endpoints *endpoints);
/* The best one whose bit is not in @tried; endpoints->count: none is left. */
size_t endpoints_choose(struct endpoints *endpoints, unsigned tried, int64_t now_ms);
/*
 * How long to wait for a connection to one, at most @most_ms: a part of it while there is another that is neither in
 * @tried nor rests, for a host that is switched off answers nothing at all; less for one that has failed.
 */
unsigned endpoints_patience_ms(struct endpoints *endpoints, size_t index, unsigned tried, int64_t now_ms,
                               unsigned most_ms);
void endpoints_report(struct endpoints *endpoints, size_t index, bool was_reached, int64_t now_ms);
/*
 * One that is there, but can do nothing of use, rests as well, for some seconds; if there is another that does not rest.
 * False: there is none, so nothing changes.
 */
bool endpoints_turn_away(struct endpoints *endpoints, size_t index, int64_t now_ms);
/*
 * Appends the addresses as dial() wants them. A name is looked up again after a minute and after a failure; an old
 * answer serves while there is no new one.
 * Errors: those of resolve_host().
 */
MUST_CHECK int endpoints_addresses(struct endpoints *endpoints, size_t index, int64_t deadline_ms,
                                   struct buffer *ret, const char **why);
