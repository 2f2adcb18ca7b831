/* SPDX-License-Identifier: Apache-2.0 */
/* fleet.c - from rows of signers to rows of HSMs. */
#include "cli/fleet.h"

#include <string.h>

#include "include/table.h"

#define SILENT_S                                                                                             \
    35 /* a signer tells the store of itself every ten seconds, one that does not start every thirty */

/* The signers of one HSM of one proxy, counted by how they are. */
struct tally {
    const Privyseal__V1__SeenSigner *any;
    unsigned of[PRIVYSEAL__V1__SIGNER_STATE__SIGNER_LEFT + 1], silent;
    uint64_t leases;
    uint32_t silent_s; /* of the one heard last */
    const char *note;
};

static void count(struct tally *tally, const Privyseal__V1__SeenSigner *seen)
{
    bool is_left = seen->state == PRIVYSEAL__V1__SIGNER_STATE__SIGNER_LEFT;

    if (!tally->any || seen->silent_s < tally->silent_s) {
        tally->any = seen;
        tally->silent_s = seen->silent_s;
    }
    if (!is_left && seen->silent_s > SILENT_S) {
        tally->silent++;
        return;
    }
    if ((unsigned)seen->state < ARRAY_SIZE(tally->of))
        tally->of[seen->state]++;
    if (*seen->note)
        tally->note = seen->note;
    tally->leases += is_left ? 0 : seen->leases;
}

static unsigned failing(const struct tally *tally)
{
    return tally->of[PRIVYSEAL__V1__SIGNER_STATE__SIGNER_ILL] +
           tally->of[PRIVYSEAL__V1__SIGNER_STATE__SIGNER_FAILED] + tally->silent;
}

static const char *state_of(const struct tally *tally)
{
    if (tally->of[PRIVYSEAL__V1__SIGNER_STATE__SIGNER_SERVES])
        return failing(tally) ? "partly" : "serves";
    if (tally->of[PRIVYSEAL__V1__SIGNER_STATE__SIGNER_ILL])
        return "ill";
    if (tally->of[PRIVYSEAL__V1__SIGNER_STATE__SIGNER_FAILED])
        return "failed";
    return tally->silent ? "silent" : "left";
}

static json_t *describe(const struct tally *tally)
{
    unsigned serving = tally->of[PRIVYSEAL__V1__SIGNER_STATE__SIGNER_SERVES];

    return json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:I, s:s, s:s, s:s}", "proxy", tally->any->proxy, "hsm",
                     tally->any->hsm, "state", state_of(tally), "signers", (int)(serving + failing(tally)),
                     "serving", (int)serving, "silent_s", (int)tally->silent_s, "leases",
                     (json_int_t)tally->leases, "version", tally->any->version, "model", tally->any->model,
                     "note", tally->note ? tally->note : "");
}

static bool is_of(const Privyseal__V1__SeenSigner *one, const Privyseal__V1__SeenSigner *other)
{
    return strcmp(one->proxy, other->proxy) == 0 && strcmp(one->hsm, other->hsm) == 0;
}

json_t *fleet_rows(const Privyseal__V1__GetStatusResponse *reply)
{
    json_t *rows = json_array();

    for (size_t i = 0; i < reply->n_seen; i++) {
        struct tally tally = { 0 };
        bool is_told = false;

        for (size_t k = 0; k < i; k++)
            is_told |= is_of(reply->seen[k], reply->seen[i]);
        for (size_t k = i; k < reply->n_seen && !is_told; k++)
            if (is_of(reply->seen[k], reply->seen[i]))
                count(&tally, reply->seen[k]);
        if (!is_told)
            json_array_append_new(rows, describe(&tally));
    }
    return rows;
}

static const struct {
    const char *state, *advice;
} advices[] = {
    { "partly", "That proxy's log says what became of the others (signer.failed, supervisor.gone)." },
    { "ill",
      "It is taken back by itself when it is well; that proxy's log says what it answers (hsm.health)." },
    { "failed", "Mend what the finding names; the signers are started again by themselves." },
    { "silent", "Does privyseald run there, and does it reach the database?" },
};

const char *fleet_advice(const json_t *row)
{
    for (size_t i = 0; i < ARRAY_SIZE(advices); i++)
        if (strcmp(json_read_text(row, "state"), advices[i].state) == 0)
            return advices[i].advice;
    return NULL;
}
