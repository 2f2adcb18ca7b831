/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_init.c - init: a deployment in a directory.
 *
 *   DIR/privyseald.conf   the proxy's configuration, unless --server-config names another place
 *   DIR/ca/               root and first issuers (keep them off the server once this is more than a trial)
 *   DIR/tls/              the proxy's certificate and key, certificates of sealing key and authorities, what it trusts
 *   DIR/hsm/              with SoftHSM: its configuration, the token directories, the HSM's PIN
 *   DIR/store/  DIR/audit/   made by `privyseald --provision init`, which alone touches HSM and store
 *   DIR/operator/         the first operator's certificate, key and pkcs11.conf
 *   DIR/master-backup     with --quorum: the HSM's master keys, wrapped for the officers
 *   DIR/client.conf       the [deployment] section that every client needs
 *
 * A deployment is made whole or not at all: DIR is new or empty before, and is again if anything fails.
 */
#include "cli/commands.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/pem.h>

#include "cli/ca.h"
#include "cli/daemon.h"
#include "cli/master_files.h"
#include "cli/output.h"
#include "include/table.h"
#include "proto/certificate_make.h"
#include "proto/hpke.h"
#include "proto/log_name.h"
#include "proto/name.h"
#include "proto/shamir.h"

#define SOFTHSM_MODULE "/usr/lib/softhsm/libsofthsm2.so"
#define OPERATOR_NAME  "operator"
#define SERVER_DAYS    730
#define SEAL_DAYS      3650
/* privyseald.conf(5): [server] signers, partitions. */
#define SIGNERS_MOST    256
#define PARTITIONS_MOST 64

DEFINE_CLEANUP(X509_NAME_free, X509_NAME *);
DEFINE_CLEANUP(EVP_PKEY_free, EVP_PKEY *);
DEFINE_CLEANUP(BIO_free_all, BIO *);
DEFINE_CLEANUP(closedir, DIR *);

struct init {
    struct cli *cli;
    char directory[PATH_MAX];
    char config[PATH_MAX]; /* privyseald.conf */
    const char *realm, *listen, *module;
    char proxy[PROXY_NAME_MAX + 1];
    bool is_softhsm;
    bool is_ours;      /* the directory was made here */
    bool has_begun;    /* to write into it, and privyseald.conf: both were free */
    bool has_seen_hsm; /* what was made in the HSM, only its own tools take away */
};

static enum cli_exit fail_why(const struct init *init, char *why)
{
    return cli_fail(init->cli, CLI_REFUSED, NULL, "%s", why ? why : "out of memory");
}

/* A path below the deployment's directory, or an absolute one as it is. */
static const char *path_in(const struct init *init, const char *name, char ret[PATH_MAX])
{
    bool is_absolute = name[0] == '/';

    if (snprintf(ret, PATH_MAX, "%s%s%s", is_absolute ? "" : init->directory, is_absolute ? "" : "/", name) >=
        PATH_MAX)
        ret[0] = '\0';
    return ret;
}

static enum cli_exit write_text(const struct init *init, const char *name, unsigned mode, const char *format,
                                ...) PRINTF_LIKE(4, 5);
static enum cli_exit write_text(const struct init *init, const char *name, unsigned mode, const char *format,
                                ...)
{
    CLEANUP(free_string) char *text = NULL;
    CLEANUP(free_string) char *why = NULL;
    char path[PATH_MAX];
    va_list arguments;
    int len;

    va_start(arguments, format);
    len = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (len < 0 || ca_write_file(path_in(init, name, path), mode, bytes_of_text(text), &why) < 0)
        return fail_why(init, why);
    return CLI_DONE;
}

/* ------------------------------------------------------------------------------------------- directories */

static bool is_empty(const char *path)
{
    CLEANUP(closedir) DIR *directory = opendir(path);
    const struct dirent *entry;

    while (directory && (entry = readdir(directory)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            return false;
    return directory != NULL;
}

/* The absolute name of the directory, which is made if there is none. */
static enum cli_exit claim_directory(struct init *init, const char *given)
{
    init->is_ours = mkdir(given, 0755) == 0;
    if ((!init->is_ours && errno != EEXIST) || !realpath(given, init->directory))
        return cli_fail(init->cli, CLI_REFUSED, "The directory above it has to be there.", "%s: %s", given,
                        strerror(errno));
    if (!is_empty(init->directory))
        return cli_fail(init->cli, CLI_REFUSED, "Choose a new directory, or an empty one.",
                        "%s holds something already, maybe a deployment", init->directory);
    return CLI_DONE;
}

/* Where privyseald.conf goes; that place, too, must be free. */
static enum cli_exit claim_config(struct init *init)
{
    const char *given = cli_option(init->cli, "server-config");
    CLEANUP(free_string) char *here = given && given[0] != '/' ? getcwd(NULL, 0) : NULL;
    int len = given
                  ? snprintf(init->config, PATH_MAX, "%s%s%s", here ? here : "", here ? "/" : "", given)
                  : snprintf(init->config, PATH_MAX, "%.*s/privyseald.conf", PATH_MAX - 32, init->directory);

    if (len >= PATH_MAX)
        return cli_fail(init->cli, CLI_USAGE, NULL, "%s: %s", given, strerror(ENAMETOOLONG));
    if (access(init->config, F_OK) == 0)
        return cli_fail(init->cli, CLI_REFUSED, "Remove it, if its deployment is no more.",
                        "%s is there already", init->config);
    return CLI_DONE;
}

static enum cli_exit make_directories(struct init *init)
{
    static const struct {
        const char *name;
        unsigned mode;
    } directories[] = { { "ca", 0700 }, { "tls", 0755 }, { "operator", 0700 }, { "hsm", 0755 } };
    char path[PATH_MAX];

    for (size_t i = 0; i < ARRAY_SIZE(directories); i++)
        if (mkdir(path_in(init, directories[i].name, path), directories[i].mode) < 0)
            return cli_fail(init->cli, CLI_REFUSED, "Choose a place that can be written to.", "%s: %s", path,
                            strerror(errno));
    return CLI_DONE;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info, (void)kind;
    return place->level == 0 ? 0 : remove(path);
}

/* After a failure: what was made here goes; what that cannot be said of is named. */
static void undo(const struct init *init)
{
    if (init->has_begun) {
        unlink(init->config);
        fprintf(stderr, "           %s %s\n", init->directory,
                nftw(init->directory, remove_entry, 8, FTW_PHYS | FTW_DEPTH) == 0
                    ? "is as it was before."
                    : "still holds what was made: remove it before you try again.");
    }
    if (init->is_ours)
        rmdir(init->directory);
    if (init->has_seen_hsm && !init->is_softhsm)
        fprintf(
            stderr,
            "           The HSM may hold a token \"privyseal %s\" now: remove it with the HSM's own tools.\n",
            init->realm);
}

/* ------------------------------------------------------------------------------------------ certificates */

static enum cli_exit issue_to(struct init *init, enum ca_profile profile, EVP_PKEY *key,
                              const char *common_name, const char *alt_names, unsigned days, const char *file)
{
    CLEANUP(X509_NAME_free) X509_NAME *subject = NULL;
    CLEANUP(buffer_clear) struct buffer pem = { 0 };
    CLEANUP(free_string) char *why = NULL;
    char ca[PATH_MAX], path[PATH_MAX], name[128];
    struct ca_request request = {
        .profile = profile, .public_key = key, .alt_names = alt_names, .days = days
    };

    snprintf(name, sizeof(name), "/CN=%.100s", common_name);
    if (certificate_parse_subject(name, &subject, &why) < 0)
        return fail_why(init, why);
    request.subject = subject;
    if (ca_issue(path_in(init, "ca", ca), &request, &pem, NULL, &why) < 0 ||
        ca_write_file(path_in(init, file, path), 0644, buffer_bytes(&pem), &why) < 0)
        return fail_why(init, why);
    return CLI_DONE;
}

static enum cli_exit issue_with_key(struct init *init, enum ca_profile profile, const char *common_name,
                                    const char *alt_names, const char *key_file, const char *file)
{
    CLEANUP(EVP_PKEY_free) EVP_PKEY *key = NULL;
    CLEANUP(free_string) char *why = NULL;
    char path[PATH_MAX];

    if (ca_make_key_file(path_in(init, key_file, path), &key, &why) < 0)
        return fail_why(init, why);
    return issue_to(init, profile, key, common_name, alt_names, SERVER_DAYS, file);
}

static enum cli_exit copy_file(struct init *init, const char *from, const char *to)
{
    CLEANUP(free_string) char *why = NULL;
    char path[PATH_MAX], content[16384];
    FILE *file = fopen(path_in(init, from, path), "re");
    size_t len = file ? fread(content, 1, sizeof(content), file) : 0;

    if (file)
        fclose(file);
    if (len == 0 || ca_write_file(path_in(init, to, path), 0644, BYTES(content, len), &why) < 0)
        return fail_why(init, why);
    return CLI_DONE;
}

static enum cli_exit make_certificates(struct init *init)
{
    const char *hostname = cli_option(init->cli, "hostname");
    char host[128] = "localhost", alt_names[256], ca[PATH_MAX];
    CLEANUP(free_string) char *why = NULL;
    enum cli_exit status;

    if (!hostname && gethostname(host, sizeof(host) - 1) < 0)
        snprintf(host, sizeof(host), "localhost");
    snprintf(alt_names, sizeof(alt_names), "DNS:localhost,IP:127.0.0.1,IP:::1,DNS:%.100s",
             hostname ? hostname : host);
    if (ca_create(path_in(init, "ca", ca), init->realm, &why) < 0)
        return fail_why(init, why);
    status = copy_file(init, "ca/root.pem", "tls/root.pem");
    if (status == CLI_DONE)
        status = issue_with_key(init, CA_PROFILE_SERVER, hostname ? hostname : host, alt_names,
                                "tls/server.key", "tls/server.pem");
    if (status == CLI_DONE)
        status = issue_with_key(init, CA_PROFILE_CLIENT, OPERATOR_NAME, NULL, "operator/operator.key",
                                "operator/operator.pem");
    return status;
}

/* ---------------------------------------------------------------------------------------- configurations */

static enum cli_exit write_hsm_section(struct init *init, FILE *out)
{
    const struct cli *cli = init->cli;
    enum cli_exit status = CLI_DONE;

    fprintf(out, "\n[hsm]\nmodule = %s\ntoken = privyseal %s\npin_file = hsm/pin\nallow_software_hsm = %s\n",
            init->module, init->realm, cli_option(cli, "allow-software-hsm") ? "yes" : "no");
    if (cli_option(cli, "quorum"))
        fputs("manifest = " MASTER_MANIFEST "\nmaster_backup = " MASTER_BACKUP "\n", out);
    if (!init->is_softhsm)
        return CLI_DONE;
    fputs("environment = SOFTHSM2_CONF=hsm/softhsm2.conf\n", out);
    status = write_text(init, "hsm/softhsm2.conf", 0644,
                        "# Relative to the state directory, which is every signer's working directory.\n"
                        "directories.tokendir = hsm/tokens\nobjectstore.backend = file\nlog.level = ERROR\n"
                        "slots.removable = false\n");
    if (status != CLI_DONE || !cli_option(cli, "partitions"))
        return status;
    fputs("partition_environment = SOFTHSM2_CONF=hsm/softhsm2-partitions.conf\n"
          "partition_directory = hsm/partitions\n",
          out);
    return write_text(init, "hsm/softhsm2-partitions.conf", 0644,
                      "# The partition signer alone writes here.\n"
                      "directories.tokendir = hsm/partitions\nobjectstore.backend = file\nlog.level = ERROR\n"
                      "slots.removable = false\n");
}

static void write_server_section(struct init *init, FILE *out)
{
    static const struct {
        const char *option, *key;
    } copied[] = { { "signers", "signers" },
                   { "partitions", "partitions" },
                   { "front-user", "front_user" },
                   { "signer-user", "signer_user" } };

    fprintf(
        out,
        "# privyseald.conf - made by `privyseal init`. privyseald.conf(5) describes every key.\n\n"
        "[server]\nrealm = %s\nproxy = %s\nlisten = %s\ncertificate = tls/server.pem\nkey = tls/server.key\n"
        "client_ca = tls/root.pem\nseal_chain = tls/seal.pem\n",
        init->realm, init->proxy, init->listen);
    if (cli_option(init->cli, "server-config"))
        fprintf(out, "state = %s\n", init->directory);
    for (size_t i = 0; i < ARRAY_SIZE(copied); i++)
        if (cli_option(init->cli, copied[i].option))
            fprintf(out, "%s = %s\n", copied[i].key, cli_option(init->cli, copied[i].option));
}

static enum cli_exit write_server_config(struct init *init)
{
    const char *store = cli_option(init->cli, "store");
    CLEANUP(free_string) char *text = NULL;
    enum cli_exit status;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return fail_why(init, NULL);
    write_server_section(init, out);
    if (cli_option(init->cli, "enrolment-listen"))
        fprintf(out, "\n[enrolment]\nlisten = %s\n", cli_option(init->cli, "enrolment-listen"));
    fprintf(out, "\n[store]\nurl = %s\n\n[audit]\ndirectory = audit\nsync = batch\n",
            store ? store : "sqlite:store/privyseal.db");
    if (!cli_option(init->cli, "no-ca"))
        fputs("\n[ca]\ndevice = tls/ca-device.pem\ndocument = tls/ca-document.pem\n", out);
    status = write_hsm_section(init, out);
    if (fclose(out) != 0 && status == CLI_DONE)
        status = fail_why(init, NULL);
    return status == CLI_DONE ? write_text(init, init->config, 0644, "%s", text) : status;
}

/* The port clients use is the one the proxy listens on; the name is one in its certificate. */
static enum cli_exit write_client_configs(struct init *init)
{
    const char *hostname = cli_option(init->cli, "hostname"), *port = strrchr(init->listen, ':');
    enum cli_exit status;

    status = write_text(init, "client.conf", 0644,
                        "[deployment %s]\nrealm = %s\nendpoints = %s%s\nca = tls/root.pem\n", init->realm,
                        init->realm, hostname ? hostname : "localhost", port ? port : ":7443");
    if (status != CLI_DONE)
        return status;
    return write_text(init, "operator/pkcs11.conf", 0644,
                      "[deployment %s]\nrealm = %s\nendpoints = %s%s\nca = ../tls/root.pem\n\n"
                      "[identity " OPERATOR_NAME "]\ncertificate = operator.pem\nkey = operator.key\n",
                      init->realm, init->realm, hostname ? hostname : "localhost", port ? port : ":7443");
}

/* ------------------------------------------------------------------------------------------ provisioning */

/* Has the daemon make what only it may touch; reads the JSON it prints. */
static enum cli_exit run_daemon(struct init *init, json_t **ret)
{
    char certificate[PATH_MAX];
    const char *const arguments[] = {
        "init",
        "--operator",
        OPERATOR_NAME,
        "--certificate",
        path_in(init, "operator/operator.pem", certificate),
        NULL,
    };

    init->has_seen_hsm = true;
    return daemon_run(init->cli, init->config, arguments, ret);
}

/* Master keys that the officers can bring back: the HSM makes them, the root signs which they are. */
static enum cli_exit hold_ceremony(struct init *init)
{
    const char *quorum = cli_option(init->cli, "quorum");
    CLEANUP(json_decref) json_t *result = NULL;
    CLEANUP(free_string) char *officers = quorum ? daemon_paths(cli_option(init->cli, "officers")) : NULL;
    const char *const arguments[] = { "ceremony", "--quorum", quorum, "--officers", officers, NULL };
    char ca[PATH_MAX], path[PATH_MAX];
    enum cli_exit status;

    if (!quorum)
        return CLI_DONE;
    if (!officers)
        return fail_why(init, NULL);
    init->has_seen_hsm = true;
    status = daemon_run(init->cli, init->config, arguments, &result);
    if (status == CLI_DONE)
        status = master_files_sign(init->cli, path_in(init, "ca", ca), json_object_get(result, "manifest"),
                                   path_in(init, MASTER_MANIFEST, path));
    if (status == CLI_DONE)
        status = master_files_write(init->cli, path_in(init, MASTER_BACKUP, path), 0640,
                                    json_object_get(result, "master_backup"));
    return status;
}

/* The sealing key was made by the HSM; its certificate says that this deployment's signers have it. */
static enum cli_exit certify_seal_key(struct init *init, const json_t *provisioned)
{
    CLEANUP(EVP_PKEY_free) EVP_PKEY *key = NULL;
    uint8_t public_key[HPKE_KEY_LEN];
    const char *text = json_string_value(json_object_get(provisioned, "seal_public_key"));
    char name[NAME_MAX_LEN + 24];

    if (!text || hex_decode(text, public_key, sizeof(public_key)) < 0)
        return cli_fail(init->cli, CLI_REFUSED, NULL, "the daemon gave no sealing key");
    key = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, public_key, sizeof(public_key));
    if (!key)
        return fail_why(init, NULL);
    snprintf(name, sizeof(name), "%.32s sealing epoch 1", init->realm);
    return issue_to(init, CA_PROFILE_SEAL, key, name, NULL, SEAL_DAYS, "tls/seal.pem");
}

static const struct hsm_authority {
    enum ca_hsm_issuer issuer;
    const char *member; /* of what the daemon said */
    const char *file;
} hsm_authorities[] = {
    { CA_HSM_DEVICE, "ca_device_public_key", "tls/ca-device.pem" },
    { CA_HSM_DOCUMENT, "ca_document_public_key", "tls/ca-document.pem" },
};

static EVP_PKEY *public_key_of(const json_t *provisioned, const char *member)
{
    const char *text = json_string_value(json_object_get(provisioned, member));
    uint8_t spki[256];
    const unsigned char *at = spki;
    size_t len = text ? strlen(text) / 2 : 0;

    if (!text || len > sizeof(spki) || hex_decode(text, spki, len) < 0)
        return NULL;
    return d2i_PUBKEY(NULL, &at, (long)len);
}

static enum cli_exit certify_authority(struct init *init, const json_t *provisioned,
                                       const struct hsm_authority *row)
{
    CLEANUP(EVP_PKEY_free) EVP_PKEY *key = public_key_of(provisioned, row->member);
    CLEANUP(buffer_clear) struct buffer pem = { 0 };
    CLEANUP(free_string) char *why = NULL;
    char ca[PATH_MAX], path[PATH_MAX];

    if (!key)
        return cli_fail(init->cli, CLI_REFUSED, NULL, "the daemon gave no %s", row->member);
    if (ca_certify(path_in(init, "ca", ca), init->realm, row->issuer, key, &pem, &why) < 0 ||
        ca_write_file(path_in(init, row->file, path), 0644, buffer_bytes(&pem), &why) < 0)
        return fail_why(init, why);
    return CLI_DONE;
}

/* From here on the HSM issues certificates, and the root can go into a safe. */
static enum cli_exit certify_authorities(struct init *init, const json_t *provisioned)
{
    enum cli_exit status = CLI_DONE;

    for (size_t i = 0; status == CLI_DONE && i < ARRAY_SIZE(hsm_authorities); i++)
        if (!cli_option(init->cli, "no-ca"))
            status = certify_authority(init, provisioned, &hsm_authorities[i]);
    return status;
}

/* With it anybody checks the audit logs' checkpoints: `privyseal audit verify --key`. */
static enum cli_exit publish_audit_key(struct init *init, const json_t *provisioned)
{
    CLEANUP(EVP_PKEY_free) EVP_PKEY *key = public_key_of(provisioned, "audit_public_key");
    CLEANUP(BIO_free_all) BIO *bio = BIO_new(BIO_s_mem());
    CLEANUP(free_string) char *why = NULL;
    char path[PATH_MAX], *pem;
    long pem_len;

    if (!key)
        return cli_fail(init->cli, CLI_REFUSED, NULL, "the daemon gave no audit key");
    if (!bio || !PEM_write_bio_PUBKEY(bio, key))
        return fail_why(init, NULL);
    pem_len = BIO_get_mem_data(bio, &pem);
    if (ca_write_file(path_in(init, "tls/audit.pem", path), 0644, BYTES(pem, (size_t)pem_len), &why) < 0)
        return fail_why(init, why);
    return CLI_DONE;
}

static enum cli_exit report(struct init *init, const json_t *provisioned)
{
    json_t *object = json_pack(
        "{s:s, s:s, s:s, s:O, s:O, s:O}", "directory", init->directory, "realm", init->realm, "listen",
        init->listen, "hsm", json_object_get(provisioned, "hsm"), "grade",
        json_object_get(provisioned, "grade"), "not_enforced", json_object_get(provisioned, "not_enforced"));
    enum cli_exit status = output_object(init->cli, object);

    json_decref(object);
    output_say(init->cli,
               "\nNext: privyseald --config %s\n"
               "      privyseal --config %s/operator/pkcs11.conf user add NAME\n"
               "%s"
               "Move %s/ca off this machine before this is more than a trial: who has it can issue "
               "identities (but not "
               "sign for anybody).",
               init->config, init->directory,
               cli_option(init->cli, "quorum")
                   ? "      privyseal backup FILE, daily: without one the officers can bring back keys, but "
                     "no users\n"
                   : "The master keys exist in this HSM alone: there is no backup but the HSM's own.\n",
               init->directory);
    return status;
}

/* What the audit logs are called after, written down so that it stays when the host gets another name. */
static enum cli_exit choose_proxy(struct init *init)
{
    const char *given = cli_option(init->cli, "proxy");
    char host[256] = "";

    if (!given && gethostname(host, sizeof(host) - 1) == 0)
        host[strcspn(host, ".")] = '\0';
    if (!given)
        given = proxy_name_is_valid(host) ? host : "proxy";
    if (!proxy_name_is_valid(given))
        return cli_fail(init->cli, CLI_USAGE, NULL,
                        "--proxy takes 1 to %d letters, digits, \"-\" and \"_\", not \"%s\"", PROXY_NAME_MAX,
                        given);
    strcpy(init->proxy, given); /* proxy_name_is_valid: at most PROXY_NAME_MAX */
    return CLI_DONE;
}

/* The daemon would refuse them too, but by then much has been made. */
static enum cli_exit check_numbers(const struct cli *cli)
{
    long number;
    enum cli_exit status = cli_option_number(cli, "partitions", 0, 0, PARTITIONS_MOST, &number);

    if (status == CLI_DONE)
        status = cli_option_number(cli, "signers", 1, 1, SIGNERS_MOST, &number);
    if (status == CLI_DONE)
        status = cli_option_number(cli, "quorum", 1, 1, SHAMIR_SHARES_MAX, &number);
    return status;
}

static enum cli_exit check_options(struct init *init)
{
    struct cli *cli = init->cli;
    const char *enrolment = cli_option(cli, "enrolment-listen");
    enum cli_exit status;

    init->realm = cli_option(cli, "realm") ? cli_option(cli, "realm") : "privyseal";
    init->listen = cli_option(cli, "listen") ? cli_option(cli, "listen") : "127.0.0.1:7443";
    init->module = cli_option(cli, "hsm-module") ? cli_option(cli, "hsm-module") : SOFTHSM_MODULE;
    init->is_softhsm = strstr(init->module, "softhsm") != NULL;
    /* The realm is in the HSM token's label, after "privyseal ". */
    if (!name_is_valid(bytes_of_text(init->realm)) ||
        strlen(init->realm) > NAME_MAX_LEN - strlen("privyseal "))
        return cli_fail(cli, CLI_USAGE, NULL,
                        "--realm takes 1 to %zu bytes without colon, slash or quote, not \"%s\"",
                        NAME_MAX_LEN - strlen("privyseal "), init->realm);
    if (!strrchr(init->listen, ':'))
        return cli_fail(cli, CLI_USAGE, NULL, "--listen takes HOST:PORT, not \"%s\"", init->listen);
    if (!cli_option(cli, "quorum") != !cli_option(cli, "officers"))
        return cli_fail(cli, CLI_USAGE, "`privyseal officer key FILE`, run by each officer, makes the keys.",
                        "--quorum and --officers go together");
    if (enrolment && !strrchr(enrolment, ':'))
        return cli_fail(cli, CLI_USAGE, NULL, "--enrolment-listen takes HOST:PORT, not \"%s\"", enrolment);
    if (init->is_softhsm && !cli_option(cli, "allow-software-hsm"))
        return cli_fail(cli, CLI_USAGE,
                        "Give --hsm-module for a real HSM, or --allow-software-hsm for a trial.",
                        "SoftHSM is software: whoever reads its files and PIN has every master key");
    status = check_numbers(cli);
    return status == CLI_DONE ? choose_proxy(init) : status;
}

static enum cli_exit make_deployment(struct init *init, json_t **ret)
{
    enum cli_exit status;

    init->has_begun = true;
    status = make_directories(init);
    if (status == CLI_DONE)
        status = make_certificates(init);
    if (status == CLI_DONE)
        status = write_server_config(init);
    if (status == CLI_DONE)
        status = write_client_configs(init);
    if (status == CLI_DONE)
        status = hold_ceremony(init);
    if (status == CLI_DONE)
        status = run_daemon(init, ret);
    if (status == CLI_DONE)
        status = certify_seal_key(init, *ret);
    if (status == CLI_DONE)
        status = certify_authorities(init, *ret);
    return status == CLI_DONE ? publish_audit_key(init, *ret) : status;
}

enum cli_exit cmd_init(struct cli *cli)
{
    CLEANUP(json_decref) json_t *provisioned = NULL;
    struct init init = { .cli = cli };
    enum cli_exit status = check_options(&init);

    if (status == CLI_DONE)
        status = claim_directory(&init, cli->args[0]);
    if (status == CLI_DONE)
        status = claim_config(&init);
    if (status == CLI_DONE)
        status = make_deployment(&init, &provisioned);
    if (status == CLI_DONE)
        return report(&init, provisioned);
    undo(&init);
    return status;
}
