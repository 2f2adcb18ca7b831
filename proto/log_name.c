/* SPDX-License-Identifier: Apache-2.0 */
/* log_name.c - names of audit logs and of their files. */
#include "proto/log_name.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PROXY_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
#define SIGNER           ".signer-"
#define LOG              ".log"
#define DIGITS_MAX       9 /* of a signer's or a segment's number: fits 32 bits */

bool proxy_name_is_valid(const char *text)
{
    size_t len = strspn(text, PROXY_CHARACTERS);

    return len > 0 && len <= PROXY_NAME_MAX && text[len] == '\0';
}

int log_name_set(struct log_name *name, const char *proxy, uint32_t signer)
{
    if (!proxy_name_is_valid(proxy))
        return -EINVAL;
    *name = (struct log_name){ .signer = signer };
    strcpy(name->proxy, proxy); /* proxy_name_is_valid: at most PROXY_NAME_MAX */
    return 0;
}

int log_name_compare(const struct log_name *a, const struct log_name *b)
{
    int order = strcmp(a->proxy, b->proxy);

    return order ? order : (a->signer > b->signer) - (a->signer < b->signer);
}

void log_name_text(const struct log_name *name, char ret[LOG_TEXT_MAX])
{
    snprintf(ret, LOG_TEXT_MAX, "%s" SIGNER "%" PRIu32, name->proxy, name->signer);
}

void log_file_name(const struct log_name *name, uint32_t segment, char ret[LOG_FILE_NAME_MAX])
{
    char text[LOG_TEXT_MAX];

    log_name_text(name, text);
    if (segment)
        snprintf(ret, LOG_FILE_NAME_MAX, "%s.%04" PRIu32 LOG, text, segment);
    else
        snprintf(ret, LOG_FILE_NAME_MAX, "%s" LOG, text);
}

/* A number as it is printed, by @width digits at least. Moves @text behind it. */
static bool take_number(const char **text, size_t width, uint32_t *ret)
{
    size_t len = strspn(*text, "0123456789");
    uint32_t number = 0;

    if (len < width || len > DIGITS_MAX || (len > width && **text == '0'))
        return false;
    for (; len; len--)
        number = number * 10 + (uint32_t)(*(*text)++ - '0');
    *ret = number;
    return true;
}

static bool take_text(const char **text, const char *wanted)
{
    if (strncmp(*text, wanted, strlen(wanted)) != 0)
        return false;
    *text += strlen(wanted);
    return true;
}

bool log_file_parse(const char *file, struct log_name *ret, uint32_t *ret_segment, const char **ret_rest)
{
    size_t len = strspn(file, PROXY_CHARACTERS);
    struct log_name name = { 0 };
    uint32_t segment = 0;

    if (len == 0 || len > PROXY_NAME_MAX)
        return false;
    memcpy(name.proxy, file, len);
    file += len;
    if (!take_text(&file, SIGNER) || !take_number(&file, 1, &name.signer))
        return false;
    if (strncmp(file, LOG, strlen(LOG)) != 0 &&
        (!take_text(&file, ".") || !take_number(&file, 4, &segment) || segment == 0))
        return false;
    if (!take_text(&file, LOG) || (!ret_rest && *file))
        return false;
    *ret = name;
    *ret_segment = segment;
    if (ret_rest)
        *ret_rest = file;
    return true;
}
