#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Epochs of the HSM's master keys: new ones while users sign, old ones until nothing needs them, and then no more.
. "$(dirname "$0")/lib.sh"

deploy
config=(--server-config "$server/privyseald.conf")
epoch() { "$privyseal" --json epoch "$1" "${@:2}" "${config[@]}"; }
# rows KIND EPOCH: how many need it
rows() { epoch list | tr -d ' \n' | grep -o "{\"kind\":\"$1\",\"epoch\":$2,[^}]*}" | grep -o '"rows":[0-9]*' | cut -d: -f2; }
is() { [[ $1 == "$2" ]] || { echo "\"$1\" instead of \"$2\""; return 1; }; }
# signs LABEL: a request that only ann's key can sign, checked with its own public key
signs() {
    as ann cert request "$work/request.pem" --key "$1" --pin-file "$work/ann/pin" &&
        openssl req -in "$work/request.pem" -verify -noout 2>&1 | grep -q OK
}
signers() { child signer | sort | tr '\n' ' '; }
# renew: the signers one after the other, by SIGHUP; done when none is one of before
renew() {
    local before after pid
    before=$(signers)
    kill -HUP "$daemon"
    for _ in {1..200}; do
        sleep 0.1
        after=$(signers)
        for pid in $before; do [[ " $after " == *" $pid "* ]] && continue 2; done
        [[ $(wc -w <<<"$after") == $(wc -w <<<"$before") ]] && sleep 1 && return 0
    done
    return 1
}

enroll ann
key ann p-256 old
check "a key is made under the first epoch" is "$(rows Kw 1)" 1
check "the newest epoch is never destroyed" bash -c "! '$privyseal' epoch destroy Kw 1 --yes ${config[*]}"
check "an operator's machine has no say: another directory is no deployment" bash -c \
    "! '$privyseal' epoch list --server-config '$work/none.conf'"
refuse 1 "salts, checks and MACs have one epoch for ever" epoch new Ksalt

check "a second epoch of Kw is made while the daemon runs" epoch new Kw
check "the key of the first signs on" signs old
(
    for _ in {1..25}; do signs old >"$work/loop.log" 2>&1 || { cp "$work/loop.log" "$work/failed"; }; done
) &
loop=$!
check "SIGHUP replaces the signers one by one" renew
wait $loop
check "... and no signature fails" test ! -e "$work/failed"
check "the key of the first epoch signs after it" signs old
as ann key generate --type p-256 --label new --pin-file "$work/ann/pin" >/dev/null
check "a new key is under the second" is "$(rows Kw 2)" 1
check "... and signs" signs new
refuse 1 "an epoch that a key needs is not destroyed" epoch destroy Kw 1 --yes
says "need epoch 1 of Kw" && report ok "... and the refusal says why" || report not-ok "... and the refusal says why" "$work/output"
check "destroying asks first" bash -c "! '$privyseal' epoch destroy Kw 1 ${config[*]} </dev/null"
as ann key delete old --yes --pin-file "$work/ann/pin" >/dev/null
check "after the last key it is" epoch destroy Kw 1 --yes
listing() { (cd "$1" && find "$(ls "$server/hsm/tokens")" -name '*.object' | sort); }
check "the partition signer's copy of the token lacks it, too" is "$(listing "$server/hsm/tokens")" "$(listing "$server/hsm/partitions")"
check "the other key signs on" signs new
check "... also with new signers" renew
check "... and after them" signs new

check "the user has a recovery code" as ann recovery make --pin-file "$work/ann/pin"
check "a second epoch of Kd is made" epoch new Kd
renew
check "the user's rows move to it with the next login" signs new
epoch list --json >"$work/epochs"
check "but for the code, which the list names" jq -e '.. | objects | select(.kind == "Kd" and .epoch == 1) | .held_by == "1 recovery codes"' "$work/epochs"
refuse 1 "it holds the epoch" epoch destroy Kd 1 --yes
cp "$work/output" "$work/held"
check "... which the refusal says" grep -q "1 recovery codes" "$work/held"
check "the user makes another" as ann recovery make --pin-file "$work/ann/pin"
check "none needs the first any more" is "$(rows Kd 1)" 0
check "which is then destroyed" epoch destroy Kd 1 --yes
renew
check "the key signs with the second alone" signs new
check "a wrong PIN is a wrong PIN still" bash -c "echo 111111 >'$work/wrong'; ! '$privyseal' --config '$work/ann/pkcs11.conf' \
    cert request /dev/null --key new --pin-file '$work/wrong'"

refuse 2 "a sealing key without a certificate is not made" epoch new Kseal
check "with its issuer it is" epoch new Kseal --ca "$server/ca"
renew
check "clients seal to the new one" signs new
check "an operator does" as operator status
