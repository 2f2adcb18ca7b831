/* SPDX-License-Identifier: Apache-2.0 */
/*
 * master_row.h - what a master key of each kind is, for the files that find (master_keys.c) and make (master_make.c) them.
 */
#pragma once

#include "proxy/hsm/master_keys.h"

#define MASTER_LABEL_MAX    64 /* "privyseal Kw epoch 4294967295 until 2036-11-18" */
#define MASTER_TEMPLATE_MAX 32 /* attributes */

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
    unsigned usage;            /* enum master_usage */
    CK_MECHANISM_TYPE allowed; /* the one entry of CKA_ALLOWED_MECHANISMS */
    const CK_ATTRIBUTE *unwrap_template;
    size_t unwrap_count;
    bool has_end;
};

const struct master_row *master_row(enum master_kind kind);

/* -------------------------------------------------------------------------------------------------- templates */

struct master_template {
    CK_ATTRIBUTE attributes[MASTER_TEMPLATE_MAX];
    CK_ULONG count;
};

enum master_state {
    STATE_FINAL,   /* in the token, and there to stay */
    STATE_TRANSIT, /* a session object in a key ceremony, which leaves wrapped once and is destroyed */
};

void master_template_add(struct master_template *template, CK_ATTRIBUTE_TYPE type, const void *value,
                         size_t len);
/*
 * What makes a key of this kind and what it is recognised by. What forbids changes stands last: SoftHSM sets one
 * attribute of an unwrapped key after the other.
 */
void master_template_add_kind(struct master_template *template, const struct master_row *row,
                              enum master_state state);
/* The HSM's own word that the key was born in it and never could leave. */
void master_template_add_origin(struct master_template *template);

/* ----------------------------------------------------------------------------------------------------- labels */

void master_label(enum master_kind kind, uint32_t epoch, int64_t ends_ms, char ret[MASTER_LABEL_MAX]);
/* Reads a label back; whatever is written in another way is not ours. */
bool master_label_parse(struct bytes label, enum master_kind *ret_kind, struct master_key *ret);
