/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notice.h - what a signer hands to the herald: one message, one notice.
 *
 *     kind (1 byte) | event, ended by a NUL | a JSON object
 *
 * The herald passes the object on as it is; the event and the kind are all that it reads. A code is a secret that is
 * worth something for minutes: it is kept in wiped memory on both sides and never reaches a disk.
 */
#pragma once

#include <stdbool.h>

#include "include/bytes.h"
#include "include/secret.h"

#define NOTICE_MAX       4096 /* bytes of a message */
#define NOTICE_EVENT_MAX 40

/* A blank is what a code would be if the PIN had been right: the herald drops it. */
enum notice_kind { NOTICE_NEWS = 'n', NOTICE_CODE = 'c', NOTICE_BLANK = 'b' };

/* Points into the message it was read from. */
struct notice_message {
    enum notice_kind kind;
    const char *event;
    struct bytes object;
};

/*
 * @object: a JSON object of public content, with at least one member. @code: digits that become its first member; ""
 * for news.
 * Errors: -EINVAL (no event name, no object), -EMSGSIZE, -ENOMEM.
 */
MUST_CHECK int notice_message_make(enum notice_kind kind, const char *event, const char *object,
                                   const char *code, struct secret **ret);
/* Errors: -EBADMSG. */
MUST_CHECK int notice_message_read(struct bytes message, struct notice_message *ret);
