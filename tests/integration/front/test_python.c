/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_python.c - the cases of python_client.py, each run by Debian's python3-grpcio against a front: the wire is gRPC,
 * not something like it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/integration/front/rig.h"
#include "tests/support/suite.h"

static struct rig rig;
static char directory[] = "/tmp/privyseal-python-XXXXXX";

/* Writes @pem into the directory and says where in the environment variable @name. */
static void provide(const char *name, BIO *pem)
{
    char path[64], *data;
    long len = BIO_get_mem_data(pem, &data);
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(data, 1, (size_t)len, file), (size_t)len);
    fclose(file);
    setenv(name, path, 1);
    BIO_free(pem);
}

static void setup(void)
{
    EVP_PKEY *key;
    X509 *certificate;
    char port[8];

    rig_init(&rig);
    rig_start(&rig);
    ck_assert_ptr_nonnull(mkdtemp(directory));
    authority_issue(&rig.authority, "python", ISSUE_CLIENT, &key, &certificate);
    provide("CA", pem_of_certificate(rig.authority.certificate));
    provide("CERTIFICATE", pem_of_certificate(certificate));
    provide("KEY", pem_of_key(key));
    snprintf(port, sizeof(port), "%u", rig.port);
    setenv("PORT", port, 1);
    EVP_PKEY_free(key);
    X509_free(certificate);
}

static void teardown(void)
{
    static const char *const names[] = { "CA", "CERTIFICATE", "KEY" };

    for (size_t i = 0; i < 3; i++)
        unlink(getenv(names[i]));
    rmdir(directory);
    rig_stop(&rig);
}

static void run_case(const char *name)
{
    int status;
    pid_t pid = fork();

    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        execl("/usr/bin/python3", "python3", getenv("PYTHON_CLIENT"), name, (char *)NULL);
        _exit(127);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "python_client.py %s failed", name);
}

#define CASE(name)                                                                                           \
    START_TEST(name)                                                                                         \
    {                                                                                                        \
        run_case(#name);                                                                                     \
    }                                                                                                        \
    END_TEST

CASE(health_check_is_serving)
CASE(health_of_an_unknown_service_is_not_found)
CASE(health_is_watched_until_the_caller_has_enough)
CASE(unknown_service_may_be_watched)
CASE(list_tokens_is_answered_by_a_signer)
CASE(answer_carries_its_request_id)
CASE(failure_decodes_from_the_status_details)
CASE(refusal_of_the_front_carries_a_failure_too)
CASE(unknown_method_is_unimplemented)
CASE(clients_deadline_is_kept)
CASE(thousand_calls_on_one_channel_are_answered)

SUITE_WITH_FIXTURE("front: python", setup, teardown, health_check_is_serving,
                   health_of_an_unknown_service_is_not_found, health_is_watched_until_the_caller_has_enough,
                   unknown_service_may_be_watched, list_tokens_is_answered_by_a_signer,
                   answer_carries_its_request_id, failure_decodes_from_the_status_details,
                   refusal_of_the_front_carries_a_failure_too, unknown_method_is_unimplemented,
                   clients_deadline_is_kept, thousand_calls_on_one_channel_are_answered);
