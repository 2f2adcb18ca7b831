/* SPDX-License-Identifier: Apache-2.0 */
/* webhook.c - libcurl, with nothing left to chance: https alone, no redirect, no other protocol, a deadline. */
#include "proxy/herald/webhook.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include <curl/curl.h>

#include "include/secret.h"
#include "proto/notice.h"

DEFINE_CLEANUP(curl_easy_cleanup, CURL *);
DEFINE_CLEANUP(curl_slist_free_all, struct curl_slist *);

/* What the server says, beyond the status, is nobody's business. */
static size_t ignore(char *data, size_t size, size_t count, void *argument)
{
    (void)data, (void)argument;
    return size * count;
}

static int read_object(struct secret **ret)
{
    CLEANUP(secret_free) struct secret *object = NULL;
    ssize_t len;
    int r = secret_new(NOTICE_MAX, &object);

    if (r < 0)
        return r;
    len = read(STDIN_FILENO, object->data, object->len); /* one write made it, one read takes it. pipe(7) */
    if (len <= 0)
        return -EIO;
    object->len = (size_t)len;
    *ret = TAKE(object);
    return 0;
}

static int set_headers(CURL *curl, const char *event, struct curl_slist **headers)
{
    char line[sizeof("Privyseal-Event: ") + NOTICE_EVENT_MAX];
    struct curl_slist *more;

    snprintf(line, sizeof(line), "Privyseal-Event: %s", event);
    *headers = curl_slist_append(NULL, "Content-Type: application/json");
    more = *headers ? curl_slist_append(*headers, line) : NULL;
    if (!more)
        return CURLE_OUT_OF_MEMORY;
    return (int)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, *headers);
}

static int set_options(CURL *curl, const struct proxy_config *config, const struct secret *object)
{
    if (curl_easy_setopt(curl, CURLOPT_URL, config->notice_webhook) ||
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https") ||
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)object->len) ||
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, (const char *)object->data) ||
        curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L) || curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) ||
        curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)config->notice_timeout_ms) ||
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, ignore) ||
        curl_easy_setopt(curl, CURLOPT_USERAGENT, "privyseald/" PRIVYSEAL_VERSION) ||
        (config->notice_webhook_ca && curl_easy_setopt(curl, CURLOPT_CAINFO, config->notice_webhook_ca)))
        return CURLE_FAILED_INIT;
    return CURLE_OK;
}

int webhook_post(const struct proxy_config *config, const char *event)
{
    CLEANUP(secret_free) struct secret *object = NULL;
    CLEANUP(curl_slist_free_all) struct curl_slist *headers = NULL;
    CLEANUP(curl_easy_cleanup) CURL *curl = NULL;
    int status;

    if (read_object(&object) < 0)
        return CURLE_READ_ERROR;
    curl = curl_easy_init();
    if (!curl)
        return CURLE_FAILED_INIT;
    status = set_options(curl, config, object);
    if (status == CURLE_OK)
        status = set_headers(curl, event, &headers);
    return status == CURLE_OK ? (int)curl_easy_perform(curl) : status;
}
