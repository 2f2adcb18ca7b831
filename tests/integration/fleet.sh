#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Two proxies with an HSM each (same master keys) over one PostgreSQL: neither is special, and each part may die under load.
. "$(dirname "$0")/lib.sh"
trap 'stop_second; stop_postgres; finish' EXIT

# ---------------------------------------------------------------------------------------------- a PostgreSQL of ours
programs=$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)
cluster=$(mktemp -d)
as_nobody() { if [[ $EUID == 0 ]]; then setpriv --reuid=nobody --regid=nogroup --clear-groups "$@"; else "$@"; fi; }

start_postgres() {
    (cd "$cluster" && as_nobody "$programs/postgres" -D "$cluster/data" -p "$postgres_port" -k "$cluster" \
        -c listen_addresses=127.0.0.1 >>"$cluster/log" 2>&1 </dev/null) &
    for _ in {1..100}; do
        "$programs/pg_isready" -q -h 127.0.0.1 -p "$postgres_port" && return
        sleep 0.1
    done
    bail "PostgreSQL did not start"
}

make_postgres() {
    postgres_port=$(free_port)
    [[ $EUID == 0 ]] && chown nobody:nogroup "$cluster"
    (cd "$cluster" && as_nobody "$programs/initdb" -D "$cluster/data" -U postgres -A trust --locale=C --no-sync >"$cluster/log" 2>&1) ||
        bail "initdb failed"
    start_postgres
    as_nobody "$programs/createdb" -h 127.0.0.1 -p "$postgres_port" -U postgres privyseal || bail "createdb failed"
}

postgres_pid() { head -n 1 "$cluster/data/postmaster.pid" 2>/dev/null; }

crash_postgres() { # everything of it at once
    local pid
    pid=$(postgres_pid)
    pkill -9 -P "$pid"
    kill -9 "$pid"
    while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
}

stop_postgres() {
    local pid
    pid=$(postgres_pid)
    [[ $pid ]] && kill -QUIT "$pid" 2>/dev/null && while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
    rm -rf "$cluster"
}

# ------------------------------------------------------------------------------------------------- the second proxy
second=$work/second
second_daemon=

make_second() {
    second_port=$(free_port)
    cp -a "$server" "$second"
    rm -rf "$second"/audit/* "$second"/log
    sed -i "s/^listen = .*/listen = 127.0.0.1:$second_port/; s/^proxy = .*/proxy = second/" "$second/privyseald.conf"
}

start_second() {
    "$privyseald" --foreground --config "$second/privyseald.conf" >>"$second/log" 2>&1 </dev/null &
    second_daemon=$!
    for _ in {1..200}; do
        second_operator status >/dev/null 2>&1 && return 0
        sleep 0.1
    done
    return 1
}

stop_second() {
    [[ $second_daemon ]] && kill "$second_daemon" 2>/dev/null && wait "$second_daemon"
    second_daemon=
}

# kill_proxy PID: the supervisor and all of its children
kill_proxy() { # shellcheck disable=SC2046
    kill -9 "$1" $(pgrep -P "$1")
    wait "$1" 2>/dev/null
}

second_operator() {
    sed "s/^endpoints = .*/endpoints = localhost:$second_port/" "$server/operator/pkcs11.conf" >"$server/operator/second.conf"
    "$privyseal" --config "$server/operator/second.conf" "$@"
}

everywhere() { # USER: the user's applications know both proxies, this one's first
    sed -i "s/^endpoints = .*/endpoints = localhost:$1 localhost:$2/" "$work/$3/pkcs11.conf"
}

signatures() { # USER COUNT PAUSE_MS
    PRIVYSEAL_CONF=$work/$1/pkcs11.conf timeout 120 "$PRIVYSEAL_BUILD_ASAN/tests/integration/sign_loop" "$module" "$1" "$pin" "$2" "$3"
}

# while_signing NAME COMMAND...: 400 signatures of one process, each verified; the command runs after a second of them
while_signing() {
    local name=$1 loop
    shift
    signatures ann 400 10 >"$work/loop" 2>&1 &
    loop=$!
    sleep 1
    "$@" >>"$work/loop" 2>&1
    if wait $loop; then report ok "$name"; else report not-ok "$name" "$work/loop"; fi
    sed 's/^/# /' "$work/loop" | tail -n 1
}

# ------------------------------------------------------------------------------------------------------------ tests
make_postgres
init_options=(--store "postgresql:host=127.0.0.1 port=$postgres_port dbname=privyseal user=postgres")
deploy server.proxy=first
make_second
check "a second proxy serves the same deployment" start_second
check "a user is enrolled" enroll ann
check "a key is made" key ann p-256 one
check "the second proxy knows the user" second_operator user show ann
everywhere "$port" "$second_port" ann
check "signatures are made over the first" signatures ann 20 0
everywhere "$second_port" "$port" ann
check "and over the second, with the same PIN" signatures ann 20 0

# A guess is a guess, wherever it is made.
printf '000000\n' >"$work/wrong"
everywhere "$port" "$second_port" ann
for _ in 1 2 3; do as ann key generate --pin-file "$work/wrong" >/dev/null 2>&1; done
everywhere "$second_port" "$port" ann
for _ in 1 2; do as ann key generate --pin-file "$work/wrong" >/dev/null 2>&1; done
refuse 4 "three wrong PINs here and two there are five" as ann key generate --pin-file "$work/ann/pin"
check "which both proxies know" test "$(as operator --json user show ann | jq .failures)" = 5
check "an operator clears them at one proxy" second_operator pin unlock ann
everywhere "$port" "$second_port" ann
check "and the user signs at the other" signatures ann 3 0

while_signing "a whole proxy is killed: its applications sign on at the other" kill_proxy "$daemon"
daemon=
check "it comes back" start
while_signing "the database crashes and comes back: signing under a lease goes on" eval 'crash_postgres; sleep 2; start_postgres'
while_signing "the database crashes, and so do the signers: signing goes on once it is back" \
    eval 'crash_postgres; for pid in $(child signer); do kill -9 $pid; done; sleep 2; start_postgres'
check "nothing of it is special: everything goes on" signatures ann 20 0
sed -i "s/^endpoints = .*/endpoints = localhost:$port localhost:$second_port/" "$server/operator/pkcs11.conf"
check "the logs of both proxies hold together" as operator audit verify
stop_second
