/* SPDX-License-Identifier: Apache-2.0 */
/* config_hsms.c - which HSMs, and which signers of each, a configuration speaks of. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proxy/config.h"

int proxy_config_of_shard(const char *value, unsigned shard, char **ret)
{
    const char *name = value ? strrchr(value, '/') : NULL, *suffix;
    char *path = NULL;

    *ret = NULL;
    if (!value)
        return 0;
    suffix = strrchr(name ? name : value, '.');
    if (!suffix)
        suffix = value + strlen(value);
    if ((shard == 0 ? asprintf(&path, "%s", value)
                    : asprintf(&path, "%.*s-%u%s", (int)(suffix - value), value, shard, suffix)) < 0)
        return -ENOMEM;
    *ret = path;
    return 0;
}

unsigned proxy_config_hsms(const struct proxy_config *config)
{
    return 1 + config->further_count;
}

struct hsm_place proxy_config_hsm(const struct proxy_config *config, unsigned hsm)
{
    struct hsm_place first = { .name = "hsm",
                               .module = config->hsm_module,
                               .token = config->hsm_token,
                               .pin_file = config->hsm_pin_file,
                               .environment = config->hsm_environment,
                               .signers = config->signers };
    struct hsm_place place;

    for (unsigned i = 0; i < config->further_count; i++)
        first.signers -= config->further[i].signers;
    if (hsm == 0)
        return first;
    place = config->further[hsm - 1];
    place.module = place.module ? place.module : first.module;
    place.token = place.token ? place.token : first.token;
    place.environment = place.environment ? place.environment : first.environment;
    return place;
}

unsigned proxy_config_hsm_of(const struct proxy_config *config, unsigned index)
{
    unsigned begin = proxy_config_hsm(config, 0).signers;

    for (unsigned i = 0; i < config->further_count && index < config->signers; i++) {
        if (index >= begin && index < begin + config->further[i].signers)
            return i + 1;
        begin += config->further[i].signers;
    }
    return 0;
}

unsigned proxy_config_find_hsm(const struct proxy_config *config, const char *name)
{
    if (strcmp(name, "hsm") == 0)
        return 0;
    for (unsigned i = 0; i < config->further_count; i++)
        if (strcmp(config->further[i].name + strlen("hsm."), name) == 0)
            return i + 1;
    return HSMS_MAX;
}
