#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every command's ways to fail that need no server of ours: usage, numbers, configurations, strange and missing servers, files,
# full disks, no terminal, a terminal and an impatient user. errors.py has the walks.
set -uo pipefail
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
/usr/bin/python3 "$repository/tests/integration/errors.py" "${PRIVYSEAL_BUILD:-$repository/build}/cli/privyseal" \
    "${PRIVYSEAL_BUILD_ASAN:-$repository/build-asan}/cli/privyseal" "$work"
