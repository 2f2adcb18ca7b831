/* SPDX-License-Identifier: Apache-2.0 */
/* method.h - the method table (methods.def) in C. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <protobuf-c/protobuf-c.h>

#include "include/bytes.h"

enum method_id {
#define METHOD(service, name, proof, permission, repeat, deadline, request_max, reply_max) METHOD_##name,
#include "proto/methods.def"
#undef METHOD
    METHODS
};

enum proof { PROOF_PLAIN, PROOF_SEALED, PROOF_OPERATOR, PROOF_SESSION };
enum repeat { REPEAT_SAFE, REPEAT_NEVER };

/* What a caller must be allowed. proxy/access/policy.h says who is. Zero is nobody. */
enum permission {
    PERM_NOBODY = 0,
    PERM_ANYBODY, /* nothing is asked: what it gives is public */
    PERM_ENROL,   /* for callers without a certificate alone: what is asked for is proved inside, or public */
    PERM_KNOWN,   /* a registered, unrevoked certificate */
    PERM_SEE_TOKENS, /* as PERM_KNOWN; the answer is filtered by grant */
    PERM_SEE_TOKEN,  /* a grant for the token */
    PERM_USE_TOKEN,  /* a grant, and the proof in the sealed message or the lease */
    PERM_USE_KEY,    /* as PERM_USE_TOKEN, and the grant lets it sign */
    PERM_MAKE_KEY,   /* as PERM_USE_TOKEN, and the grant lets it make keys, and unmake them */
    PERM_WATCH,      /* role operator or auditor, proved by signature */
    PERM_OPERATE,    /* role operator, proved by signature */
    PERM_APPROVE,    /* role operator or officer, proved by signature */
    PERM_CONTRIBUTE, /* role officer, proved by signature */
};

struct method {
    enum method_id id;
    const char *service; /* "Tokens" */
    const char *name;    /* "Sign" */
    const char *path;    /* "/privyseal.v1.Tokens/Sign" */
    enum proof proof;
    enum permission permission;
    enum repeat repeat;
    uint32_t deadline_ms;
    uint32_t request_max;
    uint32_t reply_max;
    const ProtobufCMessageDescriptor *request; /* the method's own, inside its proof */
    const ProtobufCMessageDescriptor *reply;
};

/* Is it for callers without a certificate, and for nobody else? */
static inline bool method_is_anonymous(const struct method *method)
{
    return method->permission == PERM_ENROL;
}

/* The row of @id, which must be < METHODS. Rows are in the order of methods.def. */
const struct method *method_by_id(enum method_id id);
/* NULL: no such method. */
const struct method *method_by_path(const char *path);

/*
 * Which signer a gRPC message wants: the two first bytes of Session.lease or Sealed.challenge. Reads the outer
 * message without unpacking it; believes nothing but bounds. -1: any signer will do.
 */
int method_route(const struct method *method, struct bytes body);
