/* SPDX-License-Identifier: Apache-2.0 */
/* access_fixture.h - a store in a directory of its own, an HSM that answers, and people and tokens in it. */
#pragma once

#include "proxy/access/access.h"
#include "tests/support/fake_hsm.h"

#define FIXTURE_NOW_MS INT64_C(1700000000000)

struct fixture {
    char directory[64];
    char url[128];
    struct hsm hsm;
    struct access access;
};

/* The one of a test program; fixture_setup() and fixture_teardown() are a Check fixture. */
extern struct fixture fixture;
void fixture_setup(void);
void fixture_teardown(void);

/* Another process's access to the same store and HSM. Ends with fixture_close(). */
struct access *fixture_open(void);
void fixture_close(struct access *access);
/* From now on every call of the HSM fails, and nothing is known that it said before. */
void fixture_break_hsm(void);
/* A principal with one certificate, whose hash is @number repeated. */
struct caller fixture_caller(const char *name, enum role role, uint8_t number);
/* A token with PIN version 1. */
struct token_row fixture_token(const char *name);
void fixture_grant(const struct caller *caller, struct token_row *token, unsigned bits);
void fixture_enable(struct caller *caller, bool is_enabled);
/* Runs SQL behind everybody's back, as a thief with write access would. */
void fixture_tamper(const char *sql);
