/* SPDX-License-Identifier: Apache-2.0 */
/* share_request.c - the files between whoever asks and the officers. */
#include "cli/share_request.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/master_files.h"
#include "cli/output.h"

static void key_path(const char *path, char ret[PATH_MAX])
{
    snprintf(ret, PATH_MAX, "%s.key", path);
}

enum cli_exit share_request_fingerprint(struct cli *cli, const json_t *request, char ret[FINGERPRINT_LEN])
{
    uint8_t digest[HASH_LEN];
    char hex[2 * HASH_LEN + 1];

    if (quorum_request_digest(request, digest) < 0)
        return cli_fail(cli, CLI_REFUSED, NULL, "this is no request for shares");
    hex_encode(BYTES_OF_ARRAY(digest), hex);
    snprintf(ret, FINGERPRINT_LEN, "%.4s %.4s %.4s %.4s %.4s %.4s", hex, hex + 4, hex + 8, hex + 12, hex + 16,
             hex + 20);
    return CLI_DONE;
}

enum cli_exit share_request_make(struct cli *cli, const char *path, const char *realm, const char *purpose,
                                 json_t *secrets)
{
    CLEANUP(json_decref) json_t *request = NULL;
    uint8_t public_key[HPKE_KEY_LEN];
    char key[PATH_MAX], fingerprint[FINGERPRINT_LEN];
    enum cli_exit status;
    int r;

    key_path(path, key);
    r = officer_make_key(key, NULL, public_key);
    if (r == 0)
        r = quorum_ask(realm, purpose, secrets, public_key, &request);
    if (r < 0)
        return cli_fail(cli, CLI_REFUSED, r == -EEXIST ? "Use that request, or remove it first." : NULL,
                        "%s: %s", key, strerror(-r));
    status = master_files_write(cli, path, 0644, request);
    if (status == CLI_DONE)
        status = share_request_fingerprint(cli, request, fingerprint);
    if (status != CLI_DONE)
        return status;
    return output_done(cli, json_pack("{s:s, s:s}", "request", path, "fingerprint", fingerprint),
                       "%s is for the officers. Each runs, on a machine of the officer's own,\n"
                       "    privyseal officer share --key FILE REQUEST SHARE\n"
                       "after hearing from you that the request's fingerprint is %s\n"
                       "and sends the share back. Then run this command again, with the shares behind it.",
                       path, fingerprint);
}

static enum cli_exit load(struct cli *cli, const char *path, json_t **ret)
{
    json_error_t error;

    *ret = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    return *ret ? CLI_DONE
                : cli_fail(cli, CLI_REFUSED,
                           "The request is made by this command, a share by `officer share`.", "%s: %s", path,
                           error.text);
}

enum cli_exit share_request_load(struct cli *cli, const char *path, char **paths, int count,
                                 json_t **ret_request, json_t **ret_answers, struct secret **ret_key)
{
    CLEANUP(json_decref) json_t *answers = json_array();
    uint8_t public_key[HPKE_KEY_LEN];
    char key[PATH_MAX];
    enum cli_exit status = load(cli, path, ret_request);
    int r;

    for (int i = 0; status == CLI_DONE && i < count; i++) {
        json_t *answer = NULL;

        status = load(cli, paths[i], &answer);
        if (status == CLI_DONE)
            json_array_append_new(answers, answer);
    }
    if (status != CLI_DONE)
        return status;
    key_path(path, key);
    r = officer_load_private(key, ret_key, public_key);
    if (r < 0)
        return cli_fail(cli, CLI_REFUSED, NULL, "%s: %s", key, strerror(-r));
    *ret_answers = TAKE(answers);
    return CLI_DONE;
}

void share_request_remove(const char *path)
{
    char key[PATH_MAX];

    key_path(path, key);
    unlink(key);
    unlink(path);
}
