/* SPDX-License-Identifier: Apache-2.0 */
/* test_quorum.c - a secret is dealt to three officers; two give it back, to the one who asked and to nobody else. */
#include <errno.h>
#include <string.h>

#include "proto/quorum.h"
#include "tests/support/suite.h"

#define OFFICERS 3

static const uint8_t known[] = "what two of three officers hold together";

static struct quorum quorum;
static struct secret *keys[OFFICERS];
static json_t *sealed, *request, *answers[OFFICERS];
static struct secret *request_key;

static void setup(void)
{
    static const char *const names[OFFICERS] = { "ann", "bob", "eve" };
    CLEANUP(json_decref) json_t *secrets = json_array();
    uint8_t request_ikm[32] = { 77 }, request_public[HPKE_KEY_LEN];

    quorum = (struct quorum){ .threshold = 2, .count = OFFICERS };
    for (int i = 0; i < OFFICERS; i++) {
        uint8_t ikm[32] = { (uint8_t)(i + 1) };

        snprintf(quorum.officers[i].name, sizeof(quorum.officers[i].name), "%s", names[i]);
        ck_assert_int_eq(
            hpke_derive_key_pair(NULL, BYTES_OF_ARRAY(ikm), &keys[i], quorum.officers[i].public_key), 0);
    }
    ck_assert_int_eq(quorum_seal("test", "thing", &quorum, BYTES_OF_ARRAY(known), &sealed), 0);
    json_array_append(secrets, sealed);
    ck_assert_int_eq(hpke_derive_key_pair(NULL, BYTES_OF_ARRAY(request_ikm), &request_key, request_public),
                     0);
    ck_assert_int_eq(quorum_ask("test", "restore", secrets, request_public, &request), 0);
    for (int i = 0; i < OFFICERS; i++) {
        const char *name;

        ck_assert_int_eq(
            quorum_answer(request, secret_bytes(keys[i]), quorum.officers[i].public_key, &answers[i], &name),
            0);
        ck_assert_str_eq(name, names[i]);
    }
}

static void teardown(void)
{
    for (int i = 0; i < OFFICERS; i++) {
        secret_free(keys[i]);
        json_decref(answers[i]);
    }
    json_decref(sealed);
    json_decref(request);
    secret_free(request_key);
}

/* What comes of these answers; the secret must be the known one when there is one. */
static int join(struct bytes private_key, json_t *first, json_t *second)
{
    CLEANUP(json_decref) json_t *given = json_array();
    CLEANUP(secret_free) struct secret *joined = NULL;
    CLEANUP(free_string) char *why = NULL;
    int r;

    json_array_append(given, first);
    if (second)
        json_array_append(given, second);
    r = quorum_join(request, private_key, given, "thing", &joined, &why);
    ck_assert(r < 0 || secret_equal(secret_bytes(joined), BYTES_OF_ARRAY(known)));
    ck_assert(r == 0 || !joined);
    return r;
}

START_TEST(any_two_officers_give_the_secret)
{
    ck_assert_int_eq(join(secret_bytes(request_key), answers[0], answers[1]), 0);
    ck_assert_int_eq(join(secret_bytes(request_key), answers[2], answers[0]), 0);
}
END_TEST

START_TEST(one_officer_is_too_few_however_often)
{
    ck_assert_int_eq(join(secret_bytes(request_key), answers[0], NULL), -EAGAIN);
    ck_assert_int_eq(join(secret_bytes(request_key), answers[0], answers[0]), -EAGAIN);
}
END_TEST

START_TEST(answers_are_for_the_one_who_asked)
{
    ck_assert_int_eq(join(secret_bytes(keys[2]), answers[0], answers[1]), -EBADMSG);
}
END_TEST

START_TEST(answer_to_an_altered_request_does_not_fit)
{
    json_object_set_new(request, "host", json_string("elsewhere"));
    ck_assert_int_eq(join(secret_bytes(request_key), answers[0], answers[1]), -EBADMSG);
}
END_TEST

START_TEST(altered_share_is_refused_and_its_officer_named)
{
    CLEANUP(json_decref) json_t *given = json_array();
    CLEANUP(secret_free) struct secret *joined = NULL;
    CLEANUP(free_string) char *why = NULL;
    json_t *share = json_array_get(json_object_get(answers[1], "shares"), 0);
    json_t *other = json_array_get(json_object_get(answers[2], "shares"), 0);

    json_object_set(share, "sealed", json_object_get(other, "sealed"));
    json_array_append(given, answers[0]);
    json_array_append(given, answers[1]);
    ck_assert_int_eq(quorum_join(request, secret_bytes(request_key), given, "thing", &joined, &why),
                     -EBADMSG);
    ck_assert_ptr_nonnull(strstr(why, "bob"));
}
END_TEST

/* An officer who seals something else than the share dealt: known by its digest. */
START_TEST(share_of_another_secret_is_refused)
{
    CLEANUP(json_decref) json_t *other = NULL;
    json_t *secret = json_array_get(json_object_get(request, "secrets"), 0);
    json_t *shares = json_object_get(secret, "shares");

    ck_assert_int_eq(quorum_seal("test", "thing", &quorum, BYTES("another secret", 14), &other), 0);
    json_object_set(json_array_get(shares, 0), "digest",
                    json_object_get(json_array_get(json_object_get(other, "shares"), 0), "digest"));
    ck_assert_int_eq(join(secret_bytes(request_key), answers[0], answers[1]), -EBADMSG);
}
END_TEST

START_TEST(stranger_has_no_share)
{
    uint8_t ikm[32] = { 99 }, stranger[HPKE_KEY_LEN];
    CLEANUP(secret_free) struct secret *key = NULL;
    json_t *answer = NULL;
    const char *name;

    ck_assert_int_eq(hpke_derive_key_pair(NULL, BYTES_OF_ARRAY(ikm), &key, stranger), 0);
    ck_assert_int_eq(quorum_answer(request, secret_bytes(key), stranger, &answer, &name), -ENOENT);
}
END_TEST

START_TEST(share_moved_to_another_secret_does_not_open)
{
    json_t *secret = json_array_get(json_object_get(request, "secrets"), 0), *answer = NULL;
    const char *name;

    json_object_set_new(secret, "what", json_string("another thing"));
    ck_assert_int_eq(
        quorum_answer(request, secret_bytes(keys[0]), quorum.officers[0].public_key, &answer, &name),
        -EBADMSG);
}
END_TEST

START_TEST(quorum_survives_its_text)
{
    CLEANUP(json_decref) json_t *text = quorum_to_json(&quorum);
    struct quorum again;

    ck_assert_int_eq(quorum_of_json(text, &again), 0);
    ck_assert_mem_eq(&again, &quorum, sizeof(again));
    json_object_set_new(text, "threshold", json_integer(4));
    ck_assert_int_eq(quorum_of_json(text, &again), -EBADMSG);
}
END_TEST

SUITE_WITH_FIXTURE("quorum", setup, teardown, any_two_officers_give_the_secret,
                   one_officer_is_too_few_however_often, answers_are_for_the_one_who_asked,
                   answer_to_an_altered_request_does_not_fit, altered_share_is_refused_and_its_officer_named,
                   share_of_another_secret_is_refused, stranger_has_no_share,
                   share_moved_to_another_secret_does_not_open, quorum_survives_its_text);
