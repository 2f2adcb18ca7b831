/* SPDX-License-Identifier: Apache-2.0 */
/* fake_remote.c - remote.h and channel.h without a network, see fake_remote.h. */
#include "client/renewal.h"
#include "tests/unit/module/fake_remote.h"

#include <check.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "proto/mechanism.h"
#include "proto/public_key.h"
#include "tests/support/test_ca.h"

struct fake_remote fake;

/* -------------------------------------------------------------------------------------------- what it has */

void fake_reset(void)
{
    fake_clear();
    fake.key[FAKE_RSA] = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
    fake.key[FAKE_EC] = test_key("EC");
    fake.key[FAKE_ED25519] = test_key("ED25519");
    strcpy(fake.label[FAKE_RSA], "rsa");
    strcpy(fake.label[FAKE_EC], "ec");
    strcpy(fake.label[FAKE_ED25519], "ed25519");
    for (int i = FAKE_RSA; i <= FAKE_EC; i++)
        fake.certificate[i] =
            test_certificate(&(struct test_certificate){ .name = fake.label[i], .key = fake.key[i] });
    fake.key_count = FAKE_KEYS;
}

void fake_clear(void)
{
    for (int i = 0; i < FAKE_KEYS; i++) {
        EVP_PKEY_free(fake.key[i]);
        X509_free(fake.certificate[i]);
    }
    fake = (struct fake_remote){ 0 };
}

struct public_key *fake_public_key(enum fake_key key)
{
    struct public_key *ret = NULL;
    uint8_t *spki = NULL;
    int len = i2d_PUBKEY(fake.key[key], &spki);

    ck_assert_int_gt(len, 0);
    ck_assert_uint_eq(public_key_of_spki(NULL, BYTES(spki, len), &ret), CKR_OK);
    OPENSSL_free(spki);
    return ret;
}

/* ---------------------------------------------------------------------------------------------- snapshots */

/* As the client has it: counted, with a message of its own. */
struct fake_snapshot {
    struct remote_snapshot public;
    atomic_uint references;
};

static void set_data(ProtobufCBinaryData *field, struct bytes bytes)
{
    field->data = malloc(bytes.len);
    memcpy(field->data, bytes.data, bytes.len);
    field->len = bytes.len;
}

static struct bytes id_of(enum fake_key index, const struct public_key *key)
{
    return fake.id_len[index] ? BYTES(fake.id[index], fake.id_len[index]) : BYTES(key->name, KEY_ID_LEN);
}

static Privyseal__V1__KeyInfo *key_info(enum fake_key index)
{
    CLEANUP(public_key_free) struct public_key *key = fake_public_key(index);
    Privyseal__V1__KeyInfo *info = malloc(sizeof(*info));

    privyseal__v1__key_info__init(info);
    set_data(&info->id, id_of(index, key));
    set_data(&info->name, BYTES_OF_ARRAY(key->name));
    set_data(&info->public_key, buffer_bytes(&key->spki));
    info->label = strdup(fake.label[index]);
    info->key_type = key->type;
    info->bits = key->bits;
    info->usage = fake.usage[index];
    info->always_authenticate = fake.always_authenticate[index];
    info->created_unix = 1700000000; /* 2023-11-14 */
    return info;
}

static Privyseal__V1__CertificateInfo *certificate_info(enum fake_key index)
{
    CLEANUP(public_key_free) struct public_key *key = fake_public_key(index);
    Privyseal__V1__CertificateInfo *info = malloc(sizeof(*info));
    uint8_t *der = NULL;
    int len = i2d_X509(fake.certificate[index], &der);

    privyseal__v1__certificate_info__init(info);
    set_data(&info->id, id_of(index, key));
    set_data(&info->der, BYTES(der, len));
    info->label = strdup(fake.label[index]);
    OPENSSL_free(der);
    return info;
}

static Privyseal__V1__Snapshot *snapshot_content(void)
{
    Privyseal__V1__Snapshot *content = malloc(sizeof(*content));
    size_t count = 0;

    privyseal__v1__snapshot__init(content);
    content->token = strdup(FAKE_TOKEN);
    content->serial = strdup("0123456789abcdef");
    content->key = calloc(FAKE_KEYS, sizeof(*content->key));
    content->certificate = calloc(FAKE_KEYS, sizeof(*content->certificate));
    for (unsigned i = 0; i < fake.key_count; i++) {
        if (fake.is_deleted[i])
            continue;
        content->key[content->n_key++] = key_info(i);
        if (fake.certificate[i])
            content->certificate[content->n_certificate++] = certificate_info(i);
    }
    while (mechanism_at(count))
        count++;
    content->oaep_hash = calloc(1, sizeof(*content->oaep_hash));
    content->oaep_hash[content->n_oaep_hash++] = CKM_SHA_1; /* as SoftHSM */
    content->mechanism = calloc(count, sizeof(*content->mechanism));
    for (content->n_mechanism = 0; content->n_mechanism < count; content->n_mechanism++)
        content->mechanism[content->n_mechanism] = mechanism_at(content->n_mechanism)->type;
    return content;
}

struct remote_snapshot *remote_snapshot_ref(struct remote_snapshot *snapshot)
{
    atomic_fetch_add(&((struct fake_snapshot *)snapshot)->references, 1);
    return snapshot;
}

void remote_snapshot_unref(struct remote_snapshot *snapshot)
{
    if (atomic_fetch_sub(&((struct fake_snapshot *)snapshot)->references, 1) > 1)
        return;
    privyseal__v1__snapshot__free_unpacked(snapshot->content, NULL);
    free(snapshot);
}

/* ---------------------------------------------------------------------------------------- channel, remote */

struct channel_of_nothing {
    struct channel channel;
};

int channel_http2_new(OSSL_LIB_CTX *libctx, const struct deployment_config *deployment,
                      const struct identity_config *identity, struct channel **ret, char **why)
{
    (void)libctx;
    (void)deployment;
    (void)identity;
    (void)why;
    *ret = calloc(1, sizeof(struct channel_of_nothing));
    return 0;
}

void channel_free(struct channel *channel)
{
    free(channel);
}

struct remote {
    struct channel *channel;
};

int remote_new(OSSL_LIB_CTX *libctx, const struct deployment_config *deployment, struct channel *channel,
               struct remote **ret)
{
    (void)libctx;
    (void)deployment;
    *ret = calloc(1, sizeof(**ret));
    (*ret)->channel = channel;
    return 0;
}

int remote_use_device_secret(struct remote *remote, const struct identity_config *identity, char **why)
{
    (void)remote;
    (void)identity;
    *why = NULL;
    return 0;
}

bool renewal_is_due(const struct identity_config *identity)
{
    (void)identity;
    return fake.renewal_is_due;
}

int renewal_make(OSSL_LIB_CTX *libctx, const struct identity_config *identity, struct remote_token *token,
                 bool has_new_key, int64_t deadline_ms, struct remote_error *error, char **why)
{
    (void)libctx;
    (void)identity;
    (void)token;
    (void)deadline_ms;
    (void)error;
    (void)why;
    ck_assert(!has_new_key);
    fake.renewals++;
    return fake.renewal_result;
}

void remote_free(struct remote *remote)
{
    if (remote)
        channel_free(remote->channel);
    free(remote);
}

void remote_abandon(struct remote *remote)
{
    (void)remote;
    fake.abandoned++;
}

CK_RV remote_list_tokens(struct remote *remote, char ***ret_names, size_t *ret_count,
                         struct remote_error *error)
{
    (void)remote;
    (void)error;
    fake.lists++;
    if (fake.snapshot_rv != CKR_OK)
        return fake.snapshot_rv;
    *ret_names = calloc(4 + fake.granted_more, sizeof(char *));
    for (*ret_count = 0; *ret_count < 4 && fake.granted[*ret_count]; ++*ret_count)
        (*ret_names)[*ret_count] = strdup(fake.granted[*ret_count]);
    for (unsigned i = 0; i < fake.granted_more; i++)
        if (asprintf(&(*ret_names)[(*ret_count)++], "token-%u", i) < 0)
            abort();
    return CKR_OK;
}

/* ---------------------------------------------------------------------------------------------- the token */

struct remote_token {
    pthread_mutex_t lock;
    struct remote_snapshot *at_hand; /* guarded by lock */
};

int remote_token_new(struct remote *remote, const char *name, struct remote_token **ret)
{
    (void)remote;
    (void)name;
    *ret = calloc(1, sizeof(**ret));
    pthread_mutex_init(&(*ret)->lock, NULL);
    return 0;
}

void remote_token_free(struct remote_token *token)
{
    if (!token)
        return;
    if (token->at_hand)
        remote_snapshot_unref(token->at_hand);
    pthread_mutex_destroy(&token->lock);
    free(token);
}

/* Fetched when there is none or the caller insists: no test waits for one to grow old. */
CK_RV remote_token_snapshot(struct remote_token *token, unsigned max_age_ms, struct remote_snapshot **ret,
                            struct remote_error *error)
{
    struct fake_snapshot *made;
    CK_RV rv = CKR_OK;

    (void)error;
    pthread_mutex_lock(&token->lock);
    if (!token->at_hand || max_age_ms == 0) {
        fake.snapshots++;
        rv = fake.snapshot_rv;
    }
    if (rv == CKR_OK && (!token->at_hand || max_age_ms == 0)) {
        made = calloc(1, sizeof(*made));
        atomic_init(&made->references, 1);
        made->public.content = snapshot_content();
        made->public.pin_version = 1;
        made->public.pin_state = fake.pin_state;
        if (token->at_hand)
            remote_snapshot_unref(token->at_hand);
        token->at_hand = &made->public;
    }
    if (rv == CKR_OK)
        *ret = remote_snapshot_ref(token->at_hand);
    pthread_mutex_unlock(&token->lock);
    return rv;
}

CK_RV remote_token_login(struct remote_token *token, struct bytes pin, struct remote_error *error)
{
    (void)token;
    (void)error;
    if (fake.is_logged_in)
        return CKR_USER_ALREADY_LOGGED_IN;
    fake.logins++;
    if (fake.login_rv != CKR_OK)
        return fake.login_rv;
    if (!bytes_equal(pin, bytes_of_text(FAKE_PIN)))
        return pin.len < PIN_MIN_LEN ? CKR_PIN_LEN_RANGE : CKR_PIN_INCORRECT;
    fake.is_logged_in = true;
    return CKR_OK;
}

void remote_token_logout(struct remote_token *token)
{
    (void)token;
    fake.logouts++;
    fake.is_logged_in = false;
}

bool remote_token_is_logged_in(struct remote_token *token)
{
    (void)token;
    return fake.is_logged_in;
}

static void make_room(struct remote_token *token)
{
    struct remote_error error = { 0 };
    struct remote_snapshot *snapshot;

    ck_assert_uint_eq(remote_token_snapshot(token, 0, &snapshot, &error), CKR_OK);
    remote_snapshot_unref(snapshot);
}

/* The last key of the fake is the one that is made. */
CK_RV remote_token_generate(struct remote_token *token, const struct remote_new_key *wish,
                            uint8_t ret_name[32], struct remote_error *error)
{
    CLEANUP(public_key_free) struct public_key *key = fake_public_key(fake.key_count);

    (void)error;
    ck_assert_uint_eq(wish->type, key->type);
    ck_assert_uint_eq(wish->bits, key->bits);
    fake.last_key = *wish;
    fake.usage[fake.key_count] = wish->usage;
    fake.always_authenticate[fake.key_count] = wish->always_authenticate;
    fake.id_len[fake.key_count] = wish->id.len;
    if (wish->id.len)
        memcpy(fake.id[fake.key_count], wish->id.data, wish->id.len);
    strcpy(fake.label[fake.key_count++], wish->label);
    memcpy(ret_name, key->name, KEY_NAME_LEN);
    make_room(token);
    return CKR_OK;
}

CK_RV remote_token_put_certificate(struct remote_token *token, struct bytes der, const char *label,
                                   struct remote_error *error)
{
    const uint8_t *at = der.data;

    (void)error;
    X509_free(fake.certificate[FAKE_EC]);
    fake.certificate[FAKE_EC] = d2i_X509(NULL, &at, (long)der.len);
    strcpy(fake.label[FAKE_EC], label);
    make_room(token);
    return CKR_OK;
}

CK_RV remote_token_change_pin(struct remote_token *token, struct bytes old_pin, struct bytes new_pin,
                              struct remote_error *error)
{
    (void)token;
    (void)error;
    if (new_pin.len < PIN_MIN_LEN)
        return CKR_PIN_LEN_RANGE;
    return bytes_equal(old_pin, bytes_of_text(FAKE_PIN)) ? CKR_OK : CKR_PIN_INCORRECT;
}

/* ------------------------------------------------------------------------------------------------ signing */

static enum fake_key index_of(struct bytes name)
{
    for (unsigned i = 0; i < fake.key_count; i++) {
        CLEANUP(public_key_free) struct public_key *key = fake_public_key(i);

        if (!fake.is_deleted[i] && bytes_equal(name, BYTES_OF_ARRAY(key->name)))
            return i;
    }
    return FAKE_KEYS;
}

static EVP_PKEY *find_key(struct bytes name)
{
    enum fake_key index = index_of(name);

    return index < FAKE_KEYS ? fake.key[index] : NULL;
}

static void prepare(EVP_PKEY_CTX *context, const struct remote_sign *request)
{
    const char *hash = request->pss ? mechanism_hash_name(request->pss->hash) : NULL;

    ck_assert_int_eq(EVP_PKEY_sign_init(context), 1);
    if (request->raw == CKM_RSA_PKCS)
        ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING), 1);
    if (request->raw != CKM_RSA_PKCS_PSS)
        return;
    ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING), 1);
    ck_assert_int_eq(EVP_PKEY_CTX_set_signature_md(context, EVP_get_digestbyname(hash)), 1);
    ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_pss_saltlen(context, (int)request->pss->salt_len), 1);
}

/* ECDSA as PKCS#11 has it: r and s, each as long as the order. */
static void append_plain_ecdsa(struct bytes der, struct buffer *ret)
{
    const uint8_t *at = der.data;
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &at, (long)der.len);
    uint8_t plain[64];

    BN_bn2binpad(ECDSA_SIG_get0_r(pair), plain, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(pair), plain + 32, 32);
    buffer_append(ret, BYTES_OF_ARRAY(plain));
    ECDSA_SIG_free(pair);
}

static void sign_message(EVP_PKEY *key, struct bytes message, struct buffer *ret)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    uint8_t signature[64];
    size_t len = sizeof(signature);

    ck_assert_int_eq(EVP_DigestSignInit(context, NULL, NULL, NULL, key), 1);
    ck_assert_int_eq(EVP_DigestSign(context, signature, &len, message.data, message.len), 1);
    buffer_append(ret, BYTES(signature, len));
    EVP_MD_CTX_free(context);
}

static void sign_input(EVP_PKEY *key, const struct remote_sign *request, struct buffer *ret)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    uint8_t signature[512];
    size_t len = sizeof(signature);

    prepare(context, request);
    ck_assert_int_eq(EVP_PKEY_sign(context, signature, &len, request->data.data, request->data.len), 1);
    EVP_PKEY_CTX_free(context);
    if (request->raw == CKM_ECDSA)
        append_plain_ecdsa(BYTES(signature, len), ret);
    else
        buffer_append(ret, BYTES(signature, len));
}

CK_RV remote_token_sign(struct remote_token *token, const struct remote_sign *request, struct buffer *ret,
                        struct remote_error *error)
{
    EVP_PKEY *key = find_key(request->key_name);

    (void)token;
    (void)error;
    if (fake.meet)
        pthread_barrier_wait(fake.meet);
    __atomic_fetch_add(&fake.signatures, 1, __ATOMIC_SEQ_CST);
    if (fake.sign_rv != CKR_OK)
        return fake.sign_rv;
    if (!fake.is_logged_in)
        return CKR_USER_NOT_LOGGED_IN;
    ck_assert_ptr_nonnull(key);
    if (!fake.meet)
        fake.last_sign = *request;
    if (request->raw == CKM_EDDSA)
        sign_message(key, request->data, ret);
    else
        sign_input(key, request, ret);
    return CKR_OK;
}

/* ------------------------------------------------------------------------------------------ the other uses */

/* As the real one keeps S: here nothing but the memory. */
struct login {
    char nothing;
};

void remote_consent_free(struct login *consent)
{
    free(consent);
}

CK_RV remote_token_consent(struct remote_token *token, struct bytes pin, struct login **ret,
                           struct remote_error *error)
{
    (void)token;
    (void)error;
    fake.consents++;
    if (!fake.is_logged_in)
        return CKR_USER_NOT_LOGGED_IN;
    if (!bytes_equal(pin, bytes_of_text(FAKE_PIN)))
        return CKR_PIN_INCORRECT;
    *ret = calloc(1, sizeof(**ret));
    return CKR_OK;
}

CK_RV remote_token_sign_once(struct remote_token *token, const struct login *consent,
                             const struct remote_sign *request, struct buffer *ret,
                             struct remote_error *error)
{
    ck_assert_ptr_nonnull(consent);
    fake.once++;
    return remote_token_sign(token, request, ret, error);
}

CK_RV remote_token_decrypt(struct remote_token *token, const struct remote_decrypt *request,
                           struct secret **ret, struct remote_error *error)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(find_key(request->key_name), NULL);
    uint8_t plaintext[512];
    size_t len = sizeof(plaintext);
    CK_RV rv = CKR_ENCRYPTED_DATA_INVALID;

    (void)token;
    (void)error;
    fake.decryptions++;
    ck_assert_int_eq(EVP_PKEY_decrypt_init(context), 1);
    if (request->oaep)
        ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING), 1);
    if (EVP_PKEY_decrypt(context, plaintext, &len, request->data.data, request->data.len) == 1) {
        ck_assert_int_eq(secret_copy(BYTES(plaintext, len), ret), 0);
        rv = CKR_OK;
    }
    EVP_PKEY_CTX_free(context);
    return rv;
}

CK_RV remote_token_derive(struct remote_token *token, struct bytes key_name, struct bytes peer,
                          struct secret **ret, struct remote_error *error)
{
    (void)token;
    (void)error;
    fake.derivations++;
    ck_assert_ptr_nonnull(find_key(key_name));
    ck_assert_uint_eq(peer.len, 65);
    ck_assert_uint_eq(peer.data[0], POINT_CONVERSION_UNCOMPRESSED);
    return secret_copy(BYTES("0123456789abcdef0123456789ABCDEF", 32), ret) == 0 ? CKR_OK : CKR_HOST_MEMORY;
}

CK_RV remote_token_update(struct remote_token *token, struct bytes key_name, Privyseal__V1__ObjectKind kind,
                          const char *label, struct bytes id, struct remote_error *error)
{
    enum fake_key index = index_of(key_name);

    (void)kind; /* key and certificate have one label here */
    (void)error;
    fake.updates++;
    ck_assert_uint_lt(index, FAKE_KEYS);
    if (*label)
        strcpy(fake.label[index], label);
    fake.id_len[index] = id.len ? id.len : fake.id_len[index];
    if (id.len)
        memcpy(fake.id[index], id.data, id.len);
    make_room(token);
    return CKR_OK;
}

CK_RV remote_token_delete(struct remote_token *token, struct bytes key_name, Privyseal__V1__ObjectKind kind,
                          struct remote_error *error)
{
    enum fake_key index = index_of(key_name);

    (void)error;
    fake.deletions++;
    if (index == FAKE_KEYS)
        return CKR_OBJECT_HANDLE_INVALID;
    X509_free(fake.certificate[index]);
    fake.certificate[index] = NULL;
    fake.is_deleted[index] = kind == PRIVYSEAL__V1__OBJECT_KIND__OBJECT_KEY;
    make_room(token);
    return CKR_OK;
}
