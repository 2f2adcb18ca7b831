#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A PIN's life at a real daemon: changed, mistyped, delayed, unlocked, forgotten and brought back by a code and by officers; reset.
. "$(dirname "$0")/lib.sh"

database=$server/store/privyseal.db
sql() { sqlite3 -cmd ".timeout 5000" "$database" "$@"; }
sign() { as "$1" cert request "$work/out.csr" --key one --subject "/CN=$1" --pin-file "$2"; }
tells() { says "$1" && report ok "... and says \"$1\"" || report not-ok "... and says \"$1\"" "$work/output"; }
code_in() { sed -n 's/.*"recovery_code": "\([^"]*\)".*/\1/p' "$1"; }
request_in() { sed -n 's/.*"request": "\([0-9a-f]*\)".*/\1/p' "$1" | head -n 1; }

# --- officers: keys of their own, certified; and certificates to call with
officer() { # NAME
    mkdir -p "$work/$1"
    "$privyseal" officer key "$work/$1/$1.key" && PRIVYSEAL_CA=$server/ca "$privyseal" officer certify "$work/$1/$1.pub" "$work/$1/$1.pem" &&
        "$privyseal" cert request "$work/$1/device.csr" --device "$work/$1/device.key" &&
        as operator cert issue "$1" "$work/$1/device.csr" "$work/$1/device.pem" --profile officer || return 1
    sed "s/operator\.pem/device.pem/; s/operator\.key/device.key/; s#= \(\.\./\|$server/\)\?tls/root.pem#= $server/tls/root.pem#" \
        "$server/operator/pkcs11.conf" >"$work/$1/pkcs11.conf"
}
deploy
for name in olga otto oskar; do check "$name becomes an officer" officer $name; done
cat "$work"/o*/o*.pem >"$server/tls/officers.pem" && chmod 644 "$server/tls/officers.pem"
set_config recovery.quorum=2
set_config recovery.officers=tls/officers.pem
set_config recovery.delay_hours=0
stop && start || bail "privyseald did not start with officers"

check "ann is enrolled" enroll ann
check "ann has a key with a certificate" key ann p-256 one import
printf '%s\n' 482615 >"$work/new" && printf '%s\n' 915384 >"$work/third" && printf '%s\n' 000111 >"$work/wrong"

# --- what a new PIN must be
printf '%s\n' 123456 >"$work/trivial"
refuse 4 "a sequence is no PIN" as ann pin change --pin-file "$work/ann/pin" --new-pin-file "$work/trivial"
tells "sequence"
check "the PIN is changed" as ann pin change --pin-file "$work/ann/pin" --new-pin-file "$work/new"
refuse 4 "the old one opens nothing" sign ann "$work/ann/pin"
check "the new one does" sign ann "$work/new"

# --- wrong ones
for i in 1 2 3 4 5; do refuse 4 "wrong PIN number $i is wrong" sign ann "$work/wrong"; done
refuse 4 "after five even the right one waits" sign ann "$work/new"
check "an operator clears it; the PIN stays" as operator pin unlock ann
check "and it opens" sign ann "$work/new"

# --- a recovery code, on another device
check "ann makes a recovery code" as ann --json recovery make --pin-file "$work/new"
code_in "$work/output" >"$work/code"
[[ -s $work/code ]] && report ok "... which is shown" || report not-ok "... which is shown" "$work/output"
sql "CREATE TABLE saved_code AS SELECT * FROM access_rows WHERE kind = 1"
mkdir -p "$work/ann2"
"$privyseal" cert request "$work/ann2/device.csr" --device "$work/ann2/device.key" >/dev/null
as operator cert issue ann "$work/ann2/device.csr" "$work/ann2/device.pem" --profile device >/dev/null
cp "$work/ann/pkcs11.conf" "$work/ann2/"
check "the PIN is forgotten: the code sets a new one, on a new device" as ann2 --json pin recover --code-file "$work/code" --new-pin-file "$work/third"
code_in "$work/output" >"$work/code2"
check "the new PIN signs with the old key" sign ann "$work/third"
refuse 4 "the code that was used is void" as ann2 pin recover --code-file "$work/code" --new-pin-file "$work/new"
sql "CREATE TABLE saved_next AS SELECT * FROM access_rows WHERE kind = 1; DELETE FROM access_rows WHERE kind = 1;
     INSERT INTO access_rows SELECT * FROM saved_code"
refuse 1 "put back into the database it is noticed" as ann2 pin recover --code-file "$work/code" --new-pin-file "$work/new"
tells "Something at the server was altered"
sql "DELETE FROM access_rows WHERE kind = 1; INSERT INTO access_rows SELECT * FROM saved_next"

# --- officers
refuse 1 "officers cannot help who did not let them" as ann pin recover --quorum --new-pin-file "$work/new"
check "ann lets them" as ann recovery quorum on --yes --pin-file "$work/third"
check "which shows" as ann --json recovery show
says '"quorum": true' && says olga && report ok "... with their names" || report not-ok "... with their names" "$work/output"
check "ann asks them" as ann --json pin recover --quorum --new-pin-file "$work/new"
request=$(request_in "$work/output")
give() { as "$1" recovery give ann --officer-key "$work/${2:-$1}/${2:-$1}.key" --yes; }
check "olga sees it" as olga recovery list
tells "$request"
check "olga gives her share" give olga
check "one of two is not enough" as ann --json pin recover --quorum --new-pin-file "$work/new"
check "... nothing has changed" sign ann "$work/third"
refuse 5 "olga does not give otto's as well" give olga otto
refuse 5 "an operator gives none" as operator recovery give ann --officer-key "$work/otto/otto.key" --yes
check "otto gives his" give otto
check "ann finishes" as ann --json pin recover --quorum --new-pin-file "$work/new"
tells "recovered"
check "the new PIN signs with the old key" sign ann "$work/new"
refuse 1 "the shares are used up" as ann pin recover --quorum --new-pin-file "$work/third"

# --- reset
sql "CREATE TABLE saved_pin AS SELECT * FROM access_rows WHERE kind = 0"
check "an operator resets ann" as operator --json pin reset ann --yes
activation_code <"$work/output" >"$work/ann/code"
says '"keys_destroyed": 1' && report ok "... and hears what went" || report not-ok "... and hears what went" "$work/output"
refuse 4 "no PIN of before opens anything" sign ann "$work/new"
mkdir -p "$work/ann3"
"$privyseal" cert request "$work/ann3/device.csr" --device "$work/ann3/device.key" >/dev/null
as operator cert issue ann "$work/ann3/device.csr" "$work/ann3/device.pem" --profile device >/dev/null
cp "$work/ann/pkcs11.conf" "$work/ann3/"
check "ann begins anew" as ann3 pin set --code-file "$work/ann/code" --pin-file "$work/third"
refuse 1 "with no key" sign ann3 "$work/third"
sql "DELETE FROM access_rows; INSERT INTO access_rows SELECT * FROM saved_pin"
refuse 1 "the PIN row of before, put back, is noticed" as ann3 key generate --pin-file "$work/new"
tells "Something at the server was altered"

check "what guessing costs is told" as operator --json policy cost --length 8
says '"insider_core_hours"' && report ok "... in core-hours" || report not-ok "... in core-hours" "$work/output"

# --- the waiting periods, and the lock at their end: the clock of everybody is set forward
preload=$(faketime -f +0s env | sed -n 's/^LD_PRELOAD=//p')
later() { # SECONDS from the true time
    stop
    export LD_PRELOAD=$preload FAKETIME="+$1s" FAKETIME_DONT_FAKE_MONOTONIC=1
    start || bail "privyseald did not start in the future"
}
check "bob is enrolled" enroll bob
check "bob has a key" key bob p-256 one
for i in 1 2 3 4 5; do refuse 4 "bob's wrong PIN number $i is wrong" sign bob "$work/wrong"; done
refuse 4 "the right one waits" sign bob "$work/bob/pin"
later 70
refuse 4 "a minute later a sixth may be tried" sign bob "$work/wrong"
says "wrong" && report ok "... which was looked at" || report not-ok "... which was looked at" "$work/output"
later 160
refuse 4 "a minute is not enough after it" sign bob "$work/bob/pin"
later 380
refuse 4 "five are, for a seventh" sign bob "$work/wrong"
later 3500
refuse 4 "nor an hour but a minute after that" sign bob "$work/bob/pin"
later 4000
check "after an hour the right one opens" sign bob "$work/bob/pin"
for i in 1 2 3 4 5; do refuse 4 "and five are free again: number $i" sign bob "$work/wrong"; done
wait_s=4070
for step in 310 3610 3610 3610; do
    later $wait_s
    sign bob "$work/wrong" >/dev/null 2>&1
    wait_s=$((wait_s + step))
done
later $wait_s
refuse 4 "the tenth in a row locks" sign bob "$work/wrong"
tells "locked"
later $((wait_s + 864000))
refuse 4 "ten days later it is locked still" sign bob "$work/bob/pin"
check "until an operator clears it" as operator pin unlock bob
check "then the same PIN opens" sign bob "$work/bob/pin"
