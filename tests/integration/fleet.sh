#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Two proxies with an HSM each (same master keys) over one PostgreSQL: neither is special. What happens when parts of it
# die is in faults_process.sh and faults_database.sh.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib_fleet.sh"

signatures() { # USER COUNT PAUSE_MS
    PRIVYSEAL_CONF=$work/$1/pkcs11.conf timeout 120 "$PRIVYSEAL_BUILD_ASAN/tests/integration/sign_loop" "$module" "$1" "$pin" "$2" "$3"
}

# ------------------------------------------------------------------------------------------------------------ tests
make_postgres
deploy_fleet
check "a user is enrolled" enroll ann
check "a key is made" key ann p-256 one
check "the second proxy knows the user" second_operator user show ann
everywhere "$port" "$second_port" ann
check "signatures are made over the first" signatures ann 20 0
everywhere "$second_port" "$port" ann
check "and over the second, with the same PIN" signatures ann 20 0

# A guess is a guess, wherever it is made.
printf '000000\n' >"$work/wrong"
everywhere "$port" "$second_port" ann
for _ in 1 2 3; do as ann key generate --pin-file "$work/wrong" >/dev/null 2>&1; done
everywhere "$second_port" "$port" ann
for _ in 1 2; do as ann key generate --pin-file "$work/wrong" >/dev/null 2>&1; done
refuse 4 "three wrong PINs here and two there are five" as ann key generate --pin-file "$work/ann/pin"
check "which both proxies know" test "$(as operator --json user show ann | jq .failures)" = 5
check "an operator clears them at one proxy" second_operator pin unlock ann
everywhere "$port" "$second_port" ann
check "and the user signs at the other" signatures ann 3 0

both_for_operator
check "the logs of both proxies hold together" as operator audit verify
fleet() { as operator --json status | jq -r '[.fleet[] | "\(.proxy) \(.state)"] | join(", ")'; }
check "either proxy tells of both" eval 'everywhere "$port" "$second_port" operator; [[ $(fleet) == *" serves, "*" serves" ]]'
stop_second
