/* SPDX-License-Identifier: Apache-2.0 */
/* hsm_health.c - a probe's answer, told to the breaker. */
#include "proxy/hsm/hsm_health.h"

#include "include/log.h"
#include "proxy/hsm/hsm_state.h"

static const enum hsm_health health_of[BREAKER_STATES] = {
    [BREAKER_CLOSED] = HSM_WELL,   [BREAKER_SUSPECT] = HSM_WELL, [BREAKER_OPEN] = HSM_ILL,
    [BREAKER_HALF_OPEN] = HSM_ILL, [BREAKER_GONE] = HSM_GONE,
};

enum hsm_health hsm_health(const struct hsm *hsm)
{
    return health_of[hsm->breaker.state];
}

/* It uses what every call uses; so whatever it is refused for, the HSM is of no use. */
static enum breaker_event probe(struct hsm *hsm, CK_RV *ret_rv)
{
    *ret_rv = hsm_probe(hsm);
    hsm->watch.trouble = CKR_OK;
    if (*ret_rv == CKR_OK)
        return BREAKER_PROBE_WELL;
    /* A master key whose handle is void has been lost with the session that found it; SoftHSM says it the second way. */
    if (library_grade(*ret_rv) == LIBRARY_LOST || *ret_rv == CKR_KEY_HANDLE_INVALID ||
        *ret_rv == CKR_OBJECT_HANDLE_INVALID)
        return BREAKER_PROBE_LOST;
    return BREAKER_PROBE_FAILED;
}

static void ask(struct hsm *hsm, uint64_t now_ms)
{
    static const char *const words[] = { [HSM_WELL] = "well", [HSM_ILL] = "ill", [HSM_GONE] = "gone" };
    enum hsm_health before = hsm_health(hsm), after;
    CK_RV rv;

    breaker_hear(&hsm->breaker, probe(hsm, &rv), now_ms);
    after = hsm_health(hsm);
    if (after != before)
        log_event(after == HSM_WELL ? LOG_LEVEL_NOTICE : LOG_LEVEL_ERROR, "hsm.health",
                  "hsm=\"%s\" is=%s rv=0x%lx", hsm->description, words[after], rv);
}

/* No call since the last look, and that for long enough. */
static bool is_idle(struct hsm *hsm, uint64_t now_ms, unsigned idle_ms)
{
    if (hsm->calls_seen != hsm->watch.calls || hsm->seen_at_ms == 0) {
        hsm->calls_seen = hsm->watch.calls;
        hsm->seen_at_ms = now_ms;
    }
    return now_ms >= hsm->seen_at_ms + idle_ms;
}

enum hsm_health hsm_examine(struct hsm *hsm, unsigned idle_ms)
{
    uint64_t now_ms = library_watch_now_ms();

    if (hsm->watch.trouble != CKR_OK) {
        hsm->watch.trouble = CKR_OK;
        breaker_hear(&hsm->breaker, BREAKER_CALL_FAILED, now_ms);
    }
    if (breaker_is_probe_due(&hsm->breaker, now_ms) ||
        (hsm->breaker.state == BREAKER_CLOSED && is_idle(hsm, now_ms, idle_ms)))
        ask(hsm, now_ms);
    return hsm_health(hsm);
}
