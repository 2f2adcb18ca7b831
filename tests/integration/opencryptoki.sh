#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Another library than SoftHSM: opencryptoki's soft token, whose PINs end at 8 characters. It is loaded by its path, and
# refused in words before anything of it is changed. Its daemon needs root and has no data directory but the system's.
. "$(dirname "$0")/lib.sh"

library=$(ls /usr/lib/*/opencryptoki/libopencryptoki.so 2>/dev/null | head -n 1)
without() { skip "a token with short PINs is refused" "$1"; exit 0; }
[[ $library ]] && command -v pkcsslotd >/dev/null || without "opencryptoki is not installed"
((EUID == 0)) || without "pkcsslotd needs root"
if ! pgrep -x pkcsslotd >/dev/null; then
    timeout 20 pkcsslotd >/dev/null 2>&1 || without "pkcsslotd does not start here"
    slots=$(pgrep -x pkcsslotd) # ours to end
fi
state() { timeout 20 pkcs11-tool --module "$library" --list-slots 2>/dev/null; }
state | grep -q uninitialized || without "the soft token is in use"

before=$(state)
refuse 1 "a token with short PINs is refused" "$privyseal" init "$server" --realm test --listen 127.0.0.1:1 \
    --hsm-module "$library" --allow-software-hsm
if says "a PIN of 43 characters, 256 bits, is never shortened"; then report ok "in a sentence"; else report not-ok "in a sentence" "$work/output"; fi
check "the token is as it was" test "$(state)" = "$before"
check "no PIN is left behind" test ! -e "$server/hsm/pin"
[[ ! ${slots-} ]] || kill "$slots"
