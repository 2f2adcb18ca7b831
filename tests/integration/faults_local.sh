#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What happens to one machine while applications sign and log in at it.
#
#     the audit log's disk is full     clear refusal: no record, no signature; all is well once there is room
#     the store's disk is full         signing goes on; nobody logs in until there is room
#     the store's lock is not let go   signing goes on; logins wait
#     the HSM's tokens unreadable      no new signer starts, and readiness says so; it mends itself
#     the clock jumps, both ways       leases end, and are taken anew: one slower call
#     the server's certificate ends    replaced before that, it costs no call
#     a client's certificate ends      the same
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib_load.sh"

can_mount() { [[ $EUID == 0 ]] && mkdir -p "$work/mount" && mount -t tmpfs none "$work/mount" 2>/dev/null && umount "$work/mount"; }
trap 'stop; umount "$server/audit" "$server/store" 2>/dev/null; finish' EXIT

small_disk() { # DIRECTORY: what lies there moves to a disk of 4 MiB
    cp -a "$1" "$work/moved" && mount -t tmpfs -o size=4m none "$1" && cp -a "$work/moved/." "$1" && rm -rf "$work/moved"
}
fill() { cat /dev/zero >"$1/ballast" 2>/dev/null; df --output=avail "$1" | tail -n 1 | grep -qw 0; }

given() { cat "$loads"/*.log | grep -c "$1"; }
grows() { # WORD COUNT: whether there are ten more than COUNT
    (($(given "$1") > $2 + 10))
}
goes_on() { # WORD: whether more of them come, within the time that a supervisor may rest before it tries again
    until_true 20 grows "$1" "$(given "$1")"
}

makes_no_key() { ! as ann key generate --type p-256 --label more --pin-file "$work/ann/pin"; }

full() { # DIRECTORY SENTENCE
    fill "$1" || return
    sleep 2
    until_true 20 makes_no_key || return # a log has room for some records more
    sleep 1
    rm "$1/ballast"
    goes_on given
}

ready() { [[ $(curl -s -o "$work/ready" -w '%{http_code}' "http://$metrics/readyz") == "$1" ]]; }

hide_tokens() {
    local pid
    chmod 000 "$server/hsm/tokens"
    for pid in $(child signer); do kill -9 "$pid"; done
    until_true 20 ready 503 || return
    sleep 2
    chmod "$tokens_mode" "$server/hsm/tokens"
    until_true 40 ready 200 && goes_on given
}

lock_store() {
    sleep 2 # by then its threads have the leases that they want: each further one is an unlock, which waits
    /usr/bin/python3 -c 'import sqlite3, sys, time
store = sqlite3.connect(sys.argv[1], timeout=10, isolation_level=None)
store.execute("BEGIN IMMEDIATE")
time.sleep(4)' "$server/store/privyseal.db"
}

jump() { # SECONDS...
    local shift
    for shift in "$@"; do
        /usr/bin/python3 -c 'import struct, sys; open(sys.argv[1], "r+b").write(struct.pack("=q", int(sys.argv[2])))' "$work/clock" "$shift"
        goes_on given || return
    done
}

# short_lived CSR-KEY EXTENSIONS OUT: a certificate by the authority in files, which ends in ten seconds
short_lived() {
    openssl req -new -key "$1" -subj "/CN=$2" 2>/dev/null |
        faketime -f -86390s openssl x509 -req -CA "$server/ca/tls.pem" -CAkey "$server/ca/tls.key" -days 1 \
            -extfile <(printf '%s\n' "${@:4}") 2>/dev/null | cat - "$server/ca/tls.pem" >"$3"
}

serves_short() { [[ $(openssl s_client -connect "localhost:$port" </dev/null 2>/dev/null | openssl x509 -noout -checkend 20) == *"will expire" ]]; }
replace_server() {
    cp "$server/tls/server.pem" "$work/good.pem"
    short_lived "$server/tls/server.key" localhost "$work/short.pem" basicConstraints=critical,CA:FALSE \
        extendedKeyUsage=serverAuth subjectAltName=DNS:localhost,IP:127.0.0.1
    cat "$work/short.pem" >"$server/tls/server.pem"
    kill -HUP "$daemon"
    until_true 5 serves_short || return
    sleep 3
    cat "$work/good.pem" >"$server/tls/server.pem"
    kill -HUP "$daemon"
    until_true 20 eval '! openssl x509 -in "$work/short.pem" -noout -checkend 0'
}

replace_client() {
    "$privyseal" cert request "$work/ann/new.csr" --device "$work/ann/new.key" &&
        as operator cert issue ann "$work/ann/new.csr" "$work/ann/new.pem" --profile device || return
    mv "$work/ann/new.key" "$work/ann/device.key"
    mv "$work/ann/new.pem" "$work/ann/device.pem"
    sleep 7 # the module looks at its files every five seconds
}

metrics=127.0.0.1:$(free_port)
deploy metrics.listen="$metrics"
load_user ann
tokens_mode=$(stat -c %a "$server/hsm/tokens")

# name                                                        Sign   Unlock
during "the server's certificate ends, and is replaced"       5000    8000 replace_server
during "a client's certificate and key are replaced"          5000    8000 replace_client
during "the store's lock held by somebody else for 4 s"       1500    8000 lock_store
may_fail=1000
during "the HSM's tokens unreadable, the signers killed"     30000   30000 hide_tokens
may_fail=0

stop
head -c 8 /dev/zero >"$work/clock"
export CLOCK_SHIFT_FILE=$work/clock
check "a daemon whose clock can jump" eval 'LD_PRELOAD=$PRIVYSEAL_BUILD_ASAN/tests/integration/libclock_shift.so start'
during "the clock jumps: an hour on, a day on, and back"      5000    8000 jump 3600 86400 0 -3600 0
check "and no login was counted as a wrong PIN" test "$(as operator --json user show ann | jq .failures)" = 0
stop
unset CLOCK_SHIFT_FILE

if can_mount; then
    check "log and store move to disks of 4 MiB" eval 'small_disk "$server/audit" && small_disk "$server/store"'
    check "the daemon starts there" start
    may_fail=10000
    during "the audit log's disk full"                       20000   20000 full "$server/audit"
    during "the store's disk full"                           20000   20000 full "$server/store"
    may_fail=0
else
    skip "full disks" "tmpfs cannot be mounted"
fi

load_records "each signature given has its one record"
check "no login was counted as a wrong PIN" test "$(as operator --json user show ann | jq .failures)" = 0
