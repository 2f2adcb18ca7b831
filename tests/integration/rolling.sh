#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Restarts and upgrades under load: applications that have logged in once see no call fail, whatever is restarted; those
# with a second factor are asked for no second code.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib_fleet.sh"
trap 'end_applications; release_socket; stop_second; stop_postgres; finish' EXIT

applications=() holder=

application() { # USER PIN
    PRIVYSEAL_CONF=$work/$1/pkcs11.conf "$PRIVYSEAL_BUILD_ASAN/tests/integration/sign_loop" "$module" "$1" "$2" 0 5 >"$work/loop.$1" 2>&1 &
    applications+=($!)
}
# It signs until it is told to end, and has failed when it ended before.
end_application() { kill "$1" 2>/dev/null; wait "$1"; }
end_applications() { for pid in "${applications[@]}"; do end_application "$pid"; done; }

# Processes that come and go, with calls that must not be repeated: one that fails was sent to somebody who left. A token has
# room for so many keys, so each goes again.
make_keys() {
    local i
    for ((i = 0; ; i++)); do
        [[ -e $work/enough ]] && { echo "$i keys"; return; }
        as cat key generate --type p-256 --label "key$i" --pin-file "$work/cat/pin" || return 1
        as cat key delete "key$i" --yes --pin-file "$work/cat/pin" || return 1
    done
}

# under_load [beside-new-processes] NAME COMMAND...: the command, while applications sign; no call of theirs fails
under_load() {
    local status=0 keys=
    rm -f "$work/enough" "$work/made"
    [[ $1 == beside-new-processes ]] && shift && { make_keys >"$work/made" 2>&1 & keys=$!; }
    application ann "$pin"
    sleep 0.7
    "${@:2}" >"$work/output" 2>&1 || status=1
    sleep 0.3
    touch "$work/enough"
    [[ ! $keys ]] || wait "$keys" || { status=1; cat "$work/made" >>"$work/output"; }
    end_application "${applications[-1]}" || status=1
    kill -0 "${applications[0]}" || status=1 # bob's
    cat "$work"/loop.* >>"$work/output"
    ((status == 0)) && report ok "$1" || report not-ok "$1" "$work/output"
    sed 's/^/# /' "$work/loop.ann"
    [[ ! $keys ]] || sed 's/^/# /' "$work/made" | tail -n 1
}

# A code that no login has used; the last is in a file: $(code) is a process of its own.
code() {
    local now
    while now=$(oathtool --totp --base32 "$seed"); [[ $now == "$(cat "$work/last_code" 2>/dev/null)" ]]; do sleep 0.5; done
    printf '%s' "$now" | tee "$work/last_code"
}
totp() { # bob's second factor; sets $seed
    mkfifo "$work/confirm"
    as bob factor add totp --pin-file "$work/bob/pin" --confirm-file "$work/confirm" >"$work/shown" 2>&1 &
    local adding=$!
    for _ in {1..100}; do grep -q ^otpauth: "$work/shown" && break; sleep 0.1; done
    seed=$(sed -n 's/^otpauth:.*secret=\([A-Z2-7]*\).*/\1/p' "$work/shown")
    code >"$work/confirm"
    wait $adding
}

children() { pgrep -P "$1" | sort; }
renewals() { grep -c supervisor.renewed "$1"; }
# hand_over PID LOG: SIGUSR2; done when every child is a new one
hand_over() {
    local former count
    former=$(children "$1") count=$(renewals "$2")
    kill -USR2 "$1"
    for _ in {1..300}; do
        (($(renewals "$2") > count)) && break
        sleep 0.1
    done
    [[ -z $(comm -12 <(echo "$former") <(children "$1")) ]]
}
restart() { stop && start; }
restart_second() { stop_second && start_second; }

release_socket() { [[ $holder ]] && kill "$holder" && wait "$holder"; holder=; }
hold_socket() { # starts the daemon under somebody who holds its socket
    python3 "$repository/tests/support/held_socket.py" "$port" "$work/held" "$privyseald" --foreground \
        --config "$server/privyseald.conf" >>"$server/log" 2>&1 </dev/null &
    holder=$!
    for _ in {1..200}; do as operator status >/dev/null 2>&1 && return; sleep 0.1; done
    return 1
}
held() { cat "$work/held"; }
restart_held() { # as systemctl restart with a socket unit
    local former
    former=$(held)
    kill "$former"
    while [[ $(held) == "$former" ]]; do sleep 0.05; done
    as operator status # waits in the backlog until it is served
}

make_postgres
init_options=(--store "postgresql:host=127.0.0.1 port=$postgres_port dbname=privyseal user=postgres")
deploy server.proxy=first notice.command=/bin/true notice.user=64303
for user in ann bob cat; do
    enroll $user || bail "no user"
    # New processes know the second proxy when there is one: they give the first more time where it is the only one.
    [[ $user == cat ]] || everywhere "$port" "$second_port" $user
done
key ann p-256 one && key bob p-256 one || bail "no keys"
check "a second factor is in force" totp
application bob "$pin,$(code)" # one login for all that follows

# --- one proxy
former=$daemon
under_load beside-new-processes "the daemon hands over to a new program: no call fails" hand_over "$daemon" "$server/log"
check "it is the same process" kill -0 "$former"
cp "$server/privyseald.conf" "$work/good.conf"
set_config server.signers=3
check "again, with a changed configuration" hand_over "$daemon" "$server/log"
check "which is in force" test "$(child signer | wc -w)" = 4
set_config server.signers=none
former=$(children "$daemon")
kill -USR2 "$daemon"
for _ in {1..100}; do grep -q 'supervisor.handover.*serving=former' "$server/log" && break; sleep 0.1; done
check "a configuration that does not do is refused" grep -q 'supervisor.handover.*serving=former' "$server/log"
check "and changes nothing" test "$(children "$daemon")" = "$former"
cp "$work/good.conf" "$server/privyseald.conf"
under_load "the daemon is restarted: no call of those who are there fails" restart
stop
check "somebody holds the listening socket, as systemd does" hold_socket
under_load beside-new-processes "the daemon is restarted behind it: no call fails" restart_held
under_load beside-new-processes "and hands over" hand_over "$(held)" "$server/log"
release_socket
start || bail "no start"

# --- two proxies
make_second
start_second || bail "no second proxy"
everywhere "$port" "$second_port" cat
rolling() { restart && restart_second; }
under_load beside-new-processes "both proxies are restarted, one after the other: no call fails" rolling
rolling_over() { hand_over "$daemon" "$server/log" && hand_over "$second_daemon" "$second/log"; }
under_load beside-new-processes "both hand over, one after the other: no call fails" rolling_over

check "who logged in with a code at the start has signed all the time" end_application "${applications[0]}"
sed 's/^/# /' "$work/loop.bob"
sed -i "s/^endpoints = .*/endpoints = localhost:$port localhost:$second_port/" "$server/operator/pkcs11.conf"
check "the logs hold together" as operator audit verify
