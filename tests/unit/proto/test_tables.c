/* SPDX-License-Identifier: Apache-2.0 */
/* test_tables.c - walks the tables of the wire: no empty cell, no duplicate, agreement with the .proto. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "include/secret.h"
#include "include/table.h"
#include "proto/failure.h"
#include "proto/limits.h"
#include "proto/mechanism.h"
#include "proto/method.h"
#include "proto/public_key.h"
#include "tests/support/suite.h"

/* -------------------------------------------------------------------------------------------- methods.def */

START_TEST(every_method_has_its_place_and_path)
{
    for (int id = 0; id < METHODS; id++) {
        const struct method *method = method_by_id((enum method_id)id);
        char path[128];

        ck_assert_int_eq(method->id, id);
        snprintf(path, sizeof(path), "/privyseal.v1.%s/%s", method->service, method->name);
        ck_assert_str_eq(method->path, path);
        ck_assert_ptr_eq(method_by_path(path), method);
    }
}
END_TEST

START_TEST(no_method_is_open_to_nobody_or_without_limits)
{
    for (int id = 0; id < METHODS; id++) {
        const struct method *method = method_by_id((enum method_id)id);

        ck_assert_int_ne(method->permission, PERM_NOBODY);
        ck_assert_uint_ge(method->deadline_ms, 1000);
        ck_assert_uint_le(method->deadline_ms, 60000);
        ck_assert_uint_ge(method->request_max, 1024);
        ck_assert_uint_ge(method->reply_max, 1024);
        ck_assert_uint_lt(method->request_max, FRAME_MAX);
        ck_assert_uint_lt(method->reply_max, FRAME_MAX);
        ck_assert_uint_lt(method->reply_max, SECRET_MAX);
    }
}
END_TEST

/* A grant to do something stands behind a proof that is worth it. */
START_TEST(what_needs_proof_is_proved)
{
    static const unsigned proofs[] = {
        [PERM_ANYBODY] = 1 << PROOF_PLAIN,
        [PERM_ENROL] = 1 << PROOF_PLAIN | 1 << PROOF_SEALED,
        [PERM_KNOWN] = 1 << PROOF_PLAIN,
        [PERM_SEE_TOKENS] = 1 << PROOF_PLAIN,
        [PERM_SEE_TOKEN] = 1 << PROOF_PLAIN,
        [PERM_USE_TOKEN] = 1 << PROOF_SEALED | 1 << PROOF_SESSION,
        [PERM_USE_KEY] = 1 << PROOF_SEALED | 1 << PROOF_SESSION,
        [PERM_MAKE_KEY] = 1 << PROOF_SESSION,
        [PERM_WATCH] = 1 << PROOF_OPERATOR,
        [PERM_OPERATE] = 1 << PROOF_OPERATOR,
        [PERM_APPROVE] = 1 << PROOF_OPERATOR,
        [PERM_CONTRIBUTE] = 1 << PROOF_OPERATOR,
    };

    for (int id = 0; id < METHODS; id++) {
        const struct method *method = method_by_id((enum method_id)id);

        ck_assert_msg(method->permission < ARRAY_SIZE(proofs) &&
                          proofs[method->permission] & 1u << method->proof,
                      "%s", method->name);
    }
}
END_TEST

/* "GetToken" as protobuf names its messages: the row's descriptors are its own. */
START_TEST(every_method_packs_its_own_messages)
{
    for (int id = 0; id < METHODS; id++) {
        const struct method *method = method_by_id((enum method_id)id);
        char name[128];

        snprintf(name, sizeof(name), "%sRequest", method->name);
        ck_assert_str_eq(method->request->short_name, name);
        snprintf(name, sizeof(name), "%sResponse", method->name);
        ck_assert_str_eq(method->reply->short_name, name);
    }
}
END_TEST

/* What travels for each kind of proof, as privyseal.proto says in its services. */
static const char *outer_request(const struct method *method, char name[128])
{
    switch (method->proof) {
    case PROOF_SEALED:
    case PROOF_OPERATOR:
        return "Sealed";
    case PROOF_SESSION:
        return "Session";
    case PROOF_PLAIN:
        break;
    }
    snprintf(name, 128, "%sRequest", method->name);
    return name;
}

/* The line of privyseal.proto that declares @method, "  rpc Sign(Session) returns (...", below its "service Tokens {". */
static bool is_declared(FILE *proto, const struct method *method)
{
    char line[256], service[64], wanted[256], memory[128];
    bool is_below = false;

    snprintf(service, sizeof(service), "service %s {\n", method->service);
    snprintf(wanted, sizeof(wanted), "  rpc %s(%s) returns ", method->name, outer_request(method, memory));
    rewind(proto);
    while (fgets(line, sizeof(line), proto)) {
        if (strncmp(line, "service ", 8) == 0)
            is_below = strcmp(line, service) == 0;
        if (is_below && strncmp(line, wanted, strlen(wanted)) == 0)
            return true;
    }
    return false;
}

static int declared_methods(FILE *proto)
{
    char line[256];
    int count = 0;

    rewind(proto);
    while (fgets(line, sizeof(line), proto))
        count += strncmp(line, "  rpc ", 6) == 0;
    return count;
}

START_TEST(methods_def_and_the_services_agree)
{
    FILE *proto = fopen(PROTO_FILE, "r");

    ck_assert_ptr_nonnull(proto);
    for (int id = 0; id < METHODS; id++)
        ck_assert_msg(is_declared(proto, method_by_id((enum method_id)id)), "%s",
                      method_by_id((enum method_id)id)->name);
    ck_assert_int_eq(declared_methods(proto), METHODS);
    fclose(proto);
}
END_TEST

/* ------------------------------------------------------------------------------------------------ reasons */

static bool is_word(const char *text)
{
    bool is_good = *text != '\0';

    for (; *text; text++)
        is_good = is_good && (isupper((unsigned char)*text) || *text == '_');
    return is_good;
}

START_TEST(every_reason_has_a_word_of_its_own)
{
    for (int i = 0; i < REASONS; i++) {
        const struct reason_row *row = reason_row((enum reason)i);

        ck_assert_int_eq(row->reason, i);
        ck_assert(is_word(row->word));
        ck_assert_int_eq(reason_of_word(row->word), i);
    }
    ck_assert_int_eq(reason_of_word(""), REASON_INTERNAL);
    ck_assert_int_eq(reason_of_word("pin_incorrect"), REASON_INTERNAL);
}
END_TEST

START_TEST(every_reason_but_none_is_an_error_on_both_sides)
{
    for (int i = 1; i < REASONS; i++) {
        const struct reason_row *row = reason_row((enum reason)i);

        ck_assert_uint_ne(row->rv, CKR_OK);
        ck_assert_int_ne(row->status, GRPC_OK);
        ck_assert_int_le(row->status, GRPC_UNAUTHENTICATED);
    }
    ck_assert_uint_eq(reason_row(REASON_NONE)->rv, CKR_OK);
    ck_assert_int_eq(reason_row(REASON_NONE)->status, GRPC_OK);
}
END_TEST

START_TEST(every_reason_has_a_sentence)
{
    for (int i = 0; i < REASONS; i++) {
        const char *sentence = reason_row((enum reason)i)->sentence;

        ck_assert_uint_gt(strlen(sentence), 10);
        ck_assert(isupper((unsigned char)sentence[0]));
        ck_assert_int_eq(sentence[strlen(sentence) - 1], '.');
    }
}
END_TEST

/* A repeat of these would cost the user a try, or sign twice. */
START_TEST(nothing_that_counts_is_repeated_by_itself)
{
    static const enum reason counted[] = { REASON_PIN_INCORRECT,  REASON_PIN_LOCKED, REASON_PIN_DELAYED,
                                           REASON_CODE_INCORRECT, REASON_REPLAY,     REASON_AUDIT,
                                           REASON_INTEGRITY };

    for (size_t i = 0; i < ARRAY_SIZE(counted); i++)
        ck_assert(!reason_row(counted[i])->is_local_repeat);
    ck_assert(reason_row(REASON_UNLOCK_REQUIRED)->is_local_repeat);
}
END_TEST

/* --------------------------------------------------------------------------------------------- mechanisms */

START_TEST(every_mechanism_is_found_and_named_once)
{
    const struct mechanism *row;

    for (size_t i = 0; (row = mechanism_at(i)) != NULL; i++) {
        ck_assert_ptr_eq(mechanism_find(row->type), row);
        ck_assert_int_eq(strncmp(row->name, "CKM_", 4), 0);
        ck_assert_uint_ne(row->use, 0);
        for (size_t j = 0; j < i; j++)
            ck_assert_str_ne(row->name, mechanism_at(j)->name);
    }
}
END_TEST

START_TEST(every_mechanism_of_private_keys_has_a_raw_one_for_the_same_key)
{
    const struct mechanism *row, *raw;

    for (size_t i = 0; (row = mechanism_at(i)) != NULL; i++) {
        ck_assert(!(row->use & (USE_SIGN | USE_DECRYPT | USE_DERIVE)) == !row->raw);
        if (!row->raw)
            continue;
        raw = mechanism_find(row->raw);
        ck_assert_ptr_nonnull(raw);
        ck_assert_uint_eq(raw->raw, raw->type);
        ck_assert_uint_eq(raw->hash, 0);
        ck_assert_uint_eq(raw->key_type, row->key_type);
        ck_assert_uint_eq(raw->min_bits, row->min_bits);
        ck_assert_uint_eq(raw->max_bits, row->max_bits);
        ck_assert_int_eq(raw->has_pss, row->has_pss);
    }
}
END_TEST

START_TEST(every_hash_that_is_used_is_known_and_offered)
{
    const struct mechanism *row;

    for (size_t i = 0; (row = mechanism_at(i)) != NULL; i++) {
        CK_MECHANISM_TYPE hash = row->use & USE_DIGEST ? row->type : row->hash;

        if (!hash)
            continue;
        ck_assert_ptr_nonnull(mechanism_hash_name(hash));
        ck_assert_uint_ge(mechanism_hash_len(hash), 32);
        ck_assert_uint_ne(mechanism_hash_mgf(hash), 0);
        ck_assert_uint_eq(mechanism_find(hash)->use, USE_DIGEST);
    }
    ck_assert_ptr_null(mechanism_hash_name(CKM_SHA_1));
    ck_assert_uint_eq(mechanism_hash_len(CKM_SHA_1), 0);
    ck_assert_uint_eq(mechanism_hash_mgf(CKM_SHA_1), 0);
}
END_TEST

START_TEST(every_key_type_can_be_generated_in_the_sizes_it_signs_with)
{
    const struct mechanism *row;
    CK_KEY_TYPE made[8];
    size_t count = 0;

    for (size_t i = 0; (row = mechanism_at(i)) != NULL; i++)
        if (row->use & USE_GENERATE)
            made[count++] = row->key_type;
    for (size_t i = 0; (row = mechanism_at(i)) != NULL; i++) {
        bool is_made = !(row->use & USE_SIGN);

        for (size_t j = 0; j < count; j++)
            is_made = is_made || made[j] == row->key_type;
        ck_assert_msg(is_made, "%s", row->name);
    }
    ck_assert_uint_gt(public_key_ec_params(CKK_EC, 256).len, 0);
    ck_assert_uint_gt(public_key_ec_params(CKK_EC, 384).len, 0);
    ck_assert_uint_gt(public_key_ec_params(CKK_EC, 521).len, 0);
    ck_assert_uint_gt(public_key_ec_params(CKK_EC_EDWARDS, 255).len, 0);
}
END_TEST

SUITE("tables", every_method_has_its_place_and_path, no_method_is_open_to_nobody_or_without_limits,
      what_needs_proof_is_proved, every_method_packs_its_own_messages, methods_def_and_the_services_agree,
      every_reason_has_a_word_of_its_own, every_reason_but_none_is_an_error_on_both_sides,
      every_reason_has_a_sentence, nothing_that_counts_is_repeated_by_itself,
      every_mechanism_is_found_and_named_once, every_mechanism_of_private_keys_has_a_raw_one_for_the_same_key,
      every_hash_that_is_used_is_known_and_offered,
      every_key_type_can_be_generated_in_the_sizes_it_signs_with);
