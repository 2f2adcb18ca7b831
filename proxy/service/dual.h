/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dual.h - which operators' calls take two people, and how such a call is kept until the second one has looked.
 *
 * The deployment names classes ([operators] two_for in privyseald.conf). A call of such a class is proved and
 * permitted like any other; then it is not executed but stored (proxy/access/requests.h), and its caller told so. The
 * second person's call, ApproveRequest, executes it (held.c).
 */
#pragma once

#include "proxy/service/service.h"

/*
 * Whether @request, a proved and permitted call of @method, needs a second person. A method of operators that nobody
 * has judged (no row in dual.c) needs one as soon as anything does.
 */
bool dual_is_needed(struct service *service, const struct method *method, const ProtobufCMessage *request);
/* Whether @method has its row. */
bool dual_is_judged(enum method_id id);
/* Whether requests of @method may be stored: then they hold no secrets. */
bool dual_may_keep(enum method_id id);
/*
 * Stores the call. Asked for twice, because an answer was lost, it is the same request. Returns what the caller is to
 * hear: REASON_APPROVAL_NEEDED with call->failure.approval, or why it was not stored: REASON_LIMIT and others.
 */
enum reason dual_hold(struct service *service, struct call *call, const ProtobufCMessage *request);
/* The user, principal or token that an operator's request is about; "": it names none. Lent. */
const char *dual_subject(const ProtobufCMessage *request);
