/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verb_ceremony.c - ceremony: the HSM's token and its master keys, wrapped for a quorum of officers on the way.
 *
 * Prints {manifest, master_backup}: the first is for the root's key to sign, the second a file that M officers open.
 * The quorum key's private half lives in this process, between being made and being dealt.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "proxy/hsm/ceremony.h"
#include "proxy/provision/verbs.h"

struct ceremony_result {
    struct manifest manifest;
    struct master_backup backup;
};

static CK_RV make(const struct hsm_config *hsm_config, void *arg, char **why)
{
    struct ceremony_result *result = arg;

    return ceremony_make(hsm_config, &result->manifest, &result->backup, why);
}

int provision_read_quorum(const char *threshold, const char *officers, struct quorum *ret)
{
    struct quorum quorum = { .threshold = (unsigned)strtoul(threshold, NULL, 10) };
    int r = officers_load(officers, quorum.officers, SHAMIR_SHARES_MAX, &quorum.count);

    if (r < 0)
        return provision_fail(EX_NOINPUT, "the officers' public keys (%s): %s", officers,
                              r == -EBADMSG  ? "one is no X25519 public key or certificate"
                              : r == -EEXIST ? "an officer's name or key is there twice"
                                             : strerror(-r));
    if (quorum.threshold < 1 || quorum.threshold > quorum.count)
        return provision_fail(EX_USAGE, "a quorum of %s is impossible with %zu officers", threshold,
                              quorum.count);
    *ret = quorum;
    return EX_OK;
}

static int print_result(const struct ceremony_result *result, json_t *secret)
{
    CLEANUP(json_decref)
    json_t *object =
        json_pack("{s:o, s:{s:s, s:s, s:O, s:o}}", "manifest", manifest_to_json(&result->manifest),
                  "master_backup", "format", MASTER_BACKUP_FORMAT, "realm", result->manifest.realm, "secret",
                  secret, "keys", master_backup_to_json(&result->backup));

    return object ? provision_print(object) : provision_fail(EX_OSERR, "out of memory");
}

static int hold(const struct proxy_config *config, const struct owners *owners,
                struct ceremony_result *result)
{
    CLEANUP(secret_free) struct secret *quorum_private = NULL;
    CLEANUP(json_decref) json_t *secret = NULL;
    int status, r = ceremony_quorum_key(&quorum_private, &result->manifest.quorum_key);

    if (r == 0) /* dealt first: a token whose keys nobody can bring back must not come of a failure here */
        r = quorum_seal(config->realm, CEREMONY_SECRET, &result->manifest.quorum,
                        secret_bytes(quorum_private), &secret);
    if (r < 0)
        return provision_fail(EX_SOFTWARE, "the quorum key cannot be made or dealt: %s", strerror(-r));
    status = provision_token(config, 0, owners, make, result);
    return status == EX_OK ? print_result(result, secret) : status;
}

int verb_ceremony(const struct proxy_config *config, int argc, char **argv)
{
    static const struct option options[] = { { "quorum", required_argument, NULL, 'q' },
                                             { "officers", required_argument, NULL, 'o' },
                                             { NULL, 0, NULL, 0 } };
    const char *threshold = NULL, *officers = NULL;
    struct ceremony_result result = { 0 };
    struct owners owners;
    int c, status;

    optind = 1;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 'q')
            threshold = optarg;
        else if (c == 'o')
            officers = optarg;
        else
            return EX_USAGE;
    }
    if (!threshold || !officers)
        return provision_fail(EX_USAGE, "usage: --provision ceremony --quorum M --officers FILE,...");
    if (owners_find(config->signer_user, &owners) < 0)
        return provision_fail(EX_NOUSER, "[server] signer_user: there is no user \"%s\"",
                              config->signer_user);
    status = provision_read_quorum(threshold, officers, &result.manifest.quorum);
    snprintf(result.manifest.realm, sizeof(result.manifest.realm), "%s", config->realm);
    if (status == EX_OK)
        status = hold(config, &owners, &result);
    manifest_clear(&result.manifest);
    master_backup_clear(&result.backup);
    return status;
}
