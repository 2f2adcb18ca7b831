#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Processes of a fleet die or freeze while applications sign and log in: each sees at most a slow call.
#
#     victim         killed                                  frozen
#     signer         started again, calls repeated           killed after five to eight seconds of silence
#     front          started again, connections made anew    the same; or the other proxy, after an unanswered PING
#     supervisor     its children die with it: whole proxy   nothing, while nothing else happens
#     whole proxy    applications go on at the other         the same; when it goes on, nobody is killed for it
#     its HSM        the same, after two seconds without a signer that is able
#     its audit disk full: the same, at once
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib_load.sh"
. "$(dirname "$0")/lib_fleet.sh"

signal_all() { # SIGNAL NAME: the children called so
    local pid
    for pid in $(child "$2"); do kill "-$1" "$pid"; done
}
is_gone() { ! kill -0 "$1"; }
is_replaced() { # NAME COUNT FORMER...: as many as before, and none of them
    local name=$1 count=$2 pid
    shift 2
    for pid in "$@"; do ! kill -0 "$pid" || return 1; done
    (($(child "$name" | wc -l) == count))
}

kill_thrice() { # NAME
    local former
    for _ in 1 2 3; do
        mapfile -t former < <(child "$1")
        signal_all KILL "$1"
        until_true 10 is_replaced "$1" "${#former[@]}" "${former[@]}" || return
        sleep 0.3
    done
}

kill_all() { # the proxy is not there any more
    kill -9 "$daemon" $([[ $1 == whole ]] && pgrep -P "$daemon")
    wait "$daemon" 2>/dev/null
    until_true 5 eval '! pgrep -f "$server/privyseald.conf"'
}

# The supervisor notices the silence, and starts another.
freeze_child() { # NAME
    local former
    mapfile -t former < <(child "$1")
    signal_all STOP "$1"
    until_true 20 is_replaced "$1" "${#former[@]}" "${former[@]}"
}

freeze_supervisor() {
    kill -STOP "$daemon"
    sleep 3
    kill -CONT "$daemon"
}

# Longer than the supervisor's patience with any child: it must not blame them for what happened to itself as well.
freeze_proxy() {
    local former
    former=$(pgrep -P "$daemon" | sort | xargs)
    kill -STOP "$daemon" $former
    sleep 14
    kill -CONT $former "$daemon"
    sleep 2
    [[ $(pgrep -P "$daemon" | sort | xargs) == "$former" ]] || { echo "were $former, are $(pgrep -P "$daemon" | sort | xargs)"; return 1; }
}

is_first_well() { sed "s/^endpoints = .*/endpoints = localhost:$port/" "$server/operator/pkcs11.conf" >"$server/operator/first.conf" && "$privyseal" --config "$server/operator/first.conf" status; }
lose_hsm() { # of one proxy; SoftHSM's token is its directory
    mv "$server/hsm/tokens" "$server/hsm/away"
    sleep 8
    mv "$server/hsm/away" "$server/hsm/tokens"
    until_true 20 is_first_well
}

can_mount() { [[ $EUID == 0 ]] && mkdir -p "$work/mount" && mount -t tmpfs none "$work/mount" 2>/dev/null && umount "$work/mount"; }
small_disk() { # its audit log lies there from now on
    stop
    mv "$server/audit" "$work/audit" && mkdir "$server/audit" && mount -t tmpfs -o size=4m none "$server/audit" && cp -aT "$work/audit" "$server/audit" && start
}
fill_disk() {
    cat /dev/zero >"$server/audit/ballast" 2>/dev/null
    sleep 6
    rm "$server/audit/ballast"
    until_true 20 is_first_well
}
trap 'stop; umount "$server/audit" 2>/dev/null; stop_second; stop_postgres; finish' EXIT

make_postgres
deploy_fleet
load_user ann
everywhere "$port" "$second_port" ann

during "signers killed, three times" 5000 10000 kill_thrice signer
during "the front killed, three times" 5000 10000 kill_thrice front
during "the supervisor killed" 5000 10000 kill_all alone
check "it comes back" start
during "a whole proxy killed" 5000 10000 kill_all whole
check "it comes back" start
during "signers frozen" 13000 20000 freeze_child signer
during "the front frozen" 8000 15000 freeze_child front
during "the supervisor frozen, and going on" 2000 5000 freeze_supervisor
during "a whole proxy frozen, and going on" 12000 13500 freeze_proxy
during "the HSM of one proxy gone for 8 s" 7000 12000 lose_hsm
if can_mount; then
    check "a proxy's audit log moves to a disk of 4 MiB" small_disk
    during "the disk of one proxy's audit log full for 6 s" 5000 10000 fill_disk
else
    skip "a full disk" "tmpfs cannot be mounted"
fi

both_for_operator
load_records "each signature given has its one record"
check "no login was counted as a wrong PIN" test "$(as operator --json user show ann | jq .failures)" = 0
