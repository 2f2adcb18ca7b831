/* SPDX-License-Identifier: Apache-2.0 */
/* quorum.c - shares, sealed to officers and from officers to whoever asked. */
#include "proto/quorum.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "proto/context.h"
#include "proto/aead.h"
#include "proto/digest.h"
#include "proto/name.h"

static const char request_format[] = "privyseal share request 1";
static const char answer_format[] = "privyseal share 1";

#define SEALED_MAX (QUORUM_SHARE_MAX + AEAD_TAG_LEN)

/* ----------------------------------------------------------------------------------------------------- quorums */

static int read_officer(const json_t *object, struct officer *ret)
{
    const char *name = json_read_text(object, "name");

    if (strlen(name) >= sizeof(ret->name) || !name_is_valid(bytes_of_text(name)))
        return -EBADMSG;
    snprintf(ret->name, sizeof(ret->name), "%s", name);
    return json_read_hex(object, "public_key", ret->public_key, HPKE_KEY_LEN);
}

int quorum_of_json(const json_t *object, struct quorum *ret)
{
    const json_t *officers = json_object_get(object, "officers");
    struct quorum quorum = { .count = json_array_size(officers) };
    json_int_t threshold = 0;
    int r = quorum.count == 0 || quorum.count > SHAMIR_SHARES_MAX
                ? -EBADMSG
                : json_read_number(object, "threshold", 1, (json_int_t)quorum.count, &threshold);

    for (size_t i = 0; r == 0 && i < quorum.count; i++)
        r = read_officer(json_array_get(officers, i), &quorum.officers[i]);
    quorum.threshold = (unsigned)threshold;
    if (r == 0)
        *ret = quorum;
    return r;
}

json_t *quorum_to_json(const struct quorum *quorum)
{
    json_t *officers = json_array();

    for (size_t i = 0; i < quorum->count; i++)
        json_array_append_new(officers,
                              json_pack("{s:s, s:o}", "name", quorum->officers[i].name, "public_key",
                                        json_of_hex(BYTES_OF_ARRAY(quorum->officers[i].public_key))));
    return json_pack("{s:i, s:o}", "threshold", (int)quorum->threshold, "officers", officers);
}

/* ----------------------------------------------------------------------------------------------------- dealing */

/* Where one share belongs. */
struct place {
    const char *realm, *what;
    uint8_t id[QUORUM_ID_LEN];
    unsigned threshold, index;
    uint8_t officer[HPKE_KEY_LEN];
};

static int share_info(const struct place *place, struct context *context, struct bytes *ret)
{
    *context = context_of("privyseal v1 quorum share");
    context_text(context, place->realm);
    context_text(context, place->what);
    context_bytes(context, BYTES_OF_ARRAY(place->id));
    context_number(context, place->threshold);
    context_number(context, place->index);
    context_bytes(context, BYTES_OF_ARRAY(place->officer));
    return context_end(context, ret);
}

/*
 * SHA-256 of a share: whoever joins can name the one that was altered. A share is as random as the secret is long, so
 * its digest gives nothing away. (With a threshold of 1 the share is the secret: of a random key, too.)
 */
static int share_digest(const struct place *place, struct bytes share, uint8_t ret[HASH_LEN])
{
    CLEANUP(context_clear) struct context context = { 0 };
    uint8_t info[HASH_LEN];
    struct bytes bytes;
    int r = share_info(place, &context, &bytes);

    if (r == 0)
        r = digest_sha256(NULL, bytes, info);
    return r < 0 ? r : digest_hmac(NULL, BYTES_OF_ARRAY(info), share, ret);
}

static int seal_share(const struct place *place, const char *officer, struct bytes share, json_t **ret)
{
    CLEANUP(context_clear) struct context context = { 0 };
    CLEANUP(hpke_shared_clear) struct hpke_shared shared = { 0 };
    CLEANUP(buffer_clear) struct buffer sealed = { 0 };
    uint8_t enc[HPKE_KEY_LEN], digest[HASH_LEN];
    struct bytes info;
    int r = share_info(place, &context, &info);

    if (r == 0)
        r = share_digest(place, share, digest);
    if (r == 0)
        r = hpke_seal(NULL, BYTES_OF_ARRAY(place->officer), info, BYTES_NONE, share, BYTES_NONE, enc, &sealed,
                      &shared);
    if (r < 0)
        return r;
    *ret = json_pack("{s:s, s:o, s:i, s:o, s:o, s:o}", "officer", officer, "public_key",
                     json_of_hex(BYTES_OF_ARRAY(place->officer)), "index", (int)place->index, "enc",
                     json_of_hex(BYTES_OF_ARRAY(enc)), "sealed", json_of_hex(buffer_bytes(&sealed)), "digest",
                     json_of_hex(BYTES_OF_ARRAY(digest)));
    return *ret ? 0 : -ENOMEM;
}

static int random_id(uint8_t ret[QUORUM_ID_LEN])
{
    CLEANUP(secret_free) struct secret *random = NULL;
    int r = secret_random(QUORUM_ID_LEN, &random);

    if (r == 0)
        memcpy(ret, random->data, QUORUM_ID_LEN);
    return r;
}

int quorum_seal(const char *realm, const char *what, const struct quorum *quorum, struct bytes secret,
                json_t **ret)
{
    struct shamir_share shares[SHAMIR_SHARES_MAX] = { 0 };
    struct place place = { .realm = realm, .what = what, .threshold = quorum->threshold };
    CLEANUP(json_decref) json_t *array = json_array();
    int r = secret.len > QUORUM_SHARE_MAX ? -EINVAL : random_id(place.id);

    if (r == 0)
        r = shamir_split(secret, quorum->threshold, (unsigned)quorum->count, shares);
    for (size_t i = 0; r == 0 && i < quorum->count; i++) {
        json_t *sealed = NULL;

        place.index = shares[i].index;
        memcpy(place.officer, quorum->officers[i].public_key, HPKE_KEY_LEN);
        r = seal_share(&place, quorum->officers[i].name, secret_bytes(shares[i].data), &sealed);
        if (r == 0 && json_array_append_new(array, sealed) < 0)
            r = -ENOMEM;
    }
    shamir_shares_clear(shares, SHAMIR_SHARES_MAX);
    if (r < 0)
        return r;
    *ret = json_pack("{s:s, s:o, s:i, s:O}", "what", what, "id", json_of_hex(BYTES_OF_ARRAY(place.id)),
                     "threshold", (int)quorum->threshold, "shares", array);
    return *ret ? 0 : -ENOMEM;
}

/* ------------------------------------------------------------------------------------------------------ asking */

int quorum_ask(const char *realm, const char *purpose, json_t *secrets,
               const uint8_t public_key[HPKE_KEY_LEN], json_t **ret)
{
    char host[128] = "";

    gethostname(host, sizeof(host) - 1);
    *ret = json_pack("{s:s, s:s, s:s, s:s, s:I, s:o, s:O}", "format", request_format, "purpose", purpose,
                     "host", host, "realm", realm, "time", (json_int_t)time(NULL), "public_key",
                     json_of_hex(BYTES(public_key, HPKE_KEY_LEN)), "secrets", secrets);
    return *ret ? 0 : -ENOMEM;
}

int quorum_request_digest(const json_t *request, uint8_t ret[HASH_LEN])
{
    CLEANUP(free_string) char *text = json_dumps(request, JSON_COMPACT | JSON_SORT_KEYS);

    if (!text || strcmp(json_read_text(request, "format"), request_format) != 0)
        return text ? -EBADMSG : -ENOMEM;
    return digest_sha256(NULL, bytes_of_text(text), ret);
}

/* --------------------------------------------------------------------------------------------------- answering */

static int place_of(const json_t *request, const json_t *secret, const json_t *share, struct place *ret)
{
    struct place place = { .realm = json_read_text(request, "realm"),
                           .what = json_read_text(secret, "what") };
    json_int_t threshold = 0, index = 0;
    int r = json_read_hex(secret, "id", place.id, QUORUM_ID_LEN);

    if (r == 0)
        r = json_read_number(secret, "threshold", 1, SHAMIR_SHARES_MAX, &threshold);
    if (r == 0)
        r = json_read_number(share, "index", 1, SHAMIR_SHARES_MAX, &index);
    if (r == 0)
        r = json_read_hex(share, "public_key", place.officer, HPKE_KEY_LEN);
    place.threshold = (unsigned)threshold;
    place.index = (unsigned)index;
    if (r == 0)
        *ret = place;
    return r;
}

/* Opens {enc, sealed} of @object. */
static int open_sealed(const json_t *object, struct bytes private_key, struct bytes info, struct secret **ret)
{
    CLEANUP(hpke_shared_clear) struct hpke_shared shared = { 0 };
    CLEANUP(buffer_clear) struct buffer sealed = { 0 };
    uint8_t enc[HPKE_KEY_LEN];
    int r = json_read_hex(object, "enc", enc, HPKE_KEY_LEN);

    if (r == 0)
        r = json_read_hex_buffer(object, "sealed", SEALED_MAX, &sealed);
    if (r == 0)
        r = hpke_open(NULL, private_key, BYTES_OF_ARRAY(enc), info, BYTES_NONE, buffer_bytes(&sealed), ret,
                      &shared);
    return r;
}

static int answer_info(const uint8_t request[HASH_LEN], const uint8_t id[QUORUM_ID_LEN], unsigned index,
                       struct context *context, struct bytes *ret)
{
    *context = context_of("privyseal v1 quorum answer");
    context_bytes(context, BYTES(request, HASH_LEN));
    context_bytes(context, BYTES(id, QUORUM_ID_LEN));
    context_number(context, index);
    return context_end(context, ret);
}

/* A share from the officer to whoever asked. */
static int pass_on(const json_t *request, const uint8_t digest[HASH_LEN], const struct place *place,
                   struct bytes share, json_t **ret)
{
    CLEANUP(context_clear) struct context context = { 0 };
    CLEANUP(hpke_shared_clear) struct hpke_shared shared = { 0 };
    CLEANUP(buffer_clear) struct buffer sealed = { 0 };
    uint8_t public_key[HPKE_KEY_LEN], enc[HPKE_KEY_LEN];
    struct bytes info;
    int r = json_read_hex(request, "public_key", public_key, HPKE_KEY_LEN);

    if (r == 0)
        r = answer_info(digest, place->id, place->index, &context, &info);
    if (r == 0)
        r = hpke_seal(NULL, BYTES_OF_ARRAY(public_key), info, BYTES_NONE, share, BYTES_NONE, enc, &sealed,
                      &shared);
    if (r < 0)
        return r;
    *ret = json_pack("{s:o, s:i, s:o, s:o}", "id", json_of_hex(BYTES_OF_ARRAY(place->id)), "index",
                     (int)place->index, "enc", json_of_hex(BYTES_OF_ARRAY(enc)), "sealed",
                     json_of_hex(buffer_bytes(&sealed)));
    return *ret ? 0 : -ENOMEM;
}

static int answer_share(const json_t *request, const uint8_t digest[HASH_LEN], const struct place *place,
                        const json_t *share, struct bytes officer_private, json_t *answers)
{
    CLEANUP(context_clear) struct context context = { 0 };
    CLEANUP(secret_free) struct secret *opened = NULL;
    json_t *answer = NULL;
    struct bytes info;
    int r = share_info(place, &context, &info);

    if (r == 0)
        r = open_sealed(share, officer_private, info, &opened);
    if (r == 0)
        r = pass_on(request, digest, place, secret_bytes(opened), &answer);
    if (r < 0)
        return r;
    return json_array_append_new(answers, answer) < 0 ? -ENOMEM : 0;
}

/* All shares of one secret that are sealed to this officer. */
static int answer_secret(const json_t *request, const uint8_t digest[HASH_LEN], const json_t *secret,
                         struct bytes officer_private, const uint8_t officer_public[HPKE_KEY_LEN],
                         json_t *answers, const char **ret_officer)
{
    const json_t *share;
    int r = 0;
    size_t i;

    json_array_foreach (json_object_get(secret, "shares"), i, share) {
        struct place place;

        r = r < 0 ? r : place_of(request, secret, share, &place);
        if (r < 0 || memcmp(place.officer, officer_public, HPKE_KEY_LEN) != 0)
            continue;
        *ret_officer = json_read_text(share, "officer");
        r = answer_share(request, digest, &place, share, officer_private, answers);
    }
    return r;
}

int quorum_answer(const json_t *request, struct bytes officer_private,
                  const uint8_t officer_public[HPKE_KEY_LEN], json_t **ret, const char **ret_officer)
{
    CLEANUP(json_decref) json_t *answers = json_array();
    const json_t *secrets = json_object_get(request, "secrets"), *secret;
    uint8_t digest[HASH_LEN];
    int r = quorum_request_digest(request, digest);
    size_t i;

    if (r == 0 && (json_array_size(secrets) == 0 || json_array_size(secrets) > QUORUM_SECRETS_MAX))
        r = -EBADMSG;
    json_array_foreach (secrets, i, secret)
        r = r < 0 ? r
                  : answer_secret(request, digest, secret, officer_private, officer_public, answers,
                                  ret_officer);
    if (r == 0 && json_array_size(answers) == 0)
        r = -ENOENT;
    if (r < 0)
        return r;
    *ret = json_pack("{s:s, s:o, s:s, s:O}", "format", answer_format, "request",
                     json_of_hex(BYTES_OF_ARRAY(digest)), "officer", *ret_officer, "shares", answers);
    return *ret ? 0 : -ENOMEM;
}

/* ----------------------------------------------------------------------------------------------------- joining */

struct joining {
    const json_t *request, *secret;
    uint8_t digest[HASH_LEN];
    struct bytes private_key;
    struct shamir_share shares[SHAMIR_SHARES_MAX];
    size_t count;
};

static const json_t *find_secret(const json_t *request, const char *what)
{
    const json_t *secret;
    size_t i;

    json_array_foreach (json_object_get(request, "secrets"), i, secret)
        if (strcmp(json_read_text(secret, "what"), what) == 0)
            return secret;
    return NULL;
}

static const json_t *find_by_index(const json_t *shares, json_int_t index)
{
    const json_t *share;
    size_t i;

    json_array_foreach (shares, i, share)
        if (json_integer_value(json_object_get(share, "index")) == index)
            return share;
    return NULL;
}

static bool has_index(const struct joining *joining, unsigned index)
{
    for (size_t i = 0; i < joining->count; i++)
        if (joining->shares[i].index == index)
            return true;
    return false;
}

/* Opens one share of an answer and compares it with the digest that was dealt with it. */
static int take_share(struct joining *joining, const json_t *share, const struct place *place)
{
    CLEANUP(context_clear) struct context context = { 0 };
    CLEANUP(secret_free) struct secret *opened = NULL;
    uint8_t dealt[HASH_LEN], digest[HASH_LEN];
    struct bytes info;
    int r = json_read_hex(find_by_index(json_object_get(joining->secret, "shares"), place->index), "digest",
                          dealt, HASH_LEN);

    if (r == 0)
        r = answer_info(joining->digest, place->id, place->index, &context, &info);
    if (r == 0)
        r = open_sealed(share, joining->private_key, info, &opened);
    if (r == 0)
        r = share_digest(place, secret_bytes(opened), digest);
    if (r == 0 && !secret_equal(BYTES_OF_ARRAY(digest), BYTES_OF_ARRAY(dealt)))
        r = -EBADMSG;
    if (r == 0)
        joining->shares[joining->count++] = (struct shamir_share){ (uint8_t)place->index, TAKE(opened) };
    return r;
}

/* What an answer has of the secret that is being joined. */
static int take_answer(struct joining *joining, const json_t *answer)
{
    const json_t *share;
    uint8_t digest[HASH_LEN], id[QUORUM_ID_LEN];
    int r = json_read_hex(answer, "request", digest, HASH_LEN);
    size_t i;

    if (r == 0 && memcmp(digest, joining->digest, HASH_LEN) != 0)
        r = -EBADMSG;
    json_array_foreach (json_object_get(answer, "shares"), i, share) {
        json_int_t index;
        struct place place;

        if (r == 0)
            r = json_read_hex(share, "id", id, QUORUM_ID_LEN);
        if (r == 0)
            r = json_read_number(share, "index", 1, SHAMIR_SHARES_MAX, &index);
        if (r == 0)
            r = place_of(joining->request, joining->secret,
                         find_by_index(json_object_get(joining->secret, "shares"), index), &place);
        if (r == 0 && memcmp(id, place.id, QUORUM_ID_LEN) == 0 && !has_index(joining, index))
            r = take_share(joining, share, &place);
    }
    return r;
}

static int take_answers(struct joining *joining, const json_t *answers, char **why)
{
    const json_t *answer;
    int r = 0;
    size_t i;

    json_array_foreach (answers, i, answer) {
        r = take_answer(joining, answer);
        if (r < 0)
            break;
    }
    if (r == -EBADMSG &&
        asprintf(
            why,
            "the share of %s does not belong to this request, or is not the one that the officer was given",
            json_read_text(answer, "officer")) < 0)
        *why = NULL;
    return r;
}

int quorum_join(const json_t *request, struct bytes private_key, const json_t *answers, const char *what,
                struct secret **ret, char **why)
{
    struct joining joining = { .request = request,
                               .secret = find_secret(request, what),
                               .private_key = private_key };
    json_int_t threshold = 0;
    int r = joining.secret ? quorum_request_digest(request, joining.digest) : -EBADMSG;

    if (r == 0)
        r = json_read_number(joining.secret, "threshold", 1, SHAMIR_SHARES_MAX, &threshold);
    if (r == 0)
        r = take_answers(&joining, answers, why);
    if (r == 0 && joining.count < (size_t)threshold) {
        r = -EAGAIN;
        if (asprintf(why, "%zu of %d officers gave a share of it", joining.count, (int)threshold) < 0)
            *why = NULL;
    }
    if (r == 0)
        r = shamir_join(joining.shares, (size_t)threshold, ret);
    shamir_shares_clear(joining.shares, joining.count);
    return r;
}
