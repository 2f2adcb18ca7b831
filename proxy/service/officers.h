/* SPDX-License-Identifier: Apache-2.0 */
/*
 * officers.h - the officers of a deployment, whose shares together open a token when its user asks for it.
 *
 * [recovery] officers names a PEM file with their certificates and those of their issuer. Here they are only served and
 * told apart by their hashes: whether they are officers at all, each client checks against its own root.
 */
#pragma once

#include "include/bytes.h"
#include "proto/limits.h"

struct officers {
    struct buffer certificate[2 * OFFICERS_MAX]; /* DER */
    uint8_t hash[2 * OFFICERS_MAX][HASH_LEN];
    size_t count;
};

/* @path NULL: none. Errors: -errno of the file, -EBADMSG, -E2BIG, with a sentence in @why (caller frees). */
MUST_CHECK int officers_load_file(const char *path, struct officers *ret, char **why);
void officers_clear(struct officers *officers);
DEFINE_CLEAR(officers_clear, struct officers);
bool officers_have(const struct officers *officers, struct bytes hash);
