/* SPDX-License-Identifier: Apache-2.0 */
/* named_token.h - the token that a request is about. */
#pragma once

#include "proxy/service/service.h"

/*
 * Loads the token that @request names, if it names one and @call has none yet, into @call. Errors: those of
 * token_load().
 */
MUST_CHECK enum reason named_token_load(struct service *service, struct call *call,
                                        const ProtobufCMessage *request);
/* Whether @call is about a token that another signer has: a partition belongs to one. A lease is where it was made. */
bool named_token_is_elsewhere(const struct service *service, const struct call *call);
/* The index of the signer that has @token's partition; -1: any signer may serve it. */
int token_signer(const struct service_config *config, const struct token_row *token);
