/* SPDX-License-Identifier: Apache-2.0 */
/* provision.c - a new token with master keys. Leaves a whole one behind or none. */
#include "proxy/hsm/provision.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "include/log.h"
#include "proxy/hsm/library.h"
#include "proxy/hsm/master_keys.h"
#include "proxy/hsm/token_directory.h"

#define FIRST_EPOCH 1

static void say(char **why, const char *sentence, const char *detail)
{
    if (asprintf(why, "%s: %s", sentence, detail) < 0)
        *why = NULL;
}

/* Never over another: its PIN would be lost, and its token with it. */
static CK_RV write_pin(const char *path, struct secret *pin, char **why)
{
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool is_written;

    if (file < 0) {
        say(why, path, strerror(errno));
        return errno == EEXIST ? CKR_FUNCTION_REJECTED : CKR_FUNCTION_FAILED;
    }
    is_written = write(file, pin->data, pin->len) == (ssize_t)pin->len && write(file, "\n", 1) == 1 &&
                 fsync(file) == 0;
    if (close(file) == 0 && is_written)
        return CKR_OK;
    say(why, path, "cannot be written");
    unlink(path);
    return CKR_FUNCTION_FAILED;
}

static CK_RV fill_fresh(const struct hsm_session *session, void *arg, char **why)
{
    (void)arg, (void)why;
    return master_keys_generate(session, FIRST_EPOCH);
}

static CK_RV make_keys(const struct library *library, CK_SLOT_ID slot, struct secret *pin, hsm_fill_fn *fill,
                       void *arg, char **why)
{
    struct hsm_session session;
    CK_RV rv = hsm_session_open(library->p11, slot, CKF_RW_SESSION, &session);

    if (rv != CKR_OK)
        return rv;
    rv = session.p11->C_Login(session.handle, CKU_USER, pin->data, pin->len);
    if (rv == CKR_OK)
        rv = fill(&session, arg, why);
    hsm_session_close(&session);
    return rv;
}

/* With SoftHSM, half a token can be taken away again; another HSM's stays for its administrator. */
static void take_away(const struct hsm_config *config, const struct library_token *token)
{
    CLEANUP(free_string) char *dir = NULL;
    char serial[sizeof(token->info.serialNumber) + 1];

    library_text(token->info.serialNumber, sizeof(token->info.serialNumber), serial);
    if (!serial[0] || token_directory_of(config->environment, &dir) < 0)
        return;
    if (token_directory_remove(dir, serial) < 0)
        log_event(LOG_LEVEL_WARNING, "provision.remains", "directory=%s serial=%s", dir, serial);
}

static CK_RV make_token(const struct hsm_config *config, const struct library *library, hsm_fill_fn *fill,
                        void *arg, char **why)
{
    CLEANUP(secret_free) struct secret *pin = NULL;
    struct library_token token = { 0 };
    CK_RV rv = library_random_pin(&pin);

    if (rv == CKR_OK)
        rv = write_pin(config->pin_file, pin, why);
    if (rv != CKR_OK)
        return rv;
    rv = library_init_token(library, config->token_label, NULL, pin->data, pin->len, &token);
    if (rv == CKR_OK)
        rv = make_keys(library, token.slot, pin, fill, arg, why);
    if (rv == CKR_OK)
        return CKR_OK;
    if (rv == CKR_PIN_LEN_RANGE)
        say(why, "the HSM's PINs are too short: a PIN of 43 characters, 256 bits, is never shortened",
            config->token_label);
    if (!*why && asprintf(why, "the HSM could not make the token \"%s\" or its keys (CK_RV 0x%lx)",
                          config->token_label, rv) < 0)
        *why = NULL;
    take_away(config, &token);
    unlink(config->pin_file);
    return rv;
}

CK_RV hsm_provision_with(const struct hsm_config *config, hsm_fill_fn *fill, void *arg, char **why)
{
    CLEANUP(library_close) struct library *library = NULL;
    struct library_token token;
    CK_RV rv;

    *why = NULL;
    rv = library_open(config->module, config->environment, &library, why);
    if (rv != CKR_OK)
        return rv;
    rv = library_find_label(library, config->token_label, &token);
    if (rv == CKR_TOKEN_NOT_PRESENT)
        return make_token(config, library, fill, arg, why);
    say(why, "the HSM already has a token, or more than one, with this label", config->token_label);
    return CKR_FUNCTION_REJECTED;
}

CK_RV hsm_provision(const struct hsm_config *config, char **why)
{
    return hsm_provision_with(config, fill_fresh, NULL, why);
}
