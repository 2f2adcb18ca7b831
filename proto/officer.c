/* SPDX-License-Identifier: Apache-2.0 */
/* officer.c - X25519 keys in PEM files. */
#include "proto/officer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "proto/certificate.h"
#include "proto/name.h"

DEFINE_CLEANUP(EVP_PKEY_free, EVP_PKEY *);
DEFINE_CLEANUP(fclose, FILE *);

static int take_public(const EVP_PKEY *key, uint8_t ret[HPKE_KEY_LEN])
{
    size_t len = HPKE_KEY_LEN;

    if (EVP_PKEY_get_id(key) != EVP_PKEY_X25519 || EVP_PKEY_get_raw_public_key(key, ret, &len) != 1 ||
        len != HPKE_KEY_LEN)
        return -EBADMSG;
    return 0;
}

/* A bare public key, else a certificate's. */
static int read_public(const char *path, uint8_t ret[HPKE_KEY_LEN])
{
    CLEANUP(certificate_free_stack) STACK_OF(X509) *chain = NULL;
    CLEANUP(EVP_PKEY_free) EVP_PKEY *key = NULL;
    CLEANUP(fclose) FILE *file = fopen(path, "re");
    int r;

    if (!file)
        return -errno;
    key = PEM_read_PUBKEY(file, NULL, NULL, NULL);
    ERR_clear_error();
    if (key)
        return take_public(key, ret);
    r = certificate_load_file(NULL, path, &chain);
    return r < 0 ? -EBADMSG : take_public(X509_get0_pubkey(sk_X509_value(chain, 0)), ret);
}

int officer_load(const char *path, struct officer *ret)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    struct officer officer = { 0 };
    size_t len = strcspn(base, ".");
    int r;

    if (len >= sizeof(officer.name) || !name_is_valid(BYTES(base, len)))
        return -EINVAL;
    memcpy(officer.name, base, len);
    r = read_public(path, officer.public_key);
    if (r == 0)
        *ret = officer;
    return r;
}

static bool is_among(const struct officer *officer, const struct officer *others, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(officer->name, others[i].name) == 0 ||
            memcmp(officer->public_key, others[i].public_key, HPKE_KEY_LEN) == 0)
            return true;
    return false;
}

int officers_load(const char *paths, struct officer *ret, size_t max, size_t *ret_count)
{
    CLEANUP(free_string) char *copy = strdup(paths);
    char *rest = copy, *path;
    size_t count = 0;
    int r = copy ? 0 : -ENOMEM;

    while (r == 0 && (path = strsep(&rest, ","))) {
        if (!*path)
            continue;
        r = count == max ? -E2BIG : officer_load(path, &ret[count]);
        if (r == 0 && is_among(&ret[count], ret, count))
            r = -EEXIST;
        count++;
    }
    if (r == 0)
        *ret_count = count;
    return r;
}

int officer_load_private(const char *path, struct secret **ret, uint8_t ret_public[HPKE_KEY_LEN])
{
    CLEANUP(secret_free) struct secret *secret = NULL;
    CLEANUP(EVP_PKEY_free) EVP_PKEY *key = NULL;
    CLEANUP(fclose) FILE *file = fopen(path, "re");
    size_t len = HPKE_KEY_LEN;
    int r;

    if (!file)
        return -errno;
    setvbuf(file, NULL, _IONBF, 0); /* no copy of the key in the stream's buffer */
    key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    ERR_clear_error();
    r = key ? take_public(key, ret_public) : -EBADMSG;
    if (r == 0)
        r = secret_new(HPKE_KEY_LEN, &secret);
    if (r == 0 && EVP_PKEY_get_raw_private_key(key, secret->data, &len) != 1)
        r = -EBADMSG;
    if (r == 0)
        *ret = TAKE(secret);
    return r;
}

/* A new file with what @write puts into it, or none. */
static int write_new(const char *path, mode_t mode, EVP_PKEY *key, int write(FILE *file, EVP_PKEY *key))
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    bool is_written;

    if (!file)
        return -errno;
    setvbuf(file, NULL, _IONBF, 0);
    is_written = write(file, key) == 1 && fsync(fd) == 0;
    if (fclose(file) == 0 && is_written)
        return 0;
    unlink(path);
    return -EIO;
}

static int write_private(FILE *file, EVP_PKEY *key)
{
    return PEM_write_PKCS8PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
}

static int write_public(FILE *file, EVP_PKEY *key)
{
    return PEM_write_PUBKEY(file, key);
}

int officer_make_key(const char *private_path, const char *public_path, uint8_t ret_public[HPKE_KEY_LEN])
{
    CLEANUP(EVP_PKEY_free) EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
    int r = key ? take_public(key, ret_public) : -EIO;

    if (r == 0)
        r = write_new(private_path, 0600, key, write_private);
    if (r < 0 || !public_path)
        return r;
    r = write_new(public_path, 0644, key, write_public);
    if (r < 0)
        unlink(private_path);
    return r;
}
