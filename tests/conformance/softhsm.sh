#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The conformance checks and clients against a SoftHSM token: they must work where the module is not ours.
root=$(cd "$(dirname "$0")/../.." && pwd)
p11check=${PRIVYSEAL_BUILD:-$root/build}/conformance/checks/p11check
[[ -x $p11check ]] && export P11CHECK=$p11check
exec "$root/conformance/run" --format tap
