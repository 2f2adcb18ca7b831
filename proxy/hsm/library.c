/* SPDX-License-Identifier: Apache-2.0 */
/* library.c - loading a PKCS#11 library and finding tokens in it. */
#include "proxy/hsm/library.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "include/bytes.h"
#include "include/secret.h"
#include "include/table.h"

#define SLOTS_MAX      65536 /* a library that reports more is broken */
#define PIN_SECRET_LEN 32    /* random bytes in a PIN that no person types */
#define PIN_LEN        43    /* the same in base64url */

/* Implementations in software: fine for trying out and for tests, refused in earnest. */
struct software {
    const char *manufacturer; /* beginning of CK_TOKEN_INFO.manufacturerID */
    const char *model;        /* beginning of CK_TOKEN_INFO.model; "": any */
    bool locks_pin;           /* after so many wrong ones */
};

static const struct software software_tokens[] = {
    { "IBM", "Soft", true }, /* opencryptoki's soft token */
    { "NSS", "", false },    { "Mozilla", "", false }, { "SoftHSM", "", false }, { "p11-kit", "", false },
};

/* -------------------------------------------------------------------------------------------------- loading */

static CK_RV put_environment(const char *environment)
{
    const char *equals = environment ? strchr(environment, '=') : NULL;
    CLEANUP(free_string) char *name = NULL;

    if (!environment)
        return CKR_OK;
    if (!equals || equals == environment)
        return CKR_ARGUMENTS_BAD;
    name = strndup(environment, (size_t)(equals - environment));
    if (!name || setenv(name, equals + 1, 1) < 0)
        return CKR_HOST_MEMORY;
    return CKR_OK;
}

static CK_RV load(struct library *library, const char *path)
{
    CK_C_GetFunctionList get_function_list;
    void *symbol;

    /* Never unmapped: such a library may leave threads and exit handlers behind, which would run into nothing. */
    library->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!library->handle)
        return CKR_DEVICE_ERROR;
    symbol = dlsym(library->handle, "C_GetFunctionList");
    if (!symbol)
        return CKR_DEVICE_ERROR;
    /* ISO C knows no conversion from an object's pointer to a function's; POSIX does (dlsym). */
    memcpy(&get_function_list, &symbol, sizeof(get_function_list));
    return get_function_list(&library->p11);
}

static CK_RV initialise(struct library *library)
{
    CK_C_INITIALIZE_ARGS arguments = { .flags = CKF_OS_LOCKING_OK };
    CK_RV rv = library->p11->C_Initialize(&arguments);

    if (rv == CKR_OK)
        library->is_initialised = true;
    return rv;
}

CK_RV library_open(const char *path, const char *environment, struct library **ret, char **why)
{
    CLEANUP(library_close) struct library *library = calloc(1, sizeof(*library));
    CK_RV rv;

    if (!library)
        return CKR_HOST_MEMORY;
    rv = put_environment(environment);
    if (rv != CKR_OK) {
        if (asprintf(why, "the HSM's environment must read NAME=value, not \"%s\"", environment) < 0)
            *why = NULL;
        return rv;
    }
    rv = load(library, path);
    if (rv != CKR_OK) {
        const char *reason = library->handle ? "it is no PKCS#11 library" : dlerror();

        if (asprintf(why, "cannot load the HSM's library %s: %s", path, reason) < 0)
            *why = NULL;
        return rv;
    }
    rv = initialise(library);
    if (rv != CKR_OK) {
        if (asprintf(why, "the HSM's library %s does not start (CK_RV 0x%lx)", path, rv) < 0)
            *why = NULL;
        return rv;
    }
    *ret = TAKE(library);
    return CKR_OK;
}

void library_close(struct library *library)
{
    if (!library)
        return;
    if (library->is_initialised)
        library->p11->C_Finalize(NULL);
    if (library->handle)
        dlclose(library->handle);
    free(library);
}

/* --------------------------------------------------------------------------------------------------- tokens */

static CK_RV list_slots(const struct library *library, CK_SLOT_ID **ret, CK_ULONG *ret_count)
{
    CLEANUP(free) void *memory = NULL;
    CK_ULONG count = 0;
    CK_RV rv;

    /* Asking for the number first also makes SoftHSM add a new blank slot. v3.1 5.5.1 (C_GetSlotList). */
    rv = library->p11->C_GetSlotList(CK_TRUE, NULL, &count);
    if (rv != CKR_OK)
        return rv;
    if (count > SLOTS_MAX)
        return CKR_DEVICE_ERROR;
    memory = calloc(count + 1, sizeof(CK_SLOT_ID));
    if (!memory)
        return CKR_HOST_MEMORY;
    rv = library->p11->C_GetSlotList(CK_TRUE, memory, &count);
    if (rv != CKR_OK)
        return rv;
    *ret_count = count;
    *ret = TAKE(memory);
    return CKR_OK;
}

CK_RV library_tokens(const struct library *library, struct library_token **ret, size_t *ret_count)
{
    CK_SLOT_ID *slots = NULL;
    CLEANUP(free) void *slots_memory = NULL;
    CLEANUP(free) void *memory = NULL;
    struct library_token *tokens;
    CK_ULONG slots_count = 0;
    size_t count = 0;
    CK_RV rv;

    rv = list_slots(library, &slots, &slots_count);
    if (rv != CKR_OK)
        return rv;
    slots_memory = slots;
    memory = calloc(slots_count + 1, sizeof(*tokens));
    if (!memory)
        return CKR_HOST_MEMORY;
    tokens = memory;
    for (CK_ULONG i = 0; i < slots_count; i++) {
        /* A token may be pulled between the two calls: it is simply not there. */
        if (library->p11->C_GetTokenInfo(slots[i], &tokens[count].info) != CKR_OK)
            continue;
        tokens[count++].slot = slots[i];
    }
    memory = NULL;
    *ret = tokens;
    *ret_count = count;
    return CKR_OK;
}

void library_text(const CK_UTF8CHAR *field, size_t len, char *ret)
{
    while (len > 0 && (field[len - 1] == ' ' || field[len - 1] == '\0'))
        len--;
    memcpy(ret, field, len);
    ret[len] = '\0';
}

static bool has_label(const CK_TOKEN_INFO *info, const char *label)
{
    char text[sizeof(info->label) + 1];

    library_text(info->label, sizeof(info->label), text);
    return (info->flags & CKF_TOKEN_INITIALIZED) && strcmp(text, label) == 0;
}

static bool has_serial(const CK_TOKEN_INFO *info, const char *serial)
{
    char text[sizeof(info->serialNumber) + 1];

    library_text(info->serialNumber, sizeof(info->serialNumber), text);
    return (info->flags & CKF_TOKEN_INITIALIZED) && strcmp(text, serial) == 0;
}

static bool is_blank(const CK_TOKEN_INFO *info, const char *unused)
{
    (void)unused;
    return !(info->flags & CKF_TOKEN_INITIALIZED);
}

static CK_RV find(const struct library *library, bool (*matches)(const CK_TOKEN_INFO *, const char *),
                  const char *text, struct library_token *ret, size_t *ret_matches)
{
    struct library_token *tokens = NULL;
    CLEANUP(free) void *memory = NULL;
    size_t count = 0;
    CK_RV rv;

    rv = library_tokens(library, &tokens, &count);
    if (rv != CKR_OK)
        return rv;
    memory = tokens;
    *ret_matches = 0;
    for (size_t i = 0; i < count; i++)
        if (matches(&tokens[i].info, text) && (*ret_matches)++ == 0)
            *ret = tokens[i];
    return *ret_matches ? CKR_OK : CKR_TOKEN_NOT_PRESENT;
}

CK_RV library_find_label(const struct library *library, const char *label, struct library_token *ret)
{
    struct library_token token;
    size_t matches = 0;
    CK_RV rv;

    if (strlen(label) > sizeof(token.info.label))
        return CKR_ARGUMENTS_BAD;
    rv = find(library, has_label, label, &token, &matches);
    if (rv != CKR_OK)
        return rv;
    /* Which of two tokens of one name has the keys is not for us to guess. */
    if (matches > 1)
        return CKR_ARGUMENTS_BAD;
    *ret = token;
    return CKR_OK;
}

CK_RV library_find_serial(const struct library *library, const char *serial, struct library_token *ret)
{
    size_t matches;

    return find(library, has_serial, serial, ret, &matches);
}

CK_RV library_find_blank(const struct library *library, struct library_token *ret)
{
    size_t matches;

    return find(library, is_blank, NULL, ret, &matches);
}

/* ------------------------------------------------------------------------------------------------ new tokens */

/* A library that knows no maximum says 0, or that it does not tell. v3.1 3.2 (CK_TOKEN_INFO). */
bool library_takes_pin(const CK_TOKEN_INFO *info, size_t len)
{
    return info->ulMaxPinLen == CK_EFFECTIVELY_INFINITE || info->ulMaxPinLen >= len;
}

CK_RV library_random_pin(struct secret **ret)
{
    CLEANUP(secret_free) struct secret *random = NULL;
    CLEANUP(secret_free) struct secret *pin = NULL;

    if (secret_random(PIN_SECRET_LEN, &random) < 0 || secret_new(PIN_LEN + 1, &pin) < 0)
        return CKR_HOST_MEMORY;
    base64url_encode(secret_bytes(random), (char *)pin->data);
    pin->len = PIN_LEN;
    *ret = TAKE(pin);
    return CKR_OK;
}

/* The user PIN is set by the token's security officer. v3.1 5.5.8 (C_InitPIN). */
static CK_RV init_pin(CK_FUNCTION_LIST *p11, CK_SLOT_ID slot, const struct secret *so_pin,
                      const CK_UTF8CHAR *pin, size_t pin_len)
{
    CK_SESSION_HANDLE session;
    CK_RV rv;

    rv = p11->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session);
    if (rv != CKR_OK)
        return rv;
    rv = p11->C_Login(session, CKU_SO, so_pin->data, so_pin->len);
    if (rv == CKR_OK) {
        rv = p11->C_InitPIN(session, (CK_UTF8CHAR *)pin, pin_len);
        p11->C_Logout(session);
    }
    p11->C_CloseSession(session);
    return rv;
}

CK_RV library_reset_pin(const struct library *library, CK_SLOT_ID slot, const struct secret *so_pin,
                        const struct secret *pin)
{
    return init_pin(library->p11, slot, so_pin, pin->data, pin->len);
}

CK_RV library_init_token(const struct library *library, const char *label, const struct secret *so_pin,
                         const CK_UTF8CHAR *pin, size_t pin_len, struct library_token *ret)
{
    CLEANUP(secret_free) struct secret *random_pin = NULL;
    struct library_token token;
    CK_UTF8CHAR padded[sizeof(token.info.label)];
    CK_RV rv;

    *ret = (struct library_token){ 0 };
    if (strlen(label) > sizeof(padded))
        return CKR_ARGUMENTS_BAD;
    memset(padded, ' ', sizeof(padded));
    memcpy(padded, label, strlen(label));
    rv = so_pin ? CKR_OK : library_random_pin(&random_pin);
    if (rv != CKR_OK)
        return rv;
    so_pin = so_pin ? so_pin : random_pin;
    rv = library_find_blank(library, &token);
    if (rv != CKR_OK)
        return rv;
    if (!library_takes_pin(&token.info, pin_len) || !library_takes_pin(&token.info, so_pin->len))
        return CKR_PIN_LEN_RANGE;
    rv = library->p11->C_InitToken(token.slot, so_pin->data, so_pin->len, padded);
    if (rv != CKR_OK)
        return rv;
    rv = library->p11->C_GetTokenInfo(token.slot, &token.info);
    if (rv != CKR_OK)
        return rv;
    *ret = token;
    return init_pin(library->p11, token.slot, so_pin, pin, pin_len);
}

/* ------------------------------------------------------------------------------------------------- software */

bool library_is_software(const CK_TOKEN_INFO *info, bool *ret_locks_pin)
{
    char manufacturer[sizeof(info->manufacturerID) + 1], model[sizeof(info->model) + 1];
    const struct software *row;

    library_text(info->manufacturerID, sizeof(info->manufacturerID), manufacturer);
    library_text(info->model, sizeof(info->model), model);
    *ret_locks_pin = true; /* what an HSM is bought for */
    for (EACH_ROW(row, software_tokens)) {
        if (strncmp(manufacturer, row->manufacturer, strlen(row->manufacturer)) != 0 ||
            strncmp(model, row->model, strlen(row->model)) != 0)
            continue;
        *ret_locks_pin = row->locks_pin;
        return true;
    }
    return false;
}
