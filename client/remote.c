/* SPDX-License-Identifier: Apache-2.0 */
/* remote.c - a deployment: its channel, its roots, and the calls that concern no token. */
#include "client/remote.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "client/clock.h"
#include "client/device_secret.h"
#include "client/remote_call.h"
#include "proto/certificate.h"
#include "proto/name.h"

int remote_new(OSSL_LIB_CTX *libctx, const struct deployment_config *deployment, struct channel *channel,
               struct remote **ret)
{
    CLEANUP(remote_free) struct remote *remote = calloc(1, sizeof(*remote));
    uint64_t first;
    int r;

    if (!remote)
        return -ENOMEM;
    remote->libctx = libctx;
    remote->deployment = deployment;
    atomic_init(&remote->reached_ms, 0);
    sealing_init(&remote->sealing);
    aead_desk_init(&remote->desk, libctx);
    if (getrandom(&first, sizeof(first), 0) != (ssize_t)sizeof(first))
        return -errno;
    atomic_init(&remote->request_number, first);
    r = deployment->ca ? certificate_trust_file(libctx, deployment->ca, &remote->trust) : 0;
    if (r < 0)
        return r;
    remote->channel = channel;
    *ret = TAKE(remote);
    return 0;
}

int remote_use_device_secret(struct remote *remote, const struct identity_config *identity, char **why)
{
    int r = identity->device_secret ? device_secret_load(identity->device_secret, &remote->device_secret) : 0;

    *why = NULL;
    if (r < 0 && asprintf(why, "the device secret %s cannot be used: %s", identity->device_secret,
                          r == -EBADMSG ? "it does not have 32 bytes" : strerror(-r)) < 0)
        *why = NULL;
    return r;
}

void remote_plan_device_secret(struct remote *remote, struct secret *secret)
{
    secret_free(remote->planned_secret);
    remote->planned_secret = secret;
}

const struct secret *remote_next_device_secret(const struct remote *remote)
{
    return remote->planned_secret ? remote->planned_secret : remote->device_secret;
}

void remote_adopt_device_secret(struct remote *remote)
{
    if (!remote->planned_secret)
        return;
    secret_free(remote->device_secret);
    remote->device_secret = TAKE(remote->planned_secret);
}

const struct secret *remote_device_secret(const struct remote *remote)
{
    return remote->device_secret;
}

void remote_free(struct remote *remote)
{
    if (!remote)
        return;
    channel_free(remote->channel);
    X509_STORE_free(remote->trust);
    sealing_clear(&remote->sealing);
    aead_desk_clear(&remote->desk);
    secret_free(remote->device_secret);
    secret_free(remote->planned_secret);
    free(remote);
}

void remote_abandon(struct remote *remote)
{
    channel_abandon(remote->channel);
}

CK_RV remote_plain(struct remote *remote, enum method_id method, const ProtobufCMessage *request,
                   ProtobufCMessage **ret_reply, struct remote_error *error)
{
    return remote_plain_until(remote, method, request, clock_now_ms() + method_by_id(method)->deadline_ms,
                              ret_reply, error);
}

/* ------------------------------------------------------------------------------------------------------- tokens */

static void free_names(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

/* Each name becomes a label in somebody's dialog: what is not a name refuses the whole list. */
static CK_RV copy_names(const Privyseal__V1__ListTokensResponse *list, char ***ret_names, size_t *ret_count,
                        struct remote_error *error)
{
    char **names;

    if (list->n_token > TOKENS_PER_PRINCIPAL_MAX)
        return remote_error_set(error, CKR_DEVICE_ERROR, "the server lists more tokens than there may be");
    names = calloc(list->n_token + 1, sizeof(*names));
    if (!names)
        return remote_error_set(error, CKR_HOST_MEMORY, "out of memory");
    for (size_t i = 0; i < list->n_token; i++) {
        bool is_name = name_is_valid(bytes_of_text(list->token[i]));

        names[i] = is_name ? strdup(list->token[i]) : NULL;
        if (!names[i]) {
            free_names(names, i);
            return remote_error_set(error, is_name ? CKR_HOST_MEMORY : CKR_DEVICE_ERROR,
                                    "the server's list of tokens cannot be read");
        }
    }
    *ret_names = names;
    *ret_count = list->n_token;
    return CKR_OK;
}

CK_RV remote_list_tokens(struct remote *remote, char ***ret_names, size_t *ret_count,
                         struct remote_error *error)
{
    Privyseal__V1__ListTokensRequest request = PRIVYSEAL__V1__LIST_TOKENS_REQUEST__INIT;
    CLEANUP(remote_free_message) ProtobufCMessage *reply = NULL;
    CK_RV rv = remote_plain(remote, METHOD_ListTokens, &request.base, &reply, error);

    if (rv != CKR_OK)
        return rv;
    return copy_names((const Privyseal__V1__ListTokensResponse *)reply, ret_names, ret_count, error);
}

/* ---------------------------------------------------------------------------------------------------- operators */

static CK_RV deployment_target(struct remote *remote, int64_t deadline_ms, struct seal_target *ret,
                               struct remote_error *error)
{
    Privyseal__V1__GetDeploymentRequest request = PRIVYSEAL__V1__GET_DEPLOYMENT_REQUEST__INIT;
    CLEANUP(remote_free_message) ProtobufCMessage *message = NULL;
    const Privyseal__V1__GetDeploymentResponse *reply;
    CK_RV rv = remote_plain_until(remote, METHOD_GetDeployment, &request.base, deadline_ms, &message, error);

    if (rv != CKR_OK)
        return rv;
    reply = (const Privyseal__V1__GetDeploymentResponse *)message;
    if (strcmp(reply->realm, remote->deployment->realm) != 0)
        return remote_error_set(error, CKR_DEVICE_ERROR, "the server belongs to another realm than \"%s\"",
                                remote->deployment->realm);
    return remote_seal_target(remote, BYTES(reply->challenge.data, reply->challenge.len),
                              reply->seal_certificates, reply->n_seal_certificates, ret, error);
}

CK_RV remote_operate(struct remote *remote, enum method_id id, const ProtobufCMessage *request, EVP_PKEY *key,
                     const STACK_OF(X509) *chain, ProtobufCMessage **ret_reply, struct remote_error *error)
{
    const struct method *method = method_by_id(id);
    int64_t deadline_ms = clock_now_ms() + method->deadline_ms;
    struct sealed_body body = { .request = request, .key = key, .chain = chain };
    CLEANUP(secret_free) struct secret *reply = NULL;
    struct seal_target target;
    CK_RV rv = deployment_target(remote, deadline_ms, &target, error);

    if (rv == CKR_OK)
        rv = remote_sealed(remote, method, &body, &target, deadline_ms, &reply, error);
    return rv == CKR_OK ? remote_unpack(method, secret_bytes(reply), ret_reply, error) : rv;
}
