/* SPDX-License-Identifier: Apache-2.0 */
/* test_manifest.c - a list of master keys counts when the deployment's own root has signed just that list. */
#include <errno.h>
#include <string.h>
#include <openssl/pem.h>

#include "proto/manifest.h"
#include "tests/support/scratch.h"
#include "tests/support/suite.h"
#include "tests/support/test_ca.h"

static struct scratch scratch;
static struct manifest manifest;
static EVP_PKEY *root_key;
static char root_path[SCRATCH_PATH_MAX];

static void write_root(EVP_PKEY *key, const char *path)
{
    const struct test_certificate wanted = { .name = "root", .key = key, .is_ca = true };
    X509 *root = test_certificate(&wanted);
    FILE *file = fopen(path, "we");

    ck_assert_int_eq(PEM_write_X509(file, root), 1);
    fclose(file);
    X509_free(root);
}

static void setup(void)
{
    const struct manifest_key keys[] = { { "Kd", 1, { 1 } }, { "Kw", 1, { 2 } } };

    scratch_make(&scratch);
    snprintf(root_path, sizeof(root_path), "%s", scratch_path(&scratch, "root.pem"));
    root_key = test_key("EC");
    write_root(root_key, root_path);
    snprintf(manifest.realm, sizeof(manifest.realm), "test");
    manifest.quorum = (struct quorum){ .threshold = 1, .count = 1, .officers = { { "ann", { 7 } } } };
    buffer_append_text(&manifest.quorum_key, "an RSA key");
    ck_assert_int_eq(manifest_add(&manifest, &keys[0]), 0);
    ck_assert_int_eq(manifest_add(&manifest, &keys[1]), 0);
    ck_assert_int_eq(manifest_sign(&manifest, root_key), 0);
}

static void teardown(void)
{
    manifest_clear(&manifest);
    EVP_PKEY_free(root_key);
    scratch_remove(&scratch);
}

static int check(const char *realm)
{
    const char *why;

    return manifest_check(&manifest, realm, root_path, &why);
}

START_TEST(signed_manifest_survives_its_text)
{
    CLEANUP(json_decref) json_t *text = manifest_to_json(&manifest);

    manifest_clear(&manifest);
    ck_assert_int_eq(manifest_of_json(text, &manifest), 0);
    ck_assert_int_eq(check("test"), 0);
    ck_assert_ptr_nonnull(manifest_find(&manifest, "Kw", 1));
    ck_assert_ptr_null(manifest_find(&manifest, "Kw", 2));
}
END_TEST

START_TEST(altered_or_added_key_breaks_the_signature)
{
    const struct manifest_key planted = { "Kd", 2, { 9 } };

    manifest.keys[0].commitment[0] ^= 1;
    ck_assert_int_eq(check("test"), -EACCES);
    manifest.keys[0].commitment[0] ^= 1;
    ck_assert_int_eq(check("test"), 0);
    ck_assert_int_eq(manifest_add(&manifest, &planted), 0);
    ck_assert_int_eq(check("test"), -EACCES);
}
END_TEST

START_TEST(altered_officer_breaks_the_signature)
{
    manifest.quorum.officers[0].public_key[5] ^= 1;
    ck_assert_int_eq(check("test"), -EACCES);
}
END_TEST

START_TEST(manifest_of_another_deployment_or_root_is_refused)
{
    EVP_PKEY *other = test_key("EC");

    ck_assert_int_eq(check("other"), -EACCES);
    ck_assert_int_eq(manifest_sign(&manifest, other), 0);
    ck_assert_int_eq(check("test"), -EACCES);
    EVP_PKEY_free(other);
}
END_TEST

START_TEST(unsigned_manifest_is_refused)
{
    buffer_clear(&manifest.signature);
    ck_assert_int_eq(check("test"), -EACCES);
}
END_TEST

START_TEST(key_named_twice_is_refused)
{
    CLEANUP(json_decref) json_t *text = manifest_to_json(&manifest);
    json_t *keys = json_object_get(text, "keys");
    struct manifest other;

    json_array_append(keys, json_array_get(keys, 0));
    ck_assert_int_eq(manifest_of_json(text, &other), -EBADMSG);
}
END_TEST

START_TEST(removed_key_breaks_the_signature_until_the_root_signs_again)
{
    ck_assert(manifest_remove(&manifest, "Kd", 1));
    ck_assert(!manifest_remove(&manifest, "Kd", 1));
    ck_assert_ptr_nonnull(manifest_find(&manifest, "Kw", 1));
    ck_assert_int_eq(check("test"), -EACCES);
    ck_assert_int_eq(manifest_sign(&manifest, root_key), 0);
    ck_assert_int_eq(check("test"), 0);
}
END_TEST

SUITE_WITH_FIXTURE("manifest", setup, teardown, signed_manifest_survives_its_text,
                   altered_or_added_key_breaks_the_signature, altered_officer_breaks_the_signature,
                   manifest_of_another_deployment_or_root_is_refused, unsigned_manifest_is_refused,
                   key_named_twice_is_refused, removed_key_breaks_the_signature_until_the_root_signs_again);
