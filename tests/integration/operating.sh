#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# operating.sh [GUIDE]   docs/operating.md (or GUIDE), followed word for word on a machine of its own
#
# The machine: this one's programs in new namespaces, with file systems of which nothing is left afterwards and a
# network that has only a loopback. On it are the Debian packages' files and what stands in for systemd. What guide.py
# is told by comments in the page, guide.py says.
set -uo pipefail
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

leave() { printf 'ok 1 - the guide # SKIP %s\n1..1\n' "$1"; exit 0; }

# over DIR: what is written below it goes to memory
over() {
    mkdir -p "$work/over$1/new" "$work/over$1/work"
    mount -t overlay overlay -o "lowerdir=$1,upperdir=$work/over$1/new,workdir=$work/over$1/work" "$1"
}

# systemctl start|stop|restart|reload privyseald, with the unit's rights
stand_in_for_systemd() {
    cat >/usr/local/sbin/systemctl <<'END'
#!/bin/bash
pid() { pgrep -o -x privyseald; }
start() {
    capabilities=$(sed -n 's/^CapabilityBoundingSet=//p' /lib/systemd/system/privyseald.service | tr 'A-Z ' 'a-z,' | sed 's/cap_/+/g')
    setsid setpriv --bounding-set "-all,$capabilities" --no-new-privs /usr/sbin/privyseald </dev/null >>/var/log/privyseald 2>&1
}
stop() {
    local pid
    pid=$(pid) || return 0
    kill "$pid"
    while [[ -d /proc/$pid ]]; do sleep 0.05; done
}
reload() {
    kill -HUP "$(pid)"
}
case $1 in
start | stop | reload) "$1" ;;
restart) stop && start ;;
--root=*) exec /usr/bin/systemctl "$@" ;; # of files alone: the packages enable the unit
*) echo "systemctl $1: not here" >&2; exit 1 ;;
esac
END
    chmod 755 /usr/local/sbin/systemctl
}

inside() {
    work=$1/machine
    mkdir "$work"
    mount -t tmpfs machine "$work" && over /etc && over /usr && over /var || exit 99
    cp "$1"/debs/*.deb "$work/"
    mount -t tmpfs root /root && chmod 700 /root && mount -t tmpfs home /home && chmod 755 /home && mount -t tmpfs media /media || exit 99
    cp "$work"/*.deb /root/
    ip link set lo up
    rm -rf /var/lib/privyseal /etc/privyseal
    stand_in_for_systemd
    /usr/bin/python3 "$repository/tests/integration/guide.py" "$2" # a child: this shell reaps what daemons leave
    exit
}

[[ ${1-} == --inside ]] && inside "$2" "$3"
guide=$(realpath "${1:-$repository/docs/operating.md}")
[[ $EUID == 0 ]] || leave "only root may make a machine"
command -v dpkg-deb >/dev/null || leave "no Debian machine"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unshare --mount --net --pid --fork --mount-proc bash -c "$(declare -f over); work=$work; mount -t tmpfs try $work && over /etc" \
    2>/dev/null || leave "no namespaces or no overlays on this machine"
"$repository/packaging/build-deb" "$work/debs" >"$work/log" 2>&1 || { cat "$work/log"; echo "Bail out! no packages"; exit 1; }
unshare --mount --net --pid --fork --kill-child --mount-proc "$0" --inside "$work" "$guide"
