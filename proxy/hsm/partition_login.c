/* SPDX-License-Identifier: Apache-2.0 */
/*
 * partition_login.c - which partitions this process is logged in to, and who showed it the S for that.
 *
 * PKCS#11's login is the whole process's, so it says nothing about who asks: a record is kept of each login, with the S
 * that made it, and a second lease of the same token must show the same S. CKR_USER_ALREADY_LOGGED_IN is never taken
 * for a proof. v3.1 5.6.8 (C_Login).
 */
#include <stdio.h>
#include <string.h>

#include "include/log.h"
#include "proxy/hsm/partition_serial.h"
#include "proxy/hsm/partition_state.h"
#include "proxy/hsm/token_directory.h"

/* With SoftHSM one look suffices, mostly; asking every token takes 26 us each, and there may be a thousand. */
static CK_RV find(const struct library *library, const char *serial, struct library_token *ret)
{
    char found[sizeof(ret->info.serialNumber) + 1];

    ret->slot = serial_slot(serial);
    if (library->p11->C_GetTokenInfo(ret->slot, &ret->info) == CKR_OK) {
        library_text(ret->info.serialNumber, sizeof(ret->info.serialNumber), found);
        if (strcmp(found, serial) == 0)
            return CKR_OK;
    }
    return library_find_serial(library, serial, ret);
}

CK_RV partition_find(const struct custody *custody, const char *serial, struct library_token *ret)
{
    CK_RV rv = find(custody->config.hsm->library, serial, ret);

    if (rv == CKR_OK && ret->slot == custody->config.hsm->token.slot)
        rv = CKR_TOKEN_NOT_PRESENT; /* the master keys' token is nobody's partition */
    return rv;
}

/* -------------------------------------------------------------------------------------------------- logins */

CK_RV partition_pin(struct bytes s, struct secret **ret)
{
    CLEANUP(secret_free) struct secret *pin = NULL;

    if (s.len != STRETCHED_PIN_LEN)
        return CKR_PIN_INCORRECT;
    if (secret_new(PARTITION_PIN_LEN + 1, &pin) < 0)
        return CKR_HOST_MEMORY;
    base64url_encode(s, (char *)pin->data);
    pin->len = PARTITION_PIN_LEN;
    *ret = TAKE(pin);
    return CKR_OK;
}

struct login *partition_login_peek(const struct custody *custody, const char *serial)
{
    struct login *login = custody->logins;

    while (login && strcmp(login->serial, serial) != 0)
        login = login->next;
    return login;
}

static void login_free(struct login *login)
{
    if (!login)
        return;
    handle_cache_clear(login->custody->config.hsm->handles, &login->keys);
    if (login->session.p11)
        login->session.p11->C_Logout(login->session.handle);
    hsm_session_close(&login->session);
    secret_free(login->s);
    free(login);
}
DEFINE_CLEANUP(login_free, struct login *);

void partition_login_unref(struct login *login)
{
    struct login **link = &login->custody->logins;

    if (--login->refs > 0)
        return;
    while (*link != login)
        link = &(*link)->next;
    *link = login->next;
    login_free(login);
}

/*
 * The library says that somebody is logged in, but no record of ours does: whoever that was proved nothing to us.
 * It is logged out, and S has to open the partition by itself.
 */
static CK_RV log_in(const struct hsm_session *session, struct bytes s)
{
    CLEANUP(secret_free) struct secret *pin = NULL;
    CK_RV rv = partition_pin(s, &pin);

    if (rv != CKR_OK)
        return rv;
    rv = session->p11->C_Login(session->handle, CKU_USER, pin->data, pin->len);
    if (rv != CKR_USER_ALREADY_LOGGED_IN)
        return rv;
    rv = session->p11->C_Logout(session->handle);
    if (rv == CKR_OK)
        rv = session->p11->C_Login(session->handle, CKU_USER, pin->data, pin->len);
    return rv == CKR_USER_ALREADY_LOGGED_IN ? CKR_DEVICE_ERROR : rv;
}

/*
 * The check value said that S is right, yet the partition refuses it: this process's forerunner died between changing
 * the partition's PIN and the end of the store's transaction. The PIN of before lies in the backup; it is put back, and
 * as the library has read the other one, this process has to make way for a new one.
 */
CK_RV partition_put_back(struct custody *custody, const char *serial)
{
    if (!custody->config.partition_dir || token_directory_swap(custody->config.partition_dir, serial) < 0)
        return CKR_PIN_INCORRECT;
    log_event(LOG_LEVEL_WARNING, "partition.put-back", "serial=%s", serial);
    custody->is_stale = true;
    hsm_wear_out(custody->config.hsm);
    return CKR_DEVICE_ERROR;
}

static CK_RV login_new(struct custody *custody, const char *serial, struct bytes s, struct login **ret)
{
    CLEANUP(login_free) struct login *login = calloc(1, sizeof(*login));
    struct library_token token;
    CK_RV rv;

    if (!login)
        return CKR_HOST_MEMORY;
    login->custody = custody;
    login->keys.session = &login->session;
    snprintf(login->serial, sizeof(login->serial), "%s", serial);
    if (secret_copy(s, &login->s) < 0)
        return CKR_HOST_MEMORY;
    rv = partition_find(custody, serial, &token);
    if (rv == CKR_OK)
        rv = hsm_session_open(custody->config.hsm->library->p11, token.slot, CKF_RW_SESSION, &login->session);
    if (rv == CKR_OK)
        rv = log_in(&login->session, s);
    if (rv == CKR_OK)
        *ret = TAKE(login);
    return rv;
}

CK_RV partition_login_get(struct custody *custody, const char *serial, struct bytes s, struct login **ret)
{
    struct login *login = partition_login_peek(custody, serial);
    CK_RV rv;

    if (custody->is_stale)
        return CKR_DEVICE_ERROR;
    if (login && !secret_equal(secret_bytes(login->s), s))
        return CKR_PIN_INCORRECT;
    if (!login) {
        rv = login_new(custody, serial, s, &login);
        if (rv == CKR_PIN_INCORRECT)
            return partition_put_back(custody, serial);
        if (rv != CKR_OK)
            return rv;
        login->next = custody->logins;
        custody->logins = login;
    }
    login->refs++;
    *ret = login;
    return CKR_OK;
}
