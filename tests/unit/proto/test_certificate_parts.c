/* SPDX-License-Identifier: Apache-2.0 */
/* test_certificate_parts.c - the parts are OpenSSL's; what has not the shape of a certificate has none. */
#include "proto/certificate_parts.h"

#include <errno.h>
#include <openssl/x509.h>

#include "proto/certificate.h"
#include "proto/limits.h"
#include "tests/support/suite.h"
#include "tests/support/test_ca.h"

static EVP_PKEY *key;
static X509 *root, *leaf;
static uint8_t *der;
static size_t der_len;

static void make_certificate(void)
{
    key = test_key("EC");
    root = test_certificate(
        &(struct test_certificate){ .name = "root", .key = key, .issuer_key = key, .is_ca = true });
    leaf = test_certificate(
        &(struct test_certificate){ .name = "leaf", .key = key, .issuer = root, .issuer_key = key });
    der_len = (size_t)i2d_X509(leaf, &der);
}

static void free_certificate(void)
{
    OPENSSL_free(der);
    der = NULL;
    X509_free(leaf);
    X509_free(root);
    EVP_PKEY_free(key);
}

static void assert_is(struct bytes part, uint8_t *expected, int len)
{
    ck_assert_int_gt(len, 0);
    ck_assert(bytes_equal(part, BYTES(expected, (size_t)len)));
    OPENSSL_free(expected);
}

START_TEST(the_parts_are_those_that_openssl_reads)
{
    struct certificate_parts parts;
    uint8_t *serial = NULL, *issuer = NULL, *subject = NULL, *spki = NULL;
    int len;

    ck_assert_int_eq(certificate_parts_read(BYTES(der, der_len), &parts), 0);
    len = i2d_ASN1_INTEGER(X509_get0_serialNumber(leaf), &serial);
    assert_is(parts.serial, serial, len);
    len = i2d_X509_NAME(X509_get_issuer_name(leaf), &issuer);
    assert_is(parts.issuer, issuer, len);
    len = i2d_X509_NAME(X509_get_subject_name(leaf), &subject);
    assert_is(parts.subject, subject, len);
    len = i2d_PUBKEY(key, &spki);
    assert_is(parts.spki, spki, len);
}
END_TEST

START_TEST(a_certificate_of_version_1_has_the_same_parts)
{
    struct certificate_parts parts;
    uint8_t *old = NULL;
    int len;

    while (X509_get_ext_count(leaf))
        X509_EXTENSION_free(X509_delete_ext(leaf, 0));
    ck_assert_int_eq(X509_set_version(leaf, X509_VERSION_1), 1);
    ck_assert_int_gt(X509_sign(leaf, key, EVP_sha256()), 0);
    len = i2d_X509(leaf, &old);
    ck_assert_int_eq(certificate_parts_read(BYTES(old, (size_t)len), &parts), 0);
    ck_assert_uint_eq(parts.subject.data[0], 0x30);
    OPENSSL_free(old);
}
END_TEST

START_TEST(cut_and_extended_ones_are_refused)
{
    CLEANUP(buffer_clear) struct buffer longer = { 0 };
    struct certificate_parts parts;

    for (size_t len = 0; len < der_len; len++)
        ck_assert_int_eq(certificate_parts_read(BYTES(der, len), &parts), -EBADMSG);
    buffer_append(&longer, BYTES(der, der_len));
    buffer_append_u8(&longer, 0);
    ck_assert_int_eq(certificate_parts_read(buffer_bytes(&longer), &parts), -EBADMSG);
}
END_TEST

START_TEST(another_structure_is_refused)
{
    struct certificate_parts parts;
    uint8_t *spki = NULL;
    int len = i2d_PUBKEY(key, &spki);

    ck_assert_int_eq(certificate_parts_read(BYTES(spki, (size_t)len), &parts), -EBADMSG);
    OPENSSL_free(spki);
}
END_TEST

SUITE_WITH_FIXTURE("certificate_parts", make_certificate, free_certificate,
                   the_parts_are_those_that_openssl_reads, a_certificate_of_version_1_has_the_same_parts,
                   cut_and_extended_ones_are_refused, another_structure_is_refused);
