/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cases_signature.c - every key of the token with every mechanism it lists, judged by OpenSSL.
 *
 * Which pairs there are is found out in a process of its own, so that the parent never loads the module.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "conformance/checks/cases.h"
#include "conformance/checks/key.h"

#define PAIRS_MAX     512
#define SIGNATURE_MAX 2048
#define MESSAGE_MAX   100000

struct pair {
    CK_BYTE id[128];
    CK_ULONG id_len;
    CK_MECHANISM_TYPE mechanism;
    char name[160];
};

/* Written by the process that looks, read by the parent and, through fork(), by each case. */
struct survey {
    size_t count;
    struct pair pairs[PAIRS_MAX];
};

/* Sizes that hashing mechanisms meet: nothing, less than a block, whole blocks, many blocks. */
static const CK_ULONG message_lens[] = { 0, 1, 128, MESSAGE_MAX };

static void name_pair(struct pair *pair, const struct key *key, const struct mechanism *mechanism)
{
    const char *kind = key->type == CKK_RSA ? "RSA" : key->type == CKK_EC ? "EC" : "Edwards";
    CK_ULONG bits = key->type == CKK_RSA ? key->signature_len * 8 : key->signature_len * 4;

    snprintf(pair->name, sizeof(pair->name), "%s %lu key \"%s\" signs with %s, OpenSSL agrees", kind, bits,
             key->label, mechanism->name);
}

static void find_pairs(struct check *check)
{
    struct survey *survey = (struct survey *)check->data;
    struct key keys[KEYS_MAX];
    size_t count = keys_load(check, keys);

    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < mechanism_count && survey->count < PAIRS_MAX; j++) {
            struct pair *pair = &survey->pairs[survey->count];

            if (mechanisms[j].key_type != keys[i].type || !mechanism_signs(check, mechanisms[j].type))
                continue;
            memcpy(pair->id, keys[i].id, sizeof(pair->id));
            pair->id_len = keys[i].id_len;
            pair->mechanism = mechanisms[j].type;
            name_pair(pair, &keys[i], &mechanisms[j]);
            survey->count++;
        }
}

struct signing {
    struct check *check;
    const struct mechanism *mechanism;
    CK_OBJECT_HANDLE key;
    EVP_PKEY *public;
    struct mechanism_use use;
};

static void expect_good(struct signing *signing, const CK_BYTE *data, CK_ULONG len, const CK_BYTE *signature,
                        CK_ULONG signature_len, const char *how)
{
    expect_true(signing->check,
                signature_verifies(signing->public, &signing->use, data, len, signature, signature_len),
                "OpenSSL refuses the signature of %lu bytes, made %s, salt of %lu", len, how,
                signing->use.pss.sLen);
}

static void sign_at_once(struct signing *signing, CK_BYTE *data, CK_ULONG len)
{
    struct check *check = signing->check;
    CK_BYTE signature[SIGNATURE_MAX];
    CK_ULONG signature_len = sizeof(signature);

    REQUIRE(check, C_SignInit(check->session, &signing->use.ck, signing->key));
    REQUIRE(check, C_Sign(check->session, data, len, signature, &signature_len));
    expect_good(signing, data, len, signature, signature_len, "at once");
}

static void sign_in_parts(struct signing *signing, CK_BYTE *data, CK_ULONG len)
{
    struct check *check = signing->check;
    CK_BYTE signature[SIGNATURE_MAX];
    CK_ULONG signature_len = sizeof(signature), first = len / 3;

    REQUIRE(check, C_SignInit(check->session, &signing->use.ck, signing->key));
    REQUIRE(check, C_SignUpdate(check->session, data, first));
    REQUIRE(check, C_SignUpdate(check->session, data + first, len - first));
    REQUIRE(check, C_SignFinal(check->session, signature, &signature_len));
    expect_good(signing, data, len, signature, signature_len, "in parts");
}

static void sign_messages(struct signing *signing, CK_ULONG salt_len)
{
    static CK_BYTE data[MESSAGE_MAX];
    CK_ULONG key_len = (CK_ULONG)EVP_PKEY_get_size(signing->public), len;

    mechanism_use_init(&signing->use, signing->mechanism, salt_len);
    memset(data, 0x35, sizeof(data));
    if (!signing->mechanism->digest) {
        len = mechanism_fit(signing->mechanism, data, 1000, key_len);
        sign_at_once(signing, data, len);
        return;
    }
    for (size_t i = 0; i < COUNT(message_lens); i++) {
        sign_at_once(signing, data, message_lens[i]);
        sign_in_parts(signing, data, message_lens[i]);
    }
}

static void sign_pair(struct check *check)
{
    const struct pair *pair = check->data;
    struct key key = { .id_len = pair->id_len };
    CK_ULONG type_len = sizeof(key.type);
    struct signing signing = { .check = check, .mechanism = mechanism_find(pair->mechanism) };

    memcpy(key.id, pair->id, sizeof(key.id));
    signing.key = object_find(check, CKO_PRIVATE_KEY, pair->id, pair->id_len);
    object_read(check, signing.key, CKA_KEY_TYPE, &key.type, &type_len);
    signing.public = key_public(check, &key);
    if (!expect_true(check, signing.public != NULL, "the key has no public half to judge by"))
        return;
    sign_messages(&signing, mechanism_digest_len(signing.mechanism));
    if (signing.mechanism->scheme == PSS)
        sign_messages(&signing, 0);
    EVP_PKEY_free(signing.public);
}

void cases_signature_run(const struct settings *settings)
{
    struct survey *survey =
        mmap(NULL, sizeof(*survey), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct check_case look = { "the token's keys and mechanisms are found", LOGIN, find_pairs, survey };

    if (survey == MAP_FAILED)
        return;
    check_run(settings, &look);
    for (size_t i = 0; i < survey->count; i++) {
        struct check_case row = { survey->pairs[i].name, LOGIN, sign_pair, &survey->pairs[i] };

        check_run(settings, &row);
    }
    munmap(survey, sizeof(*survey));
}
