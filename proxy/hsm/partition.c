/* SPDX-License-Identifier: Apache-2.0 */
/*
 * partition.c - keys in an HSM partition of their user's own (with SoftHSM: a token), whose user PIN is base64url(S).
 *
 * The HSM itself checks S. PKCS#11's login is the whole process's, so it says nothing about who asks: this file keeps a
 * record of each login it made, with the S that made it, and a second lease of the same token must show the same S.
 * CKR_USER_ALREADY_LOGGED_IN is never taken for a proof.
 *
 * A partition's SO PIN is random and wiped once the user PIN is set: nobody can reset the PIN and take the keys. Only for
 * a user who wanted to have a way back (RECOVERY_KEPT) it is base64url(U), and U stands in the access rows, sealed under S
 * and under the recovery code, as a wrapped token's does. The security officer never works but to set a new S.
 * A token that came from wrapped custody keeps the U it had, in its PIN's row, for the keys that it brought along: those
 * stay what they were, and wrapped.c uses them. Its SO PIN is destroyed.
 *
 * A partition is found by its serial number; slot ids change when the library starts anew.
 */
#include "proxy/hsm/custody.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "include/log.h"
#include "include/table.h"
#include "proxy/hsm/hsm_state.h"
#include "proxy/hsm/key_pair.h"
#include "proxy/hsm/partition_serial.h"
#include "proxy/hsm/row_seal.h"
#include "proxy/hsm/template.h"
#include "proxy/hsm/token_directory.h"

#define LABEL_LEN        32 /* CK_TOKEN_INFO.label */
#define PIN_LEN          43 /* base64url of STRETCHED_PIN_LEN bytes */
#define CREATE_TRIES_MAX 3  /* among 1,000 tokens, slot ids collide once in two million */
#define DAY_MS           (24LL * 60 * 60 * 1000)

struct custody {
    struct custody_config config;
    struct custody *wrapped; /* of keys that were brought along */
    struct login *logins;
    bool is_stale; /* a token's file was put back: only a new process reads it */
};

/* One login of this process into one partition, shared by the leases that showed its S. */
struct login {
    struct custody *custody;
    char serial[SERIAL_LEN + 1];
    struct hsm_session session; /* read and write: keys are made in it */
    struct secret *s;           /* what logged in */
    struct handle_owner keys;
    unsigned refs;
    struct login *next;
};

struct custody_token {
    struct custody *custody;
    struct login *login; /* NULL: not opened by the PIN */
    char name[NAME_MAX_LEN + 1];
    char serial[SERIAL_LEN + 1];
    struct secret *u;              /* NULL: it has none */
    bool is_officer;               /* the SO PIN is made of U; else it was destroyed */
    struct custody_token *brought; /* opens the keys that were brought along; NULL: there can be none */
};

/* ------------------------------------------------------------------------------------------------- serials */

/* With SoftHSM one look suffices, mostly; asking every token takes 26 us each, and there may be a thousand. */
static CK_RV find_partition(const struct library *library, const char *serial, struct library_token *ret)
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

/* -------------------------------------------------------------------------------------------------- logins */

static CK_RV pin_of(struct bytes s, struct secret **ret)
{
    CLEANUP(secret_free) struct secret *pin = NULL;

    if (s.len != STRETCHED_PIN_LEN)
        return CKR_PIN_INCORRECT;
    if (secret_new(PIN_LEN + 1, &pin) < 0)
        return CKR_HOST_MEMORY;
    base64url_encode(s, (char *)pin->data);
    pin->len = PIN_LEN;
    *ret = TAKE(pin);
    return CKR_OK;
}

static struct login *login_peek(const struct custody *custody, const char *serial)
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

static void login_unref(struct login *login)
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
    CK_RV rv = pin_of(s, &pin);

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
static CK_RV put_back(struct custody *custody, const char *serial)
{
    if (token_directory_swap(custody->config.partition_dir, serial) < 0)
        return CKR_PIN_INCORRECT;
    log_event(LOG_LEVEL_WARNING, "partition.put-back", "serial=%s", serial);
    custody->is_stale = true;
    hsm_wear_out(custody->config.hsm);
    return CKR_DEVICE_ERROR;
}

static CK_RV login_new(struct custody *custody, const char *serial, struct bytes s, struct login **ret)
{
    struct library *library = custody->config.hsm->library;
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
    rv = find_partition(library, serial, &token);
    if (rv == CKR_OK && token.slot == custody->config.hsm->token.slot)
        rv = CKR_TOKEN_NOT_PRESENT; /* the master keys' token is nobody's partition */
    if (rv == CKR_OK)
        rv = hsm_session_open(library->p11, token.slot, CKF_RW_SESSION, &login->session);
    if (rv == CKR_OK)
        rv = log_in(&login->session, s);
    if (rv == CKR_OK)
        *ret = TAKE(login);
    return rv;
}

/* Errors: CKR_PIN_INCORRECT, CKR_TOKEN_NOT_PRESENT, what the HSM says. */
static CK_RV login_get(struct custody *custody, const char *serial, struct bytes s, struct login **ret)
{
    struct login *login = login_peek(custody, serial);
    CK_RV rv;

    if (custody->is_stale)
        return CKR_DEVICE_ERROR;
    if (login && !secret_equal(secret_bytes(login->s), s))
        return CKR_PIN_INCORRECT;
    if (!login) {
        rv = login_new(custody, serial, s, &login);
        if (rv == CKR_PIN_INCORRECT)
            return put_back(custody, serial);
        if (rv != CKR_OK)
            return rv;
        login->next = custody->logins;
        custody->logins = login;
    }
    login->refs++;
    *ret = login;
    return CKR_OK;
}

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

    if (!config->partition_dir)
        return CKR_ARGUMENTS_BAD;
    if (!library_takes_pin(&config->hsm->token.info, PIN_LEN)) {
        log_event(LOG_LEVEL_ERROR, "partition.pin-too-short", "max=%lu needed=%d",
                  config->hsm->token.info.ulMaxPinLen, PIN_LEN);
        return CKR_PIN_LEN_RANGE;
    }
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

/* Two tokens with one slot id make SoftHSM abort at its next start, and with it the signer: forever. */
static CK_RV check_slot(const struct library *library, const char *serial)
{
    CLEANUP(free) void *memory = NULL;
    struct library_token *tokens = NULL;
    size_t count = 0;
    CK_RV rv;

    if (!serial[0])
        return CKR_TOKEN_NOT_RECOGNIZED; /* nothing that it could be found by */
    rv = library_tokens(library, &tokens, &count);
    if (rv != CKR_OK)
        return rv;
    memory = tokens;
    return serial_collides(serial, tokens, count) ? CKR_SLOT_ID_INVALID : CKR_OK;
}

static CK_RV errno_to_rv(int r)
{
    return r == 0 ? CKR_OK : r == -ENOMEM ? CKR_HOST_MEMORY : CKR_DEVICE_ERROR;
}

/* One try, with an SO PIN that nobody learns (@u is NULL) or one of @u. What is of no use is taken away again. */
static CK_RV make_partition(struct custody *custody, const char *label, struct bytes s,
                            const struct secret *u, char ret[SERIAL_LEN + 1])
{
    const struct library *library = custody->config.hsm->library;
    const char *dir = custody->config.partition_dir;
    CLEANUP(secret_free) struct secret *pin = NULL;
    CLEANUP(secret_free) struct secret *so_pin = NULL;
    struct library_token token;
    char serial[sizeof(token.info.serialNumber) + 1];
    CK_RV rv = pin_of(s, &pin);

    if (rv == CKR_OK && u)
        rv = pin_of(secret_bytes(u), &so_pin);
    if (rv != CKR_OK)
        return rv;
    rv = library_init_token(library, label, so_pin, pin->data, pin->len, &token);
    library_text(token.info.serialNumber, sizeof(token.info.serialNumber), serial);
    if (rv == CKR_OK)
        rv = check_slot(library, serial);
    if (rv == CKR_OK)
        rv = errno_to_rv(token_directory_backup(dir, serial));
    if (rv != CKR_OK) {
        if (serial[0] && token_directory_remove(dir, serial) < 0)
            log_event(LOG_LEVEL_ERROR, "partition.remains", "serial=%s", serial);
        return rv;
    }
    memcpy(ret, serial, sizeof(serial));
    return CKR_OK;
}

/* U under @s into @row; without one the row says of the token's secret nothing at all. */
static CK_RV seal_so_pin(struct custody *custody, const char *token, struct bytes s, const struct secret *u,
                         struct access_row *row)
{
    row->sealed.len = 0;
    return u ? access_row_seal(&custody->config, token, s, secret_bytes(u), row) : CKR_OK;
}

static void partition_undo(struct custody *custody, const struct token_row *token)
{
    if (token->partition[0] && token_directory_remove(custody->config.partition_dir, token->partition) < 0)
        log_event(LOG_LEVEL_ERROR, "partition.remains", "serial=%s", token->partition);
}

static CK_RV partition_create(struct custody *custody, struct token_row *token, struct bytes s,
                              struct access_row *row)
{
    CLEANUP(secret_free) struct secret *u = NULL;
    char label[LABEL_LEN + 1];
    CK_RV rv = CKR_SLOT_ID_INVALID;

    if ((token->recovery_bits & RECOVERY_KEPT) && secret_random(TOKEN_SECRET_LEN, &u) < 0)
        return CKR_HOST_MEMORY;
    /* For people who look into the HSM; nothing is found by it, so it may be cut. */
    snprintf(label, sizeof(label), "privyseal %.*s", LABEL_LEN - (int)strlen("privyseal "), token->name);
    for (int try = 0; try < CREATE_TRIES_MAX && rv == CKR_SLOT_ID_INVALID; try++)
        rv = make_partition(custody, label, s, u, token->partition);
    if (rv != CKR_OK)
        return rv;
    rv = seal_so_pin(custody, token->name, s, u, row);
    if (rv != CKR_OK)
        partition_undo(custody, token);
    return rv;
}

static void partition_close(struct custody_token *token)
{
    if (!token)
        return;
    if (token->login)
        login_unref(token->login);
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
        rv = login_get(custody, row->partition, s, &token->login);
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
    CK_RV rv = pin_of(old_s, &old_pin);

    if (rv == CKR_OK)
        rv = pin_of(new_s, &new_pin);
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
    CK_RV rv = pin_of(secret_bytes(token->u), &so_pin);

    if (login_peek(token->custody, token->serial) || token->custody->is_stale)
        return CKR_DEVICE_ERROR;
    if (rv == CKR_OK)
        rv = pin_of(new_s, &pin);
    if (rv == CKR_OK)
        rv = find_partition(library, token->serial, &found);
    return rv == CKR_OK ? library_reset_pin(library, found.slot, so_pin, pin) : rv;
}

/* The backup keeps the PIN of before until settle(): should this process die in between, put_back() finds it there. */
static CK_RV partition_change_secret(struct custody_token *token, struct bytes old_s, struct bytes new_s,
                                     struct access_row *new_row)
{
    CK_RV rv = seal_so_pin(token->custody, token->name, new_s, token->u, new_row);

    if (rv == CKR_OK)
        rv = errno_to_rv(token_directory_backup(token->custody->config.partition_dir, token->serial));
    if (rv == CKR_OK)
        rv = token->login ? set_pin(token->login, old_s, new_s) : reset_pin(token, new_s);
    return rv;
}

/* After a reset nobody here knows the PIN of before: it is in the backup, and takes a new process to be read. */
static CK_RV take_back(struct custody_token *token, struct bytes old_s, struct bytes new_s)
{
    if (token->login)
        return set_pin(token->login, new_s, old_s);
    return put_back(token->custody, token->serial) == CKR_DEVICE_ERROR ? CKR_OK : CKR_DEVICE_ERROR;
}

static void partition_settle(struct custody_token *token, struct bytes old_s, struct bytes new_s,
                             bool is_done)
{
    CK_RV rv = is_done ? CKR_OK : take_back(token, old_s, new_s);
    int r;

    if (rv != CKR_OK)
        log_event(LOG_LEVEL_ERROR, "partition.pin-not-restored", "serial=%s rv=0x%lx", token->serial, rv);
    if (rv != CKR_OK || !is_done)
        return; /* the backup has the PIN that counts */
    r = token_directory_backup(token->custody->config.partition_dir, token->serial);
    if (r < 0)
        log_event(LOG_LEVEL_ERROR, "partition.no-backup", "serial=%s error=%d", token->serial, -r);
}

/* ----------------------------------------------------------------------------------------------------- keys */

/* A key's CKA_ID is made of its public half, so it gets its name after birth and stays modifiable for that. */
static CK_RV name_key(const struct login *login, CK_OBJECT_HANDLE key, const struct key_row *row)
{
    char label[2 * KEY_NAME_LEN + 1];
    CK_ATTRIBUTE template[] = {
        ATTRIBUTE_BYTES(CKA_ID, row->name, KEY_ID_LEN),
        ATTRIBUTE_BYTES(CKA_LABEL, label, sizeof(label) - 1),
    };

    hex_encode(BYTES_OF_ARRAY(row->name), label);
    return login->session.p11->C_SetAttributeValue(login->session.handle, key, template,
                                                   ARRAY_SIZE(template));
}

static CK_RV give_birth(const struct login *login, const struct key_kind *kind, const struct key_use *use,
                        CK_OBJECT_HANDLE *ret, struct public_key **ret_public)
{
    CK_ATTRIBUTE template[] = {
        ATTRIBUTE_TRUE(CKA_TOKEN),        ATTRIBUTE_TRUE(CKA_PRIVATE),   ATTRIBUTE_TRUE(CKA_SENSITIVE),
        ATTRIBUTE_FALSE(CKA_EXTRACTABLE), ATTRIBUTE_FALSE(CKA_COPYABLE), KEY_USE_ATTRIBUTES(use),
        KEY_USE_MECHANISMS(use),
    };
    const CK_ATTRIBUTE never_left[] = { ATTRIBUTE_TRUE(CKA_LOCAL), ATTRIBUTE_TRUE(CKA_ALWAYS_SENSITIVE),
                                        ATTRIBUTE_TRUE(CKA_NEVER_EXTRACTABLE) };
    CK_OBJECT_HANDLE key;
    CK_RV rv =
        key_pair_generate(&login->session, kind, use, template, ARRAY_SIZE(template), &key, ret_public);

    if (rv != CKR_OK)
        return rv;
    rv = hsm_session_matches(&login->session, key, never_left, ARRAY_SIZE(never_left));
    if (rv == CKR_OK)
        *ret = key;
    else
        hsm_session_destroy(&login->session, key);
    return rv;
}

/* Named, proved, and durable, or destroyed. */
static CK_RV settle_in(struct login *login, CK_OBJECT_HANDLE object, struct public_key *public_key,
                       const struct key_row *row)
{
    struct handle_cache *cache = login->custody->config.hsm->handles;
    struct key_handle *key = NULL;
    CK_RV rv = handle_cache_put(cache, &login->keys, row->name, object, public_key, &key);

    if (rv == CKR_OK)
        rv = name_key(login, object, row);
    if (rv == CKR_OK)
        rv = key_pair_prove(key, row->usage);
    if (rv == CKR_OK)
        rv = errno_to_rv(token_directory_backup(login->custody->config.partition_dir, login->serial));
    if (rv == CKR_OK)
        return CKR_OK;
    if (key)
        handle_cache_drop(cache, key);
    hsm_session_destroy(&login->session, object);
    return rv;
}

static CK_RV partition_generate(struct custody_token *token, CK_KEY_TYPE type, unsigned bits,
                                enum key_usage usage, struct key_row *ret)
{
    struct login *login = token->login;
    const struct key_kind *kind = key_kind_find(type, bits);
    const struct key_use *use = key_use_find(type, usage);
    int64_t now_ms = (int64_t)time(NULL) * 1000;
    CLEANUP(key_row_clear)
    struct key_row row = {
        .usage = usage,
        .created_ms = now_ms,
        .expires_ms = now_ms + login->custody->config.key_life_days * DAY_MS,
    };
    CLEANUP(public_key_free) struct public_key *public_key = NULL;
    CK_OBJECT_HANDLE object;
    CK_RV rv;

    if (!kind || !use)
        return CKR_KEY_SIZE_RANGE;
    rv = give_birth(login, kind, use, &object, &public_key);
    if (rv != CKR_OK)
        return rv;
    rv = key_pair_describe(public_key, &row);
    if (rv == CKR_OK)
        rv = settle_in(login, object, TAKE(public_key), &row);
    else
        hsm_session_destroy(&login->session, object);
    if (rv != CKR_OK)
        return rv;
    *ret = row;
    row = (struct key_row){ 0 };
    return CKR_OK;
}

/* SoftHSM walks all objects of the partition. Errors: CKR_DATA_INVALID (it does not have the key the row names). */
static CK_RV find_object(const struct login *login, const struct key_row *row, CK_OBJECT_HANDLE *ret)
{
    CK_ATTRIBUTE template[] = {
        ATTRIBUTE_NUMBER(CKA_CLASS, CKO_PRIVATE_KEY),
        ATTRIBUTE_BYTES(CKA_ID, row->name, KEY_ID_LEN),
    };
    CK_ULONG count = 0;
    CK_RV rv = hsm_session_find(&login->session, template, ARRAY_SIZE(template), ret, 1, &count);

    return rv == CKR_OK && count == 0 ? CKR_DATA_INVALID : rv;
}

/* A key that was brought along is in its row, one of the partition's own is not. */
static bool is_brought(const struct key_row *row)
{
    return row->sealed.len > 0;
}

/* The backup too has had the key since it was made. */
static CK_RV destroy_object(struct login *login, const struct key_row *row)
{
    struct handle_cache *cache = login->custody->config.hsm->handles;
    struct key_handle *key = handle_cache_peek(cache, &login->keys, row->name);
    CK_OBJECT_HANDLE object;
    CK_RV rv;

    if (key)
        handle_cache_drop(cache, key);
    rv = find_object(login, row, &object);
    if (rv == CKR_OK)
        rv = login->session.p11->C_DestroyObject(login->session.handle, object);
    if (rv == CKR_OK)
        rv = errno_to_rv(token_directory_backup(login->custody->config.partition_dir, login->serial));
    return rv;
}

static CK_RV partition_destroy(struct custody_token *token, const struct key_row *row)
{
    if (!is_brought(row))
        return destroy_object(token->login, row);
    return token->brought ? custody_wrapped.destroy(token->brought, row) : CKR_DATA_INVALID;
}

/* Once per login and key. */
static CK_RV find_key(struct login *login, const struct key_row *row, struct key_handle **ret)
{
    CLEANUP(public_key_free) struct public_key *public_key = NULL;
    CK_OBJECT_HANDLE object;
    CK_RV rv = key_pair_of_row(row, &public_key);

    if (rv == CKR_OK)
        rv = find_object(login, row, &object);
    if (rv != CKR_OK)
        return rv;
    return handle_cache_put(login->custody->config.hsm->handles, &login->keys, row->name, object,
                            TAKE(public_key), ret);
}

/* The key of @row, ready; and away with it when @rv of its use says that it is not what the row says, or lost. */
static CK_RV key_get(struct login *login, const struct key_row *row, struct key_handle **ret)
{
    *ret = handle_cache_peek(login->custody->config.hsm->handles, &login->keys, row->name);
    return *ret ? CKR_OK : find_key(login, row, ret);
}

static CK_RV key_done(struct login *login, struct key_handle *key, CK_RV rv)
{
    if (rv == CKR_DATA_INVALID || key_pair_is_lost(rv))
        handle_cache_drop(login->custody->config.hsm->handles, key);
    return rv;
}

static CK_RV sign_once(struct login *login, const struct key_row *row, CK_MECHANISM_TYPE raw,
                       const Privyseal__V1__PssParameters *pss, struct bytes data, struct buffer *ret)
{
    bool verify = login->custody->config.verify_every_ec;
    struct key_handle *key;
    CK_RV rv = key_get(login, row, &key);

    return rv == CKR_OK ? key_done(login, key, key_pair_sign(key, raw, pss, data, verify, ret)) : rv;
}

static CK_RV partition_sign(struct custody_token *token, const struct key_row *row, CK_MECHANISM_TYPE raw,
                            const Privyseal__V1__PssParameters *pss, struct bytes data, struct buffer *ret)
{
    CK_RV rv;

    if (is_brought(row))
        return token->brought ? custody_wrapped.sign(token->brought, row, raw, pss, data, ret)
                              : CKR_DATA_INVALID;
    rv = sign_once(token->login, row, raw, pss, data, ret);
    return key_pair_is_lost(rv) ? sign_once(token->login, row, raw, pss, data, ret) : rv;
}

static CK_RV decrypt_once(struct login *login, const struct key_row *row, CK_MECHANISM_TYPE mechanism,
                          const Privyseal__V1__OaepParameters *oaep, struct bytes data, struct secret **ret)
{
    struct key_handle *key;
    CK_RV rv = key_get(login, row, &key);

    return rv == CKR_OK ? key_done(login, key, key_pair_decrypt(key, mechanism, oaep, data, ret)) : rv;
}

static CK_RV partition_decrypt(struct custody_token *token, const struct key_row *row,
                               CK_MECHANISM_TYPE mechanism, const Privyseal__V1__OaepParameters *oaep,
                               struct bytes data, struct secret **ret)
{
    CK_RV rv;

    if (is_brought(row))
        return token->brought ? custody_wrapped.decrypt(token->brought, row, mechanism, oaep, data, ret)
                              : CKR_DATA_INVALID;
    rv = decrypt_once(token->login, row, mechanism, oaep, data, ret);
    return key_pair_is_lost(rv) ? decrypt_once(token->login, row, mechanism, oaep, data, ret) : rv;
}

static CK_RV derive_once(struct login *login, const struct key_row *row, struct bytes peer,
                         struct secret **ret)
{
    struct key_handle *key;
    CK_RV rv = key_get(login, row, &key);

    if (rv != CKR_OK)
        return rv;
    login->custody->config.hsm->objects_made += 2; /* the secret; in the beginning also that of the proof */
    return key_done(login, key, key_pair_derive(key, peer, ret));
}

static CK_RV partition_derive(struct custody_token *token, const struct key_row *row, struct bytes peer,
                              struct secret **ret)
{
    CK_RV rv;

    if (is_brought(row))
        return token->brought ? custody_wrapped.derive(token->brought, row, peer, ret) : CKR_DATA_INVALID;
    rv = derive_once(token->login, row, peer, ret);
    return key_pair_is_lost(rv) ? derive_once(token->login, row, peer, ret) : rv;
}

const struct custody_ops custody_partition = {
    .name = "partition",
    .kind = TOKEN_PARTITION,
    .new = partition_new,
    .free = partition_free,
    .can_hold = partition_can_hold,
    .create = partition_create,
    .undo = partition_undo,
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
