/* SPDX-License-Identifier: Apache-2.0 */
/* enrol_uri.c - foreign text into fixed fields, each within its bound, and back. */
#include "cli/enrol_uri.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "include/bytes.h"
#include "include/secret.h"
#include "proto/name.h"

void enrol_uri_clear(struct enrol_uri *uri)
{
    secret_wipe(uri, sizeof(*uri));
}

/* --------------------------------------------------------------------------------------------------- reading */

/* One part of the text, up to any of @ends; moves @text behind it. */
static struct bytes take_part(const char **text, const char *ends)
{
    size_t len = strcspn(*text, ends);
    struct bytes part = BYTES(*text, len);

    *text += len;
    return part;
}

static int copy_part(struct bytes part, char *ret, size_t size)
{
    if (part.len >= size)
        return -EINVAL;
    memcpy(ret, part.data, part.len);
    ret[part.len] = '\0';
    return 0;
}

/* RFC 3986 2.1 (Percent-Encoding) */
static int decode_name(struct bytes part, char ret[NAME_MAX_LEN + 1])
{
    size_t len = 0;

    for (size_t at = 0; at < part.len; at++) {
        uint8_t byte = part.data[at];

        if (len == NAME_MAX_LEN)
            return -EINVAL;
        if (byte == '%') {
            char digits[3] = { 0 };

            if (part.len - at < 3)
                return -EINVAL;
            memcpy(digits, part.data + at + 1, 2);
            if (hex_decode(digits, &byte, 1) < 0)
                return -EINVAL;
            at += 2;
        }
        ret[len++] = (char)byte;
    }
    ret[len] = '\0';
    return name_is_valid(BYTES(ret, len)) ? 0 : -EINVAL;
}

int enrol_server_parse(const char *text, char ret[ENROL_SERVER_MAX + 1])
{
    const char *close = *text == '[' ? strchr(text, ']') : NULL;
    const char *colon = strchr(close ? close : text, ':');
    size_t digits = colon ? strspn(colon + 1, "0123456789") : 0;

    if (!*text || text == colon || (*text == '[' && !close) || strpbrk(text, "/?#@ \t\"'\\"))
        return -EINVAL;
    if (colon && (digits == 0 || digits > 5 || colon[1 + digits]))
        return -EINVAL;
    return snprintf(ret, ENROL_SERVER_MAX + 1, "%s%s", text, colon ? "" : ":" ENROL_PORT_DEFAULT) <=
                   ENROL_SERVER_MAX
               ? 0
               : -EINVAL;
}

int enrol_fingerprint_parse(const char *text, uint8_t ret[HASH_LEN])
{
    char digits[2 * HASH_LEN + 1];
    size_t len = 0;

    for (; *text; text++) {
        if (*text == ':' || *text == ' ')
            continue;
        if (len == 2 * HASH_LEN)
            return -EINVAL;
        digits[len++] = *text;
    }
    digits[len] = '\0';
    return hex_decode(digits, ret, HASH_LEN);
}

static int take_parameter(struct bytes part, struct enrol_uri *uri)
{
    char text[2 * HASH_LEN + 8];

    if (copy_part(part, text, sizeof(text)) < 0)
        return -EINVAL;
    if (strncmp(text, "ca=", 3) == 0) {
        uri->has_ca = true;
        return enrol_fingerprint_parse(text + 3, uri->ca);
    }
    if (strncmp(text, "code=", 5) == 0) {
        int r = activation_code_parse(text + 5, uri->code);

        secret_wipe(text, sizeof(text));
        uri->has_code = r == 0;
        return r;
    }
    return 0; /* of a later version */
}

static int parse(const char *text, struct enrol_uri *ret, const char **why)
{
    char server[ENROL_SERVER_MAX + 1];

    *why = "it does not start with " ENROL_URI_SCHEME;
    if (strncmp(text, ENROL_URI_SCHEME, strlen(ENROL_URI_SCHEME)) != 0)
        return -EINVAL;
    text += strlen(ENROL_URI_SCHEME);
    *why = "after " ENROL_URI_SCHEME " comes HOST:PORT";
    if (copy_part(take_part(&text, "/?"), server, sizeof(server)) < 0 ||
        enrol_server_parse(server, ret->server) < 0 || *text++ != '/')
        return -EINVAL;
    *why = "after the server come the deployment's name and the user's";
    if (decode_name(take_part(&text, "/?"), ret->realm) < 0 || *text++ != '/' ||
        decode_name(take_part(&text, "/?"), ret->user) < 0)
        return -EINVAL;
    *why = "ca= takes 64 hexadecimal digits, code= a code as it was shown";
    for (; *text == '?' || *text == '&';) {
        text++;
        if (take_parameter(take_part(&text, "&"), ret) < 0)
            return -EINVAL;
    }
    *why = "something follows where nothing should";
    return *text ? -EINVAL : 0;
}

int enrol_uri_parse(const char *text, struct enrol_uri *ret, const char **why)
{
    int r;

    *ret = (struct enrol_uri){ 0 };
    r = parse(text, ret, why);
    if (r < 0)
        enrol_uri_clear(ret);
    return r;
}

/* --------------------------------------------------------------------------------------------------- writing */

/* All but RFC 3986 2.3 (Unreserved Characters) is encoded. */
static void append_name(struct buffer *buffer, const char *name)
{
    for (; *name; name++) {
        char encoded[4];

        if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~", *name))
            snprintf(encoded, sizeof(encoded), "%c", *name);
        else
            snprintf(encoded, sizeof(encoded), "%%%02X", (uint8_t)*name);
        buffer_append_text(buffer, encoded);
    }
}

int enrol_uri_format(const struct enrol_uri *uri, char ret[ENROL_URI_MAX + 1])
{
    CLEANUP(buffer_clear) struct buffer names = { 0 };
    char fingerprint[2 * HASH_LEN + 1], code[ACTIVATION_TEXT_MAX] = "";
    int len;

    append_name(&names, uri->realm);
    buffer_append_text(&names, "/");
    append_name(&names, uri->user);
    buffer_append_u8(&names, '\0');
    if (names.failed)
        return -ENOMEM;
    hex_encode(BYTES_OF_ARRAY(uri->ca), fingerprint);
    if (uri->has_code)
        activation_code_text(uri->code, code);
    len = snprintf(ret, ENROL_URI_MAX + 1, ENROL_URI_SCHEME "%s/%s?ca=%s%s%s", uri->server,
                   (const char *)names.data, fingerprint, uri->has_code ? "&code=" : "", code);
    secret_wipe(code, sizeof(code));
    return len <= ENROL_URI_MAX ? 0 : -EINVAL;
}
