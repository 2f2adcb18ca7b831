/* SPDX-License-Identifier: Apache-2.0 */
/* rig.c - the supervisor's part, played by the test. */
#include "tests/integration/front/rig.h"

#include <arpa/inet.h>
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "include/descriptor.h"
#include "include/log.h"
#include "tests/integration/front/stub_signer.h"

#define PATIENCE_S 30

void rig_init(struct rig *rig)
{
    *rig = (struct rig){
        .config = {
            .signers = 2,
            .max_connections = 2000,
            .max_streams = 100,
            .queue = 256,
            .idle_ms = 60000,
            .handshake_ms = 3000,
            .enrolment_connections = 200,
            .enrolment_rate = 100,
            .enrolment_rate_per_address = 20,
            .ca_rate = 100,
            .busy_poll_us = 250,
        },
        .authority = authority_new("clients and servers"),
        .stranger = authority_new("somebody else"),
        .control = -1,
        .listener = -1,
    };
    authority_issue(&rig->authority, "front", ISSUE_SERVER, &rig->server_key, &rig->server_certificate);
}

/* ------------------------------------------------------------------------------------------------- messages */

void rig_tell(struct rig *rig, enum front_control_kind kind, unsigned index, const int *descriptors,
              size_t count)
{
    struct front_control message = { .kind = kind, .index = index };

    ck_assert_int_eq(descriptor_send(rig->control, BYTES(&message, sizeof(message)), descriptors, count), 0);
}

struct front_control rig_hear(struct rig *rig)
{
    struct front_control message = { 0 };
    int descriptors[DESCRIPTORS_MAX];
    size_t count;

    ck_assert_int_eq(descriptor_receive(rig->control, &message, sizeof(message), descriptors, &count),
                     sizeof(message));
    return message;
}

static int memfd_of(BIO *pem)
{
    int fd = memfd_create("pem", MFD_CLOEXEC);
    char *data;
    long len = BIO_get_mem_data(pem, &data);

    ck_assert_int_eq(write(fd, data, (size_t)len), len);
    BIO_free(pem);
    return fd;
}

static void send_material(struct rig *rig)
{
    int memfds[TLS_FILES] = {
        memfd_of(pem_of_certificate(rig->server_certificate)),
        memfd_of(pem_of_key(rig->server_key)),
        memfd_of(pem_of_certificate(rig->authority.certificate)),
    };

    rig_tell(rig, FRONT_CONTROL_TLS, 0, memfds, TLS_FILES);
    for (size_t i = 0; i < TLS_FILES; i++)
        close(memfds[i]);
}

void rig_reload(struct rig *rig)
{
    EVP_PKEY_free(rig->server_key);
    X509_free(rig->server_certificate);
    authority_issue(&rig->authority, "front, renewed", ISSUE_SERVER, &rig->server_key,
                    &rig->server_certificate);
    send_material(rig);
}

/* -------------------------------------------------------------------------------------------------- processes */

void rig_attach(struct rig *rig, unsigned index)
{
    int pair[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    rig->signers[index] = fork();
    ck_assert_int_ge(rig->signers[index], 0);
    if (rig->signers[index] == 0) {
        close(pair[1]);
        close(rig->control);
        stub_signer(pair[0], index, rig->config.signers);
        _exit(0);
    }
    rig_tell(rig, FRONT_CONTROL_SIGNER, index, &pair[1], 1);
    close(pair[0]);
    close(pair[1]);
}

void rig_kill_signer(struct rig *rig, unsigned index)
{
    if (!rig->signers[index])
        return;
    kill(rig->signers[index], SIGKILL);
    waitpid(rig->signers[index], NULL, 0);
    rig->signers[index] = 0;
}

static void start_front(struct rig *rig)
{
    const struct timeval patience = { .tv_sec = PATIENCE_S };
    int pair[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    fflush(NULL);
    rig->front = fork();
    ck_assert_int_ge(rig->front, 0);
    if (rig->front == 0) {
        close(pair[0]);
        log_open("front", getenv("PRIVYSEAL_TEST_VERBOSE") ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR);
        exit(front_main(&rig->config, pair[1], NULL, NULL));
    }
    close(pair[1]);
    rig->control = pair[0];
}

static void open_listener(struct rig *rig)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(address);

    rig->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(rig->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(listen(rig->listener, 512), 0);
    ck_assert_int_eq(getsockname(rig->listener, (struct sockaddr *)&address, &len), 0);
    rig->port = ntohs(address.sin_port);
}

void rig_start(struct rig *rig)
{
    struct rlimit files;

    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    signal(SIGPIPE, SIG_IGN);
    start_front(rig);
    send_material(rig);
    for (unsigned i = 0; i < rig->config.signers; i++)
        rig_attach(rig, i);
    open_listener(rig);
    rig_tell(rig, FRONT_CONTROL_LISTEN, 0, &rig->listener, 1);
    close(rig->listener);
    ck_assert_uint_eq(rig_hear(rig).kind, FRONT_CONTROL_READY);
}

int rig_wait(struct rig *rig)
{
    int status;

    ck_assert_int_eq(waitpid(rig->front, &status, 0), rig->front);
    rig->front = 0;
    return status;
}

void rig_stop(struct rig *rig)
{
    close(rig->control); /* the supervisor is gone */
    if (rig->front)
        ck_assert_int_eq(rig_wait(rig), 0);
    for (unsigned i = 0; i < RIG_SIGNERS_MAX; i++)
        rig_kill_signer(rig, i);
    EVP_PKEY_free(rig->server_key);
    X509_free(rig->server_certificate);
    authority_free(&rig->authority);
    authority_free(&rig->stranger);
}
