#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The Debian packages on this machine: install, run, upgrade, remove, purge; the machine is left as it was.
# alone: users and packages are the machine's
. "$(dirname "$0")/lib.sh"

packages=(privyseal-pkcs11 privyseald privyseal-cli)
users=(privyseal-front privyseal-signer privyseal-herald)
etc=/etc/privyseal
server=/var/lib/privyseal # as(), start() and the rest of lib.sh work there from now on

leave() { skip "the packages" "$1"; exit 0; }
[[ $EUID == 0 ]] || leave "only root installs packages"
command -v dpkg-deb >/dev/null || leave "no Debian machine"
for package in "${packages[@]}"; do
    [[ ! $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) ]] || leave "$package is installed here in earnest"
done
[[ ! -e $etc && ! -e $server ]] || leave "$etc or $server is there already"
for user in "${users[@]}"; do ! getent passwd "$user" >/dev/null || leave "there is a user $user"; done

restore() {
    stop
    dpkg --purge "${packages[@]}" >/dev/null 2>&1
    rm -rf "$server" "$etc"
    for user in "${users[@]}"; do deluser --quiet --system "$user" >/dev/null 2>&1; done
    finish
}
trap restore EXIT

holds() { # NAME WANTED FOUND
    [[ $2 == "$3" ]] && report ok "$1" || { printf 'wanted: %s\nfound: %s\n' "$2" "$3" >"$work/output"; report not-ok "$1" "$work/output"; }
}
states() { dpkg-query -W -f '${db:Status-Abbrev} ' "${packages[@]}" 2>/dev/null | xargs; }

export SOURCE_DATE_EPOCH=1700000000
check "the packages are built" "$repository/packaging/build-deb" "$work/old"
check "and with a higher version" "$repository/packaging/build-deb" --version 99.0 "$work/new"
check "built again they are the same, byte by byte" bash -c "'$repository/packaging/build-deb' --version 99.0 '$work/again' &&
    for deb in '$work'/new/*.deb; do cmp \"\$deb\" \"$work/again/\${deb##*/}\" || exit; done"

# --- install
check "they install" dpkg -i "$work"/old/*.deb
holds "all three" "ii ii ii" "$(states)"
check "every file is as it was packed" dpkg --verify "${packages[@]}"
module=/usr/lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH)/pkcs11/privyseal-pkcs11.so
privyseal=/usr/bin/privyseal privyseald=/usr/sbin/privyseald
check "the module is in the standard directory, and loads" bash -c "pkcs11-tool --module '$module' --show-info | grep -q 'Manufacturer *Privyseal'"
check "pkg-config finds it" pkg-config --exists privyseal-pkcs11
holds "just there" "$module" "$(realpath -s "$(pkg-config --variable=p11_module privyseal-pkcs11)")"
check "p11-kit lists it" bash -c "p11-kit list-modules | grep -q '^privyseal: *.*privyseal-pkcs11.so'"
check "it has no slot before it is configured" bash -c "p11tool --list-tokens 2>/dev/null | { ! grep -qi privyseal; }"
check "manual pages are there" bash -c "zcat /usr/share/man/man{1/privyseal.1,5/privyseal-pkcs11.5,5/privyseald.conf.5,7/privyseal-pkcs11.7,8/privyseald.8}.gz >/dev/null"
check "bash has the completion" bash -n /usr/share/bash-completion/completions/privyseal
check "the example configuration is only comments" bash -c "! grep -v '^#' $etc/pkcs11.conf"
check "the daemon's users are there" id "${users[@]}"
if command -v systemd-analyze >/dev/null; then
    check "systemd understands the units" systemd-analyze verify /lib/systemd/system/privyseald.{service,socket}
else
    skip "systemd understands the units" "no systemd-analyze"
fi
check "apps registers the installed module" env HOME="$work" "$privyseal" apps add ssh
check "... which is the one" grep -qF "$module" "$work/.ssh/config"

# --- run, as root of the unit's few capabilities
capabilities=$(sed -n 's/^CapabilityBoundingSet=//p' /lib/systemd/system/privyseald.service | tr 'A-Z ' 'a-z,' | sed 's/cap_/+/g')
start() {
    setpriv --bounding-set "-all,$capabilities" --no-new-privs "$privyseald" --foreground >>"$work/log" 2>&1 </dev/null &
    daemon=$!
    for _ in {1..200}; do
        as operator status >/dev/null 2>&1 && return 0
        kill -0 $daemon 2>/dev/null || break
        sleep 0.1
    done
    cat "$work/log"
    return 1
}
port=$(free_port)
check "a deployment is made where the unit looks for it" "$privyseal" init "$server" --server-config "$etc/privyseald.conf" \
    --realm test --listen "127.0.0.1:$port" --hostname localhost --signers 1 --allow-software-hsm \
    --front-user "${users[0]}" --signer-user "${users[1]}"
start >"$work/output" && report ok "the daemon starts with what the unit allows" || report not-ok "the daemon starts with what the unit allows" "$work/output"
holds "front and signer are the two users" "${users[*]:0:2}" "$(pgrep -P "$daemon" | xargs -r ps -o user:32= -p | sort | xargs)"
check "a user is enrolled" enroll ann
check "a key is made" key ann p-256 one
sign() {
    PRIVYSEAL_CONF=$work/ann/pkcs11.conf pkcs11-tool --module "$module" --login --pin "$pin" --sign \
        --mechanism ECDSA-SHA256 --input-file "$module" --output-file "$work/signature"
}
check "it signs" sign
proxied() {
    PRIVYSEAL_CONF=$work/ann/pkcs11.conf pkcs11-tool --module "${module%/pkcs11/*}/p11-kit-proxy.so" --token-label ann \
        --login --pin "$pin" --sign --mechanism ECDSA-SHA256 --input-file "$module" --output-file "$work/signature"
}
check "it signs through p11-kit" proxied

# --- upgrade
echo '# by the administrator' >>"$etc/pkcs11.conf"
check "they upgrade while the daemon runs" dpkg -i "$work"/new/*.deb
holds "all three" "99.0 99.0 99.0" "$(dpkg-query -W -f '${Version} ' "${packages[@]}" | xargs)"
check "the administrator's change stays" grep -q '^# by the administrator' "$etc/pkcs11.conf"
check "the daemon that ran goes on" sign
stop
start >"$work/output" && report ok "the new one starts" || report not-ok "the new one starts" "$work/output"
check "the same key signs" sign
stop

# --- remove, and again
check "they are removed" dpkg --remove "${packages[@]}"
[[ ! -e $module && ! -e $privyseal && ! -e $privyseald ]] && report ok "the programs are gone" || report not-ok "the programs are gone"
[[ -e $etc/privyseald.conf && -e $etc/pkcs11.conf && -d $server/store ]] && report ok "configuration and keys are not" ||
    report not-ok "configuration and keys are not"
check "they are installed again" dpkg -i "$work"/new/*.deb
start >"$work/output" && report ok "the deployment is there" || report not-ok "the deployment is there" "$work/output"
check "and signs" sign
stop

# --- purge
check "they are purged" dpkg --purge "${packages[@]}"
says "$server holds users' keys" && report ok "it is said that the keys stay" || report not-ok "it is said that the keys stay" "$work/output"
[[ -d $server/store && ! -e $etc ]] && report ok "keys stay, configuration does not" || report not-ok "keys stay, configuration does not"
check "so do the users who own them" id "${users[@]}"
rm -r "$server"
dpkg -i "$work"/new/*.deb >/dev/null 2>&1
check "without a deployment they are purged, too" dpkg --purge "${packages[@]}"
left() { ls -d "$etc" "$server" 2>/dev/null; find /etc/systemd/system -lname '*privyseald*'; getent passwd "${users[@]}"; dpkg -l "${packages[@]}" 2>/dev/null | grep '^[a-z][ic]'; }
holds "and nothing is left" "" "$(left)"
