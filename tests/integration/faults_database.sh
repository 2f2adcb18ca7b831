#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The database of a fleet goes away while applications sign and log in. Who has logged in signs on: a lease lives for a
# minute without a store. Who logs in waits until it is back.
#
#     it crashes              connections end; refused until it is back
#     so do the signers       nobody can sign until it is back: one slow call
#     it freezes              connections stay, and nothing comes
#     the network drops it    packets vanish, in both directions
. "$(dirname "$0")/lib_namespace.sh"
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib_load.sh"
. "$(dirname "$0")/lib_fleet.sh"

away=6 # seconds

crash() {
    crash_postgres
    sleep "$away"
    start_postgres
}

crash_with_signers() {
    local pid
    crash_postgres
    for pid in $(child signer); do kill -9 "$pid"; done
    sleep 3
    start_postgres
}

freeze() {
    local pid all
    pid=$(postgres_pid)
    all=$(pgrep -P "$pid")
    # shellcheck disable=SC2086
    kill -STOP "$pid" $all
    sleep "$away"
    # shellcheck disable=SC2086
    kill -CONT "$pid" $all
}

cut_off() {
    drop tcp dport "$postgres_port" && nft add rule ip wall out tcp sport "$postgres_port" drop
    sleep "$away"
    drop_nothing
}

make_postgres
deploy_fleet
load_user ann
everywhere "$port" "$second_port" ann

# name                                                         Sign   Unlock
during "the database crashes, and comes back after $away s"    1000   12000 crash
during "the database crashes, and so do the signers"          12000   15000 crash_with_signers
during "the database freezes for $away s"                      5000   15000 freeze
if has_network; then
    during "the network to the database is cut for $away s"    5000   15000 cut_off
else
    skip "the network to the database is cut" "network namespaces are not permitted"
fi

both_for_operator
load_records "each signature given has its one record"
check "no login was counted as a wrong PIN" test "$(as operator --json user show ann | jq .failures)" = 0
