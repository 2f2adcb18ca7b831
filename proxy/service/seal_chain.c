/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seal_chain.c - served with every GetToken and GetDeployment, so that a login costs no round trip of its own.
 */
#include "proxy/service/seal_chain.h"

#include "proxy/service/message.h"

enum reason seal_chain_fill(struct service *service, int64_t now_ms, ProtobufCBinaryData *ret_challenge,
                            size_t *ret_count, ProtobufCBinaryData **ret_certificates)
{
    uint8_t challenge[CHALLENGE_LEN];

    if (challenge_make(service->challenges, now_ms, challenge) < 0 ||
        message_set_bytes(ret_challenge, BYTES_OF_ARRAY(challenge)) < 0)
        return REASON_INTERNAL;
    *ret_certificates = message_alloc(service->seal_chain_count * sizeof(**ret_certificates));
    if (!*ret_certificates)
        return REASON_INTERNAL;
    for (size_t i = 0; i < service->seal_chain_count; i++) {
        if (message_set_bytes(&(*ret_certificates)[i], buffer_bytes(&service->seal_chain[i])) < 0)
            return REASON_INTERNAL;
        (*ret_count)++;
    }
    return REASON_NONE;
}
