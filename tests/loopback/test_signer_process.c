/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The signer as a process: it starts on what another process left behind, serves whichever front is there, outlives
 * fronts, and leaves when the supervisor lets go.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "include/descriptor.h"
#include "proto/pack.h"
#include "proxy/signer/signer.h"
#include "tests/loopback/deployment.h"
#include "tests/support/suite.h"

/* What the process that made the deployment tells this one. */
struct made {
    char directory[64];
    uint8_t operator_hash[HASH_LEN];
};

static struct made *made;
static int control, ready;
static pid_t signer;

/* An HSM is for one process: so one makes the deployment and goes, and the signer is another. */
static void make_elsewhere(void)
{
    pid_t maker;
    int status;

    made = mmap(NULL, sizeof(*made), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(made, MAP_FAILED);
    maker = fork();
    ck_assert_int_ge(maker, 0);
    if (maker == 0) {
        deployment_setup();
        strcpy(made->directory, deployment.directory);
        memcpy(made->operator_hash, deployment.operator_.certificate_hash, HASH_LEN);
        deployment_close();
        _exit(EXIT_SUCCESS);
    }
    ck_assert_int_eq(waitpid(maker, &status, 0), maker);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS);
    strcpy(deployment.directory, made->directory);
}

static struct proxy_config config_of_signer(void)
{
    return (struct proxy_config){
        .realm = REALM,
        .proxy = PROXY,
        .client_ca = "ca/root.pem",
        .seal_chain = "seal.pem",
        .signers = 1,
        .store = "sqlite:store.db",
        .audit_directory = "audit",
        .hsm_module = SOFTHSM_MODULE,
        .hsm_environment = "SOFTHSM2_CONF=softhsm2.conf",
        .hsm_token = "loopback",
        .hsm_pin_file = "pin",
        .allow_software_hsm = true,
        .hsm_handles = 64,
        .argon2_memory_kib = ARGON2_MEMORY_KIB_FLOOR,
        .argon2_passes = ARGON2_PASSES_FLOOR,
        .argon2_lanes = 1,
        .lease_idle_ms = 60000,
        .lease_life_ms = 600000,
        .leases = 16,
        .key_life_days = 365,
    };
}

static void start_signer(const struct proxy_config *config)
{
    int ends[2], pipe_ends[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    ck_assert_int_eq(pipe2(pipe_ends, O_CLOEXEC), 0);
    signer = fork();
    ck_assert_int_ge(signer, 0);
    if (signer == 0) {
        close(ends[0]);
        close(pipe_ends[0]);
        if (chdir(made->directory) < 0)
            _exit(EX_OSERR);
        _exit(signer_main(config, 0, ends[1], pipe_ends[1], -1, NULL, NULL));
    }
    close(ends[1]);
    close(pipe_ends[1]);
    control = ends[0];
    ready = pipe_ends[0];
}

static int exit_status(void)
{
    int status;

    ck_assert_int_eq(waitpid(signer, &status, 0), signer);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void setup(void)
{
    struct proxy_config config = config_of_signer();
    char byte;

    make_elsewhere();
    start_signer(&config);
    ck_assert_int_eq(read(ready, &byte, 1), 1);
}

static void teardown(void)
{
    close(control);
    close(ready);
    deployment_remove();
    munmap(made, sizeof(*made));
}

/* A front's end of a stream that the signer has been given. */
static int new_front(void)
{
    static const uint8_t message[] = { SIGNER_CONTROL_STREAM };
    int ends[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    ck_assert_int_eq(descriptor_send(control, BYTES_OF_ARRAY(message), &ends[1], 1), 0);
    close(ends[1]);
    return ends[0];
}

static void send_request(int front, uint64_t id)
{
    Privyseal__V1__Envelope envelope = PRIVYSEAL__V1__ENVELOPE__INIT;
    CLEANUP(buffer_clear) struct buffer packed = { 0 }, frame = { 0 };

    envelope.id = id;
    envelope.method = METHOD_GetDeployment;
    envelope.request_id = "0123456789abcdef";
    envelope.certificate_hash = pack_borrow(BYTES_OF_ARRAY(made->operator_hash));
    ck_assert_int_eq(pack_append(&envelope.base, &packed), 0);
    buffer_append_u32(&frame, (uint32_t)packed.len);
    buffer_append(&frame, buffer_bytes(&packed));
    ck_assert_int_eq(send(front, frame.data, frame.len, 0), (ssize_t)frame.len);
}

static void read_whole(int front, uint8_t *data, size_t len)
{
    while (len > 0) {
        ssize_t got = recv(front, data, len, 0);

        ck_assert_int_gt(got, 0);
        data += got;
        len -= (size_t)got;
    }
}

static void expect_answer(int front, uint64_t id)
{
    static uint8_t data[FRAME_MAX];
    Privyseal__V1__EnvelopeReply *reply;
    uint8_t prefix[4];
    size_t len;

    read_whole(front, prefix, sizeof(prefix));
    len = (size_t)prefix[0] << 24 | (size_t)prefix[1] << 16 | (size_t)prefix[2] << 8 | prefix[3];
    ck_assert_uint_le(len, sizeof(data));
    read_whole(front, data, len);
    reply = privyseal__v1__envelope_reply__unpack(NULL, len, data);
    ck_assert_ptr_nonnull(reply);
    ck_assert_uint_eq(reply->id, id);
    ck_assert_uint_eq(reply->grpc_status, GRPC_OK);
    privyseal__v1__envelope_reply__free_unpacked(reply, NULL);
}

START_TEST(requests_are_answered_in_their_order)
{
    int front = new_front();

    for (uint64_t id = 1; id <= 100; id++)
        send_request(front, id);
    for (uint64_t id = 1; id <= 100; id++)
        expect_answer(front, id);
    close(front);
    close(control);
    ck_assert_int_eq(exit_status(), EX_OK);
}
END_TEST

START_TEST(signer_outlives_fronts_that_die_in_the_middle_of_a_frame)
{
    for (uint64_t id = 1; id <= 5; id++) {
        int front = new_front();

        send_request(front, id);
        expect_answer(front, id);
        ck_assert_int_eq(send(front, "\0\0\0\100half", 8, 0), 8);
        close(front);
    }
    close(control);
    ck_assert_int_eq(exit_status(), EX_OK);
}
END_TEST

/* A front that was handed over answers what it has begun; nobody has more than two. */
START_TEST(former_front_is_served_beside_the_newest_and_the_oldest_is_closed)
{
    int oldest = new_front(), former, newest;
    char byte;

    send_request(oldest, 1);
    expect_answer(oldest, 1);
    former = new_front();
    send_request(former, 2);
    expect_answer(former, 2);
    newest = new_front();
    send_request(newest, 3);
    expect_answer(newest, 3);
    ck_assert_int_eq(recv(oldest, &byte, 1, 0), 0); /* closed */
    send_request(former, 4);
    expect_answer(former, 4);
    close(oldest);
    close(former);
    close(newest);
    close(control);
    ck_assert_int_eq(exit_status(), EX_OK);
}
END_TEST

/* How a signer ends that is started with @config after the first one has left. */
static int status_with(const struct proxy_config *config)
{
    char byte;

    close(control);
    ck_assert_int_eq(exit_status(), EX_OK);
    close(ready);
    start_signer(config);
    ck_assert_int_eq(read(ready, &byte, 1), 0); /* never ready */
    return exit_status();
}

START_TEST(signer_does_not_start_with_a_software_hsm_nobody_allowed)
{
    struct proxy_config config = config_of_signer();

    config.allow_software_hsm = false;
    ck_assert_int_eq(status_with(&config), EX_CONFIG);
}
END_TEST

START_TEST(signer_does_not_start_with_a_sealing_certificate_of_another_key)
{
    struct proxy_config config = config_of_signer();

    config.seal_chain = "ca/root.pem";
    ck_assert_int_eq(status_with(&config), EX_CONFIG);
}
END_TEST

SUITE_WITH_FIXTURE("loopback signer process", setup, teardown, requests_are_answered_in_their_order,
                   signer_outlives_fronts_that_die_in_the_middle_of_a_frame,
                   former_front_is_served_beside_the_newest_and_the_oldest_is_closed,
                   signer_does_not_start_with_a_software_hsm_nobody_allowed,
                   signer_does_not_start_with_a_sealing_certificate_of_another_key);
