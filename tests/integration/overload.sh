#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# overload.sh [SECONDS [CONNECTIONS]]: a slow HSM, one signer, and clients that ask for up to ten times what it can do (default: 3 s each).
#
# The HSM takes 20 ms for a signature, so about 50 a second is all there is. The generator (tests/bench/open_loop.c) does not wait for
# answers before it asks again. Its figures are printed, its processor time among them. Last, so many connections (default: 1000) that say
# nothing, from a process of their own, and what they cost the front.
. "$(dirname "$0")/lib.sh"

seconds=${1:-3}
idle=${2:-1000}
deadline=1000
idle_most_kib=64 # each
open_loop=$PRIVYSEAL_BUILD_ASAN/tests/bench/open_loop
figures=$work/figures

# load NAME USER CONNECTIONS RATE SECONDS: one line of figures, in the file of that name
load() {
    "$open_loop" "$work/$2/pkcs11.conf" "$work/$2/pin" "$3" "$4" "$5" $deadline >"$figures.$1" 2>"$figures.$1.err"
}
figures_of() { for name in "$@"; do sed "s/^/# $name: /" "$figures.$name" "$figures.$name.err"; done; }
figure() { sed -n "s/.*\b$2=\([0-9.]*\).*/\1/p" "$figures.$1"; }
# holds EXPRESSION, in awk
holds() { awk "BEGIN { exit !($1) }" || { echo "not so: $1"; false; }; }
# exported NAME: the value of a number of the front's
exported() { curl -s "http://127.0.0.1:$metrics/metrics" | sed -n "s/^privyseal_$1{.*} //p"; }
served_share() { holds "$(figure "$1" served) >= $2 * $(figure "$1" offered)"; }

metrics=$(free_port)
deploy server.signers=1 "metrics.listen=127.0.0.1:$metrics"
enroll ann && key ann p-256 one && enroll ben && key ben p-256 one || bail "no users with keys"
stop
cp "$PRIVYSEAL_BUILD_ASAN/tests/support/sick_hsm.so" "$server/hsm/"
chmod 755 "$server/hsm/sick_hsm.so"
set_config hsm.module=hsm/sick_hsm.so
start || bail "privyseald did not start with the slow HSM"
echo delay_us 20000 >"$server/hsm/softhsm2.conf.sick"

# Shares of a busy machine change from second to second: what holds, holds in one of three tries, and what does not, in none.
in_three_tries() { "$@" || "$@" || "$@"; }

ten_times() {
    load full ann 10 50 "$seconds"
    load double ann 10 100 "$seconds"
    load tenfold ann 100 500 "$seconds"
    peak=$(for name in half full double; do figure $name goodput; done | sort -n | tail -n 1)
    holds "$(figure tenfold goodput) >= 0.9 * $peak"
}

# ann asks for ten times what there is over a hundred connections; ben wants a fifth of it, over one.
beside_a_greedy_one() {
    load greedy ann 100 500 "$((seconds + 2))" &
    sleep 1
    load modest ben 1 10 "$seconds"
    wait $!
    served_share modest 0.95
}

load half ann 10 25 "$seconds"
check "half of what can be done is all done" served_share half 0.98
check "at ten times capacity goodput is at least 90 % of its peak" in_three_tries ten_times
figures_of half full double tenfold
for name in half full double tenfold; do
    check "p99 of what is served is within the deadline ($name)" holds "$(figure $name p99_ms) <= $deadline"
    check "nothing fails in another way than being refused ($name)" holds "$(figure $name failed) == 0"
done
check "at ten times capacity most are refused, and few find out by waiting" holds "$(figure tenfold expired) < 0.05 * $(figure tenfold refused)"
check "the refusals are counted" holds "$(exported front_refused_late_total) >= 0.9 * $(figure tenfold refused)"
check "nothing waits any more" holds "$(exported front_waiting) == 0"

check "a modest client is served beside a greedy one with a hundred connections" in_three_tries beside_a_greedy_one
figures_of greedy modest
check "and in a fraction of the deadline" holds "$(figure modest p50_ms) <= $deadline / 2"
check "the greedy one gets what is left" holds "$(figure greedy goodput) >= 0.5 * $peak"

# Private memory of the front, in KiB: what it alone costs.
front_kib() { awk '/^Private/ { kib += $2 } END { print kib }' "/proc/$front/smaps_rollup"; }
connected() { for _ in {1..50}; do (($(exported front_connections) >= $1)) && return; sleep 0.1; done; false; }
gone() { for _ in {1..100}; do (($(exported front_connections) < 100)) && return; sleep 0.1; done; false; }

front=$(child front)
before=$(front_kib)
coproc clients { exec "$PRIVYSEAL_BUILD_ASAN/tests/bench/idle_connections" "$port" "$work/ann/device.pem" "$work/ann/device.key" "$server/tls/root.pem" "$idle"; }
client=$clients_PID
read -r -t 600 word <&"${clients[0]}"
check "$idle clients are connected and silent" test "$word" = ready
check "the front holds them all" connected "$idle"
each=$((($(front_kib) - before + idle - 1) / idle))
echo "# a silent connection costs the front $each KiB"
check "each costs it at most $idle_most_kib KiB" test $each -le $idle_most_kib
check "others are served as before" as ben token show
kill "$client"
check "and when they go, their places are free" gone
