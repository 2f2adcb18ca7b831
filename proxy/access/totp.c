/* SPDX-License-Identifier: Apache-2.0 */
/* totp.c - liboath makes the codes; they are compared here, all of them and in constant time. */
#include "proxy/access/totp.h"

#include <errno.h>
#include <liboath/oath.h>

#include "include/secret.h"

static int is_code_of_step(struct bytes seed, struct bytes code, uint64_t step, bool *ret)
{
    char right[TOTP_DIGITS + 1];
    int r = oath_hotp_generate((const char *)seed.data, seed.len, step, TOTP_DIGITS, false,
                               OATH_HOTP_DYNAMIC_TRUNCATION, right);

    if (r == OATH_OK)
        *ret = secret_equal(code, BYTES(right, TOTP_DIGITS));
    secret_wipe(right, sizeof(right));
    return r == OATH_OK ? 0 : -EIO;
}

int totp_find_step(struct bytes seed, struct bytes code, int64_t now_ms, unsigned window, uint64_t last_step,
                   uint64_t *ret_step)
{
    uint64_t now = (uint64_t)now_ms / 1000 / TOTP_STEP_S, found = 0;

    if (now < window)
        return -EIO; /* a clock that stands in 1970 */
    for (uint64_t step = now + window; step >= now - window; step--) {
        bool is_right = false;
        int r = is_code_of_step(seed, code, step, &is_right);

        if (r < 0)
            return r;
        if (is_right && step > last_step)
            found = step;
    }
    *ret_step = found;
    return 0;
}
