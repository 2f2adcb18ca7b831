/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seeds.c - writes the seeds of proto/'s harnesses: seeds CORPUS makes CORPUS/NAME/what. Seeds that are keys,
 * certificates or ciphertexts differ with every run, so this is run when a message changes, and what it wrote
 * is kept.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "include/table.h"
#include "proto/audit_record.h"
#include "proto/audit_tree.h"
#include "proto/backup_file.h"
#include "proto/certificate.h"
#include "proto/digest.h"
#include "proto/failure.h"
#include "proto/manifest.h"
#include "proto/mechanism.h"
#include "proto/name.h"
#include "proto/pack.h"
#include "proto/quorum.h"
#include "proto/seal.h"
#include "tests/fuzz/fuzz_keys.h"
#include "tests/support/test_ca.h"

static const char *corpus;

static void write_seed(const char *harness, const char *name, struct bytes content)
{
    char path[512];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", corpus, harness);
    fuzz_require(mkdir(path, 0755) == 0 || errno == EEXIST);
    snprintf(path, sizeof(path), "%s/%s/%s", corpus, harness, name);
    file = fopen(path, "w");
    fuzz_require(file && fwrite(content.data, 1, content.len, file) == content.len);
    fclose(file);
}

static void write_buffer(const char *harness, const char *name, struct buffer *content)
{
    fuzz_require(!content->failed);
    write_seed(harness, name, buffer_bytes(content));
    buffer_clear(content);
}

static void write_sealed(void)
{
    const struct method *unlock = method_by_id(METHOD_Unlock);
    EVP_PKEY *key =
        EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, fuzz_private_key, sizeof(fuzz_private_key));
    struct buffer message = { 0 };
    struct seal_call call = { 0 };
    uint8_t public_key[32];
    size_t len = sizeof(public_key);

    fuzz_require(EVP_PKEY_get_raw_public_key(key, public_key, &len) == 1);
    EVP_PKEY_free(key);
    fuzz_require(seal_request(NULL, FUZZ_REALM, unlock, BYTES_OF_ARRAY(public_key),
                              BYTES_OF_ARRAY(fuzz_challenge), bytes_of_text(FUZZ_TEXT), &call,
                              &message) == 0);
    write_seed("method_route", "sealed", buffer_bytes(&message));
    write_buffer("seal", "request", &message);
    seal_call_clear(&call);
    fuzz_require(secret_copy(BYTES_OF_ARRAY(fuzz_private_key), &call.reply_key) == 0);
    fuzz_require(seal_reply(NULL, unlock, &call, bytes_of_text(FUZZ_TEXT), &message) == 0);
    write_buffer("seal", "reply", &message);
    seal_call_clear(&call);
}

static void write_session(void)
{
    const struct method *sign = method_by_id(METHOD_Sign);
    struct session_keys keys = { 0 };
    struct buffer message = { 0 };

    fuzz_session_keys(&keys);
    fuzz_require(session_request(NULL, &keys, sign, 1, bytes_of_text(FUZZ_TEXT), &message) == 0);
    write_seed("method_route", "session", buffer_bytes(&message));
    write_buffer("session", "request", &message);
    fuzz_require(session_reply(NULL, &keys, sign, 1, bytes_of_text(FUZZ_TEXT), &message) == 0);
    write_buffer("session", "reply", &message);
    session_keys_clear(&keys);
}

static void write_failures(void)
{
    struct failure failure = failure_of(REASON_UNLOCK_REQUIRED);
    struct buffer message = { 0 }, status = { 0 };

    strcpy(failure.request_id, "0123456789abcdef");
    failure.has_challenge = true;
    memcpy(failure.challenge, fuzz_challenge, sizeof(failure.challenge));
    failure.tries_left = 3;
    failure.retry_after_ms = 60000;
    fuzz_require(failure_encode(NULL, &failure, method_by_id(METHOD_Sign), BYTES_OF_ARRAY(fuzz_private_key),
                                BYTES_NONE, &message) == 0);
    fuzz_require(failure_wrap_status(GRPC_UNAUTHENTICATED, "log in again", buffer_bytes(&message), &status) ==
                 0);
    write_buffer("failure", "failure", &message);
    write_buffer("failure", "status", &status);
}

static void write_names(void)
{
    char text[ACTIVATION_TEXT_MAX];

    activation_code_text(fuzz_private_key, text);
    write_seed("name", "code", bytes_of_text(text));
    write_seed("name", "sloppy", bytes_of_text("oo00 0000-0000000000000000llii"));
    write_seed("name", "name", bytes_of_text("Anna Müller"));
    write_seed("name", "address", bytes_of_text("anna@example.org"));
}

static void write_log(void)
{
    const struct log_name log_name = { "web1", 0 };
    struct buffer log = { 0 };
    uint8_t hash[HASH_LEN];

    fuzz_require(audit_first_hash("example", &log_name, hash) == 0);
    for (uint64_t i = 1; i <= 3; i++) {
        const struct audit_record record = { .sequence = i,
                                             .time_us = 1700000000000000 + i,
                                             .event = "sign",
                                             .result = "OK",
                                             .principal = "anna",
                                             .mechanism = "CKM_RSA_PKCS",
                                             .key_count = i };

        fuzz_require(audit_record_line(&record, hash, &log, hash) == 0);
    }
    write_buffer("audit_record", "log", &log);
    write_seed("audit_record", "words", bytes_of_text("\"}\n{\"sequence\":1,\\ M\xc3\xbcller \xff\x01"));
}

static void write_key(const char *name, EVP_PKEY *key)
{
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key, &der);

    fuzz_require(len > 0);
    write_seed("public_key", name, BYTES(der, (size_t)len));
    OPENSSL_free(der);
    EVP_PKEY_free(key);
}

static void write_keys(void)
{
    write_key("rsa2048", EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048));
    write_key("p256", EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"));
    write_key("p521", EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-521"));
    write_key("ed25519", EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
    write_key("x25519", EVP_PKEY_Q_keygen(NULL, NULL, "X25519"));
}

static void write_certificate(const char *name, const char *key_type, const char *usage)
{
    EVP_PKEY *ca_key = test_key("EC"), *key = test_key(key_type);
    X509 *issuer = test_certificate(
        &(struct test_certificate){ .name = "issuer", .key = ca_key, .is_ca = true, .usage = usage });
    X509 *leaf = test_certificate(&(struct test_certificate){
        .name = name, .key = key, .issuer = issuer, .issuer_key = ca_key, .usage = usage });
    unsigned char *der = NULL;
    int len = i2d_X509(leaf, &der);

    fuzz_require(len > 0);
    write_seed("certificate", name, BYTES(der, (size_t)len));
    OPENSSL_free(der);
    X509_free(leaf);
    X509_free(issuer);
    EVP_PKEY_free(key);
    EVP_PKEY_free(ca_key);
}

static void write_digests(void)
{
    static const uint8_t raw[] = "\x06\x00\x80\x00\x00\x08\x20\x00 what an application wants signed";
    struct buffer info = { 0 };

    fuzz_require(mechanism_digest_info(CKM_SHA256, BYTES_OF_ARRAY(fuzz_private_key), &info) == CKR_OK);
    write_buffer("mechanism", "digest_info", &info);
    write_seed("mechanism", "raw", BYTES_OF_ARRAY(raw));
}

static void write_manifest(void)
{
    const struct manifest_key keys[] = { { "Kd", 1, { 1 } }, { "Kw", 2, { 2 } } };
    struct manifest manifest = { .realm = "test",
                                 .quorum = { .threshold = 1, .count = 1, .officers = { { "ann", { 7 } } } } };
    EVP_PKEY *key = EVP_EC_gen("P-256");
    json_t *object;
    char *text;

    buffer_append_text(&manifest.quorum_key, "an RSA key");
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        fuzz_require(manifest_add(&manifest, &keys[i]) == 0);
    fuzz_require(manifest_sign(&manifest, key) == 0);
    object = manifest_to_json(&manifest);
    text = json_dumps(object, JSON_COMPACT);
    write_seed("manifest", "two_keys", bytes_of_text(text));
    free(text);
    json_decref(object);
    manifest_clear(&manifest);
    EVP_PKEY_free(key);
}

/* Under a key of zeros, as the harness opens it. */
static void write_backup(void)
{
    static const uint8_t key[32];
    struct backup_writer *writer = NULL;
    json_t *header = json_pack("{s:s}", "realm", "test"), *index = json_pack("{s:i}", "users", 3);
    char path[512];
    uint8_t digest[HASH_LEN];

    snprintf(path, sizeof(path), "%s/backup/two_files", corpus);
    fuzz_require(backup_create(path, header, BYTES_OF_ARRAY(key), &writer) == 0);
    fuzz_require(backup_begin(writer, "tls/root.pem", 0644) == 0);
    fuzz_require(backup_data(writer, bytes_of_text("a certificate")) == 0 && backup_end(writer) == 0);
    fuzz_require(backup_begin(writer, "store", 0600) == 0 && backup_end(writer) == 0);
    fuzz_require(backup_seal(writer, index, digest) == 0);
    fuzz_require(backup_finish(writer, bytes_of_text("signature")) == 0);
    backup_writer_free(writer);
    json_decref(header);
    json_decref(index);
}

/* A tree of five leaves, as the harness has it: the path of the fourth. */
static void write_tree(void)
{
    static const uint8_t leaves[][HASH_LEN] = { { 1 }, { 2 }, { 3 }, { 4 }, { 5 } };
    const struct audit_checkpoint checkpoint = { .first = 17, .root = { 9 } };
    struct audit_levels levels = { 0 };
    struct buffer seed = { 0 };
    uint8_t signature[AUDIT_SIGNATURE_LEN] = { 8 };
    char note[AUDIT_NOTE_MAX];

    audit_checkpoint_note(&checkpoint, BYTES_OF_ARRAY(signature), note);
    buffer_append_text(&seed, note);
    buffer_append_u8(&seed, '\n');
    fuzz_require(audit_levels_build(leaves, ARRAY_SIZE(leaves), &levels) == 0 &&
                 audit_levels_path(&levels, 3, &seed) == 0);
    audit_levels_clear(&levels);
    write_buffer("audit_tree", "path", &seed);
}

static void write_quorum(void)
{
    struct quorum quorum = { .threshold = 1, .count = 1, .officers = { { .name = "olga" } } };
    json_t *sealed = NULL, *request = NULL, *answer = NULL, *file;
    struct secret *key = NULL;
    const char *officer;
    char *text;

    fuzz_require(hpke_derive_key_pair(NULL, BYTES_OF_ARRAY(fuzz_private_key), &key,
                                      quorum.officers[0].public_key) == 0);
    fuzz_require(quorum_seal(FUZZ_REALM, FUZZ_WHAT, &quorum, bytes_of_text(FUZZ_TEXT), &sealed) == 0);
    file = json_pack("[o]", sealed);
    fuzz_require(quorum_ask(FUZZ_REALM, "restore", file, quorum.officers[0].public_key, &request) == 0);
    fuzz_require(
        quorum_answer(request, secret_bytes(key), quorum.officers[0].public_key, &answer, &officer) == 0);
    json_decref(file);
    file = json_pack("{s:o, s:o, s:[o]}", "quorum", quorum_to_json(&quorum), "request", request, "answers",
                     answer);
    text = json_dumps(file, JSON_COMPACT);
    write_seed("quorum", "one_of_one", bytes_of_text(text));
    free(text);
    json_decref(file);
    secret_free(key);
}

static void write_snapshot(void)
{
    uint8_t spki[] = { 0x30, 1, 2 }, name[HASH_LEN];
    Privyseal__V1__Snapshot snapshot = PRIVYSEAL__V1__SNAPSHOT__INIT;
    Privyseal__V1__KeyInfo key = PRIVYSEAL__V1__KEY_INFO__INIT, *keys[] = { &key };
    Privyseal__V1__CertificateInfo certificate = PRIVYSEAL__V1__CERTIFICATE_INFO__INIT,
                                   *certificates[] = { &certificate };
    uint64_t mechanism = CKM_ECDSA;
    struct buffer message = { 0 };

    fuzz_require(digest_sha256(NULL, BYTES_OF_ARRAY(spki), name) == 0);
    key.public_key = certificate.der = (ProtobufCBinaryData){ sizeof(spki), spki };
    key.name = (ProtobufCBinaryData){ sizeof(name), name };
    key.id = certificate.id = (ProtobufCBinaryData){ 4, name };
    key.label = certificate.label = (char *)"one";
    snapshot.realm = (char *)FUZZ_REALM;
    snapshot.token = (char *)FUZZ_TOKEN;
    snapshot.serial = (char *)"0123456789abcdef";
    snapshot.key = keys;
    snapshot.certificate = certificates;
    snapshot.mechanism = &mechanism;
    snapshot.n_key = snapshot.n_certificate = snapshot.n_mechanism = 1;
    fuzz_require(pack_append(&snapshot.base, &message) == 0);
    write_buffer("snapshot", "one_key", &message);
}

int main(int argc, char **argv)
{
    fuzz_require(argc == 2);
    corpus = argv[1];
    write_sealed();
    write_session();
    write_failures();
    write_names();
    write_log();
    write_keys();
    write_certificate("client", "EC", "clientAuth");
    write_certificate("seal", "X25519", SEAL_EKU_OID);
    write_digests();
    write_manifest();
    write_backup();
    write_tree();
    write_quorum();
    write_snapshot();
    return EXIT_SUCCESS;
}
