/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_form.h - what the values of privyseald.conf look like, and how each is read into its field.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "include/cleanup.h"

enum config_form {
    FORM_TEXT,
    FORM_REALM,
    FORM_PROXY,
    FORM_ADDRESSES,
    FORM_ADDRESS,
    FORM_NUMBER,
    FORM_YES_NO,
    FORM_PARTITIONS,
    FORM_BATCH_WRITE,
    FORM_FORWARD,
    FORM_PROOFS,
    FORM_LOG_FORMAT,
    FORM_LEVEL,
    FORM_CLASSES,
    FORM_ASSIGNMENT,
    FORM_POLICY,
    FORMS
};

/* A key of the file: its place, its form, and what it means when it is not there. */
struct config_key {
    const char *section, *name;
    enum config_form form;
    size_t offset;        /* of its field, from the beginning of what it belongs to */
    const char *fallback; /* as it would be written in the file */
    bool is_required;
    unsigned least, most; /* of a number */
};

/* Reads @value into the field @member. Errors: -EINVAL (not of the expected form), -ENOMEM. */
MUST_CHECK int config_form_read(const struct config_key *key, const char *value, void *member);
/* For people, of a @value that was refused; NULL: a number in the key's range. */
const char *config_form_expected(const struct config_key *key, const char *value);
/* The field is a char *, which the config owns. */
bool config_form_is_text(enum config_form form);
/* A key of this form may be given several times. */
bool config_form_is_list(enum config_form form);
