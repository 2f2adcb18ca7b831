/* SPDX-License-Identifier: Apache-2.0 */
/* shamir.c - polynomials over GF(256). */
#include "proto/shamir.h"

#include <errno.h>
#include <string.h>

#define FIELD_REDUCTION 0x1b /* x^8 + x^4 + x^3 + x + 1, without its highest term. FIPS 197 4.2 */

/* Eight doublings and masked additions: the same steps for every pair. */
static uint8_t multiply(uint8_t a, uint8_t b)
{
    uint8_t product = 0;

    for (int bit = 0; bit < 8; bit++) {
        product ^= (uint8_t)(-(b & 1) & a);
        a = (uint8_t)((a << 1) ^ (-(a >> 7) & FIELD_REDUCTION));
        b >>= 1;
    }
    return product;
}

/* a^254, which is 1/a: the group has 255 elements. */
static uint8_t invert(uint8_t a)
{
    uint8_t square = a, inverse = 1;

    for (int bit = 1; bit < 8; bit++) {
        square = multiply(square, square);
        inverse = multiply(inverse, square);
    }
    return inverse;
}

void shamir_share_clear(struct shamir_share *share)
{
    secret_free(share->data);
    *share = (struct shamir_share){ 0 };
}

void shamir_shares_clear(struct shamir_share *shares, size_t count)
{
    for (size_t i = 0; i < count; i++)
        shamir_share_clear(&shares[i]);
}

/* Horner's rule, for all bytes at once: @coefficients are the polynomials' higher ones, by degree, len bytes each. */
static void evaluate(struct bytes secret, const uint8_t *coefficients, unsigned degree, uint8_t x,
                     uint8_t *ret)
{
    memset(ret, 0, secret.len);
    for (unsigned i = degree; i > 0; i--)
        for (size_t at = 0; at < secret.len; at++)
            ret[at] = multiply((uint8_t)(ret[at] ^ coefficients[(i - 1) * secret.len + at]), x);
    for (size_t at = 0; at < secret.len; at++)
        ret[at] ^= secret.data[at];
}

static int make_shares(struct bytes secret, const struct secret *coefficients, unsigned degree,
                       unsigned count, struct shamir_share *ret)
{
    for (unsigned i = 0; i < count; i++) {
        int r = secret_new(secret.len, &ret[i].data);

        if (r < 0)
            return r;
        ret[i].index = (uint8_t)(i + 1);
        evaluate(secret, coefficients ? coefficients->data : NULL, degree, ret[i].index, ret[i].data->data);
    }
    return 0;
}

int shamir_split(struct bytes secret, unsigned threshold, unsigned count, struct shamir_share *ret)
{
    CLEANUP(secret_free) struct secret *coefficients = NULL;
    int r = 0;

    if (secret.len == 0 || threshold == 0 || threshold > count || count > SHAMIR_SHARES_MAX)
        return -EINVAL;
    memset(ret, 0, count * sizeof(*ret));
    if (threshold > 1)
        r = secret_random((threshold - 1) * secret.len, &coefficients);
    if (r == 0)
        r = make_shares(secret, coefficients, threshold - 1, count, ret);
    if (r < 0)
        shamir_shares_clear(ret, count);
    return r;
}

/* Lagrange's factor of share @which for the value at 0; indices are no secret. */
static uint8_t factor_at_zero(const struct shamir_share *shares, size_t count, size_t which)
{
    uint8_t factor = 1;

    for (size_t i = 0; i < count; i++)
        if (i != which)
            factor =
                multiply(factor, multiply(shares[i].index, invert(shares[i].index ^ shares[which].index)));
    return factor;
}

static bool can_join(const struct shamir_share *shares, size_t count)
{
    if (count == 0 || count > SHAMIR_SHARES_MAX)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (shares[i].index == 0 || !shares[i].data || shares[i].data->len != shares[0].data->len)
            return false;
        for (size_t earlier = 0; earlier < i; earlier++)
            if (shares[earlier].index == shares[i].index)
                return false;
    }
    return true;
}

int shamir_join(const struct shamir_share *shares, size_t count, struct secret **ret)
{
    CLEANUP(secret_free) struct secret *secret = NULL;
    int r = can_join(shares, count) ? secret_new(shares[0].data->len, &secret) : -EINVAL;

    if (r < 0)
        return r;
    for (size_t i = 0; i < count; i++) {
        uint8_t factor = factor_at_zero(shares, count, i);

        for (size_t at = 0; at < secret->len; at++)
            secret->data[at] ^= multiply(shares[i].data->data[at], factor);
    }
    *ret = TAKE(secret);
    return 0;
}
