/* SPDX-License-Identifier: Apache-2.0 */
/* webhook.h - one POST, in a process of its own. */
#pragma once

#include "proxy/config.h"

/*
 * Posts the JSON object on standard input to [notice] webhook, with the event's name in the header Privyseal-Event.
 * Returns an exit status: libcurl's code; an answer of 400 or more is CURLE_HTTP_RETURNED_ERROR.
 */
int webhook_post(const struct proxy_config *config, const char *event);
