/* SPDX-License-Identifier: Apache-2.0 */
/* notice.c - messages to the herald, written and read. */
#include "proto/notice.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* It becomes an argument of the operator's command: lower case and dots, nothing a shell could take amiss. */
static bool is_event(struct bytes name)
{
    if (name.len == 0 || name.len > NOTICE_EVENT_MAX)
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (!(name.data[i] >= 'a' && name.data[i] <= 'z') && name.data[i] != '.' && name.data[i] != '_')
            return false;
    return true;
}

static bool is_object(struct bytes json)
{
    return json.len >= 2 && json.data[0] == '{' && json.data[json.len - 1] == '}' &&
           !memchr(json.data, 0, json.len);
}

int notice_message_make(enum notice_kind kind, const char *event, const char *object, const char *code,
                        struct secret **ret)
{
    CLEANUP(secret_free) struct secret *message = NULL;
    size_t head = 1 + strlen(event) + 1;
    int len, r;

    if (!is_event(bytes_of_text(event)) || !is_object(bytes_of_text(object)))
        return -EINVAL;
    r = secret_new(NOTICE_MAX, &message);
    if (r < 0)
        return r;
    message->data[0] = (uint8_t)kind;
    memcpy(message->data + 1, event, head - 1);
    len = *code ? snprintf((char *)message->data + head, NOTICE_MAX - head, "{\"code\":\"%s\",%s", code,
                           object + 1)
                : snprintf((char *)message->data + head, NOTICE_MAX - head, "%s", object);
    if (len < 0 || (size_t)len >= NOTICE_MAX - head)
        return -EMSGSIZE;
    message->len = head + (size_t)len;
    *ret = TAKE(message);
    return 0;
}

int notice_message_read(struct bytes message, struct notice_message *ret)
{
    const uint8_t *nul = message.len > 1 ? memchr(message.data + 1, 0, message.len - 1) : NULL;
    struct notice_message read;

    if (!nul || message.len > NOTICE_MAX)
        return -EBADMSG;
    read.kind = message.data[0];
    read.event = (const char *)message.data + 1;
    read.object = BYTES(nul + 1, message.len - (size_t)(nul + 1 - message.data));
    if ((read.kind != NOTICE_NEWS && read.kind != NOTICE_CODE && read.kind != NOTICE_BLANK) ||
        !is_event(bytes_of_text(read.event)) || !is_object(read.object))
        return -EBADMSG;
    *ret = read;
    return 0;
}
