#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The module in the life of its host's process: fork, exit, dlclose, threads. Each case is a process of its own.
. "$(dirname "$0")/lib.sh"

deploy
check "a user is enrolled" enroll ann
check "a P-256 key is made" key ann p-256 one
check "an RSA-2048 key is made" key ann rsa-2048 two
export PRIVYSEAL_CONF=$work/ann/pkcs11.conf
cases=$PRIVYSEAL_BUILD_ASAN/tests/integration/life/cases

live() { # GROUP NAME SENTENCE
    local program=$cases
    # A forked child finds AddressSanitizer's locks as they were in the parent's other threads.
    [[ $2 == fork-during-calls ]] && program+=_plain
    check "$3" timeout 60 "$program" run "$1" "$2" "$module" ann "$work/ann/pin"
}

live_all() { # GROUP
    while IFS=$'\t' read -r name sentence; do live "$1" "$name" "$sentence"; done < <("$cases" list "$1")
}

live_all fork
live_all unload
live_all threads

check "the audit logs hold together" as operator audit verify
