/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_keys.h - every key of privyseald.conf, and of a section that describes one more HSM.
 */
#pragma once

#include "proxy/config_form.h"

#define CONFIG_KEYS_MAX 160 /* of each table, for whoever notes which of them were given */

struct config_keys {
    const struct config_key *rows;
    size_t count;
};

extern const struct config_keys config_keys;       /* fields of struct proxy_config */
extern const struct config_keys config_place_keys; /* of [hsm.NAME]: fields of struct hsm_place */

#define EACH_KEY(key, keys)                                                                                  \
    key = (keys)->rows;                                                                                      \
    key < (keys)->rows + (keys)->count;                                                                      \
    key++

/* NULL: there is none of that name. @section NULL: whichever. */
const struct config_key *config_keys_find(const struct config_keys *keys, const char *section,
                                          const char *name);
bool config_keys_has_section(const char *section);
/* What was meant, perhaps; NULL: nothing is near. */
const struct config_key *config_keys_nearest(const char *section, const char *name);
const char *config_keys_nearest_section(const char *section);
