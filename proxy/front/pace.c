/* SPDX-License-Identifier: Apache-2.0 */
/* pace.c - a threshold, and some time before it is believed that a load is over. */
#include "proxy/front/pace.h"

#include <sched.h>

#define MANY    4      /* calls: whoever makes them waits for all of them, and not for one */
#define OVER_US 100000 /* a load has pauses */

void pace_note(struct pace *pace, unsigned calls, int64_t now_us)
{
    const struct sched_param no_priority = { 0 };
    bool is_patient;

    if (calls >= MANY)
        pace->many_us = now_us;
    is_patient = calls >= MANY || (pace->is_patient && now_us - pace->many_us < OVER_US);
    if (is_patient == pace->is_patient)
        return;
    pace->is_patient = is_patient;
    (void)sched_setscheduler(0, is_patient ? SCHED_BATCH : SCHED_OTHER, &no_priority); /* it is a wish */
}
