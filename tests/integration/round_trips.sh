#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a client's action costs in calls, counted at the server.
. "$(dirname "$0")/lib.sh"

deploy server.log_level=debug
check "a user is enrolled" enroll ann
check "a P-256 key is made" key ann p-256 one
check "an RSA key is made and certified" key ann rsa-2048 two import
export PRIVYSEAL_CONF=$work/ann/pkcs11.conf

# costs METHODS NAME COMMAND...: the calls that the front counted while the command ran, in order
costs() {
    local wanted=$1 name=$2 before methods
    shift 2
    before=$(wc -l <"$server/log")
    "$@" >"$work/output" 2>&1 </dev/null || { report not-ok "$name" "$work/output"; return; }
    sleep 0.2
    methods=$(tail -n +$((before + 1)) "$server/log" | sed -n 's/.*front.call method=\([A-Za-z]*\).*/\1/p' | xargs)
    echo "calls: $methods; wanted: $wanted" >>"$work/output"
    [[ $methods =~ ^($wanted)$ ]] && report ok "$name ($(wc -w <<<"$methods"))" || report not-ok "$name" "$work/output"
}

loop=$PRIVYSEAL_BUILD_ASAN/tests/integration/sign_loop
costs "GetToken" "listing a token is one call" pkcs11-tool --module "$module" -O
costs "GetToken Unlock" "listing with login is two" pkcs11-tool --module "$module" -O --login --pin "$pin"
costs "GetToken Unlock Sign" "one signature in a fresh process" "$loop" "$module" ann "$pin" 1
costs "GetToken Unlock( Sign){10}" "each further signature is one call" "$loop" "$module" ann "$pin" 10
costs "GetToken Unlock" "p11tool logs in four times; it costs one Unlock" \
    p11tool --provider "$module" --set-pin "$pin" --list-all --login "pkcs11:token=ann"

nss=$work/ann/nss
mkdir "$nss"
certutil -N -d "sql:$nss" --empty-password
modutil -force -dbdir "sql:$nss" -add privyseal -libfile "$module" >/dev/null 2>&1
printf '%%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>endobj\ntrailer<</Size 4/Root 1 0 R>>\n%%%%EOF\n' >"$work/a.pdf"
costs "GetToken Unlock Sign Sign" "pdfsig signs a document, twice as it does, in at most five" \
    pdfsig -nssdir "sql:$nss" -nss-pwd "$pin" -kpw "$pin" -add-signature -nick "ann:two" "$work/a.pdf" "$work/b.pdf"

# many_threads: a process whose threads wait for each other unlocks at the other signer too, once, and both sign.
many_threads() {
    local before methods
    before=$(wc -l <"$server/log")
    printf '%s\n' "$pin" >"$work/pin"
    timeout 60 "$PRIVYSEAL_BUILD_ASAN/tests/bench/sign_bench" "$module" ann "$work/pin" rsa 8 1 || return
    sleep 0.2
    methods=$(tail -n +$((before + 1)) "$server/log" | sed -n 's/.*front.call method=\([A-Za-z]*\).*/\1/p' | sort | uniq -c)
    echo "$methods"
    (($(awk '$2 == "Unlock" { print $1 }' <<<"$methods") == 2)) &&
        (($(grep -l '"event":"sign"' "$server"/audit/*.log | wc -l) == 2))
}
check "eight threads use both signers, for one Unlock more" many_threads
