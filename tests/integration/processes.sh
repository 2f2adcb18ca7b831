#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What the release daemon's processes may do: users, sandbox, files, signals; and a state directory only root can enter.
. "$(dirname "$0")/lib.sh"

[[ $EUID == 0 ]] || { skip "processes of users of their own" "needs root"; exit 0; }
chmod 700 "$work" # nobody but root gets below it
deploy

# Whoever shares a user with another could look into it.
for shared in server.front_user=64302 server.signer_user=64301 server.front_user=root notice.user=64302; do
    cp "$server/privyseald.conf" "$work/kept"
    [[ $shared != notice.* ]] || set_config notice.command=/bin/true
    set_config "$shared"
    refuse 78 "$shared is refused at the start" "$privyseald" --config "$server/privyseald.conf" --check
    if says "are one user" || says '"root" is root'; then
        report ok "in words"
    else
        report not-ok "in words" "$work/output"
    fi
    cp "$work/kept" "$server/privyseald.conf"
done
check "below a directory that only root can enter, a user is enrolled" enroll ann
check "and a key made" key ann p-256 one

front=$(child front) signers=$(child signer)
status() { sed -n "s/^$2:\t*//p" "/proc/$1/status"; }
is() { [[ $2 == "$3" ]] && report ok "$1" || { echo "is $2, wanted $3" >"$work/output"; report not-ok "$1" "$work/output"; }; }

is "there is one front" "$(wc -w <<<"$front")" 1
is "there are three signers, one of them for partitions" "$(wc -w <<<"$signers")" 3
is "the front runs as its user" "$(status "$front" Uid | cut -f1)" 64301
for pid in $signers; do is "a signer runs as its user" "$(status "$pid" Uid | cut -f1)" 64302; done
is "the front's system calls are filtered" "$(status "$front" Seccomp)" 2
for pid in $front $signers; do
    is "$(cat "/proc/$pid/comm") can gain no rights" "$(status "$pid" NoNewPrivs)" 1
    is "$(cat "/proc/$pid/comm") has no capability" "$(status "$pid" CapEff)" 0000000000000000
    is "$(cat "/proc/$pid/comm") leaves no core" "$(awk '/Max core file size/ { print $5 $6 }' "/proc/$pid/limits")" 00
    # Not dumpable: /proc/PID belongs to root then, and another process of the same user cannot read its memory.
    is "$(cat "/proc/$pid/comm") cannot be dumped" "$(stat -c %u "/proc/$pid/mem")" 0
done
is "the front holds no file" "$(find "/proc/$front/fd" -lname '/*' ! -lname '/dev/null' ! -lname "$server/log" -printf '%l\n' | sort -u | xargs)" ""
is "its root directory is not the machine's" "$([[ $(stat -Lc %i "/proc/$front/root") != $(stat -c %i /) ]] && echo other)" other
setpriv --reuid 64302 --regid 64302 --clear-groups sh -c "echo x >$server/hsm/tokens/x" 2>/dev/null
is "a signer's user cannot write the master token's directory" "$(find "$server/hsm/tokens" -name x)" ""
for pid in $signers; do
    setpriv --reuid 64302 --regid 64302 --clear-groups sh -c "cd /proc/$pid/cwd 2>/dev/null && echo x >hsm/tokens/x" 2>/dev/null
done
is "not even from a signer's own directory" "$(find "$server/hsm/tokens" -name x)" ""

# SIGHUP: a new server certificate, and no connection or login lost.
before=$(echo | openssl s_client -connect "localhost:$port" 2>/dev/null | openssl x509 -noout -serial)
PRIVYSEAL_CONF=$work/ann/pkcs11.conf "$PRIVYSEAL_BUILD_ASAN/tests/integration/sign_loop" "$module" ann "$pin" 150 >"$work/loop" 2>&1 &
loop=$!
sleep 0.5
openssl req -new -key "$server/tls/server.key" -subj /CN=localhost -addext subjectAltName=DNS:localhost -out "$work/server.csr" 2>/dev/null
openssl x509 -req -in "$work/server.csr" -CA "$server/ca/tls.pem" -CAkey "$server/ca/tls.key" -days 9 \
    -extfile <(printf 'extendedKeyUsage=serverAuth\nsubjectAltName=DNS:localhost,IP:127.0.0.1\n') -out "$work/new.pem" 2>/dev/null
cat "$work/new.pem" "$server/ca/tls.pem" >"$server/tls/server.pem"
kill -HUP "$daemon"
is_renewed() { after=$(echo | openssl s_client -connect "localhost:$port" 2>/dev/null | openssl x509 -noout -serial) && [[ $after != "$before" ]]; }
check "SIGHUP serves a new certificate" within 20 is_renewed
wait $loop && report ok "and whoever was signing goes on" || report not-ok "and whoever was signing goes on" "$work/loop"
echo broken >"$server/tls/server.pem"
kill -HUP "$daemon"
sleep 0.5
check "a broken certificate leaves the old one in service" as ann token show
cat "$work/new.pem" "$server/ca/tls.pem" >"$server/tls/server.pem"

# SIGTERM: what is under way ends.
PRIVYSEAL_CONF=$work/ann/pkcs11.conf "$PRIVYSEAL_BUILD_ASAN/tests/integration/sign_loop" "$module" ann "$pin" 200 5 >"$work/loop" 2>&1 &
loop=$!
sleep 0.7
stop
start || bail "no start after SIGTERM"
wait $loop && report ok "over a restart of everything, an application signs on without a new login" ||
    report not-ok "over a restart of everything, an application signs on without a new login" "$work/loop"
sed 's/^/# /' "$work/loop"
