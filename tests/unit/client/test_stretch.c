/* SPDX-License-Identifier: Apache-2.0 */
/* test_stretch.c - S depends on everything it should, on nothing else, and is never cheap. */
#include "client/stretch.h"

#include <argon2.h>
#include <dirent.h>
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/sha.h>
#include <string.h>

#include "include/table.h"
#include "proto/limits.h"
#include "tests/support/hex.h"
#include "tests/support/suite.h"

static const struct stretch_cost floor_cost = { ARGON2_MEMORY_KIB_FLOOR, ARGON2_PASSES_FLOOR, 1 };
static uint8_t salt[SALT_LEN];

/* One way to call it; each test changes one thing. */
struct variant {
    const char *realm, *token, *pin, *device;
    uint8_t salt_byte;
    uint32_t version;
    struct stretch_cost cost;
};

static const struct variant base = {
    "example", "anna", "123456", "", 1, 1, { ARGON2_MEMORY_KIB_FLOOR, ARGON2_PASSES_FLOOR, 1 }
};

static void stretch(const struct variant *variant, uint8_t ret[STRETCHED_PIN_LEN])
{
    struct secret *stretched = NULL;

    memset(salt, variant->salt_byte, sizeof(salt));
    ck_assert_int_eq(stretch_pin(NULL, variant->realm, variant->token, bytes_of_text(variant->pin),
                                 BYTES_OF_ARRAY(salt), &variant->cost, variant->version,
                                 bytes_of_text(variant->device), &stretched),
                     0);
    ck_assert_uint_eq(stretched->len, STRETCHED_PIN_LEN);
    memcpy(ret, stretched->data, STRETCHED_PIN_LEN);
    secret_free(stretched);
}

static int stretch_at(const struct stretch_cost *cost, const char *pin, size_t salt_len)
{
    struct secret *stretched = NULL;
    int r = stretch_pin(NULL, "example", "anna", bytes_of_text(pin), BYTES(salt, salt_len), cost, 1,
                        BYTES_NONE, &stretched);

    secret_free(stretched);
    return r;
}

START_TEST(same_input_gives_the_same_secret)
{
    uint8_t a[STRETCHED_PIN_LEN], b[STRETCHED_PIN_LEN];

    stretch(&base, a);
    stretch(&base, b);
    ck_assert_mem_eq(a, b, sizeof(a));
}
END_TEST

START_TEST(each_input_counts)
{
    struct variant others[] = { base, base, base, base, base, base, base, base };
    uint8_t secrets[ARRAY_SIZE(others) + 1][STRETCHED_PIN_LEN];

    others[0].realm = "other";
    others[1].token = "berta";
    others[2].pin = "123457";
    others[3].device = "a secret of this device";
    others[4].salt_byte = 2;
    others[5].version = 2;
    others[6].cost.passes++;
    others[7].cost.memory_kib += 1024;
    stretch(&base, secrets[ARRAY_SIZE(others)]);
    for (size_t i = 0; i < ARRAY_SIZE(others); i++)
        stretch(&others[i], secrets[i]);
    for (size_t i = 0; i <= ARRAY_SIZE(others); i++)
        for (size_t j = 0; j < i; j++)
            ck_assert_mem_ne(secrets[i], secrets[j], STRETCHED_PIN_LEN);
}
END_TEST

START_TEST(fields_do_not_run_into_each_other)
{
    struct variant one = base, two = base;
    uint8_t a[STRETCHED_PIN_LEN], b[STRETCHED_PIN_LEN];

    one.realm = "ab";
    one.token = "c";
    two.realm = "a";
    two.token = "bc";
    stretch(&one, a);
    stretch(&two, b);
    ck_assert_mem_ne(a, b, sizeof(a));
}
END_TEST

static void append_field(uint8_t **end, const void *data, size_t len)
{
    uint8_t prefix[4] = { 0, 0, 0, (uint8_t)len };

    memcpy(*end, prefix, 4);
    memcpy(*end + 4, data, len);
    *end += 4 + len;
}

/* The definition once more, by hand: libargon2's short function, OpenSSL's HKDF, contexts spelt out. */
START_TEST(secret_is_what_the_header_defines)
{
    static const char salt_label[] = "privyseal v1 stretch salt", label[] = "privyseal v1 stretched pin";
    static const uint8_t version[8] = { 0, 0, 0, 0, 0, 0, 0, 1 };
    uint8_t input[256], info[256], *end = input, *info_end = info;
    uint8_t mixed[32], hash[32], expected[32], actual[32];
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
    OSSL_PARAM parameters[] = { OSSL_PARAM_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0),
                                OSSL_PARAM_octet_string(OSSL_KDF_PARAM_KEY, hash, sizeof(hash)),
                                OSSL_PARAM_END, OSSL_PARAM_END };

    stretch(&base, actual);
    append_field(&end, salt_label, sizeof(salt_label) - 1);
    append_field(&end, "example", 7);
    append_field(&end, "anna", 4);
    append_field(&end, salt, sizeof(salt));
    SHA256(input, (size_t)(end - input), mixed);
    ck_assert_int_eq(
        argon2id_hash_raw(ARGON2_PASSES_FLOOR, ARGON2_MEMORY_KIB_FLOOR, 1, "123456", 6, mixed, 32, hash, 32),
        ARGON2_OK);
    append_field(&info_end, label, sizeof(label) - 1);
    append_field(&info_end, "example", 7);
    append_field(&info_end, "anna", 4);
    append_field(&info_end, version, 8);
    parameters[2] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, (size_t)(info_end - info));
    ck_assert_int_eq(EVP_KDF_derive(context, expected, sizeof(expected), parameters), 1);
    ck_assert_mem_eq(actual, expected, sizeof(expected));
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
}
END_TEST

START_TEST(cost_outside_of_the_limits_is_refused)
{
    static const struct stretch_cost refused[] = {
        { ARGON2_MEMORY_KIB_FLOOR - 1, ARGON2_PASSES_FLOOR, 1 },
        { ARGON2_MEMORY_KIB_FLOOR, ARGON2_PASSES_FLOOR - 1, 1 },
        { ARGON2_MEMORY_KIB_FLOOR, ARGON2_PASSES_FLOOR, 0 },
        { ARGON2_MEMORY_KIB_MAX + 1, ARGON2_PASSES_FLOOR, 1 },
        { ARGON2_MEMORY_KIB_FLOOR, ARGON2_PASSES_MAX + 1, 1 },
        { ARGON2_MEMORY_KIB_FLOOR, ARGON2_PASSES_FLOOR, ARGON2_LANES_MAX + 1 },
        { 0, 0, 0 },
    };
    const struct stretch_cost *cost;

    for (EACH_ROW(cost, refused))
        ck_assert_int_eq(stretch_at(cost, "123456", SALT_LEN), -EPERM);
}
END_TEST

START_TEST(pin_or_salt_of_a_wrong_length_is_refused)
{
    char longest[PIN_MAX_LEN + 2];

    memset(longest, '1', sizeof(longest));
    longest[PIN_MAX_LEN + 1] = '\0';
    ck_assert_int_eq(stretch_at(&floor_cost, longest, SALT_LEN), -EINVAL);
    longest[PIN_MAX_LEN] = '\0';
    ck_assert_int_eq(stretch_at(&floor_cost, longest, SALT_LEN), 0);
    ck_assert_int_eq(stretch_at(&floor_cost, "12345", SALT_LEN), -EINVAL);
    ck_assert_int_eq(stretch_at(&floor_cost, "123456", SALT_LEN - 1), -EINVAL);
}
END_TEST

START_TEST(lanes_are_computed_without_a_thread)
{
    static const struct stretch_cost lanes = { ARGON2_MEMORY_KIB_FLOOR, ARGON2_PASSES_FLOOR,
                                               ARGON2_LANES_MAX };
    unsigned tasks = 0;
    DIR *directory;

    ck_assert_int_eq(stretch_at(&lanes, "123456", SALT_LEN), 0);
    /* A thread that has ended left its stack's cache behind; one that runs is a task. */
    directory = opendir("/proc/self/task");
    ck_assert_ptr_nonnull(directory);
    for (struct dirent *entry; (entry = readdir(directory));)
        tasks += entry->d_name[0] != '.';
    closedir(directory);
    ck_assert_uint_eq(tasks, 1);
}
END_TEST

SUITE("stretch", same_input_gives_the_same_secret, each_input_counts, fields_do_not_run_into_each_other,
      secret_is_what_the_header_defines, cost_outside_of_the_limits_is_refused,
      pin_or_salt_of_a_wrong_length_is_refused, lanes_are_computed_without_a_thread);
