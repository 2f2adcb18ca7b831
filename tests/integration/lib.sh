# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# lib.sh - a real deployment in a temporary directory, and TAP. Source it; it cleans up when the script ends.
#
#   deploy [KEY=VALUE...]   init, start privyseald; lines added to privyseald.conf as SECTION.KEY=VALUE
#   enroll USER [CUSTODY]   device certificate and PIN; conf: $work/USER/pkcs11.conf, PIN: $pin
#   as USER ...             privyseal as that user, or as "operator"
#   check NAME COMMAND...   one TAP line: ok when the command succeeds; its output is shown when not
#   refuse STATUS NAME COMMAND...  ok when it exits with just that status
#   within SECONDS COMMAND...  waits for what takes as long as the machine is busy

set -uo pipefail
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${PRIVYSEAL_BUILD:-$repository/build}
PRIVYSEAL_BUILD_ASAN=${PRIVYSEAL_BUILD_ASAN:-$repository/build-asan} # our own clients
module=$build/module/privyseal-pkcs11.so
privyseal=$build/cli/privyseal
privyseald=$build/proxy/privyseald
export PATH=$build/cli:$build/proxy:$PATH

init_options=() # more of them for deploy
work=$(mktemp -d)
server=$work/server
pin=739154
tests=0 failures=0
init_options=() # of a script's own
unset PRIVYSEAL_CONF PRIVYSEAL_DEBUG

finish() {
    local status=$?
    stop
    release_ports
    rm -rf "$work"
    printf '1..%d\n' "$tests"
    ((status == 0 && failures == 0)) || exit 1
}
trap finish EXIT

report() { # ok|not-ok NAME [OUTPUT-FILE]
    tests=$((tests + 1))
    if [[ $1 == ok ]]; then
        printf 'ok %d - %s\n' "$tests" "$2"
    else
        failures=$((failures + 1))
        printf 'not ok %d - %s\n' "$tests" "$2"
        [[ ! -s ${3-} ]] || sed 's/^/# /' "$3" | tail -n 25
    fi
    return 0
}

check() {
    local name=$1
    shift
    if "$@" >"$work/output" 2>&1 </dev/null; then report ok "$name"; else report not-ok "$name" "$work/output"; fi
}

refuse() {
    local wanted=$1 name=$2 status
    shift 2
    "$@" >"$work/output" 2>&1 </dev/null
    status=$?
    if ((status == wanted)); then report ok "$name"; else
        printf 'exit status %d, wanted %d\n' "$status" "$wanted" >>"$work/output"
        report not-ok "$name" "$work/output"
    fi
}

# says TEXT: whether the last command of check or refuse printed it
says() { grep -qF -- "$1" "$work/output"; }

# alone DIGITS: a pattern for them as a word. Digests, identifiers and fractions of a second have any six digits in them
# once in a while.
alone() { printf '(^|[^[:xdigit:].])%s($|[^[:xdigit:]])' "$1"; }

# within SECONDS COMMAND...: whether it succeeds once, tried again and again
within() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < end)) || return 1
        sleep 0.1
    done
}

skip() { tests=$((tests + 1)); printf 'ok %d - %s # SKIP %s\n' "$tests" "$1" "$2"; }
bail() { printf 'Bail out! %s\n' "$*"; [[ -f $server/log ]] && sed 's/^/# /' "$server/log" | tail -n 30; failures=1; exit 1; }

# Below the ports that outgoing connections get, which are taken without anybody listening. ip(7), ip_local_port_range
# What will listen takes its time, and scripts run side by side: a port that was handed out is claimed, by a link that
# names the script, until that ends.
claims=${TMPDIR:-/tmp}/privyseal-test-ports.$EUID
free_port() {
    local port owner
    mkdir -p "$claims"
    while :; do
        port=$((20000 + RANDOM % 12000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && continue
        ln -s $$ "$claims/$port" 2>/dev/null && { echo $port; return; }
        owner=$(readlink "$claims/$port") && ! kill -0 "$owner" 2>/dev/null && rm -f "$claims/$port"
    done
}
release_ports() { find "$claims" -lname $$ -delete 2>/dev/null; }

# set_config SECTION.KEY=VALUE: into the server's configuration
set_config() {
    local section=${1%%.*} rest=${1#*.}
    local key=${rest%%=*} value=${rest#*=}
    sed -i "/^\[$section\]/,/^\[/{/^$key *=/d}" "$server/privyseald.conf"
    if grep -q "^\[$section\]" "$server/privyseald.conf"; then
        sed -i "s#^\[$section\]#[$section]\n$key = $value#" "$server/privyseald.conf"
    else
        printf '\n[%s]\n%s = %s\n' "$section" "$key" "$value" >>"$server/privyseald.conf"
    fi
}

start() {
    "$privyseald" --foreground --config "$server/privyseald.conf" >>"$server/log" 2>&1 </dev/null &
    daemon=$!
    for _ in {1..200}; do
        as operator status >/dev/null 2>&1 && return 0
        kill -0 $daemon 2>/dev/null || return 1
        sleep 0.1
    done
    return 1
}

stop() {
    [[ ${daemon-} ]] || return 0
    kill "$daemon" 2>/dev/null
    for _ in {1..150}; do kill -0 "$daemon" 2>/dev/null || break; sleep 0.1; done
    kill -9 "$daemon" 2>/dev/null
    wait "$daemon" 2>/dev/null
    daemon=
}

deploy() {
    local users=() setting
    port=$(free_port)
    [[ $EUID == 0 ]] && users=(--front-user 64301 --signer-user 64302)
    "$privyseal" init "$server" --realm test --listen "127.0.0.1:$port" --hostname localhost --allow-software-hsm \
        --partitions "${partitions:-1}" --signers 2 "${users[@]}" "${init_options[@]}" >"$work/init.log" 2>&1 || { cat "$work/init.log"; bail "init failed"; }
    # Tests stretch hundreds of PINs: the floor's cost is enough for them.
    set_config pin.argon2_memory_kib=19456
    set_config pin.argon2_passes=2
    for setting in "$@"; do set_config "$setting"; done
    start || bail "privyseald did not start"
}

as() {
    local who=$1
    shift
    if [[ $who == operator ]]; then
        "$privyseal" --config "$server/operator/pkcs11.conf" "$@"
    else
        "$privyseal" --config "$work/$who/pkcs11.conf" "$@"
    fi
}

activation_code() { sed -n 's/.*"activation_code": "\([^"]*\)".*/\1/p'; }

# device USER: a device certificate and configuration, no PIN yet
device() {
    local user=$1 home=$work/$1
    mkdir -p "$home"
    printf '%s\n' "$pin" >"$home/pin"
    "$privyseal" cert request "$home/device.csr" --device "$home/device.key" &&
        as operator cert issue "$user" "$home/device.csr" "$home/device.pem" --profile device || return 1
    cat >"$home/pkcs11.conf" <<EOF
[deployment test]
realm = test
endpoints = localhost:$port
ca = $server/tls/root.pem

[identity $user]
certificate = device.pem
key = device.key

[token $user]
EOF
}

enroll() {
    local user=$1 home=$work/$1
    mkdir -p "$home"
    as operator --json user add "$user" --custody "${2:-wrapped}" | activation_code >"$home/code" || return 1
    device "$user" && as "$user" pin set --code-file "$home/code" --pin-file "$home/pin" >/dev/null
}

# key USER TYPE LABEL [import]: makes a key; with "import" also a certificate for it
key() {
    local user=$1 home=$work/$1
    as "$user" key generate --type "$2" --label "$3" --pin-file "$home/pin" >/dev/null || return 1
    [[ ${4-} ]] || return 0
    as "$user" cert request "$home/$2.csr" --key "$3" --subject "/CN=$user $2" --pin-file "$home/pin" &&
        as operator cert issue "$user" "$home/$2.csr" "$home/$2.pem" &&
        as "$user" cert import "$home/$2.pem" --label "$3" --pin-file "$home/pin" >/dev/null
}

# The processes of the daemon by what they are: "front", "signer 0" ...
child() { pgrep -P "$daemon" -f "$server" | while read -r pid; do [[ $(cat "/proc/$pid/comm") == "$1"* ]] && echo "$pid"; done; }
