/* SPDX-License-Identifier: Apache-2.0 */
/* postgres_hosts.c - libpq's lists of hosts taken apart, looked up, and put together again with addresses. */
#include "proxy/store/postgres_hosts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "include/bytes.h"
#include "include/log.h"
#include "include/table.h"
#include "proxy/store/postgres_link.h"

#define PLACES_MAX    16   /* hosts in a connection string */
#define ADDRESSES_MAX 16   /* of one of them */
#define LOOKUP_MS     1000 /* then what was known before has to do */
#define ADDRESS_LEN   64   /* NI_MAXHOST of a number, with a scope */

/* One host of the list. */
struct place {
    char *name, *address, *port; /* as given; "" where nothing is */
    bool is_name;                /* to be looked up */
    bool is_asked;               /* @request is the resolver's, who may still write to it */
    int64_t asked_ms;
    struct gaicb request;
    char known[ADDRESSES_MAX][ADDRESS_LEN];
    size_t known_count;
};

struct postgres_hosts {
    struct place places[PLACES_MAX];
    size_t count; /* 0: there is nothing to look up */
    struct addrinfo hints;
    struct buffer host, hostaddr, port; /* the lists with addresses */
};

/* --------------------------------------------------------------------------------------------- libpq's own lists */

static size_t elements_of(const char *list)
{
    size_t count = 1;

    for (; *list; list++)
        count += *list == ',';
    return count;
}

/* The element @index of @list; the only one is everybody's where @is_shared. */
static char *element_of(const char *list, size_t index, bool is_shared)
{
    if (is_shared && elements_of(list) == 1)
        index = 0;
    while (index-- && (list = strchr(list, ',')))
        list++;
    return list ? strndup(list, strcspn(list, ",")) : strdup("");
}

static bool is_number(const char *name)
{
    const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST };
    struct addrinfo *found = NULL;
    bool is = getaddrinfo(name, NULL, &hints, &found) == 0;

    if (found)
        freeaddrinfo(found);
    return is;
}

static int fill_place(struct place *place, const char *host, const char *hostaddr, const char *port,
                      size_t index)
{
    place->name = element_of(host, index, false);
    place->address = element_of(hostaddr, index, false);
    place->port = element_of(port, index, true);
    if (!place->name || !place->address || !place->port)
        return -ENOMEM;
    place->is_name =
        *place->name && !*place->address && !strchr("/@", *place->name) && !is_number(place->name);
    return 0;
}

/* A list that does not fit the others is for libpq to complain about. */
static bool fits(const char *list, size_t count)
{
    return !*list || elements_of(list) == count;
}

static int fill(struct postgres_hosts *hosts, const char *host, const char *hostaddr, const char *port)
{
    size_t count = elements_of(host), names = 0;
    int r = 0;

    if (count > PLACES_MAX || !fits(hostaddr, count) || !(fits(port, count) || fits(port, 1)))
        return 0;
    for (size_t i = 0; r == 0 && i < count; i++) {
        r = fill_place(&hosts->places[i], host, hostaddr, port, i);
        names += hosts->places[i].is_name;
    }
    hosts->count = names ? count : 0;
    return r;
}

/* What the environment says where the connection string does not. A service file's hosts stay libpq's. 34.15 */
static const char *given(const char *value, const char *variable)
{
    if (!value || !*value)
        value = getenv(variable);
    return value ? value : "";
}

int postgres_hosts_new(const char *host, const char *hostaddr, const char *port, struct postgres_hosts **ret)
{
    CLEANUP(postgres_hosts_free) struct postgres_hosts *hosts = calloc(1, sizeof(*hosts));
    int r;

    if (!hosts)
        return -ENOMEM;
    hosts->hints = (struct addrinfo){ .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
    r = fill(hosts, given(host, "PGHOST"), given(hostaddr, "PGHOSTADDR"), given(port, "PGPORT"));
    if (r == 0)
        *ret = TAKE(hosts);
    return r;
}

/* A question that nobody can take back: the resolver goes on with its memory, which therefore stays. gai_cancel(3) */
static bool is_let_go(struct place *place)
{
    if (place->is_asked && gai_cancel(&place->request) == EAI_NOTCANCELED)
        return false;
    if (place->is_asked && gai_error(&place->request) == 0)
        freeaddrinfo(place->request.ar_result);
    place->is_asked = false;
    return true;
}

void postgres_hosts_free(struct postgres_hosts *hosts)
{
    bool is_kept = false;

    if (!hosts)
        return;
    buffer_clear(&hosts->host);
    buffer_clear(&hosts->hostaddr);
    buffer_clear(&hosts->port);
    for (size_t i = 0; i < PLACES_MAX; i++)
        is_kept |= !is_let_go(&hosts->places[i]);
    for (size_t i = 0; !is_kept && i < PLACES_MAX; i++) {
        free(hosts->places[i].name);
        free(hosts->places[i].address);
        free(hosts->places[i].port);
    }
    if (!is_kept)
        free(hosts);
}

/* ---------------------------------------------------------------------------------------------------- looking up */

/* One at a time for each name: a resolver that hangs gets no second question. Each request tells its own end. */
static void ask(struct postgres_hosts *hosts)
{
    struct gaicb *requests[PLACES_MAX];
    int count = 0;

    for (size_t i = 0; i < hosts->count; i++) {
        struct place *place = &hosts->places[i];

        if (!place->is_name || place->is_asked)
            continue;
        place->request = (struct gaicb){ .ar_name = place->name, .ar_request = &hosts->hints };
        place->asked_ms = postgres_clock_ms();
        place->is_asked = true;
        requests[count++] = &place->request;
    }
    if (count)
        (void)getaddrinfo_a(GAI_NOWAIT, requests, count, NULL);
}

static void learn(struct place *place)
{
    size_t count = 0;

    for (struct addrinfo *at = place->request.ar_result; at && count < ADDRESSES_MAX; at = at->ai_next)
        count += getnameinfo(at->ai_addr, at->ai_addrlen, place->known[count], ADDRESS_LEN, NULL, 0,
                             NI_NUMERICHOST) == 0;
    place->known_count = count;
    freeaddrinfo(place->request.ar_result);
}

/* What has been answered by now. */
static void collect(struct postgres_hosts *hosts)
{
    for (size_t i = 0; i < hosts->count; i++) {
        struct place *place = &hosts->places[i];
        int error = place->is_asked ? gai_error(&place->request) : EAI_INPROGRESS;

        if (error == EAI_INPROGRESS)
            continue;
        place->is_asked = false;
        if (error == 0)
            learn(place);
        else
            log_event_limited(LOG_LEVEL_WARNING, 6, "store.name", "host=%s why=\"%s\" known_before=%zu",
                              place->name, gai_strerror(error), place->known_count);
    }
}

/* Those whose answer may still be waited for; @ret_until_ms: so long. */
static int awaited(struct postgres_hosts *hosts, const struct gaicb *ret[PLACES_MAX], int64_t *ret_until_ms)
{
    int count = 0;

    for (size_t i = 0; i < hosts->count; i++) {
        struct place *place = &hosts->places[i];

        if (!place->is_asked || postgres_clock_ms() >= place->asked_ms + LOOKUP_MS)
            continue;
        ret[count++] = &place->request;
        if (place->asked_ms + LOOKUP_MS < *ret_until_ms)
            *ret_until_ms = place->asked_ms + LOOKUP_MS;
    }
    return count;
}

static void add(struct buffer *list, const char *element)
{
    if (list->len)
        list->data[list->len - 1] = ','; /* was the end */
    buffer_append_text(list, element);
    buffer_append_u8(list, '\0');
}

static size_t add_place(struct postgres_hosts *hosts, const struct place *place)
{
    size_t count = place->is_name ? place->known_count : 1;

    for (size_t i = 0; i < count; i++) {
        add(&hosts->host, place->name);
        add(&hosts->hostaddr, place->is_name ? place->known[i] : place->address);
        add(&hosts->port, place->port);
    }
    return count;
}

static int put_together(struct postgres_hosts *hosts)
{
    size_t count = 0;

    buffer_clear(&hosts->host);
    buffer_clear(&hosts->hostaddr);
    buffer_clear(&hosts->port);
    for (size_t i = 0; i < hosts->count; i++)
        count += add_place(hosts, &hosts->places[i]);
    if (hosts->host.failed || hosts->hostaddr.failed || hosts->port.failed)
        return -ENOMEM;
    return count ? 0 : -EHOSTUNREACH;
}

int postgres_hosts_find(struct postgres_hosts *hosts, int64_t until_ms)
{
    const struct gaicb *requests[PLACES_MAX];
    bool is_first = true;
    int count;

    if (!hosts->count)
        return 0;
    for (;; is_first = false) {
        int64_t wait_ms = until_ms;
        struct timespec patience;

        collect(hosts);
        if (is_first)
            ask(hosts);
        count = awaited(hosts, requests, &wait_ms);
        if (!count)
            return put_together(hosts);
        wait_ms -= postgres_clock_ms();
        if (wait_ms <= 0 && postgres_clock_ms() >= until_ms)
            return -EAGAIN;
        if (wait_ms < 0)
            wait_ms = 0;
        patience = (struct timespec){ .tv_sec = wait_ms / 1000, .tv_nsec = wait_ms % 1000 * 1000000 };
        (void)gai_suspend(requests, count, &patience); /* the next round sees what came of it */
    }
}

const char *postgres_hosts_value(const struct postgres_hosts *hosts, const char *keyword)
{
    const struct {
        const char *keyword;
        const struct buffer *list;
    } lists[] = { { "host", &hosts->host }, { "hostaddr", &hosts->hostaddr }, { "port", &hosts->port } };

    for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
        if (lists[i].list->len && strcmp(lists[i].keyword, keyword) == 0)
            return (const char *)lists[i].list->data;
    return NULL;
}
