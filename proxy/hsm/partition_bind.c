/* SPDX-License-Identifier: Apache-2.0 */
/*
 * partition_bind.c - partitions that an HSM's administrator made: taken over with the PINs that came along.
 *
 * The user's own call brings the transport PIN and S. C_SetPIN by a session that nobody is logged in to changes the user's
 * PIN and needs no C_Login before, which an HSM refuses while a PIN waits to be changed. v3.1 5.6.7 (C_SetPIN). After
 * that call whoever knew the transport PIN knows nothing. The security officer is another matter: without the SO PIN it
 * stays with whoever has it, who can set the user's PIN anew; the token's row says so and its user is told.
 *
 * There is no copy of a real HSM's partition. So each step can be taken again: a process that dies in the middle leaves a
 * partition that opens either to the PIN it had or to the S it was to get, and the same call, made again, goes on.
 */
#include <string.h>

#include "include/log.h"
#include "include/table.h"
#include "proxy/hsm/partition_state.h"
#include "proxy/hsm/template.h"

/* What an HSM says of a token, and what that would mean. */
static const struct obstacle {
    CK_FLAGS flag;
    bool is_wanted;
    const char *sentence;
} obstacles[] = {
    { CKF_TOKEN_INITIALIZED, true,
      "The partition is not initialised: the HSM's administrator does that first." },
    { CKF_USER_PIN_INITIALIZED, true,
      "The partition has no user PIN yet: the HSM's administrator sets one for the first login." },
    { CKF_USER_PIN_LOCKED, false, "The partition's user PIN is locked in the HSM." },
    { CKF_WRITE_PROTECTED, false, "The partition is write-protected." },
    { CKF_PROTECTED_AUTHENTICATION_PATH, false,
      "The partition takes its PIN from a keypad, and none from a program." },
};

static CK_RV refuse(CK_RV rv, const char *sentence, const char **why)
{
    *why = sentence;
    return rv;
}

static CK_RV find_fit(struct custody *custody, const char *serial, struct library_token *ret,
                      const char **why)
{
    const struct obstacle *obstacle;
    CK_RV rv = partition_find(custody, serial, ret);

    if (rv == CKR_TOKEN_NOT_PRESENT)
        return refuse(rv, "The HSM shows no such partition, or it is the one that holds the master keys.",
                      why);
    if (rv != CKR_OK)
        return rv;
    for (EACH_ROW(obstacle, obstacles))
        if (((ret->info.flags & obstacle->flag) != 0) != obstacle->is_wanted)
            return refuse(CKR_TOKEN_NOT_RECOGNIZED, obstacle->sentence, why);
    if (!library_takes_pin(&ret->info, PARTITION_PIN_LEN))
        return refuse(CKR_TOKEN_NOT_RECOGNIZED,
                      "The partition's PINs are too short: 43 characters, 256 bits, are never shortened.",
                      why);
    return CKR_OK;
}

CK_RV partition_check_bound(struct custody *custody, const char *serial, const char **why)
{
    struct library_token token;

    if (custody->config.partition_dir)
        return refuse(
            CKR_TOKEN_NOT_RECOGNIZED,
            "This deployment makes its partitions itself ([hsm] partition_directory): none is bound.", why);
    return find_fit(custody, serial, &token, why);
}

/* ------------------------------------------------------------------------------------------------ PINs */

/* Nobody is logged in: the user's PIN. As security officer: that one's. */
static CK_RV change(const struct hsm_session *session, struct bytes old_pin, struct bytes new_pin)
{
    return session->p11->C_SetPIN(session->handle, (CK_UTF8CHAR *)old_pin.data, old_pin.len,
                                  (CK_UTF8CHAR *)new_pin.data, new_pin.len);
}

static CK_RV change_user_pin(const struct custody *custody, CK_SLOT_ID slot, struct bytes old_pin,
                             struct bytes new_pin)
{
    struct hsm_session session;
    CK_RV rv = hsm_session_open(custody->config.hsm->library->p11, slot, CKF_RW_SESSION, &session);

    if (rv != CKR_OK)
        return rv;
    rv = change(&session, old_pin, new_pin);
    hsm_session_close(&session);
    return rv;
}

static CK_RV change_officer_pin(const struct custody *custody, CK_SLOT_ID slot, struct bytes old_pin,
                                struct bytes new_pin)
{
    struct hsm_session session;
    CK_RV rv = hsm_session_open(custody->config.hsm->library->p11, slot, CKF_RW_SESSION, &session);

    if (rv != CKR_OK)
        return rv;
    rv = session.p11->C_Login(session.handle, CKU_SO, (CK_UTF8CHAR *)old_pin.data, old_pin.len);
    if (rv == CKR_OK) {
        rv = change(&session, old_pin, new_pin);
        session.p11->C_Logout(session.handle);
    }
    hsm_session_close(&session);
    return rv;
}

/* ---------------------------------------------------------------------------------------------- binding */

static CK_RV count_keys(const struct hsm_session *session, CK_ULONG *ret)
{
    static const CK_OBJECT_CLASS classes[] = { CKO_PRIVATE_KEY, CKO_SECRET_KEY };
    CK_RV rv = CKR_OK;

    *ret = 0;
    for (size_t i = 0; rv == CKR_OK && *ret == 0 && i < ARRAY_SIZE(classes); i++) {
        CK_ATTRIBUTE template[] = { ATTRIBUTE_NUMBER(CKA_CLASS, classes[i]) };
        CK_OBJECT_HANDLE found;

        rv = hsm_session_find(session, template, ARRAY_SIZE(template), &found, 1, ret);
    }
    return rv;
}

/* S opens it; and what would be in it now was somebody else's. */
static CK_RV prove(struct custody *custody, const char *serial, struct bytes s, const char **why)
{
    struct login *login = NULL;
    CK_ULONG keys = 0;
    CK_RV rv = partition_login_get(custody, serial, s, &login);

    if (rv != CKR_OK)
        return rv;
    rv = count_keys(&login->session, &keys);
    partition_login_unref(login);
    if (rv == CKR_OK && keys > 0)
        return refuse(CKR_TOKEN_NOT_RECOGNIZED, "The partition has keys in it already: it has to be empty.",
                      why);
    return rv;
}

/* One that was bound halfway before, by a process that died, opens to S already. */
static CK_RV take_user(struct custody *custody, const struct library_token *token, const char *serial,
                       const struct binding *binding, const char **why)
{
    CLEANUP(secret_free) struct secret *pin = NULL;
    CK_RV rv = partition_pin(binding->s, &pin);

    if (rv == CKR_OK)
        rv = change_user_pin(custody, token->slot, binding->pin, secret_bytes(pin));
    if (rv == CKR_PIN_INCORRECT && !(token->info.flags & CKF_USER_PIN_FINAL_TRY))
        rv = prove(custody, serial, binding->s, why);
    if (rv == CKR_PIN_INCORRECT)
        return refuse(rv, "This is not the PIN that the HSM's administrator gave the partition.", why);
    return rv;
}

/* The new SO PIN is made of @u, or random and gone with @binding. */
static CK_RV take_officer(struct custody *custody, CK_SLOT_ID slot, struct binding *binding,
                          const struct secret *u, const char **why)
{
    CLEANUP(secret_free) struct secret *pin = NULL;
    CK_RV rv = u ? partition_pin(secret_bytes(u), &pin) : library_random_pin(&pin);

    if (rv == CKR_OK)
        rv = change_officer_pin(custody, slot, binding->so_pin, secret_bytes(pin));
    if (rv == CKR_PIN_INCORRECT)
        return refuse(rv, "This is not the SO PIN that the HSM's administrator gave the partition.", why);
    if (rv == CKR_OK)
        binding->officer = TAKE(pin);
    return rv;
}

CK_RV partition_take(struct custody *custody, struct token_row *token, struct binding *binding,
                     const struct secret *u, const char **why)
{
    struct library_token found;
    CK_RV rv;

    if (u && binding->so_pin.len == 0)
        return refuse(CKR_TOKEN_NOT_RECOGNIZED,
                      "A way back for a forgotten PIN takes the partition's SO PIN.", why);
    rv = find_fit(custody, token->partition, &found, why);
    if (rv == CKR_OK)
        rv = take_user(custody, &found, token->partition, binding, why);
    if (rv != CKR_OK)
        return rv;
    binding->has_user = true;
    rv = prove(custody, token->partition, binding->s, why);
    if (rv == CKR_OK && binding->so_pin.len > 0)
        return take_officer(custody, found.slot, binding, u, why);
    token->recovery_bits |= RECOVERY_HSM;
    return rv;
}

void partition_unbind(struct custody *custody, const struct token_row *token, const struct binding *binding)
{
    CLEANUP(secret_free) struct secret *pin = NULL;
    struct library_token found;
    CK_RV rv;

    if (!binding->has_user)
        return;
    rv = partition_pin(binding->s, &pin);
    if (rv == CKR_OK)
        rv = partition_find(custody, token->partition, &found);
    if (rv == CKR_OK && binding->officer)
        rv = change_officer_pin(custody, found.slot, secret_bytes(binding->officer), binding->so_pin);
    if (rv == CKR_OK)
        rv = change_user_pin(custody, found.slot, secret_bytes(pin), binding->pin);
    if (rv != CKR_OK)
        log_event(LOG_LEVEL_ERROR, "partition.not-unbound", "serial=%s rv=0x%lx", token->partition, rv);
}

CK_RV partition_resume(struct custody *custody, const struct token_row *token, struct bytes s,
                       struct bytes next_s)
{
    CLEANUP(secret_free) struct secret *pin = NULL;
    CLEANUP(secret_free) struct secret *next_pin = NULL;
    struct library_token found;
    CK_RV rv = partition_pin(s, &pin);

    if (partition_login_peek(custody, token->partition))
        return CKR_PIN_INCORRECT; /* somebody has it open by another S */
    if (rv == CKR_OK)
        rv = partition_pin(next_s, &next_pin);
    if (rv == CKR_OK)
        rv = partition_find(custody, token->partition, &found);
    if (rv == CKR_OK)
        rv = change_user_pin(custody, found.slot, secret_bytes(next_pin), secret_bytes(pin));
    return rv;
}
