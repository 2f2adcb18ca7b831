/* SPDX-License-Identifier: Apache-2.0 */
/* hsm.c - opening the HSM, MACs, randomness, derivation. */
#include "proxy/hsm/hsm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "include/table.h"
#include "proto/manifest.h"
#include "proxy/hsm/hsm_state.h"
#include "proxy/hsm/template.h"
#include "proxy/hsm/token_directory.h"

#define PIN_FILE_MAX 256 /* bytes: SoftHSM's MAX_PIN_LEN is 255 */
#define DERIVE_LEN   32  /* bytes in and out of a derivation: two AES blocks, one AES-256 key */

static const enum master_kind mac_kinds[HSM_MAC_KEYS] = {
    [HSM_SALT] = MASTER_SALT,
    [HSM_CHECK] = MASTER_CHECK,
    [HSM_ROW] = MASTER_ROW,
    [HSM_SEAL] = MASTER_SEAL,
};

/* ------------------------------------------------------------------------------------------------- opening */

/* Sets @why to a sentence; opening fails in many ways, and each should be told apart by whoever has to mend it. */
PRINTF_LIKE(3, 4) static CK_RV because(CK_RV rv, char **why, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    if (vasprintf(why, format, arguments) < 0)
        *why = NULL;
    va_end(arguments);
    return rv;
}

/* SoftHSM says of a missing directory only that it does not start, and of a damaged token nothing at all. */
static CK_RV prepare_directory(const struct hsm_config *config, char **why)
{
    CLEANUP(free_string) char *directory = NULL;
    int r = token_directory_of(config->environment, &directory);

    if (r == -ENOENT)
        return CKR_OK; /* not SoftHSM */
    if (r < 0)
        return because(CKR_DEVICE_ERROR, why, "%s names no readable file with a directories.tokendir",
                       config->environment);
    r = token_directory_repair(directory);
    if (r < 0)
        return because(CKR_DEVICE_ERROR, why, "SoftHSM's token directory %s: %s", directory, strerror(-r));
    return CKR_OK;
}

/* As the one library of a signer it is watched. */
static CK_RV open_library(struct hsm *hsm, const struct hsm_config *config, char **why)
{
    CK_RV rv = library_open(config->module, config->environment, &hsm->library, why);

    hsm->watch = (struct library_watch){ .due_ms = config->due_ms, .hang_ms = config->hang_ms };
    if (rv == CKR_OK && config->due_ms)
        hsm->library->p11 = library_watch(hsm->library->p11, &hsm->watch);
    return rv;
}

/* A signer keeps one session open; an HSM that has fewer than signers would refuse the last ones at each start. */
static CK_RV check_sessions(const struct hsm *hsm, const struct hsm_config *config, char **why)
{
    CK_ULONG most = hsm->token.info.ulMaxSessionCount;

    if (most == CK_EFFECTIVELY_INFINITE || most == CK_UNAVAILABLE_INFORMATION || most >= config->processes)
        return CKR_OK;
    return because(CKR_FUNCTION_REJECTED, why,
                   "%s allows %lu sessions for %u signers, each of which keeps one open: "
                   "set signers to no more than it allows",
                   hsm->description, most, config->processes);
}

static CK_RV find_token(struct hsm *hsm, const struct hsm_config *config, char **why)
{
    char manufacturer[sizeof(hsm->token.info.manufacturerID) + 1], model[sizeof(hsm->token.info.model) + 1];
    char serial[sizeof(hsm->token.info.serialNumber) + 1];
    bool locks_pin;
    CK_RV rv = library_find_label(hsm->library, config->token_label, &hsm->token);

    if (rv != CKR_OK)
        return because(rv, why, "the HSM has no token, or more than one, with the label \"%s\"",
                       config->token_label);
    library_text(hsm->token.info.manufacturerID, sizeof(manufacturer) - 1, manufacturer);
    library_text(hsm->token.info.model, sizeof(model) - 1, model);
    library_text(hsm->token.info.serialNumber, sizeof(serial) - 1, serial);
    snprintf(hsm->description, sizeof(hsm->description), "%s, %s, serial %s", manufacturer, model, serial);
    if (library_is_software(&hsm->token.info, &locks_pin) && !config->allow_software)
        return because(
            CKR_FUNCTION_REJECTED, why,
            "%s keeps keys in files; it is refused unless the configuration says allow_software_hsm = yes",
            hsm->description);
    return CKR_OK;
}

static CK_RV read_pin(const char *path, struct secret **ret, char **why)
{
    CLEANUP(secret_free) struct secret *pin = NULL;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    struct stat status;
    ssize_t len;

    if (file < 0)
        return because(CKR_PIN_INVALID, why, "the HSM's PIN file %s cannot be read: %s", path,
                       strerror(errno));
    if (fstat(file, &status) < 0 || !S_ISREG(status.st_mode) || (status.st_mode & S_IRWXO)) {
        close(file);
        return because(CKR_PIN_INVALID, why, "the HSM's PIN file %s must be a file that others cannot open",
                       path);
    }
    if (secret_new(PIN_FILE_MAX, &pin) < 0) {
        close(file);
        return CKR_HOST_MEMORY;
    }
    len = read(file, pin->data, pin->len);
    close(file);
    while (len > 0 && (pin->data[len - 1] == '\n' || pin->data[len - 1] == '\r'))
        len--;
    if (len <= 0)
        return because(CKR_PIN_INVALID, why, "the HSM's PIN file %s is empty", path);
    pin->len = (size_t)len;
    *ret = TAKE(pin);
    return CKR_OK;
}

/* The one login of this process. */
static CK_RV log_in(struct hsm *hsm, const struct hsm_config *config, char **why)
{
    CLEANUP(secret_free) struct secret *pin = NULL;
    CK_RV rv = read_pin(config->pin_file, &pin, why);

    if (rv != CKR_OK)
        return rv;
    rv = hsm_session_open(hsm->library->p11, hsm->token.slot, 0, &hsm->session);
    if (rv == CKR_OK)
        rv = hsm->session.p11->C_Login(hsm->session.handle, CKU_USER, pin->data, pin->len);
    if (rv != CKR_OK)
        return because(rv, why, "the HSM (%s) refuses the PIN in %s (CK_RV 0x%lx)", hsm->description,
                       config->pin_file, rv);
    return CKR_OK;
}

/* What the deployment's root says of the keys; without a ceremony, nothing. */
static CK_RV read_manifest(const struct hsm_config *config, struct manifest *ret, char **why)
{
    const char *what = "not a manifest";
    int r = manifest_load(config->manifest, ret);

    if (r == 0)
        r = manifest_check(ret, config->realm, config->root, &what);
    else if (r != -EBADMSG)
        what = strerror(-r);
    return r == 0 ? CKR_OK : because(CKR_FUNCTION_REJECTED, why, "%s: %s", config->manifest, what);
}

/* Of several HSMs each is given any row: one that lacks an epoch would fail those under it, and them alone. */
static CK_RV check_all_there(const struct hsm *hsm, const struct manifest *manifest, char **why)
{
    for (size_t i = 0; i < manifest->count; i++) {
        const struct manifest_key *named = &manifest->keys[i];
        enum master_kind kind;

        if (master_keys_kind(named->kind, &kind) && !master_keys_peek(&hsm->keys, kind, named->epoch))
            return because(
                CKR_KEY_NEEDED, why,
                "%s lacks epoch %u of %s, which the manifest names and another HSM has: have the officers "
                "bring it (privyseal hsm add --hsm NAME)",
                hsm->description, named->epoch, named->kind);
    }
    return CKR_OK;
}

static CK_RV find_keys(struct hsm *hsm, const struct hsm_config *config, char **why)
{
    CLEANUP(manifest_clear) struct manifest manifest = { 0 };
    CK_RV rv = config->manifest ? read_manifest(config, &manifest, why) : CKR_OK;

    if (rv != CKR_OK)
        return rv;
    rv = master_keys_find(&hsm->session, config->manifest ? &manifest : NULL, &hsm->keys, why);
    return rv == CKR_OK && config->is_one_of_many ? check_all_there(hsm, &manifest, why) : rv;
}

CK_RV hsm_open(const struct hsm_config *config, struct hsm **ret, char **why)
{
    CLEANUP(hsm_close) struct hsm *hsm = calloc(1, sizeof(*hsm));
    CK_RV rv;

    *why = NULL;
    if (!hsm)
        return CKR_HOST_MEMORY;
    rv = handle_cache_new(config->max_handles, &hsm->handles);
    if (rv == CKR_OK)
        rv = prepare_directory(config, why);
    if (rv == CKR_OK)
        rv = open_library(hsm, config, why);
    if (rv == CKR_OK)
        rv = find_token(hsm, config, why);
    if (rv == CKR_OK)
        rv = check_sessions(hsm, config, why);
    if (rv == CKR_OK)
        rv = log_in(hsm, config, why);
    if (rv == CKR_OK)
        rv = find_keys(hsm, config, why);
    if (rv == CKR_OK)
        *ret = TAKE(hsm);
    return rv;
}

void hsm_close(struct hsm *hsm)
{
    if (!hsm)
        return;
    handle_cache_free(hsm->handles);
    hsm_session_close(&hsm->session); /* the last one of the token: logs out. v3.1 5.6.2 (C_CloseSession) */
    library_close(hsm->library);
    free(hsm);
}

/* ------------------------------------------------------------------------------------------------- serving */

CK_RV hsm_mac(struct hsm *hsm, enum hsm_mac_key key, uint32_t epoch, struct bytes input,
              uint8_t ret[HASH_LEN])
{
    const struct master_key *master = master_keys_peek(&hsm->keys, mac_kinds[key], epoch);
    CK_MECHANISM mechanism = { CKM_SHA256_HMAC, NULL, 0 };
    size_t len = HASH_LEN;
    CK_RV rv;

    if (!master)
        return CKR_KEY_NEEDED;
    rv = hsm_session_sign(&hsm->session, &mechanism, master->handle, input, ret, &len);
    return rv == CKR_OK && len != HASH_LEN ? CKR_DEVICE_ERROR : rv;
}

uint32_t hsm_epoch_mac(const struct hsm *hsm, enum hsm_mac_key key)
{
    return master_keys_newest(&hsm->keys, mac_kinds[key])->epoch;
}

uint32_t hsm_epoch_derive(const struct hsm *hsm)
{
    return master_keys_newest(&hsm->keys, MASTER_DERIVE)->epoch;
}

bool hsm_has_old_derive(const struct hsm *hsm)
{
    return hsm->keys.count[MASTER_DERIVE] > 1;
}

uint32_t hsm_epoch_wrap(const struct hsm *hsm)
{
    return master_keys_newest(&hsm->keys, MASTER_WRAP)->epoch;
}

/*
 * CBC with a zero IV: each output block depends on the ones before, so that one call answers one guess. The ECB
 * variant would answer thousands, which is why Kd allows this mechanism alone. v3.1 6.27 (Key derivation by data
 * encryption - DES & AES).
 */
CK_RV hsm_derive_key(struct hsm *hsm, uint32_t kd_epoch, struct bytes input, CK_OBJECT_HANDLE *ret)
{
    const struct master_key *kd = master_keys_peek(&hsm->keys, MASTER_DERIVE, kd_epoch);
    CK_AES_CBC_ENCRYPT_DATA_PARAMS params = { .pData = (CK_BYTE *)input.data, .length = input.len };
    CK_MECHANISM mechanism = { CKM_AES_CBC_ENCRYPT_DATA, &params, sizeof(params) };
    CK_ATTRIBUTE template[] = {
        ATTRIBUTE_NUMBER(CKA_CLASS, CKO_SECRET_KEY),
        ATTRIBUTE_NUMBER(CKA_KEY_TYPE, CKK_AES),
        ATTRIBUTE_NUMBER(CKA_VALUE_LEN, DERIVE_LEN),
        ATTRIBUTE_FALSE(CKA_TOKEN),
        ATTRIBUTE_TRUE(CKA_PRIVATE),
        ATTRIBUTE_TRUE(CKA_SENSITIVE),
        ATTRIBUTE_FALSE(CKA_EXTRACTABLE),
        ATTRIBUTE_TRUE(CKA_ENCRYPT),
        ATTRIBUTE_TRUE(CKA_DECRYPT),
        ATTRIBUTE_FALSE(CKA_SIGN),
        ATTRIBUTE_FALSE(CKA_VERIFY),
        ATTRIBUTE_FALSE(CKA_WRAP),
        ATTRIBUTE_FALSE(CKA_UNWRAP),
        ATTRIBUTE_FALSE(CKA_DERIVE),
        ATTRIBUTE_NUMBER(CKA_ALLOWED_MECHANISMS, CKM_AES_GCM),
    };
    CK_RV rv;

    if (!kd)
        return CKR_KEY_NEEDED;
    if (input.len != DERIVE_LEN)
        return CKR_ARGUMENTS_BAD;
    rv = hsm->session.p11->C_DeriveKey(hsm->session.handle, &mechanism, kd->handle, template,
                                       ARRAY_SIZE(template), ret);
    if (rv == CKR_OK)
        hsm->objects_made++;
    return rv;
}

CK_RV hsm_random(struct hsm *hsm, uint8_t *data, size_t len)
{
    return hsm->session.p11->C_GenerateRandom(hsm->session.handle, data, len);
}

const char *hsm_description(const struct hsm *hsm)
{
    return hsm->description;
}

uint64_t hsm_objects_made(const struct hsm *hsm)
{
    return hsm->objects_made;
}

void hsm_wear_out(struct hsm *hsm)
{
    hsm->objects_made = UINT64_MAX / 2; /* more than any process makes, and it may be counted on */
}

/* A MAC needs the connection, the login and a master key: what would fail first when any of them is gone. */
CK_RV hsm_probe(struct hsm *hsm)
{
    uint8_t mac[HASH_LEN];
    CK_RV rv =
        hsm_mac(hsm, HSM_CHECK, hsm_epoch_mac(hsm, HSM_CHECK), bytes_of_text("privyseal v1 probe"), mac);

    secret_wipe(mac, sizeof(mac));
    return rv;
}
