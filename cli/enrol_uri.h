/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enrol_uri.h - all that a new device needs, in one line that fits a QR code:
 *
 *     privyseal://HOST:PORT/REALM/USER?ca=SHA256[&code=CODE]
 *
 * Realm and user are percent-encoded (RFC 3986 2.1). The fingerprint is that of the root. A line with a code is as good
 * as the code: it is shown and typed in, and goes into no file of ours.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "include/cleanup.h"
#include "proto/limits.h"

#define ENROL_URI_SCHEME   "privyseal://"
#define ENROL_URI_MAX      768
#define ENROL_SERVER_MAX   261 /* a name, a colon, a port */
#define ENROL_PORT_DEFAULT "7444"

struct enrol_uri {
    char server[ENROL_SERVER_MAX + 1]; /* "host:port" */
    char realm[NAME_MAX_LEN + 1];      /* "": not said */
    char user[NAME_MAX_LEN + 1];
    bool has_ca, has_code;
    uint8_t ca[HASH_LEN];
    uint8_t code[DEVICE_CODE_LEN];
};

void enrol_uri_clear(struct enrol_uri *uri); /* wipes the code */
DEFINE_CLEAR(enrol_uri_clear, struct enrol_uri);
/* Errors: -EINVAL with a static sentence in @why. */
MUST_CHECK int enrol_uri_parse(const char *text, struct enrol_uri *ret, const char **why);
/* HOST or HOST:PORT, [IPv6] in brackets, as "host:port". Errors: -EINVAL. */
MUST_CHECK int enrol_server_parse(const char *text, char ret[ENROL_SERVER_MAX + 1]);
/* 64 hexadecimal digits, with or without colons. Errors: -EINVAL. */
MUST_CHECK int enrol_fingerprint_parse(const char *text, uint8_t ret[HASH_LEN]);
/* @ret is to be wiped when there is a code in it. Errors: -EINVAL (too long). */
MUST_CHECK int enrol_uri_format(const struct enrol_uri *uri, char ret[ENROL_URI_MAX + 1]);
