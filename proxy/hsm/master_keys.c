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

#define MASTER_LABEL_MAX    64   /* "privyseal Kaudit epoch 4294967295" */
#define MASTER_TEMPLATE_MAX 32   /* attributes */
#define MASTER_KEY_LEN      32   /* bytes: AES-256, HMAC-SHA256 */
#define OBJECTS_MAX         1024 /* keys in the token of the master keys */
#define DATE_LEN            sizeof(CK_DATE)

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
    bool has_unwrap_template;
    bool has_end;
};

static const struct master_row rows[MASTER_KINDS] = {
    [MASTER_DERIVE] = { "Kd", CKM_AES_KEY_GEN, CKO_SECRET_KEY, CKK_AES, MAY_DERIVE, CKM_AES_CBC_ENCRYPT_DATA,
                        false, false },
    [MASTER_WRAP] = { "Kw", CKM_AES_KEY_GEN, CKO_SECRET_KEY, CKK_AES, MAY_WRAP | MAY_UNWRAP,
                      CKM_AES_KEY_WRAP_PAD, true, true },
    [MASTER_SALT] = { "Ksalt", CKM_GENERIC_SECRET_KEY_GEN, CKO_SECRET_KEY, CKK_GENERIC_SECRET, MAY_SIGN,
                      CKM_SHA256_HMAC, false, false },
    [MASTER_CHECK] = { "Kcheck", CKM_GENERIC_SECRET_KEY_GEN, CKO_SECRET_KEY, CKK_GENERIC_SECRET, MAY_SIGN,
                       CKM_SHA256_HMAC, false, false },
    [MASTER_ROW] = { "Krow", CKM_GENERIC_SECRET_KEY_GEN, CKO_SECRET_KEY, CKK_GENERIC_SECRET, MAY_SIGN,
                     CKM_SHA256_HMAC, false, false },
    [MASTER_SEAL] = { "Kseal", CKM_GENERIC_SECRET_KEY_GEN, CKO_SECRET_KEY, CKK_GENERIC_SECRET, MAY_SIGN,
                      CKM_SHA256_HMAC, false, false },
    [MASTER_AUDIT] = { "Kaudit", CKM_EC_KEY_PAIR_GEN, CKO_PRIVATE_KEY, CKK_EC, MAY_SIGN, CKM_ECDSA, false,
                       false },
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

/* What makes a key of this kind and what it is recognised by. */
static void add_kind(struct master_template *template, const struct master_row *row)
{
    const struct usage_row *usage;

    add(template, CKA_CLASS, &row->class, sizeof(row->class));
    add(template, CKA_KEY_TYPE, &row->type, sizeof(row->type));
    add_bool(template, CKA_TOKEN, true);
    add_bool(template, CKA_PRIVATE, true);
    add_bool(template, CKA_SENSITIVE, true);
    add_bool(template, CKA_EXTRACTABLE, false);
    add_bool(template, CKA_MODIFIABLE, false);
    add_bool(template, CKA_COPYABLE, false);
    for (EACH_ROW(usage, usages))
        if (row->class == CKO_SECRET_KEY || !usage->is_secret_only)
            add_bool(template, usage->attribute, row->usage & usage->usage);
    add(template, CKA_ALLOWED_MECHANISMS, &row->allowed, sizeof(row->allowed));
}

/* The HSM's own word that the key was born in it and never could leave. */
static void add_origin(struct master_template *template)
{
    add_bool(template, CKA_LOCAL, true);
    add_bool(template, CKA_ALWAYS_SENSITIVE, true);
    add_bool(template, CKA_NEVER_EXTRACTABLE, true);
}

/* ------------------------------------------------------------------------------------------------- labels */

static void label_of(enum master_kind kind, uint32_t epoch, char ret[MASTER_LABEL_MAX])
{
    snprintf(ret, MASTER_LABEL_MAX, "privyseal %s epoch %" PRIu32, rows[kind].name, epoch);
}

static void id_of(uint32_t epoch, uint8_t ret[4])
{
    for (int i = 0; i < 4; i++)
        ret[i] = (uint8_t)(epoch >> (24 - 8 * i));
}

/* Reads "privyseal NAME epoch N" back; whatever is written in another way is not ours. */
static bool parse_label(struct bytes label, enum master_kind *ret_kind, uint32_t *ret_epoch)
{
    char text[MASTER_LABEL_MAX], again[MASTER_LABEL_MAX], name[MASTER_LABEL_MAX];
    uint32_t epoch;

    if (label.len >= sizeof(text))
        return false;
    memcpy(text, label.data, label.len);
    text[label.len] = '\0';
    if (sscanf(text, "privyseal %15s epoch %" SCNu32, name, &epoch) != 2 || epoch == 0)
        return false;
    for (int kind = 0; kind < MASTER_KINDS; kind++) {
        label_of(kind, epoch, again);
        if (strcmp(text, again) != 0)
            continue;
        *ret_kind = kind;
        *ret_epoch = epoch;
        return true;
    }
    return false;
}

/* -------------------------------------------------------------------------------------------------- dates */

static void date_after(int days, CK_DATE *ret)
{
    time_t then = time(NULL) + (time_t)days * 24 * 60 * 60;
    char text[DATE_LEN + 1];
    struct tm utc;

    gmtime_r(&then, &utc);
    strftime(text, sizeof(text), "%Y%m%d", &utc);
    memcpy(ret, text, DATE_LEN);
}

/* The beginning of the day: the last day is not a whole one, which nobody misses after ten years. */
static CK_RV date_to_ms(struct bytes date, int64_t *ret)
{
    char text[DATE_LEN + 1] = { 0 };
    struct tm utc = { 0 };
    const char *end;

    if (date.len != DATE_LEN)
        return CKR_TEMPLATE_INCONSISTENT;
    memcpy(text, date.data, DATE_LEN);
    end = strptime(text, "%Y%m%d", &utc);
    if (!end || *end)
        return CKR_TEMPLATE_INCONSISTENT;
    *ret = (int64_t)timegm(&utc) * 1000;
    return CKR_OK;
}

/* ------------------------------------------------------------------------------------------------- finding */

static CK_RV read_end(const struct hsm_session *session, CK_OBJECT_HANDLE object, int64_t *ret)
{
    CLEANUP(buffer_clear) struct buffer date = { 0 };
    CK_RV rv = hsm_session_attribute(session, object, CKA_END_DATE, &date);

    return rv == CKR_OK ? date_to_ms(buffer_bytes(&date), ret) : rv;
}

/* Takes an object whose label is a master key's into the table, if it is what that label says. */
static CK_RV take_in(const struct hsm_session *session, CK_OBJECT_HANDLE object, enum master_kind kind,
                     uint32_t epoch, struct master_keys *keys)
{
    struct master_template template = { 0 };
    struct master_key key = { .epoch = epoch, .handle = object, .ends_ms = INT64_MAX };
    size_t at = keys->count[kind];
    CK_RV rv;

    if (at == MASTER_EPOCHS_MAX || master_keys_peek(keys, kind, epoch))
        return CKR_TEMPLATE_INCONSISTENT;
    add_kind(&template, &rows[kind]);
    add_origin(&template);
    rv = hsm_session_matches(session, object, template.attributes, template.count);
    if (rv == CKR_OK && rows[kind].has_end)
        rv = read_end(session, object, &key.ends_ms);
    if (rv != CKR_OK)
        return rv;
    for (; at > 0 && keys->keys[kind][at - 1].epoch > epoch; at--)
        keys->keys[kind][at] = keys->keys[kind][at - 1];
    keys->keys[kind][at] = key;
    keys->count[kind]++;
    return CKR_OK;
}

static CK_RV look_at(const struct hsm_session *session, CK_OBJECT_HANDLE object, struct master_keys *keys,
                     char **why)
{
    CLEANUP(buffer_clear) struct buffer label = { 0 };
    enum master_kind kind;
    uint32_t epoch;
    CK_RV rv;

    rv = hsm_session_attribute(session, object, CKA_LABEL, &label);
    if (rv != CKR_OK)
        return rv;
    if (!parse_label(buffer_bytes(&label), &kind, &epoch))
        return CKR_OK; /* somebody else's object */
    rv = take_in(session, object, kind, epoch, keys);
    if (rv != CKR_OK &&
        asprintf(why, "the HSM's key \"%.*s\" is there twice or is not as strict as it must be (CK_RV 0x%lx)",
                 (int)label.len, (const char *)label.data, rv) < 0)
        *why = NULL;
    return rv;
}

/* All keys of the token, secret and private; public halves have the same labels and are not looked at. */
static CK_RV find_class(const struct hsm_session *session, CK_OBJECT_CLASS class, struct master_keys *keys,
                        char **why)
{
    CK_ATTRIBUTE template[] = { ATTRIBUTE_NUMBER(CKA_CLASS, class), ATTRIBUTE_TRUE(CKA_TOKEN) };
    CK_OBJECT_HANDLE objects[OBJECTS_MAX];
    CK_ULONG count = 0;
    CK_RV rv = hsm_session_find(session, template, ARRAY_SIZE(template), objects, OBJECTS_MAX, &count);

    for (CK_ULONG i = 0; rv == CKR_OK && i < count; i++)
        rv = look_at(session, objects[i], keys, why);
    return rv;
}

CK_RV master_keys_find(const struct hsm_session *session, struct master_keys *ret, char **why)
{
    struct master_keys keys = { 0 };
    CK_RV rv;

    rv = find_class(session, CKO_SECRET_KEY, &keys, why);
    if (rv == CKR_OK)
        rv = find_class(session, CKO_PRIVATE_KEY, &keys, why);
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

const struct master_key *master_keys_newest(const struct master_keys *keys, enum master_kind kind)
{
    assert(keys->count[kind] > 0);
    return &keys->keys[kind][keys->count[kind] - 1];
}

const char *master_keys_name(enum master_kind kind)
{
    return rows[kind].name;
}

/* ------------------------------------------------------------------------------------------------- making */

static CK_RV generate_secret(const struct hsm_session *session, const struct master_row *row,
                             struct master_template *template)
{
    CK_ATTRIBUTE unwrap[] = { MASTER_UNWRAP_TEMPLATE };
    CK_MECHANISM mechanism = { row->generate, NULL, 0 };
    CK_ULONG len = MASTER_KEY_LEN;
    CK_OBJECT_HANDLE key;

    add(template, CKA_VALUE_LEN, &len, sizeof(len));
    if (row->has_unwrap_template)
        add(template, CKA_UNWRAP_TEMPLATE, unwrap, sizeof(unwrap));
    return session->p11->C_GenerateKey(session->handle, &mechanism, template->attributes, template->count,
                                       &key);
}

/* The public half stays as an object of the token, under the same label: an auditor may ask for it. */
static CK_RV generate_pair(const struct hsm_session *session, const struct master_row *row,
                           struct master_template *template, const char *label)
{
    struct bytes curve = public_key_ec_params(CKK_EC, 256);
    CK_ATTRIBUTE public_template[] = {
        ATTRIBUTE_BYTES(CKA_EC_PARAMS, curve.data, curve.len),
        ATTRIBUTE_TRUE(CKA_TOKEN),
        ATTRIBUTE_FALSE(CKA_PRIVATE),
        ATTRIBUTE_TRUE(CKA_VERIFY),
        ATTRIBUTE_BYTES(CKA_LABEL, label, strlen(label)),
    };
    CK_MECHANISM mechanism = { row->generate, NULL, 0 };
    CK_OBJECT_HANDLE public_key, private_key;

    return session->p11->C_GenerateKeyPair(session->handle, &mechanism, public_template,
                                           ARRAY_SIZE(public_template), template->attributes, template->count,
                                           &public_key, &private_key);
}

static CK_RV generate(const struct hsm_session *session, enum master_kind kind, uint32_t epoch)
{
    const struct master_row *row = &rows[kind];
    struct master_template template = { 0 };
    char label[MASTER_LABEL_MAX];
    uint8_t id[4];
    CK_DATE end;

    add_kind(&template, row);
    label_of(kind, epoch, label);
    add(&template, CKA_LABEL, label, strlen(label));
    id_of(epoch, id);
    add(&template, CKA_ID, id, sizeof(id));
    if (row->has_end) {
        date_after(MASTER_WRAP_LIFE_DAYS, &end);
        add(&template, CKA_END_DATE, &end, sizeof(end));
    }
    return row->class == CKO_PRIVATE_KEY ? generate_pair(session, row, &template, label)
                                         : generate_secret(session, row, &template);
}

CK_RV master_keys_generate(const struct hsm_session *session, uint32_t epoch)
{
    CK_RV rv = CKR_OK;

    for (int kind = 0; kind < MASTER_KINDS && rv == CKR_OK; kind++)
        rv = generate(session, kind, epoch);
    return rv;
}
