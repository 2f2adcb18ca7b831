#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The database of a fleet goes away while applications sign and log in. Who has logged in signs on: a lease lives for a
# minute without a store, and nobody signs behind a statement that gets no answer (three seconds). Who logs in waits until it is back.
#
#     it crashes              connections end; refused until it is back
#     so do the signers       nobody can sign until it is back: one slow call
#     it freezes              connections stay, and nothing comes
#     the network drops it    packets vanish, in both directions
#     its name is lost, too   it crashes, and the name server says nothing to whoever connects again
. "$(dirname "$0")/lib_namespace.sh"
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib_load.sh"
. "$(dirname "$0")/lib_fleet.sh"

away=6 # seconds

crash() {
    sleep 2 # by then its threads have the leases that they want: each further one is an unlock, which waits
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

name_hangs() {
    timeout 0.5 getent hosts database.test
    (($? == 124))
}

lose_name() {
    echo 127.0.0.1 localhost >"$work/hosts.without"
    /usr/bin/python3 -c 'import socket, time; s = socket.socket(type=socket.SOCK_DGRAM); s.bind(("127.0.0.53", 53)); time.sleep(60)' &
    resolver=$!
    names "$work/hosts.without" 127.0.0.53
    until_true 10 name_hangs || return # else nothing is tried here
    crash_postgres
    sleep "$away"
    start_postgres
    sleep 3 # the resolver is as silent as before
    kill "$resolver"
}

echo 127.0.0.1 localhost database.test >"$work/hosts"
has_names && names "$work/hosts" && postgres_host=database.test
make_postgres
deploy_fleet
load_user ann
everywhere "$port" "$second_port" ann

# name                                                         Sign   Unlock
during "the database crashes, and comes back after $away s"    1000   12000 crash
during "the database crashes, and so do the signers"          12000   15000 crash_with_signers
during "the database freezes for $away s"                      1500   15000 freeze
if has_network; then
    during "the network to the database is cut for $away s"    1500   15000 cut_off
    if has_names; then during "its name server is silent, and it crashes" 1000 12000 lose_name; fi
else
    skip "the network to the database is cut" "network namespaces are not permitted"
fi

both_for_operator
load_records "each signature given has its one record"
check "no login was counted as a wrong PIN" test "$(as operator --json user show ann | jq .failures)" = 0
