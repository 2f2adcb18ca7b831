# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# lib_namespace.sh - a network of the script's own, in which packets can be lost. Source it before everything else: it
# starts the script again in a namespace, where that is permitted.
#
#   has_network          whether it is so, with a firewall
#   drop EXPRESSION...   packets that match nft's EXPRESSION vanish, without a word to anybody
#   drop_nothing         and are there again
#   has_names            whether the resolver's files can be the script's own, too
#   names FILE [SERVER]  /etc/hosts is FILE; who is not in it is asked for at SERVER
if [[ ! ${PRIVYSEAL_IN_NAMESPACE-} ]] && unshare -n true 2>/dev/null; then
    if unshare -nm true 2>/dev/null; then PRIVYSEAL_IN_NAMESPACE=files exec unshare -nm "$0" "$@"; fi
    PRIVYSEAL_IN_NAMESPACE=network exec unshare -n "$0" "$@"
fi
[[ ${PRIVYSEAL_IN_NAMESPACE-} ]] && ip link set lo up

has_network() { [[ ${PRIVYSEAL_IN_NAMESPACE-} ]] && nft list ruleset >/dev/null 2>&1; }

drop() {
    nft add table ip wall && nft add chain ip wall out '{ type filter hook output priority 0; }' && nft add rule ip wall out "$@" drop
}
drop_nothing() { nft flush ruleset; }

has_names() { [[ ${PRIVYSEAL_IN_NAMESPACE-} == files && -f /etc/resolv.conf ]]; }
names() {
    local file ours
    for file in hosts resolv.conf; do
        [[ ${names_are_ours-} ]] && continue
        ours=$(mktemp) && chmod 644 "$ours" && mount --bind "$ours" "/etc/$file" && rm "$ours" || return
    done
    names_are_ours=yes # what is written below is seen by nobody else
    cat "$1" >/etc/hosts
    echo "${2:+nameserver $2}" >/etc/resolv.conf
}
