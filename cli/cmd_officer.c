/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_officer.c - officer: the key of one who holds shares, and giving them. */
#include "cli/commands.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "cli/ca.h"
#include "cli/connect.h"
#include "cli/master_files.h"
#include "cli/output.h"
#include "cli/share_request.h"
#include "proto/certificate_make.h"
#include "proto/officer.h"

/* FILE.key goes with FILE.pub; any other name with NAME.pub behind it. */
static void public_path(const char *private_path, char ret[PATH_MAX])
{
    size_t len = strlen(private_path);

    if (len > 4 && strcmp(private_path + len - 4, ".key") == 0)
        len -= 4;
    snprintf(ret, PATH_MAX, "%.*s.pub", (int)len, private_path);
}

enum cli_exit cmd_officer_key(struct cli *cli)
{
    const char *path = cli->args[0];
    uint8_t key[HPKE_KEY_LEN];
    char public[PATH_MAX];
    int r;

    public_path(path, public);
    r = officer_make_key(path, public, key);
    if (r < 0)
        return cli_fail(cli, CLI_REFUSED,
                        r == -EEXIST ? "Remove the old key if nothing is sealed to it."
                                     : "Choose a place that can be written to.",
                        "%s and %s: %s", path, public, strerror(-r));
    return output_done(cli,
                       json_pack("{s:s, s:s, s:o}", "key", path, "public", public, "public_key",
                                 output_hex(BYTES_OF_ARRAY(key))),
                       "%s is the officer's private key: it stays with the officer, and a copy in a safe.\n"
                       "%s is given to whoever sets up the deployment.",
                       path, public);
}

/* What an officer must know before saying yes. */
static enum cli_exit show_request(struct cli *cli, const json_t *request)
{
    char fingerprint[FINGERPRINT_LEN];
    enum cli_exit status = share_request_fingerprint(cli, request, fingerprint);
    const json_t *secret;
    size_t i;

    if (status != CLI_DONE)
        return status;
    fprintf(stderr,
            "Somebody asks for your share, to %s.\n"
            "  deployment   %s\n  machine      %s\n  fingerprint  %s\n",
            json_read_text(request, "purpose"), json_read_text(request, "realm"),
            json_read_text(request, "host"), fingerprint);
    json_array_foreach (json_object_get(request, "secrets"), i, secret)
        fprintf(stderr, "  it opens     %s\n", json_read_text(secret, "what"));
    fputs("Compare the fingerprint with what the one who asks reads to you, over a channel that you trust:\n"
          "whoever made the request gets the share.\n",
          stderr);
    return CLI_DONE;
}

static enum cli_exit give_share(struct cli *cli, const json_t *request, json_t **ret)
{
    CLEANUP(secret_free) struct secret *key = NULL;
    uint8_t public_key[HPKE_KEY_LEN];
    const char *path = cli_option(cli, "key"), *officer;
    int r = path ? officer_load_private(path, &key, public_key) : -EINVAL;

    if (r < 0)
        return cli_fail(cli, path ? CLI_REFUSED : CLI_USAGE, NULL, path ? "%s: %s" : "--key FILE is needed",
                        path, strerror(-r));
    r = quorum_answer(request, secret_bytes(key), public_key, ret, &officer);
    if (r == -ENOENT)
        return cli_fail(cli, CLI_REFUSED, NULL, "nothing in this request is sealed to the key in %s", path);
    return r == 0 ? CLI_DONE : cli_fail(cli, CLI_REFUSED, NULL, "the request or its shares were altered");
}

enum cli_exit cmd_officer_share(struct cli *cli)
{
    CLEANUP(json_decref) json_t *request = NULL;
    CLEANUP(json_decref) json_t *answer = NULL;
    json_error_t error;
    enum cli_exit status;

    request = json_load_file(cli->args[0], JSON_REJECT_DUPLICATES, &error);
    if (!request)
        return cli_fail(cli, CLI_REFUSED, "It is the file that `restore` or `hsm add` made for the officers.",
                        "%s: %s", cli->args[0], error.text);
    status = show_request(cli, request);
    if (status == CLI_DONE)
        status = connect_confirm(cli, "Give your share? yes/no: ", "no share was given");
    if (status == CLI_DONE)
        status = give_share(cli, request, &answer);
    if (status == CLI_DONE)
        status = master_files_write(cli, cli->args[1], 0644, answer);
    if (status != CLI_DONE)
        return status;
    return output_done(cli, json_pack("{s:s}", "share", cli->args[1]),
                       "%s opens only for whoever made the request: send it there.", cli->args[1]);
}

DEFINE_CLEANUP(X509_NAME_free, X509_NAME *);
DEFINE_CLEANUP(EVP_PKEY_free, EVP_PKEY *);

/* The subject is the officer's name: users see it when they let officers help. */
static int subject_of(const struct officer *officer, X509_NAME **ret)
{
    CLEANUP(X509_NAME_free) X509_NAME *name = X509_NAME_new();

    if (!name || !X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                             (const unsigned char *)officer->name, -1, -1, 0))
        return -ENOMEM;
    *ret = TAKE(name);
    return 0;
}

static int certify(const char *directory, const struct officer *officer, unsigned days, struct buffer *ret,
                   char **why)
{
    CLEANUP(EVP_PKEY_free)
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, officer->public_key, HPKE_KEY_LEN);
    CLEANUP(X509_NAME_free) X509_NAME *subject = NULL;
    struct ca_request request = { .profile = CA_PROFILE_OFFICER, .public_key = key, .days = days };
    int r = key ? subject_of(officer, &subject) : -EIO;

    request.subject = subject;
    return r < 0 ? r : ca_issue(directory, &request, ret, NULL, why);
}

enum cli_exit cmd_officer_certify(struct cli *cli)
{
    const char *directory = cli_option(cli, "ca") ? cli_option(cli, "ca") : getenv("PRIVYSEAL_CA");
    CLEANUP(buffer_clear) struct buffer pem = { 0 };
    CLEANUP(free_string) char *why = NULL;
    struct officer officer;
    enum cli_exit status;
    long days;
    int r;

    status = cli_option_number(cli, "days", 1826, 1, 3652, &days);
    if (status != CLI_DONE)
        return status;
    if (!directory)
        return cli_fail(cli, CLI_USAGE, NULL, "give --ca DIR, or set PRIVYSEAL_CA: who signs?");
    r = officer_load(cli->args[0], &officer);
    if (r < 0)
        return cli_fail(cli, CLI_REFUSED, "`privyseal officer key` makes it; its name is the officer's.",
                        "%s: %s", cli->args[0], strerror(-r));
    r = certify(directory, &officer, (unsigned)days, &pem, &why);
    if (r < 0)
        return cli_fail(cli, CLI_REFUSED, NULL, "%s", why ? why : strerror(-r));
    return output_pem(cli, cli->arg_count > 1 ? cli->args[1] : NULL, buffer_bytes(&pem));
}
