/* SPDX-License-Identifier: Apache-2.0 */
/* master_row.c - the table of master keys, and how a key says which it is. */
#include "proxy/hsm/master_row.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "include/table.h"
#include "proxy/hsm/template.h"

#define UNTIL " until %Y-%m-%d"

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

void master_template_add(struct master_template *template, CK_ATTRIBUTE_TYPE type, const void *value,
                         size_t len)
{
    assert(template->count < MASTER_TEMPLATE_MAX);
    template->attributes[template->count++] = (CK_ATTRIBUTE)ATTRIBUTE_BYTES(type, value, len);
}

static void add_bool(struct master_template *template, CK_ATTRIBUTE_TYPE type, bool value)
{
    master_template_add(template, type, &truth[value], sizeof(truth[0]));
}

void master_template_add_kind(struct master_template *template, const struct master_row *row,
                              enum master_state state)
{
    const struct usage_row *usage;

    master_template_add(template, CKA_CLASS, &row->class, sizeof(row->class));
    master_template_add(template, CKA_KEY_TYPE, &row->type, sizeof(row->type));
    add_bool(template, CKA_TOKEN, state == STATE_FINAL);
    add_bool(template, CKA_PRIVATE, true);
    add_bool(template, CKA_SENSITIVE, true);
    add_bool(template, CKA_EXTRACTABLE, state == STATE_TRANSIT);
    for (EACH_ROW(usage, usages))
        if (row->class == CKO_SECRET_KEY || !usage->is_secret_only)
            add_bool(template, usage->attribute, row->usage & usage->usage);
    master_template_add(template, CKA_ALLOWED_MECHANISMS, &row->allowed, sizeof(row->allowed));
    if (state == STATE_TRANSIT)
        return;
    add_bool(template, CKA_COPYABLE, false);
    add_bool(template, CKA_MODIFIABLE, false);
}

void master_template_add_origin(struct master_template *template)
{
    add_bool(template, CKA_LOCAL, true);
    add_bool(template, CKA_ALWAYS_SENSITIVE, true);
    add_bool(template, CKA_NEVER_EXTRACTABLE, true);
}

const struct master_row *master_row(enum master_kind kind)
{
    return &rows[kind];
}

/* ------------------------------------------------------------------------------------------------- labels */

/*
 * The end of an epoch stands in the label, not in CKA_END_DATE: SoftHSM 2.6.1 stores dates of private objects in the
 * clear and then tries to decrypt them, so that one can be set but never read.
 */
void master_label(enum master_kind kind, uint32_t epoch, int64_t ends_ms, char ret[MASTER_LABEL_MAX])
{
    time_t ends = (time_t)(ends_ms / 1000);
    int len = snprintf(ret, MASTER_LABEL_MAX, "privyseal %s epoch %" PRIu32, rows[kind].name, epoch);
    struct tm utc;

    if (rows[kind].has_end && gmtime_r(&ends, &utc))
        strftime(ret + len, MASTER_LABEL_MAX - (size_t)len, UNTIL, &utc);
}

/* The first moment of the last day: nobody misses the rest of it after ten years. */
static bool parse_end(const char *text, int64_t *ret)
{
    struct tm utc = { 0 };
    const char *end = strptime(text, UNTIL, &utc);

    *ret = (int64_t)timegm(&utc) * 1000;
    return end && !*end;
}

bool master_label_parse(struct bytes label, enum master_kind *ret_kind, struct master_key *ret)
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
        master_label(kind, ret->epoch, ret->ends_ms, again);
        if (strcmp(text, again) != 0)
            continue;
        *ret_kind = kind;
        return true;
    }
    return false;
}
