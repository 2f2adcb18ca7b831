/* SPDX-License-Identifier: Apache-2.0 */
/* test_sealing.c - a chain is checked once; another one, or the same one later, again. */
#include "client/sealing.h"

#include <errno.h>
#include <string.h>

#include "proto/certificate.h"
#include "tests/support/suite.h"
#include "tests/support/test_ca.h"

static struct sealing sealing;
static EVP_PKEY *ca_key, *keys[2];
static X509 *root, *issuer;
static X509_STORE *trust, *no_trust;

/* The chain of a sealing certificate, in DER. */
struct chain {
    struct bytes ders[2];
};

static struct chain chains[2];

static struct bytes der_of(X509 *certificate)
{
    unsigned char *der = NULL;
    int len = i2d_X509(certificate, &der);

    test_require(len > 0);
    return BYTES(der, (size_t)len);
}

static struct chain make_chain(EVP_PKEY *key)
{
    X509 *leaf = test_certificate(&(struct test_certificate){
        .name = "seal", .key = key, .issuer = issuer, .issuer_key = ca_key, .usage = SEAL_EKU_OID });
    struct chain chain = { { der_of(leaf), der_of(issuer) } };

    X509_free(leaf);
    return chain;
}

static void setup(void)
{
    sealing_init(&sealing);
    ca_key = test_key("EC");
    root = test_certificate(&(struct test_certificate){ .name = "root", .key = ca_key, .is_ca = true });
    issuer = test_certificate(&(struct test_certificate){ .name = "issuer",
                                                          .key = ca_key,
                                                          .issuer = root,
                                                          .issuer_key = ca_key,
                                                          .is_ca = true,
                                                          .usage = SEAL_EKU_OID });
    trust = X509_STORE_new();
    no_trust = X509_STORE_new();
    test_require(X509_STORE_add_cert(trust, root) == 1);
    for (size_t i = 0; i < 2; i++) {
        keys[i] = test_key("X25519");
        chains[i] = make_chain(keys[i]);
    }
}

static void teardown(void)
{
    for (size_t i = 0; i < 2; i++) {
        EVP_PKEY_free(keys[i]);
        OPENSSL_free((void *)chains[i].ders[0].data);
        OPENSSL_free((void *)chains[i].ders[1].data);
    }
    X509_STORE_free(trust);
    X509_STORE_free(no_trust);
    X509_free(issuer);
    X509_free(root);
    EVP_PKEY_free(ca_key);
    sealing_clear(&sealing);
}

static int ask(X509_STORE *store, size_t chain, uint8_t ret[32])
{
    const char *why = NULL;
    int r = sealing_key(&sealing, NULL, store, chains[chain].ders, 2, ret, &why);

    ck_assert(r == 0 || (why && *why));
    return r;
}

static void assert_key(size_t chain, const uint8_t key[32])
{
    uint8_t expected[32];
    size_t len = sizeof(expected);

    ck_assert_int_eq(EVP_PKEY_get_raw_public_key(keys[chain], expected, &len), 1);
    ck_assert_mem_eq(key, expected, sizeof(expected));
}

/* With a store that trusts nobody, whatever is checked is refused: so what is not refused was not checked. */
START_TEST(chain_that_was_checked_is_known_again)
{
    uint8_t key[32], again[32];

    ck_assert_int_eq(ask(trust, 0, key), 0);
    assert_key(0, key);
    ck_assert_int_eq(ask(no_trust, 0, again), 0);
    assert_key(0, again);
}
END_TEST

START_TEST(another_chain_is_checked_and_takes_its_place)
{
    uint8_t key[32];

    ck_assert_int_eq(ask(trust, 0, key), 0);
    ck_assert_int_eq(ask(no_trust, 1, key), -EACCES);
    ck_assert_int_eq(ask(trust, 1, key), 0);
    assert_key(1, key);
    ck_assert_int_eq(ask(no_trust, 0, key), -EACCES);
}
END_TEST

START_TEST(after_a_minute_it_is_checked_again)
{
    uint8_t key[32];

    ck_assert_int_eq(ask(trust, 0, key), 0);
    sealing.checked_ms -= 60000;
    ck_assert_int_eq(ask(no_trust, 0, key), -EACCES);
}
END_TEST

START_TEST(refused_chain_is_not_remembered)
{
    uint8_t key[32];

    ck_assert_int_eq(ask(no_trust, 0, key), -EACCES);
    ck_assert_int_eq(ask(NULL, 0, key), -EACCES);
    ck_assert_int_eq(ask(no_trust, 0, key), -EACCES);
}
END_TEST

/* The same bytes, cut elsewhere, are other certificates. */
START_TEST(the_boundaries_of_a_chain_count)
{
    struct bytes *ders = chains[0].ders;
    uint8_t joined[8192], key[32];
    struct bytes cut[2];
    const char *why;

    ck_assert_int_eq(ask(trust, 0, key), 0);
    memcpy(joined, ders[0].data, ders[0].len);
    memcpy(joined + ders[0].len, ders[1].data, ders[1].len);
    cut[0] = BYTES(joined, ders[0].len - 1);
    cut[1] = BYTES(joined + ders[0].len - 1, ders[1].len + 1);
    ck_assert_int_lt(sealing_key(&sealing, NULL, trust, cut, 2, key, &why), 0);
}
END_TEST

SUITE_WITH_FIXTURE("sealing", setup, teardown, chain_that_was_checked_is_known_again,
                   another_chain_is_checked_and_takes_its_place, after_a_minute_it_is_checked_again,
                   refused_chain_is_not_remembered, the_boundaries_of_a_chain_count);
