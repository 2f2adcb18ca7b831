/* SPDX-License-Identifier: Apache-2.0 */
/* slot.c - what an application sees of one token. */
#include "module/core/slot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/clock.h"
#include "include/table.h"
#include "module/core/attribute.h"
#include "module/core/lock.h"
#include "proto/limits.h"

#define MANUFACTURER "Privyseal"
#define MODEL        "Privyseal v1"

struct rv_row {
    CK_RV from, to;
};

/* Of a call made through a session. NSS takes a token up again after CKR_DEVICE_ERROR. */
static const struct rv_row session_rvs[] = {
    { CKR_DEVICE_REMOVED, CKR_DEVICE_ERROR },
    { CKR_TOKEN_NOT_PRESENT, CKR_DEVICE_ERROR },
};

/* Of a question about a slot: a token that cannot be reached is not there. */
static const struct rv_row slot_rvs[] = {
    { CKR_DEVICE_REMOVED, CKR_TOKEN_NOT_PRESENT },
};

struct pin_flag {
    Privyseal__V1__PinState state;
    CK_FLAGS flags;
};

/* v3.1 3.2 (CK_TOKEN_INFO): "a failure since the last success" is exactly CKF_USER_PIN_COUNT_LOW. */
static const struct pin_flag pin_flags[] = {
    { PRIVYSEAL__V1__PIN_STATE__PIN_STATE_COUNT_LOW, CKF_USER_PIN_COUNT_LOW },
    { PRIVYSEAL__V1__PIN_STATE__PIN_STATE_FINAL_TRY, CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY },
    { PRIVYSEAL__V1__PIN_STATE__PIN_STATE_LOCKED, CKF_USER_PIN_LOCKED },
    /* During a delay the answer to any PIN is CKR_PIN_LOCKED: say so before somebody types one. */
    { PRIVYSEAL__V1__PIN_STATE__PIN_STATE_DELAYED, CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_LOCKED },
};

static CK_RV translate(const struct rv_row *table, size_t rows, CK_RV rv)
{
    for (size_t i = 0; i < rows; i++) {
        if (table[i].from == rv)
            return table[i].to;
    }
    return rv;
}

CK_RV slot_new(CK_SLOT_ID id, const char *name, const char *filter, struct link *link, struct slot **ret)
{
    CLEANUP(slot_free) struct slot *slot = calloc(1, sizeof(*slot));

    if (!slot)
        return CKR_HOST_MEMORY;
    pthread_mutex_init(&slot->lock, NULL);
    handle_map_init(&slot->handles, id);
    slot->id = id;
    slot->link = link;
    slot->name = strdup(name);
    slot->filter = filter ? strdup(filter) : NULL;
    if (!slot->name || (filter && !slot->filter))
        return CKR_HOST_MEMORY;
    *ret = TAKE(slot);
    return CKR_OK;
}

void slot_free(struct slot *slot)
{
    if (!slot)
        return;
    object_set_unref(slot->objects);
    secret_list_clear(&slot->secrets, NULL);
    remote_token_free(slot->token);
    handle_map_clear(&slot->handles);
    pthread_mutex_destroy(&slot->lock);
    free(slot->filter);
    free(slot->name);
    free(slot);
}

/* -------------------------------------------------------------------------------------- token and objects */

static struct remote_token *known_token(struct slot *slot)
{
    LOCKED(&slot->lock);
    return slot->token;
}

CK_RV slot_token(struct slot *slot, struct remote_token **ret, struct remote_error *error)
{
    CLEANUP(remote_token_free) struct remote_token *made = NULL;
    struct remote *remote;
    CK_RV rv;

    *ret = known_token(slot);
    if (*ret)
        return CKR_OK;
    if (!slot->link)
        return CKR_TOKEN_NOT_PRESENT;
    rv = link_remote(slot->link, &remote, error);
    if (rv != CKR_OK)
        return rv;
    if (remote_token_new(remote, slot->name, &made) < 0)
        return CKR_HOST_MEMORY;
    LOCKED(&slot->lock);
    if (!slot->token)
        slot->token = TAKE(made);
    *ret = slot->token;
    return CKR_OK;
}

struct object_set *slot_known_objects(struct slot *slot)
{
    LOCKED(&slot->lock);
    return slot->objects ? object_set_ref(slot->objects) : NULL;
}

/* Whether @set says what @snapshot says: its objects, and the state of its PIN. */
static bool is_made_of(const struct object_set *set, const struct remote_snapshot *snapshot)
{
    return set && object_set_snapshot(set) == snapshot;
}

/* Makes @set the slot's, with handles, and gives the caller a reference of it. */
static CK_RV publish(struct slot *slot, struct object_set *set, struct object_set **ret)
{
    LOCKED(&slot->lock);
    CK_RV rv = object_set_name(set, &slot->handles);

    if (rv != CKR_OK)
        return rv;
    object_set_unref(slot->objects);
    slot->objects = object_set_ref(set);
    *ret = object_set_ref(set);
    return CKR_OK;
}

static CK_RV adopt(struct slot *slot, struct remote_snapshot *snapshot, struct object_set **ret)
{
    CLEANUP(object_set_unref) struct object_set *known = slot_known_objects(slot);
    CLEANUP(object_set_unref) struct object_set *made = NULL;
    CK_RV rv;

    if (is_made_of(known, snapshot)) {
        *ret = TAKE(known);
        return CKR_OK;
    }
    rv = object_set_new(slot->link->libctx, snapshot, slot->filter, &made);
    return rv == CKR_OK ? publish(slot, made, ret) : rv;
}

/* Asks the server if need be. */
static CK_RV fetch(struct slot *slot, unsigned max_age_ms, struct remote_snapshot **ret,
                   struct remote_error *error)
{
    struct remote_token *token;
    CK_RV rv = slot_token(slot, &token, error);

    if (rv != CKR_OK)
        return rv;
    if (link_rests(slot->link))
        return CKR_DEVICE_REMOVED;
    rv = remote_token_snapshot(token, max_age_ms, ret, error);
    link_note(slot->link, rv);
    return rv;
}

CK_RV slot_objects(struct slot *slot, unsigned max_age_ms, struct object_set **ret,
                   struct remote_error *error)
{
    CLEANUP(remote_snapshot_unref) struct remote_snapshot *snapshot = NULL;
    CK_RV rv = fetch(slot, max_age_ms, &snapshot, error);

    if (rv == CKR_OK)
        return adopt(slot, snapshot, ret);
    /* A listing during an outage shows what there was: handles and sessions stay good. */
    if (rv == CKR_DEVICE_REMOVED && max_age_ms >= LISTING_AGE_MS) {
        *ret = slot_known_objects(slot);
        if (*ret)
            return CKR_OK;
    }
    return translate(slot_rvs, ARRAY_SIZE(slot_rvs), rv);
}

void slot_adopt_changes(struct slot *slot)
{
    CLEANUP(object_set_unref) struct object_set *set = NULL;
    struct remote_error ignored = { 0 };

    (void)!slot_objects(slot, ANY_AGE_MS, &set, &ignored);
}

/* -------------------------------------------------------------------------------------------- information */

/* Texts of PKCS#11 structures are padded with spaces and have no NUL. v3.1 3.2 (CK_TOKEN_INFO). */
static void pad(CK_UTF8CHAR *field, size_t size, const char *text)
{
    size_t len = strnlen(text, size);

    memset(field, ' ', size);
    memcpy(field, text, len);
}

bool slot_is_present(struct slot *slot, struct remote_error *error)
{
    CLEANUP(object_set_unref) struct object_set *set = NULL;

    return clock_now_ms() < slot->listed_until || slot_objects(slot, PRESENCE_AGE_MS, &set, error) == CKR_OK;
}

void slot_was_listed(struct slot *slot)
{
    slot->listed_until = clock_now_ms() + PRESENCE_AGE_MS;
}

void slot_info(struct slot *slot, CK_SLOT_INFO *ret, struct remote_error *error)
{
    char description[sizeof(ret->slotDescription) + 1];

    *ret = (CK_SLOT_INFO){ .firmwareVersion = { 1, 0 } };
    snprintf(description, sizeof(description), "Privyseal: %s", slot->name);
    pad(ret->slotDescription, sizeof(ret->slotDescription), description);
    pad(ret->manufacturerID, sizeof(ret->manufacturerID), MANUFACTURER);
    /* Not CKF_REMOVABLE_DEVICE: Java would start a thread that polls. */
    if (slot_is_present(slot, error))
        ret->flags = CKF_TOKEN_PRESENT;
}

static CK_FLAGS token_flags(const struct remote_snapshot *snapshot)
{
    /* No CKF_RNG: NSS and Java would draw from the token at every start. No CKF_WRITE_PROTECTED: OpenSSH
     * opens nothing but read-write sessions. */
    CK_FLAGS flags = CKF_TOKEN_INITIALIZED | CKF_LOGIN_REQUIRED;
    const struct pin_flag *row;

    if (snapshot->pin_version > 0)
        flags |= CKF_USER_PIN_INITIALIZED;
    for (EACH_ROW(row, pin_flags)) {
        if (row->state == snapshot->pin_state)
            flags |= row->flags;
    }
    return flags;
}

static void describe_token(const struct remote_snapshot *snapshot, CK_TOKEN_INFO *ret)
{
    *ret = (CK_TOKEN_INFO){
        .flags = token_flags(snapshot),
        .ulMaxSessionCount = CK_EFFECTIVELY_INFINITE,
        .ulMaxRwSessionCount = CK_EFFECTIVELY_INFINITE,
        .ulMaxPinLen = snapshot->policy.max_len,
        .ulMinPinLen = snapshot->policy.min_len,
        .ulTotalPublicMemory = CK_UNAVAILABLE_INFORMATION,
        .ulFreePublicMemory = CK_UNAVAILABLE_INFORMATION,
        .ulTotalPrivateMemory = CK_UNAVAILABLE_INFORMATION,
        .ulFreePrivateMemory = CK_UNAVAILABLE_INFORMATION,
        .firmwareVersion = { 1, 0 },
    };
    pad(ret->label, sizeof(ret->label), snapshot->content->token);
    pad(ret->manufacturerID, sizeof(ret->manufacturerID), MANUFACTURER);
    pad(ret->model, sizeof(ret->model), MODEL);
    pad(ret->serialNumber, sizeof(ret->serialNumber), snapshot->content->serial);
    pad(ret->utcTime, sizeof(ret->utcTime), "");
}

CK_RV slot_token_info(struct slot *slot, CK_TOKEN_INFO *ret, struct remote_error *error)
{
    CLEANUP(object_set_unref) struct object_set *set = NULL;
    bool is_stale = atomic_exchange(&slot->is_stale, false);
    CK_RV rv = slot_objects(slot, is_stale ? 0 : PRESENCE_AGE_MS, &set, error);

    if (rv == CKR_OK)
        describe_token(object_set_snapshot(set), ret);
    return rv;
}

/* -------------------------------------------------------------------------------------------------- login */

bool slot_is_logged_in(struct slot *slot)
{
    struct remote_token *token = known_token(slot);

    return token && remote_token_is_logged_in(token);
}

/* Whether what is at hand warns of the PIN: a right one then makes it wrong. */
static bool warns_of_pin(struct slot *slot)
{
    CLEANUP(object_set_unref) struct object_set *set = slot_known_objects(slot);

    return set && object_set_snapshot(set)->pin_state != PRIVYSEAL__V1__PIN_STATE__PIN_STATE_OK;
}

CK_RV slot_login(struct slot *slot, struct bytes pin, struct remote_error *error)
{
    struct remote_token *token;
    CK_RV rv = slot_token(slot, &token, error);

    if (rv == CKR_OK)
        rv = remote_token_login(token, pin, error);
    if (rv == CKR_OK)
        link_renew(slot->link, token);
    if (rv == CKR_OK ? warns_of_pin(slot) : rv != CKR_USER_ALREADY_LOGGED_IN)
        atomic_store(&slot->is_stale, true);
    /* A PIN of an impossible length is a wrong one: v3.1 5.6.8 (C_Login) has no other word for it. */
    if (rv == CKR_PIN_LEN_RANGE)
        rv = CKR_PIN_INCORRECT;
    return slot_session_rv(slot, rv);
}

CK_RV slot_logout(struct slot *slot)
{
    struct remote_token *token = known_token(slot);

    if (!token || !remote_token_is_logged_in(token))
        return CKR_USER_NOT_LOGGED_IN;
    slot_secrets_end(slot, NULL); /* private session objects end with the login. v3.1 5.6.10 (C_Logout) */
    remote_token_logout(token);
    return CKR_OK;
}

CK_RV slot_consent(struct slot *slot, struct bytes pin, struct login **ret, struct remote_error *error)
{
    struct remote_token *token;
    CK_RV rv = slot_token(slot, &token, error);

    if (rv == CKR_OK)
        rv = remote_token_consent(token, pin, ret, error);
    if (rv != CKR_OK)
        atomic_store(&slot->is_stale, true);
    return slot_session_rv(slot, rv == CKR_PIN_LEN_RANGE ? CKR_PIN_INCORRECT : rv);
}

CK_RV slot_session_rv(struct slot *slot, CK_RV rv)
{
    if (slot->link)
        link_note(slot->link, rv);
    return translate(session_rvs, ARRAY_SIZE(session_rvs), rv);
}

/* -------------------------------------------------------------------------------------------- secret keys */

CK_OBJECT_HANDLE slot_secret_add(struct slot *slot, struct secret_object *secret)
{
    LOCKED(&slot->lock);
    return secret_list_add(&slot->secrets, secret);
}

struct secret_object *slot_secret_get(struct slot *slot, CK_OBJECT_HANDLE handle)
{
    LOCKED(&slot->lock);
    return secret_list_get(&slot->secrets, handle);
}

bool slot_secret_remove(struct slot *slot, CK_OBJECT_HANDLE handle)
{
    LOCKED(&slot->lock);
    return secret_list_remove(&slot->secrets, handle);
}

void slot_secrets_end(struct slot *slot, const struct session *session)
{
    LOCKED(&slot->lock);
    secret_list_clear(&slot->secrets, session);
}

size_t slot_secrets_find(struct slot *slot, const CK_ATTRIBUTE *wanted, size_t count, CK_OBJECT_HANDLE *ret,
                         size_t max)
{
    size_t found = 0;

    LOCKED(&slot->lock);
    for (const struct secret_object *at = slot->secrets.first; at && found < max; at = at->next)
        if (attribute_match(&at->object, wanted, count))
            ret[found++] = at->object.handle;
    return found;
}

size_t slot_secrets_count(struct slot *slot)
{
    size_t count = 0;

    LOCKED(&slot->lock);
    for (const struct secret_object *at = slot->secrets.first; at; at = at->next)
        count++;
    return count;
}
