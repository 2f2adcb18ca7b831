/* SPDX-License-Identifier: Apache-2.0 */
/*
 * partition.c - keys in an HSM partition of their user's own (with SoftHSM: a token), whose user PIN is base64url(S).
 *
 * The HSM itself checks S. Where partitions come from is partition_make.c's matter (SoftHSM's are made) or
 * partition_bind.c's (those of a real HSM are there, and taken over); what is here, any PKCS#11 HSM can do.
 *
 * A partition's SO PIN is random and wiped once the user PIN is set: nobody can reset the PIN and take the keys. Only for
 * a user who wanted to have a way back (RECOVERY_KEPT) it is base64url(U), and U stands in the access rows, sealed under S
 * and under the recovery code, as a wrapped token's does. The security officer never works but to set a new S.
 * A token that came from wrapped custody keeps the U it had, in its PIN's row, for the keys that it brought along: those
 * stay what they were, and wrapped.c uses them. Its SO PIN is destroyed.
 */
#include "proxy/hsm/custody.h"

#include <string.h>

#include "include/log.h"
#include "include/table.h"
#include "proxy/hsm/key_pair.h"
#include "proxy/hsm/partition_state.h"
#include "proxy/hsm/row_seal.h"
#include "proxy/hsm/template.h"

/* ------------------------------------------------------------------------------------------- life of a token */

static void partition_free(struct custody *custody)
{
    if (custody)
        custody_wrapped.free(custody->wrapped);
    free(custody);
}
DEFINE_CLEANUP(partition_free, struct custody *);

static CK_RV partition_new(const struct custody_config *config, struct custody **ret)
{
    CLEANUP(partition_free) struct custody *custody = NULL;
    CK_RV rv;

    custody = calloc(1, sizeof(*custody));
    if (!custody)
        return CKR_HOST_MEMORY;
    custody->config = *config;
    rv = custody_wrapped.new(config, &custody->wrapped);
    if (rv == CKR_OK)
        *ret = TAKE(custody);
    return rv;
}

static bool partition_can_hold(const struct custody *custody, CK_KEY_TYPE type, unsigned bits)
{
    (void)custody;
    return key_kind_find(type, bits) != NULL;
}

/* U under @s into @row; without one the row says of the token's secret nothing at all. */
static CK_RV seal_so_pin(struct custody *custody, const char *token, struct bytes s, const struct secret *u,
                         struct access_row *row)
{
    row->sealed.len = 0;
    return u ? access_row_seal(&custody->config, token, s, secret_bytes(u), row) : CKR_OK;
}

static CK_RV partition_create(struct custody *custody, struct token_row *token, struct bytes s,
                              struct access_row *row)
{
    CLEANUP(secret_free) struct secret *u = NULL;
    CK_RV rv;

    if (!custody->config.partition_dir)
        return CKR_TOKEN_NOT_PRESENT;
    if ((token->recovery_bits & RECOVERY_KEPT) && secret_random(TOKEN_SECRET_LEN, &u) < 0)
        return CKR_HOST_MEMORY;
    rv = partition_make(custody, token, s, u);
    if (rv != CKR_OK)
        return rv;
    rv = seal_so_pin(custody, token->name, s, u, row);
    if (rv != CKR_OK)
        partition_unmake(custody, token);
    return rv;
}

static CK_RV partition_bind(struct custody *custody, struct token_row *token, struct binding *binding,
                            struct access_row *row, const char **why)
{
    CLEANUP(secret_free) struct secret *u = NULL;
    CK_RV rv;

    if ((token->recovery_bits & RECOVERY_KEPT) && secret_random(TOKEN_SECRET_LEN, &u) < 0)
        return CKR_HOST_MEMORY;
    rv = partition_take(custody, token, binding, u, why);
    if (rv == CKR_OK)
        rv = seal_so_pin(custody, token->name, binding->s, u, row);
    if (rv != CKR_OK)
        partition_unbind(custody, token, binding);
    return rv;
}

static void partition_close(struct custody_token *token)
{
    if (!token)
        return;
    if (token->login)
        partition_login_unref(token->login);
    custody_wrapped.close(token->brought);
    secret_free(token->u);
    free(token);
}
DEFINE_CLEANUP(partition_close, struct custody_token *);

/* A partition of its own has its U for the security officer alone, so any other U is that of keys brought along. */
static CK_RV open_brought(struct custody_token *token, const struct token_row *row,
                          const struct access_row *access, struct bytes s)
{
    if (!token->u || token->is_officer || access->kind != ACCESS_PIN)
        return CKR_OK;
    return custody_wrapped.authorise(token->custody->wrapped, row, access, s, &token->brought);
}

/* The PIN's row: the partition itself knows S. Another's proves nothing but that it opens. */
static CK_RV partition_authorise(struct custody *custody, const struct token_row *row,
                                 const struct access_row *access, struct bytes s, struct custody_token **ret)
{
    CLEANUP(partition_close) struct custody_token *token = NULL;
    CK_RV rv = CKR_OK;

    if (!row->partition[0])
        return CKR_DATA_INVALID;
    token = calloc(1, sizeof(*token));
    if (!token)
        return CKR_HOST_MEMORY;
    token->custody = custody;
    memcpy(token->name, row->name, sizeof(token->name));
    memcpy(token->serial, row->partition, sizeof(token->serial));
    token->is_officer = row->recovery_bits & RECOVERY_KEPT;
    if (access->sealed.len || access->kind != ACCESS_PIN)
        rv = access_row_open(&custody->config, row->name, s, access, &token->u);
    if (rv == CKR_OK && access->kind == ACCESS_PIN)
        rv = partition_login_get(custody, row->partition, s, &token->login);
    if (rv == CKR_OK)
        rv = open_brought(token, row, access, s);
    if (rv == CKR_OK)
        *ret = TAKE(token);
    return rv;
}

static CK_RV partition_add_secret(struct custody_token *token, struct bytes s, struct access_row *row)
{
    if (s.len != STRETCHED_PIN_LEN)
        return CKR_ARGUMENTS_BAD;
    return token->u && token->is_officer ? seal_so_pin(token->custody, token->name, s, token->u, row)
                                         : CKR_FUNCTION_NOT_SUPPORTED;
}

/* --------------------------------------------------------------------------------------------- change of S */

static CK_RV set_pin(struct login *login, struct bytes old_s, struct bytes new_s)
{
    CLEANUP(secret_free) struct secret *old_pin = NULL;
    CLEANUP(secret_free) struct secret *new_pin = NULL;
    CLEANUP(secret_free) struct secret *s = NULL;
    CK_RV rv = partition_pin(old_s, &old_pin);

    if (rv == CKR_OK)
        rv = partition_pin(new_s, &new_pin);
    if (rv != CKR_OK)
        return rv;
    if (secret_copy(new_s, &s) < 0)
        return CKR_HOST_MEMORY;
    rv = login->session.p11->C_SetPIN(login->session.handle, old_pin->data, old_pin->len, new_pin->data,
                                      new_pin->len);
    if (rv != CKR_OK)
        return rv;
    secret_free(login->s);
    login->s = TAKE(s);
    return CKR_OK;
}

/* By the security officer, whose login waits for everybody else's end. v3.1 5.6.8 (C_Login). */
static CK_RV reset_pin(const struct custody_token *token, struct bytes new_s)
{
    const struct library *library = token->custody->config.hsm->library;
    CLEANUP(secret_free) struct secret *so_pin = NULL;
    CLEANUP(secret_free) struct secret *pin = NULL;
    struct library_token found;
    CK_RV rv = partition_pin(secret_bytes(token->u), &so_pin);

    if (partition_login_peek(token->custody, token->serial) || token->custody->is_stale)
        return CKR_DEVICE_ERROR;
    if (rv == CKR_OK)
        rv = partition_pin(new_s, &pin);
    if (rv == CKR_OK)
        rv = partition_find(token->custody, token->serial, &found);
    return rv == CKR_OK ? library_reset_pin(library, found.slot, so_pin, pin) : rv;
}

/* The backup keeps the PIN of before until settle(): should this process die in between, put_back() finds it there. */
static CK_RV partition_change_secret(struct custody_token *token, struct bytes old_s, struct bytes new_s,
                                     struct access_row *new_row)
{
    CK_RV rv = seal_so_pin(token->custody, token->name, new_s, token->u, new_row);

    if (rv == CKR_OK)
        rv = partition_keep(token->custody, token->serial);
    if (rv == CKR_OK)
        rv = token->login ? set_pin(token->login, old_s, new_s) : reset_pin(token, new_s);
    return rv;
}

/* After a reset nobody here knows the PIN of before: it is in the backup, and takes a new process to be read. */
static CK_RV take_back(struct custody_token *token, struct bytes old_s, struct bytes new_s)
{
    if (token->login)
        return set_pin(token->login, new_s, old_s);
    return partition_put_back(token->custody, token->serial) == CKR_DEVICE_ERROR ? CKR_OK : CKR_DEVICE_ERROR;
}

static void partition_settle(struct custody_token *token, struct bytes old_s, struct bytes new_s,
                             bool is_done)
{
    CK_RV rv = is_done ? CKR_OK : take_back(token, old_s, new_s);

    if (rv != CKR_OK)
        log_event(LOG_LEVEL_ERROR, "partition.pin-not-restored", "serial=%s rv=0x%lx", token->serial, rv);
    if (rv != CKR_OK || !is_done)
        return; /* the backup has the PIN that counts */
    rv = partition_keep(token->custody, token->serial);
    if (rv != CKR_OK)
        log_event(LOG_LEVEL_ERROR, "partition.no-backup", "serial=%s rv=0x%lx", token->serial, rv);
}

/* ----------------------------------------------------------------------------------------------------- keys */

static CK_RV partition_generate(struct custody_token *token, CK_KEY_TYPE type, unsigned bits,
                                enum key_usage usage, struct key_row *ret)
{
    return partition_key_generate(token->login, type, bits, usage, ret);
}

/* A key that was brought along is in its row, one of the partition's own is not. */
static bool is_brought(const struct key_row *row)
{
    return row->sealed.len > 0;
}

static CK_RV partition_destroy(struct custody_token *token, const struct key_row *row)
{
    if (!is_brought(row))
        return partition_key_destroy(token->login, row);
    return token->brought ? custody_wrapped.destroy(token->brought, row) : CKR_DATA_INVALID;
}

static CK_RV partition_sign(struct custody_token *token, const struct key_row *row, CK_MECHANISM_TYPE raw,
                            const Privyseal__V1__PssParameters *pss, struct bytes data, struct buffer *ret)
{
    if (is_brought(row))
        return token->brought ? custody_wrapped.sign(token->brought, row, raw, pss, data, ret)
                              : CKR_DATA_INVALID;
    return partition_key_sign(token->login, row, raw, pss, data, ret);
}

static CK_RV partition_decrypt(struct custody_token *token, const struct key_row *row,
                               CK_MECHANISM_TYPE mechanism, const Privyseal__V1__OaepParameters *oaep,
                               struct bytes data, struct secret **ret)
{
    if (is_brought(row))
        return token->brought ? custody_wrapped.decrypt(token->brought, row, mechanism, oaep, data, ret)
                              : CKR_DATA_INVALID;
    return partition_key_decrypt(token->login, row, mechanism, oaep, data, ret);
}

static CK_RV partition_derive(struct custody_token *token, const struct key_row *row, struct bytes peer,
                              struct secret **ret)
{
    if (is_brought(row))
        return token->brought ? custody_wrapped.derive(token->brought, row, peer, ret) : CKR_DATA_INVALID;
    return partition_key_derive(token->login, row, peer, ret);
}

const struct custody_ops custody_partition = {
    .name = "partition",
    .kind = TOKEN_PARTITION,
    .new = partition_new,
    .free = partition_free,
    .can_hold = partition_can_hold,
    .create = partition_create,
    .undo = partition_unmake,
    .check_bound = partition_check_bound,
    .bind = partition_bind,
    .unbind = partition_unbind,
    .resume = partition_resume,
    .authorise = partition_authorise,
    .generate = partition_generate,
    .sign = partition_sign,
    .decrypt = partition_decrypt,
    .derive = partition_derive,
    .destroy = partition_destroy,
    .add_secret = partition_add_secret,
    .change_secret = partition_change_secret,
    .settle = partition_settle,
    .close = partition_close,
};
