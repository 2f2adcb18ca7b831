#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Partitions spread over signers: two of them and users on both, a third added later. And after all of them were killed,
# every user's key still signs.
partitions=2
. "$(dirname "$0")/lib.sh"

directories() { ls -d "$server"/hsm/partitions "$server"/hsm/partitions-[0-9] 2>/dev/null; }
# How many partitions each signer has: it keeps a backup of each, and none of the master keys' token.
homes() {
    local directory
    for directory in $(directories); do find "$directory-backup" -mindepth 1 -maxdepth 1 -type d | wc -l; done | xargs
}
# A certificate request is signed by the key that it is for.
signs() {
    as "$1" cert request "$work/$1/csr" --key one --subject "/CN=$1" --pin-file "$work/$1/pin" &&
        openssl req -in "$work/$1/csr" -verify -noout
}
one_more_signer() { set_config server.partitions=3 && "$privyseald" --config "$server/privyseald.conf" --provision partitions; }
is() { if [[ $2 == "$3" ]]; then report ok "$1"; else echo "have $2, want $3" >"$work/output"; report not-ok "$1" "$work/output"; fi; }
said() { if says "$2"; then report ok "$1"; else report not-ok "$1" "$work/output"; fi; }
kill_signers() { for pid in $(child signer); do kill -9 "$pid"; done; }

deploy server.partition_users=2
for user in ann ben cid dan; do
    check "$user gets a partition" enroll $user partition
    check "$user makes a key in it" key $user p-256 one
    check "$user signs" signs $user
done
is "two signers have two partitions each" "$(homes)" "2 2"
refuse 1 "a fifth user is refused when every signer is full" as operator user add eve --custody partition
said "it is a limit of the deployment" "A limit of the deployment is reached"

check "a third signer's place is made" one_more_signer
check "making it again changes nothing" one_more_signer
said "it says so" '"made": 0'
stop
start || bail "privyseald did not start with three partition signers"
check "the fifth user gets a partition" enroll eve partition
check "the fifth user makes a key in it" key eve p-256 one
is "it is at the new signer" "$(homes)" "2 2 1"

is() { if [[ $2 == "$3" ]]; then report ok "$1"; else echo "have $2, want $3" >"$work/output"; report not-ok "$1" "$work/output"; fi; }
kill_signers
for user in ann ben cid dan eve; do check "$user signs after every signer was killed" signs $user; done

# From wrapped custody into a partition: an operator's consent, the user's PIN, and what comes along.
set_config server.partition_users=3
stop
start || bail "privyseald did not start with room for three users"
check "a user of wrapped custody is enrolled" enroll fay
check "makes a key" key fay p-256 one
refuse 1 "nobody moves without an operator" as fay token move --custody partition --yes --pin-file "$work/fay/pin"
check "an operator allows it" as operator user move fay --custody partition
check "which changes nothing yet" signs fay
is "and makes no partition" "$(homes)" "2 2 1"
check "the user moves" as fay token move --custody partition --yes --pin-file "$work/fay/pin"
is "into a partition" "$(homes)" "2 2 2"
check "the old key signs" signs fay
check "a new one is made in the partition" key fay ed25519 two
check "the old key is deleted" as fay key delete one --yes --pin-file "$work/fay/pin"
check "the new one stays" grep -q two <(as fay key list)

stop
set_config server.signers=1
start || bail "privyseald did not start with one signer less"
for user in ann ben eve; do check "$user signs with another number of wrapped signers" signs $user; done
stop
