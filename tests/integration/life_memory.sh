#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What the module leaves in its host's memory: no secret in a core dump, nothing lost according to valgrind.
. "$(dirname "$0")/lib.sh"

pin=q7-Wendelstein-40319 # long enough that it stands nowhere by chance
deploy
check "a user is enrolled" enroll ann
check "a P-256 key is made" key ann p-256 one
check "an RSA-2048 key is made" key ann rsa-2048 two
export PRIVYSEAL_CONF=$work/ann/pkcs11.conf
programs=$PRIVYSEAL_BUILD_ASAN/tests/integration/life

# --- a core dump
contains() { # FILE HEX
    /usr/bin/python3 -c 'import sys; sys.exit(bytes.fromhex(sys.argv[2]) not in open(sys.argv[1], "rb").read())' "$@"
}
lacks() { ! contains "$@"; }
hex_of() { od -An -v -tx1 | tr -d ' \n'; }

if [[ $(cat /proc/sys/kernel/core_pattern) == "|"* ]]; then
    skip "a core dump is searched" "the system sends cores to a program"
else
    head -c 32 /dev/urandom | base64 >"$work/marker"
    stretched=$("$programs/stretched" ann "$work/ann/pin" 2>"$work/output") || bail "no S: $(cat "$work/output")"
    mkdir "$work/dump"
    (cd "$work/dump" && ulimit -c unlimited && exec "$programs/dump" "$module" ann "$work/ann/pin" "$work/marker") \
        >"$work/output" 2>&1 &
    wait $! 2>/dev/null
    core=$(find "$work/dump" -name 'core*' | head -n 1)
    check "an application that has logged in and signed leaves a core" test -s "$core"
    check "the core holds what the application planted" contains "$core" "$(hex_of <"$work/marker")"
    check "it does not hold the PIN" lacks "$core" "$(printf %s "$pin" | hex_of)"
    check "nor S, which stands for the PIN" lacks "$core" "$stretched"
    check "nor the first half of S" lacks "$core" "${stretched:0:32}"
    check "nor the second half" lacks "$core" "${stretched:32}"
    rm -f "$core"
fi

# --- leaks
# "definitely lost" is what nobody points to any more; libraries keep much that they still point to.
valgrinded() { # GROUP NAME
    timeout 120 valgrind --quiet --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite \
        --error-exitcode=99 "$programs/cases_plain" run "$1" "$2" "$module" ann "$work/ann/pin"
}
check "valgrind: a life with C_Finalize loses nothing" valgrinded unload leave-nothing
check "valgrind: nor does one without" valgrinded unload exit-without-finalize
check "valgrind: nor one that is closed without C_Finalize and loaded again" valgrinded unload close-without-finalize
check "valgrind: nor one with a forked child" valgrinded fork child-signs
