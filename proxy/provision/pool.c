/* SPDX-License-Identifier: Apache-2.0 */
/* pool.c - the processes beside that of an epoch-new, from their side and from the other. */
#include "proxy/provision/pool.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "include/descriptor.h"
#include "include/json.h"
#include "proxy/hsm/epochs.h"
#include "proxy/provision/verbs.h"

#define MESSAGE_MAX 32768 /* bytes: a wrapped key has some hundred */
#define ANSWER_S    120   /* an HSM of the slow kind makes an RSA key meanwhile */

/* ---------------------------------------------------------------------------------------------------- messages */

static int say(int socket, const json_t *message)
{
    CLEANUP(free_string) char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;

    return text ? descriptor_send(socket, bytes_of_text(text), NULL, 0) : -ENOMEM;
}

/* Errors: -EPIPE (the other side is gone), -EAGAIN (it says nothing), -EBADMSG. */
static int hear(int socket, json_t **ret)
{
    int descriptors[DESCRIPTORS_MAX];
    char text[MESSAGE_MAX];
    size_t count = 0;
    ssize_t len = descriptor_receive(socket, text, sizeof(text), descriptors, &count);

    while (count)
        descriptor_close(descriptors[--count]);
    if (len <= 0)
        return len < 0 ? (int)len : -EPIPE;
    *ret = json_loadb(text, (size_t)len, JSON_REJECT_DUPLICATES, NULL);
    return *ret ? 0 : -EBADMSG;
}

/* ------------------------------------------------------------------------------------------ the member's process */

static int read_delivery(const json_t *message, struct master_backup *ret, uint8_t ret_commitment[HASH_LEN])
{
    int r = master_backup_of_json(json_object_get(message, "copies"), ret);

    if (r == 0)
        r = json_read_hex(message, "commitment", ret_commitment, HASH_LEN);
    return r == 0 && ret->count != 1 ? -EBADMSG : r;
}

static int wait_and_take(int socket, struct hsm_arrival *arrival)
{
    CLEANUP(master_backup_clear) struct master_backup delivery = { 0 };
    CLEANUP(json_decref) json_t *message = NULL;
    CLEANUP(json_decref) json_t *done = json_object();
    uint8_t commitment[HASH_LEN];
    int r = hear(socket, &message);
    CK_RV rv;

    if (r == -EPIPE)
        return EX_OK; /* nothing was made after all */
    if (r == 0)
        r = read_delivery(message, &delivery, commitment);
    if (r < 0)
        return provision_fail(EX_SOFTWARE, "the new epoch did not arrive: %s", strerror(-r));
    rv = hsm_epoch_take(arrival, &delivery.copies[0], commitment);
    if (rv != CKR_OK)
        return provision_fail(EX_UNAVAILABLE, "the HSM did not take the new epoch over (CKR 0x%lx)", rv);
    return say(socket, done) == 0 ? EX_OK : EX_IOERR;
}

static int take_part(const struct proxy_config *config, unsigned number, enum master_kind kind, int socket)
{
    CLEANUP(buffer_clear) struct buffer public_key = { 0 };
    CLEANUP(hsm_close) struct hsm *hsm = NULL;
    CLEANUP(json_decref) json_t *message = NULL;
    struct hsm_arrival arrival;
    uint32_t next;
    int status = provision_open_hsm_at(config, number, &hsm);
    CK_RV rv = status == EX_OK ? hsm_epoch_expect(hsm, kind, &arrival, &public_key, &next) : CKR_OK;

    if (status != EX_OK)
        return status;
    if (rv != CKR_OK)
        return provision_fail(EX_UNAVAILABLE, "the HSM is not ready for a new epoch (CKR 0x%lx)", rv);
    message = json_pack("{s:I, s:o}", "next", (json_int_t)next, "public_key",
                        json_of_hex(buffer_bytes(&public_key)));
    return say(socket, message) == 0 ? wait_and_take(socket, &arrival) : EX_IOERR;
}

/* It ends with its parent, also where that is killed while the library has the word. */
static void become_member(const struct pool *pool, unsigned hsm, enum master_kind kind, int socket,
                          pid_t parent)
{
    for (size_t i = 0; i < pool->count; i++)
        descriptor_close(pool->members[i].socket);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
        _exit(EX_OSERR);
    _exit(take_part(pool->config, hsm, kind, socket));
}

/* ------------------------------------------------------------------------------------------- the other process */

static int start(struct pool *pool, unsigned hsm, enum master_kind kind)
{
    const struct timeval patience = { .tv_sec = ANSWER_S };
    struct pool_member member = { .hsm = hsm };
    pid_t parent = getpid();
    int sockets[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
        return -errno;
    member.socket = sockets[0];
    member.pid = fork();
    if (member.pid == 0) {
        descriptor_close(sockets[0]);
        become_member(pool, hsm, kind, sockets[1], parent);
    }
    descriptor_close(sockets[1]);
    if (member.pid < 0 || setsockopt(sockets[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0) {
        descriptor_close(sockets[0]);
        return -errno;
    }
    pool->members[pool->count++] = member;
    return 0;
}

static int hear_key(struct pool *pool, size_t index)
{
    CLEANUP(json_decref) json_t *message = NULL;
    json_int_t next = 0;
    int r = hear(pool->members[index].socket, &message);

    if (r == 0)
        r = json_read_number(message, "next", 1, UINT32_MAX, &next);
    if (r == 0)
        r = json_read_hex_buffer(message, "public_key", MESSAGE_MAX, &pool->recipients[index].public_key);
    pool->least = (uint32_t)next > pool->least ? (uint32_t)next : pool->least;
    return r;
}

int pool_gather(const struct proxy_config *config, enum master_kind kind, unsigned left_out, struct pool *ret)
{
    int r = 0;

    *ret = (struct pool){ .config = config };
    for (unsigned hsm = 1; r == 0 && hsm < proxy_config_hsms(config); hsm++)
        if (!(left_out & 1U << hsm))
            r = start(ret, hsm, kind);
    if (r < 0)
        return provision_fail(EX_OSERR, "%s", strerror(-r));
    for (size_t i = 0; i < ret->count; i++) {
        const struct hsm_place place = proxy_config_hsm(config, ret->members[i].hsm);

        if (hear_key(ret, i) < 0)
            return provision_fail(
                EX_UNAVAILABLE,
                "[%s] cannot take a new epoch, so none was made. If it cannot be mended now, "
                "leave it out (--leave-out), and add it again when it is well",
                place.name);
    }
    return EX_OK;
}

static int deliver(const struct pool *pool, size_t index, struct master_copy copy,
                   const uint8_t commitment[HASH_LEN])
{
    const struct master_backup delivery = { .copies = &copy, .count = 1 };
    CLEANUP(json_decref) json_t *message = NULL;
    CLEANUP(json_decref) json_t *done = NULL;
    int r;

    copy.transport = pool->recipients[index].transport;
    message = json_pack("{s:o, s:o}", "copies", master_backup_to_json(&delivery), "commitment",
                        json_of_hex(BYTES(commitment, HASH_LEN)));
    r = say(pool->members[index].socket, message);
    return r == 0 ? hear(pool->members[index].socket, &done) : r;
}

int pool_deliver(const struct pool *pool, const struct master_copy *copy, const uint8_t commitment[HASH_LEN])
{
    for (size_t i = 0; i < pool->count; i++)
        if (deliver(pool, i, *copy, commitment) < 0)
            return provision_fail(
                EX_UNAVAILABLE,
                "[%s] did not take epoch %u of %s, which nobody uses before the root has signed for it: run "
                "this again for another, and remove this one (privyseal epoch destroy %s %u)",
                proxy_config_hsm(pool->config, pool->members[i].hsm).name, copy->epoch,
                master_keys_name(copy->kind), master_keys_name(copy->kind), copy->epoch);
    return EX_OK;
}

void pool_clear(struct pool *pool)
{
    for (size_t i = 0; i < pool->count; i++) {
        descriptor_close(pool->members[i].socket);
        kill(pool->members[i].pid, SIGKILL);
        waitpid(pool->members[i].pid, NULL, 0);
        buffer_clear(&pool->recipients[i].public_key);
        buffer_clear(&pool->recipients[i].transport);
    }
    *pool = (struct pool){ 0 };
}
