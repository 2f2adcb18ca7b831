/* SPDX-License-Identifier: Apache-2.0 */
/* audit_cef.c - a record in the Common Event Format. */
#include "cli/audit_cef.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "include/table.h"

/* A header's field ends with |, an extension's name with =; both are escaped by \, and a line's end is a word. */
static void append_escaped(struct buffer *out, const char *text, char ends)
{
    for (; *text; text++) {
        if (*text == '\n' || *text == '\r') {
            buffer_append_text(out, *text == '\n' ? "\\n" : "\\r");
            continue;
        }
        if (*text == '\\' || *text == ends)
            buffer_append_u8(out, '\\');
        buffer_append_u8(out, (uint8_t)*text);
    }
}

static void append_header(struct buffer *out, const char *text)
{
    append_escaped(out, text, '|');
    buffer_append_u8(out, '|');
}

static void append_text(struct buffer *out, const char *name, const char *value)
{
    if (!*value)
        return;
    buffer_append_u8(out, ' ');
    buffer_append_text(out, name);
    buffer_append_u8(out, '=');
    append_escaped(out, value, '=');
}

static void append_number(struct buffer *out, const char *name, uint64_t value)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRIu64, value);
    append_text(out, name, text);
}

static const char *text_of(const json_t *record, const char *member)
{
    const char *text = json_string_value(json_object_get(record, member));

    return text ? text : "";
}

/* Where the dictionary has a name, that; else a custom field, which says what it is by a label. */
static const struct {
    const char *member, *field, *label;
} texts[] = {
    { "request_id", "externalId", NULL },    { "principal", "suser", NULL },
    { "result", "outcome", NULL },           { "token", "duser", NULL },
    { "digest", "fileHash", NULL },          { "note", "msg", NULL },
    { "certificate", "cs1", "certificate" }, { "key", "cs2", "key" },
    { "mechanism", "cs3", "mechanism" },     { "client_request_id", "cs4", "clientRequest" },
    { "hash", "cs5", "chainHash" },
};
static const struct {
    const char *member, *field, *label;
} numbers[] = {
    { "sequence", "cn1", "sequence" },
    { "key_count", "cn2", "keyCount" },
    { "latency_us", "cn3", "latencyMicroseconds" },
};

static void append_labelled(struct buffer *out, const char *field, const char *label)
{
    char name[24];

    snprintf(name, sizeof(name), "%sLabel", field);
    append_text(out, name, label);
}

/* src is an IPv4 address; one of the sixth version has a custom field. */
static void append_peer(struct buffer *out, const char *peer)
{
    bool is_v6 = strchr(peer, ':') != NULL;

    append_text(out, is_v6 ? "c6a2" : "src", peer);
    if (is_v6 && *peer)
        append_labelled(out, "c6a2", "Source IPv6 Address");
}

void audit_cef_append(const json_t *record, const struct log_name *log, struct buffer *ret)
{
    const char *event = text_of(record, "event"), *result = text_of(record, "result");

    buffer_append_text(ret, "CEF:0|Privyseal|privyseald|" PRIVYSEAL_VERSION "|");
    append_header(ret, event);
    append_header(ret, event);
    buffer_append_text(ret, strcmp(result, "OK") == 0          ? "3|"
                            : strcmp(result, "INTEGRITY") == 0 ? "9|"
                                                               : "6|");
    buffer_append_text(ret, "dvchost=");
    append_escaped(ret, log->proxy, '=');
    append_number(ret, "deviceExternalId", log->signer);
    append_number(ret, "rt", (uint64_t)json_integer_value(json_object_get(record, "time_us")) / 1000);
    append_peer(ret, text_of(record, "peer"));
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        const char *value = text_of(record, texts[i].member);

        append_text(ret, texts[i].field, value);
        if (*value && texts[i].label)
            append_labelled(ret, texts[i].field, texts[i].label);
    }
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        append_number(ret, numbers[i].field,
                      (uint64_t)json_integer_value(json_object_get(record, numbers[i].member)));
        append_labelled(ret, numbers[i].field, numbers[i].label);
    }
}
