/* SPDX-License-Identifier: Apache-2.0 */
/* capture.h - what a hostile front can keep: every message that passed through it, and its answer. */
#pragma once

#include "tests/loopback/deployment.h"

#define CAPTURES_MAX 256

struct capture {
    const struct method *method;
    uint8_t certificate_hash[HASH_LEN];
    struct buffer request;
    struct channel_reply reply;
};

struct captures {
    struct capture rows[CAPTURES_MAX];
    size_t count;
};

/* A hook that keeps everything. */
struct front_hook capture_hook(struct captures *captures);
void captures_clear(struct captures *captures);
/* The newest of a method. Fails the test when there is none. */
const struct capture *captures_last(const struct captures *captures, enum method_id method);
