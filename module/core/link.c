/* SPDX-License-Identifier: Apache-2.0 */
/* link.c - channel and remote of an identity. */
#include "module/core/link.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "client/channel.h"
#include "client/clock.h"
#include "client/renewal.h"
#include "module/core/lock.h"

#define LINK_REST_MS    5000 /* a server that comes back is seen within this time */
#define RENEWAL_REST_MS 3600000
#define RENEWAL_MOST_MS 1000 /* a login has to be quick, and the certificate has a third of its life left */

void link_init(struct link *link, OSSL_LIB_CTX *libctx, const struct client_config *config,
               const struct identity_config *identity)
{
    *link = (struct link){ .libctx = libctx, .identity = identity };
    link->deployment = client_config_deployment(config, identity->deployment);
    pthread_mutex_init(&link->lock, NULL);
    atomic_init(&link->rests_until, 0);
    atomic_init(&link->renewal_until, 0);
}

void link_clear(struct link *link)
{
    remote_free(link->remote);
    pthread_mutex_destroy(&link->lock);
}

static CK_RV refuse(struct remote_error *error, int r, const char *why)
{
    snprintf(error->detail, sizeof(error->detail), "%s", why ? why : strerror(-r));
    return r == -ENOMEM ? CKR_HOST_MEMORY : CKR_TOKEN_NOT_PRESENT;
}

static CK_RV make_remote(struct link *link, struct remote **ret, struct remote_error *error)
{
    CLEANUP(channel_free) struct channel *channel = NULL;
    CLEANUP(remote_free) struct remote *remote = NULL;
    CLEANUP(free_string) char *why = NULL;
    int r;

    if (!link->deployment)
        return refuse(error, -ENOENT, "the identity names no [deployment] section");
    r = channel_http2_new(link->libctx, link->deployment, link->identity, &channel, &why);
    if (r < 0)
        return refuse(error, r, why);
    r = remote_new(link->libctx, link->deployment, channel, &remote);
    if (r < 0)
        return refuse(error, r, NULL);
    channel = NULL; /* the remote's now */
    r = remote_use_device_secret(remote, link->identity, &why);
    if (r < 0)
        return refuse(error, r, why);
    *ret = TAKE(remote);
    return CKR_OK;
}

CK_RV link_remote(struct link *link, struct remote **ret, struct remote_error *error)
{
    CLEANUP(remote_free) struct remote *made = NULL;
    CK_RV rv;

    {
        LOCKED(&link->lock);
        *ret = link->remote;
    }
    if (*ret)
        return CKR_OK;
    rv = make_remote(link, &made, error);
    if (rv != CKR_OK)
        return rv;
    /* Another thread may have been quicker: then theirs stays, and ours is freed, unused. */
    LOCKED(&link->lock);
    if (!link->remote)
        link->remote = TAKE(made);
    *ret = link->remote;
    return CKR_OK;
}

void link_abandon(struct link *link)
{
    if (link->remote)
        remote_abandon(link->remote);
}

bool link_rests(const struct link *link)
{
    return clock_now_ms() < atomic_load(&link->rests_until);
}

void link_renew(struct link *link, struct remote_token *token)
{
    CLEANUP(free_string) char *why = NULL;
    struct remote_error ignored = { 0 };
    int64_t now = clock_now_ms(), until = atomic_load(&link->renewal_until);

    if (now < until || !atomic_compare_exchange_strong(&link->renewal_until, &until, now + RENEWAL_REST_MS))
        return; /* or another thread is at it */
    if (renewal_is_due(link->identity))
        (void)!renewal_make(link->libctx, link->identity, token, false, now + RENEWAL_MOST_MS, &ignored,
                            &why);
}

void link_note(struct link *link, CK_RV rv)
{
    if (rv == CKR_DEVICE_REMOVED)
        atomic_store(&link->rests_until, clock_now_ms() + LINK_REST_MS);
    else if (rv == CKR_OK)
        atomic_store(&link->rests_until, 0);
}
