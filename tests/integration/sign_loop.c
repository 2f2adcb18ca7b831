/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sign_loop.c - an application: sign_loop MODULE TOKEN PIN COUNT [PAUSE_MS] logs in once and signs COUNT times in one
 * process with the token's first P-256 key, checking each signature. Ends with 1 at the first call that fails. COUNT 0:
 * until SIGTERM. Prints how many it made and the longest that one took.
 */
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <p11-kit/pkcs11.h>

struct application {
    CK_FUNCTION_LIST *module;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE private_key;
    EVP_PKEY *public_key;
};

static volatile sig_atomic_t is_over;

static void end_it(int number)
{
    (void)number;
    is_over = 1;
}

static void must(CK_RV rv, const char *what)
{
    if (rv == CKR_OK)
        return;
    fprintf(stderr, "%s: CKR 0x%lx\n", what, rv);
    exit(1);
}

static void load(struct application *application, const char *path)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    CK_C_GetFunctionList get = library ? (CK_C_GetFunctionList)dlsym(library, "C_GetFunctionList") : NULL;

    if (!get) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    must(get(&application->module), "C_GetFunctionList");
    must(application->module->C_Initialize(NULL), "C_Initialize");
}

static CK_SLOT_ID find_slot(struct application *application, const char *token)
{
    CK_SLOT_ID slots[64];
    CK_ULONG count = 64;
    CK_TOKEN_INFO info;

    must(application->module->C_GetSlotList(CK_TRUE, slots, &count), "C_GetSlotList");
    for (CK_ULONG i = 0; i < count; i++) {
        must(application->module->C_GetTokenInfo(slots[i], &info), "C_GetTokenInfo");
        if (memcmp(info.label, token, strlen(token)) == 0)
            return slots[i];
    }
    fprintf(stderr, "no token %s\n", token);
    exit(1);
}

static CK_OBJECT_HANDLE find_key(struct application *application, CK_OBJECT_CLASS class)
{
    CK_KEY_TYPE type = CKK_EC;
    CK_ATTRIBUTE template[] = { { CKA_CLASS, &class, sizeof(class) }, { CKA_KEY_TYPE, &type, sizeof(type) } };
    CK_OBJECT_HANDLE object = 0;
    CK_ULONG count = 0;

    must(application->module->C_FindObjectsInit(application->session, template, 2), "C_FindObjectsInit");
    must(application->module->C_FindObjects(application->session, &object, 1, &count), "C_FindObjects");
    must(application->module->C_FindObjectsFinal(application->session), "C_FindObjectsFinal");
    must(count ? CKR_OK : CKR_KEY_NEEDED, "finding a key");
    return object;
}

static void load_public_key(struct application *application)
{
    CK_OBJECT_HANDLE object = find_key(application, CKO_PUBLIC_KEY);
    unsigned char point[128];
    CK_ATTRIBUTE attribute = { CKA_EC_POINT, point, sizeof(point) };
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    OSSL_PARAM parameters[3];

    must(application->module->C_GetAttributeValue(application->session, object, &attribute, 1),
         "CKA_EC_POINT");
    /* The point stands in an OCTET STRING, behind two bytes of header. */
    parameters[0] = OSSL_PARAM_construct_utf8_string("group", (char *)"P-256", 0);
    parameters[1] = OSSL_PARAM_construct_octet_string("pub", point + 2, attribute.ulValueLen - 2);
    parameters[2] = OSSL_PARAM_construct_end();
    if (EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &application->public_key, EVP_PKEY_PUBLIC_KEY, parameters) != 1)
        must(CKR_GENERAL_ERROR, "reading the public key");
    EVP_PKEY_CTX_free(context);
}

static void check_signature(struct application *application, const unsigned char *digest,
                            const unsigned char *raw)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(application->public_key, NULL);
    ECDSA_SIG *signature = ECDSA_SIG_new();
    unsigned char *der = NULL;
    int len;

    ECDSA_SIG_set0(signature, BN_bin2bn(raw, 32, NULL), BN_bin2bn(raw + 32, 32, NULL));
    len = i2d_ECDSA_SIG(signature, &der);
    if (EVP_PKEY_verify_init(context) != 1 || EVP_PKEY_verify(context, der, (size_t)len, digest, 32) != 1)
        must(CKR_SIGNATURE_INVALID, "a signature that was given out");
    OPENSSL_free(der);
    ECDSA_SIG_free(signature);
    EVP_PKEY_CTX_free(context);
}

static double sign_once(struct application *application, unsigned number)
{
    CK_MECHANISM mechanism = { CKM_ECDSA, NULL, 0 };
    unsigned char digest[32] = { 0 }, signature[64];
    CK_ULONG len = sizeof(signature);
    struct timespec before, after;

    memcpy(digest, &number, sizeof(number));
    clock_gettime(CLOCK_MONOTONIC, &before);
    must(application->module->C_SignInit(application->session, &mechanism, application->private_key),
         "C_SignInit");
    must(application->module->C_Sign(application->session, digest, sizeof(digest), signature, &len),
         "C_Sign");
    clock_gettime(CLOCK_MONOTONIC, &after);
    check_signature(application, digest, signature);
    return (double)(after.tv_sec - before.tv_sec) * 1e3 + (double)(after.tv_nsec - before.tv_nsec) / 1e6;
}

int main(int argc, char **argv)
{
    struct application application = { 0 };
    unsigned count = argc > 4 ? (unsigned)atoi(argv[4]) : 1,
             pause_ms = argc > 5 ? (unsigned)atoi(argv[5]) : 10;
    unsigned made = 0;
    double longest_ms = 0;

    if (argc < 5)
        return 2;
    signal(SIGTERM, end_it);
    load(&application, argv[1]);
    must(application.module->C_OpenSession(find_slot(&application, argv[2]), CKF_SERIAL_SESSION, NULL, NULL,
                                           &application.session),
         "C_OpenSession");
    must(
        application.module->C_Login(application.session, CKU_USER, (unsigned char *)argv[3], strlen(argv[3])),
        "C_Login");
    application.private_key = find_key(&application, CKO_PRIVATE_KEY);
    load_public_key(&application);
    while (!is_over && (count == 0 || made < count)) {
        double ms = sign_once(&application, made++);

        longest_ms = ms > longest_ms ? ms : longest_ms;
        usleep(pause_ms * 1000);
    }
    must(application.module->C_Finalize(NULL), "C_Finalize");
    printf("%u signatures, the longest took %.0f ms\n", made, longest_ms);
    EVP_PKEY_free(application.public_key);
    return 0;
}
