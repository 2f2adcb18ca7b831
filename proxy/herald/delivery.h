/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delivery.h - one try to deliver one notice: a process that runs the operator's command, or posts to the webhook.
 *
 * The JSON object comes on its standard input, the event's name as its argument; its environment is PATH alone. It leads
 * a process group of its own, so that a deadline ends whatever it started, and dies with the herald.
 */
#pragma once

#include <sys/types.h>

#include "proto/notice.h"
#include "proxy/config.h"

/* Returns the process id, or -errno. */
MUST_CHECK pid_t delivery_start(const struct proxy_config *config, const struct notice_message *message);
void delivery_kill(pid_t pid);
/* Why the try that ended with @status (waitpid(2)) failed, for the log; NULL: it did not. */
const char *delivery_complaint(const struct proxy_config *config, int status);
