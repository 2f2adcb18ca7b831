/* SPDX-License-Identifier: Apache-2.0 */
/* epochs.c - master keys made and destroyed after the first day, in a read-write session of their own. */
#include "proxy/hsm/epochs.h"

#include "proxy/hsm/carrier.h"
#include "proxy/hsm/ceremony.h"
#include "proxy/hsm/hsm_state.h"

static const bool may_change[MASTER_KINDS] = {
    [MASTER_DERIVE] = true,
    [MASTER_WRAP] = true,
    [MASTER_EXCHANGE] = true,
    [MASTER_SEAL] = true,
};

bool hsm_epoch_may_change(enum master_kind kind)
{
    return kind < MASTER_KINDS && may_change[kind];
}

void hsm_epochs(const struct hsm *hsm, struct hsm_epoch ret[HSM_EPOCHS_MAX], size_t *ret_count)
{
    *ret_count = 0;
    for (int kind = 0; kind < MASTER_KINDS; kind++)
        for (size_t i = 0; i < hsm->keys.count[kind]; i++) {
            const struct master_key *key = &hsm->keys.keys[kind][i];

            ret[(*ret_count)++] = (struct hsm_epoch){ .kind = (enum master_kind)kind,
                                                      .epoch = key->epoch,
                                                      .ends_ms = key->ends_ms,
                                                      .is_newest = i + 1 == hsm->keys.count[kind] };
        }
    for (size_t i = 0; i < hsm->keys.stranger_count; i++)
        ret[(*ret_count)++] = (struct hsm_epoch){ .kind = hsm->keys.strangers[i].kind,
                                                  .epoch = hsm->keys.strangers[i].key.epoch,
                                                  .ends_ms = hsm->keys.strangers[i].key.ends_ms,
                                                  .is_stranger = true };
}

/* The login is the process's: a further session has it at once. v3.1 5.6.8 (C_Login) */
static CK_RV open_session(struct hsm *hsm, struct hsm_session *ret)
{
    return hsm_session_open(hsm->library->p11, hsm->token.slot, CKF_RW_SESSION, ret);
}

static CK_RV next_epoch(const struct hsm *hsm, enum master_kind kind, uint32_t *ret)
{
    if (!hsm_epoch_may_change(kind) || hsm->keys.count[kind] == MASTER_EPOCHS_MAX)
        return CKR_FUNCTION_REJECTED;
    *ret = master_keys_next(&hsm->keys, kind);
    return *ret ? CKR_OK : CKR_FUNCTION_REJECTED;
}

/* @made: NULL where the HSM alone shall have the key. */
static CK_RV make_next(struct hsm *hsm, enum master_kind kind, uint32_t least,
                       const struct ceremony_epoch *made, uint32_t *ret)
{
    struct hsm_session session;
    uint32_t epoch;
    CK_RV rv = next_epoch(hsm, kind, &epoch);

    if (rv == CKR_OK)
        rv = open_session(hsm, &session);
    if (rv != CKR_OK)
        return rv;
    epoch = epoch < least ? least : epoch;
    rv = made ? ceremony_add_epoch(&session, kind, epoch, made)
              : master_keys_generate_one(&session, kind, epoch);
    hsm_session_close(&session);
    if (rv == CKR_OK)
        *ret = epoch;
    return rv;
}

CK_RV hsm_epoch_new(struct hsm *hsm, enum master_kind kind, uint32_t *ret)
{
    return make_next(hsm, kind, 0, NULL, ret);
}

CK_RV hsm_epoch_new_wrapped(struct hsm *hsm, enum master_kind kind, uint32_t least,
                            const struct ceremony_epoch *made, uint32_t *ret)
{
    return make_next(hsm, kind, least, made, ret);
}

CK_RV hsm_epoch_expect(struct hsm *hsm, enum master_kind kind, struct hsm_arrival *ret,
                       struct buffer *ret_public, uint32_t *ret_next)
{
    struct hsm_arrival arrival;
    CK_RV rv = next_epoch(hsm, kind, ret_next);

    if (rv == CKR_OK)
        rv = open_session(hsm, &arrival.session);
    if (rv != CKR_OK)
        return rv;
    rv = carrier_make(&arrival.session, ret_public, &arrival.carrier);
    if (rv == CKR_OK)
        *ret = arrival;
    else
        hsm_session_close(&arrival.session);
    return rv;
}

CK_RV hsm_epoch_take(struct hsm_arrival *arrival, const struct master_copy *copy,
                     const uint8_t commitment[HASH_LEN])
{
    CK_RV rv = ceremony_bring_in(&arrival->session, arrival->carrier, copy, commitment);

    hsm_session_close(&arrival->session); /* and the carrier with it */
    return rv;
}

CK_RV hsm_epoch_destroy(struct hsm *hsm, enum master_kind kind, uint32_t epoch)
{
    const struct master_key *key =
        hsm_epoch_may_change(kind) ? master_keys_peek(&hsm->keys, kind, epoch) : NULL;
    struct hsm_session session;
    CK_RV rv;

    if (!hsm_epoch_may_change(kind) || (key && key == master_keys_newest(&hsm->keys, kind)))
        return CKR_FUNCTION_REJECTED;
    if (!key)
        key = master_keys_peek_stranger(&hsm->keys, kind, epoch);
    if (!key)
        return CKR_KEY_NEEDED;
    rv = open_session(hsm, &session);
    if (rv != CKR_OK)
        return rv;
    rv = session.p11->C_DestroyObject(session.handle, key->handle);
    hsm_session_close(&session);
    return rv;
}
