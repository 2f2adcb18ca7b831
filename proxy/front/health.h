/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health.h - the messages of grpc.health.v1.Health, which the front itself serves (health_watch.h has Watch).
 *
 * Source: grpc/doc/health-checking.md.
 */
#pragma once

#include <stdbool.h>

#include "include/bytes.h"
#include "proto/failure.h"

#define HEALTH_REQUEST_MAX 256 /* bytes: a service's name and room to spare */

enum health_status {
    HEALTH_NONE = 0, /* never sent */
    HEALTH_SERVING = 1,
    HEALTH_NOT_SERVING = 2,
    HEALTH_SERVICE_UNKNOWN = 3,
};

/* Whether the service that @request names ("" is the whole server) is one of ours. Errors: -EBADMSG. */
MUST_CHECK int health_question(struct bytes request, bool *ret_is_known);
/* Appends the message that says so. */
void health_answer(enum health_status status, struct buffer *ret);

/*
 * Check: is the service it names served now? @ret: appended, the answer, with GRPC_OK. Otherwise GRPC_NOT_FOUND (no such
 * service) or GRPC_INVALID_ARGUMENT (not a question).
 */
enum grpc_status health_check(struct bytes request, bool is_serving, struct buffer *ret);
