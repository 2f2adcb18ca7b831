/* SPDX-License-Identifier: Apache-2.0 */
/* test_proxy_config.c - what a server's configuration may say, and what a wrong one is told. */
#include "proxy/config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "include/table.h"
#include "proto/dual_class.h"
#include "proto/limits.h"
#include "tests/support/scratch.h"
#include "tests/support/suite.h"

static struct scratch scratch;
static char file[SCRATCH_PATH_MAX];

static void setup(void)
{
    scratch_make(&scratch);
    snprintf(file, sizeof(file), "%s", scratch_path(&scratch, "privyseald.conf"));
}

static void teardown(void)
{
    scratch_remove(&scratch);
}

static void write_bytes(const char *text, size_t len)
{
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, len), (ssize_t)len);
    close(fd);
}

/* All that is required, and nothing else. Six lines of [server], then [hsm]. */
#define SERVER                                                                                               \
    "[server]\n"                                                                                             \
    "realm = Example\n"                                                                                      \
    "listen = 127.0.0.1:7443\n"                                                                              \
    "certificate = tls/server.pem\n"                                                                         \
    "key = tls/server.key\n"                                                                                 \
    "client_ca = tls/clients.pem\n"                                                                          \
    "seal_chain = seal/chain.pem\n"
#define HSM                                                                                                  \
    "[hsm]\n"                                                                                                \
    "module = /usr/lib/softhsm/libsofthsm2.so\n"                                                             \
    "token = privyseal\n"                                                                                    \
    "pin_file = hsm/pin\n"

static struct proxy_config *load(const char *text)
{
    struct proxy_config *config = NULL;
    char *why = NULL;

    write_bytes(text, strlen(text));
    ck_assert_msg(proxy_config_load(file, &config, &why) == 0, "%s", why);
    ck_assert_ptr_null(why);
    return config;
}

/* That @text is refused with @why, which begins after "FILE:". */
static void ck_assert_refused(const char *text, const char *why)
{
    struct proxy_config *config = NULL;
    CLEANUP(free_string) char *said = NULL;

    write_bytes(text, strlen(text));
    ck_assert_int_eq(proxy_config_load(file, &config, &said), -EINVAL);
    ck_assert_ptr_null(config);
    ck_assert_ptr_nonnull(said);
    ck_assert_int_eq(strncmp(said, file, strlen(file)), 0);
    ck_assert_str_eq(said + strlen(file) + 1, why);
}

START_TEST(proofs_of_enrolment_are_words_and_a_code_is_always_among_them)
{
    CLEANUP(proxy_config_free) struct proxy_config *fallback = load(SERVER HSM);
    CLEANUP(proxy_config_free)
    struct proxy_config *some = load(SERVER HSM "[enrolment]\nproof = totp, pin\n");

    ck_assert_uint_eq(fallback->enrolment_proofs, 1U << 1 | 1U << 2 | 1U << 3);
    ck_assert_uint_eq(some->enrolment_proofs, 1U << 0 | 1U << 1 | 1U << 2);
}
END_TEST

START_TEST(least_file_gives_the_defaults)
{
    CLEANUP(proxy_config_free) struct proxy_config *config = load(SERVER HSM);

    ck_assert_str_eq(config->realm, "Example");
    ck_assert_uint_eq(config->listen.count, 1);
    ck_assert_str_eq(config->listen.at[0], "127.0.0.1:7443");
    ck_assert_str_eq(config->certificate, "tls/server.pem");
    ck_assert_str_eq(config->key, "tls/server.key");
    ck_assert_str_eq(config->client_ca, "tls/clients.pem");
    ck_assert_str_eq(config->seal_chain, "seal/chain.pem");
    ck_assert_uint_eq(config->signers, (unsigned)sysconf(_SC_NPROCESSORS_ONLN));
    ck_assert_uint_eq(config->partitions, 0);
    ck_assert_uint_eq(config->partition_users, 1000);
    ck_assert_uint_eq(config->busy_poll_us, 250);
    ck_assert_ptr_null(config->front_user);
    ck_assert_ptr_null(config->signer_user);
    ck_assert_int_eq(config->log_level, LOG_LEVEL_INFO);
    ck_assert_uint_eq(config->max_connections, 20000);
    ck_assert_uint_eq(config->max_connections_per_address, 0);
    ck_assert_uint_eq(config->max_streams, 100);
    ck_assert_uint_eq(config->queue, 256);
    ck_assert_uint_eq(config->idle_ms, 600000);
    ck_assert_uint_eq(config->handshake_ms, 10000);
    ck_assert_uint_eq(config->rate, 0);
    ck_assert_str_eq(config->store, "sqlite:store/privyseal.db");
    ck_assert_str_eq(config->audit_directory, "audit");
    ck_assert(!config->audit_write);
    ck_assert_str_eq(config->hsm_module, "/usr/lib/softhsm/libsofthsm2.so");
    ck_assert_str_eq(config->hsm_token, "privyseal");
    ck_assert_str_eq(config->hsm_pin_file, "hsm/pin");
    ck_assert_ptr_null(config->hsm_environment);
    ck_assert(!config->allow_software_hsm);
    ck_assert_uint_eq(config->hsm_handles, 10000);
    ck_assert_uint_eq(config->recycle_after, 500000);
    ck_assert_uint_eq(config->argon2_memory_kib, ARGON2_MEMORY_KIB_DEFAULT);
    ck_assert_uint_eq(config->argon2_passes, ARGON2_PASSES_DEFAULT);
    ck_assert_uint_eq(config->argon2_lanes, ARGON2_LANES_DEFAULT);
    ck_assert_uint_eq(config->lease_idle_ms, 900000);
    ck_assert_uint_eq(config->lease_life_ms, 43200000);
    ck_assert_uint_eq(config->leases, 4096);
    ck_assert(!config->verify_every_ec);
    ck_assert_uint_eq(config->key_life_days, 1826);
    ck_assert_uint_eq(config->two_for, 0);
    ck_assert_uint_eq(config->request_hours, 72);
}
END_TEST

START_TEST(every_key_is_taken)
{
    CLEANUP(proxy_config_free)
    struct proxy_config *config = load(
        "# a comment\n" SERVER
        "signers = 3\npartitions = 4\npartition_users = 50\nfront_user = 1001 ; an inline comment\n"
        "busy_poll = 0\n"
        "signer_user = privyseal\nlog_level = debug\n"
        "\n[limits]\nmax_connections = 1\nmax_connections_per_address = 2\nmax_streams = 3\nqueue = 4\n"
        "idle_ms = 5000\nhandshake_ms = 6000\nrate = 7\n"
        "[store]\nurl = sqlite:other.db\n[audit]\ndirectory = /var/log/privyseal\nsync = write\n" HSM
        "environment = SOFTHSM2_CONF=hsm/softhsm2.conf\n"
        "partition_environment = SOFTHSM2_CONF=hsm/partitions.conf\npartition_directory = hsm/partitions\n"
        "allow_software_hsm = on\nhandles = 8\nrecycle_after = 9\n"
        "[pin]\nargon2_memory_kib = 131072\nargon2_passes = 4\nargon2_lanes = 2\n"
        "[lease]\nidle_ms = 10000\nlife_ms = 11000\nleases = 12\n"
        "[keys]\nverify_every_ec = 1\nlife_days = 13");

    ck_assert_uint_eq(config->signers, 3);
    ck_assert_uint_eq(config->partitions, 4);
    ck_assert_uint_eq(config->partition_users, 50);
    ck_assert_uint_eq(config->busy_poll_us, 0);
    ck_assert_str_eq(config->front_user, "1001");
    ck_assert_str_eq(config->signer_user, "privyseal");
    ck_assert_int_eq(config->log_level, LOG_LEVEL_DEBUG);
    ck_assert_uint_eq(config->max_connections, 1);
    ck_assert_uint_eq(config->max_connections_per_address, 2);
    ck_assert_uint_eq(config->max_streams, 3);
    ck_assert_uint_eq(config->queue, 4);
    ck_assert_uint_eq(config->idle_ms, 5000);
    ck_assert_uint_eq(config->handshake_ms, 6000);
    ck_assert_uint_eq(config->rate, 7);
    ck_assert_str_eq(config->store, "sqlite:other.db");
    ck_assert_str_eq(config->audit_directory, "/var/log/privyseal");
    ck_assert(config->audit_write);
    ck_assert_str_eq(config->hsm_environment, "SOFTHSM2_CONF=hsm/softhsm2.conf");
    ck_assert_str_eq(config->hsm_partition_environment, "SOFTHSM2_CONF=hsm/partitions.conf");
    ck_assert_str_eq(config->hsm_partition_directory, "hsm/partitions");
    ck_assert(config->allow_software_hsm);
    ck_assert_uint_eq(config->hsm_handles, 8);
    ck_assert_uint_eq(config->recycle_after, 9);
    ck_assert_uint_eq(config->argon2_memory_kib, 131072);
    ck_assert_uint_eq(config->argon2_passes, 4);
    ck_assert_uint_eq(config->argon2_lanes, 2);
    ck_assert_uint_eq(config->lease_idle_ms, 10000);
    ck_assert_uint_eq(config->lease_life_ms, 11000);
    ck_assert_uint_eq(config->leases, 12);
    ck_assert(config->verify_every_ec);
    ck_assert_uint_eq(config->key_life_days, 13);
}
END_TEST

START_TEST(classes_that_take_two_are_words_between_commas)
{
    CLEANUP(proxy_config_free)
    struct proxy_config *config =
        load(SERVER HSM "[operators]\ntwo_for = enrol,delete , key\nrequest_hours = 5");
    CLEANUP(proxy_config_free) struct proxy_config *none = load(SERVER HSM "[operators]\ntwo_for =");

    ck_assert_uint_eq(config->two_for, DUAL_BIT(DUAL_ENROL) | DUAL_BIT(DUAL_DELETE) | DUAL_BIT(DUAL_KEY));
    ck_assert_uint_eq(config->request_hours, 5);
    ck_assert_uint_eq(none->two_for, 0);
    ck_assert_refused(
        "[operators]\ntwo_for = enrol, everything\n", /* a typo is no "one is enough" */
        "2: two_for = \"enrol, everything\": expected some of enrol, key, reset, unlock, device, "
        "certificate, policy, delete, separated by commas");
}
END_TEST

START_TEST(further_hsm_takes_what_it_leaves_out_from_the_first)
{
    CLEANUP(proxy_config_free)
    struct proxy_config *config =
        load("[hsm.b]\npin_file = hsm/pin-b\nenvironment = SOFTHSM2_CONF=hsm/b.conf\nsigners = 1\n"
             "[hsm.c]\npin_file = hsm/pin-c\nmodule = /usr/lib/other.so\ntoken = other\n" SERVER
             "signers = 3\n" HSM);
    struct hsm_place b = proxy_config_hsm(config, 1), c = proxy_config_hsm(config, 2);
    static const unsigned places[] = { 0, 0, 0, 1, 2, 2, 2, 0 }; /* the last: of the partitions */

    ck_assert_uint_eq(proxy_config_hsms(config), 3);
    ck_assert_uint_eq(config->signers, 7);
    ck_assert_uint_eq(proxy_config_hsm(config, 0).signers, 3);
    ck_assert_str_eq(b.name, "hsm.b");
    ck_assert_str_eq(b.module, config->hsm_module);
    ck_assert_str_eq(b.token, config->hsm_token);
    ck_assert_str_eq(b.environment, "SOFTHSM2_CONF=hsm/b.conf");
    ck_assert_str_eq(c.module, "/usr/lib/other.so");
    ck_assert_str_eq(c.token, "other");
    ck_assert_str_eq(c.pin_file, "hsm/pin-c");
    ck_assert_uint_eq(c.signers, 3);
    for (unsigned i = 0; i < 8; i++)
        ck_assert_uint_eq(proxy_config_hsm_of(config, i), places[i]);
    ck_assert_uint_eq(proxy_config_find_hsm(config, "hsm"), 0);
    ck_assert_uint_eq(proxy_config_find_hsm(config, "c"), 2);
    ck_assert_uint_eq(proxy_config_find_hsm(config, "d"), HSMS_MAX);
}
END_TEST

START_TEST(further_hsm_that_is_not_whole_is_refused)
{
    ck_assert_refused(
        "[hsm.b]\npin = x\n",
        "2: unknown key \"pin\" in [hsm.b]: there are module, environment, token, pin_file and signers");
    ck_assert_refused("[hsm.b]\nsigners = 1\nsigners = 2\n", "3: signers is given twice in [hsm.b]");
    ck_assert_refused("[hsm.b/c]\nsigners = 1\n",
                      "2: [hsm.b/c]: expected 1 to 16 letters, digits, - and _ behind the dot");
    ck_assert_refused(SERVER HSM "[hsm.b]\nsigners = 1\n", " missing: [hsm.b] pin_file");
}
END_TEST

START_TEST(addresses_stand_on_one_line_or_on_several)
{
    CLEANUP(proxy_config_free)
    struct proxy_config *config = load(SERVER "listen = [::]:7443, localhost:1 \nlisten = 10.0.0.1:0\n" HSM);

    ck_assert_uint_eq(config->listen.count, 4);
    ck_assert_str_eq(config->listen.at[0], "127.0.0.1:7443");
    ck_assert_str_eq(config->listen.at[1], "[::]:7443");
    ck_assert_str_eq(config->listen.at[2], "localhost:1");
    ck_assert_str_eq(config->listen.at[3], "10.0.0.1:0");
}
END_TEST

START_TEST(indented_lines_are_lines)
{
    CLEANUP(proxy_config_free)
    struct proxy_config *config = load("[server]\n  realm = Example\n\t# a comment\n  signers = 2\n"
                                       "  listen = 127.0.0.1:7443\n  certificate = c\n  key = k\n"
                                       "  client_ca = ca\n  seal_chain = s\n\n" HSM);

    ck_assert_str_eq(config->realm, "Example");
    ck_assert_uint_eq(config->signers, 2);
    ck_assert_uint_eq(config->listen.count, 1);
}
END_TEST

START_TEST(state_is_the_directory_of_the_file)
{
    CLEANUP(proxy_config_free) struct proxy_config *config = load(SERVER HSM);

    ck_assert_str_eq(config->state, scratch.directory);
    ck_assert_str_eq(config->path, file);
}
END_TEST

START_TEST(state_that_is_relative_starts_at_the_file)
{
    CLEANUP(proxy_config_free) struct proxy_config *config = NULL;

    ck_assert_int_eq(mkdir(scratch_path(&scratch, "state"), 0700), 0);
    config = load(SERVER "state = ./state/../state\n" HSM);
    ck_assert_str_eq(config->state, scratch_path(&scratch, "state"));
}
END_TEST

START_TEST(path_of_the_file_is_made_absolute)
{
    CLEANUP(proxy_config_free) struct proxy_config *config = NULL;
    char *why = NULL;

    write_bytes(SERVER HSM, strlen(SERVER HSM));
    ck_assert_int_eq(chdir(scratch.directory), 0);
    ck_assert_int_eq(proxy_config_load("privyseald.conf", &config, &why), 0);
    ck_assert_str_eq(config->path, file);
    ck_assert_str_eq(config->state, scratch.directory);
}
END_TEST

START_TEST(state_that_does_not_exist_is_refused)
{
    struct proxy_config *config = NULL;
    CLEANUP(free_string) char *why = NULL;

    write_bytes(SERVER "state = missing\n" HSM, strlen(SERVER "state = missing\n" HSM));
    ck_assert_int_eq(proxy_config_load(file, &config, &why), -ENOENT);
    ck_assert_ptr_nonnull(strstr(why, "missing: No such file or directory"));
}
END_TEST

START_TEST(file_that_is_missing_is_named)
{
    struct proxy_config *config = NULL;
    CLEANUP(free_string) char *why = NULL;

    ck_assert_int_eq(proxy_config_load(file, &config, &why), -ENOENT);
    ck_assert_ptr_nonnull(strstr(why, "privyseald.conf: No such file or directory"));
}
END_TEST

START_TEST(directory_instead_of_a_file_is_refused)
{
    struct proxy_config *config = NULL;
    CLEANUP(free_string) char *why = NULL;

    ck_assert_int_lt(proxy_config_load(scratch.directory, &config, &why), 0);
    ck_assert_ptr_nonnull(why);
}
END_TEST

START_TEST(required_keys_that_are_missing_are_all_named)
{
    ck_assert_refused("",
                      " missing: [server] realm, [server] listen, [server] certificate, [server] key,"
                      " [server] client_ca, [server] seal_chain, [hsm] module, [hsm] token, [hsm] pin_file");
}
END_TEST

START_TEST(unknown_key_gets_a_suggestion)
{
    ck_assert_refused("[limits]\nqueu = 4\n",
                      "2: unknown key \"queu\" in [limits]; did you mean \"queue\" in [limits]?");
    ck_assert_refused("[server]\n\nqueue = 4\n",
                      "3: unknown key \"queue\" in [server]; did you mean \"queue\" in [limits]?");
    ck_assert_refused("[lease]\nidlems = 4\n",
                      "2: unknown key \"idlems\" in [lease]; did you mean \"idle_ms\" in [lease]?");
    ck_assert_refused("[server]\ncolour = blue\n", "2: unknown key \"colour\" in [server]");
}
END_TEST

START_TEST(unknown_section_gets_a_suggestion)
{
    ck_assert_refused("[limit]\nqueue = 4\n", "2: unknown section [limit]; did you mean [limits]?");
    ck_assert_refused("[nonsense]\nqueue = 4\n", "2: unknown section [nonsense]");
    ck_assert_refused("realm = x\n", "1: \"realm\" stands before the first [section]");
}
END_TEST

START_TEST(values_of_the_wrong_form_are_refused)
{
    ck_assert_refused("[limits]\nqueue = many\n", "2: queue = \"many\": expected a number from 1 to 65536");
    ck_assert_refused("[limits]\nqueue = 0\n", "2: queue = \"0\": expected a number from 1 to 65536");
    ck_assert_refused("[limits]\nqueue = 65537\n", "2: queue = \"65537\": expected a number from 1 to 65536");
    ck_assert_refused("[limits]\nqueue = 99999999999999999999\n",
                      "2: queue = \"99999999999999999999\": expected a number from 1 to 65536");
    ck_assert_refused("[limits]\nqueue = -1\n", "2: queue = \"-1\": expected a number from 1 to 65536");
    ck_assert_refused("[limits]\nqueue =\n", "2: queue = \"\": expected a number from 1 to 65536");
    ck_assert_refused("[server]\npartitions = maybe\n",
                      "2: partitions = \"maybe\": expected yes, no or a number of signers up to 64");
    ck_assert_refused("[server]\npartitions = 65\n",
                      "2: partitions = \"65\": expected yes, no or a number of signers up to 64");
    ck_assert_refused("[audit]\nsync = yes\n", "2: sync = \"yes\": expected batch or write");
    ck_assert_refused("[audit]\ndirectory =\n", "2: directory = \"\": expected something");
    ck_assert_refused("[server]\nlog_level = loud\n",
                      "2: log_level = \"loud\": expected error, warning, notice, info or debug");
    ck_assert_refused("[hsm]\nenvironment = hsm/softhsm2.conf\n",
                      "2: environment = \"hsm/softhsm2.conf\": expected NAME=VALUE");
    ck_assert_refused("[server]\nrealm = a:b\n",
                      "2: realm = \"a:b\": expected 1 to 32 bytes of UTF-8 without : / \\ and quotes");
    ck_assert_refused("[pin]\nargon2_memory_kib = 1024\n", /* below what a client would stretch with */
                      "2: argon2_memory_kib = \"1024\": expected a number from 19456 to 1048576");
}
END_TEST

START_TEST(addresses_that_are_none_or_too_many_are_refused)
{
    const char expected[] = ": expected up to 8 addresses like 127.0.0.1:7443 or [::]:7443";
    const char *const values[] = { "7443", ":7443", "host:", "host:65536", "host:x", ",", "a:1 b:2 c" };

    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        char text[128], why[256];

        snprintf(text, sizeof(text), "[server]\nlisten = %s\n", values[i]);
        snprintf(why, sizeof(why), "2: listen = \"%s\"%s", values[i], expected);
        ck_assert_refused(text, why);
    }
    ck_assert_refused("[server]\nlisten = a:1 a:2 a:3 a:4\nlisten = a:5 a:6 a:7 a:8\nlisten = a:9\n",
                      "4: listen = \"a:9\": expected up to 8 addresses like 127.0.0.1:7443 or [::]:7443");
}
END_TEST

START_TEST(other_partition_signers_get_a_number_before_the_suffix)
{
    static const struct {
        const char *first;
        unsigned shard;
        const char *expected;
    } rows[] = {
        { "SOFTHSM2_CONF=hsm/softhsm2-partitions.conf", 0, "SOFTHSM2_CONF=hsm/softhsm2-partitions.conf" },
        { "SOFTHSM2_CONF=hsm/softhsm2-partitions.conf", 1, "SOFTHSM2_CONF=hsm/softhsm2-partitions-1.conf" },
        { "hsm.d/partitions", 12, "hsm.d/partitions-12" },
        { "partitions", 2, "partitions-2" },
        { NULL, 2, NULL },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(free_string) char *value = NULL;

        ck_assert_int_eq(proxy_config_of_shard(rows[i].first, rows[i].shard, &value), 0);
        ck_assert_pstr_eq(value, rows[i].expected);
    }
}
END_TEST

START_TEST(key_given_twice_is_refused)
{
    ck_assert_refused("[server]\nrealm = a\nrealm = b\n", "3: realm is given twice in [server]");
}
END_TEST

START_TEST(line_that_is_no_line_is_refused)
{
    ck_assert_refused("[server]\nrealm = a\nwhat is this\n",
                      "3: expected [section], key = value, or a # comment");
    ck_assert_refused("[server]\nrealm = a\n   and more\n",
                      "3: expected [section], key = value, or a # comment");
    ck_assert_refused("[server\n", "1: expected [section], key = value, or a # comment");
}
END_TEST

START_TEST(line_that_would_be_split_is_refused)
{
    char text[512] = "[server]\ncertificate = ";

    memset(text + strlen(text), 'x', 300);
    ck_assert_refused(text, "2: the line is too long: at most 198 bytes");
}
END_TEST

START_TEST(file_with_a_nul_is_refused)
{
    const char text[] = "[server]\nrealm = a\0b\nsigners = 1\n";
    struct proxy_config *config = NULL;
    CLEANUP(free_string) char *why = NULL;

    write_bytes(text, sizeof(text) - 1);
    ck_assert_int_eq(proxy_config_load(file, &config, &why), -EINVAL);
    ck_assert_ptr_nonnull(strstr(why, ":2: this is not a text file"));
}
END_TEST

SUITE_WITH_FIXTURE(
    "proxy config", setup, teardown, proofs_of_enrolment_are_words_and_a_code_is_always_among_them,
    least_file_gives_the_defaults, every_key_is_taken, classes_that_take_two_are_words_between_commas,
    further_hsm_takes_what_it_leaves_out_from_the_first, further_hsm_that_is_not_whole_is_refused,
    addresses_stand_on_one_line_or_on_several, indented_lines_are_lines, state_is_the_directory_of_the_file,
    state_that_is_relative_starts_at_the_file, path_of_the_file_is_made_absolute,
    state_that_does_not_exist_is_refused, file_that_is_missing_is_named,
    directory_instead_of_a_file_is_refused, required_keys_that_are_missing_are_all_named,
    unknown_key_gets_a_suggestion, unknown_section_gets_a_suggestion, values_of_the_wrong_form_are_refused,
    addresses_that_are_none_or_too_many_are_refused, other_partition_signers_get_a_number_before_the_suffix,
    key_given_twice_is_refused, line_that_is_no_line_is_refused, line_that_would_be_split_is_refused,
    file_with_a_nul_is_refused);
