/* SPDX-License-Identifier: Apache-2.0 */
/* health.c - serves every service of the method table, and is one itself. */
#include "proxy/front/health.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proto/method.h"
#include "proxy/front/health.pb-c.h"

#define SERVICE_NAME_MAX 64

static bool is_service(const char *name)
{
    char full[SERVICE_NAME_MAX];

    if (*name == '\0' || strcmp(name, "grpc.health.v1.Health") == 0)
        return true;
    for (unsigned id = 0; id < METHODS; id++) {
        snprintf(full, sizeof(full), "privyseal.v1.%s", method_by_id((enum method_id)id)->service);
        if (strcmp(name, full) == 0)
            return true;
    }
    return false;
}

int health_question(struct bytes request, bool *ret_is_known)
{
    Grpc__Health__V1__HealthCheckRequest *question =
        grpc__health__v1__health_check_request__unpack(NULL, request.len, request.data);

    if (!question)
        return -EBADMSG;
    *ret_is_known = is_service(question->service);
    grpc__health__v1__health_check_request__free_unpacked(question, NULL);
    return 0;
}

void health_answer(enum health_status status, struct buffer *ret)
{
    Grpc__Health__V1__HealthCheckResponse answer = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
    uint8_t packed[16];

    answer.status = (Grpc__Health__V1__HealthCheckResponse__ServingStatus)status;
    buffer_append(ret, BYTES(packed, grpc__health__v1__health_check_response__pack(&answer, packed)));
}

enum grpc_status health_check(struct bytes request, bool is_serving, struct buffer *ret)
{
    bool is_known;

    if (health_question(request, &is_known))
        return GRPC_INVALID_ARGUMENT;
    if (!is_known)
        return GRPC_NOT_FOUND;
    health_answer(is_serving ? HEALTH_SERVING : HEALTH_NOT_SERVING, ret);
    return GRPC_OK;
}
