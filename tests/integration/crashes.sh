#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# kill -9 of a signer and of the front while an application signs: it sees at most a slow call. And attempts count.
. "$(dirname "$0")/lib.sh"

deploy
check "a user is enrolled" enroll ann
check "a key is made" key ann p-256 one
check "a partition user is enrolled" enroll ben partition
check "a key is made in the partition" key ben p-256 one

signatures() { # USER COUNT: one login, COUNT signatures, in one process; fails with the first that fails
    PRIVYSEAL_CONF=$work/$1/pkcs11.conf timeout 120 "$PRIVYSEAL_BUILD_ASAN/tests/integration/sign_loop" "$module" "$1" "$pin" "$2"
}

while_signing() { # USER VICTIM
    signatures "$1" 400 >"$work/loop" 2>&1 &
    local loop=$! killed=0
    sleep 0.7
    for _ in 1 2 3; do
        for pid in $(child "$2"); do kill -9 "$pid" && killed=$((killed + 1)); done
        sleep 0.8
    done
    if wait $loop && ((killed)); then report ok "$3"; else echo "killed $killed" >>"$work/loop"; report not-ok "$3" "$work/loop"; fi
    sed 's/^/# /' "$work/loop" | tail -n 2
}

while_signing ann "signer" "every signer killed three times: wrapped signing goes on in the same process"
while_signing ann "front" "the front killed three times: signing goes on in the same process"
while_signing ben "signer" "the partition's signer killed three times: partition signing goes on"
check "a new login works at once" signatures ann 3

# Whoever is killed while the daemon starts, once it serves or before, is started again: only its own failure ends all.
interrupted_start() {
    "$privyseald" --foreground --config "$server/privyseald.conf" >>"$server/log" 2>&1 </dev/null &
    daemon=$!
    for _ in 1 2 3; do
        within 10 eval '[[ $(child signer) ]]' || return
        kill -9 $(child signer)
    done
    within 20 as operator status
}
stop
check "signers killed while the daemon starts: it starts" interrupted_start
check "and serves" signatures ann 3

# An attempt is counted before it is checked: kill the signers while wrong PINs are on their way.
before=$(as operator --json user show ann | jq .failures)
printf '000000\n' >"$work/wrong"
for _ in 1 2 3; do
    as ann key generate --pin-file "$work/wrong" >/dev/null 2>&1 &
    attempt=$!
    sleep 0.12
    for pid in $(child signer); do kill -9 "$pid"; done
    wait $attempt
done
sleep 31 # an open reservation becomes a failure
after=$(as operator --json user show ann | jq .failures)
echo "before $before, after $after" >"$work/output"
# Every guess whose check may have happened is counted; a guess that was killed before it arrived is not.
guesses=$(as operator --json audit show --user ann --event unlock | jq '[.[] | select(.result == "PIN_INCORRECT")] | length')
((after - before >= guesses)) && report ok "no guess that was checked went uncounted" || report not-ok "no guess that was checked went uncounted" "$work/output"
check "the logs of killed signers hold together" as operator audit verify

stop
check "after SIGTERM no process is left" test -z "$(pgrep -f "$server/privyseald.conf")"
