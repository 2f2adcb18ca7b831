/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health.h - grpc.health.v1.Health/Check, answered by the front itself.
 *
 * Source: grpc/doc/health-checking.md. Watch, a stream without an end, is UNIMPLEMENTED, as that page allows.
 */
#pragma once

#include <stdbool.h>

#include "include/bytes.h"
#include "proto/failure.h"

#define HEALTH_PATH        "/grpc.health.v1.Health/Check"
#define HEALTH_REQUEST_MAX 256 /* bytes: a service's name and room to spare */

/*
 * Answers the question in @request: is the service it names ("" is the whole server) served now? @ret: appended, the
 * answer, with GRPC_OK. Otherwise GRPC_NOT_FOUND (no such service) or GRPC_INVALID_ARGUMENT (not a question).
 */
enum grpc_status health_check(struct bytes request, bool is_serving, struct buffer *ret);
