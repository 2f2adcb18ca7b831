/* SPDX-License-Identifier: Apache-2.0 */
/* test_config.c - what the client's configuration means, and what it says about one that means nothing. */
#include "client/config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "include/table.h"
#include "tests/support/suite.h"

#define DEPLOYMENT "[deployment prod]\nrealm = example\nendpoints = proxy:8443\nca = ca.pem\n"
#define IDENTITY   "[identity me]\ncertificate = /etc/me.pem\nkey = me.key\n"

static char directory[64];
static struct client_config *config;
static char *why;

static void set_up(void)
{
    strcpy(directory, "/tmp/privyseal-config-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    unsetenv("PRIVYSEAL_CONF");
    unsetenv("PRIVYSEAL_DEBUG");
    setenv("XDG_CONFIG_HOME", directory, 1);
}

static void remove_file(const char *name)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    remove(path);
}

static void tear_down(void)
{
    static const char *const names[] = { "a.conf", "b.conf", "privyseal/pkcs11.conf", "privyseal" };

    client_config_free(config);
    free(why);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        remove_file(names[i]);
    rmdir(directory);
}

/* Writes a file of the test's directory; its path, valid until the next call. */
static const char *write_file(const char *name, const char *content)
{
    static char path[128];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(content, file), 0);
    fclose(file);
    return path;
}

static void load(const char *content)
{
    int r = client_config_load(write_file("a.conf", content), &config, &why);

    ck_assert_msg(r == 0, "%d: %s", r, why ? why : "");
}

/* ------------------------------------------------------------------------------------------------------- meaning */

START_TEST(full_configuration_is_read)
{
    load("[client]\ndebug = trace.log\ntokens = all\n" DEPLOYMENT "sign_timeout_ms = 1000\n" IDENTITY
         "deployment = prod\n[token anna]\nidentity = me\nkeys = 0a0b mail\n");
    ck_assert(config->tokens_all);
    ck_assert_str_eq(config->deployment[0].realm, "example");
    ck_assert_uint_eq(config->deployment[0].endpoint_count, 1);
    ck_assert_str_eq(config->deployment[0].endpoints[0], "proxy:8443");
    ck_assert_uint_eq(config->deployment[0].connect_timeout_ms, 5000);
    ck_assert_uint_eq(config->deployment[0].sign_timeout_ms, 1000);
    ck_assert_str_eq(config->token[0].token, "anna");
    ck_assert_str_eq(config->token[0].keys, "0a0b mail");
    ck_assert_ptr_eq(client_config_identity(config, "me"), &config->identity[0]);
}
END_TEST

START_TEST(relative_path_is_relative_to_its_file)
{
    char expected[128];

    load(DEPLOYMENT IDENTITY);
    snprintf(expected, sizeof(expected), "%s/ca.pem", directory);
    ck_assert_str_eq(config->deployment[0].ca, expected);
    ck_assert_str_eq(config->identity[0].certificate, "/etc/me.pem");
}
END_TEST

START_TEST(empty_token_section_makes_a_slot_of_its_name)
{
    load(DEPLOYMENT IDENTITY "[token anna]\n[token berta]\n");
    ck_assert_uint_eq(config->token_count, 2);
    ck_assert_str_eq(config->token[1].token, "berta");
    ck_assert_ptr_nonnull(client_config_identity(config, config->token[0].identity));
}
END_TEST

START_TEST(endpoints_go_on_in_indented_lines)
{
    load("[deployment prod]\nrealm = example\nca = ca.pem\nendpoints = a:1 b:2\n  [::1]:3 ; the "
         "third\n\t10.0.0.1:4\n");
    ck_assert_uint_eq(config->deployment[0].endpoint_count, 4);
    ck_assert_str_eq(config->deployment[0].endpoints[2], "[::1]:3");
    ck_assert_str_eq(config->deployment[0].endpoints[3], "10.0.0.1:4");
}
END_TEST

START_TEST(endpoints_are_in_the_listed_order_unless_balanced)
{
    load(DEPLOYMENT IDENTITY);
    ck_assert(!config->deployment[0].is_balanced);
    client_config_free(TAKE(config));
    load(DEPLOYMENT "endpoint_order = balanced\n" IDENTITY);
    ck_assert(config->deployment[0].is_balanced);
}
END_TEST

START_TEST(later_file_wins_key_by_key_and_keeps_the_order_of_tokens)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/privyseal", directory);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    write_file("privyseal/pkcs11.conf", DEPLOYMENT IDENTITY "[token anna]\n[token berta]\n");
    setenv("PRIVYSEAL_CONF",
           write_file("b.conf",
                      "[token carla]\n[token berta]\ntoken = b\n[deployment prod]\nendpoints = other:1\n"),
           1);
    ck_assert_int_eq(client_config_load(NULL, &config, &why), 0);
    ck_assert_uint_eq(config->token_count, 3);
    ck_assert_str_eq(config->token[0].name, "anna");
    ck_assert_str_eq(config->token[1].token, "b");
    ck_assert_str_eq(config->token[2].name, "carla");
    ck_assert_str_eq(config->deployment[0].realm, "example");
    ck_assert_uint_eq(config->deployment[0].endpoint_count, 1);
    ck_assert_str_eq(config->deployment[0].endpoints[0], "other:1");
    ck_assert_ptr_nonnull(strstr(config->files, "privyseal/pkcs11.conf\n"));
    ck_assert_ptr_nonnull(strstr(config->files, "b.conf\n"));
}
END_TEST

START_TEST(no_file_at_all_is_an_empty_configuration)
{
    ck_assert_int_eq(client_config_load(NULL, &config, &why), 0);
    ck_assert_uint_eq(config->token_count, 0);
}
END_TEST

START_TEST(named_file_that_does_not_exist_is_an_error)
{
    ck_assert_int_eq(client_config_load("/nonexistent/x.conf", &config, &why), -ENOENT);
    ck_assert_str_eq(why, "/nonexistent/x.conf: No such file or directory");
    free(why);
    why = NULL;
    setenv("PRIVYSEAL_CONF", "/nonexistent/y.conf", 1);
    ck_assert_int_eq(client_config_load(NULL, &config, &why), -ENOENT);
}
END_TEST

START_TEST(environment_wins_over_the_debug_key)
{
    setenv("PRIVYSEAL_DEBUG", "stderr", 1);
    load("[client]\ndebug = trace.log\n");
    ck_assert_str_eq(config->debug, "stderr");
}
END_TEST

START_TEST(name_is_needed_where_there_are_several)
{
    load(DEPLOYMENT IDENTITY "[identity two]\ncertificate = c\nkey = k\n");
    ck_assert_ptr_null(client_config_identity(config, NULL));
    ck_assert_ptr_null(client_config_identity(config, "three"));
    ck_assert_ptr_eq(client_config_identity(config, "two"), &config->identity[1]);
    ck_assert_ptr_eq(client_config_deployment(config, NULL), &config->deployment[0]);
}
END_TEST

/* --------------------------------------------------------------------------------------------------- malformed files */

#define LONG "0123456789012345678901234567890123456789"

/* What is wrong with a file, and all that is said after "FILE". */
static const struct {
    const char *content, *why;
} malformed[] = {
    { "realm = x\n", ":1: expected a section such as [deployment NAME] before the first key" },
    { "[client\n", ":1: expected \"]\" at the end of the section's name" },
    { "[clients]\n", ":1: unknown section \"clients\"; did you mean [client]?" },
    { "\n[tokens anna]\n", ":2: unknown section \"tokens\"; did you mean [token NAME]?" },
    { "[token]\n", ":1: expected [token NAME], a name of 1 to 32 bytes without colon, slash or quote" },
    { "[token a:b]\n", ":1: expected [token NAME], a name of 1 to 32 bytes without colon, slash or quote" },
    { "[token " LONG "]\n",
      ":1: expected [token NAME], a name of 1 to 32 bytes without colon, slash or quote" },
    { "[client me]\n", ":1: expected [client], without a name" },
    { "[client]\nnonsense\n", ":2: expected \"name = value\" or \"[section]\"" },
    { "[client]\ndebugg = x\n", ":2: [client] has no key \"debugg\"; did you mean \"debug\"?" },
    { "[client]\ndddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd = x\n",
      ":2: [client] has no key \"dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd\"; "
      "did you mean "
      "\"debug\"?" },
    { "[client]\ntokens = some\n", ":2: expected tokens = all, or tokens = listed" },
    { "[deployment a]\nendpoint_order = random\n",
      ":2: expected endpoint_order = listed, or endpoint_order = balanced" },
    { "[client]\ndebug =\n", ":2: expected debug = FILE or stderr" },
    { "[deployment d]\nendpoint = a:1\n",
      ":2: [deployment] has no key \"endpoint\"; did you mean \"endpoints\"?" },
    { "[deployment d]\nrealm = a/b\n",
      ":2: expected realm = NAME, 1 to 32 bytes without colon, slash or quote" },
    { "[deployment d]\nrealm = a\nrealm = b\n",
      ":3: expected \"realm\" once in a section, on one line (an indented line continues the one before)" },
    { "[deployment d]\nrealm = a\n b\n",
      ":3: expected \"realm\" once in a section, on one line (an indented line continues the one before)" },
    { "[deployment d]\nendpoints = nowhere\n",
      ":2: expected endpoints = HOST:PORT ..., 1 to 16 of them, an IPv6 address in brackets" },
    { "[deployment d]\nendpoints = a:0\n",
      ":2: expected endpoints = HOST:PORT ..., 1 to 16 of them, an IPv6 address in brackets" },
    { "[deployment d]\nendpoints = a:65536\n",
      ":2: expected endpoints = HOST:PORT ..., 1 to 16 of them, an IPv6 address in brackets" },
    { "[deployment d]\nendpoints = a/b@c:1\n",
      ":2: expected endpoints = HOST:PORT ..., 1 to 16 of them, an IPv6 address in brackets" },
    { "[deployment d]\nendpoints = ::1:8443\n",
      ":2: expected endpoints = HOST:PORT ..., 1 to 16 of them, an IPv6 address in brackets" },
    { "[deployment d]\nendpoints = a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1\n",
      ":2: expected endpoints = HOST:PORT ..., 1 to 16 of them, an IPv6 address in brackets" },
    { "[deployment d]\nsign_timeout_ms = soon\n", ":2: expected sign_timeout_ms = 100 to 600000" },
    { "[deployment d]\nsign_timeout_ms = -1\n", ":2: expected sign_timeout_ms = 100 to 600000" },
    { "[deployment d]\nlogin_timeout_ms = 99999999999999999999\n",
      ":2: expected login_timeout_ms = 100 to 600000" },
    { "[token t]\nidentity = a\"b\n", ":2: expected identity = NAME of an [identity NAME] section" },
    { "[client]\ndebug = /" LONG LONG LONG LONG LONG "\n", ":2: expected a line of at most 198 bytes" },
};

START_TEST(malformed_file_is_refused_with_line_and_expectation)
{
    for (size_t i = 0; i < ARRAY_SIZE(malformed); i++) {
        const char *path = write_file("a.conf", malformed[i].content);

        ck_assert_int_eq(client_config_load(path, &config, &why), -EINVAL);
        ck_assert_ptr_null(config);
        ck_assert_ptr_nonnull(why);
        ck_assert_str_eq(why + strlen(path), malformed[i].why);
        free(why);
        why = NULL;
    }
}
END_TEST

static const struct {
    const char *content, *why;
} incomplete[] = {
    { "[deployment d]\nendpoints = a:1\nca = c\n", "[deployment d]: expected realm = NAME" },
    { "[deployment d]\nrealm = r\nca = c\n", "[deployment d]: expected endpoints = HOST:PORT ..." },
    { "[deployment d]\nrealm = r\nendpoints = a:1\n", "[deployment d]: expected ca = a PEM file" },
    { DEPLOYMENT "[identity i]\nkey = k\n", "[identity i]: expected certificate = a PEM file" },
    { DEPLOYMENT "[identity i]\ncertificate = c\n", "[identity i]: expected key = a PEM file" },
    { DEPLOYMENT "[identity i]\ncertificate = c\nkey = k\ndeployment = other\n",
      "[identity i]: expected deployment = NAME of a [deployment NAME] section (it may be left out where "
      "there is only "
      "one)" },
    { DEPLOYMENT IDENTITY "[token t]\nidentity = other\n",
      "[token t]: expected identity = NAME of an [identity NAME] section (it may be left out where there is "
      "only one)" },
};

START_TEST(incomplete_section_is_refused_with_what_it_lacks)
{
    for (size_t i = 0; i < ARRAY_SIZE(incomplete); i++) {
        const char *path = write_file("a.conf", incomplete[i].content);

        ck_assert_int_eq(client_config_load(path, &config, &why), -EINVAL);
        ck_assert_str_eq(why, incomplete[i].why);
        free(why);
        why = NULL;
    }
}
END_TEST

START_TEST(too_many_tokens_are_refused)
{
    char content[CONFIG_TOKENS_MAX * 16 + 64] = "", line[32];
    const char *path;

    for (int i = 0; i <= CONFIG_TOKENS_MAX; i++) {
        snprintf(line, sizeof(line), "[token t%d]\n", i);
        strcat(content, line);
    }
    path = write_file("a.conf", content);
    ck_assert_int_eq(client_config_load(path, &config, &why), -EINVAL);
    ck_assert_str_eq(why + strlen(path), ":257: at most 256 [token] sections");
}
END_TEST

SUITE_WITH_FIXTURE("config", set_up, tear_down, full_configuration_is_read,
                   relative_path_is_relative_to_its_file, empty_token_section_makes_a_slot_of_its_name,
                   endpoints_go_on_in_indented_lines, endpoints_are_in_the_listed_order_unless_balanced,
                   later_file_wins_key_by_key_and_keeps_the_order_of_tokens,
                   no_file_at_all_is_an_empty_configuration, named_file_that_does_not_exist_is_an_error,
                   environment_wins_over_the_debug_key, name_is_needed_where_there_are_several,
                   malformed_file_is_refused_with_line_and_expectation,
                   incomplete_section_is_refused_with_what_it_lacks, too_many_tokens_are_refused);
