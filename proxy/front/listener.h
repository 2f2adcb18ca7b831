/* SPDX-License-Identifier: Apache-2.0 */
/* listener.h - listening sockets, which the supervisor bound and handed over. */
#pragma once

#include "proxy/front/context.h"

/* Accepts from @socket (taken over) until listener_free(), clients with a certificate or without. Errors: -ENOMEM. */
MUST_CHECK int listener_new(struct front *front, int socket, bool is_anonymous);
void listener_free(struct listener *listener);
void listener_free_all(struct front *front);
