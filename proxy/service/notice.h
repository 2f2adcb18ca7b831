/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notice.h - telling a user, through the operator's hook, what happened to the user's token.
 *
 *     struct notice notice = notice_of(call, "device.revoked", user);
 *
 *     notice_add(&notice, "device", fingerprint);
 *     notice_send(service, &notice);
 *
 * Send it when what it tells is stored, from the call that did it. It is handed to the herald (proxy/herald), a process
 * that delivers in its own time: a call neither fails nor waits because of a notice. Without a herald the line in the
 * log is all there is. Events and their texts are listed in privyseald.conf(5).
 */
#pragma once

#include "proxy/service/service.h"

#define NOTICE_TEXTS 8

struct notice {
    const char *event; /* "pin.locked": lower case, with dots */
    const char *user;  /* whom to tell: the operator's directory knows the address */
    struct {
        const char *name, *value; /* lent until the notice is sent; no secrets: they reach logs and disks */
    } text[NOTICE_TEXTS];         /* up to the first without a name; one without a value is left out */
};

/* A notice of what @call did: who (by), from where (address), and the audit record's number (request_id). */
struct notice notice_of(const struct call *call, const char *event, const char *user);
void notice_add(struct notice *notice, const char *name, const char *value);
/* Of more than 30 to one user at once, or one a minute, the rest are only logged: each signer counts for itself. */
void notice_send(struct service *service, const struct notice *notice);
/* One without further texts. */
void notice_tell(struct service *service, const struct call *call, const char *event, const char *user);
/*
 * Event "code.send", with a one-time code for the user of call->token: delivered once or not at all, and kept nowhere.
 * @code: digits. Unless @is_meant a blank as long as the code goes the same way and is dropped at its end, so that the
 * time this takes tells nothing.
 */
void notice_send_code(struct service *service, const struct call *call, const char *code, bool is_meant);
