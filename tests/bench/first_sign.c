/* SPDX-License-Identifier: Apache-2.0 */
/*
 * first_sign.c - what the first signature of a process waits for.
 *
 *     first_sign start  MODULE TOKEN PIN-FILE ec|rsa   a process from dlopen() to its first signature
 *     first_sign unwrap MODULE TOKEN PIN-FILE ec|rsa   the HSM's own part of it: C_UnwrapKey, C_SignInit, C_Sign
 *     first_sign stretch KIB PASSES LANES              Argon2id, as a login pays for it
 *
 * "start" prints the microseconds that each step took: the library and C_Initialize, login, the first signature, the second.
 * "unwrap" wraps a key of its own, and prints the median of many first signatures with what it unwrapped.
 */
#include <argon2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/integration/life/host.h"

#define ROUNDS      51
#define WRAPPED_MAX 4096
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
static CK_OBJECT_CLASS private_class = CKO_PRIVATE_KEY;

struct kind {
    const char *name;
    CK_KEY_TYPE type;
    CK_MECHANISM_TYPE sign, generate;
};

static const struct kind kinds[] = {
    { "ec", CKK_EC, CKM_ECDSA, CKM_EC_KEY_PAIR_GEN },
    { "rsa", CKK_RSA, CKM_RSA_PKCS, CKM_RSA_PKCS_KEY_PAIR_GEN },
};

static double now_us(void)
{
    return host_now_ms() * 1e3;
}

static void log_in(struct host *host)
{
    unsigned char pin[64];
    FILE *file = fopen(host->pin_file, "r");
    size_t len = file ? fread(pin, 1, sizeof(pin), file) : 0;

    EXPECT(len > 1, "no PIN in %s", host->pin_file);
    fclose(file);
    EXPECT(host_find_slot(host), "no token %s", host->token);
    EXPECT_OK(host->p11->C_OpenSession(host->slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL,
                                       &host->session));
    EXPECT_OK(host->p11->C_Login(host->session, CKU_USER, pin, len - (pin[len - 1] == '\n')));
}

static CK_OBJECT_HANDLE find_key(struct host *host, CK_KEY_TYPE type)
{
    CK_ATTRIBUTE template[] = { { CKA_CLASS, &private_class, sizeof(private_class) },
                                { CKA_KEY_TYPE, &type, sizeof(type) } };
    CK_OBJECT_HANDLE key;
    CK_ULONG count = 0;

    EXPECT_OK(host->p11->C_FindObjectsInit(host->session, template, COUNT(template)));
    EXPECT_OK(host->p11->C_FindObjects(host->session, &key, 1, &count));
    EXPECT_OK(host->p11->C_FindObjectsFinal(host->session));
    EXPECT(count == 1, "no such key");
    return key;
}

static void sign(struct host *host, const struct kind *kind, CK_OBJECT_HANDLE key)
{
    CK_MECHANISM mechanism = { kind->sign, NULL, 0 };
    unsigned char digest[32] = { 1 }, signature[512];
    CK_ULONG len = sizeof(signature);

    EXPECT_OK(host->p11->C_SignInit(host->session, &mechanism, key));
    EXPECT_OK(host->p11->C_Sign(host->session, digest, sizeof(digest), signature, &len));
}

static void measure_start(struct host *host, const struct kind *kind)
{
    CK_C_INITIALIZE_ARGS threads = { .flags = CKF_OS_LOCKING_OK };
    double at[5];
    CK_OBJECT_HANDLE key;

    at[0] = now_us();
    host_load(host);
    EXPECT_OK(host->p11->C_Initialize(&threads));
    at[1] = now_us();
    log_in(host);
    at[2] = now_us();
    key = find_key(host, kind->type);
    sign(host, kind, key);
    at[3] = now_us();
    sign(host, kind, key);
    at[4] = now_us();
    printf("all_us=%.0f load_us=%.0f login_us=%.0f first_us=%.0f second_us=%.0f\n", at[3] - at[0],
           at[1] - at[0], at[2] - at[1], at[3] - at[2], at[4] - at[3]);
}

/* ---------------------------------------------------------------------------------------------------- unwrapping */

static CK_OBJECT_HANDLE make_wrapping_key(struct host *host)
{
    CK_MECHANISM mechanism = { CKM_AES_KEY_GEN, NULL, 0 };
    CK_ULONG len = 32;
    CK_ATTRIBUTE template[] = { { CKA_VALUE_LEN, &len, sizeof(len) },
                                { CKA_TOKEN, &no, sizeof(no) },
                                { CKA_WRAP, &yes, sizeof(yes) },
                                { CKA_UNWRAP, &yes, sizeof(yes) } };
    CK_OBJECT_HANDLE key;

    EXPECT_OK(host->p11->C_GenerateKey(host->session, &mechanism, template, COUNT(template), &key));
    return key;
}

static CK_OBJECT_HANDLE make_key(struct host *host, const struct kind *kind)
{
    static unsigned char p256[] = { 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 };
    CK_MECHANISM mechanism = { kind->generate, NULL, 0 };
    CK_ULONG bits = 2048;
    CK_ATTRIBUTE size = { CKA_MODULUS_BITS, &bits, sizeof(bits) };
    CK_ATTRIBUTE curve = { CKA_EC_PARAMS, p256, sizeof(p256) };
    CK_ATTRIBUTE public_half[] = { kind->type == CKK_EC ? curve : size, { CKA_TOKEN, &no, sizeof(no) } };
    CK_ATTRIBUTE private_half[] = { { CKA_TOKEN, &no, sizeof(no) },
                                    { CKA_EXTRACTABLE, &yes, sizeof(yes) },
                                    { CKA_SIGN, &yes, sizeof(yes) } };
    CK_OBJECT_HANDLE public_key, private_key;

    EXPECT_OK(host->p11->C_GenerateKeyPair(host->session, &mechanism, public_half, COUNT(public_half),
                                           private_half, COUNT(private_half), &public_key, &private_key));
    return private_key;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void measure_unwrap(struct host *host, const struct kind *kind)
{
    CK_C_INITIALIZE_ARGS threads = { .flags = CKF_OS_LOCKING_OK };
    CK_MECHANISM wrapping = { CKM_AES_KEY_WRAP_PAD, NULL, 0 };
    CK_KEY_TYPE type = kind->type;
    CK_ATTRIBUTE template[] = { { CKA_CLASS, &private_class, sizeof(private_class) },
                                { CKA_KEY_TYPE, &type, sizeof(type) },
                                { CKA_TOKEN, &no, sizeof(no) },
                                { CKA_SENSITIVE, &yes, sizeof(yes) },
                                { CKA_SIGN, &yes, sizeof(yes) } };
    unsigned char wrapped[WRAPPED_MAX];
    CK_ULONG wrapped_len = sizeof(wrapped);
    CK_OBJECT_HANDLE wrapping_key, key;
    double us[ROUNDS];

    host_load(host);
    EXPECT_OK(host->p11->C_Initialize(&threads));
    log_in(host);
    wrapping_key = make_wrapping_key(host);
    key = make_key(host, kind);
    EXPECT_OK(host->p11->C_WrapKey(host->session, &wrapping, wrapping_key, key, wrapped, &wrapped_len));
    for (int i = 0; i < ROUNDS; i++) {
        double began = now_us();

        EXPECT_OK(host->p11->C_UnwrapKey(host->session, &wrapping, wrapping_key, wrapped, wrapped_len,
                                         template, COUNT(template), &key));
        sign(host, kind, key);
        us[i] = now_us() - began;
        EXPECT_OK(host->p11->C_DestroyObject(host->session, key));
    }
    qsort(us, ROUNDS, sizeof(*us), compare);
    printf("hsm_us=%.0f\n", us[ROUNDS / 2]);
}

/* In huge pages, as the module's is (client/stretch.c): what is taken off the module's time is no more than it spent. */
static int allocate_pages(uint8_t **memory, size_t size)
{
    void *pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (pages == MAP_FAILED)
        return ARGON2_MEMORY_ALLOCATION_ERROR;
    (void)madvise(pages, size, MADV_HUGEPAGE);
    *memory = pages;
    return ARGON2_OK;
}

static void free_pages(uint8_t *memory, size_t size)
{
    munmap(memory, size);
}

/* The faster of two, for the same reason. */
static void measure_stretch(uint32_t kib, uint32_t passes, uint32_t lanes)
{
    unsigned char stretched[32];
    double least_us = 0;

    for (int i = 0; i < 2; i++) {
        unsigned char pin[] = "739154", salt[] = "a salt of some length";
        argon2_context argon2 = { .out = stretched,
                                  .outlen = sizeof(stretched),
                                  .pwd = pin,
                                  .pwdlen = sizeof(pin) - 1,
                                  .salt = salt,
                                  .saltlen = sizeof(salt) - 1,
                                  .t_cost = passes,
                                  .m_cost = kib,
                                  .lanes = lanes,
                                  .threads = 1,
                                  .version = ARGON2_VERSION_13,
                                  .allocate_cbk = allocate_pages,
                                  .free_cbk = free_pages };
        double began = now_us(), us;

        EXPECT(argon2_ctx(&argon2, Argon2_id) == ARGON2_OK, "no Argon2");
        us = now_us() - began;
        if (i == 0 || us < least_us)
            least_us = us;
    }
    printf("stretch_us=%.0f\n", least_us);
}

int main(int argc, char **argv)
{
    struct host host = { 0 };
    const struct kind *kind;

    if (argc == 5 && strcmp(argv[1], "stretch") == 0) {
        measure_stretch((uint32_t)atoi(argv[2]), (uint32_t)atoi(argv[3]), (uint32_t)atoi(argv[4]));
        return 0;
    }
    if (argc != 6)
        return 2;
    host = (struct host){ .path = argv[2], .token = argv[3], .pin_file = argv[4] };
    kind = &kinds[strcmp(argv[5], "rsa") == 0];
    (strcmp(argv[1], "unwrap") == 0 ? measure_unwrap : measure_start)(&host, kind);
    return 0;
}
