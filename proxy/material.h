/* SPDX-License-Identifier: Apache-2.0 */
/*
 * material.h - the front's TLS files, read by the supervisor, which may, for the front, which may not.
 *
 * Each becomes a sealed memfd: the front can read it and nobody can change it.
 */
#pragma once

#include "include/cleanup.h"
#include "proxy/config.h"
#include "proxy/front/tls.h"

struct material {
    int memfd[TLS_FILES]; /* in the order of struct tls_material */
};

/* Relative to the working directory. Errors: -errno; @why: a sentence, caller frees. */
MUST_CHECK int material_read(const struct proxy_config *config, struct material *ret, char **why);
void material_clear(struct material *material);
DEFINE_CLEAR(material_clear, struct material);
#define MATERIAL_NONE ((struct material){ { -1, -1, -1 } })
