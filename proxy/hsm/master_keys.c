/* SPDX-License-Identifier: Apache-2.0 */
/* master_keys.c - the table of master keys; making and finding them by it. */
#include "proxy/hsm/master_keys.h"

#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "include/table.h"
#include "proto/public_key.h"
#include "proxy/hsm/template.h"

#define MASTER_LABEL_MAX    64 /* "privyseal Kw epoch 4294967295 until 2036-11-18" */
#define UNTIL               " until %Y-%m-%d"
#define MASTER_TEMPLATE_MAX 32   /* attributes */
#define MASTER_KEY_LEN      32   /* bytes: AES-256, HMAC-SHA256 */
#define OBJECTS_MAX         1024 /* keys in the token of the master keys */

enum master_usage {
    MAY_DERIVE = 1,
    MAY_ENCRYPT = 2,
    MAY_DECRYPT = 4,
    MAY_SIGN = 8,
    MAY_VERIFY = 16,
    MAY_WRAP = 32,
    MAY_UNWRAP = 64,
};

struct master_row {
    const char *name;
    CK_MECHANISM_TYPE generate;
    CK_OBJECT_CLASS class;
    CK_KEY_TYPE type;
    unsigned usage;
    CK_MECHANISM_TYPE allowed; /* the one entry of CKA_ALLOWED_MECHANISMS */
    const CK_ATTRIBUTE *unwrap_template;
    size_t unwrap_count;
    bool has_end;
};

static const CK_ATTRIBUTE wrap_template[] = { MASTER_UNWRAP_TEMPLATE };
static const CK_ATTRIBUTE exchange_template[] = { MASTER_EXCHANGE_TEMPLATE };

#define NO_TEMPLATE NULL, 0, false

static const struct master_row rows[MASTER_KINDS] = {
    [MASTER_DERIVE] = { "Kd", CKM_AES_KEY_GEN, CKO_SECRET_KEY, CKK_AES, MAY_DERIVE, CKM_AES_CBC_ENCRYPT_DATA,
                        NO_TEMPLATE },
    [MASTER_WRAP] = { "Kw", CKM_AES_KEY_GEN, CKO_SECRET_KEY, CKK_AES, MAY_WRAP | MAY_UNWRAP,
                      CKM_AES_KEY_WRAP_PAD, wrap_template, ARRAY_SIZE(wrap_template), true },
    [MASTER_EXCHANGE] = { "Kx", CKM_AES_KEY_GEN, CKO_SECRET_KEY, CKK_AES, MAY_WRAP | MAY_UNWRAP,
                          CKM_AES_KEY_WRAP_PAD, exchange_template, ARRAY_SIZE(exchange_template), true },
    [MASTER_SALT] = { "Ksalt", CKM_GENERIC_SECRET_KEY_GEN, CKO_SECRET_KEY, CKK_GENERIC_SECRET, MAY_SIGN,
                      CKM_SHA256_HMAC, NO_TEMPLATE },
    [MASTER_CHECK] = { "Kcheck", CKM_GENERIC_SECRET_KEY_GEN, CKO_SECRET_KEY, CKK_GENERIC_SECRET, MAY_SIGN,
                       CKM_SHA256_HMAC, NO_TEMPLATE },
    [MASTER_ROW] = { "Krow", CKM_GENERIC_SECRET_KEY_GEN, CKO_SECRET_KEY, CKK_GENERIC_SECRET, MAY_SIGN,
                     CKM_SHA256_HMAC, NO_TEMPLATE },
    [MASTER_SEAL] = { "Kseal", CKM_GENERIC_SECRET_KEY_GEN, CKO_SECRET_KEY, CKK_GENERIC_SECRET, MAY_SIGN,
                      CKM_SHA256_HMAC, NO_TEMPLATE },
    [MASTER_AUDIT] = { "Kaudit", CKM_EC_KEY_PAIR_GEN, CKO_PRIVATE_KEY, CKK_EC, MAY_SIGN, CKM_ECDSA,
                       NO_TEMPLATE },
    [MASTER_CA_DEVICE] = { "Kca-device", CKM_EC_KEY_PAIR_GEN, CKO_PRIVATE_KEY, CKK_EC, MAY_SIGN, CKM_ECDSA,
                           NO_TEMPLATE },
    [MASTER_CA_DOCUMENT] = { "Kca-document", CKM_EC_KEY_PAIR_GEN, CKO_PRIVATE_KEY, CKK_EC, MAY_SIGN,
                             CKM_ECDSA, NO_TEMPLATE },
};

/* Every usage a key can have is said, true or false: what a template leaves out, each library decides its own way. */
struct usage_row {
    enum master_usage usage;
    CK_ATTRIBUTE_TYPE attribute;
    bool is_secret_only; /* private keys have no such attribute */
};

static const struct usage_row usages[] = {
    { MAY_DERIVE, CKA_DERIVE, false },   { MAY_ENCRYPT, CKA_ENCRYPT, true },
    { MAY_DECRYPT, CKA_DECRYPT, false }, { MAY_SIGN, CKA_SIGN, false },
    { MAY_VERIFY, CKA_VERIFY, true },    { MAY_WRAP, CKA_WRAP, true },
    { MAY_UNWRAP, CKA_UNWRAP, false },
};

static const CK_BBOOL truth[] = { CK_FALSE, CK_TRUE };

struct master_template {
    CK_ATTRIBUTE attributes[MASTER_TEMPLATE_MAX];
    CK_ULONG count;
};

static void add(struct master_template *template, CK_ATTRIBUTE_TYPE type, const void *value, size_t len)
{
    assert(template->count < MASTER_TEMPLATE_MAX);
    template->attributes[template->count++] = (CK_ATTRIBUTE)ATTRIBUTE_BYTES(type, value, len);
}

static void add_bool(struct master_template *template, CK_ATTRIBUTE_TYPE type, bool value)
{
    add(template, type, &truth[value], sizeof(truth[0]));
}

enum master_state {
    STATE_FINAL,   /* in the token, and there to stay */
    STATE_TRANSIT, /* a session object in a key ceremony, which leaves wrapped once and is destroyed */
};

/*
 * What makes a key of this kind and what it is recognised by. What forbids changes stands last: SoftHSM sets one
 * attribute of an unwrapped key after the other.
 */
static void add_kind(struct master_template *template, const struct master_row *row, enum master_state state)
{
    const struct usage_row *usage;

    add(template, CKA_CLASS, &row->class, sizeof(row->class));
    add(template, CKA_KEY_TYPE, &row->type, sizeof(row->type));
    add_bool(template, CKA_TOKEN, state == STATE_FINAL);
    add_bool(template, CKA_PRIVATE, true);
    add_bool(template, CKA_SENSITIVE, true);
    add_bool(template, CKA_EXTRACTABLE, state == STATE_TRANSIT);
    for (EACH_ROW(usage, usages))
        if (row->class == CKO_SECRET_KEY || !usage->is_secret_only)
            add_bool(template, usage->attribute, row->usage & usage->usage);
    add(template, CKA_ALLOWED_MECHANISMS, &row->allowed, sizeof(row->allowed));
    if (state == STATE_TRANSIT)
        return;
    add_bool(template, CKA_COPYABLE, false);
    add_bool(template, CKA_MODIFIABLE, false);
}

/* The HSM's own word that the key was born in it and never could leave. */
static void add_origin(struct master_template *template)
{
    add_bool(template, CKA_LOCAL, true);
    add_bool(template, CKA_ALWAYS_SENSITIVE, true);
    add_bool(template, CKA_NEVER_EXTRACTABLE, true);
}

/* ------------------------------------------------------------------------------------------------- labels */

/*
 * The end of an epoch stands in the label, not in CKA_END_DATE: SoftHSM 2.6.1 stores dates of private objects in the
 * clear and then tries to decrypt them, so that one can be set but never read.
 */
static void label_of(enum master_kind kind, uint32_t epoch, int64_t ends_ms, char ret[MASTER_LABEL_MAX])
{
    time_t ends = (time_t)(ends_ms / 1000);
    int len = snprintf(ret, MASTER_LABEL_MAX, "privyseal %s epoch %" PRIu32, rows[kind].name, epoch);
    struct tm utc;

    if (rows[kind].has_end && gmtime_r(&ends, &utc))
        strftime(ret + len, MASTER_LABEL_MAX - (size_t)len, UNTIL, &utc);
}

static void id_of(uint32_t epoch, uint8_t ret[4])
{
    for (int i = 0; i < 4; i++)
        ret[i] = (uint8_t)(epoch >> (24 - 8 * i));
}

/* The first moment of the last day: nobody misses the rest of it after ten years. */
static bool parse_end(const char *text, int64_t *ret)
{
    struct tm utc = { 0 };
    const char *end = strptime(text, UNTIL, &utc);

    *ret = (int64_t)timegm(&utc) * 1000;
    return end && !*end;
}

/* Reads a label back; whatever is written in another way is not ours. */
static bool parse_label(struct bytes label, enum master_kind *ret_kind, struct master_key *ret)
{
    char text[MASTER_LABEL_MAX], again[MASTER_LABEL_MAX], name[16];
    int end = 0;

    if (label.len >= sizeof(text))
        return false;
    memcpy(text, label.data, label.len);
    text[label.len] = '\0';
    if (sscanf(text, "privyseal %15s epoch %" SCNu32 "%n", name, &ret->epoch, &end) != 2 || ret->epoch == 0)
        return false;
    ret->ends_ms = INT64_MAX;
    if (text[end] && !parse_end(text + end, &ret->ends_ms))
        return false;
    for (int kind = 0; kind < MASTER_KINDS; kind++) {
        label_of(kind, ret->epoch, ret->ends_ms, again);
        if (strcmp(text, again) != 0)
            continue;
        *ret_kind = kind;
        return true;
    }
    return false;
}

/* ------------------------------------------------------------------------------------------------- finding */

/*
 * Where a key comes from: the manifest has its commitment, or, for a key that it does not name, the HSM says that it
 * was never outside. A key that has neither is a stranger where there is a manifest, and refused where there is none.
 */
static CK_RV check_origin(const struct hsm_session *session, enum master_kind kind,
                          const struct master_key *key, const struct manifest *manifest,
                          bool *ret_is_stranger)
{
    const struct manifest_key *named = manifest ? manifest_find(manifest, rows[kind].name, key->epoch) : NULL;
    struct master_template template = { 0 };
    uint8_t commitment[HASH_LEN];
    CK_RV rv;

    *ret_is_stranger = false;
    if (!named) {
        add_origin(&template);
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
    add_kind(&template, &rows[kind], STATE_FINAL);
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
    if (!parse_label(buffer_bytes(&label), &kind, &key))
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
                     rows[kind].name) < 0)
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
    return rows[kind].name;
}

bool master_keys_kind(const char *name, enum master_kind *ret)
{
    for (int kind = 0; kind < MASTER_KINDS; kind++)
        if (strcmp(rows[kind].name, name) == 0) {
            *ret = kind;
            return true;
        }
    return false;
}

enum master_form master_keys_form(enum master_kind kind)
{
    const struct master_row *row = &rows[kind];

    if (row->class == CKO_PRIVATE_KEY)
        return MASTER_FORM_PAIR;
    if (row->usage & MAY_DERIVE)
        return MASTER_FORM_DERIVES;
    return row->usage & MAY_WRAP ? MASTER_FORM_WRAPS : MASTER_FORM_MACS;
}

int64_t master_keys_end(enum master_kind kind)
{
    return rows[kind].has_end ? ((int64_t)time(NULL) + MASTER_WRAP_LIFE_DAYS * 24LL * 60 * 60) * 1000
                              : INT64_MAX;
}

/* ------------------------------------------------------------------------------------------------- making */

static CK_RV generate_secret(const struct hsm_session *session, const struct master_row *row,
                             struct master_template *template, CK_OBJECT_HANDLE *ret)
{
    CK_MECHANISM mechanism = { row->generate, NULL, 0 };
    CK_ULONG len = MASTER_KEY_LEN;

    add(template, CKA_VALUE_LEN, &len, sizeof(len));
    return session->p11->C_GenerateKey(session->handle, &mechanism, template->attributes, template->count,
                                       ret);
}

/* @label: of a public half that stays as an object of the token: an auditor may ask for it. NULL: for a while. */
static CK_RV generate_pair(const struct hsm_session *session, const struct master_row *row,
                           struct master_template *template, const char *label, CK_OBJECT_HANDLE *ret,
                           CK_OBJECT_HANDLE *ret_public)
{
    struct bytes curve = public_key_ec_params(CKK_EC, 256);
    CK_BBOOL is_token = label != NULL;
    CK_ATTRIBUTE public_template[] = {
        ATTRIBUTE_BYTES(CKA_EC_PARAMS, curve.data, curve.len),
        ATTRIBUTE_BYTES(CKA_TOKEN, &is_token, sizeof(is_token)),
        ATTRIBUTE_FALSE(CKA_PRIVATE),
        ATTRIBUTE_TRUE(CKA_VERIFY),
        ATTRIBUTE_BYTES(CKA_LABEL, label, label ? strlen(label) : 0),
    };
    CK_MECHANISM mechanism = { row->generate, NULL, 0 };

    return session->p11->C_GenerateKeyPair(session->handle, &mechanism, public_template,
                                           ARRAY_SIZE(public_template), template->attributes, template->count,
                                           ret_public, ret);
}

/* Label, id and what the key demands of those it unwraps: what the strict template of a kind has beside it. */
static void add_identity(struct master_template *template, const struct master_row *row, const char *label,
                         const uint8_t id[4])
{
    add(template, CKA_LABEL, label, strlen(label));
    add(template, CKA_ID, id, 4);
    if (row->unwrap_template)
        add(template, CKA_UNWRAP_TEMPLATE, row->unwrap_template,
            row->unwrap_count * sizeof(*row->unwrap_template));
}

CK_RV master_keys_generate_one(const struct hsm_session *session, enum master_kind kind, uint32_t epoch)
{
    const struct master_row *row = &rows[kind];
    struct master_template template = { 0 };
    CK_OBJECT_HANDLE key, public_key;
    char label[MASTER_LABEL_MAX];
    uint8_t id[4];

    label_of(kind, epoch, master_keys_end(kind), label);
    id_of(epoch, id);
    add_identity(&template, row, label, id);
    add_kind(&template, row, STATE_FINAL);
    return row->class == CKO_PRIVATE_KEY ? generate_pair(session, row, &template, label, &key, &public_key)
                                         : generate_secret(session, row, &template, &key);
}

CK_RV master_keys_generate(const struct hsm_session *session, uint32_t epoch)
{
    CK_RV rv = CKR_OK;

    for (int kind = 0; kind < MASTER_KINDS && rv == CKR_OK; kind++)
        rv = master_keys_generate_one(session, kind, epoch);
    return rv;
}

/* ------------------------------------------------------------------------------------------- a key ceremony's */

CK_RV master_keys_make_transit(const struct hsm_session *session, enum master_kind kind,
                               CK_OBJECT_HANDLE *ret, struct buffer *ret_point)
{
    const struct master_row *row = &rows[kind];
    struct master_template template = { 0 };
    CK_OBJECT_HANDLE public_key = CK_INVALID_HANDLE;
    CK_RV rv;

    add_kind(&template, row, STATE_TRANSIT);
    if (row->class != CKO_PRIVATE_KEY)
        return generate_secret(session, row, &template, ret);
    rv = generate_pair(session, row, &template, NULL, ret, &public_key);
    if (rv != CKR_OK)
        return rv;
    rv = hsm_session_attribute(session, public_key, CKA_EC_POINT, ret_point);
    hsm_session_destroy(session, public_key);
    if (rv != CKR_OK)
        hsm_session_destroy(session, *ret);
    return rv;
}

static CK_RV make_public(const struct hsm_session *session, const char *label, struct bytes point)
{
    struct bytes curve = public_key_ec_params(CKK_EC, 256);
    CK_OBJECT_HANDLE key;
    CK_ATTRIBUTE template[] = {
        ATTRIBUTE_NUMBER(CKA_CLASS, CKO_PUBLIC_KEY),
        ATTRIBUTE_NUMBER(CKA_KEY_TYPE, CKK_EC),
        ATTRIBUTE_TRUE(CKA_TOKEN),
        ATTRIBUTE_FALSE(CKA_PRIVATE),
        ATTRIBUTE_TRUE(CKA_VERIFY),
        ATTRIBUTE_BYTES(CKA_LABEL, label, strlen(label)),
        ATTRIBUTE_BYTES(CKA_EC_PARAMS, curve.data, curve.len),
        ATTRIBUTE_BYTES(CKA_EC_POINT, point.data, point.len),
    };

    return session->p11->C_CreateObject(session->handle, template, ARRAY_SIZE(template), &key);
}

CK_RV master_keys_unwrap(const struct hsm_session *session, enum master_kind kind, uint32_t epoch,
                         int64_t ends_ms, CK_OBJECT_HANDLE unwrapping_key, struct bytes wrapped,
                         struct bytes point, CK_OBJECT_HANDLE *ret)
{
    const struct master_row *row = &rows[kind];
    CK_MECHANISM mechanism = { CKM_AES_KEY_WRAP_PAD, NULL, 0 };
    struct master_template template = { 0 };
    char label[MASTER_LABEL_MAX];
    uint8_t id[4];
    CK_RV rv;

    label_of(kind, epoch, ends_ms, label);
    id_of(epoch, id);
    add_identity(&template, row, label, id);
    add_kind(&template, row, STATE_FINAL);
    rv = session->p11->C_UnwrapKey(session->handle, &mechanism, unwrapping_key, (CK_BYTE *)wrapped.data,
                                   wrapped.len, template.attributes, template.count, ret);
    if (rv != CKR_OK || row->class != CKO_PRIVATE_KEY)
        return rv;
    rv = make_public(session, label, point);
    if (rv != CKR_OK)
        hsm_session_destroy(session, *ret);
    return rv;
}
