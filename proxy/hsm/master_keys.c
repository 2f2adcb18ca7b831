/* SPDX-License-Identifier: Apache-2.0 */
/* master_keys.c - the master keys that an HSM has, found and judged. */
#include "proxy/hsm/master_keys.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "include/table.h"
#include "proxy/hsm/master_row.h"
#include "proxy/hsm/template.h"

#define OBJECTS_MAX 1024 /* keys in the token of the master keys */

/* ------------------------------------------------------------------------------------------------- finding */

/*
 * Where a key comes from: the manifest has its commitment, or, for a key that it does not name, the HSM says that it
 * was never outside. A key that has neither is a stranger where there is a manifest, and refused where there is none.
 */
static CK_RV check_origin(const struct hsm_session *session, enum master_kind kind,
                          const struct master_key *key, const struct manifest *manifest,
                          bool *ret_is_stranger)
{
    const struct manifest_key *named =
        manifest ? manifest_find(manifest, master_row(kind)->name, key->epoch) : NULL;
    struct master_template template = { 0 };
    uint8_t commitment[HASH_LEN];
    CK_RV rv;

    *ret_is_stranger = false;
    if (!named) {
        master_template_add_origin(&template);
        rv = hsm_session_matches(session, key->handle, template.attributes, template.count);
        *ret_is_stranger = manifest && rv == CKR_TEMPLATE_INCONSISTENT;
        return *ret_is_stranger ? CKR_OK : rv;
    }
    rv = master_commit(session, kind, key->handle, key->epoch, commitment);
    if (rv == CKR_OK && !secret_equal(BYTES_OF_ARRAY(commitment), BYTES_OF_ARRAY(named->commitment)))
        rv = CKR_DATA_INVALID;
    return rv;
}

static CK_RV set_aside(enum master_kind kind, const struct master_key *key, struct master_keys *keys)
{
    if (keys->stranger_count == MASTER_STRANGERS_MAX)
        return CKR_TEMPLATE_INCONSISTENT;
    keys->strangers[keys->stranger_count++] = (struct master_stranger){ .kind = kind, .key = *key };
    return CKR_OK;
}

/* Takes an object whose label is a master key's into the table, if it is what that label says. */
static CK_RV take_in(const struct hsm_session *session, enum master_kind kind, const struct master_key *key,
                     const struct manifest *manifest, struct master_keys *keys)
{
    const CK_ATTRIBUTE trusted = ATTRIBUTE_TRUE(CKA_TRUSTED);
    struct master_template template = { 0 };
    size_t at = keys->count[kind];
    bool is_stranger = false;
    CK_RV rv;

    if (at == MASTER_EPOCHS_MAX || master_keys_peek(keys, kind, key->epoch))
        return CKR_TEMPLATE_INCONSISTENT;
    master_template_add_kind(&template, master_row(kind), STATE_FINAL);
    rv = hsm_session_matches(session, key->handle, template.attributes, template.count);
    if (rv == CKR_OK)
        rv = check_origin(session, kind, key, manifest, &is_stranger);
    if (rv != CKR_OK || is_stranger)
        return rv == CKR_OK ? set_aside(kind, key, keys) : rv;
    for (; at > 0 && keys->keys[kind][at - 1].epoch > key->epoch; at--)
        keys->keys[kind][at] = keys->keys[kind][at - 1];
    keys->keys[kind][at] = *key;
    keys->keys[kind][at].is_trusted = hsm_session_matches(session, key->handle, &trusted, 1) == CKR_OK;
    keys->count[kind]++;
    return CKR_OK;
}

static CK_RV look_at(const struct hsm_session *session, CK_OBJECT_HANDLE object,
                     const struct manifest *manifest, struct master_keys *keys, char **why)
{
    CLEANUP(buffer_clear) struct buffer label = { 0 };
    struct master_key key = { .handle = object };
    enum master_kind kind;
    CK_RV rv;

    rv = hsm_session_attribute(session, object, CKA_LABEL, &label);
    if (rv != CKR_OK)
        return rv;
    if (!master_label_parse(buffer_bytes(&label), &kind, &key))
        return CKR_OK; /* somebody else's object */
    rv = take_in(session, kind, &key, manifest, keys);
    if (rv != CKR_OK &&
        asprintf(why, "the HSM's key \"%.*s\" is there twice or is not %s (CK_RV 0x%lx)", (int)label.len,
                 (const char *)label.data,
                 rv == CKR_DATA_INVALID ? "the one that the manifest names" : "as strict as it must be",
                 rv) < 0)
        *why = NULL;
    return rv;
}

/* All keys of the token, secret and private; public halves have the same labels and are not looked at. */
static CK_RV find_class(const struct hsm_session *session, CK_OBJECT_CLASS class,
                        const struct manifest *manifest, struct master_keys *keys, char **why)
{
    CK_ATTRIBUTE template[] = { ATTRIBUTE_NUMBER(CKA_CLASS, class), ATTRIBUTE_TRUE(CKA_TOKEN) };
    CK_OBJECT_HANDLE objects[OBJECTS_MAX];
    CK_ULONG count = 0;
    CK_RV rv = hsm_session_find(session, template, ARRAY_SIZE(template), objects, OBJECTS_MAX, &count);

    for (CK_ULONG i = 0; rv == CKR_OK && i < count; i++)
        rv = look_at(session, objects[i], manifest, keys, why);
    return rv;
}

CK_RV master_keys_find(const struct hsm_session *session, const struct manifest *manifest,
                       struct master_keys *ret, char **why)
{
    struct master_keys keys = { 0 };
    CK_RV rv;

    rv = find_class(session, CKO_SECRET_KEY, manifest, &keys, why);
    if (rv == CKR_OK)
        rv = find_class(session, CKO_PRIVATE_KEY, manifest, &keys, why);
    if (rv != CKR_OK)
        return rv;
    for (int kind = 0; kind < MASTER_KINDS; kind++) {
        if (keys.count[kind])
            continue;
        if (asprintf(why,
                     "the HSM's token has no master key %s: was this deployment set up with another one?",
                     master_row(kind)->name) < 0)
            *why = NULL;
        return CKR_KEY_NEEDED;
    }
    *ret = keys;
    return CKR_OK;
}

const struct master_key *master_keys_peek(const struct master_keys *keys, enum master_kind kind,
                                          uint32_t epoch)
{
    for (size_t i = 0; i < keys->count[kind]; i++)
        if (keys->keys[kind][i].epoch == epoch)
            return &keys->keys[kind][i];
    return NULL;
}

const struct master_key *master_keys_peek_stranger(const struct master_keys *keys, enum master_kind kind,
                                                   uint32_t epoch)
{
    for (size_t i = 0; i < keys->stranger_count; i++)
        if (keys->strangers[i].kind == kind && keys->strangers[i].key.epoch == epoch)
            return &keys->strangers[i].key;
    return NULL;
}

uint32_t master_keys_next(const struct master_keys *keys, enum master_kind kind)
{
    uint32_t last = master_keys_newest(keys, kind)->epoch;

    for (size_t i = 0; i < keys->stranger_count; i++)
        if (keys->strangers[i].kind == kind && keys->strangers[i].key.epoch > last)
            last = keys->strangers[i].key.epoch;
    return last == UINT32_MAX ? 0 : last + 1;
}

const struct master_key *master_keys_newest(const struct master_keys *keys, enum master_kind kind)
{
    assert(keys->count[kind] > 0);
    return &keys->keys[kind][keys->count[kind] - 1];
}

const char *master_keys_name(enum master_kind kind)
{
    return master_row(kind)->name;
}

bool master_keys_kind(const char *name, enum master_kind *ret)
{
    for (int kind = 0; kind < MASTER_KINDS; kind++)
        if (strcmp(master_row(kind)->name, name) == 0) {
            *ret = kind;
            return true;
        }
    return false;
}

enum master_form master_keys_form(enum master_kind kind)
{
    const struct master_row *row = master_row(kind);

    if (row->class == CKO_PRIVATE_KEY)
        return MASTER_FORM_PAIR;
    if (row->usage & MAY_DERIVE)
        return MASTER_FORM_DERIVES;
    return row->usage & MAY_WRAP ? MASTER_FORM_WRAPS : MASTER_FORM_MACS;
}

int64_t master_keys_end(enum master_kind kind)
{
    return master_row(kind)->has_end ? ((int64_t)time(NULL) + MASTER_WRAP_LIFE_DAYS * 24LL * 60 * 60) * 1000
                                     : INT64_MAX;
}
