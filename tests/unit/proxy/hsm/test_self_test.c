/* SPDX-License-Identifier: Apache-2.0 */
/* test_self_test.c - the self-test sees what this HSM refuses, and sees it when one of the locks is missing. */
#include <string.h>

#include "include/table.h"
#include "proxy/hsm/hsm_state.h"
#include "proxy/hsm/template.h"
#include "tests/support/suite.h"
#include "tests/unit/proxy/hsm/softhsm_fixture.h"

static struct hsm_finding findings[HSM_FINDINGS_MAX];
static size_t count;

static const struct hsm_finding *finding(const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(findings[i].name, name) == 0)
            return &findings[i];
    ck_abort_msg("no finding \"%s\"", name);
}

static CK_ULONG objects_in_token(void)
{
    CK_OBJECT_HANDLE objects[64];
    CK_ULONG found = 0;

    ck_assert_uint_eq(hsm_session_find(&fixture.hsm->session, NULL, 0, objects, 64, &found), CKR_OK);
    return found;
}

START_TEST(softhsm_enforces_all_that_is_required)
{
    ck_assert_uint_eq(hsm_self_test(fixture.hsm, findings, &count), CKR_OK);
    ck_assert_uint_gt(count, 15);
    for (size_t i = 0; i < count; i++) {
        ck_assert_msg(findings[i].is_enforced || !findings[i].is_required, "%s", findings[i].name);
        ck_assert_uint_gt(strlen(findings[i].sentence), 20);
    }
    ck_assert_str_eq(hsm_grade(findings, count), "B");
}
END_TEST

START_TEST(what_softhsm_lacks_is_said)
{
    ck_assert_uint_eq(hsm_self_test(fixture.hsm, findings, &count), CKR_OK);
    ck_assert(!finding("pin-lock-out")->is_enforced);
    ck_assert(!finding("trusted-wrapping")->is_enforced);
    ck_assert(!finding("derived-key-read")->is_enforced);
    ck_assert(!finding("hardware")->is_enforced);
}
END_TEST

START_TEST(self_test_leaves_nothing_behind_and_can_be_repeated)
{
    CK_ULONG before = objects_in_token();

    for (int i = 0; i < 3; i++)
        ck_assert_uint_eq(hsm_self_test(fixture.hsm, findings, &count), CKR_OK);
    ck_assert_uint_eq(objects_in_token(), before);
    ck_assert_uint_eq(hsm_probe(fixture.hsm), CKR_OK);
}
END_TEST

/* A Kw that looks right to anybody who reads its attributes, but for its unwrap template. */
static void plant_kw(CK_ATTRIBUTE *unwrap, CK_ULONG unwrap_len)
{
    CK_ATTRIBUTE template[] = {
        ATTRIBUTE_NUMBER(CKA_CLASS, CKO_SECRET_KEY),
        ATTRIBUTE_NUMBER(CKA_KEY_TYPE, CKK_AES),
        ATTRIBUTE_NUMBER(CKA_VALUE_LEN, 32),
        ATTRIBUTE_TRUE(CKA_TOKEN),
        ATTRIBUTE_TRUE(CKA_PRIVATE),
        ATTRIBUTE_TRUE(CKA_SENSITIVE),
        ATTRIBUTE_FALSE(CKA_EXTRACTABLE),
        ATTRIBUTE_FALSE(CKA_MODIFIABLE),
        ATTRIBUTE_FALSE(CKA_COPYABLE),
        ATTRIBUTE_FALSE(CKA_DERIVE),
        ATTRIBUTE_FALSE(CKA_ENCRYPT),
        ATTRIBUTE_FALSE(CKA_DECRYPT),
        ATTRIBUTE_FALSE(CKA_SIGN),
        ATTRIBUTE_FALSE(CKA_VERIFY),
        ATTRIBUTE_TRUE(CKA_WRAP),
        ATTRIBUTE_TRUE(CKA_UNWRAP),
        ATTRIBUTE_NUMBER(CKA_ALLOWED_MECHANISMS, CKM_AES_KEY_WRAP_PAD),
        ATTRIBUTE_BYTES(CKA_LABEL, "privyseal Kw epoch 2 until 2036-01-01", 37),
        ATTRIBUTE_BYTES(CKA_UNWRAP_TEMPLATE, unwrap, unwrap_len),
    };
    CK_MECHANISM mechanism = { CKM_AES_KEY_GEN, NULL, 0 };
    struct hsm_session session;
    CK_OBJECT_HANDLE key;

    ck_assert_uint_eq(
        hsm_session_open(fixture.hsm->library->p11, fixture.hsm->token.slot, CKF_RW_SESSION, &session),
        CKR_OK);
    ck_assert_uint_eq(
        session.p11->C_GenerateKey(session.handle, &mechanism, template, ARRAY_SIZE(template), &key), CKR_OK);
    softhsm_close();
    softhsm_open();
    ck_assert_uint_eq(hsm_epoch_wrap(fixture.hsm), 2);
    ck_assert_uint_eq(hsm_self_test(fixture.hsm, findings, &count), CKR_OK);
    ck_assert_str_eq(hsm_grade(findings, count), "F");
}

START_TEST(kw_without_the_class_in_its_template_is_found)
{
    CK_ATTRIBUTE weak[] = { ATTRIBUTE_FALSE(CKA_TOKEN), ATTRIBUTE_TRUE(CKA_SENSITIVE),
                            ATTRIBUTE_FALSE(CKA_EXTRACTABLE) };

    plant_kw(weak, sizeof(weak));
    ck_assert(!finding("unwrap-as-secret")->is_enforced);
    ck_assert(!finding("unwrap-for-more")->is_enforced);
    ck_assert(finding("unwrap-extractable")->is_enforced);
}
END_TEST

START_TEST(kw_that_lets_keys_out_is_found)
{
    CK_ATTRIBUTE weak[] = { ATTRIBUTE_NUMBER(CKA_CLASS, CKO_PRIVATE_KEY), ATTRIBUTE_FALSE(CKA_TOKEN),
                            ATTRIBUTE_FALSE(CKA_DERIVE), ATTRIBUTE_FALSE(CKA_DECRYPT),
                            ATTRIBUTE_FALSE(CKA_UNWRAP) };

    plant_kw(weak, sizeof(weak));
    ck_assert(!finding("unwrap-extractable")->is_enforced);
    ck_assert(!finding("unwrap-readable")->is_enforced);
    ck_assert(finding("unwrap-as-secret")->is_enforced);
}
END_TEST

START_TEST(grade_follows_the_worst_finding)
{
    struct hsm_finding made[] = { { .is_enforced = true, .is_required = true }, { .is_enforced = true } };

    ck_assert_str_eq(hsm_grade(made, 2), "A");
    made[1].is_enforced = false;
    ck_assert_str_eq(hsm_grade(made, 2), "B");
    made[0].is_enforced = false;
    ck_assert_str_eq(hsm_grade(made, 2), "F");
}
END_TEST

SUITE_WITH_FIXTURE("self_test", softhsm_setup, softhsm_teardown, softhsm_enforces_all_that_is_required,
                   what_softhsm_lacks_is_said, self_test_leaves_nothing_behind_and_can_be_repeated,
                   kw_without_the_class_in_its_template_is_found, kw_that_lets_keys_out_is_found,
                   grade_follows_the_worst_finding);
