/* SPDX-License-Identifier: Apache-2.0 */
/* material.c - from a file to a memfd without a copy of the key left in memory. */
#include "proxy/material.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "include/descriptor.h"
#include "include/secret.h"

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

/* Errors: -errno, -EFBIG. */
static int read_file(const char *path, int *ret)
{
    CLEANUP(descriptor_close) int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    CLEANUP(descriptor_close) int memfd = memfd_create("tls", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    struct stat status;

    if (file < 0 || memfd < 0 || fstat(file, &status))
        return -errno;
    if (!S_ISREG(status.st_mode))
        return -EINVAL;
    if (status.st_size > (off_t)SECRET_MAX)
        return -EFBIG;
    if (sendfile(memfd, file, NULL, (size_t)status.st_size) != status.st_size)
        return -EIO;
    if (fcntl(memfd, F_ADD_SEALS, SEALS))
        return -errno;
    *ret = TAKE_DESCRIPTOR(memfd);
    return 0;
}

int material_read(const struct proxy_config *config, struct material *ret, char **why)
{
    const struct {
        const char *key, *path;
    } files[TLS_FILES] = {
        { "certificate", config->certificate },
        { "key", config->key },
        { "client_ca", config->client_ca },
    };
    CLEANUP(material_clear) struct material material = MATERIAL_NONE;
    int error;

    for (size_t i = 0; i < TLS_FILES; i++) {
        error = read_file(files[i].path, &material.memfd[i]);
        if (!error)
            continue;
        if (asprintf(why, "cannot read %s: %s; see [server] %s", files[i].path, strerror(-error),
                     files[i].key) < 0)
            *why = NULL;
        return error;
    }
    *ret = material;
    material = MATERIAL_NONE;
    return 0;
}

void material_clear(struct material *material)
{
    for (size_t i = 0; i < TLS_FILES; i++)
        if (material->memfd[i] >= 0)
            descriptor_close(material->memfd[i]);
    *material = MATERIAL_NONE;
}
