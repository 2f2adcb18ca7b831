/* SPDX-License-Identifier: Apache-2.0 */
/* backup_trust.c - from a root certificate to the audit key to the signature. */
#include "cli/backup_trust.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <openssl/pem.h>

#include "proto/digest.h"
#include "proto/manifest.h"
#include "proto/public_key.h"

#define SPKI_MAX 256

enum cli_exit backup_trust_open(struct cli *cli, const char *path, struct backup_file *ret)
{
    int r = backup_open(path, ret);

    if (r == 0)
        return CLI_DONE;
    return cli_fail(cli, CLI_REFUSED, "It is a file that `privyseal backup` made.", "%s: %s", path,
                    r == -EBADMSG ? "this is no backup, or not all of one" : strerror(-r));
}

static enum cli_exit read_pem(struct cli *cli, const char *path, struct buffer *ret_spki)
{
    FILE *file = fopen(path, "re");
    EVP_PKEY *key = file ? PEM_read_PUBKEY(file, NULL, NULL, NULL) : NULL;
    uint8_t *spki = NULL;
    int len = key ? i2d_PUBKEY(key, &spki) : -1;

    if (file)
        fclose(file);
    if (len > 0)
        buffer_append(ret_spki, BYTES(spki, (size_t)len));
    OPENSSL_free(spki);
    EVP_PKEY_free(key);
    return len > 0 ? CLI_DONE
                   : cli_fail(cli, CLI_REFUSED, "It is the deployment's tls/audit.pem.",
                              "%s: no public key in PEM form", path);
}

static bool manifest_names(const struct manifest *manifest, struct bytes spki)
{
    uint8_t commitment[HASH_LEN];

    if (digest_sha256(NULL, spki, commitment) < 0)
        return false;
    for (size_t i = 0; i < manifest->count; i++)
        if (strcmp(manifest->keys[i].kind, "Kaudit") == 0 &&
            memcmp(manifest->keys[i].commitment, commitment, HASH_LEN) == 0)
            return true;
    return false;
}

/* The header's audit key, if the root has signed for it. */
static enum cli_exit check_root(struct cli *cli, const json_t *header, const char *root, struct bytes spki)
{
    CLEANUP(manifest_clear) struct manifest manifest = { 0 };
    const json_t *object = json_object_get(header, "manifest");
    const char *why = "the manifest in it is none";

    if (!object)
        return cli_fail(cli, CLI_USAGE, "Give --audit-key, the deployment's tls/audit.pem.",
                        "the deployment had no key ceremony: its root vouches for no audit key");
    if (manifest_of_json(object, &manifest) < 0 ||
        manifest_check(&manifest, json_read_text(header, "realm"), root, &why) < 0)
        return cli_fail(cli, CLI_REFUSED, NULL, "%s", why);
    return manifest_names(&manifest, spki)
               ? CLI_DONE
               : cli_fail(cli, CLI_REFUSED, NULL,
                          "the root has not signed for the key that signed this backup");
}

static enum cli_exit check_signature(struct cli *cli, const struct backup_file *backup, struct bytes spki)
{
    CLEANUP(public_key_free) struct public_key *key = NULL;

    if (public_key_of_spki(NULL, spki, &key) != CKR_OK ||
        public_key_verify(NULL, key, CKM_ECDSA, NULL, BYTES_OF_ARRAY(backup->digest),
                          buffer_bytes(&backup->signature)) != CKR_OK)
        return cli_fail(cli, CLI_REFUSED,
                        "Use another backup: whatever is wrong in this one, it is not as it was.",
                        "the backup was altered: its signature does not fit");
    return CLI_DONE;
}

enum cli_exit backup_trust_check(struct cli *cli, const struct backup_file *backup)
{
    const char *root = cli_option(cli, "root"), *audit_key = cli_option(cli, "audit-key");
    CLEANUP(buffer_clear) struct buffer spki = { 0 };
    enum cli_exit status;

    if (!root == !audit_key)
        return cli_fail(cli, CLI_USAGE,
                        "One from another place than the backup: else it would vouch for itself.",
                        "give --root (tls/root.pem) or --audit-key (tls/audit.pem)");
    if (audit_key) {
        status = read_pem(cli, audit_key, &spki);
    } else {
        if (json_read_hex_buffer(backup->header, "audit_public_key", SPKI_MAX, &spki) < 0)
            return cli_fail(cli, CLI_REFUSED, NULL, "the backup names no audit key");
        status = check_root(cli, backup->header, root, buffer_bytes(&spki));
    }
    return status == CLI_DONE ? check_signature(cli, backup, buffer_bytes(&spki)) : status;
}
