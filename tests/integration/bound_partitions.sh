#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Partitions that an HSM's administrator made: tokens of softhsm2-util, in a directory that our configuration does not
# name. They become users' with the PINs that came along, and nobody's afterwards.
. "$(dirname "$0")/lib.sh"

deploy
stop
# --- the HSM's administrator: a configuration of the library of his own, with the token of the master keys and three more
mkdir "$work/hsm"
cp -a "$server"/hsm/tokens/. "$work/hsm/"
printf 'directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n' "$work/hsm" >"$work/hsm.conf"
hsm() { SOFTHSM2_CONF=$work/hsm.conf "$@"; }
for name in one two three; do
    hsm softhsm2-util --init-token --free --label $name --so-pin so-$name-1234 --pin transport-$name >/dev/null 2>&1 || bail "no token"
done
serial() { hsm softhsm2-util --show-slots | grep -B 3 "Label: *$1 *\$" | sed -n 's/.*Serial number: *//p'; }
for name in one two three; do printf 'transport-%s\n' $name >"$work/$name.pin"; done
printf 'so-one-1234\n' >"$work/one.so"
printf 'nonsense\n' >"$work/wrong.pin"
chmod -R u+rwX "$work/hsm"
((EUID != 0)) || { chmod 711 "$work"; chown -R 64302 "$work/hsm"; }
sed -i '/^partition_directory/d' "$server/privyseald.conf"
set_config "hsm.partition_environment=SOFTHSM2_CONF=$work/hsm.conf"
set_config server.partitions=2
start || bail "privyseald did not start"


# --- what the tests do
begin() { # USER CUSTODY: a device and an activation code, no PIN yet
    mkdir -p "$work/$1"
    as operator --json user add "$1" --custody "$2" | activation_code >"$work/$1/code" && device "$1"
}
sets_pin() { as "$1" pin set --code-file "$work/$1/code" --pin-file "$work/$1/pin" "${@:2}"; }
# A certificate request is signed by the key that it is for.
signs() {
    as "$1" cert request "$work/$1/csr" --key "${2-one}" --subject "/CN=$1" --pin-file "$work/$1/pin" &&
        openssl req -in "$work/$1/csr" -verify -noout
}
hsm_opens() { hsm pkcs11-tool --module /usr/lib/softhsm/libsofthsm2.so --token-label "$1" --login --login-type "$2" --"$3" "$4" --list-objects; }
said() { if says "$2"; then report ok "$1"; else report not-ok "$1" "$work/output"; fi; }

# --- with both PINs: nobody but the user is left
check "ann is added" begin ann partition
refuse 1 "ann has no partition before one is bound" sets_pin ann
said "and is told what is missing" "privyseal partition bind"
refuse 1 "the token of the master keys is nobody's partition" as operator partition bind ann "$(serial "privyseal test")"
refuse 1 "nor is one that is not there" as operator partition bind ann 0123456789abcdef
check "an operator binds one" as operator partition bind ann "$(serial one)"
refuse 1 "the PIN that came along is asked for" sets_pin ann
said "by its option" "--transport-pin-file"
refuse 1 "a wrong one is refused" sets_pin ann --transport-pin-file "$work/wrong.pin"
refuse 1 "so is a wrong SO PIN" sets_pin ann --transport-pin-file "$work/one.pin" --so-pin-file "$work/wrong.pin"
check "after which the HSM's administrator still gets in" hsm_opens one user pin transport-one
check "ann sets her PIN" sets_pin ann --transport-pin-file "$work/one.pin" --so-pin-file "$work/one.so"
refuse 1 "the administrator's user PIN is no good any more" hsm_opens one user pin transport-one
refuse 1 "nor is the SO PIN" hsm_opens one so so-pin so-one-1234
check "ann makes a key" key ann p-256 one
check "and signs" signs ann
check "also after a change of PIN" as ann pin change --pin-file "$work/ann/pin" --new-pin-file "$work/ann/pin"
check "..." signs ann
check "no SO PIN can open it" jq -e '.hsm_officer_can_reset == false' <(as ann --json token show)

# --- one partition, one user
check "ben is added" begin ben partition
refuse 1 "ann's partition is not ben's too" as operator partition bind ben "$(serial one)"
refuse 1 "ann's stays hers" as operator partition bind ann "$(serial two)"

# --- without the SO PIN: the user is told
check "ben gets another" as operator partition bind ben "$(serial two)"
check "ben sets his PIN, without the SO PIN" sets_pin ben --transport-pin-file "$work/two.pin"
check "and is told who could reset it" jq -e '.hsm_officer_can_reset' <(as ben --json token show)
check "ben makes a key" key ben p-256 one
check "and signs" signs ben
# The HSM's administrator does what nobody can keep him from: the user notices at the next login.
kill_signers() { for pid in $(child signer); do kill -9 "$pid"; done; sleep 0.2; }
taken() { hsm pkcs11-tool --module /usr/lib/softhsm/libsofthsm2.so --token-label two --login --login-type so --so-pin so-two-1234 --init-pin --new-pin taken-over; }
check "the HSM's administrator resets ben's PIN" taken
kill_signers
refuse 1 "ben's PIN opens nothing then" signs ben
said "and he is told that something is wrong" "altered"

# --- from wrapped custody into a bound one
check "cid is enrolled in wrapped custody" enroll cid
check "with a key" key cid p-256 one
check "gets a partition" as operator partition bind cid "$(serial three)"
check "signs as before" signs cid
refuse 1 "moves only with the PIN that came along" as cid token move --custody partition --yes --pin-file "$work/cid/pin"
check "moves" as cid token move --custody partition --yes --pin-file "$work/cid/pin" --transport-pin-file "$work/three.pin"
check "makes another key" key cid p-256 two
check "signs with the old one" signs cid
check "and with the new one" signs cid two
refuse 1 "the partition is the user's alone" hsm_opens three user pin transport-three
check "every record of it is in the log" as operator audit verify
stop
