/* SPDX-License-Identifier: Apache-2.0 */
/* module.c - the life of the module in its host. */
#include "module/core/module.h"

#include <errno.h>
#include <stdlib.h>
#include <openssl/crypto.h>
#include <openssl/provider.h>

#include "module/core/init_args.h"
#include "module/core/lock.h"

/* The one static variable: PKCS#11 gives C_Initialize no handle to return. */
static struct {
    pthread_mutex_t lock;         /* guards the rest */
    struct module_ctx *ctx;       /* NULL: not initialized */
    struct module_ctx *inherited; /* the parent's; never freed: its threads may have stood anywhere in it */
    bool is_attached;             /* inherited still holds the parent's connections */
    bool watches_fork;
} module = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* --------------------------------------------------------------------------------------------------- fork */

/*
 * The lock is held while the host forks, so the child finds it whole and the variable consistent. (glibc
 * forgets these handlers with the library they are in; a process id could not tell a child in a PID namespace
 * of its own.)
 */
static void fork_prepare(void)
{
    pthread_mutex_lock(&module.lock);
}

static void fork_parent(void)
{
    pthread_mutex_unlock(&module.lock);
}

static void fork_child(void)
{
    if (module.ctx) {
        module.ctx->forebear = module.inherited;
        module.inherited = TAKE(module.ctx);
        module.is_attached = true;
    }
    pthread_mutex_unlock(&module.lock);
}

/* -------------------------------------------------------------------------------------------- the context */

bool module_has_openssl(void)
{
    return OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL) == 1;
}

static void free_ctx(struct module_ctx *ctx)
{
    session_table_clear(&ctx->sessions);
    slot_table_clear(&ctx->slots);
    if (ctx->provider)
        OSSL_PROVIDER_unload(ctx->provider);
    OSSL_LIB_CTX_free(ctx->libctx);
    client_config_free(ctx->config);
    debug_close(&ctx->debug);
    free(ctx);
}

void module_unref(struct module_ctx *ctx)
{
    if (atomic_fetch_sub(&ctx->references, 1) == 1)
        free_ctx(ctx);
}

static CK_RV load_config(struct module_ctx *ctx)
{
    const char *target = secure_getenv("PRIVYSEAL_DEBUG");
    CLEANUP(free_string) char *why = NULL;
    int r = client_config_load(NULL, &ctx->config, &why);

    debug_open(&ctx->debug, target || r < 0 ? target : ctx->config->debug);
    if (r < 0)
        debug_line(&ctx->debug, "configuration: %s", why ? why : "cannot be read");
    if (r == -ENOMEM)
        return CKR_HOST_MEMORY;
    return r < 0 ? CKR_FUNCTION_FAILED : CKR_OK;
}

static CK_RV load_openssl(struct module_ctx *ctx)
{
    if (!module_has_openssl())
        return CKR_GENERAL_ERROR;
    ctx->libctx = OSSL_LIB_CTX_new();
    ctx->provider = ctx->libctx ? OSSL_PROVIDER_load(ctx->libctx, "default") : NULL;
    return ctx->provider ? CKR_OK : CKR_GENERAL_ERROR;
}

static CK_RV new_ctx(struct module_ctx **ret)
{
    CLEANUP(module_unref) struct module_ctx *ctx = calloc(1, sizeof(*ctx));
    CK_RV rv;

    if (!ctx)
        return CKR_HOST_MEMORY;
    atomic_init(&ctx->references, 1);
    ctx->debug.fd = -1;
    session_table_init(&ctx->sessions);
    rv = load_config(ctx);
    if (rv == CKR_OK)
        rv = load_openssl(ctx);
    if (rv == CKR_OK)
        rv = slot_table_init(&ctx->slots, ctx->libctx, ctx->config);
    if (rv != CKR_OK)
        return rv;
    *ret = TAKE(ctx);
    return CKR_OK;
}

/* ------------------------------------------------------------------------------------------ begin and end */

/* Whether there is something to begin: and what a parent has left is this call's to let go of. */
static CK_RV claim(struct module_ctx **ret_inherited)
{
    LOCKED(&module.lock);
    if (module.ctx && module_has_openssl())
        return CKR_CRYPTOKI_ALREADY_INITIALIZED;
    if (!module.watches_fork) {
        if (pthread_atfork(fork_prepare, fork_parent, fork_child) != 0)
            return CKR_HOST_MEMORY;
        module.watches_fork = true;
    }
    *ret_inherited = module.is_attached ? module.inherited : NULL;
    module.is_attached = false;
    return CKR_OK;
}

static CK_RV publish(struct module_ctx *ctx)
{
    LOCKED(&module.lock);
    /* Firefox begins in two threads at once: one was quicker. */
    if (module.ctx)
        return CKR_CRYPTOKI_ALREADY_INITIALIZED;
    module.ctx = ctx;
    return CKR_OK;
}

CK_RV module_initialize(const CK_C_INITIALIZE_ARGS *args)
{
    CLEANUP(module_unref) struct module_ctx *ctx = NULL;
    struct module_ctx *inherited = NULL;
    CK_RV rv = init_args_check(args);

    if (rv == CKR_OK)
        rv = claim(&inherited);
    if (rv != CKR_OK)
        return rv;
    if (inherited)
        slot_table_abandon(&inherited->slots);
    /* Without the lock: OpenSSL may be starting in another thread, and loading us from there. */
    rv = new_ctx(&ctx);
    if (rv != CKR_OK)
        return rv;
    debug_line(&ctx->debug, "C_Initialize of Privyseal " PRIVYSEAL_VERSION ": %zu slots", ctx->slots.count);
    rv = publish(ctx);
    if (rv == CKR_OK)
        ctx = NULL;
    return rv;
}

CK_RV module_finalize(void)
{
    struct module_ctx *ctx;

    {
        LOCKED(&module.lock);
        if (!module.ctx || !module_has_openssl())
            return CKR_CRYPTOKI_NOT_INITIALIZED;
        ctx = TAKE(module.ctx);
    }
    module_unref(ctx);
    return CKR_OK;
}

struct module_ctx *module_ref(void)
{
    LOCKED(&module.lock);
    if (!module.ctx || !module_has_openssl())
        return NULL;
    atomic_fetch_add(&module.ctx->references, 1);
    return module.ctx;
}
