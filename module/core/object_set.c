/* SPDX-License-Identifier: Apache-2.0 */
/* object_set.c - from a snapshot to objects. */
#include "module/core/object_set.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "include/table.h"
#include "module/core/mechanism_use.h"
#include "proto/certificate_parts.h"
#include "proto/digest.h"
#include "proto/pkcs11_more.h"

#define EMPTY BYTES("", 0) /* there, with nothing in it */

/* What two objects, the private and the public half, lend from. */
struct key_parts {
    struct public_key *public_key;
    struct mechanism_list allowed;
};

struct object_set {
    atomic_uint references;
    struct remote_snapshot *snapshot; /* lends ids, labels and certificates */
    OSSL_LIB_CTX *libctx;
    struct key_parts *keys;
    size_t key_count;
    struct object *objects;
    size_t object_count;
};

struct key_kind {
    CK_KEY_TYPE type;
    enum object_kind private, public;
    CK_MECHANISM_TYPE generated_by;
};

static const struct key_kind key_kinds[] = {
    { CKK_RSA, PRIVATE_RSA, PUBLIC_RSA, CKM_RSA_PKCS_KEY_PAIR_GEN },
    { CKK_EC, PRIVATE_EC, PUBLIC_EC, CKM_EC_KEY_PAIR_GEN },
    { CKK_EC_EDWARDS, PRIVATE_EC, PUBLIC_EC, CKM_EC_EDWARDS_KEY_PAIR_GEN },
};

struct profile {
    CK_ULONG id;
    const char *label;
};

/* NSS reads certificates before login where the last one is present. */
static const struct profile profiles[] = {
    { CKP_BASELINE_PROVIDER, "Baseline provider" },
    { CKP_AUTHENTICATION_TOKEN, "Authentication token" },
    { CKP_PUBLIC_CERTIFICATES_TOKEN, "Public certificates token" },
};

static struct bytes bytes_of_proto(const ProtobufCBinaryData *data)
{
    return data->len ? BYTES(data->data, data->len) : EMPTY;
}

static const Privyseal__V1__Snapshot *content(const struct object_set *set)
{
    return set->snapshot->content;
}

/* --------------------------------------------------------------------------------------------- the filter */

static bool filter_has(const char *filter, const char *word)
{
    size_t len = strlen(word);

    if (!len)
        return false;
    for (const char *at = filter; *(at += strspn(at, " \t"));) {
        size_t run = strcspn(at, " \t");

        if (run == len && strncmp(at, word, len) == 0)
            return true;
        at += run;
    }
    return false;
}

static bool is_wanted(const char *filter, struct bytes id, const char *label)
{
    char hex[2 * KEY_ID_MAX + 1];

    if (!filter || filter_has(filter, label))
        return true;
    if (id.len > KEY_ID_MAX)
        return false;
    hex_encode(id, hex);
    return filter_has(filter, hex);
}

static const struct object *find_id(const struct object_set *set, CK_OBJECT_CLASS class, struct bytes id)
{
    for (size_t i = 0; i < set->object_count; i++) {
        if (set->objects[i].class == class && bytes_equal(set->objects[i].id, id))
            return &set->objects[i];
    }
    return NULL;
}

/* -------------------------------------------------------------------------------------------- the objects */

static struct object *add(struct object_set *set, CK_OBJECT_CLASS class, enum object_kind kind)
{
    struct object *object = &set->objects[set->object_count++];

    *object = (struct object){ .class = class, .kind = kind, .label = EMPTY, .id = EMPTY, .subject = EMPTY };
    return object;
}

/* What makes it this object and no other; and a string of that for applications. v3.1 4.3 (CKA_UNIQUE_ID). */
static void identify(struct object *object, const uint8_t digest[HASH_LEN])
{
    int len = snprintf(object->unique_id_text, sizeof(object->unique_id_text), "%02x-", object->kind);

    memcpy(object->digest, digest, HASH_LEN);
    hex_encode(BYTES(digest, KEY_ID_LEN), object->unique_id_text + len);
    object->unique_id = bytes_of_text(object->unique_id_text);
}

/* CK_DATE has digits without a NUL. 0: no date, which is an empty attribute. */
static struct bytes write_date(uint64_t unix_time, CK_DATE *date)
{
    time_t seconds = (time_t)unix_time;
    struct tm parts;
    char text[32];

    if (!unix_time || !gmtime_r(&seconds, &parts) || parts.tm_year > 9999 - 1900)
        return EMPTY;
    snprintf(text, sizeof(text), "%04d%02d%02d", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday);
    memcpy(date, text, sizeof(*date));
    return BYTES(date, sizeof(*date));
}

static void describe_usage(struct object *object, const struct key_kind *kind,
                           const Privyseal__V1__KeyInfo *info)
{
    object->usage = info->usage;
    object->signs = info->usage == PRIVYSEAL__V1__KEY_USAGE__KEY_USAGE_SIGN;
    object->decrypts = info->usage == PRIVYSEAL__V1__KEY_USAGE__KEY_USAGE_DECRYPT;
    object->derives = info->usage == PRIVYSEAL__V1__KEY_USAGE__KEY_USAGE_DERIVE;
    object->recovers = object->signs && kind->type == CKK_RSA;
    object->always_authenticate = info->always_authenticate;
}

static void describe_key(struct object *object, const struct key_kind *kind, const struct key_parts *parts,
                         const Privyseal__V1__KeyInfo *info)
{
    const struct public_key *key = parts->public_key;

    object->id = bytes_of_proto(&info->id);
    object->label = bytes_of_text(info->label);
    object->key_type = kind->type;
    object->generated_by = kind->generated_by;
    object->allowed_mechanisms =
        BYTES(parts->allowed.type, parts->allowed.count * sizeof(parts->allowed.type[0]));
    object->start_date = write_date(info->created_unix, &object->start);
    object->end_date = write_date(info->expires_unix, &object->end);
    object->public_key_info = buffer_bytes(&key->spki);
    object->modulus_bits = key->bits;
    object->modulus = buffer_bytes(&key->modulus);
    object->public_exponent = buffer_bytes(&key->exponent);
    object->ec_params = buffer_bytes(&key->ec_params);
    object->ec_point = buffer_bytes(&key->ec_point);
    object->public_key = key;
    describe_usage(object, kind, info);
    identify(object, key->name);
}

static const struct key_kind *key_kind_of(CK_KEY_TYPE type)
{
    const struct key_kind *row;

    for (EACH_ROW(row, key_kinds)) {
        if (row->type == type)
            return row;
    }
    return NULL;
}

/* The name in the snapshot must be the digest of the key in it: it is what a signature will be asked of. */
static bool is_named_rightly(const Privyseal__V1__KeyInfo *info, const struct public_key *key)
{
    return bytes_equal(BYTES(info->name.data, info->name.len), BYTES_OF_ARRAY(key->name));
}

static CK_RV add_key(struct object_set *set, const Privyseal__V1__KeyInfo *info)
{
    CLEANUP(public_key_free) struct public_key *key = NULL;
    const struct key_kind *kind;
    struct key_parts *parts;
    struct object *object;
    CK_RV rv = public_key_of_spki(set->libctx, bytes_of_proto(&info->public_key), &key);

    if (rv == CKR_HOST_MEMORY)
        return rv;
    kind = rv == CKR_OK ? key_kind_of(key->type) : NULL;
    if (!kind || !is_named_rightly(info, key))
        return CKR_OK;
    parts = &set->keys[set->key_count++];
    mechanism_list_allowed(content(set), key->type, info->usage, &parts->allowed);
    parts->public_key = TAKE(key);

    object = add(set, CKO_PRIVATE_KEY, kind->private);
    object->is_private = CK_TRUE;
    describe_key(object, kind, parts, info);
    object = add(set, CKO_PUBLIC_KEY, kind->public);
    describe_key(object, kind, parts, info);
    return CKR_OK;
}

/* Both halves of a key carry the subject of its certificate: NSS and Java look for keys by it. */
static void give_subject(struct object_set *set, struct bytes id, struct bytes subject)
{
    for (size_t i = 0; i < set->object_count; i++) {
        struct object *object = &set->objects[i];

        if ((object->class == CKO_PRIVATE_KEY || object->class == CKO_PUBLIC_KEY) &&
            bytes_equal(object->id, id))
            object->subject = subject;
    }
}

static void add_certificate(struct object_set *set, const Privyseal__V1__CertificateInfo *info)
{
    struct bytes der = bytes_of_proto(&info->der);
    struct certificate_parts parts;
    uint8_t digest[HASH_LEN];
    struct object *object;

    if (certificate_parts_read(der, &parts) < 0 || digest_sha256(set->libctx, der, digest) < 0)
        return;
    object = add(set, CKO_CERTIFICATE, CERTIFICATE);
    object->id = bytes_of_proto(&info->id);
    object->label = bytes_of_text(info->label);
    object->certificate_type = CKC_X_509;
    object->certificate_category = find_id(set, CKO_PRIVATE_KEY, object->id)
                                       ? CK_CERTIFICATE_CATEGORY_TOKEN_USER
                                       : CK_CERTIFICATE_CATEGORY_AUTHORITY; /* that came with a user's */
    object->value = der;
    object->subject = parts.subject;
    object->issuer = parts.issuer;
    object->serial_number = parts.serial;
    object->public_key_info = parts.spki;
    identify(object, digest);
    give_subject(set, object->id, object->subject);
}

static void add_profile(struct object_set *set, const struct profile *profile)
{
    struct object *object = add(set, CKO_PROFILE, PROFILE);
    const uint8_t digest[HASH_LEN] = { (uint8_t)profile->id };

    object->label = bytes_of_text(profile->label);
    object->profile_id = profile->id;
    identify(object, digest);
}

static CK_RV fill(struct object_set *set, const char *filter)
{
    const Privyseal__V1__Snapshot *snapshot = content(set);
    const struct profile *profile;
    CK_RV rv;

    for (size_t i = 0; i < snapshot->n_key; i++) {
        const Privyseal__V1__KeyInfo *info = snapshot->key[i];

        if (!is_wanted(filter, bytes_of_proto(&info->id), info->label))
            continue;
        rv = add_key(set, info);
        if (rv != CKR_OK)
            return rv;
    }
    for (size_t i = 0; i < snapshot->n_certificate; i++) {
        const Privyseal__V1__CertificateInfo *info = snapshot->certificate[i];

        if (!filter || find_id(set, CKO_PRIVATE_KEY, bytes_of_proto(&info->id)))
            add_certificate(set, info);
    }
    for (EACH_ROW(profile, profiles))
        add_profile(set, profile);
    return CKR_OK;
}

/* ----------------------------------------------------------------------------------------- the set itself */

static struct object_set *allocate(const Privyseal__V1__Snapshot *snapshot)
{
    struct object_set *set = calloc(1, sizeof(*set));

    if (!set)
        return NULL;
    atomic_init(&set->references, 1);
    /* calloc(0) may be NULL: one more than needed. */
    set->keys = calloc(snapshot->n_key + 1, sizeof(*set->keys));
    set->objects =
        calloc(2 * snapshot->n_key + snapshot->n_certificate + ARRAY_SIZE(profiles), sizeof(*set->objects));
    return set;
}

CK_RV object_set_new(OSSL_LIB_CTX *libctx, struct remote_snapshot *snapshot, const char *filter,
                     struct object_set **ret)
{
    CLEANUP(object_set_unref) struct object_set *set = NULL;
    CK_RV rv;

    /* Twice the limits of the wire: they are the server's to change, and this is only about memory. */
    if (snapshot->content->n_key > 2 * KEYS_PER_TOKEN_MAX ||
        snapshot->content->n_certificate > 2 * CERTS_PER_TOKEN_MAX)
        return CKR_FUNCTION_FAILED;
    set = allocate(snapshot->content);
    if (!set || !set->keys || !set->objects)
        return CKR_HOST_MEMORY;
    set->libctx = libctx;
    set->snapshot = remote_snapshot_ref(snapshot);
    rv = fill(set, filter);
    if (rv != CKR_OK)
        return rv;
    *ret = TAKE(set);
    return CKR_OK;
}

CK_RV object_set_name(struct object_set *set, struct handle_map *map)
{
    CK_RV rv;

    for (size_t i = 0; i < set->object_count; i++) {
        struct object *object = &set->objects[i];

        rv = handle_map_get(map, object->kind, object->digest, &object->handle);
        if (rv != CKR_OK)
            return rv;
    }
    return CKR_OK;
}

struct object_set *object_set_ref(struct object_set *set)
{
    atomic_fetch_add(&set->references, 1);
    return set;
}

static void clear_parts(struct object_set *set)
{
    for (size_t i = 0; i < set->key_count; i++)
        public_key_free(set->keys[i].public_key);
}

void object_set_unref(struct object_set *set)
{
    if (!set || atomic_fetch_sub(&set->references, 1) > 1)
        return;
    clear_parts(set);
    if (set->snapshot)
        remote_snapshot_unref(set->snapshot);
    free(set->keys);
    free(set->objects);
    free(set);
}

const struct remote_snapshot *object_set_snapshot(const struct object_set *set)
{
    return set->snapshot;
}

const struct object *object_set_at(const struct object_set *set, size_t index)
{
    return index < set->object_count ? &set->objects[index] : NULL;
}

const struct object *object_set_find(const struct object_set *set, CK_OBJECT_HANDLE handle, bool is_logged_in)
{
    for (size_t i = 0; i < set->object_count; i++) {
        if (set->objects[i].handle == handle)
            return set->objects[i].is_private && !is_logged_in ? NULL : &set->objects[i];
    }
    return NULL;
}

const struct object *object_set_find_key(const struct object_set *set, CK_OBJECT_CLASS class,
                                         const uint8_t name[KEY_NAME_LEN])
{
    for (size_t i = 0; i < set->object_count; i++) {
        const struct object *object = &set->objects[i];

        if (object->class == class && memcmp(object->digest, name, KEY_NAME_LEN) == 0)
            return object;
    }
    return NULL;
}

const struct object *object_set_find_certificate(const struct object_set *set, struct bytes der)
{
    for (size_t i = 0; i < set->object_count; i++) {
        if (set->objects[i].class == CKO_CERTIFICATE && bytes_equal(set->objects[i].value, der))
            return &set->objects[i];
    }
    return NULL;
}
