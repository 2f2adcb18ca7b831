#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The module and a bad network: servers that restart, fall silent, lie or are not there; firewalls that forget. The
# application logs in once, and the next signature just works, or fails within its time.
#
# It all happens in a network namespace of the script's own, where a firewall can be set up.
if [[ ! ${PRIVYSEAL_IN_NAMESPACE-} ]] && unshare -n true 2>/dev/null; then
    PRIVYSEAL_IN_NAMESPACE=1 exec unshare -n "$0" "$@"
fi
. "$(dirname "$0")/lib.sh"
[[ ${PRIVYSEAL_IN_NAMESPACE-} ]] && ip link set lo up

programs=$PRIVYSEAL_BUILD_ASAN/tests/integration/life
relay_pid=
other_daemon=
trap '[[ ! $relay_pid ]] || kill "$relay_pid"; [[ ! $other_daemon ]] || kill "$other_daemon"; finish' EXIT

# relay: starts one in front of the server, at $relay
relay() {
    relay=$(free_port)
    echo pass >"$work/mode"
    : >"$work/accepted"
    /usr/bin/python3 "$repository/tests/support/relay.py" "$relay" "$port" "$work/mode" "$work/accepted" &
    relay_pid=$!
    for _ in {1..50}; do (exec 3<>"/dev/tcp/127.0.0.1/$relay") 2>/dev/null && break; sleep 0.1; done
}
accepted() { tail -n 1 "$work/accepted"; } # how many connections there have been
# The relay has forgotten every connection of now; or, with a number, all that come as well.
forget() { echo "forget ${1:-$(accepted)}" >"$work/mode"; }

# variant NAME ENDPOINTS [LINE...]: ann's configuration with other endpoints and lines of [deployment]
variant() {
    local home=$work/$1 line
    mkdir -p "$home"
    cp "$work"/ann/{device.pem,device.key,pin} "$home"
    sed "s#^endpoints = .*#endpoints = $2#" "$work/ann/pkcs11.conf" >"$home/pkcs11.conf"
    shift 2
    for line in "$@"; do sed -i "s#^realm = .*#&\n$line#" "$home/pkcs11.conf"; done
}

# joined USER DEPLOYMENT: the user's configuration as a part of a larger one
joined() {
    sed -E "s#^\[deployment .*#[deployment $2]#; s#^\[identity .*#&\ndeployment = $2#; s#^\[token .*#&\nidentity = $1#
        s#= (device[.])#= $work/$1/\1#" "$work/$1/pkcs11.conf"
}

# in_other COMMAND...: of lib.sh, for a second deployment, which has nothing in common with the first one
in_other() {
    local server=$work/other port=${other_port-} daemon=$other_daemon status
    "$@"
    status=$?
    other_port=$port other_daemon=$daemon
    return $status
}

# application NAME [OTHER-TOKEN]: starts one with that configuration; ask WORD: what it answers, in $answer
application() {
    { coproc app { PRIVYSEAL_CONF=$work/$1/pkcs11.conf exec "$programs/converse" "$module" ann "$work/ann/pin" "${@:2}"; }; } 2>"$work/app.err"
    app_in=${app[1]} app_out=${app[0]} app_id=$app_PID
}
ask() {
    echo "$1" >&"$app_in"
    answer="no answer"
    read -r -t 60 answer <&"$app_out"
    echo "$1: $answer" >"$work/output"
}
quit() {
    eval "exec $app_in>&-"
    wait "$app_id" 2>/dev/null
}
verdict() { # NAME STATUS
    (($2 == 0)) && report ok "$1" || report not-ok "$1" "$work/output"
}
# works WORD NAME [MOST-MS]: the answer is ok, in time
works() {
    ask "$1"
    read -r word ms <<<"$answer"
    [[ $word == ok ]] && ((ms <= ${3:-15000}))
    verdict "$2 ($answer)" $?
}
# fails WORD NAME LEAST-MS MOST-MS: it is an error, in time
fails() {
    ask "$1"
    read -r word _ ms <<<"$answer"
    [[ $word == CKR ]] && ((ms >= $3 && ms <= $4))
    verdict "$2 ($answer)" $?
}
present() { # LABELS NAME
    ask tokens
    [[ $answer == "$1" || $answer == "$1 " ]]
    verdict "$2 ($answer)" $?
}

deploy
check "a user is enrolled" enroll ann
check "a P-256 key is made" key ann p-256 one
check "an RSA-2048 key is made" key ann rsa-2048 two

# --- the server goes away and comes back
application ann
works login "an application logs in"
works sign "and signs"
stop
start || bail "no second start"
works sign "after a restart of the whole daemon it signs, with the login and the handles it had"
stop
(sleep 1.5; start) &
sleep 0.2
works sign "a call during a restart waits for the server"
wait $!
quit
kill "$(pgrep -f "$server/privyseald.conf" | head -n 1)" 2>/dev/null
daemon=
for _ in {1..100}; do pgrep -f "$server/privyseald.conf" >/dev/null || break; sleep 0.1; done

set_config hsm.recycle_after=5
start || bail "no start with recycle_after"
check "signers recycled every five calls: forty signatures with one login" \
    env PRIVYSEAL_CONF="$work/ann/pkcs11.conf" "$programs/../sign_loop" "$module" ann "$pin" 40 1
stop
set_config hsm.recycle_after=500000
set_config limits.idle_ms=1000
start || bail "no start with idle_ms"

# --- a laptop sleeps
application ann
works login "an application logs in before it is suspended"
works sign "and signs"
kill -STOP "$app_id"
sleep 3
kill -CONT "$app_id"
works sign "after a sleep that the server found too long it signs" 2000
quit

stop
set_config limits.idle_ms=600000
start || bail "no start with a long idle_ms"

# --- the way there falls silent
relay
variant relayed "localhost:$relay" "connect_timeout_ms = 1500"
application relayed
works login "an application logs in through a relay"
works sign "and signs"
sleep 2.2
forget
works sign "the relay has forgotten the idle connection: the next signature works" 4000
works sign "and the one after that is quick" 1000
quit
echo pass >"$work/mode"

if [[ ${PRIVYSEAL_IN_NAMESPACE-} ]] && nft list ruleset >/dev/null 2>&1; then
    application ann
    works login "an application logs in through a firewall"
    works sign "and signs"
    sleep 2.2
    nft add table ip wall && nft add chain ip wall out '{ type filter hook output priority 0; }'
    for old in $(ss -Htn state established dport = ":$port" | awk '{ print $3 }' | sed 's/.*://'); do
        nft add rule ip wall out tcp sport "$old" drop
        nft add rule ip wall out tcp dport "$old" drop
        echo "dropping $old"
    done >"$work/dropped"
    [[ -s $work/dropped ]] || bail "no connection to drop"
    works sign "the firewall drops what belongs to the old connection: the next signature works" 7000
    quit
    nft flush ruleset
else
    skip "a firewall that drops an old connection" "nft and a network namespace are needed"
fi

# --- slow ways
echo "delay 100" >"$work/mode"
PRIVYSEAL_CONF=$work/relayed/pkcs11.conf check "slow calls overlap: no lock is held across the network" \
    "$programs/cases" run slow overlap "$module" ann "$work/ann/pin"
echo pass >"$work/mode"

# --- several endpoints
variant second "localhost:1 localhost:$port"
application second
works login "the first endpoint refuses, the second one serves" 3000
works sign "and signs" 1000
quit
variant mute "localhost:$relay localhost:$port" "connect_timeout_ms = 800"
forget 1000000
before=$(accepted)
application mute
works login "the first endpoint accepts and says nothing, the second one serves" 5000
for _ in {1..40}; do ask sign; [[ $answer == ok* ]] || break; sleep 0.05; done
[[ $answer == ok* ]]
verdict "forty signatures work beside the mute one" $?
attempts=$(($(accepted) - before))
echo "$attempts attempts" >"$work/output"
((attempts >= 2 && attempts <= 8))
verdict "the mute endpoint rests and is probed, not asked each time ($attempts attempts)" $?
echo pass >"$work/mode"
before=$(accepted)
for _ in {1..80}; do ask sign; (($(accepted) > before)) && break; sleep 0.1; done
echo "delay 150" >"$work/mode" # who signs slowly now signs through the relay
ask sign
read -r word ms <<<"$answer"
[[ $word == ok ]] && ((ms >= 300))
verdict "once it speaks again it is used again" $?
quit

# --- whom not to trust, and who does not trust us: those tokens are not present, the others work
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/strange.key" -out "$work/strange.pem" \
    -subj /CN=ann -days 1 2>/dev/null
"$privyseal" cert request "$work/old.csr" --device "$work/old.key" >/dev/null 2>&1
openssl x509 -req -in "$work/old.csr" -CA "$server/ca/tls.pem" -CAkey "$server/ca/tls.key" -days -1 \
    -extfile <(echo extendedKeyUsage=clientAuth) -out "$work/leaf.pem" 2>/dev/null
cat "$work/leaf.pem" "$server/ca/tls.pem" >"$work/old.pem"
mkdir "$work/mixed"
cat >"$work/mixed/pkcs11.conf" <<EOF
[deployment test]
realm = test
endpoints = localhost:$port
ca = $server/tls/root.pem

[deployment dead]
realm = test
endpoints = localhost:1
ca = $server/tls/root.pem

[deployment other-server]
realm = test
endpoints = localhost:$port
ca = $work/strange.pem

[identity expired]
deployment = test
certificate = $work/old.pem
key = $work/old.key

[identity foreign]
deployment = test
certificate = $work/strange.pem
key = $work/strange.key

[identity dead]
deployment = dead
certificate = $work/ann/device.pem
key = $work/ann/device.key

[identity other-server]
deployment = other-server
certificate = $work/ann/device.pem
key = $work/ann/device.key

[identity missing]
deployment = test
certificate = $work/nowhere.pem
key = $work/nowhere.key

[identity ann]
deployment = test
certificate = $work/ann/device.pem
key = $work/ann/device.key

[token expired]
identity = expired
[token foreign]
identity = foreign
[token dead]
identity = dead
[token other-server]
identity = other-server
[token missing]
identity = missing
[token ann]
identity = ann
EOF
application mixed
present "ann" "with expired, foreign and missing certificates, a dead and an untrusted server, one token is present"
works login "and serves"
works sign "and signs"
quit

# --- two deployments in one configuration, each with a server, a CA and an HSM of its own
in_other deploy
check "a user of another deployment is enrolled" in_other enroll ben
for type in p-256 rsa-2048; do check "with a key of type $type" in_other key ben "$type" "ben-$type"; done
mkdir "$work/both"
{ joined ann one; joined ben another; } >"$work/both/pkcs11.conf"
for process in one another; do
    application both ben
    present "ann ben" "the tokens of both deployments are present, in the configuration's order, in $process process"
    quit
done
application both ben
works login "an application logs in to one deployment"
works "other login" "and to the other"
for round in first second; do
    works sign "and signs with the one, for the $round time"
    works "other sign" "and with the other"
done
in_other stop
works sign "one deployment stops, the other one signs" 2000
quit

# --- deadlines
signers() { for pid in $(child signer); do kill "$1" "$pid"; done; }
variant hurried "localhost:$port" "login_timeout_ms = 1500"
application hurried
present "ann" "a token is seen before the signers stop"
signers -STOP
fails login "a login that nobody answers ends after its deadline" 1300 3500
signers -CONT
quit
variant hurried "localhost:$port" "sign_timeout_ms = 1200"
application hurried
works login "a login before the signers stop"
signers -STOP
fails sign "a signature that nobody answers ends after its deadline" 1000 3000
signers -CONT
works sign "and the next one works"
quit
if [[ ${PRIVYSEAL_IN_NAMESPACE-} ]] && nft add table ip wall 2>/dev/null; then
    nft add chain ip wall out '{ type filter hook output priority 0; }'
    nft add rule ip wall out tcp dport 9 drop
    variant nowhere "localhost:9" "connect_timeout_ms = 1000"
    application nowhere
    before=$(date +%s%N)
    present "" "behind a wall that answers nothing no token is present"
    took=$((($(date +%s%N) - before) / 1000000))
    ((took >= 900 && took <= 2500))
    verdict "and that is known after the deadline for connecting ($took ms)" $?
    quit
    variant beside "localhost:9 localhost:$port"
    application beside
    works login "the first endpoint is switched off, the second one serves after a quarter of the time to connect" 4000
    works sign "and the next calls wait for a probe of it at most" 2000
    quit
    nft flush ruleset
else
    skip "a deadline for connecting" "nft and a network namespace are needed"
fi

check "the audit logs hold together" as operator audit verify
