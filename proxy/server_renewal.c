/* SPDX-License-Identifier: Apache-2.0 */
/* server_renewal.c - look, ask, write. */
#include "proxy/server_renewal.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "include/descriptor.h"
#include "include/log.h"
#include "proto/certificate.h"
#include "proxy/signer/signer.h"

#define LOOK_MS 3600000
#define PEM_MAX 65536 /* what a pipe holds, so that a signer never waits for us */

DEFINE_CLEANUP(BIO_free_all, BIO *);

/*
 * Two thirds of the first certificate's life have passed. What cannot be read is left alone: the front said what is
 * wrong.
 */
static bool is_due(int memfd)
{
    CLEANUP(free_string) char *text = calloc(1, PEM_MAX);
    ssize_t len = text ? pread(memfd, text, PEM_MAX, 0) : -1;
    CLEANUP(BIO_free_all) BIO *bio = len > 0 ? BIO_new_mem_buf(text, (int)len) : NULL;
    CLEANUP(X509_free) X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    struct tm from, until;
    time_t start;

    if (!certificate || ASN1_TIME_to_tm(X509_get0_notBefore(certificate), &from) != 1 ||
        ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &until) != 1)
        return false;
    start = timegm(&from);
    return time(NULL) >= start + (timegm(&until) - start) / 3 * 2;
}

static struct child *find_signer(struct crew *crew)
{
    for (unsigned i = 0; i < crew->signer_count; i++)
        if (crew->signers[i].state == CHILD_UP)
            return &crew->signers[i];
    return NULL;
}

/* Errors: -errno. */
static int ask(struct server_renewal *renewal, struct crew *crew, struct child *signer)
{
    static const uint8_t message[] = { SIGNER_CONTROL_RENEW };
    int ends[2], given[2], error;

    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK))
        return -errno;
    given[0] = crew->material.memfd[0];
    given[1] = ends[1];
    error = descriptor_send(signer->control, BYTES_OF_ARRAY(message), given, 2);
    descriptor_close(ends[1]);
    if (error) {
        descriptor_close(ends[0]);
        return error;
    }
    renewal->pipe = ends[0];
    return 0;
}

void server_renewal_pursue(struct server_renewal *renewal, struct crew *crew, uint64_t now_ms)
{
    struct child *signer = find_signer(crew);
    int error;

    if (renewal->pipe >= 0 || now_ms < renewal->look_at_ms)
        return;
    renewal->look_at_ms = now_ms + LOOK_MS;
    if (!signer || !is_due(crew->material.memfd[0]))
        return;
    error = ask(renewal, crew, signer);
    if (error)
        log_event(LOG_LEVEL_ERROR, "supervisor.renew", "why=\"%s\"", strerror(-error));
}

/* Beside the old one, with its owner and mode; then in its place. Errors: -errno. */
static int replace_file(const char *path, struct bytes content)
{
    CLEANUP(descriptor_close) int fd = -1;
    CLEANUP(free_string) char *fresh = NULL;
    struct stat former;

    if (stat(path, &former))
        return -errno;
    if (asprintf(&fresh, "%s.new", path) < 0) {
        fresh = NULL;
        return -ENOMEM;
    }
    unlink(fresh);
    fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, former.st_mode & 0777);
    if (fd >= 0 && write(fd, content.data, content.len) == (ssize_t)content.len &&
        fchown(fd, former.st_uid, former.st_gid) == 0 && fsync(fd) == 0 && rename(fresh, path) == 0)
        return 0;
    return errno ? -errno : -EIO;
}

static bool take(const struct server_renewal *renewal, const struct proxy_config *config)
{
    int error = replace_file(config->certificate, buffer_bytes(&renewal->answer));

    if (error)
        log_event(LOG_LEVEL_ERROR, "supervisor.renew", "file=%s why=\"%s\"", config->certificate,
                  strerror(-error));
    else
        log_event(LOG_LEVEL_NOTICE, "supervisor.renew", "file=%s renewed=yes", config->certificate);
    return !error;
}

bool server_renewal_hear(struct server_renewal *renewal, const struct proxy_config *config)
{
    uint8_t piece[4096];
    bool is_taken = false;
    ssize_t len;

    while ((len = read(renewal->pipe, piece, sizeof(piece))) > 0)
        buffer_append(&renewal->answer, BYTES(piece, (size_t)len));
    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    /* The end. Without a word the signer has said in its log, and in the audit log, why not. */
    if (renewal->answer.len && !renewal->answer.failed)
        is_taken = take(renewal, config);
    server_renewal_clear(renewal);
    return is_taken;
}

void server_renewal_clear(struct server_renewal *renewal)
{
    if (renewal->pipe >= 0)
        descriptor_close(renewal->pipe);
    renewal->pipe = -1;
    buffer_clear(&renewal->answer);
}

int server_renewal_wait_ms(const struct server_renewal *renewal, uint64_t now_ms)
{
    return now_ms >= renewal->look_at_ms ? 0 : (int)(renewal->look_at_ms - now_ms);
}
