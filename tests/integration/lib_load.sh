# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# lib_load.sh - real clients under load while something breaks, and what they are owed. Source it after lib.sh.
#
#   load_start USER...     for each: a process that signs in three threads, and one that logs in over and over
#   load_stop              ends them
#   load_verdict NAME SIGN_MS UNLOCK_MS [FAILED]
#                          ok if every process lived, each signature it was given verified, no pause was longer than
#                          these, and no more than FAILED (0) calls failed; prints what was counted
#   during NAME SIGN_MS UNLOCK_MS COMMAND...
#                          all of it: load; once each process has signed, the command (which must succeed), a second of peace
#                          with may_fail=N before it, so many calls may fail
#   load_records NAME      ok if each signature given since the start has its one record, and the logs hold together

loads=$work/loads
load_pids=()
load_number=0
load_users=(ann)
mkdir -p "$loads"

load_begin() { # USER THREADS [unlock]
    local user=$1
    load_number=$((load_number + 1))
    PRIVYSEAL_CONF=$work/$user/pkcs11.conf "$PRIVYSEAL_BUILD_ASAN/tests/integration/load" "$module" "$user" "$work/$user/pin" \
        $((load_number * 1000000)) "$2" 20 ${3-} >"$loads/$load_number.log" 2>"$loads/$load_number.err" </dev/null &
    load_pids+=($!)
}

load_start() {
    local user
    load_pids=() load_first=$((load_number + 1))
    for user in "$@"; do
        load_begin "$user" 3
        load_begin "$user" 1 unlock
    done
}

load_runs() { # each has got something
    local number
    for ((number = load_first; number <= load_number; number++)); do [[ -s $loads/$number.log ]] || return; done
}

load_stop() {
    local pid
    load_status=0
    kill "${load_pids[@]}" 2>/dev/null
    for pid in "${load_pids[@]}"; do wait "$pid" || load_status=$?; done
    load_pids=()
}

load_verdict() {
    local logs=() number
    for ((number = load_first; number <= load_number; number++)); do logs+=("$loads/$number.log"); done
    cat "${logs[@]/%log/err}" >"$work/output"
    if /usr/bin/python3 "$repository/tests/support/tally.py" pauses "$2" "$3" "${4-0}" "${logs[@]}" >"$work/tally" &&
        ((load_status == 0)); then
        report ok "$1"
    else
        grep -h failed "${logs[@]}" | tail -n 5 >>"$work/output"
        report not-ok "$1" "$work/output"
    fi
    sed 's/^/# /' "$work/tally"
}

during() {
    local name=$1 sign_ms=$2 unlock_ms=$3
    shift 3
    load_start "${load_users[@]}"
    until_true 30 load_runs
    "$@" >"$work/fault" 2>&1 || { report not-ok "$name: the fault itself" "$work/fault"; }
    sleep 1
    load_stop
    load_verdict "$name" "$sign_ms" "$unlock_ms" "${may_fail-0}"
}

load_records() {
    if as operator audit export "$work/export" >"$work/output" 2>&1 &&
        /usr/bin/python3 "$repository/tests/support/tally.py" records "$work/export" "$loads"/*.log >>"$work/output" 2>&1; then
        report ok "$1"
    else
        report not-ok "$1" "$work/output"
    fi
    tail -n 1 "$work/output" | sed 's/^/# /'
    check "the logs hold together" as operator audit verify
}

# until_true SECONDS COMMAND...: waits for a condition
until_true() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < end)) || { echo "not true in time: $*"; return 1; }
        sleep 0.1
    done
}

# load_user USER: enrolled, with the keys that the load signs with
load_user() {
    check "$1 is enrolled, with two keys" eval "enroll $1 && key $1 p-256 ec && key $1 rsa-2048 rsa"
}
