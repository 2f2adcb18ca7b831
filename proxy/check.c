/* SPDX-License-Identifier: Apache-2.0 */
/* check.c - users, addresses, the herald's program, TLS files. */
#include "proxy/check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "include/table.h"
#include "proxy/front/tls.h"
#include "proxy/herald/herald.h"

int check_explain(int status, const char *format, ...)
{
    va_list arguments;

    fputs("privyseald: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputs("\n", stderr);
    return status;
}

static int check_tls(void *argument)
{
    const struct material *material = argument;
    CLEANUP(SSL_CTX_free) SSL_CTX *tls = NULL;
    const char *why;

    if (tls_context_from_memfds(material->memfd, TLS_CLIENTS_CERTIFIED, &tls, &why))
        return check_explain(EX_CONFIG, "cannot use the TLS files: %s", why);
    return EX_OK;
}

/* In a process of its own, so that the supervisor never holds the key in its memory. */
static int check_tls_in_child(struct crew *crew)
{
    const struct child_plan plan = {
        .speaker = "check",
        .log_level = crew->config->log_level,
        .keep = { crew->material.memfd[0], crew->material.memfd[1], crew->material.memfd[2], -1 },
        .run = check_tls,
        .argument = &crew->material,
    };
    pid_t pid = child_fork(&plan);
    int status;

    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
        return check_explain(EX_OSERR, "cannot check the TLS files: no process for it");
    return WEXITSTATUS(status);
}

/* @key: "[server] front_user". */
static int resolve_user(const char *key, const char *name, struct identity *ret)
{
    int error;

    if (!name)
        return check_explain(EX_CONFIG, "started as root without %s: name the user to run as", key);
    error = identity_resolve(name, ret);
    if (error == -EPERM)
        return check_explain(EX_CONFIG, "%s: \"%s\" is root; name a user that is not", key, name);
    if (error)
        return check_explain(EX_NOUSER, "%s: there is no user \"%s\"; create it, or give a numeric uid", key,
                             name);
    return EX_OK;
}

/*
 * A user may look into its processes and open their files: a front that runs as the signers do is a signer, and so is the
 * operator's command that the herald runs. By number, since two names may be one user.
 */
static int refuse_shared_users(const struct crew *crew)
{
    const struct {
        const char *key, *name;
        uid_t uid;
    } users[] = {
        { "[server] front_user", crew->config->front_user, crew->front_user.uid },
        { "[server] signer_user", crew->config->signer_user, crew->signer_user.uid },
        { "[notice] user", crew->config->notice_user, crew->herald_user.uid },
    };
    size_t count = ARRAY_SIZE(users) - (crew->herald ? 0 : 1);

    for (size_t i = 0; i < count; i++)
        for (size_t k = i + 1; k < count; k++)
            if (users[i].uid == users[k].uid)
                return check_explain(EX_CONFIG,
                                     "%s (\"%s\") and %s (\"%s\") are one user, which could look into both: "
                                     "name one for each",
                                     users[i].key, users[i].name, users[k].key, users[k].name);
    return EX_OK;
}

/* Who children run as. Without root that is who we are, and it has to be said what that costs. */
static int resolve_users(struct crew *crew)
{
    const struct proxy_config *config = crew->config;
    int status;

    crew->has_users = geteuid() == 0;
    if (!crew->has_users) {
        log_event(LOG_LEVEL_WARNING, "supervisor.one_user",
                  "uid=%u dropped=\"front and signers share this uid and see each other's files; no jail\"",
                  geteuid());
        return EX_OK;
    }
    status = resolve_user("[server] front_user", config->front_user, &crew->front_user);
    if (!status)
        status = resolve_user("[server] signer_user", config->signer_user, &crew->signer_user);
    if (!status && crew->herald)
        status = resolve_user("[notice] user", config->notice_user, &crew->herald_user);
    return status ? status : refuse_shared_users(crew);
}

int check_start(struct crew *crew)
{
    CLEANUP(free_string) char *why = NULL;
    int status = resolve_users(crew);

    if (status)
        return status;
    if (sockets_check(crew->config, &why) || herald_check(crew->config, &why) ||
        material_read(crew->config, &crew->material, &why))
        return check_explain(EX_CONFIG, "%s", why ? why : "out of memory");
    return check_tls_in_child(crew);
}
