/* SPDX-License-Identifier: Apache-2.0 */
/* metrics.c - shared numbers, and their text. */
#include "proxy/metrics/metrics.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "include/table.h"

static size_t size_of(unsigned signers)
{
    return sizeof(struct metrics) + signers * sizeof(struct metrics_signer);
}

int metrics_new(unsigned signers, struct metrics **ret)
{
    struct metrics *metrics =
        mmap(NULL, size_of(signers), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (metrics == MAP_FAILED)
        return -ENOMEM;
    metrics->signers = signers;
    metrics->hsms = 1;
    strcpy(metrics->hsm_name[0], "hsm");
    *ret = metrics;
    return 0;
}

void metrics_free(struct metrics *metrics)
{
    if (metrics)
        munmap(metrics, size_of(metrics->signers));
}

/* ------------------------------------------------------------------------------------------------ histograms */

static const uint64_t bounds_us[METRICS_BUCKETS] = { 50,    100,   250,   500,    1000,   2500,    5000,
                                                     10000, 25000, 50000, 100000, 250000, 1000000, 5000000 };

void metrics_time(struct metrics_histogram *histogram, uint64_t us)
{
    size_t i = 0;

    while (i < METRICS_BUCKETS && us > bounds_us[i])
        i++;
    metrics_add(&histogram->buckets[i], 1);
    metrics_add(&histogram->sum_us, us);
}

/* ------------------------------------------------------------------------------------------------------ text */

static void PRINTF_LIKE(2, 3) say(struct buffer *out, const char *format, ...)
{
    char line[256];
    va_list arguments;

    va_start(arguments, format);
    if (vsnprintf(line, sizeof(line), format, arguments) >= (int)sizeof(line))
        out->failed = true;
    va_end(arguments);
    buffer_append_text(out, line);
}

static void say_head(struct buffer *out, const char *name, const char *type, const char *help)
{
    say(out, "# HELP privyseal_%s %s\n# TYPE privyseal_%s %s\n", name, help, name, type);
}

static const char *const stage_words[STAGES] = { "queue", "store", "hsm", "audit", "all" };

struct value_row {
    const char *name, *type, *help;
};

static const struct value_row signer_rows[SIGNER_VALUES] = {
    [SIGNER_STARTED] = { "signer_started_seconds", "gauge", "Unix time when the signer began to serve." },
    [SIGNER_SEEN] = { "signer_seen_seconds", "gauge", "Unix time when the signer was last heard of." },
    [SIGNER_LEASES] = { "leases", "gauge", "Unlocked tokens." },
    [SIGNER_LEASES_MAX] = { "leases_max", "gauge", "Unlocked tokens that the signer has room for." },
    [SIGNER_HSM_OBJECTS] = { "hsm_objects", "gauge",
                             "Session objects made in the HSM since the signer's start." },
    [SIGNER_AUDIT_SEQUENCE] = { "audit_records", "counter", "Records in the audit log." },
    [SIGNER_AUDIT_LAG] = { "audit_lag_records", "gauge", "Audit records that the store does not know yet." },
    [SIGNER_AUDIT_FAILED] = { "audit_failed", "gauge", "1 when the audit log cannot be written any more." },
    [SIGNER_FORWARD_DROPPED] = { "audit_forward_dropped_total", "counter",
                                 "Audit records that a receiver did not take in time." },
    [SIGNER_SEAL_EXPIRY] = { "seal_certificate_expiry_seconds", "gauge",
                             "Unix time when the sealing certificate ends." },
    [SIGNER_HSM_WELL] = { "signer_hsm_up", "gauge", "1 when the signer's HSM does what it is asked for." },
};

static const struct value_row front_rows[FRONT_VALUES] = {
    [FRONT_CONNECTIONS] = { "front_connections", "gauge", "Connections of clients." },
    [FRONT_TLS_EXPIRY] = { "tls_certificate_expiry_seconds", "gauge",
                           "Unix time when the server's certificate ends." },
    [FRONT_SEEN] = { "front_seen_seconds", "gauge",
                     "Unix time when the front last accepted or lost a client." },
    [FRONT_WAITING] = { "front_waiting", "gauge", "Calls that wait in the front for a signer." },
    [FRONT_REFUSED_RATE] = { "front_refused_rate_total", "counter",
                             "Calls refused because their client makes too many." },
    [FRONT_REFUSED_FULL] = { "front_refused_full_total", "counter",
                             "Calls refused because the queue had no place for them." },
    [FRONT_REFUSED_LATE] = { "front_refused_late_total", "counter",
                             "Calls refused because they would not have been done within their deadline." },
    [FRONT_EXPIRED] = { "front_expired_total", "counter",
                        "Calls whose deadline passed before their answer came." },
};

static void say_requests(const struct metrics *metrics, const char *proxy, struct buffer *out)
{
    say_head(out, "requests_total", "counter", "Requests by method and the word they ended with.");
    for (unsigned s = 0; s < metrics->signers; s++)
        for (enum method_id id = 0; id < METHODS; id++)
            for (enum reason reason = 0; reason < REASONS; reason++) {
                uint64_t count = metrics_get(&metrics->signer[s].requests[id][reason]);

                if (count)
                    say(out,
                        "privyseal_requests_total{proxy=\"%s\",signer=\"%u\",method=\"%s\",reason=\"%s\"} "
                        "%" PRIu64 "\n",
                        proxy, s, method_by_id(id)->name, reason_row(reason)->word, count);
            }
}

static void say_histogram(const struct metrics_histogram *histogram, const char *labels, struct buffer *out)
{
    uint64_t count = 0;

    for (size_t i = 0; i <= METRICS_BUCKETS; i++) {
        count += metrics_get(&histogram->buckets[i]);
        if (i < METRICS_BUCKETS)
            say(out, "privyseal_request_duration_seconds_bucket{%s,le=\"%g\"} %" PRIu64 "\n", labels,
                (double)bounds_us[i] / 1e6, count);
        else
            say(out, "privyseal_request_duration_seconds_bucket{%s,le=\"+Inf\"} %" PRIu64 "\n", labels,
                count);
    }
    say(out, "privyseal_request_duration_seconds_sum{%s} %.6f\n", labels,
        (double)metrics_get(&histogram->sum_us) / 1e6);
    say(out, "privyseal_request_duration_seconds_count{%s} %" PRIu64 "\n", labels, count);
}

static void say_stages(const struct metrics *metrics, const char *proxy, struct buffer *out)
{
    char labels[160];

    say_head(out, "request_duration_seconds", "histogram",
             "Time of requests by stage: queue, store, hsm, audit, and all of it but the queue.");
    for (unsigned s = 0; s < metrics->signers; s++)
        for (unsigned stage = 0; stage < STAGES; stage++) {
            snprintf(labels, sizeof(labels), "proxy=\"%s\",signer=\"%u\",stage=\"%s\"", proxy, s,
                     stage_words[stage]);
            say_histogram(&metrics->signer[s].stages[stage], labels, out);
        }
}

static void say_signers(const struct metrics *metrics, const char *proxy, struct buffer *out)
{
    say_head(out, "signer_busy_seconds_total", "counter", "Time that the signer spent on requests.");
    for (unsigned s = 0; s < metrics->signers; s++)
        say(out, "privyseal_signer_busy_seconds_total{proxy=\"%s\",signer=\"%u\"} %.6f\n", proxy, s,
            (double)metrics_get(&metrics->signer[s].busy_us) / 1e6);
    for (unsigned v = 0; v < SIGNER_VALUES; v++) {
        say_head(out, signer_rows[v].name, signer_rows[v].type, signer_rows[v].help);
        for (unsigned s = 0; s < metrics->signers; s++)
            say(out, "privyseal_%s{proxy=\"%s\",signer=\"%u\"} %" PRIu64 "\n", signer_rows[v].name, proxy, s,
                metrics_get(&metrics->signer[s].values[v]));
    }
}

static unsigned count_well(const struct metrics *metrics, unsigned hsm)
{
    unsigned well = 0;

    for (unsigned s = 0; s < metrics->signers; s++)
        well += metrics->signer[s].hsm == hsm && metrics_get(&metrics->signer[s].values[SIGNER_HSM_WELL]);
    return well;
}

static void say_hsms(const struct metrics *metrics, const char *proxy, struct buffer *out)
{
    say_head(out, "hsm_up", "gauge", "1 when at least one signer works with the HSM.");
    for (unsigned h = 0; h < metrics->hsms; h++)
        say(out, "privyseal_hsm_up{proxy=\"%s\",hsm=\"%s\"} %d\n", proxy, metrics->hsm_name[h],
            count_well(metrics, h) > 0);
    say_head(out, "hsm_signers", "gauge", "Signers that work with the HSM.");
    for (unsigned h = 0; h < metrics->hsms; h++)
        say(out, "privyseal_hsm_signers{proxy=\"%s\",hsm=\"%s\"} %u\n", proxy, metrics->hsm_name[h],
            count_well(metrics, h));
}

void metrics_text(const struct metrics *metrics, const char *proxy, struct buffer *ret)
{
    say_head(ret, "build_info", "gauge", "Always 1; the version is a label.");
    say(ret, "privyseal_build_info{proxy=\"%s\",version=\"%s\"} 1\n", proxy, PRIVYSEAL_VERSION);
    say_requests(metrics, proxy, ret);
    say_stages(metrics, proxy, ret);
    say_signers(metrics, proxy, ret);
    say_hsms(metrics, proxy, ret);
    for (unsigned v = 0; v < FRONT_VALUES; v++) {
        say_head(ret, front_rows[v].name, front_rows[v].type, front_rows[v].help);
        say(ret, "privyseal_%s{proxy=\"%s\"} %" PRIu64 "\n", front_rows[v].name, proxy,
            metrics_get(&metrics->front.values[v]));
    }
}

static bool is_serving(const struct metrics_signer *signer, uint64_t now_unix, unsigned patience_s)
{
    const uint64_t *values = signer->values;

    return metrics_get(&values[SIGNER_STARTED]) && metrics_get(&values[SIGNER_HSM_WELL]) &&
           !metrics_get(&values[SIGNER_AUDIT_FAILED]) &&
           metrics_get(&values[SIGNER_SEEN]) + patience_s >= now_unix;
}

bool metrics_is_ready(const struct metrics *metrics, uint64_t now_unix, unsigned patience_s)
{
    for (unsigned h = 0; h < metrics->hsms; h++) {
        bool is_whole = true;

        for (unsigned s = 0; s < metrics->signers; s++)
            if (metrics->signer[s].hsm == h)
                is_whole = is_whole && is_serving(&metrics->signer[s], now_unix, patience_s);
        if (is_whole)
            return true;
    }
    return false;
}
