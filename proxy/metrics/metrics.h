/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics.h - numbers about a proxy, in memory that all its processes share: each signer and the front write their own
 * part with plain stores, the exporter and whoever asks by GetMetrics read all of it.
 *
 * They outlive a signer, as counters should. They are news and not evidence: a process that was taken over can write any
 * number here, and nothing decides by them.
 */
#pragma once

#include <stdint.h>

#include "include/bytes.h"
#include "proto/failure.h"
#include "proto/method.h"

/* Where the time of a request goes. */
enum metrics_stage { STAGE_QUEUE, STAGE_STORE, STAGE_HSM, STAGE_AUDIT, STAGE_ALL, STAGES };

#define METRICS_BUCKETS 14

struct metrics_histogram {
    uint64_t buckets[METRICS_BUCKETS + 1]; /* the last: longer than any bound */
    uint64_t sum_us;
};

/* What a signer tells about itself, once a second. */
enum signer_value {
    SIGNER_STARTED, /* Unix time; 0: it never served */
    SIGNER_SEEN,    /* Unix time of the last tick: one that hangs falls behind */
    SIGNER_LEASES,
    SIGNER_LEASES_MAX,
    SIGNER_HSM_OBJECTS, /* session objects made since its start */
    SIGNER_AUDIT_SEQUENCE,
    SIGNER_AUDIT_LAG, /* records that the store does not know as the head yet */
    SIGNER_AUDIT_FAILED,
    SIGNER_FORWARD_DROPPED,
    SIGNER_SEAL_EXPIRY, /* Unix time */
    SIGNER_HSM_WELL,    /* its HSM does what it is asked for */
    SIGNER_VALUES
};

#define METRICS_HSMS_MAX     8
#define METRICS_HSM_NAME_MAX 24

struct metrics_signer {
    unsigned hsm; /* which HSM it works with */
    uint64_t requests[METHODS][REASONS];
    struct metrics_histogram stages[STAGES];
    uint64_t busy_us; /* in requests, since ever: its rate is the signer's load */
    uint64_t values[SIGNER_VALUES];
    uint64_t
        hsm_due_ms; /* CLOCK_MONOTONIC: until when the HSM's library should be back; 0: it was not called */
};

enum front_value {
    FRONT_CONNECTIONS,
    FRONT_TLS_EXPIRY,
    FRONT_SEEN,
    FRONT_WAITING, /* calls that no signer was sent yet */
    FRONT_REFUSED_RATE,
    FRONT_REFUSED_FULL, /* no place in the queue, or it was another's fair share */
    FRONT_REFUSED_LATE, /* it would have been done after its deadline */
    FRONT_EXPIRED,      /* its deadline passed while it waited */
    FRONT_VALUES
};

struct metrics_front {
    uint64_t values[FRONT_VALUES];
};

struct metrics {
    unsigned signers, hsms;
    char hsm_name[METRICS_HSMS_MAX][METRICS_HSM_NAME_MAX];
    struct metrics_front front;
    struct metrics_signer signer[];
};

/* Shared with every process that is forked afterwards. One HSM, "hsm"; whoever has more says so. Errors: -ENOMEM. */
MUST_CHECK int metrics_new(unsigned signers, struct metrics **ret);
void metrics_free(struct metrics *metrics);

/* One writer for each number. */
static inline void metrics_set(uint64_t *number, uint64_t value)
{
    __atomic_store_n(number, value, __ATOMIC_RELAXED);
}
static inline void metrics_add(uint64_t *number, uint64_t more)
{
    metrics_set(number, *number + more);
}
static inline uint64_t metrics_get(const uint64_t *number)
{
    return __atomic_load_n(number, __ATOMIC_RELAXED);
}

void metrics_time(struct metrics_histogram *histogram, uint64_t us);

/* All of it in Prometheus' text format, version 0.0.4, appended. @proxy: the label of every line. */
void metrics_text(const struct metrics *metrics, const char *proxy, struct buffer *ret);
/* Whether an HSM is well and all its signers served within the last @patience_s seconds. */
bool metrics_is_ready(const struct metrics *metrics, uint64_t now_unix, unsigned patience_s);
