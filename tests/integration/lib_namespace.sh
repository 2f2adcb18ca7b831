# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# lib_namespace.sh - a network of the script's own, in which packets can be lost. Source it before everything else: it
# starts the script again in a namespace, where that is permitted.
#
#   has_network          whether it is so, with a firewall
#   drop EXPRESSION...   packets that match nft's EXPRESSION vanish, without a word to anybody
#   drop_nothing         and are there again
if [[ ! ${PRIVYSEAL_IN_NAMESPACE-} ]] && unshare -n true 2>/dev/null; then
    PRIVYSEAL_IN_NAMESPACE=1 exec unshare -n "$0" "$@"
fi
[[ ${PRIVYSEAL_IN_NAMESPACE-} ]] && ip link set lo up

has_network() { [[ ${PRIVYSEAL_IN_NAMESPACE-} ]] && nft list ruleset >/dev/null 2>&1; }

drop() {
    nft add table ip wall && nft add chain ip wall out '{ type filter hook output priority 0; }' && nft add rule ip wall out "$@" drop
}
drop_nothing() { nft flush ruleset; }
