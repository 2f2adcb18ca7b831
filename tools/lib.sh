# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# lib.sh - what the scripts in this folder share. Source it; it sets $root, the repository.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '%s\n' "$*"; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# install KIND... : Debian packages of these kinds (tools/packages) that are missing. Needs root only if some are.
install() {
    local kinds=" $* " kind rest package missing=()
    while read -r kind rest; do
        [[ $kinds == *" $kind "* ]] || continue
        for package in $rest; do
            dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
        done
    done < <(grep -v '^#' "$root/tools/packages")
    ((${#missing[@]})) || return 0
    [[ $EUID == 0 ]] || die "these Debian packages are missing, and only root can install them: ${missing[*]}"
    say "Installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq >/dev/null || die "apt-get update failed: is there a package source?"
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null </dev/null ||
        die "apt-get install failed: see above"
}

# build DIR MESON-OPTION... : configures once, then compiles what changed; quiet unless it fails.
build() {
    local dir=$1 log
    shift
    log=$(mktemp)
    if [[ ! -f $dir/build.ninja ]]; then
        meson setup "$dir" "$root" "$@" >"$log" 2>&1 </dev/null || { cat "$log" >&2; rm -f "$log"; die "meson setup failed"; }
    fi
    ninja -C "$dir" >"$log" 2>&1 </dev/null || { tail -n 60 "$log" >&2; rm -f "$log"; die "the build failed"; }
    rm -f "$log"
}
