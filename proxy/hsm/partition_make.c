/* SPDX-License-Identifier: Apache-2.0 */
/*
 * partition_make.c - partitions that are made when they are wanted: SoftHSM's, in a token directory that this process
 * alone writes. C_InitToken on the blank slot that SoftHSM always has; its files are copied after each change.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "include/log.h"
#include "proxy/hsm/partition_serial.h"
#include "proxy/hsm/partition_state.h"
#include "proxy/hsm/token_directory.h"

#define LABEL_LEN 32 /* CK_TOKEN_INFO.label */
#define TRIES_MAX 3  /* among 1,000 tokens, slot ids collide once in two million */

CK_RV partition_keep(const struct custody *custody, const char *serial)
{
    int r = custody->config.partition_dir ? token_directory_backup(custody->config.partition_dir, serial) : 0;

    return r == 0 ? CKR_OK : r == -ENOMEM ? CKR_HOST_MEMORY : CKR_DEVICE_ERROR;
}

/* Two tokens with one slot id make SoftHSM abort at its next start, and with it the signer: forever. */
static CK_RV check_slot(const struct library *library, const char *serial)
{
    CLEANUP(free) void *memory = NULL;
    struct library_token *tokens = NULL;
    size_t count = 0;
    CK_RV rv;

    if (!serial[0])
        return CKR_TOKEN_NOT_RECOGNIZED; /* nothing that it could be found by */
    rv = library_tokens(library, &tokens, &count);
    if (rv != CKR_OK)
        return rv;
    memory = tokens;
    return serial_collides(serial, tokens, count) ? CKR_SLOT_ID_INVALID : CKR_OK;
}

/* One try, with an SO PIN that nobody learns (@u is NULL) or one of @u. What is of no use is taken away again. */
static CK_RV make_partition(struct custody *custody, const char *label, struct bytes s,
                            const struct secret *u, char ret[SERIAL_LEN + 1])
{
    const struct library *library = custody->config.hsm->library;
    const char *dir = custody->config.partition_dir;
    CLEANUP(secret_free) struct secret *pin = NULL;
    CLEANUP(secret_free) struct secret *so_pin = NULL;
    struct library_token token = { 0 };
    char serial[sizeof(token.info.serialNumber) + 1];
    CK_RV rv = partition_pin(s, &pin);

    if (rv == CKR_OK && u)
        rv = partition_pin(secret_bytes(u), &so_pin);
    if (rv != CKR_OK)
        return rv;
    rv = library_init_token(library, label, so_pin, pin->data, pin->len, &token);
    library_text(token.info.serialNumber, sizeof(token.info.serialNumber), serial);
    if (rv == CKR_OK)
        rv = check_slot(library, serial);
    if (rv == CKR_OK)
        rv = partition_keep(custody, serial);
    if (rv != CKR_OK) {
        if (serial[0] && token_directory_remove(dir, serial) < 0)
            log_event(LOG_LEVEL_ERROR, "partition.remains", "serial=%s", serial);
        return rv;
    }
    memcpy(ret, serial, sizeof(serial));
    return CKR_OK;
}

void partition_unmake(struct custody *custody, const struct token_row *token)
{
    const char *dir = custody->config.partition_dir;

    if (dir && token->partition[0] && token_directory_remove(dir, token->partition) < 0)
        log_event(LOG_LEVEL_ERROR, "partition.remains", "serial=%s", token->partition);
}

CK_RV partition_make(struct custody *custody, struct token_row *token, struct bytes s, const struct secret *u)
{
    char label[LABEL_LEN + 1];
    CK_RV rv = CKR_SLOT_ID_INVALID;

    /* For people who look into the HSM; nothing is found by it, so it may be cut. */
    snprintf(label, sizeof(label), "privyseal %.*s", LABEL_LEN - (int)strlen("privyseal "), token->name);
    for (int try = 0; try < TRIES_MAX && rv == CKR_SLOT_ID_INVALID; try++)
        rv = make_partition(custody, label, s, u, token->partition);
    return rv;
}
