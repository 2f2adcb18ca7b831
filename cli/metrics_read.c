/* SPDX-License-Identifier: Apache-2.0 */
/* metrics_read.c - numbers out of Prometheus' text format. */
#include "cli/metrics_read.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "include/table.h"

/* Up to here a double counts one by one; what is beyond it, or no number, is not believed. */
#define VALUE_MAX 9e15

/* A line "privyseal_NAME{label="value",...} NUMBER". */
struct sample {
    const char *name;
    size_t name_len;
    const char *labels; /* behind the brace; "" */
    double value;
};

static bool read_sample(const char *line, struct sample *ret)
{
    static const char prefix[] = "privyseal_";
    const char *space = strrchr(line, ' ');

    if (strncmp(line, prefix, strlen(prefix)) != 0 || !space)
        return false;
    ret->name = line + strlen(prefix);
    ret->name_len = strcspn(ret->name, "{ ");
    ret->labels = ret->name[ret->name_len] == '{' ? ret->name + ret->name_len + 1 : "";
    ret->value = strtod(space + 1, NULL);
    return ret->value >= 0 && ret->value <= VALUE_MAX;
}

static bool is_named(const struct sample *sample, const char *name)
{
    return strlen(name) == sample->name_len && memcmp(sample->name, name, sample->name_len) == 0;
}

/* The value of a label; its text goes on behind it. NULL: it has none. */
static const char *label_of(const struct sample *sample, const char *name)
{
    char wanted[32];
    const char *at;

    snprintf(wanted, sizeof(wanted), "%s=\"", name);
    at = strstr(sample->labels, wanted);
    return at ? at + strlen(wanted) : NULL;
}

static bool label_is(const struct sample *sample, const char *name, const char *value)
{
    const char *text = label_of(sample, name);

    return text && strncmp(text, value, strlen(value)) == 0 && text[strlen(value)] == '"';
}

/* ----------------------------------------------------------------------------------------------------- values */

static void take_bound(const struct sample *sample, struct metrics_reading *reading)
{
    const char *text = label_of(sample, "le");
    double le = text ? strtod(text, NULL) : 0; /* "+Inf" is infinity to strtod(3) */
    unsigned i = 0;

    while (i < reading->bounds && reading->bound[i].le != le)
        i++;
    if (i == METRICS_BOUNDS_MAX || (!isinf(le) && !(le >= 0 && le <= VALUE_MAX)))
        return;
    if (i == reading->bounds)
        reading->bound[reading->bounds++].le = le;
    reading->bound[i].count += sample->value;
}

static void take_signer(const struct sample *sample, struct metrics_reading *reading)
{
    const char *text = label_of(sample, "signer");
    unsigned long index = text ? strtoul(text, NULL, 10) : METRICS_SIGNERS_MAX;

    if (index >= METRICS_SIGNERS_MAX)
        return;
    if (index >= reading->signers)
        reading->signers = (unsigned)index + 1;
    if (is_named(sample, "signer_busy_seconds_total"))
        reading->signer[index].busy_s = sample->value;
    else if (is_named(sample, "leases"))
        reading->signer[index].leases = sample->value;
    else if (is_named(sample, "audit_lag_records"))
        reading->signer[index].lag = sample->value;
    else if (is_named(sample, "signer_seen_seconds"))
        reading->signer[index].seen_unix = sample->value;
    else if (is_named(sample, "signer_hsm_up"))
        reading->signer[index].hsm_up = sample->value > 0;
}

static void take_sample(const struct sample *sample, struct metrics_reading *reading)
{
    if (is_named(sample, "requests_total")) {
        reading->requests += sample->value;
        reading->refused += label_is(sample, "reason", "OK") ? 0 : sample->value;
    } else if (is_named(sample, "request_duration_seconds_bucket")) {
        if (label_is(sample, "stage", "all"))
            take_bound(sample, reading);
    } else if (is_named(sample, "front_connections")) {
        reading->connections = sample->value;
    } else if (is_named(sample, "hsm_up")) {
        reading->hsms++;
        reading->hsms_up += sample->value > 0;
    } else if (label_of(sample, "signer")) {
        take_signer(sample, reading);
    }
}

void metrics_read(struct bytes text, struct metrics_reading *ret)
{
    CLEANUP(free_string) char *copy = strndup((const char *)text.data, text.len);
    struct sample sample;
    char *rest = copy, *line;

    while (copy && (line = strsep(&rest, "\n")))
        if (read_sample(line, &sample))
            take_sample(&sample, ret);
}

/* ------------------------------------------------------------------------------------------------------ rates */

double metrics_quantile(const struct metrics_reading *before, const struct metrics_reading *now,
                        double quantile)
{
    double all = 0, last = 0; /* the last bound before infinity */

    for (unsigned i = 0; i < now->bounds; i++)
        if (!isinf(now->bound[i].le))
            last = now->bound[i].le;
        else
            all = now->bound[i].count - (i < before->bounds ? before->bound[i].count : 0);
    for (unsigned i = 0; all > 0 && i < now->bounds; i++) {
        double count = now->bound[i].count - (i < before->bounds ? before->bound[i].count : 0);

        if (count >= quantile * all && !isinf(now->bound[i].le))
            return now->bound[i].le * 1000;
    }
    return all > 0 ? last * 1000 : 0;
}

static double rate(double before, double now, double seconds)
{
    return seconds > 0 && now > before ? (now - before) / seconds : 0;
}

static json_t *signer_row(const struct metrics_reading *before, const struct metrics_reading *now,
                          unsigned index)
{
    double seconds = (double)(now->at_ms - before->at_ms) / 1000;

    return json_pack("{s:i, s:f, s:I, s:I, s:I, s:b}", "signer", (int)index, "load",
                     rate(before->signer[index].busy_s, now->signer[index].busy_s, seconds), "leases",
                     (json_int_t)now->signer[index].leases, "audit_lag", (json_int_t)now->signer[index].lag,
                     "seen_unix", (json_int_t)now->signer[index].seen_unix, "hsm_up",
                     now->signer[index].hsm_up);
}

json_t *metrics_row(const struct metrics_reading *before, const struct metrics_reading *now)
{
    double seconds = (double)(now->at_ms - before->at_ms) / 1000, load = 0, leases = 0;
    json_t *signers = json_array();
    char hsms[32];

    for (unsigned i = 0; i < now->signers; i++) {
        load += rate(before->signer[i].busy_s, now->signer[i].busy_s, seconds);
        leases += now->signer[i].leases;
        json_array_append_new(signers, signer_row(before, now, i));
    }
    snprintf(hsms, sizeof(hsms), "%u/%u", now->hsms_up, now->hsms);
    return json_pack("{s:s, s:f, s:f, s:f, s:f, s:f, s:I, s:I, s:s, s:o}", "proxy", now->proxy,
                     "requests_per_s", rate(before->requests, now->requests, seconds), "refused_per_s",
                     rate(before->refused, now->refused, seconds), "p50_ms",
                     metrics_quantile(before, now, 0.5), "p99_ms", metrics_quantile(before, now, 0.99),
                     "load", load, "leases", (json_int_t)leases, "connections", (json_int_t)now->connections,
                     "hsms_up", hsms, "signers", signers);
}
