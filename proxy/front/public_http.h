/* SPDX-License-Identifier: Apache-2.0 */
/*
 * public_http.h - revocation lists, OCSP answers and the authorities' certificates over plain HTTP (RFC 5280 4.2.1.13,
 * RFC 6960 A), asked of a signer. Nothing here is secret, and nothing here is believed: the answers are signed.
 *
 * A server of a few hundred lines less than a real one: one small request a connection, a bounded number of
 * connections, some seconds for each, and a bound on all requests a second together. What serves the module has its own.
 */
#pragma once

#include "proxy/front/context.h"

#define PUBLIC_HTTP_CONNECTIONS 256

/* Accepts from @socket (taken over) until public_http_free(). Errors: -ENOMEM. */
MUST_CHECK int public_http_new(struct front *front, int socket, struct public_http **ret);
void public_http_free(struct public_http *http);
