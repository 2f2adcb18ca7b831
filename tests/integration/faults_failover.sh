#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The primary's machine of a Patroni cluster dies (its PostgreSQL and its Patroni, kill -9), and a standby takes over, while
# applications sign and log in and others write. With synchronous_mode, as here, nothing that was acknowledged is lost:
#
#     signing under a lease        goes on
#     logging in                   waits for the new primary; its deadline (30 s) outlasts that
#     wrong PINs of before         are still counted
#     a PIN changed just before    is the PIN
#     keys, made all the time      each that was acknowledged is there
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib_load.sh"
. "$(dirname "$0")/lib_patroni.sh"

if ! can_patroni; then
    skip "a fail-over" "patroni and etcd are not installed"
    exit 0
fi

# make_keys USER: until $work/enough is there; labels of those that were acknowledged go to $work/made
make_keys() {
    local number=0
    until [[ -e $work/enough ]]; do
        number=$((number + 1))
        as "$1" key generate --type p-256 --label "key$number" --pin-file "$work/$1/pin" >/dev/null 2>>"$work/unmade" &&
            echo "key$number" >>"$work/made"
    done
}

guess() { as ben key generate --pin-file "$work/wrong" >/dev/null 2>&1; }
change_pin() { as ben pin change --pin-file "$work/ben/pin" --new-pin-file "$work/ben/new" >/dev/null; }

lose_primary() {
    local primary
    primary=$(patroni_primary) || return
    change_pin && ! guess && ! guess || return
    patroni_kill "$primary"
    await_patroni 40 patroni_primary || return
    echo "member $primary died, member $(patroni_primary) leads"
    sleep 1
    patroni_start "$primary"
}

are_keys_there() {
    local label
    as cat key list >"$work/listed" || return
    while read -r label; do grep -qw "$label" "$work/listed" || { echo "$label was acknowledged and is lost"; return 1; }; done <"$work/made"
}

make_patroni
init_options=(--store "$patroni_store")
deploy
refuse 1 "the signers know that the standby is synchronous" grep store.asynchronous "$server/log"
load_user ann
check "others are enrolled" eval 'enroll ben && enroll cat && key ben p-256 one'
printf '000000\n' >"$work/wrong"
printf '840265\n' >"$work/ben/new"
: >"$work/made"
make_keys cat &
writer=$!

# name                                        Sign   Unlock
during "the primary dies, a standby leads"    3500   25000 lose_primary
sed 's/^/# /' "$work/fault"

touch "$work/enough"
wait $writer
check "the wrong PINs of before are counted" test "$(as operator --json user show ben | jq .failures)" = 2
check "the PIN that was changed is the PIN" as ben key generate --type p-256 --label two --pin-file "$work/ben/new"
check "each key that was acknowledged is there ($(wc -l <"$work/made"))" are_keys_there
check "the dead member comes back as a standby" await_patroni 40 patroni_is_safe
load_records "each signature given has its one record"
