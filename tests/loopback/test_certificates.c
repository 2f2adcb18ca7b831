/* SPDX-License-Identifier: Apache-2.0 */
/* test_certificates.c - what the deployment's own authorities issue, to whom, and what they take back. */
#include <string.h>
#include <openssl/x509v3.h>

#include "proto/certificate_make.h"
#include "proto/pack.h"
#include "proxy/service/issue.h"
#include "proxy/service/revocation.h"
#include "tests/loopback/deployment.h"
#include "tests/support/suite.h"

static struct service *service;

static void setup(void)
{
    deployment_setup();
    service = &deployment.service[SIGNER_WRAPPED];
}

static int64_t now_ms(void)
{
    return (int64_t)time(NULL) * 1000;
}

/* ------------------------------------------------------------------------------------------- issue_certificate() */

/* Of one key made here, for somebody called "ann". */
static struct issue_request client_request(void)
{
    static X509_NAME *subject;
    static EVP_PKEY *key;
    char *why = NULL;

    key = key ? key : EVP_EC_gen("P-256");
    if (!subject)
        ck_assert_int_eq(certificate_parse_subject("/CN=ann", &subject, &why), 0);
    return (struct issue_request){
        .profile = ISSUE_CLIENT, .owner = "ann", .public_key = key, .subject = subject, .days = 30
    };
}

static enum reason issue(const struct issue_request *request, X509 **ret, struct issued_row *ret_row)
{
    struct buffer chain[ISSUE_CHAIN_LEN] = { 0 };
    enum reason reason = issue_certificate(service, request, now_ms(), chain, ret_row);

    if (reason == REASON_NONE)
        ck_assert_int_eq(certificate_parse(NULL, buffer_bytes(&chain[0]), ret), 0);
    for (size_t i = 0; i < ISSUE_CHAIN_LEN; i++)
        buffer_clear(&chain[i]);
    return reason;
}

static int check(X509 *leaf, enum authority authority, enum certificate_use use)
{
    CLEANUP(certificate_free_stack) STACK_OF(X509) *chain = sk_X509_new_null();
    CLEANUP(X509_STORE_free) X509_STORE *trust = NULL;
    const char *why;

    ck_assert_int_eq(certificate_trust_file(NULL, deployment.client.ca, &trust), 0);
    ck_assert_int_eq(X509_add_cert(chain, leaf, X509_ADD_FLAG_UP_REF), 1);
    ck_assert_int_eq(X509_add_cert(chain, service->ca[authority].certificate, X509_ADD_FLAG_UP_REF), 1);
    return certificate_check(NULL, chain, trust, use, 0, &why);
}

START_TEST(client_certificate_chains_to_the_root_as_a_client_only)
{
    struct issue_request request = client_request();
    CLEANUP(X509_free) X509 *certificate = NULL;

    ck_assert_int_eq(issue(&request, &certificate, NULL), REASON_NONE);
    ck_assert_int_eq(check(certificate, AUTHORITY_DEVICE, CERTIFICATE_CLIENT), 0);
    ck_assert_int_lt(check(certificate, AUTHORITY_DEVICE, CERTIFICATE_SERVER), 0);
    ck_assert_int_lt(check(certificate, AUTHORITY_DEVICE, CERTIFICATE_SEAL), 0);
    ck_assert_int_lt(check(certificate, AUTHORITY_DOCUMENT, CERTIFICATE_CLIENT), 0);
}
END_TEST

START_TEST(certificate_says_where_to_ask_about_it)
{
    struct issue_request request = client_request();
    CLEANUP(X509_free) X509 *certificate = NULL;
    STACK_OF(OPENSSL_STRING) *urls;

    ck_assert_int_eq(issue(&request, &certificate, NULL), REASON_NONE);
    urls = X509_get1_ocsp(certificate);
    ck_assert_int_eq(sk_OPENSSL_STRING_num(urls), 1);
    ck_assert_str_eq(sk_OPENSSL_STRING_value(urls, 0), "http://ca.example.org/ocsp");
    X509_email_free(urls);
    ck_assert_int_ge(X509_get_ext_by_NID(certificate, NID_crl_distribution_points, -1), 0);
}
END_TEST

START_TEST(names_that_openssl_would_take_for_more_are_refused)
{
    static const char *const names[] = {
        "DNS:a,dirName:section", "@names", "email:copy", "DNS:", "", "DNS:a;IP:1.2.3.4", "DNS:a,",
        "otherName:1.2.3;UTF8:x"
    };
    struct issue_request request = client_request();
    CLEANUP(X509_free) X509 *certificate = NULL;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        request.alt_names = names[i];
        ck_assert_msg(issue(&request, &certificate, NULL) == REASON_MALFORMED, "%s", names[i]);
    }
    request.alt_names = "DNS:sign.example.org,IP:192.0.2.1";
    ck_assert_int_eq(issue(&request, &certificate, NULL), REASON_NONE);
}
END_TEST

START_TEST(weak_key_or_endless_life_is_refused)
{
    struct issue_request request = client_request();
    CLEANUP(X509_free) X509 *certificate = NULL;

    request.days = ISSUE_DAYS_MAX + 1;
    ck_assert_int_eq(issue(&request, &certificate, NULL), REASON_MALFORMED);
    request.days = 30;
    request.public_key = EVP_RSA_gen(1024);
    ck_assert_int_eq(issue(&request, &certificate, NULL), REASON_MALFORMED);
    EVP_PKEY_free(request.public_key);
}
END_TEST

START_TEST(deployment_without_authority_issues_nothing)
{
    struct issue_request request = client_request();
    CLEANUP(X509_free) X509 *certificate = NULL;
    X509 *authority = service->ca[AUTHORITY_DEVICE].certificate;

    service->ca[AUTHORITY_DEVICE].certificate = NULL;
    ck_assert_int_eq(issue(&request, &certificate, NULL), REASON_NO_AUTHORITY);
    service->ca[AUTHORITY_DEVICE].certificate = authority;
}
END_TEST

/* ------------------------------------------------------------------------------------------------- revocation */

static struct token_row add_alice(void)
{
    uint8_t code[ACTIVATION_CODE_LEN];
    struct token_row token;

    deployment_add_user("alice", &deployment.alice, PRIVYSEAL__V1__CUSTODY__CUSTODY_WRAPPED, code);
    ck_assert_int_eq(token_load(&service->access, "alice", &token), REASON_NONE);
    return token;
}

static struct issued_row issue_for(const struct token_row *token)
{
    struct issue_request request = client_request();
    CLEANUP(X509_free) X509 *certificate = NULL;
    struct issued_row row;

    request.token_id = token->id;
    ck_assert_int_eq(issue(&request, &certificate, &row), REASON_NONE);
    return row;
}

static size_t count_revoked(enum reason expected)
{
    struct authority_row authority;
    struct issued_row *rows = NULL;
    size_t count = 0;

    ck_assert_int_eq(authority_load(&service->access, AUTHORITY_DEVICE, &authority), REASON_NONE);
    ck_assert_int_eq(issued_revoked(&service->access, &authority, &rows, &count), expected);
    free(rows);
    return count;
}

START_TEST(hold_is_taken_back_and_the_end_is_not)
{
    struct token_row token = add_alice();
    struct issued_row row = issue_for(&token), found;

    ck_assert_int_eq(revoke_token_certificates(service, &token, CRL_HOLD), REASON_NONE);
    ck_assert_uint_eq(count_revoked(REASON_NONE), 1);
    ck_assert_int_eq(revoke_token_certificates(service, &token, CRL_REMOVE_FROM_CRL), REASON_NONE);
    ck_assert_uint_eq(count_revoked(REASON_NONE), 0);
    ck_assert_int_eq(revoke_certificate(service, row.serial, CRL_CESSATION, &found), REASON_NONE);
    ck_assert_int_eq(revoke_token_certificates(service, &token, CRL_REMOVE_FROM_CRL), REASON_NONE);
    ck_assert_uint_eq(count_revoked(REASON_NONE), 1);
    ck_assert_int_eq(revoke_certificate(service, row.serial, CRL_HOLD, &found), REASON_ALREADY_EXISTS);
}
END_TEST

START_TEST(deleted_key_takes_its_certificates_along_and_no_others)
{
    struct token_row token = add_alice();
    struct issued_row row = issue_for(&token);
    uint8_t other[KEY_NAME_LEN] = { 1 };
    size_t revoked = 1;

    ck_assert_int_eq(revoke_key_certificates(service, &token, other, CRL_CESSATION, &revoked), REASON_NONE);
    ck_assert_uint_eq(revoked, 0);
    ck_assert_uint_eq(count_revoked(REASON_NONE), 0);
    ck_assert_int_eq(revoke_key_certificates(service, &token, row.key_name, CRL_CESSATION, &revoked),
                     REASON_NONE);
    ck_assert_uint_eq(revoked, 1);
    ck_assert_uint_eq(count_revoked(REASON_NONE), 1);
}
END_TEST

START_TEST(expired_certificate_leaves_the_list)
{
    struct token_row token = add_alice();
    struct issued_row row = issue_for(&token), later, found;

    ck_assert_int_eq(revoke_certificate(service, row.serial, CRL_SUPERSEDED, &found), REASON_NONE);
    deployment_wait(31 * 86400000LL);
    later = issue_for(&token);
    ck_assert_int_eq(revoke_certificate(service, later.serial, CRL_SUPERSEDED, &found), REASON_NONE);
    ck_assert_uint_eq(count_revoked(REASON_NONE), 1);
    deployment_wait_no_more();
}
END_TEST

/* Who writes the database puts back the row of a certificate as it was before it was revoked. */
START_TEST(old_row_slipped_back_is_noticed)
{
    struct token_row token = add_alice();
    struct issued_row row = issue_for(&token), other = issue_for(&token), found;

    ck_assert_int_eq(revoke_certificate(service, row.serial, CRL_KEY_COMPROMISE, &found), REASON_NONE);
    ck_assert_int_eq(store_issued_update(deployment.store, &row), 0);
    count_revoked(REASON_INTEGRITY);
    ck_assert_int_eq(revoke_certificate(service, other.serial, CRL_KEY_COMPROMISE, &found), REASON_INTEGRITY);
}
END_TEST

/* And the authority's row with it: no signer that saw the newer one believes that. */
START_TEST(old_authority_slipped_back_is_noticed_by_who_saw_the_newer)
{
    struct token_row token = add_alice();
    struct issued_row row = issue_for(&token), found;
    struct authority_row before, after;

    ck_assert_int_eq(authority_load(&service->access, AUTHORITY_DEVICE, &before), REASON_NONE);
    ck_assert_int_eq(revoke_certificate(service, row.serial, CRL_KEY_COMPROMISE, &found), REASON_NONE);
    ck_assert_int_eq(authority_load(&service->access, AUTHORITY_DEVICE, &after), REASON_NONE);
    ck_assert_int_eq(authority_remember(&service->access, &after), REASON_NONE);
    ck_assert_int_eq(store_authority_update(deployment.store, &before, after.sequence), 0);
    ck_assert_int_eq(store_issued_update(deployment.store, &row), 0);
    ck_assert_int_eq(authority_load(&service->access, AUTHORITY_DEVICE, &before), REASON_INTEGRITY);
}
END_TEST

START_TEST(revocation_that_is_rolled_back_is_none)
{
    struct token_row token = add_alice();

    issue_for(&token);
    ck_assert_int_eq(store_begin(deployment.store), 0);
    ck_assert_int_eq(revoke_token_certificates(service, &token, CRL_HOLD), REASON_NONE);
    ck_assert_int_eq(revoke_token_certificates(service, &token, CRL_SUPERSEDED), REASON_NONE);
    store_rollback(deployment.store);
    ck_assert_uint_eq(count_revoked(REASON_NONE), 0);
}
END_TEST

SUITE_WITH_FIXTURE("certificates", setup, deployment_teardown,
                   client_certificate_chains_to_the_root_as_a_client_only,
                   certificate_says_where_to_ask_about_it, names_that_openssl_would_take_for_more_are_refused,
                   weak_key_or_endless_life_is_refused, deployment_without_authority_issues_nothing,
                   hold_is_taken_back_and_the_end_is_not,
                   deleted_key_takes_its_certificates_along_and_no_others,
                   expired_certificate_leaves_the_list, old_row_slipped_back_is_noticed,
                   old_authority_slipped_back_is_noticed_by_who_saw_the_newer,
                   revocation_that_is_rolled_back_is_none);
