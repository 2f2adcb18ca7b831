/* SPDX-License-Identifier: Apache-2.0 */
/* device_files.c - places claimed first, so that a device is not enrolled only to find no room for it. */
#include "cli/device_files.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <openssl/pem.h>

#include "cli/app.h"
#include "cli/ca.h"
#include "cli/request.h"
#include "include/table.h"
#include "proto/certificate.h"
#include "proto/certificate_make.h"

DEFINE_CLEANUP(X509_NAME_free, X509_NAME *);
DEFINE_CLEANUP(EVP_PKEY_free, EVP_PKEY *);
DEFINE_CLEANUP(BIO_free_all, BIO *);

static enum cli_exit fail(const struct device_files *files, const char *why)
{
    return cli_fail(files->cli, CLI_REFUSED, NULL, "%s", why ? why : "out of memory");
}

/* -------------------------------------------------------------------------------------------------- claiming */

static enum cli_exit find_directory(struct device_files *files, const char *given)
{
    CLEANUP(free_string) char *usual = given ? NULL : app_config_home("privyseal");
    CLEANUP(free_string) char *why = NULL;
    const char *directory = given ? given : usual;

    if (!directory || app_make_directory(directory, 0700, &why) < 0)
        return fail(files, why);
    if (snprintf(files->directory, sizeof(files->directory), "%s", directory) >=
        (int)sizeof(files->directory))
        return fail(files, "--directory: the name is too long");
    return CLI_DONE;
}

static void place(const struct device_files *files, const char *name, const char *ending, char ret[PATH_MAX])
{
    snprintf(ret, PATH_MAX, "%s/%s%s", files->directory, name, ending);
}

static enum cli_exit check_free(const struct device_files *files)
{
    const char *const paths[] = { files->key, files->certificate, files->secret };

    for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
        if (access(paths[i], F_OK) == 0)
            return cli_fail(files->cli, CLI_REFUSED,
                            "`privyseal device renew` renews an enrolled device; remove the file if it is no "
                            "longer needed.",
                            "%s is there already", paths[i]);
    return CLI_DONE;
}

/* A second deployment or identity makes references necessary that a file with one of each could leave out. */
static const char *what_is_unnamed(const struct client_config *config, bool has_deployment)
{
    for (size_t i = 0; i < config->identity_count && !has_deployment; i++)
        if (!config->identity[i].deployment)
            return config->identity[i].name;
    for (size_t i = 0; i < config->token_count; i++)
        if (!config->token[i].identity)
            return config->token[i].name;
    return NULL;
}

static enum cli_exit look_at_config(struct device_files *files, const char *realm, const char *user)
{
    CLEANUP(client_config_free) struct client_config *config = NULL;
    CLEANUP(free_string) char *why = NULL;
    const struct deployment_config *deployment;
    const char *unnamed;

    if (access(files->config, F_OK) < 0)
        return CLI_DONE;
    if (client_config_load(files->config, &config, &why) < 0)
        return fail(files, why);
    deployment = client_config_deployment(config, realm);
    files->has_deployment = deployment != NULL;
    if (deployment && strcmp(deployment->realm, realm) != 0)
        return cli_fail(files->cli, CLI_REFUSED, "Give --directory DIR.",
                        "%s has a [deployment %s] of another realm", files->config, realm);
    if (client_config_identity(config, files->name))
        return cli_fail(files->cli, CLI_REFUSED, "`privyseal device renew` renews its certificate.",
                        "%s has an [identity %s] already", files->config, files->name);
    for (size_t i = 0; i < config->token_count; i++)
        files->has_token |= strcmp(config->token[i].name, user) == 0;
    unnamed = what_is_unnamed(config, files->has_deployment);
    if (unnamed)
        return cli_fail(files->cli, CLI_REFUSED,
                        "Name its identity (and that one's deployment) there, or give --directory DIR.",
                        "\"%s\" in %s relies on there being no other", unnamed, files->config);
    return CLI_DONE;
}

enum cli_exit device_files_claim(struct cli *cli, const char *directory, const char *realm, const char *user,
                                 struct device_files *ret)
{
    enum cli_exit status;

    *ret = (struct device_files){ .cli = cli };
    status = find_directory(ret, directory);
    if (status != CLI_DONE)
        return status;
    if (snprintf(ret->name, sizeof(ret->name), "%s@%s", user, realm) >= (int)sizeof(ret->name))
        snprintf(ret->name, sizeof(ret->name), "%s", user);
    place(ret, ret->name, ".key", ret->key);
    place(ret, ret->name, ".pem", ret->certificate);
    place(ret, ret->name, ".secret", ret->secret);
    place(ret, realm, "-ca.pem", ret->ca);
    place(ret, "pkcs11.conf", "", ret->config);
    status = check_free(ret);
    return status == CLI_DONE ? look_at_config(ret, realm, user) : status;
}

/* --------------------------------------------------------------------------------------------------- writing */

static enum cli_exit write_bio(struct device_files *files, const char *path, BIO *bio, bool *is_written)
{
    CLEANUP(free_string) char *why = NULL;
    char *data;
    long len = BIO_get_mem_data(bio, &data);

    if (ca_write_file(path, 0644, BYTES(data, len < 0 ? 0 : (size_t)len), &why) < 0)
        return fail(files, why);
    *is_written = true;
    return CLI_DONE;
}

enum cli_exit device_files_write_ca(struct device_files *files, X509 *root)
{
    CLEANUP(certificate_free_stack) STACK_OF(X509) *present = NULL;
    CLEANUP(BIO_free_all) BIO *bio = BIO_new(BIO_s_mem());

    if (access(files->ca, F_OK) == 0) {
        if (certificate_load_file(NULL, files->ca, &present) == 0 &&
            X509_cmp(sk_X509_value(present, 0), root) == 0)
            return CLI_DONE;
        return cli_fail(files->cli, CLI_REFUSED, "Give --directory DIR.",
                        "%s is there, and holds another root", files->ca);
    }
    if (!bio || !PEM_write_bio_X509(bio, root))
        return fail(files, NULL);
    return write_bio(files, files->ca, bio, &files->is_new_ca);
}

enum cli_exit device_files_make_key(struct device_files *files, const char *user, struct buffer *ret_request)
{
    CLEANUP(EVP_PKEY_free) EVP_PKEY *key = NULL;
    CLEANUP(X509_REQ_free) X509_REQ *request = NULL;
    CLEANUP(X509_NAME_free) X509_NAME *subject = NULL;
    CLEANUP(free_string) char *why = NULL;
    char common_name[NAME_MAX_LEN + 8];
    unsigned char *der = NULL;
    int len;

    snprintf(common_name, sizeof(common_name), "/CN=%.32s", user);
    if (certificate_parse_subject(common_name, &subject, &why) < 0 ||
        ca_make_key_file(files->key, &key, &why) < 0)
        return fail(files, why);
    files->is_new_key = true;
    len = request_of_key(key, subject, &request) < 0 ? -1 : i2d_X509_REQ(request, &der);
    if (len < 0)
        return fail(files, "OpenSSL could not sign the request");
    buffer_append(ret_request, BYTES(der, (size_t)len));
    OPENSSL_free(der);
    return ret_request->failed ? fail(files, NULL) : CLI_DONE;
}

enum cli_exit device_files_write_secret(struct device_files *files, const struct secret *secret)
{
    CLEANUP(free_string) char *why = NULL;

    if (ca_write_file(files->secret, 0600, secret_bytes(secret), &why) < 0)
        return fail(files, why);
    files->is_new_secret = true;
    return CLI_DONE;
}

static enum cli_exit write_chain(struct device_files *files, const STACK_OF(X509) *chain)
{
    CLEANUP(BIO_free_all) BIO *bio = BIO_new(BIO_s_mem());

    for (int i = 0; bio && i < sk_X509_num(chain); i++)
        if (!PEM_write_bio_X509(bio, sk_X509_value(chain, i)))
            return fail(files, NULL);
    return bio ? write_bio(files, files->certificate, bio, &files->is_new_certificate) : fail(files, NULL);
}

/* File names are relative to the file that names them. */
static void write_sections(const struct device_files *files, FILE *out, const char *realm, const char *user,
                           const char *endpoints)
{
    if (!files->has_deployment)
        fprintf(out, "\n[deployment %s]\nrealm = %s\nendpoints = %s\nca = %s-ca.pem\n", realm, realm,
                endpoints, realm);
    fprintf(out, "\n[identity %s]\ndeployment = %s\ncertificate = %s.pem\nkey = %s.key\n", files->name, realm,
            files->name, files->name);
    if (files->is_new_secret)
        fprintf(out, "device_secret = %s.secret\n", files->name);
    fprintf(out, "\n[token %s]\nidentity = %s\ntoken = %s\n", files->has_token ? files->name : user,
            files->name, user);
}

static enum cli_exit write_config(struct device_files *files, const char *realm, const char *user,
                                  const char *endpoints)
{
    CLEANUP(free_string) char *former = NULL;
    CLEANUP(free_string) char *why = NULL;
    CLEANUP(free_string) char *text = NULL;
    size_t size;
    FILE *out;
    int r = app_read(files->config, &former, &why);

    if (r < 0)
        return fail(files, why);
    out = open_memstream(&text, &size);
    if (!out)
        return fail(files, NULL);
    fputs(former ? former : "# pkcs11.conf - made by `privyseal device enroll`; privyseal-pkcs11(5).\n", out);
    write_sections(files, out, realm, user, endpoints);
    if (fclose(out) != 0)
        return fail(files, NULL);
    return app_write(files->config, 0644, BYTES(text, size), &why) < 0 ? fail(files, why) : CLI_DONE;
}

enum cli_exit device_files_finish(struct device_files *files, const STACK_OF(X509) *chain, const char *realm,
                                  const char *user, const char *endpoints)
{
    enum cli_exit status = write_chain(files, chain);

    if (status == CLI_DONE)
        status = write_config(files, realm, user, endpoints);
    if (status == CLI_DONE)
        files->is_new_ca = files->is_new_key = files->is_new_certificate = files->is_new_secret = false;
    return status;
}

void device_files_undo(struct device_files *files)
{
    const struct {
        bool is_new;
        const char *path;
    } written[] = {
        { files->is_new_key, files->key },
        { files->is_new_certificate, files->certificate },
        { files->is_new_secret, files->secret },
        { files->is_new_ca, files->ca },
    };

    for (size_t i = 0; i < ARRAY_SIZE(written); i++)
        if (written[i].is_new)
            unlink(written[i].path);
}
