/* SPDX-License-Identifier: Apache-2.0 */
/* descriptors.c - places that are taken and given back with one atomic step each. */
#include "client/descriptors.h"

#include <stddef.h>
#include <unistd.h>

void descriptors_init(struct descriptors *descriptors)
{
    for (size_t i = 0; i < DESCRIPTORS_MAX; i++)
        atomic_init(&descriptors->list[i], -1);
}

static bool swap(struct descriptors *descriptors, int from, int to)
{
    for (size_t i = 0; i < DESCRIPTORS_MAX; i++) {
        int expected = from;

        if (atomic_compare_exchange_strong(&descriptors->list[i], &expected, to))
            return true;
    }
    return false;
}

bool descriptors_add(struct descriptors *descriptors, int fd)
{
    return swap(descriptors, -1, fd);
}

void descriptors_remove(struct descriptors *descriptors, int fd)
{
    if (swap(descriptors, fd, -1))
        close(fd);
}

void descriptors_close(struct descriptors *descriptors)
{
    for (size_t i = 0; i < DESCRIPTORS_MAX; i++) {
        int fd = atomic_exchange(&descriptors->list[i], -1);

        if (fd >= 0)
            close(fd);
    }
}
