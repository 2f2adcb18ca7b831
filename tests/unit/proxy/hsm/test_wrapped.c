/* SPDX-License-Identifier: Apache-2.0 */
/* test_wrapped.c - a row, the HSM and S together sign; any other row, token or secret does not. */
#include <string.h>
#include <time.h>

#include "proxy/hsm/hsm_state.h"
#include "tests/support/suite.h"
#include "tests/unit/proxy/hsm/softhsm_fixture.h"

#define REALM "test"

static const struct custody_ops *const wrapped = &custody_wrapped;
static const uint8_t right[STRETCHED_PIN_LEN] = { 1, 2, 3 }, wrong[STRETCHED_PIN_LEN] = { 1, 2, 4 };

static struct custody *custody;
static struct token_row alice, bob;
static struct access_row row; /* alice's */

static struct custody *new_custody(bool verify_every_ec)
{
    const struct custody_config config = {
        .realm = REALM, .hsm = fixture.hsm, .verify_every_ec = verify_every_ec, .key_life_days = 365
    };
    struct custody *made;

    ck_assert_uint_eq(wrapped->new (&config, &made), CKR_OK);
    return made;
}

static void setup(void)
{
    softhsm_setup();
    custody = new_custody(true);
    alice = (struct token_row){ .name = "alice" };
    bob = (struct token_row){ .name = "bob" };
    row = (struct access_row){ .kind = ACCESS_PIN, .row_name = { 5 }, .version = 1 };
    ck_assert_uint_eq(wrapped->create(custody, &alice, BYTES_OF_ARRAY(right), &row), CKR_OK);
}

static void teardown(void)
{
    access_row_clear(&row);
    wrapped->free(custody);
    softhsm_teardown();
}

static void reopen(void)
{
    wrapped->free(custody);
    softhsm_close();
    softhsm_open();
    custody = new_custody(true);
}

static struct custody_token *unlock(void)
{
    struct custody_token *token = NULL;

    ck_assert_uint_eq(wrapped->authorise(custody, &alice, &row, BYTES_OF_ARRAY(right), &token), CKR_OK);
    return token;
}

static CK_RV authorise_and_close(const struct token_row *whose, const struct access_row *by, struct bytes s)
{
    struct custody_token *token = NULL;
    CK_RV rv = wrapped->authorise(custody, whose, by, s, &token);

    wrapped->close(token);
    return rv;
}

static CK_RV sign(struct custody_token *token, const struct key_row *key)
{
    CLEANUP(buffer_clear) struct buffer signature = { 0 };
    CK_MECHANISM_TYPE raw = softhsm_raw(key->key_type);
    CK_RV rv = wrapped->sign(token, key, raw, NULL, softhsm_digest(9), &signature);

    if (rv == CKR_OK)
        ck_assert(softhsm_verifies(key, raw, NULL, softhsm_digest(9), buffer_bytes(&signature)));
    else
        ck_assert_uint_eq(signature.len, 0);
    return rv;
}

static struct key_row new_key(struct custody_token *token, CK_KEY_TYPE type, unsigned bits)
{
    struct key_row key = { 0 };

    ck_assert_uint_eq(wrapped->generate(token, type, bits, KEY_SIGNS, &key), CKR_OK);
    return key;
}

/* --------------------------------------------------------------------------------------------------- tokens */

START_TEST(right_secret_opens_and_wrong_one_does_not)
{
    ck_assert_uint_eq(authorise_and_close(&alice, &row, BYTES_OF_ARRAY(right)), CKR_OK);
    ck_assert_uint_eq(authorise_and_close(&alice, &row, BYTES_OF_ARRAY(wrong)), CKR_PIN_INCORRECT);
    ck_assert_uint_eq(authorise_and_close(&alice, &row, BYTES(right, 31)), CKR_PIN_INCORRECT);
    ck_assert_uint_eq(authorise_and_close(&alice, &row, BYTES_NONE), CKR_PIN_INCORRECT);
}
END_TEST

START_TEST(token_opens_after_the_hsm_was_reopened)
{
    reopen();
    ck_assert_uint_eq(authorise_and_close(&alice, &row, BYTES_OF_ARRAY(right)), CKR_OK);
}
END_TEST

static void change_kind(struct access_row *changed)
{
    changed->kind = ACCESS_RECOVERY;
}

static void change_name(struct access_row *changed)
{
    changed->row_name[15] ^= 1;
}

static void change_version(struct access_row *changed)
{
    changed->version++;
}

static void change_nonce(struct access_row *changed)
{
    changed->nonce[0] ^= 1;
}

static void change_sealed(struct access_row *changed)
{
    changed->sealed.data[0] ^= 1;
}

static void change_tag(struct access_row *changed)
{
    changed->sealed.data[changed->sealed.len - 1] ^= 0x80;
}

static void shorten(struct access_row *changed)
{
    changed->sealed.len--;
}

static void empty(struct access_row *changed)
{
    changed->sealed.len = 0;
}

START_TEST(access_row_with_any_field_altered_does_not_open)
{
    static void (*const changes[])(struct access_row *) = { change_kind,  change_name,   change_version,
                                                            change_nonce, change_sealed, change_tag,
                                                            shorten,      empty };

    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        CLEANUP(access_row_clear) struct access_row altered = row;

        altered.sealed = (struct buffer){ 0 };
        buffer_append(&altered.sealed, buffer_bytes(&row.sealed));
        changes[i](&altered);
        ck_assert_uint_eq(authorise_and_close(&alice, &altered, BYTES_OF_ARRAY(right)), CKR_PIN_INCORRECT);
    }
    ck_assert_uint_eq(authorise_and_close(&alice, &row, BYTES_OF_ARRAY(right)), CKR_OK);
}
END_TEST

START_TEST(access_row_of_an_unknown_epoch_says_so)
{
    row.kd_epoch = 2;
    ck_assert_uint_eq(authorise_and_close(&alice, &row, BYTES_OF_ARRAY(right)), CKR_KEY_NEEDED);
}
END_TEST

START_TEST(access_row_does_not_open_for_another_token_or_realm)
{
    struct custody_config config = { .realm = "elsewhere", .hsm = fixture.hsm };

    ck_assert_uint_eq(authorise_and_close(&bob, &row, BYTES_OF_ARRAY(right)), CKR_PIN_INCORRECT);
    wrapped->free(custody);
    ck_assert_uint_eq(wrapped->new (&config, &custody), CKR_OK);
    ck_assert_uint_eq(authorise_and_close(&alice, &row, BYTES_OF_ARRAY(right)), CKR_PIN_INCORRECT);
}
END_TEST

START_TEST(two_tokens_with_one_secret_share_nothing)
{
    CLEANUP(access_row_clear) struct access_row other = row;

    other.sealed = (struct buffer){ 0 };
    ck_assert_uint_eq(wrapped->create(custody, &bob, BYTES_OF_ARRAY(right), &other), CKR_OK);
    ck_assert(!bytes_equal(buffer_bytes(&row.sealed), buffer_bytes(&other.sealed)));
    ck_assert_uint_eq(authorise_and_close(&bob, &other, BYTES_OF_ARRAY(right)), CKR_OK);
    ck_assert_uint_eq(authorise_and_close(&alice, &other, BYTES_OF_ARRAY(right)), CKR_PIN_INCORRECT);
}
END_TEST

/* ----------------------------------------------------------------------------------------------------- keys */

START_TEST(every_kind_of_key_signs_now_and_after_a_restart)
{
    static const struct {
        CK_KEY_TYPE type;
        unsigned bits;
    } kinds[] = { { CKK_RSA, 2048 }, { CKK_EC, 256 }, { CKK_EC, 384 }, { CKK_EC, 521 } };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct custody_token *token = unlock();
        CLEANUP(key_row_clear) struct key_row key = new_key(token, kinds[i].type, kinds[i].bits);

        ck_assert_uint_eq(key.key_type, kinds[i].type);
        ck_assert_uint_eq(key.bits, kinds[i].bits);
        ck_assert_uint_eq(sign(token, &key), CKR_OK);
        wrapped->close(token);
        reopen();
        token = unlock();
        ck_assert_uint_eq(sign(token, &key), CKR_OK);
        ck_assert_uint_eq(sign(token, &key), CKR_OK);
        wrapped->close(token);
    }
}
END_TEST

START_TEST(rsa_signs_pss_with_every_hash)
{
    static const Privyseal__V1__PssParameters hashes[] = {
        { .hash = CKM_SHA256, .mgf = CKG_MGF1_SHA256, .salt_len = 32 },
        { .hash = CKM_SHA384, .mgf = CKG_MGF1_SHA384, .salt_len = 48 },
        { .hash = CKM_SHA512, .mgf = CKG_MGF1_SHA512, .salt_len = 64 },
    };
    struct custody_token *token = unlock();
    CLEANUP(key_row_clear) struct key_row key = new_key(token, CKK_RSA, 2048);
    uint8_t digest[64] = { 3 };

    for (size_t i = 0; i < 3; i++) {
        CLEANUP(buffer_clear) struct buffer signature = { 0 };
        struct bytes data = BYTES(digest, hashes[i].salt_len);

        ck_assert_uint_eq(wrapped->sign(token, &key, CKM_RSA_PKCS_PSS, &hashes[i], data, &signature), CKR_OK);
        ck_assert(softhsm_verifies(&key, CKM_RSA_PKCS_PSS, &hashes[i], data, buffer_bytes(&signature)));
    }
    wrapped->close(token);
}
END_TEST

START_TEST(digest_longer_than_the_order_is_cut_before_the_hsm)
{
    struct custody_token *token = unlock();
    CLEANUP(key_row_clear) struct key_row key = new_key(token, CKK_EC, 256);
    CLEANUP(buffer_clear) struct buffer signature = { 0 };
    uint8_t sha512[64] = { 1, 2, 3 };

    ck_assert_uint_eq(wrapped->sign(token, &key, CKM_ECDSA, NULL, BYTES_OF_ARRAY(sha512), &signature),
                      CKR_OK);
    ck_assert_uint_eq(signature.len, 64);
    ck_assert(softhsm_verifies(&key, CKM_ECDSA, NULL, BYTES(sha512, 32), buffer_bytes(&signature)));
    wrapped->close(token);
}
END_TEST

START_TEST(mechanism_that_a_key_was_not_given_is_refused_by_the_hsm)
{
    struct custody_token *token = unlock();
    CLEANUP(key_row_clear) struct key_row key = new_key(token, CKK_RSA, 2048);
    CLEANUP(buffer_clear) struct buffer signature = { 0 };

    ck_assert_uint_eq(wrapped->sign(token, &key, CKM_RSA_X_509, NULL, softhsm_digest(1), &signature),
                      CKR_MECHANISM_INVALID);
    ck_assert_uint_eq(wrapped->sign(token, &key, CKM_SHA256_RSA_PKCS, NULL, softhsm_digest(1), &signature),
                      CKR_MECHANISM_INVALID);
    wrapped->close(token);
}
END_TEST

START_TEST(keys_that_the_hsm_cannot_wrap_are_refused_beforehand)
{
    struct custody_token *token = unlock();
    struct key_row key = { 0 };

    ck_assert(wrapped->can_hold(custody, CKK_RSA, 4096));
    ck_assert(!wrapped->can_hold(custody, CKK_EC_EDWARDS, 255));
    ck_assert(!wrapped->can_hold(custody, CKK_RSA, 1024));
    ck_assert_uint_eq(wrapped->generate(token, CKK_EC_EDWARDS, 255, KEY_SIGNS, &key), CKR_KEY_SIZE_RANGE);
    wrapped->close(token);
}
END_TEST

START_TEST(key_expires_with_its_configuration_or_its_epoch)
{
    struct custody_config config = { .realm = REALM, .hsm = fixture.hsm, .key_life_days = 100000 };
    struct custody_token *token = unlock();
    CLEANUP(key_row_clear) struct key_row key = new_key(token, CKK_EC, 256);
    CLEANUP(key_row_clear) struct key_row late = { 0 };
    int64_t end_of_epoch = fixture.hsm->keys.keys[MASTER_WRAP][0].ends_ms;

    ck_assert_int_eq(key.expires_ms - key.created_ms, 365LL * 24 * 60 * 60 * 1000);
    wrapped->close(token);
    wrapped->free(custody);
    ck_assert_uint_eq(wrapped->new (&config, &custody), CKR_OK);
    token = unlock();
    ck_assert_uint_eq(wrapped->generate(token, CKK_EC, 256, KEY_SIGNS, &late), CKR_OK);
    ck_assert_int_eq(late.expires_ms, end_of_epoch);
    ck_assert_int_gt(late.expires_ms, late.created_ms);
    wrapped->close(token);
}
END_TEST

static void copy_key(const struct key_row *from, struct key_row *to)
{
    *to = *from;
    to->spki = to->sealed = (struct buffer){ 0 };
    buffer_append(&to->spki, buffer_bytes(&from->spki));
    buffer_append(&to->sealed, buffer_bytes(&from->sealed));
}

static void key_type(struct key_row *key)
{
    key->key_type = CKK_RSA;
}

static void key_bits(struct key_row *key)
{
    key->bits = 384;
}

static void key_name(struct key_row *key)
{
    key->name[0] ^= 1;
}

static void key_spki(struct key_row *key)
{
    key->spki.data[key->spki.len - 1] ^= 1;
}

static void key_nonce(struct key_row *key)
{
    key->nonce[11] ^= 1;
}

static void key_sealed(struct key_row *key)
{
    key->sealed.data[20] ^= 1;
}

static void key_created(struct key_row *key)
{
    key->created_ms++;
}

static void key_expires(struct key_row *key)
{
    key->expires_ms += 1000;
}

static void key_empty(struct key_row *key)
{
    key->sealed.len = 0;
}

START_TEST(key_row_with_any_field_altered_signs_nothing)
{
    static void (*const changes[])(struct key_row *) = { key_type,    key_bits,    key_name,
                                                         key_spki,    key_nonce,   key_sealed,
                                                         key_created, key_expires, key_empty };
    struct custody_token *token = unlock();
    CLEANUP(key_row_clear) struct key_row key = new_key(token, CKK_EC, 256);

    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        CLEANUP(key_row_clear) struct key_row altered = { 0 };

        wrapped->close(token); /* the handle of the true row would do */
        token = unlock();
        copy_key(&key, &altered);
        changes[i](&altered);
        ck_assert_uint_eq(sign(token, &altered), CKR_DATA_INVALID);
    }
    ck_assert_uint_eq(sign(token, &key), CKR_OK);
    key.kw_epoch = 2;
    wrapped->close(token);
    token = unlock();
    ck_assert_uint_ne(sign(token, &key), CKR_OK);
    wrapped->close(token);
}
END_TEST

/* The same user's other key, put under this one's name: what is signed must be by the key that was asked for. */
START_TEST(blobs_of_two_keys_exchanged_sign_nothing)
{
    struct custody_token *token = unlock();
    CLEANUP(key_row_clear) struct key_row first = new_key(token, CKK_EC, 256);
    CLEANUP(key_row_clear) struct key_row second = new_key(token, CKK_EC, 256);
    struct buffer sealed = first.sealed;
    uint8_t nonce[sizeof(first.nonce)];

    first.sealed = second.sealed;
    second.sealed = sealed;
    memcpy(nonce, first.nonce, sizeof(nonce));
    memcpy(first.nonce, second.nonce, sizeof(nonce));
    memcpy(second.nonce, nonce, sizeof(nonce));
    wrapped->close(token);
    token = unlock();
    ck_assert_uint_eq(sign(token, &first), CKR_DATA_INVALID);
    ck_assert_uint_eq(sign(token, &second), CKR_DATA_INVALID);
    wrapped->close(token);
}
END_TEST

START_TEST(key_of_one_token_does_not_sign_in_another)
{
    CLEANUP(access_row_clear)
    struct access_row other = { .kind = ACCESS_PIN, .row_name = { 6 }, .version = 1 };
    struct custody_token *token = unlock(), *others = NULL;
    CLEANUP(key_row_clear) struct key_row key = new_key(token, CKK_EC, 256);

    ck_assert_uint_eq(wrapped->create(custody, &bob, BYTES_OF_ARRAY(wrong), &other), CKR_OK);
    ck_assert_uint_eq(wrapped->authorise(custody, &bob, &other, BYTES_OF_ARRAY(wrong), &others), CKR_OK);
    ck_assert_uint_eq(sign(others, &key), CKR_DATA_INVALID);
    ck_assert_uint_eq(sign(token, &key), CKR_OK);
    wrapped->close(others);
    wrapped->close(token);
}
END_TEST

/* ------------------------------------------------------------------------------------------------- handles */

static void reopen_with_handles(size_t max)
{
    wrapped->free(custody);
    softhsm_close();
    fixture.config.max_handles = max;
    softhsm_open();
    custody = new_custody(true);
}

START_TEST(more_keys_than_handles_all_sign)
{
    struct custody_token *token;
    struct key_row keys[4];

    reopen_with_handles(2);
    token = unlock();
    for (int i = 0; i < 4; i++)
        keys[i] = new_key(token, CKK_EC, 256);
    ck_assert_uint_eq(handle_cache_count(fixture.hsm->handles), 2);
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 4; i++)
            ck_assert_uint_eq(sign(token, &keys[i]), CKR_OK);
    ck_assert_uint_eq(handle_cache_count(fixture.hsm->handles), 2);
    wrapped->close(token);
    ck_assert_uint_eq(handle_cache_count(fixture.hsm->handles), 0);
    for (int i = 0; i < 4; i++)
        key_row_clear(&keys[i]);
}
END_TEST

START_TEST(signing_again_unwraps_nothing)
{
    struct custody_token *token = unlock();
    CLEANUP(key_row_clear) struct key_row key = new_key(token, CKK_EC, 256);
    uint64_t before = hsm_objects_made(fixture.hsm);

    for (int i = 0; i < 3; i++)
        ck_assert_uint_eq(sign(token, &key), CKR_OK);
    ck_assert_uint_eq(hsm_objects_made(fixture.hsm), before);
    wrapped->close(token);
}
END_TEST

START_TEST(key_made_ready_signs_without_another_unwrapping)
{
    struct custody_token *token = unlock();
    CLEANUP(key_row_clear) struct key_row key = new_key(token, CKK_EC, 256);
    uint64_t made;

    wrapped->close(token); /* and its handle with it */
    token = unlock();
    made = hsm_objects_made(fixture.hsm);
    ck_assert_uint_eq(wrapped->prepare(token, &key), CKR_OK);
    ck_assert_uint_eq(hsm_objects_made(fixture.hsm), made + 2); /* what opens the row, and the key */
    ck_assert_uint_eq(sign(token, &key), CKR_OK);
    ck_assert_uint_eq(hsm_objects_made(fixture.hsm), made + 2);
    wrapped->close(token);
}
END_TEST

START_TEST(handle_that_the_hsm_lost_is_unwrapped_anew)
{
    struct custody_token *token = unlock();
    CLEANUP(key_row_clear) struct key_row key = new_key(token, CKK_EC, 256);
    CK_ATTRIBUTE nothing_on_token = { CKA_TOKEN, &(CK_BBOOL){ CK_FALSE }, sizeof(CK_BBOOL) };
    CK_OBJECT_HANDLE objects[8];
    CK_ULONG count = 0;

    ck_assert_uint_eq(hsm_session_find(&fixture.hsm->session, &nothing_on_token, 1, objects, 8, &count),
                      CKR_OK);
    ck_assert_uint_eq(count, 1); /* and nothing else was left behind by making the key */
    hsm_session_destroy(&fixture.hsm->session, objects[0]);
    ck_assert_uint_eq(sign(token, &key), CKR_OK);
    wrapped->close(token);
}
END_TEST

START_TEST(closing_a_token_leaves_no_object_in_the_hsm)
{
    struct custody_token *token = unlock();
    CLEANUP(key_row_clear) struct key_row key = new_key(token, CKK_RSA, 2048);
    CK_ATTRIBUTE nothing_on_token = { CKA_TOKEN, &(CK_BBOOL){ CK_FALSE }, sizeof(CK_BBOOL) };
    CK_OBJECT_HANDLE object;
    CK_ULONG count = 0;

    ck_assert_uint_eq(sign(token, &key), CKR_OK);
    wrapped->close(token);
    ck_assert_uint_eq(hsm_session_find(&fixture.hsm->session, &nothing_on_token, 1, &object, 1, &count),
                      CKR_OK);
    ck_assert_uint_eq(count, 0);
}
END_TEST

START_TEST(key_is_not_made_ready_in_anothers_place)
{
    struct custody_token *token;
    struct key_row keys[2];
    uint64_t made;

    reopen_with_handles(1);
    token = unlock();
    for (int i = 0; i < 2; i++)
        keys[i] = new_key(token, CKK_EC, 256);
    made = hsm_objects_made(fixture.hsm);
    ck_assert_uint_eq(wrapped->prepare(token, &keys[0]), CKR_OK);
    ck_assert_uint_eq(hsm_objects_made(fixture.hsm), made);
    wrapped->close(token);
    for (int i = 0; i < 2; i++)
        key_row_clear(&keys[i]);
}
END_TEST

/* ----------------------------------------------------------------------------------------------- new secret */

START_TEST(new_secret_opens_the_same_keys_and_the_old_one_nothing)
{
    CLEANUP(access_row_clear)
    struct access_row new_row = { .kind = ACCESS_PIN, .row_name = { 7 }, .version = 2 };
    struct custody_token *token = unlock();
    CLEANUP(key_row_clear) struct key_row key = new_key(token, CKK_EC, 256);

    ck_assert_uint_eq(wrapped->change_secret(token, BYTES_OF_ARRAY(right), BYTES_OF_ARRAY(wrong), &new_row),
                      CKR_OK);
    wrapped->settle(token, BYTES_OF_ARRAY(right), BYTES_OF_ARRAY(wrong), true);
    ck_assert_uint_eq(sign(token, &key), CKR_OK);
    wrapped->close(token);
    ck_assert_uint_eq(authorise_and_close(&alice, &new_row, BYTES_OF_ARRAY(right)), CKR_PIN_INCORRECT);
    ck_assert_uint_eq(wrapped->authorise(custody, &alice, &new_row, BYTES_OF_ARRAY(wrong), &token), CKR_OK);
    ck_assert_uint_eq(sign(token, &key), CKR_OK);
    wrapped->close(token);
}
END_TEST

SUITE_WITH_FIXTURE("wrapped", setup, teardown, right_secret_opens_and_wrong_one_does_not,
                   token_opens_after_the_hsm_was_reopened, access_row_with_any_field_altered_does_not_open,
                   access_row_of_an_unknown_epoch_says_so,
                   access_row_does_not_open_for_another_token_or_realm,
                   two_tokens_with_one_secret_share_nothing, every_kind_of_key_signs_now_and_after_a_restart,
                   rsa_signs_pss_with_every_hash, digest_longer_than_the_order_is_cut_before_the_hsm,
                   mechanism_that_a_key_was_not_given_is_refused_by_the_hsm,
                   keys_that_the_hsm_cannot_wrap_are_refused_beforehand,
                   key_expires_with_its_configuration_or_its_epoch,
                   key_row_with_any_field_altered_signs_nothing, blobs_of_two_keys_exchanged_sign_nothing,
                   key_of_one_token_does_not_sign_in_another, more_keys_than_handles_all_sign,
                   signing_again_unwraps_nothing, key_made_ready_signs_without_another_unwrapping,
                   key_is_not_made_ready_in_anothers_place, handle_that_the_hsm_lost_is_unwrapped_anew,
                   closing_a_token_leaves_no_object_in_the_hsm,
                   new_secret_opens_the_same_keys_and_the_old_one_nothing);
