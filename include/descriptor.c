/* SPDX-License-Identifier: Apache-2.0 */
/* descriptor.c - sendmsg() and recvmsg() with SCM_RIGHTS, the one place that builds control messages. */
#include "include/descriptor.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Aligned as a control message must be. */
union rights {
    struct cmsghdr header;
    char space[CMSG_SPACE(DESCRIPTORS_MAX * sizeof(int))];
};

int descriptor_send(int socket, struct bytes message, const int *descriptors, size_t count)
{
    struct iovec iov = { .iov_base = (void *)message.data, .iov_len = message.len };
    union rights rights = { 0 };
    struct msghdr header = { .msg_iov = &iov, .msg_iovlen = 1 };
    struct cmsghdr *cmsg;

    if (message.len == 0 || count > DESCRIPTORS_MAX)
        return -EINVAL;
    if (count) {
        header.msg_control = &rights;
        header.msg_controllen = CMSG_SPACE(count * sizeof(int));
        cmsg = CMSG_FIRSTHDR(&header);
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(cmsg), descriptors, count * sizeof(int));
    }
    return sendmsg(socket, &header, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static size_t take_rights(struct msghdr *header, int descriptors[DESCRIPTORS_MAX])
{
    size_t count = 0;
    struct cmsghdr *cmsg;

    for (cmsg = CMSG_FIRSTHDR(header); cmsg; cmsg = CMSG_NXTHDR(header, cmsg)) {
        if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
            continue;
        count = (cmsg->cmsg_len - CMSG_LEN(0)) /
                sizeof(int); /* <= DESCRIPTORS_MAX: the space has no room for more */
        memcpy(descriptors, CMSG_DATA(cmsg), count * sizeof(int));
    }
    return count;
}

ssize_t descriptor_receive(int socket, void *message, size_t size, int descriptors[DESCRIPTORS_MAX],
                           size_t *count)
{
    struct iovec iov = { .iov_base = message, .iov_len = size };
    union rights rights = { 0 };
    struct msghdr header = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &rights, .msg_controllen = sizeof(rights)
    };
    ssize_t len;

    *count = 0;
    do
        len = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
    while (len < 0 && errno == EINTR);
    if (len < 0)
        return -errno;
    *count = take_rights(&header, descriptors);
    if (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
        while (*count)
            descriptor_close(descriptors[--*count]);
        return -EBADMSG;
    }
    return len;
}

void descriptor_close(int descriptor)
{
    int saved = errno;

    close(descriptor);
    errno = saved;
}
