/* SPDX-License-Identifier: Apache-2.0 */
/* host.c - loading, logging in, signing and checking, and looking at oneself in /proc. */
#include "tests/integration/life/host.h"

#include <dirent.h>
#include <dlfcn.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define DIGEST_LEN 32
#define SLOTS_MAX  64
#define VALUE_MAX  1024

/*
 * RFC 8017 appendix A.1, RFC 5480 2.1.1. Keys that we name "RSA" and "EC" would be handed to the default engine, if
 * the configuration of OpenSSL names one.
 */
#define OID_RSA "1.2.840.113549.1.1.1"
#define OID_EC  "1.2.840.10045.2.1"

static const CK_KEY_TYPE key_types[HOST_KEY_TYPES] = { [HOST_EC] = CKK_EC, [HOST_RSA] = CKK_RSA };

void host_die(const char *file, int line, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fprintf(stderr, "%s:%d: ", file, line);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    _exit(1); /* what an exit handler would do is some cases' very subject */
}

void host_load(struct host *host)
{
    CK_C_GetFunctionList get;

    host->library = dlopen(host->path, RTLD_NOW | RTLD_LOCAL);
    EXPECT(host->library, "%s", dlerror());
    get = (CK_C_GetFunctionList)dlsym(host->library, "C_GetFunctionList");
    EXPECT(get, "no C_GetFunctionList");
    EXPECT_OK(get(&host->p11));
}

void host_unload(struct host *host)
{
    EXPECT(dlclose(host->library) == 0, "%s", dlerror());
    host->library = NULL;
    host->p11 = NULL;
}

bool host_find_slot(struct host *host)
{
    CK_SLOT_ID slots[SLOTS_MAX];
    CK_ULONG count = SLOTS_MAX;

    EXPECT_OK(host->p11->C_GetSlotList(CK_TRUE, slots, &count));
    for (CK_ULONG i = 0; i < count; i++) {
        CK_TOKEN_INFO info;
        size_t len = strlen(host->token);

        if (host->p11->C_GetTokenInfo(slots[i], &info) == CKR_OK &&
            memcmp(info.label, host->token, len) == 0 &&
            (len == sizeof(info.label) || info.label[len] == ' ')) {
            host->slot = slots[i];
            return true;
        }
    }
    return false;
}

/* ------------------------------------------------------------------------------------------------------------ keys */

static CK_OBJECT_HANDLE find_object(struct host *host, CK_OBJECT_CLASS class, CK_KEY_TYPE type)
{
    CK_ATTRIBUTE template[] = { { CKA_CLASS, &class, sizeof(class) }, { CKA_KEY_TYPE, &type, sizeof(type) } };
    CK_OBJECT_HANDLE object = 0;
    CK_ULONG count = 0;

    EXPECT_OK(host->p11->C_FindObjectsInit(host->session, template, 2));
    EXPECT_OK(host->p11->C_FindObjects(host->session, &object, 1, &count));
    EXPECT_OK(host->p11->C_FindObjectsFinal(host->session));
    EXPECT(count == 1, "no object of class %lu, type %lu", class, type);
    return object;
}

static CK_ULONG read_value(struct host *host, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                           unsigned char value[VALUE_MAX])
{
    CK_ATTRIBUTE attribute = { type, value, VALUE_MAX };

    EXPECT_OK(host->p11->C_GetAttributeValue(host->session, object, &attribute, 1));
    return attribute.ulValueLen;
}

static EVP_PKEY *make_public_key(const char *algorithm, OSSL_PARAM *parameters)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, algorithm, NULL);
    EVP_PKEY *key = NULL;

    EXPECT(context && EVP_PKEY_fromdata_init(context) == 1 &&
               EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) == 1,
           "a public key of the token cannot be read");
    EVP_PKEY_CTX_free(context);
    return key;
}

static EVP_PKEY *read_ec_key(struct host *host, CK_OBJECT_HANDLE object)
{
    unsigned char point[VALUE_MAX];
    CK_ULONG len = read_value(host, object, CKA_EC_POINT, point);
    /* The point stands in an OCTET STRING, behind two bytes of header. */
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)"P-256", 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point + 2, len - 2),
        OSSL_PARAM_construct_end()
    };

    return make_public_key(OID_EC, parameters);
}

static EVP_PKEY *read_rsa_key(struct host *host, CK_OBJECT_HANDLE object)
{
    unsigned char modulus[VALUE_MAX], exponent[VALUE_MAX];
    CK_ULONG modulus_len = read_value(host, object, CKA_MODULUS, modulus),
             exponent_len = read_value(host, object, CKA_PUBLIC_EXPONENT, exponent);
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    BIGNUM *n = BN_bin2bn(modulus, (int)modulus_len, NULL), *e = BN_bin2bn(exponent, (int)exponent_len, NULL);
    OSSL_PARAM *parameters;
    EVP_PKEY *key;

    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n);
    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e);
    parameters = OSSL_PARAM_BLD_to_param(builder);
    key = make_public_key(OID_RSA, parameters);
    OSSL_PARAM_free(parameters);
    OSSL_PARAM_BLD_free(builder);
    BN_free(n);
    BN_free(e);
    return key;
}

static void find_keys(struct host *host)
{
    for (unsigned type = 0; type < HOST_KEY_TYPES; type++) {
        CK_OBJECT_HANDLE public_half = find_object(host, CKO_PUBLIC_KEY, key_types[type]);
        struct host_key *key = &host->keys[type];

        key->handle = find_object(host, CKO_PRIVATE_KEY, key_types[type]);
        EVP_PKEY_free(key->public_key);
        key->public_key = type == HOST_EC ? read_ec_key(host, public_half) : read_rsa_key(host, public_half);
    }
}

/* ---------------------------------------------------------------------------------------------------------- a life */

static CK_RV enter_pin(struct host *host)
{
    unsigned char pin[64];
    FILE *file = fopen(host->pin_file, "r");
    size_t len;
    CK_RV rv;

    EXPECT(file, "no file %s", host->pin_file);
    setbuf(file, NULL); /* no copy that nobody wipes */
    len = fread(pin, 1, sizeof(pin), file);
    fclose(file);
    while (len && pin[len - 1] == '\n')
        len--;
    rv = host->p11->C_Login(host->session, CKU_USER, pin, len);
    OPENSSL_cleanse(pin, sizeof(pin));
    return rv;
}

CK_RV host_try_login(struct host *host)
{
    CK_RV rv = host_find_slot(host) ? CKR_OK : CKR_TOKEN_NOT_PRESENT;

    if (rv == CKR_OK)
        rv = host->p11->C_OpenSession(host->slot, CKF_SERIAL_SESSION, NULL, NULL, &host->session);
    if (rv == CKR_OK)
        rv = enter_pin(host);
    if (rv == CKR_OK)
        find_keys(host);
    return rv;
}

void host_login(struct host *host)
{
    EXPECT_OK(host_try_login(host));
}

void host_start(struct host *host)
{
    CK_C_INITIALIZE_ARGS threads = { .flags = CKF_OS_LOCKING_OK };

    host_load(host);
    EXPECT_OK(host->p11->C_Initialize(&threads));
    host_login(host);
}

static size_t to_der(const unsigned char *raw, size_t len, unsigned char der[VALUE_MAX])
{
    ECDSA_SIG *signature = ECDSA_SIG_new();
    int half = (int)len / 2, der_len;

    ECDSA_SIG_set0(signature, BN_bin2bn(raw, half, NULL), BN_bin2bn(raw + half, half, NULL));
    der_len = i2d_ECDSA_SIG(signature, &der);
    ECDSA_SIG_free(signature);
    return (size_t)der_len;
}

static bool is_good(EVP_PKEY *key, enum host_key_type type, const unsigned char digest[DIGEST_LEN],
                    const unsigned char *raw, size_t len)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    unsigned char der[VALUE_MAX];
    bool good = context && EVP_PKEY_verify_init(context) == 1;

    if (good && type == HOST_RSA)
        good = EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1;
    if (type == HOST_EC) {
        len = to_der(raw, len, der);
        raw = der;
    }
    good = good && EVP_PKEY_verify(context, raw, len, digest, DIGEST_LEN) == 1;
    EVP_PKEY_CTX_free(context);
    return good;
}

CK_RV host_sign_in(struct host *host, CK_SESSION_HANDLE session, enum host_key_type type, unsigned number)
{
    /* CKM_RSA_PKCS signs what it is given, here a bare digest. */
    CK_MECHANISM mechanism = { type == HOST_EC ? CKM_ECDSA : CKM_RSA_PKCS, NULL, 0 };
    unsigned char digest[DIGEST_LEN] = { 0 }, signature[VALUE_MAX];
    CK_ULONG len = sizeof(signature);
    CK_RV rv;

    memcpy(digest, &number, sizeof(number));
    rv = host->p11->C_SignInit(session, &mechanism, host->keys[type].handle);
    if (rv == CKR_OK)
        rv = host->p11->C_Sign(session, digest, sizeof(digest), signature, &len);
    if (rv == CKR_OK)
        EXPECT(is_good(host->keys[type].public_key, type, digest, signature, len),
               "a signature was given out that does not verify");
    return rv;
}

void host_sign(struct host *host)
{
    static unsigned number;

    for (unsigned type = 0; type < HOST_KEY_TYPES; type++)
        EXPECT_OK(host_sign_in(host, host->session, type, ++number));
}

void host_forget_keys(struct host *host)
{
    for (unsigned type = 0; type < HOST_KEY_TYPES; type++) {
        EVP_PKEY_free(host->keys[type].public_key);
        host->keys[type].public_key = NULL;
    }
}

void host_finish(struct host *host)
{
    host_forget_keys(host);
    EXPECT_OK(host->p11->C_Finalize(NULL));
}

/* ------------------------------------------------------------------------------------------------ looking at oneself */

static size_t count_entries(const char *path)
{
    DIR *directory = opendir(path);
    size_t count = 0;

    EXPECT(directory, "%s", path);
    for (struct dirent *entry; (entry = readdir(directory));)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

unsigned host_thread_count(void)
{
    return (unsigned)count_entries("/proc/self/task");
}

size_t host_fd_count(void)
{
    return count_entries("/proc/self/fd") - 1; /* the directory's own */
}

static bool is_connection(int fd)
{
    struct sockaddr_storage peer;
    socklen_t len = sizeof(peer);

    return getpeername(fd, (struct sockaddr *)&peer, &len) == 0 &&
           (peer.ss_family == AF_INET || peer.ss_family == AF_INET6);
}

struct host_connections host_connections(void)
{
    struct host_connections ret = { .count = 0 };

    for (int fd = 0; fd < HOST_FDS_MAX; fd++) {
        struct stat status;

        if (is_connection(fd) && fstat(fd, &status) == 0)
            ret.inode[ret.count++] = status.st_ino;
    }
    return ret;
}

bool host_connections_equal(const struct host_connections *a, const struct host_connections *b)
{
    return a->count == b->count && memcmp(a->inode, b->inode, a->count * sizeof(a->inode[0])) == 0;
}

double host_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}
