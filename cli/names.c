/* SPDX-License-Identifier: Apache-2.0 */
/* names.c - words for the wire's numbers. */
#include "cli/names.h"

#include <string.h>
#include <strings.h>
#include <openssl/x509.h>

#include "cli/output.h"
#include "proto/pack.h"
#include "include/table.h"
#include "proto/certificate.h"

static const char *const pin_states[] = {
    [PRIVYSEAL__V1__PIN_STATE__PIN_STATE_OK] = "ok",
    [PRIVYSEAL__V1__PIN_STATE__PIN_STATE_COUNT_LOW] = "wrong try",
    [PRIVYSEAL__V1__PIN_STATE__PIN_STATE_FINAL_TRY] = "last try",
    [PRIVYSEAL__V1__PIN_STATE__PIN_STATE_LOCKED] = "locked",
    [PRIVYSEAL__V1__PIN_STATE__PIN_STATE_DELAYED] = "delayed",
    [PRIVYSEAL__V1__PIN_STATE__PIN_STATE_NOT_SET] = "not set",
};

static const char *const usages[] = {
    [PRIVYSEAL__V1__KEY_USAGE__KEY_USAGE_SIGN] = "sign",
    [PRIVYSEAL__V1__KEY_USAGE__KEY_USAGE_DECRYPT] = "decrypt",
    [PRIVYSEAL__V1__KEY_USAGE__KEY_USAGE_DERIVE] = "derive",
};

static const struct key_kind key_kinds[] = {
    { "rsa-2048", CKK_RSA, 2048 },      { "rsa-3072", CKK_RSA, 3072 }, { "rsa-4096", CKK_RSA, 4096 },
    { "p-256", CKK_EC, 256 },           { "p-384", CKK_EC, 384 },      { "p-521", CKK_EC, 521 },
    { "ed25519", CKK_EC_EDWARDS, 255 },
};

const char *names_custody(Privyseal__V1__Custody custody)
{
    return custody == PRIVYSEAL__V1__CUSTODY__CUSTODY_PARTITION ? "partition" : "wrapped";
}

const char *names_factor(Privyseal__V1__SecondFactor factor)
{
    static const char *const words[] = { "none", "totp", "sent" };

    return (unsigned)factor < ARRAY_SIZE(words) ? words[factor] : "?";
}

const char *names_pin_state(Privyseal__V1__PinState state)
{
    return (unsigned)state < ARRAY_SIZE(pin_states) ? pin_states[state] : "unknown";
}

const struct key_kind *names_key_kind(const char *name)
{
    const struct key_kind *kind;

    for (EACH_ROW(kind, key_kinds))
        if (strcmp(kind->name, name) == 0)
            return kind;
    return NULL;
}

const char *names_key(CK_KEY_TYPE type, unsigned bits)
{
    const struct key_kind *kind;

    for (EACH_ROW(kind, key_kinds))
        if (kind->type == type && kind->bits == bits)
            return kind->name;
    return "unknown";
}

const char *names_usage(Privyseal__V1__KeyUsage usage)
{
    return (unsigned)usage < ARRAY_SIZE(usages) ? usages[usage] : "unknown";
}

bool names_find_usage(const char *name, Privyseal__V1__KeyUsage *ret)
{
    for (size_t i = 0; i < ARRAY_SIZE(usages); i++)
        if (strcmp(usages[i], name) == 0) {
            *ret = (Privyseal__V1__KeyUsage)i;
            return true;
        }
    return false;
}

bool names_key_is(const Privyseal__V1__KeyInfo *key, const char *name)
{
    char id[2 * KEY_ID_MAX + 1] = "";

    if (key->id.len <= KEY_ID_MAX)
        hex_encode(BYTES(key->id.data, key->id.len), id);
    return strcmp(key->label, name) == 0 || strcasecmp(id, name) == 0;
}

json_t *names_keys(Privyseal__V1__KeyInfo **keys, size_t count)
{
    json_t *rows = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(rows, json_pack("{s:o, s:s, s:s, s:s, s:b, s:o, s:o}", "id",
                                              output_hex(BYTES(keys[i]->id.data, keys[i]->id.len)), "type",
                                              names_key(keys[i]->key_type, keys[i]->bits), "use",
                                              names_usage(keys[i]->usage), "label", keys[i]->label,
                                              "always_authenticate", keys[i]->always_authenticate, "created",
                                              output_time(keys[i]->created_unix), "good_until",
                                              output_time(keys[i]->expires_unix)));
    return rows;
}

static json_t *certificate_object(const Privyseal__V1__CertificateInfo *info)
{
    CLEANUP(X509_free) X509 *certificate = NULL;
    char subject[256] = "unreadable";
    struct tm until = { 0 };
    uint64_t not_after = 0;

    if (certificate_parse(NULL, BYTES(info->der.data, info->der.len), &certificate) == 0) {
        X509_NAME_oneline(X509_get_subject_name(certificate), subject, sizeof(subject));
        if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &until))
            not_after = (uint64_t)timegm(&until);
    }
    return json_pack("{s:o, s:s, s:s, s:o}", "id", output_hex(BYTES(info->id.data, info->id.len)), "label",
                     info->label, "subject", subject, "good_until", output_time(not_after));
}

json_t *names_certificates(Privyseal__V1__CertificateInfo **certificates, size_t count)
{
    json_t *rows = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(rows, certificate_object(certificates[i]));
    return rows;
}

static const char *state_of_device(const Privyseal__V1__DeviceInfo *device)
{
    return device->revoked      ? "revoked"
           : device->is_caller  ? "this one"
           : device->is_renewed ? "renewed"
                                : "good";
}

json_t *names_devices(Privyseal__V1__DeviceInfo *const *devices, size_t count)
{
    json_t *rows = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(rows, json_pack("{s:o, s:s, s:s, s:o, s:o, s:s, s:b}", "fingerprint",
                                              output_hex(pack_lend(&devices[i]->fingerprint)), "label",
                                              devices[i]->label, "role", devices[i]->role, "since",
                                              output_time(devices[i]->created_unix), "good_until",
                                              output_time(devices[i]->not_after_unix), "state",
                                              state_of_device(devices[i]), "revoked", devices[i]->revoked));
    return rows;
}
