/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token_list.h - the order of the tokens of "tokens = all", kept in a file between runs.
 *
 * Applications name slots by number (Java: slotListIndex), so a token keeps its place whatever the server
 * lists first. The file has one name a line, oldest first: $XDG_CACHE_HOME/privyseal/tokens-IDENTITY, or
 * below ~/.cache. It decides nothing but an order: what is no longer granted is a slot without a token.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "include/cleanup.h"
#include "proto/limits.h"

struct token_list {
    char (*name)[NAME_MAX_LEN + 1];
    size_t count;
};

void token_list_clear(struct token_list *list);
DEFINE_CLEAR(token_list_clear, struct token_list);
/* Appends @name unless the list has it, is full, or @name cannot be a token's. Whether it was added. */
bool token_list_add(struct token_list *list, const char *name);
/* Reads the file of @identity into @list; no file, no names. */
void token_list_read(struct token_list *list, const char *identity);
/* Writes it anew, atomically. Best effort: without the file the order lasts for this run only. */
void token_list_write(const struct token_list *list, const char *identity);
