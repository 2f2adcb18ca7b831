#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The Debian packages under a real systemd: this machine's programs, started as a machine of their own in new namespaces
# (file systems of which nothing is left, a network with only a loopback). Started, reloaded, upgraded, killed, frozen,
# socket-activated, removed and installed again, while an application signs.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
machine=/run/privyseal-machine # where the machine has what it is given

leave() { skip "under systemd" "$1"; exit 0; }

# ---------------------------------------------------------------------------------------------- outside of the machine

# The root of the machine, and PID 1 in it. Nothing that it does may reach this one: its kernel's settings and devices
# are read-only, and what would wait for hardware or a network is masked.
boot() {
    local root=$1/root unit
    mount -t tmpfs machine "$1" && mkdir "$1/new" "$1/work" "$root" || return
    mount -t overlay overlay -o "lowerdir=/,upperdir=$1/new,workdir=$1/work" "$root" && cd "$root" || return
    mount -t proc proc proc && mount --bind proc/sys proc/sys && mount -o remount,bind,ro proc/sys || return
    mount -t sysfs -o ro sysfs sys && mount -t cgroup2 cgroup2 sys/fs/cgroup || return
    mount -t tmpfs -o mode=755 dev dev && mkdir dev/pts dev/shm && mount -t tmpfs shm dev/shm || return
    mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts && ln -s pts/ptmx dev/ptmx || return
    for unit in null zero full random urandom; do touch "dev/$unit" && mount --bind "/dev/$unit" "dev/$unit" || return; done
    mount -t tmpfs -o mode=755 run run && mkdir -p "$root$machine" "$root$repository" || return
    cp "$2"/debs/*.deb "$root$machine/" && mount --bind "$repository" "$root$repository" || return
    for unit in network-online.target systemd-udevd.service systemd-sysctl.service systemd-modules-load.service; do
        ln -sf /dev/null "etc/systemd/system/$unit"
    done
    rm -rf var/lib/privyseal etc/privyseal
    : >etc/fstab
    rm -f var/lib/man-db/auto-update             # dpkg need not index manual pages,
    echo force-unsafe-io >etc/dpkg/dpkg.cfg.d/io # nor wait for a disk
    ip link set lo up
    printf '[Unit]\nDefaultDependencies=no\nRequires=sysinit.target\nAfter=sysinit.target\n' >etc/systemd/system/machine.target
    pivot_root . mnt && umount -l /mnt || return
    exec env -i container=unshare PATH="$PATH" PRIVYSEAL_BUILD_ASAN="$PRIVYSEAL_BUILD_ASAN" /lib/systemd/systemd --unit=machine.target
}

# Runs this script in a machine, as a process of it.
run_machine() {
    local booting pid
    unshare --mount --net --pid --fork --uts --ipc --cgroup --kill-child "$repository/tests/integration/systemd.sh" --boot "$work/machine" "$work" \
        >"$work/console" 2>&1 </dev/null &
    booting=$!
    for _ in {1..100}; do
        pid=$(pgrep -P $booting) && [[ $(nsenter -t "$pid" -a systemctl is-system-running 2>/dev/null) =~ running|degraded ]] && break
        kill -0 $booting 2>/dev/null || break
        sleep 0.1
    done
    if [[ ! $pid ]] || ! nsenter -t "$pid" -a test -d /run/systemd/system; then
        tail -n 3 "$work/console" >&2
        kill $booting 2>/dev/null
        leave "systemd does not start in a machine of namespaces here"
    fi
    nsenter -t "$pid" -a env -i HOME=/root PATH="$PATH" PRIVYSEAL_BUILD_ASAN="$PRIVYSEAL_BUILD_ASAN" "$repository/tests/integration/systemd.sh" --inside
    status=$?
    kill -KILL "$pid"
    wait $booting
    rm -rf "$work"
    trap - EXIT
    exit $status
}

if [[ ${1-} == --boot ]]; then
    trap - EXIT
    rm -rf "$work"
    boot "$2" "$3"
    exit 1
elif [[ ${1-} != --inside ]]; then
    [[ $EUID == 0 ]] || leave "only root may make a machine"
    command -v dpkg-deb >/dev/null || leave "no Debian machine"
    [[ -x /lib/systemd/systemd ]] || leave "no systemd"
    mkdir "$work/machine"
    "$repository/packaging/build-deb" "$work/debs" >"$work/output" 2>&1 || { cat "$work/output"; bail "no packages"; }
    run_machine
fi

# ------------------------------------------------------------------------------------------------------ in the machine

server=/var/lib/privyseal # as(), enroll() and the rest of lib.sh work there
module=/usr/lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH)/pkcs11/privyseal-pkcs11.so
privyseal=/usr/bin/privyseal
unit=privyseald.service
sign_loop=$PRIVYSEAL_BUILD_ASAN/tests/integration/sign_loop
application=

main_pid() { systemctl show --property=MainPID --value "$unit"; }
is() { [[ $(systemctl "is-$1" "${3-$unit}" 2>&1) == "$2" ]]; }
children() { pgrep -P "$(main_pid)" | sort; }
are_new() { [[ $(children) && ! $(comm -12 <(echo "$1") <(children)) ]]; }
logged() { journalctl --unit "$unit" --no-pager --output cat | grep -q "$1"; }
stop() { :; } # what is left ends with the machine

# while_signing NAME COMMAND...: an application that has logged in signs all the while, and no call of it fails
while_signing() {
    local name=$1 status=0
    shift
    "$sign_loop" "$module" ann "$pin" 0 5 >"$work/loop" 2>&1 &
    application=$!
    sleep 0.7
    "$@" >"$work/output" 2>&1 </dev/null || status=1
    sleep 0.5
    kill $application || status=1
    wait $application || status=1
    cat "$work/loop" >>"$work/output"
    ((status == 0)) && report ok "$name" || report not-ok "$name" "$work/output"
    sed 's/^/# /' "$work/loop"
}

replaced_by() { # COMMAND...: every child is another one afterwards, the supervisor is the same process
    local former main
    former=$(children) main=$(main_pid)
    "$@" && within 15 are_new "$former" && [[ $(main_pid) == "$main" ]]
}
restarted_by() { # COMMAND...: the supervisor is another one, too, and serves
    local main
    main=$(main_pid)
    "$@" && within 15 is_another "$main" && within 15 as operator status
}
is_another() { [[ $(main_pid) != 0 && $(main_pid) != "$1" ]]; }

# --- install
check "the packages install" dpkg -i $machine/*.deb
check "the service is enabled" is enabled enabled
check "and does not run before there is a deployment" is active inactive
check "systemd understands the units" systemd-analyze verify "$unit" privyseald.socket
check "and finds the service sandboxed" systemd-analyze security --threshold=40 --no-pager "$unit"

# --- run
check "a deployment is made" "$privyseal" init "$server" --server-config /etc/privyseal/privyseald.conf --realm test \
    --listen 127.0.0.1:7443 --hostname localhost --signers 2 --allow-software-hsm --front-user privyseal-front --signer-user privyseal-signer
port=7443
printf '[audit]\nforward = journald\n[notice]\ncommand = /bin/true\nuser = privyseal-herald\n[metrics]\nlisten = 127.0.0.1:9743\n' >>/etc/privyseal/privyseald.conf
check "it starts, and says when it serves" systemctl start "$unit"
check "clients are served at that moment" as operator status
users() { [[ $(children | xargs ps -o user:32= -p | sort -u | xargs) == "privyseal-front privyseal-herald privyseal-signer" ]]; }
check "nobody but the supervisor is root" users
no_cores() { for pid in $(main_pid) $(children); do grep -q '^Max core file size *0 *0' "/proc/$pid/limits" || return; done; }
check "nobody leaves a core file" no_cores
for user in ann; do enroll $user && key $user p-256 one || bail "no user"; done
export PRIVYSEAL_CONF=$work/ann/pkcs11.conf

# --- while an application signs
while_signing "reload: signers are replaced" systemctl reload "$unit"
while_signing "restart" restarted_by systemctl restart "$unit"
while_signing "upgrade: the new program takes over, the process stays" replaced_by dpkg -i $machine/privyseald_*.deb
while_signing "killed, it is started again" restarted_by systemctl kill --kill-whom=main --signal=KILL "$unit"
mkdir -p /etc/systemd/system/$unit.d && printf '[Service]\nWatchdogSec=2\n' >/etc/systemd/system/$unit.d/short.conf
systemctl daemon-reload && systemctl restart "$unit"
while_signing "frozen, it is found by the watchdog" restarted_by systemctl kill --kill-whom=main --signal=STOP "$unit"
rm -r /etc/systemd/system/$unit.d
systemctl daemon-reload && systemctl restart "$unit"

# --- the journal
check "lines have their severity" test -n "$(journalctl --unit "$unit" --priority 4 --output cat --quiet)"
check "audit records are in the journal, by their event" within 5 test -n "$(journalctl PRIVYSEAL_EVENT=sign --output cat --quiet -n 1)"

# --- the socket
use_socket() {
    systemctl stop "$unit"
    mkdir -p /etc/systemd/system/privyseald.socket.d
    printf '[Socket]\nListenStream=\nListenStream=127.0.0.1:7443\n' >/etc/systemd/system/privyseald.socket.d/override.conf
    systemctl daemon-reload && systemctl enable --now privyseald.socket
}
check "systemd keeps the socket" use_socket
check "who connects starts the service" as operator status
come_and_go() { # new processes, which have nothing to fall back to
    local i
    systemctl restart --no-block "$unit"
    for i in {1..10}; do as operator status || return; done
}
while_signing "restarted behind its socket it is there for who comes meanwhile" come_and_go

# --- leave, and come back
check "removed, it is stopped" dpkg --remove privyseald
gone() { ! pgrep -x privyseald && is active inactive && is active inactive privyseald.socket; }
check "and so is the socket" gone
check "installed again" dpkg -i $machine/privyseald_*.deb
check "it is enabled as before" is enabled enabled
check "it starts" systemctl start "$unit"
as_before() { timeout 20 "$sign_loop" "$module" ann "$pin" 3; }
check "and signs with the same key" as_before
systemctl --quiet disable "$unit"
check "what the administrator disabled" dpkg -i $machine/privyseald_*.deb
check "stays so" is enabled disabled
check "it is purged" dpkg --purge privyseald
links() { [[ ! $(find /etc/systemd/system -lname '*privyseald*') ]]; }
check "and no link to its units is left" links
