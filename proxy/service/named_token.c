/* SPDX-License-Identifier: Apache-2.0 */
/* named_token.c - the token a request names is the one its field "token" says, in every message of the wire. */
#include "proxy/service/named_token.h"

#include <string.h>

static const char *name_in(const ProtobufCMessage *request)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(request->descriptor, "token");

    if (!field || field->type != PROTOBUF_C_TYPE_STRING || field->label == PROTOBUF_C_LABEL_REPEATED)
        return NULL;
    return *(const char *const *)((const uint8_t *)request + field->offset);
}

enum reason named_token_load(struct service *service, struct call *call, const ProtobufCMessage *request)
{
    const char *name = name_in(request);
    enum reason reason;

    if (call->has_token || !name)
        return REASON_NONE;
    if (strlen(name) > NAME_MAX_LEN)
        return REASON_NOT_PERMITTED; /* there is none of that name */
    call->record.token = name;
    reason = token_load(&service->access, name, &call->token);
    call->has_token = reason == REASON_NONE;
    return reason;
}

bool named_token_is_elsewhere(const struct service *service, const struct call *call)
{
    int signer = token_signer(service->config, &call->token);

    return call->has_token && !call->lease && signer >= 0 && signer != (int)service->config->signer;
}

/* Counted from the first partition signer, so that more signers for everybody else move nobody's home. */
int token_signer(const struct service_config *config, const struct token_row *token)
{
    return token->home < 0 ? -1 : (int)(config->signers - config->partition_signers) + token->home;
}
