/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notice.c - notices as messages to the herald. Everything that can go wrong here is logged and forgotten: the call
 * that caused the notice has done its work.
 */
#include "proxy/service/notice.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "include/log.h"
#include "include/rate.h"
#include "proto/digest.h"
#include "proto/notice.h"
#include "proxy/service/stage.h"

#define LOGGED_PER_MINUTE 600
#define AT_ONCE           30 /* notices of one user; then one in ... */
#define EVERY_NS          (UINT64_C(60) * 1000000000)

DEFINE_CLEANUP(json_decref, json_t *);

struct notice notice_of(const struct call *call, const char *event, const char *user)
{
    return (struct notice){
        .event = event,
        .user = user,
        .text = { { "by", call->caller.principal.name },
                  { "address", call->peer },
                  { "request_id", call->request_id } },
    };
}

void notice_add(struct notice *notice, const char *name, const char *value)
{
    for (size_t i = 0; i < NOTICE_TEXTS; i++) {
        if (notice->text[i].name)
            continue;
        notice->text[i].name = name;
        notice->text[i].value = value;
        return;
    }
}

/* RFC 3339 5.6 (Internet Date/Time Format). */
static void write_now(char text[sizeof("2000-01-01T00:00:00Z")])
{
    time_t now = time(NULL);
    struct tm utc;

    gmtime_r(&now, &utc);
    strftime(text, sizeof("2000-01-01T00:00:00Z"), "%Y-%m-%dT%H:%M:%SZ", &utc);
}

/* NULL: out of memory. A text that is not UTF-8 (a peer's words) is left out. */
static char *write_object(const struct service *service, const struct notice *notice)
{
    char now[sizeof("2000-01-01T00:00:00Z")];
    CLEANUP(json_decref) json_t *object = NULL;

    write_now(now);
    object = json_pack("{s:s, s:s, s:s, s:s}", "event", notice->event, "user", notice->user, "realm",
                       service->config->realm, "time", now);
    if (!object)
        return NULL;
    for (size_t i = 0; i < NOTICE_TEXTS && notice->text[i].name; i++)
        if (notice->text[i].value && *notice->text[i].value)
            (void)json_object_set_new(object, notice->text[i].name, json_string(notice->text[i].value));
    return json_dumps(object, JSON_COMPACT);
}

/* Errors: -errno: -EAGAIN when the herald does not keep up, -ENOTCONN when there is none. */
static int hand_over(const struct service *service, const struct notice *notice, enum notice_kind kind,
                     const char *code)
{
    CLEANUP(free_string) char *object = NULL;
    CLEANUP(secret_free) struct secret *message = NULL;
    int r;

    if (!service->config->has_herald)
        return -ENOTCONN;
    object = write_object(service, notice);
    if (!object)
        return -ENOMEM;
    r = notice_message_make(kind, notice->event, object, code, &message);
    if (r < 0)
        return r;
    return send(service->config->herald, message->data, message->len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0
               ? -errno
               : 0;
}

static void deliver(const struct service *service, const struct notice *notice, enum notice_kind kind,
                    const char *code)
{
    int r = hand_over(service, notice, kind, code);

    if (r == 0 || r == -ENOTCONN)
        log_event_limited(LOG_LEVEL_NOTICE, LOGGED_PER_MINUTE, "notice", "event=%s user=\"%s\" herald=%s",
                          notice->event, notice->user, r == 0 ? "yes" : "no");
    else
        log_event_limited(LOG_LEVEL_ERROR, LOGGED_PER_MINUTE, "notice.lost",
                          "event=%s user=\"%s\" why=\"%s\"", notice->event, notice->user, strerror(-r));
}

/*
 * The herald keeps so many and no more: who makes many happen to his own token leaves room for what others have to hear.
 * He was told of the first ones.
 */
static bool is_one_too_many(const struct service *service, const char *user)
{
    uint64_t now_ns = stage_now_us() * 1000, name;
    uint8_t hash[HASH_LEN];

    if (digest_sha256(NULL, bytes_of_text(user), hash) < 0)
        return false;
    memcpy(&name, hash, sizeof(name));
    if (rate_owed(service->notices, name, now_ns) > (AT_ONCE - 1) * EVERY_NS)
        return true;
    rate_owe(service->notices, name, EVERY_NS, now_ns);
    return false;
}

void notice_send(struct service *service, const struct notice *notice)
{
    if (is_one_too_many(service, notice->user))
        log_event_limited(LOG_LEVEL_WARNING, LOGGED_PER_MINUTE, "notice.too_many", "event=%s user=\"%s\"",
                          notice->event, notice->user);
    else
        deliver(service, notice, NOTICE_NEWS, "");
}

void notice_tell(struct service *service, const struct call *call, const char *event, const char *user)
{
    struct notice notice = notice_of(call, event, user);

    notice_send(service, &notice);
}

void notice_send_code(struct service *service, const struct call *call, const char *code, bool is_meant)
{
    static const char blank[] = "00000000";
    struct notice notice = notice_of(call, "code.send", call->token.name);

    _Static_assert(sizeof(blank) == FACTOR_CODE_MAX_LEN + 1, "as long as any code");
    deliver(service, &notice, is_meant ? NOTICE_CODE : NOTICE_BLANK,
            is_meant ? code : blank + (FACTOR_CODE_MAX_LEN - strlen(code)));
}
