/* SPDX-License-Identifier: Apache-2.0 */
/* control.h - the front's end of the supervisor's socket (front.h has the messages). */
#pragma once

#include "proxy/front/context.h"

/* Listens to the supervisor from now on. Errors: -ENOMEM. */
MUST_CHECK int control_start(struct front *front);
void control_stop(struct front *front);

/* Tells the supervisor, once, that clients are served. */
void control_report_ready(struct front *front);
/* Asks the supervisor for another signer in the place of @index. */
void control_report_broken(struct front *front, unsigned index);
