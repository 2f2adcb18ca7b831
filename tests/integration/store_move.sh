#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A deployment on SQLite moves to PostgreSQL while people sign and log in. The command is killed at each step before: the
# former store stays in service, whole. Then it is let through, and no application notices more than a slow login.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib_load.sh"
. "$(dirname "$0")/lib_fleet.sh"

sign_loop=$PRIVYSEAL_BUILD_ASAN/tests/integration/sign_loop
conf=$server/privyseald.conf
move() { "$privyseald" --config "$conf" --provision migrate-store "$url"; }
wrong_pin() { ! PRIVYSEAL_CONF=$work/$1/pkcs11.conf "$sign_loop" "$module" "$1" 000000 1 0; }
failures() { as operator --json user show "$1" | jq .failures; }
database() { as_nobody "$programs/psql" -qAt -h 127.0.0.1 -p "$postgres_port" -U postgres -d privyseal "$@"; }
is() { [[ $1 == "$2" ]] || { echo "\"$1\" instead of \"$2\""; return 1; }; }

make_postgres
deploy
url="postgresql:host=127.0.0.1 port=$postgres_port dbname=privyseal user=postgres"
load_user ann
check "another user is enrolled" enroll bob
check "and mistakes the PIN twice" eval 'wrong_pin bob && wrong_pin bob'

# ------------------------------------------------------------------------------------------- what holds it up, where
# block DATABASE-TABLE: nobody else touches it
block() {
    database -c "BEGIN; LOCK TABLE $1; SELECT pg_sleep(60)" >/dev/null 2>&1 &
    until_true 10 eval '[[ $(database -c "SELECT count(*) FROM pg_locks WHERE granted AND mode = '"'AccessExclusiveLock'"'") -ge 1 ]]'
}
unblock() { database -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()" >/dev/null; }
waits_for_block() { [[ $(database -c "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") -ge 1 ]]; }

# hold_writes: nobody writes to the SQLite file until "go_on"
hold_writes() {
    rm -f "$work/held"
    /usr/bin/python3 -c 'import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=20)
db.execute("BEGIN IMMEDIATE")
open(sys.argv[2], "w").close()
time.sleep(60)' "$server/store/privyseal.db" "$work/held" &
    holder=$!
    until_true 20 test -e "$work/held"
}
go_on() { kill "$holder"; wait "$holder" 2>/dev/null; }

start_move() { "$privyseald" --config "$conf" --provision migrate-store "$url" >"$work/move" 2>&1 </dev/null & mover=$!; }
kill_move() { kill -9 "$mover" 2>/dev/null; wait "$mover" 2>/dev/null; }
has_successor() { grep -q '^successor = postgresql:' "$conf"; }

# whole NAME: the former store is the store, and writes go there
keys=0
whole() {
    keys=$((keys + 1))
    check "$1: the former store is in service" eval 'cat "$work/move"; grep -q "^url = sqlite:" "$conf" && key ann p-256 "key $keys"'
}

load_start ann
until_true 30 load_runs

# ----------------------------------------------------------------------------------------------------- killed midway
start_move
kill_move
whole "killed as it began"

start_move
until_true 20 database -c "SELECT 1 FROM moves"
kill_move
whole "killed when there are tables"

block tokens
start_move
until_true 20 waits_for_block
kill_move
unblock
whole "killed while it copies"

kill -STOP "$daemon"
start_move
until_true 20 has_successor
kill_move
kill -CONT "$daemon"
whole "killed before the daemon knows of the new store"

start_move
hold_writes
until_true 20 has_successor
sleep 0.5 # it waits for its turn to write
kill_move
go_on
whole "killed before its turn"

hold_writes
start_move
until_true 20 has_successor
block tokens
go_on
until_true 20 waits_for_block
kill_move
unblock
whole "killed while nobody else may write"

cp "$conf" "$work/copy.conf"
sed -i '/^successor/d' "$conf"
sed "s#^url = .*#url = $url#" "$conf" >"$server/by-hand.conf"
refuse 69 "a copy that was left behind is taken for no store" "$privyseald" --config "$server/by-hand.conf" --provision epoch-list

# --------------------------------------------------------------------------------------------------------- and moved
check "a key is made just before" key ann p-256 last
mkdir "$conf.new" && check "a configuration that cannot be written stops it" eval '! move'
rmdir "$conf.new"
whole "stopped by that"
hold_writes
start_move
until_true 20 has_successor
mkdir "$conf.new" # as if it died behind the move
go_on
refuse 73 "it moves, and does not come to say so" wait "$mover"
check "the new store is in service all the same" key ann p-256 "key after"
rmdir "$conf.new"
check "the same command puts things in order" eval 'move >"$work/result"'
check "while the daemon goes on" eval 'is "$(jq .live "$work/result")" true'
check "the configuration names the new store alone" eval '! has_successor && grep -q "^url = postgresql:" "$conf"'
check "what was there is in the new store" eval 'is "$(database -c "SELECT count(*) FROM keys WHERE label LIKE '"'"'key%'"'"'")" $((keys + 1))'
check "and is seen" eval 'is "$(as ann --json key list | jq "[.[] | select(.label != null and (.label | startswith(\"key\")))] | length")" $((keys + 1))'
check "wrong PINs are still counted" eval 'is "$(failures bob)" 2'
sleep 1
load_stop
load_verdict "who signed all the while noticed no more than a pause" 8000 15000
load_records "each signature given has its one record"

# ------------------------------------------------------------------------------------------------------------ later
sed "s#^url = .*#url = sqlite:store/privyseal.db#" "$conf" >"$server/former.conf"
refuse 69 "the former store serves nobody any more" "$privyseald" --config "$server/former.conf" --provision epoch-list
says "store.not_in_service is=away" && report ok "and says so" || report not-ok "and says so" "$work/output"
check "the daemon starts on the new one" eval 'stop; start'
check "and keys sign" eval 'PRIVYSEAL_CONF=$work/ann/pkcs11.conf "$sign_loop" "$module" ann "$pin" 1 0'
