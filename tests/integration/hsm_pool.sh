#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Two HSMs with the same master keys behind one proxy, signatures all the while: one refuses, is pulled out and put back,
# hangs, crashes, is slow. Every signature verifies and has its one record, and no application is started again.
. "$(dirname "$0")/lib.sh"

sick=$PRIVYSEAL_BUILD_ASAN/tests/support/sick_hsm.so
sign_loop=$PRIVYSEAL_BUILD_ASAN/tests/integration/sign_loop
is() { [[ $1 == "$2" ]] || { echo "\"$1\" instead of \"$2\""; return 1; }; }
eventually() { for _ in {1..300}; do "$@" >/dev/null 2>&1 && return 0; sleep 0.1; done; "$@"; }

# ------------------------------------------------------------------------------------- a ceremony, and one more HSM
for officer in olga otto; do "$privyseal" officer key "$work/$officer.key" >/dev/null || bail "no officer's key"; done
init_options=(--quorum 2 --officers "$work/olga.pub,$work/otto.pub")
metrics=127.0.0.1:$(free_port)
deploy "hsm.module=$sick" hsm.hang_ms=1500 hsm.probe_ms=200 server.signers=1 server.partitions=no "metrics.listen=$metrics"
check "a user with a key" eval 'enroll ann && key ann p-256 one'
check "another" eval 'enroll bob && key bob p-256 one'

mkdir -m 755 "$server/hsm/b-slots"
sed 's#hsm/tokens#hsm/b-tokens#' "$server/hsm/softhsm2.conf" >"$server/hsm/b.conf"
printf '\n[hsm.b]\nenvironment = SOFTHSM2_CONF=hsm/b.conf\npin_file = hsm/b-pin\n' >>"$server/privyseald.conf"
add() { "$privyseal" hsm add "$server/privyseald.conf" "$work/add.request" --hsm b "$@"; }
answer() { "$privyseal" officer share --yes --key "$work/$1.key" "$work/add.request" "$work/$1.share"; }
check "the officers are asked to let another HSM have the master keys" add --master-backup "$server/master-backup"
check "both give their shares" eval 'answer olga && answer otto'
check "it is added while the proxy serves" add "$work/olga.share" "$work/otto.share"
check "the proxy starts with both" eval 'stop; start'

# ------------------------------------------------------------------------------------------------------- what is seen
get() { curl -sS --max-time 5 "http://$metrics$1"; }
up() { get /metrics | sed -n "s/^privyseal_hsm_up{.*hsm=\"$1\"} //p"; }
ready() { curl -sS -o /dev/null -w '%{http_code}' --max-time 5 "http://$metrics/readyz"; }
check "both HSMs are up" eventually eval 'is "$(up hsm)$(up hsm.b)" 11'

# --------------------------------------------------------------------------------------------------- load, and illness
# ill HSM WORDS...: from now on; well HSM
ill() { local conf=$server/hsm/$1.conf; shift; printf '%s\n' "$@" >"$conf.new"; chmod 644 "$conf.new"; mv "$conf.new" "$conf.sick"; }
well() { rm -f "$server/hsm/$1.conf.sick"; }
a=softhsm2 b=b

# signatures USER COUNT PAUSE_MS: by one process that logs in once
signatures() { PRIVYSEAL_CONF=$work/$1/pkcs11.conf timeout 120 "$sign_loop" "$module" "$1" "$pin" "$2" "$3"; }
records() { as operator --json audit show --user "$1" --event sign --limit 100000 2>/dev/null | jq '[.[] | select(.result == "OK")] | length'; }
# while_signing NAME COMMAND...: four applications, two on each HSM, sign for three seconds; the command runs after half of one
while_signing() {
    local name=$1 status=0 job
    shift
    for job in 1 2 3 4; do
        signatures $( ((job % 2)) && echo ann || echo bob) 250 10 >"$work/loop$job" 2>&1 &
    done
    sleep 0.7
    "$@" >"$work/faults" 2>&1 || status=1
    for job in $(jobs -p); do [[ $job == "$daemon" ]] || wait "$job" || status=1; done
    cat "$work"/loop? >>"$work/faults"
    if ((status == 0)); then report ok "$name"; else report not-ok "$name" "$work/faults"; fi
    signed=$((signed + 500)) # of each user
    pause=$(sed -n 's/.* took \([0-9]*\) ms/\1/p' "$work"/loop? | sort -n | tail -n 1)
    echo "# the longest pause: $pause ms"
}
signed=0 pause=0

while_signing "an HSM refuses everything, and is well again" eval 'ill $b "fail 0x30"; sleep 1.5; well $b'
check "its signer found it ill" grep -q "hsm.health.*is=ill" "$server/log"
check "it is taken back" eventually eval 'is "$(up hsm)$(up hsm.b)" 11'
while_signing "the other one does" eval 'ill $a "fail 0x30"; sleep 1.5; is "$(up hsm)" 0 && is "$(ready)" 200; well $a'
check "it is taken back" eventually eval 'is "$(up hsm)$(up hsm.b)" 11'
while_signing "an HSM fails now and then" eval 'ill $b "fail 0x30" "one_in 7"; sleep 1.5; well $b'
while_signing "an HSM is pulled out, and put back" eval 'ill $b gone; sleep 1.5; well $b'
check "its session was lost" grep -q "hsm.health.*is=gone" "$server/log"
check "it is taken back" eventually eval 'is "$(up hsm)$(up hsm.b)" 11'
while_signing "a library hangs" eval 'ill $a hang; sleep 3; well $a'
check "its signer is replaced" grep -q "supervisor.hsm_hangs" "$server/log"
check "nobody waited for it much longer than it may hang" test "$pause" -lt 6000
check "it is taken back" eventually eval 'is "$(up hsm)$(up hsm.b)" 11'
while_signing "a library crashes" eval 'ill $b crash; sleep 1.5; well $b'
check "it is taken back" eventually eval 'is "$(up hsm)$(up hsm.b)" 11'
check "its signers did" grep -q "supervisor.gone.*signal=6" "$server/log"
while_signing "an HSM is slow" eval 'ill $a "delay_us 50000"; sleep 1.5; well $a'
check "which was felt" test "$pause" -ge 50
check "every signature has its one record" eval 'is "$(records ann) $(records bob)" "$signed $signed"'

# --------------------------------------------------------------------------------------------------------- without one
ill $b gone
check "without one of the HSMs the proxy starts" eval 'stop; start'
check "and is ready" eventually eval 'is "$(ready)" 200'
check "which one is missing is told" eventually eval 'is "$(up hsm)$(up hsm.b)" 10'
check "top tells it too" eval 'as operator top --once --json >"$work/top" && is "$(jq -r ".proxies[0].hsms_up" "$work/top")" 1/2'
check "it signs" signatures ann 5 0
ill $a gone
check "without any it is not ready" eventually eval 'is "$(ready)" 503'
well $a
check "one that is back is enough" eventually eval 'is "$(ready)" 200'
check "it signs" signatures ann 5 0
well $b

# ------------------------------------------------------------------------------------------------------------- epochs
check "both are well again" eventually eval 'is "$(up hsm)$(up hsm.b)" 11'
epoch() { "$privyseal" epoch "$@" --ca "$server/ca" --server-config "$server/privyseald.conf"; }
# epochs FILTER: of the list, by jq
epochs() { "$privyseal" --json epoch list --server-config "$server/privyseald.conf" | jq -c "$1"; }
# unsigned CONFIG KIND: made by somebody who has the HSM's PIN and no root key
unsigned() { "$privyseald" --config "$1" --provision epoch-new "$2" --to-sign >/dev/null; }
sed -e '/^\[hsm.b\]/,$d' -e 's#softhsm2.conf#b.conf#; s#^pin_file = .*#pin_file = hsm/b-pin#' "$server/privyseald.conf" >"$server/b-alone.conf"

ill $b gone
refuse 1 "an epoch that one of the HSMs cannot take is not made" epoch new Kw
says "--leave-out" && report ok "and what to do is said" || report not-ok "and what to do is said" "$work/output"
well $b
check "it is in none" is "$(epochs '[.[] | select(.epoch > 1)]')" '[]'
ill $b hang
"$privyseald" --config "$server/privyseald.conf" --provision epoch-new Kw --to-sign >/dev/null 2>&1 &
making=$!
check "one waits for an HSM that hangs" within 10 pgrep -P "$making"
member=$(pgrep -P "$making")
kill -9 "$making"
wait "$making" 2>/dev/null
check "who is killed leaves nobody behind" within 10 eval '! kill -0 "$member" 2>/dev/null'
well $b
check "and no key" is "$(epochs '[.[] | select(.epoch > 1)]')" '[]'
unsigned "$server/privyseald.conf" Kw
check "one that ends before the root has signed leaves a key in both" is "$(epochs '[.[] | select(.stranger)] | map([.epoch, .lacking])')" '[[2,[]]]'
unsigned "$server/b-alone.conf" Kw
check "somebody plants one in the second" is "$(epochs '[.[] | select(.epoch == 3)] | map([.stranger, .lacking])')" '[[true,["hsm"]]]'
check "none keeps the signers from starting" eval 'stop; start; eventually eval "is \"\$(up hsm)\$(up hsm.b)\" 11"'
check "nor is used" eval 'key bob p-256 two && is "$(epochs "[.[] | select(.rows > 0 and .kind == \"Kw\") | .epoch]")" "[1]"'
check "the epoch is made again, under a number that is free in both" epoch new Kw
check "both have it" is "$(epochs '[.[] | select(.newest and .kind == "Kw")] | map([.epoch, .lacking])')" '[[4,[]]]'
check "what was given up is removed" eval 'epoch destroy Kw 2 --yes && epoch destroy Kw 3 --yes'
check "nothing else is there" is "$(epochs '[.[] | select(.kind == "Kw")] | map(.epoch)')" '[1,4]'
check "signers start with the new one at both" eval 'stop; start; eventually eval "is \"\$(up hsm)\$(up hsm.b)\" 11"'

ill $b gone
check "an HSM that is ill is left out of the next" epoch new Kx --leave-out b
says "hsm add --hsm" && report ok "and what it needs is said" || report not-ok "and what it needs is said" "$work/output"
well $b
check "which the list shows" is "$(epochs '[.[] | select(.newest and .kind == "Kx")] | map([.epoch, .lacking])')" '[[2,["hsm.b"]]]'
check "the proxy starts" eval 'stop; start'
check "without the HSM that lacks it" eventually eval 'is "$(up hsm)$(up hsm.b)" 10'
check "which is said" grep -q "lacks epoch 2 of Kx.*hsm add" "$server/log"
state_of() { as operator --json status | jq -r ".fleet[] | select(.hsm == \"$1\") | .state"; }
check "status shows it" within 30 eval 'is "$(state_of hsm) $(state_of hsm.b)" "serves failed"'
refuse 1 "and doctor" as operator doctor
says "lacks epoch 2 of Kx" && report ok "with what is to be done" || report not-ok "with what is to be done" "$work/output"
rm -f "$work"/*.share "$work"/add.request*
check "it is brought what it lacks" eval 'add --master-backup "$server/master-backup" && answer olga && answer otto && add "$work/olga.share" "$work/otto.share"'
check "both HSMs are up" eventually eval 'is "$(up hsm)$(up hsm.b)" 11'
check "which status shows" within 30 eval 'is "$(state_of hsm) $(state_of hsm.b)" "serves serves"'
check "both have all" is "$(epochs '[.[].lacking[]]')" '[]'
rm -f "$work"/*.share "$work"/add.request*
check "the officers are asked once more" eval 'add --master-backup "$server/master-backup" && answer olga && answer otto'
refuse 1 "an HSM that lacks nothing is given nothing" add "$work/olga.share" "$work/otto.share"
check "a key is made under the new epoch" key ann rsa-2048 two
check "and signatures are made" signatures ann 5 0
check "an epoch that nothing needs is destroyed in both" epoch destroy Kx 1 --yes
check "and signers start with what is left" eval 'stop; start; eventually eval "is \"\$(up hsm)\$(up hsm.b)\" 11"'
check "an HSM that still had it would say so" bash -c "! grep -q 'hsm.stranger.*kind=Kx' '$server/log'"
