/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cases_profile.c - what a token of 3.0 says it is: CKO_PROFILE objects, found without a login, and true.
 *
 * Everything is asked through the functions that C_GetInterface gives.
 *
 * Source: PKCS#11 v3.1 4 (Objects: Profile objects); PKCS#11 Profiles v3.1 (Baseline Provider, Public Certificates
 *         Token).
 */
#include "conformance/checks/cases.h"
#include "conformance/checks/interface.h"
#include "conformance/checks/key.h"

#define PROFILES_MAX 16

#define PROFILE_CLASS       9UL
#define PROFILE_ID          0x601UL
#define BASELINE_PROVIDER   1UL
#define PUBLIC_CERTIFICATES 4UL

/* Nobody is logged in, and from here on the functions of 3.0 are called. */
static void open_3_0(struct check *check)
{
    check->p11 = interface_3_0(check);
    check_reach(check, SESSION);
    expect_true(check, check_state(check, check->session) == CKS_RO_PUBLIC_SESSION, "somebody is logged in");
}

static CK_ULONG find_class(struct check *check, CK_OBJECT_CLASS class, CK_OBJECT_HANDLE *objects,
                           CK_ULONG room)
{
    CK_ATTRIBUTE filter = { CKA_CLASS, &class, sizeof(class) };

    return objects_find(check, &filter, 1, objects, room);
}

/* How many profile objects have that id. */
static CK_ULONG count_profiles(struct check *check, CK_ULONG id)
{
    CK_OBJECT_CLASS class = PROFILE_CLASS;
    CK_ATTRIBUTE filter[] = { { CKA_CLASS, &class, sizeof(class) }, { PROFILE_ID, &id, sizeof(id) } };
    CK_OBJECT_HANDLE found[PROFILES_MAX];

    return objects_find(check, filter, COUNT(filter), found, COUNT(found));
}

static CK_ULONG profiles_load(struct check *check, CK_OBJECT_HANDLE *profiles)
{
    CK_ULONG count = find_class(check, PROFILE_CLASS, profiles, PROFILES_MAX);

    if (!count)
        check_skip(check, "the token has no profile objects");
    return count;
}

/* Every profile of a provider includes the baseline's. */
static void profiles_are_found(struct check *check)
{
    CK_OBJECT_HANDLE profiles[PROFILES_MAX];
    CK_ULONG count;

    open_3_0(check);
    count = profiles_load(check, profiles);
    for (CK_ULONG i = 0; i < count; i++) {
        CK_ULONG id = 0, id_len = sizeof(id), flag_len = sizeof(CK_BBOOL);
        CK_BBOOL is_private = CK_TRUE;

        expect_true(check,
                    object_read(check, profiles[i], PROFILE_ID, &id, &id_len) && id_len == sizeof(id) && id,
                    "profile object %lu has no CKA_PROFILE_ID", i + 1);
        expect_true(check, count_profiles(check, id) == 1, "profile %lu is not found once by its id", id);
        expect_true(check,
                    !object_read(check, profiles[i], CKA_PRIVATE, &is_private, &flag_len) || !is_private,
                    "profile %lu is private", id);
    }
    expect_true(check, count_profiles(check, BASELINE_PROVIDER) == 1,
                "there are profiles, but no baseline provider");
    expect_true(check, count_profiles(check, 0x7ffffff1UL) == 0, "a profile that does not exist is found");
}

static void certificates_are_public(struct check *check)
{
    CK_OBJECT_HANDLE profiles[PROFILES_MAX], before[OBJECTS_MAX], after[OBJECTS_MAX];
    CK_ULONG count;

    open_3_0(check);
    profiles_load(check, profiles);
    if (!count_profiles(check, PUBLIC_CERTIFICATES))
        check_skip(check, "the token does not say that its certificates are public");
    count = find_class(check, CKO_CERTIFICATE, before, COUNT(before));
    for (CK_ULONG i = 0; i < count; i++) {
        CK_BYTE value[16384];
        CK_ULONG len = sizeof(value);

        expect_true(check, object_read(check, before[i], CKA_VALUE, value, &len) && len,
                    "a certificate cannot be read without a login");
    }
    if (!check->settings->pin)
        check_skip(check, "no PIN was given");
    expect_rv(check, "C_Login", check_login(check, check->session), (const CK_RV[]){ CKR_OK }, 1);
    expect_true(check, find_class(check, CKO_CERTIFICATE, after, COUNT(after)) == count,
                "a login shows more certificates than the %lu before it", count);
}

const struct check_case cases_profile[] = {
    { "profile objects are found without a login, the baseline provider among them", LOADED,
      profiles_are_found },
    { "a token of public certificates shows them all without a login", LOADED, certificates_are_public },
    { 0 },
};
