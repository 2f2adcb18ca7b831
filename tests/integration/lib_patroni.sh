# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# lib_patroni.sh - three PostgreSQL servers that Patroni looks after, with etcd, all on the loopback. Source it after
# lib.sh. Times are short, so that a test is: a primary is missed after ttl = 8 s (Patroni's own default is 30).
#
#   make_patroni              starts them, makes the database "privyseal"; $patroni_store is what a proxy is told
#   patroni_primary           the number of the member that leads, if there is one and it is writable
#   patroni_kill MEMBER       its machine loses power
#   patroni_start MEMBER      and has it again
#   stop_patroni

patroni=$(mktemp -d)
patroni_members=(0 1 2)
patroni_programs=$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)
declare -A patroni_pid pg_port rest_port

can_patroni() { command -v patroni etcd >/dev/null && /usr/bin/python3 -c 'import etcd, psycopg2' 2>/dev/null; }

as_nobody() { if [[ $EUID == 0 ]]; then setpriv --reuid=nobody --regid=nogroup --clear-groups "$@"; else "$@"; fi; }

patroni_config() { # MEMBER
    cat <<END
scope: privyseal
name: member$1
restapi: {listen: "127.0.0.1:${rest_port[$1]}", connect_address: "127.0.0.1:${rest_port[$1]}"}
etcd3: {host: "127.0.0.1:$etcd_port"}
bootstrap:
  dcs:
    ttl: 8
    loop_wait: 1
    retry_timeout: 3
    master_start_timeout: 0
    synchronous_mode: true
    postgresql: {use_pg_rewind: true}
  initdb: [{encoding: UTF8}, {locale: C}, no-sync]
  pg_hba: ["host all all 127.0.0.1/32 trust", "host replication all 127.0.0.1/32 trust"]
postgresql:
  listen: "127.0.0.1:${pg_port[$1]}"
  connect_address: "127.0.0.1:${pg_port[$1]}"
  data_dir: $patroni/data$1
  bin_dir: $patroni_programs
  pgpass: $patroni/pgpass$1
  authentication:
    superuser: {username: postgres}
    replication: {username: replicator}
  parameters: {unix_socket_directories: "$patroni", shared_buffers: 16MB, max_connections: 40}
END
}

patroni_start() {
    (cd "$patroni" && exec setsid setpriv --pdeathsig KILL "${patroni_as[@]}" /usr/bin/patroni "$patroni/$1.yml" >>"$patroni/$1.log" 2>&1 </dev/null) &
    patroni_pid[$1]=$!
}

patroni_says() { # MEMBER PATH: whether its REST interface says yes
    /usr/bin/python3 -c 'import sys, urllib.request as u; u.urlopen(f"http://127.0.0.1:{sys.argv[1]}/{sys.argv[2]}", timeout=1)' "${rest_port[$1]}" "$2" 2>/dev/null
}

patroni_primary() {
    local member
    for member in "${patroni_members[@]}"; do
        patroni_says "$member" primary && { echo "$member"; return 0; }
    done
    return 1
}
patroni_is_safe() { # a primary, and a synchronous standby
    local member
    patroni_primary >/dev/null || return
    for member in "${patroni_members[@]}"; do patroni_says "$member" sync && return; done
    return 1
}

await_patroni() { # SECONDS COMMAND...
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null; do
        ((SECONDS < end)) || { tail -n 5 "$patroni"/*.log; return 1; }
        sleep 0.3
    done
}

make_patroni() {
    local member peer
    patroni_as=()
    etcd_port=$(free_port) peer=$(free_port)
    [[ $EUID == 0 ]] && patroni_as=(--reuid=nobody --regid=nogroup --clear-groups) && chown nobody:nogroup "$patroni"
    (cd "$patroni" && exec setpriv --pdeathsig KILL "${patroni_as[@]}" /usr/bin/etcd --data-dir "$patroni/etcd" --unsafe-no-fsync --log-level error \
        --listen-client-urls "http://127.0.0.1:$etcd_port" --advertise-client-urls "http://127.0.0.1:$etcd_port" \
        --listen-peer-urls "http://127.0.0.1:$peer" --initial-advertise-peer-urls "http://127.0.0.1:$peer" \
        --initial-cluster "default=http://127.0.0.1:$peer" >"$patroni/etcd.log" 2>&1 </dev/null) &
    etcd_pid=$!
    await_patroni 20 bash -c "exec 3<>/dev/tcp/127.0.0.1/$etcd_port" 2>/dev/null || bail "etcd did not start"
    for member in "${patroni_members[@]}"; do
        pg_port[$member]=$(free_port) rest_port[$member]=$(free_port)
        patroni_config "$member" >"$patroni/$member.yml"
    done
    for member in "${patroni_members[@]}"; do
        patroni_start "$member"
        await_patroni 30 patroni_primary || bail "Patroni did not start"
    done
    await_patroni 60 patroni_is_safe || bail "no synchronous standby"
    as_nobody "$patroni_programs/createdb" -h 127.0.0.1 -p "${pg_port[$(patroni_primary)]}" -U postgres privyseal || bail "createdb failed"
    patroni_store="postgresql:host=127.0.0.1,127.0.0.1,127.0.0.1 port=${pg_port[0]},${pg_port[1]},${pg_port[2]}"
    patroni_store+=" dbname=privyseal user=postgres target_session_attrs=read-write"
}

# Patroni first: it would start another PostgreSQL.
patroni_kill() {
    local postmaster
    kill -9 "${patroni_pid[$1]}"
    postmaster=$(head -n 1 "$patroni/data$1/postmaster.pid")
    # shellcheck disable=SC2046
    kill -9 "$postmaster" $(pgrep -P "$postmaster")
    wait "${patroni_pid[$1]}" 2>/dev/null
}

stop_patroni() {
    local member
    for member in "${patroni_members[@]}"; do patroni_kill "$member" 2>/dev/null; done
    [[ ${etcd_pid-} ]] && kill -9 "$etcd_pid" && wait "$etcd_pid" 2>/dev/null
    rm -rf "$patroni"
}
trap 'stop_patroni; finish' EXIT
