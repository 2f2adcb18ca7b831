# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# lib_fleet.sh - two proxies over one PostgreSQL. Source it after lib.sh; call make_postgres, then deploy_fleet.

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
second_port=$(free_port)
second_daemon=

make_second() {
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

everywhere() { # PORT PORT USER: the user's applications know both proxies, this one first
    sed -i "s/^endpoints = .*/endpoints = localhost:$1 localhost:$2/" "$work/$3/pkcs11.conf"
}

# deploy_fleet [KEY=VALUE...]: both proxies, which know PostgreSQL by its address or as $postgres_host, and an operator who asks either
deploy_fleet() {
    init_options=(--store "postgresql:host=${postgres_host:-127.0.0.1} port=$postgres_port dbname=privyseal user=postgres")
    deploy server.proxy=first "$@"
    make_second
    check "a second proxy serves the same deployment" start_second
}

both_for_operator() {
    sed -i "s/^endpoints = .*/endpoints = localhost:$port localhost:$second_port/" "$server/operator/pkcs11.conf"
}

trap 'stop_second; stop_postgres; finish' EXIT
