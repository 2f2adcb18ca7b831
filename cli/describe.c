/* SPDX-License-Identifier: Apache-2.0 */
/* describe.c - from fields to words. */
#include "cli/describe.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cli/output.h"
#include "cli/request.h"
#include "proto/certificate.h"
#include "proto/pack.h"

#define KEY_MAX 128

DEFINE_CLEANUP(X509_NAME_free, X509_NAME *);

static json_t *describe_certificate(X509 *certificate)
{
    char subject[256] = "", text[512], hex[2 * HASH_LEN + 1] = "";
    uint8_t hash[HASH_LEN];

    X509_NAME_oneline(X509_get_subject_name(certificate), subject, sizeof(subject));
    if (certificate_hash(NULL, certificate, hash) == 0)
        hex_encode(BYTES_OF_ARRAY(hash), hex);
    snprintf(text, sizeof(text), "certificate of %s, SHA-256 %s", subject, hex);
    return json_string(text);
}

/* The key is what counts of a request: its names do not. */
static json_t *describe_request(const X509_REQ *request)
{
    char text[256], hex[2 * HASH_LEN + 1] = "";
    unsigned char hash[HASH_LEN];
    unsigned len = sizeof(hash);
    EVP_PKEY *key = X509_REQ_get0_pubkey((X509_REQ *)(uintptr_t)request);

    if (X509_REQ_digest(request, EVP_sha256(), hash, &len) == 1)
        hex_encode(BYTES_OF_ARRAY(hash), hex);
    snprintf(text, sizeof(text), "certificate request for a key (%s), SHA-256 %s",
             key ? EVP_PKEY_get0_type_name(key) : "unreadable", hex);
    return json_string(text);
}

static json_t *describe_name(const X509_NAME *name)
{
    char text[512] = "";

    X509_NAME_oneline(name, text, sizeof(text));
    return json_string(text);
}

static json_t *describe_bytes(const ProtobufCBinaryData *data)
{
    CLEANUP(X509_free) X509 *certificate = NULL;
    CLEANUP(X509_REQ_free) X509_REQ *request = NULL;
    CLEANUP(X509_NAME_free) X509_NAME *name = NULL;
    const unsigned char *at = data->data;

    if (data->len == 0)
        return json_string("");
    if (certificate_parse(NULL, pack_lend(data), &certificate) == 0)
        return describe_certificate(certificate);
    request = d2i_X509_REQ(NULL, &at, (long)data->len);
    if (request)
        return describe_request(request);
    at = data->data;
    name = d2i_X509_NAME(NULL, &at, (long)data->len);
    if (name && at == data->data + data->len)
        return describe_name(name);
    return output_hex(pack_lend(data));
}

/* CUSTODY_WRAPPED is "custody wrapped". */
static json_t *describe_enum(const ProtobufCEnumDescriptor *descriptor, int number)
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(descriptor, number);
    char text[64];

    if (!value)
        return json_integer(number);
    snprintf(text, sizeof(text), "%s", value->name);
    for (char *c = text; *c; c++)
        *c = *c == '_' ? ' ' : (char)tolower((unsigned char)*c);
    return json_string(text);
}

static bool is_time(const ProtobufCFieldDescriptor *field)
{
    size_t len = strlen(field->name);

    return field->type == PROTOBUF_C_TYPE_UINT64 && len > 5 && strcmp(field->name + len - 5, "_unix") == 0;
}

/* One value at @at, of a type that this wire has. */
static json_t *describe_value(const ProtobufCFieldDescriptor *field, const void *at)
{
    const char *text;

    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        text = *(const char *const *)at;
        return json_string(text ? text : "");
    case PROTOBUF_C_TYPE_BYTES:
        return describe_bytes(at);
    case PROTOBUF_C_TYPE_BOOL:
        return json_boolean(*(const protobuf_c_boolean *)at);
    case PROTOBUF_C_TYPE_ENUM:
        return describe_enum(field->descriptor, *(const int *)at);
    case PROTOBUF_C_TYPE_UINT32:
        return json_integer(*(const uint32_t *)at);
    case PROTOBUF_C_TYPE_UINT64:
        return is_time(field) ? output_time(*(const uint64_t *)at)
                              : json_integer((json_int_t) * (const uint64_t *)at);
    default:
        return json_string("(of a kind that this program cannot show: do not approve it)");
    }
}

static void describe_fields(const ProtobufCMessage *message, const char *prefix, json_t *object);

static size_t size_of(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_UINT64:
        return sizeof(uint64_t);
    default:
        return sizeof(uint32_t);
    }
}

static json_t *describe_repeated(const ProtobufCFieldDescriptor *field, const uint8_t *items, size_t count)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++) {
        const void *at = items + i * size_of(field);
        json_t *one;

        if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
            one = json_object();
            describe_fields(*(ProtobufCMessage *const *)at, "", one);
        } else {
            one = describe_value(field, at);
        }
        json_array_append_new(list, one);
    }
    return list;
}

static void describe_field(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                           const char *prefix, json_t *object)
{
    const uint8_t *at = (const uint8_t *)message + field->offset;
    char key[KEY_MAX];

    snprintf(key, sizeof(key), "%s%s", prefix, field->name);
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        size_t count = *(const size_t *)((const uint8_t *)message + field->quantifier_offset);

        json_object_set_new(object, key, describe_repeated(field, *(uint8_t *const *)at, count));
    } else if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        const ProtobufCMessage *inner = *(ProtobufCMessage *const *)at;

        strncat(key, ".", sizeof(key) - strlen(key) - 1);
        if (inner)
            describe_fields(inner, key, object);
    } else {
        json_object_set_new(object, key, describe_value(field, at));
    }
}

static void describe_fields(const ProtobufCMessage *message, const char *prefix, json_t *object)
{
    for (unsigned i = 0; i < message->descriptor->n_fields; i++)
        describe_field(message, &message->descriptor->fields[i], prefix, object);
}

void describe_message(const ProtobufCMessage *message, json_t *object)
{
    describe_fields(message, "", object);
}
