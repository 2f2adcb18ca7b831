/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire.c - how libcurl is set up: as a guest of the process, trusting nothing but the deployment's roots, and
 * believing nothing that stands in the environment.
 */
#include "client/wire.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define KEEPALIVE_S      30
#define USER_TIMEOUT_MS  5000 /* unacknowledged data: the peer or the way to it is gone */
#define IDLE_MOST_S      110  /* below what firewalls and the front allow */
#define LIFETIME_MOST_S  3600 /* so that load spreads again after a proxy came back */
#define CONNECTIONS_EACH 1

void descriptors_init(struct descriptors *descriptors)
{
    for (size_t i = 0; i < DESCRIPTORS_MAX; i++)
        atomic_init(&descriptors->list[i], -1);
}

static bool descriptors_swap(struct descriptors *descriptors, int from, int to)
{
    for (size_t i = 0; i < DESCRIPTORS_MAX; i++) {
        int expected = from;

        if (atomic_compare_exchange_strong(&descriptors->list[i], &expected, to))
            return true;
    }
    return false;
}

void descriptors_close(struct descriptors *descriptors)
{
    for (size_t i = 0; i < DESCRIPTORS_MAX; i++) {
        int fd = atomic_exchange(&descriptors->list[i], -1);

        if (fd >= 0)
            close(fd);
    }
}

/* Close-on-exec from birth, which libcurl's own sockets are not: the host may run other programs. */
static curl_socket_t open_socket(void *cookie, curlsocktype purpose, struct curl_sockaddr *address)
{
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    int timeout_ms = USER_TIMEOUT_MS;

    (void)purpose;
    if (fd < 0)
        return CURL_SOCKET_BAD;
    if (!descriptors_swap(cookie, -1, fd)) {
        close(fd);
        return CURL_SOCKET_BAD;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof(timeout_ms));
    return fd;
}

static int close_socket(void *cookie, curl_socket_t fd)
{
    /* Not in the list: a forked child has let go of it, and the number may be somebody else's by now. */
    if (descriptors_swap(cookie, fd, -1))
        close(fd);
    return 0;
}

static struct curl_blob blob_of(const struct secret *secret)
{
    /* Lent: the connection holds a reference to its credentials. */
    return (struct curl_blob){ .data = secret->data, .len = secret->len, .flags = CURL_BLOB_NOCOPY };
}

static CURLcode set_tls(CURL *easy, const struct credentials *credentials)
{
    struct curl_blob certificate = blob_of(credentials->certificate), key = blob_of(credentials->key);
    struct curl_blob ca = blob_of(credentials->ca);
    CURLcode code = CURLE_OK;

    WIRE_SET(easy, code, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3);
    WIRE_SET(easy, code, CURLOPT_SSL_VERIFYPEER, 1L);
    WIRE_SET(easy, code, CURLOPT_SSL_VERIFYHOST, 2L);
    WIRE_SET(easy, code, CURLOPT_CAPATH, NULL); /* Debian compiles in the system's roots */
    WIRE_SET(easy, code, CURLOPT_CAINFO_BLOB, &ca);
    WIRE_SET(easy, code, CURLOPT_SSLCERT_BLOB, &certificate);
    WIRE_SET(easy, code, CURLOPT_SSLKEY_BLOB, &key);
    return code;
}

static CURLcode set_http(CURL *easy)
{
    CURLcode code = CURLE_OK;

    WIRE_SET(easy, code, CURLOPT_PROTOCOLS_STR, "https");
    WIRE_SET(easy, code, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    WIRE_SET(easy, code, CURLOPT_POST, 1L);
    WIRE_SET(easy, code, CURLOPT_FOLLOWLOCATION, 0L);
    WIRE_SET(easy, code, CURLOPT_PROXY, ""); /* not the environment's */
    WIRE_SET(easy, code, CURLOPT_NOPROXY, "*");
    WIRE_SET(easy, code, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    WIRE_SET(easy, code, CURLOPT_HTTP_CONTENT_DECODING, 0L);
    /* Else libcurl 7.88 ends at the last byte of the body and never looks at the trailers, where gRPC's status is. */
    WIRE_SET(easy, code, CURLOPT_IGNORE_CONTENT_LENGTH, 1L);
    WIRE_SET(easy, code, CURLOPT_USERAGENT, "grpc-c-privyseal/" PRIVYSEAL_VERSION);
    return code;
}

static CURLcode set_socket(CURL *easy, struct descriptors *descriptors)
{
    CURLcode code = CURLE_OK;

    WIRE_SET(easy, code, CURLOPT_NOSIGNAL, 1L);
    WIRE_SET(easy, code, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    WIRE_SET(easy, code, CURLOPT_OPENSOCKETDATA, descriptors);
    WIRE_SET(easy, code, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    WIRE_SET(easy, code, CURLOPT_CLOSESOCKETDATA, descriptors);
    WIRE_SET(easy, code, CURLOPT_TCP_KEEPALIVE, 1L);
    WIRE_SET(easy, code, CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_S);
    WIRE_SET(easy, code, CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_S);
    WIRE_SET(easy, code, CURLOPT_MAXCONNECTS, (long)CONNECTIONS_EACH);
    WIRE_SET(easy, code, CURLOPT_MAXAGE_CONN, (long)IDLE_MOST_S);
    WIRE_SET(easy, code, CURLOPT_MAXLIFETIME_CONN, (long)LIFETIME_MOST_S);
    return code;
}

int wire_new(const struct credentials *credentials, struct descriptors *descriptors, size_t endpoint,
             struct wire **ret)
{
    CLEANUP(wire_free) struct wire *connection = calloc(1, sizeof(*connection));
    CURL *easy;
    CURLcode code;

    if (!connection)
        return -ENOMEM;
    connection->credentials = credentials_ref((struct credentials *)credentials);
    connection->endpoint = endpoint;
    easy = connection->easy = curl_easy_init();
    if (!easy)
        return -ENOMEM;
    code = set_tls(easy, credentials);
    if (code == CURLE_OK)
        code = set_http(easy);
    if (code == CURLE_OK)
        code = set_socket(easy, descriptors);
    WIRE_SET(easy, code, CURLOPT_ERRORBUFFER, connection->error);
    if (code != CURLE_OK)
        return code == CURLE_OUT_OF_MEMORY ? -ENOMEM : -EIO;
    *ret = TAKE(connection);
    return 0;
}

void wire_free(struct wire *connection)
{
    if (!connection)
        return;
    curl_easy_cleanup(connection->easy);
    curl_slist_free_all(connection->resolve);
    credentials_unref(connection->credentials);
    free(connection);
}

int wire_set_addresses(struct wire *connection, const char *addresses)
{
    struct curl_slist *list;

    if (!*addresses || (connection->resolve && strcmp(connection->resolve->data, addresses) == 0))
        return 0;
    list = curl_slist_append(NULL, addresses);
    if (!list || curl_easy_setopt(connection->easy, CURLOPT_RESOLVE, list) != CURLE_OK) {
        curl_slist_free_all(list);
        return -ENOMEM;
    }
    curl_slist_free_all(connection->resolve);
    connection->resolve = list;
    return 0;
}
