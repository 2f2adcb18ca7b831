/* SPDX-License-Identifier: Apache-2.0 */
/* names.h - what the wire's numbers and objects are called, in tables and JSON. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <p11-kit/pkcs11.h>

#include "proto/privyseal.pb-c.h"

const char *names_custody(Privyseal__V1__Custody custody);
/* "ok", "wrong try", "last try", "locked", "delayed", "not set" */
const char *names_pin_state(Privyseal__V1__PinState state);

/* "none", "totp", "sent" */
const char *names_factor(Privyseal__V1__SecondFactor factor);

/* A kind of key as the command line calls it: "rsa-3072", "p-256", "ed25519". */
struct key_kind {
    const char *name;
    CK_KEY_TYPE type;
    unsigned bits;
};
/* NULL: no such kind. */
const struct key_kind *names_key_kind(const char *name);
const char *names_key(CK_KEY_TYPE type, unsigned bits);
/* "sign", "decrypt", "derive". */
const char *names_usage(Privyseal__V1__KeyUsage usage);
/* False: no use is called so. */
bool names_find_usage(const char *name, Privyseal__V1__KeyUsage *ret);
/* Whether @name is the key's label or its CKA_ID in hexadecimal. */
bool names_key_is(const Privyseal__V1__KeyInfo *key, const char *name);

/* Arrays of objects for output_object(), new references. */
json_t *names_keys(Privyseal__V1__KeyInfo **keys, size_t count);
json_t *names_certificates(Privyseal__V1__CertificateInfo **certificates, size_t count);
json_t *names_devices(Privyseal__V1__DeviceInfo *const *devices, size_t count);
