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

# Two processes of one application: what one does to its login is nothing to the other's.
unlocks() { as operator --json audit show --user ann --event unlock --limit 10000 2>/dev/null | jq '[.[] | select(.result == "OK")] | length'; }
before=$(unlocks)
signatures ann 40 100 >"$work/long" 2>&1 &
long=$!
within 20 eval '(( $(unlocks) == before + 1 ))'
check "while a process is logged in, another of the same user logs in, signs and logs out" signatures ann 3 0
check "the first signs on" wait "$long"
check "under the login that it had" eval '(( $(unlocks) == before + 2 ))'

both_for_operator
check "the logs of both proxies hold together" as operator audit verify
fleet() { as operator --json status | jq -r '[.fleet[] | "\(.proxy) \(.state)"] | join(", ")'; }
check "either proxy tells of both" eval 'everywhere "$port" "$second_port" operator; [[ $(fleet) == *" serves, "*" serves" ]]'
stop_second

# One machine's log, and what the database knows of it, are put back to an older moment, and it goes on from there.
sql() { "$programs/psql" -q -h 127.0.0.1 -p "$postgres_port" -U postgres privyseal -c "$1"; }
verify() { as operator audit verify --state "$work/verified"; }
cp -a "$second/audit" "$work/older"
sql "CREATE TABLE older AS SELECT * FROM audit_heads WHERE proxy = 'second'"
start_second
everywhere "$second_port" "$port" ann
check "signatures are made over the second" signatures ann 5 0
check "all logs are checked, and the check is remembered" verify
stop_second
rm -rf "$second/audit" && mv "$work/older" "$second/audit"
sql "UPDATE audit_heads h SET sequence = o.sequence, hash = o.hash FROM older o WHERE h.proxy = o.proxy AND h.signer = o.signer"
check "a proxy starts with a log that was put back" start_second
check "and signs" signatures ann 8 0
refuse 1 "its log is another branch now, which the next check finds" verify
says "second" && report ok "and names" || report not-ok "and names" "$work/output"
stop_second
