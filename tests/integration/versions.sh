#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Two versions of the programs at one deployment: PRIVYSEAL_OTHER_BUILD names a build directory of an older version (of
# the same schema), made with -Dtests=false. Today's module and command line with the older proxy; the older proxy hands
# over to today's while applications of both versions sign; the older module and command line with today's proxy.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
today=$build
other=${PRIVYSEAL_OTHER_BUILD-}
[[ $other ]] || { skip "two versions" "PRIVYSEAL_OTHER_BUILD names no other one"; exit 0; }
sign_loop=$PRIVYSEAL_BUILD_ASAN/tests/integration/sign_loop

client_of() { privyseal=$1/cli/privyseal module=$1/module/privyseal-pkcs11.so; } # for as() and what builds upon it
sign() { PRIVYSEAL_CONF=$work/ann/pkcs11.conf "$sign_loop" "$module" ann "$pin" "$@"; }
ann() { as ann "$@" --pin-file "$work/ann/pin"; }
sign_by_tool() {
    PRIVYSEAL_CONF=$work/ann/pkcs11.conf pkcs11-tool --module "$module" --login --pin "$pin" --sign \
        --mechanism SHA256-RSA-PKCS --input-file "$0" --output-file "$work/signature"
}

# understood NAME WHO: each service is called by the client that is in use; what it makes is called NAME
understood() {
    local name=$1 who=$2
    check "$who: the token is shown" as ann token show
    check "$who: P-256 signs" sign 5
    check "$who: RSA signs" sign_by_tool
    check "$who: a key is made, and certified" key ann p-256 "$name" import
    check "$who: and deleted" ann key delete "$name" --yes
    check "$who: a key that decrypts is made" ann key generate --type rsa-2048 --usage decrypt --label "$name"
    check "$who: the PIN is changed" ann pin change --new-pin-file "$work/ann/pin"
    check "$who: a recovery code is made" ann recovery make
    check "$who: devices are listed" ann device list
    check "$who: a device code is made" ann device code
    check "$who: second factors are listed" as ann factor list
    check "$who: records of one's own are proved" ann audit mine
    check "$who: a user is added, and sets a PIN" enroll "$name"
    check "$who: is listed" as operator user show "$name"
    check "$who: gets a policy" as operator policy set "$name" idle_ms=60000
    check "$who: a group" as operator group add "$name"
    check "$who: is deleted" as operator user delete "$name" --yes
    check "$who: certificates are listed" as operator cert list
    check "$who: operators are listed" as operator operator list
    check "$who: requests are listed" as operator request list
    check "$who: numbers are shown" as operator top --once
    check "$who: the logs hold together" as operator audit verify
}

# hand_over: the older program's place is taken while one application of each version signs
hand_over() {
    local applications=() application status=0 versions=("$today" "$other") i
    for i in 0 1; do
        PRIVYSEAL_CONF=$work/ann/pkcs11.conf "$sign_loop" "${versions[i]}/module/privyseal-pkcs11.so" ann "$pin" 0 10 >"$work/loop.$i" 2>&1 &
        applications+=($!)
    done
    sleep 1
    cp "$today/proxy/privyseald" "$work/bin/new" && mv "$work/bin/new" "$work/bin/privyseald"
    kill -USR2 "$daemon"
    within 20 grep -q supervisor.renewed "$server/log" || status=1
    sleep 0.5
    for application in "${applications[@]}"; do
        kill "$application" || status=1
        wait "$application" || status=1
    done
    cat "$work"/loop.*
    return $status
}

client_of "$other"
mkdir "$work/bin" && cp "$other/proxy/privyseald" "$work/bin/" || bail "no older program"
privyseald=$work/bin/privyseald
init_options=(--enrolment-listen "127.0.0.1:$(free_port)")
deploy
enroll ann && key ann rsa-2048 first && key ann p-256 second || bail "no user"
client_of "$today"
understood today "today's client, older proxy"
check "the older proxy hands over to today's, and no call of either client fails" hand_over
client_of "$other"
understood older "older client, today's proxy"
client_of "$today"
check "today's client goes on" sign 5
