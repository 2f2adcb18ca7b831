/* SPDX-License-Identifier: Apache-2.0 */
/* http_request.c - five paths, two methods, one header that matters. */
#include "proxy/front/http_request.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <openssl/evp.h>

#include "include/table.h"

#define CRL  PRIVYSEAL__V1__AUTHORITY_QUESTION__QUESTION_CRL
#define CERT PRIVYSEAL__V1__AUTHORITY_QUESTION__QUESTION_CERTIFICATE
#define OCSP PRIVYSEAL__V1__AUTHORITY_QUESTION__QUESTION_OCSP

static const struct http_resource resources[] = {
    { "/device.crl", CRL, 0, "application/pkix-crl" },
    { "/document.crl", CRL, 1, "application/pkix-crl" },
    { "/device.cer", CERT, 0, "application/pkix-cert" },
    { "/document.cer", CERT, 1, "application/pkix-cert" },
    { "/ocsp", OCSP, 0, "application/ocsp-response" },
};

static const struct http_resource *find_resource(const char *path, const char **ret_tail)
{
    const struct http_resource *row;

    for (EACH_ROW(row, resources)) {
        size_t len = strlen(row->path);

        if (strncmp(path, row->path, len) != 0 || (path[len] != '\0' && path[len] != '/'))
            continue;
        *ret_tail = path[len] ? path + len + 1 : "";
        return row;
    }
    return NULL;
}

/* "GET /ocsp/MFEw... HTTP/1.1". NULL: it is as it should be; else what it is answered with. */
static const char *read_request_line(struct http_request *request, char *line)
{
    const char *method = strsep(&line, " "), *path = strsep(&line, " "), *tail;

    if (!path || !line || strncmp(line, "HTTP/1.", 7) != 0)
        return "400 Bad Request";
    request->is_post = strcmp(method, "POST") == 0;
    request->resource = find_resource(path, &tail);
    if (!request->resource)
        return "404 Not Found";
    if (request->resource->question == OCSP ? request->is_post == (*tail != '\0') : request->is_post || *tail)
        return "405 Method Not Allowed";
    if (!request->is_post && strcmp(method, "GET") != 0)
        return "405 Method Not Allowed";
    if (snprintf(request->tail, sizeof(request->tail), "%s", tail) >= (int)sizeof(request->tail))
        return "414 URI Too Long";
    return NULL;
}

static const char *read_header(struct http_request *request, char *line)
{
    static const char length[] = "Content-Length:", coding[] = "Transfer-Encoding:";
    char *end;

    if (strncasecmp(line, coding, strlen(coding)) == 0)
        return "411 Length Required";
    if (strncasecmp(line, length, strlen(length)) != 0)
        return NULL;
    line += strlen(length);
    line += strspn(line, " \t");
    errno = 0;
    request->body_len = strtoul(line, &end, 10);
    if (end == line || *line == '-' || errno || end[strspn(end, " \t")])
        return "400 Bad Request";
    return request->body_len > HTTP_OCSP_MAX ? "413 Content Too Large" : NULL;
}

const char *http_request_line(struct http_request *request, char *line)
{
    if (!request->resource)
        return read_request_line(request, line);
    if (*line)
        return read_header(request, line);
    request->is_headed = true;
    return request->is_post && request->body_len == 0 ? "411 Length Required" : NULL;
}

/* Of what has three characters in a path and one in base64. */
static void unescape(char *text)
{
    static const struct {
        const char *code;
        char letter;
    } escapes[] = { { "%2B", '+' }, { "%2F", '/' }, { "%3D", '=' } };
    char *out = text;

    for (const char *in = text; *in; in++) {
        *out = *in;
        for (size_t i = 0; *in == '%' && i < ARRAY_SIZE(escapes); i++)
            if (strncasecmp(in, escapes[i].code, 3) == 0) {
                *out = escapes[i].letter;
                in += 2;
            }
        out++;
    }
    *out = '\0';
}

/* RFC 6960 A.1: {url}/{url-encoding of base-64 encoding of the DER encoding of the OCSPRequest}. */
int http_request_path_der(struct http_request *request, uint8_t der[HTTP_DER_MAX], size_t *ret)
{
    size_t text_len, padding = 0;
    int len;

    unescape(request->tail);
    text_len = strlen(request->tail);
    len = EVP_DecodeBlock(der, (const unsigned char *)request->tail, (int)text_len);
    while (padding < 2 && padding < text_len && request->tail[text_len - padding - 1] == '=')
        padding++;
    if (len <= (int)padding)
        return -EBADMSG;
    *ret = (size_t)len - padding;
    return 0;
}
