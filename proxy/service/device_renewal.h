/* SPDX-License-Identifier: Apache-2.0 */
/* device_renewal.h - the moment a renewed certificate is first used. */
#pragma once

#include "proxy/service/service.h"

/*
 * @caller has logged in: if its certificate renews another, that one is revoked now, and the new one stands alone. Never
 * fails the login; what could not be written now is tried again at the next.
 */
void device_renewal_used(struct service *service, const struct caller *caller);
