/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_request.h - what strangers may ask over plain HTTP/1.1, read line by line: lists, certificates, OCSP.
 *
 * No sockets and no memory of its own: every length is bounded by the struct, and what is not one of these requests is
 * refused with the status that says so.
 */
#pragma once

#include <stdbool.h>

#include "include/bytes.h"
#include "proto/privyseal.pb-c.h"

#define HTTP_OCSP_MAX 2048 /* bytes of DER; the signer says the same */
#define HTTP_DER_MAX  (3 * (2 * HTTP_OCSP_MAX) / 4 + 3)

/* What there is to be had. */
struct http_resource {
    const char *path;
    Privyseal__V1__AuthorityQuestion question;
    unsigned authority;
    const char *type;
};

/* All zeros at first. */
struct http_request {
    const struct http_resource *resource; /* NULL: the request line was not read yet */
    char tail[2 * HTTP_OCSP_MAX]; /* of the path, behind the resource's name: an OCSP request in base64 */
    size_t body_len;
    bool is_post, is_headed; /* the headers are over */
};

/* One line, which is written to. NULL: go on (until is_headed); else the status that it is answered with: "400 ...". */
const char *http_request_line(struct http_request *request, char *line);
/* The OCSP request in the path, which is decoded in place. @ret: how many bytes of @der. Errors: -EBADMSG. */
MUST_CHECK int http_request_path_der(struct http_request *request, uint8_t der[HTTP_DER_MAX], size_t *ret);
