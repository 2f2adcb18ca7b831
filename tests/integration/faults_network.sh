#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The network between applications and a fleet of two proxies fails them while they sign and log in.
#
#     cut off from one proxy     an unanswered PING, and on to the other; back when it is there again
#     cut off from both          calls wait, within their deadlines, and go on when it is back
#     1 % of packets lost        TCP sends them again
#     80 ms away                 every call takes that long, and nothing else
. "$(dirname "$0")/lib_namespace.sh"
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib_load.sh"
. "$(dirname "$0")/lib_fleet.sh"

cut_off() { # SECONDS PORT...
    local seconds=$1 proxy
    shift
    for proxy in "$@"; do drop tcp dport "$proxy" && drop tcp sport "$proxy" || return; done
    sleep "$seconds"
    drop_nothing
}

lose_some() {
    drop tcp dport "{ $port, $second_port }" numgen random mod 100 == 0 && drop tcp sport "{ $port, $second_port }" numgen random mod 100 == 0 || return
    sleep 8
    nft list ruleset | grep -c drop
    drop_nothing
}

relay() { # TARGET: a relay of 40 ms each way; its port in $relay
    relay=$(free_port)
    echo "delay 40" >"$work/mode"
    : >"$work/accepted"
    /usr/bin/python3 "$repository/tests/support/relay.py" "$relay" "$1" "$work/mode" "$work/accepted" &
    relays+=($!)
    until_true 5 eval "exec 3<>/dev/tcp/127.0.0.1/$relay"
}
relays=()
trap 'kill "${relays[@]}" 2>/dev/null; stop_second; stop_postgres; finish' EXIT

make_postgres
deploy_fleet
load_user ann
everywhere "$port" "$second_port" ann

# name                                                Sign   Unlock
if has_network; then
    during "cut off from one proxy for 8 s"           7000   12000 cut_off 8 "$port"
    during "cut off from both for 5 s"               12000   20000 cut_off 5 "$port" "$second_port"
    during "one packet in a hundred is lost"          5000    8000 lose_some
else
    skip "packets that vanish" "network namespaces are not permitted"
fi
relay "$port"
first=$relay
relay "$second_port"
everywhere "$first" "$relay" ann
during "both proxies are 80 ms away"                  3000    8000 sleep 3

both_for_operator
load_records "each signature given has its one record"
check "no login was counted as a wrong PIN" test "$(as operator --json user show ann | jq .failures)" = 0
