#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Another library than SoftHSM: opencryptoki's soft token, which locks its PIN and takes none of more than 8 characters.
# It is loaded by its path, and refused in words before anything of it is changed: S is never shortened.
#
# Daemon and library know one place each for data, locks, socket and shared memory. So this runs in namespaces of its own
# (mounts, IPC), where those places are directories of the test's and the group is root's; nothing of the system is touched.
. "$(dirname "$0")/lib.sh"

library=$(find /usr/lib -path '*/pkcs11/libopencryptoki.so' 2>/dev/null | head -n 1)
without() { skip "a token with short PINs is refused" "$1"; exit 0; }
[[ $library ]] && command -v pkcsslotd >/dev/null || without "opencryptoki is not installed"
if [[ ! ${IN_NAMESPACE-} ]]; then
    ((EUID == 0)) && unshare --mount --ipc true 2>/dev/null || without "namespaces need root"
    rm -rf "$work"
    IN_NAMESPACE=1 exec unshare --mount --ipc "$0"
fi

# --- the places that are compiled in
place() { mkdir -p "$2" && mount --bind "$work/$1" "$2"; }
mkdir -p "$work"/{data/swtok/TOK_OBJ,lock/swtok,run,conf}
{ grep -v '^pkcs11:' /etc/group; echo 'pkcs11:x:0:root'; } >"$work/group"
printf 'version opencryptoki-3.1\nslot 0\n{\nstdll = libpkcs11_sw.so\n}\n' >"$work/conf/opencryptoki.conf"
mount --bind "$work/group" /etc/group && place run /run && place lock /run/lock/opencryptoki && place data /var/lib/opencryptoki &&
    place conf /etc/opencryptoki && mount -t tmpfs none /dev/shm || bail "the places could not be made"
timeout 20 pkcsslotd >/dev/null 2>&1 || without "pkcsslotd does not start here"
slots=$(cat /run/pkcsslotd.pid) # ours to end
state() { timeout 20 pkcs11-tool --module "$library" --list-slots 2>/dev/null; }
for _ in {1..50}; do state | grep -q uninitialized && break; sleep 0.1; done
state | grep -q uninitialized || bail "the soft token does not show itself"

before=$(state)
refuse 1 "a token with short PINs is refused" "$privyseal" init "$server" --realm test --listen 127.0.0.1:1 \
    --hsm-module "$library" --allow-software-hsm
if says "a PIN of 43 characters, 256 bits, is never shortened"; then report ok "in a sentence"; else report not-ok "in a sentence" "$work/output"; fi
check "the token is as it was" test "$(state)" = "$before"
check "no PIN is left behind" test ! -e "$server/hsm/pin"
kill "$slots"
for _ in {1..50}; do kill -0 "$slots" 2>/dev/null || break; sleep 0.1; done
umount -l /run/lock/opencryptoki # lies in what is removed now
