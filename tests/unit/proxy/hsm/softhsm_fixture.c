/* SPDX-License-Identifier: Apache-2.0 */
/* softhsm_fixture.c - real SoftHSM tokens for tests. */
#include "tests/unit/proxy/hsm/softhsm_fixture.h"

#include <string.h>
#include <sys/stat.h>

#include "proto/public_key.h"

struct softhsm_fixture fixture;

__attribute__((weak)) void __lsan_disable(void);

void softhsm_allow_leaks(void)
{
    if (__lsan_disable)
        __lsan_disable();
}

static void write_conf(const char *path)
{
    FILE *file = fopen(path, "we");

    ck_assert_ptr_nonnull(file);
    fprintf(file, "directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n",
            fixture.tokens);
    ck_assert_int_eq(fclose(file), 0);
}

void softhsm_make(void)
{
    scratch_make(&fixture.scratch);
    snprintf(fixture.tokens, sizeof(fixture.tokens), "%s", scratch_path(&fixture.scratch, "tokens"));
    ck_assert_int_eq(mkdir(fixture.tokens, 0700), 0);
    snprintf(fixture.pin_file, sizeof(fixture.pin_file), "%s", scratch_path(&fixture.scratch, "pin"));
    write_conf(scratch_path(&fixture.scratch, "softhsm2.conf"));
    snprintf(fixture.environment, sizeof(fixture.environment), "SOFTHSM2_CONF=%s", fixture.scratch.path);
    fixture.config = (struct hsm_config){
        .module = SOFTHSM_MODULE,
        .environment = fixture.environment,
        .token_label = "master",
        .pin_file = fixture.pin_file,
        .allow_software = true,
        .max_handles = 100,
    };
}

void softhsm_open(void)
{
    char *why = NULL;

    ck_assert_msg(hsm_open(&fixture.config, &fixture.hsm, &why) == CKR_OK, "%s", why ? why : "");
}

void softhsm_close(void)
{
    hsm_close(fixture.hsm);
    fixture.hsm = NULL;
}

void softhsm_setup(void)
{
    char *why = NULL;

    softhsm_make();
    ck_assert_msg(hsm_provision(&fixture.config, &why) == CKR_OK, "%s", why ? why : "");
    softhsm_open();
}

void softhsm_teardown(void)
{
    softhsm_close();
    scratch_remove(&fixture.scratch);
}

struct bytes softhsm_digest(uint8_t seed)
{
    static uint8_t digest[HASH_LEN];

    memset(digest, seed, sizeof(digest));
    return BYTES_OF_ARRAY(digest);
}

bool softhsm_verifies(const struct key_row *key, CK_MECHANISM_TYPE raw,
                      const Privyseal__V1__PssParameters *pss, struct bytes data, struct bytes signature)
{
    CLEANUP(public_key_free) struct public_key *public_key = NULL;

    ck_assert_uint_eq(public_key_of_spki(NULL, buffer_bytes(&key->spki), &public_key), CKR_OK);
    return public_key_verify(NULL, public_key, raw, pss, data, signature) == CKR_OK;
}

CK_MECHANISM_TYPE softhsm_raw(CK_KEY_TYPE type)
{
    return type == CKK_RSA ? CKM_RSA_PKCS : type == CKK_EC ? CKM_ECDSA : CKM_EDDSA;
}

static int open_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)walk;
    return chmod(path, type == FTW_D ? 0755 : 0644);
}

void softhsm_show_to(uid_t uid)
{
    ck_assert_int_eq(nftw(fixture.scratch.directory, open_entry, 8, FTW_PHYS), 0);
    /* The PIN stays what it must be: for its reader alone. */
    ck_assert_int_eq(chown(fixture.pin_file, uid, (gid_t)-1), 0);
    ck_assert_int_eq(chmod(fixture.pin_file, 0400), 0);
}
