/* SPDX-License-Identifier: Apache-2.0 */
/*
 * self_test_attempts.h - what an intruder with the HSM's login would try; what follows from a success stands in the table
 * of self_test.c.
 */
#pragma once

#include "proxy/hsm/self_test_bench.h"

/* self_test_master.c */
attempt_fn self_test_derive_by_ecb, self_test_open_altered, self_test_open_exchanged,
    self_test_read_master_keys, self_test_wrap_master_keys, self_test_use_otherwise, self_test_flip_flags,
    self_test_copy_with_more, self_test_derive_readable, self_test_digest_master_key;
/* self_test_user.c */
attempt_fn self_test_unwrap_extractable, self_test_unwrap_readable, self_test_unwrap_to_stay,
    self_test_unwrap_for_more, self_test_unwrap_as_secret, self_test_unwrap_in_silence,
    self_test_take_unwrapped, self_test_sign_by_another, self_test_steal_at_birth;
