/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sighting.h - what a signer leaves in the store about itself, for `privyseal status`: that it is there, and how it fares.
 *
 * Each writes its own row, a few times a minute. A store that does not take it is no reason to do anything else.
 */
#pragma once

#include "proxy/signer/signer_state.h"

/* Writes the row when it is due, and when the HSM's health is another than it said. */
void sighting_tick(struct signer *signer, int64_t now_ms);
/* It leaves in order. */
void sighting_leave(struct signer *signer, int64_t now_ms);
/* It does not start, for its HSM's sake; its store is not open yet. */
void sighting_fail(struct signer *signer, const char *why, int64_t now_ms);
