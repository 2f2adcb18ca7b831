#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The drill: a deployment with a key ceremony is backed up while it signs, its machine is lost, and two of three officers
# make it again with a new HSM. And what somebody gets who has the backup and not the officers.
. "$(dirname "$0")/lib.sh"

sign() { "$PRIVYSEAL_BUILD_ASAN/tests/integration/sign_loop" "$module" "$1" "$2" "$3" "${4:-0}"; }
# signs USER PIN COUNT: a module of the user's own signs; each signature is checked
signs() { PRIVYSEAL_CONF="$work/$1/pkcs11.conf" sign "$@"; }
answer() { "$privyseal" officer share --yes --key "$work/$1.key" "$2" "$work/$1.share"; }
share() { answer "$1" "$server/restore.request" >/dev/null 2>&1; }
restore() { "$privyseal" restore "$work/backup" "$server" --root "$work/safe/root.pem" "$@"; }

officers=(olga oskar otto)
for officer in "${officers[@]}"; do
    check "officer $officer makes a key" "$privyseal" officer key "$work/$officer.key"
done
init_options=(--quorum 2 --officers "$work/olga.pub,$work/oskar.pub,$work/otto.pub")
deploy
mkdir "$work/safe" # what is not on the machine: the CA, the root certificate, the operators' keys
cp "$server/tls/root.pem" "$server/tls/audit.pem" "$work/safe/"

check "a user with a wrapped key" enroll wilhelmina
check "signs" eval 'key wilhelmina p-256 one import && signs wilhelmina $pin 3'
check "a user with a partition" enroll peregrine partition
check "signs" eval 'key peregrine p-256 one && signs peregrine $pin 3'
check "a user whose PIN will change" enroll cornelius
check "signs" eval 'key cornelius p-256 one && signs cornelius $pin 1'
check "a user who mistypes" enroll theodora
for _ in 1 2 3; do refuse 4 "a wrong PIN" as theodora key generate --type p-256 --pin-file <(echo 000000); done

check "a key for documents" key wilhelmina rsa-2048 document import

# --- epochs after the ceremony: wrapped for the officers, too, and signed for by the root

epoch() { "$privyseal" --json epoch "$@" --server-config "$server/privyseald.conf"; }
# rows KIND EPOCH: how many need it; nothing if there is none
rows() { epoch list | jq ".[] | select(.kind == \"$1\" and .epoch == $2) | .rows"; }
restart() { stop && start; }
is() { [[ $1 == "$2" ]] || { echo "\"$1\" instead of \"$2\""; return 1; }; }
# certifies LABEL: a request that only wilhelmina's key can sign, checked with its own public key
certifies() {
    as wilhelmina cert request "$work/request.pem" --key "$1" --pin-file "$work/wilhelmina/pin" &&
        openssl req -in "$work/request.pem" -verify -noout
}
refuse 1 "no epoch is made that the root does not sign for" epoch new Kw
says "--ca" && report ok "which is said" || report not-ok "which is said" "$work/output"
check "nothing was made" is "$(rows Kw 2)" ""
cp "$server/tls/master-manifest" "$work/first-manifest"
cp "$server/master-backup" "$work/first-backup"
check "with the root it is made" epoch new Kw --ca "$server/ca"
check "the old backup of the master keys is kept" cmp "$server/master-backup.1" "$work/first-backup"
check "the new one has the epoch" is "$(jq '[.keys[] | select(.kind == "Kw")] | length' "$server/master-backup")" 2
cp "$server/tls/master-manifest" "$work/second-manifest"
cp "$work/first-manifest" "$server/tls/master-manifest"
check "signers that know only the old manifest start" restart
check "they warn" grep -q "hsm.stranger.*kind=Kw epoch=2" "$server/log"
check "a key is made" key wilhelmina p-256 between
check "not under an epoch that the manifest does not name" is "$(rows Kw 2)" 0
cp "$work/second-manifest" "$server/tls/master-manifest"
check "with the new manifest they start" restart
check "a key is made" key wilhelmina p-256 two
check "under the new epoch" is "$(rows Kw 2)" 1
check "it signs" certifies two
check "a new epoch of another key" epoch new Kx --ca "$server/ca"
refuse 1 "the first is not destroyed without the root" epoch destroy Kx 1 --yes
check "with the root it is" epoch destroy Kx 1 --yes --ca "$server/ca"
check "the backup of the master keys has the second alone" is "$(jq -c '[.keys[] | select(.kind == "Kx") | .epoch]' "$server/master-backup")" "[2]"
check "no older copy is left beside it" test ! -e "$server/master-backup.1"
cp "$server/tls/master-manifest" "$work/third-manifest"
check "an epoch that was made and not signed for" epoch new Kd --ca "$server/ca"
cp "$work/third-manifest" "$server/tls/master-manifest"
check "can be destroyed" epoch destroy Kd 2 --yes --ca "$server/ca"
check "and made anew" epoch new Kd --ca "$server/ca"
check "a new sealing key" epoch new Kseal --ca "$server/ca"
check "signers start with all of them" restart

# --- while it signs

signs wilhelmina "$pin" 60 50 >"$work/signing" 2>&1 &
signer=$!
check "a backup is made while users sign" "$privyseal" backup "$work/backup" --server-config "$server/privyseald.conf"
wait $signer && report ok "who did not notice" || report not-ok "who did not notice" "$work/signing"
check "it says what it holds" grep -q "master keys, wrapped for the officers" <("$privyseal" backup show "$work/backup")
[[ $("$privyseal" --json backup show "$work/backup" | jq .users) == 4 ]] && report ok "and of how many users" || report not-ok "and of how many users"
check "the root vouches for it" "$privyseal" backup verify "$work/backup" --root "$work/safe/root.pem"
check "the audit key, too" "$privyseal" backup verify "$work/backup" --audit-key "$work/safe/audit.pem"
refuse 1 "it is never written over another" "$privyseal" backup "$work/backup" --server-config "$server/privyseald.conf"

# --- after it

echo 861427 >"$work/newpin"
check "a PIN is changed after the backup" as cornelius pin change --pin-file "$work/cornelius/pin" --new-pin-file "$work/newpin"
check "the new one signs" signs cornelius 861427 1

# --- the thief of a backup

found() { LC_ALL=C grep -qaF -- "$1" "$work/backup"; }
for word in wilhelmina peregrine "PRIVATE KEY" "BEGIN CERTIFICATE" "signer_user"; do
    refuse 1 "the file does not tell \"$word\"" found "$word"
done
check "it does tell who the officers are" found olga
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/other.key" -out "$work/other.pem" \
    -subj /CN=other 2>/dev/null
refuse 1 "another root does not vouch for it" "$privyseal" backup verify "$work/backup" --root "$work/other.pem"
refuse 2 "nor does it for itself" "$privyseal" backup verify "$work/backup"
size=$(stat -c %s "$work/backup")
for at in 30 3000 $((size / 2)) $((size - 500)) $((size - 10)); do
    cp "$work/backup" "$work/altered"
    byte=$(od -An -tu1 -j "$at" -N1 "$work/altered")
    printf "\\x$(printf %02x $((byte ^ 1)))" | dd of="$work/altered" bs=1 seek="$at" conv=notrunc 2>/dev/null
    refuse 1 "byte $at cannot be another" "$privyseal" backup verify "$work/altered" --root "$work/safe/root.pem"
done

# --- the machine is lost

stop
mv "$server" "$work/lost"
check "a new machine asks the officers" restore
check "one officer gives a share" share olga
refuse 1 "one is not enough" restore "$work/olga.share"
says "1 of 2 officers" && report ok "and says how many there are" || report not-ok "and says how many there are" "$work/output"
refuse 1 "the same twice neither" restore "$work/olga.share" "$work/olga.share"
[[ $(ls "$server") == "restore.request
restore.request.key" ]] && report ok "nothing is left of a failed try" || report not-ok "nothing is left of a failed try"
refuse 1 "a stranger has no share" "$privyseal" officer share --yes --key "$server/restore.request.key" "$server/restore.request" "$work/stranger.share"
sed 's/"host": "/&x/' "$server/restore.request" >"$work/forged.request"
check "a share for another request" answer oskar "$work/forged.request"
refuse 1 "is none for this one" restore "$work/olga.share" "$work/oskar.share"
says oskar && report ok "whose it was is said" || report not-ok "whose it was is said" "$work/output"
check "a second officer gives a share" share oskar
check "two make the deployment again" restore "$work/olga.share" "$work/oskar.share"
[[ ! -e $server/restore.request.key && ! -e $server/restore.rows ]] && report ok "what could open the shares is gone" ||
    report not-ok "what could open the shares is gone"
cp -a "$work/lost/operator" "$work/lost/ca" "$server/" # which are not in a backup
start && report ok "it starts, with a new HSM" || report not-ok "it starts, with a new HSM" "$server/log"
check "a wrapped key signs, with the PIN as it was" signs wilhelmina "$pin" 3
check "a key of the first epoch signs" certifies between
check "a key of the second, too" certifies two
check "an epoch that was destroyed did not come back" is "$(rows Kx 1)" ""
check "a partition signs, with the PIN as it was" signs peregrine "$pin" 3
count=$(as operator --json audit show --user wilhelmina --event sign | jq length)
((count >= 6)) && report ok "its records are those of before and after" || report not-ok "its records are those of before and after ($count)"
refuse 4 "a mistyped PIN counts where it stood" as theodora key generate --type p-256 --pin-file <(echo 000000)
says "6 more wrong tries" && report ok "with the failures of before" || report not-ok "with the failures of before" "$work/output"
refuse 4 "the PIN that was changed later does not open" as cornelius key generate --type p-256 --pin-file "$work/newpin"
check "the old one does, and is to be changed again" signs cornelius "$pin" 1
check "the logs hold together" within 20 as operator audit verify --key "$work/safe/audit.pem"
says restore && report ok "and say that they go on from a backup" || report not-ok "and say that they go on from a backup" "$work/output"
restores=$(as operator --json audit show --event restore | jq length)
((restores >= 2)) && report ok "each log has it in its chain" || report not-ok "each log has it in its chain ($restores)"
check "the deployment is backed up again" "$privyseal" backup "$work/backup2" --server-config "$server/privyseald.conf"
check "which the same root vouches for" "$privyseal" backup verify "$work/backup2" --root "$work/safe/root.pem"

# --- a document

nss=$work/nss
mkdir "$nss"
certutil -N -d "sql:$nss" --empty-password
certutil -A -d "sql:$nss" -n root -t C,C,C -i "$work/safe/root.pem"
certutil -A -d "sql:$nss" -n authority -t ,, -i "$server/tls/ca-document.pem"
modutil -dbdir "sql:$nss" -force -add privyseal -libfile "$module" >/dev/null 2>&1
printf '%%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>endobj\ntrailer<</Size 4/Root 1 0 R>>\n%%%%EOF\n' >"$work/a.pdf"
pdf() { PRIVYSEAL_CONF=$work/wilhelmina/pkcs11.conf pdfsig -nssdir "sql:$nss" -nss-pwd "$pin" "$@"; }
check "pdfsig signs a document with a key from before" pdf -kpw "$pin" -add-signature -nick wilhelmina:document "$work/a.pdf" "$work/b.pdf"
check "pdfsig verifies it" pdf "$work/b.pdf"
says "Signature is Valid" && report ok "the signature is valid" || report not-ok "the signature is valid" "$work/output"
says "Certificate is Trusted" && report ok "the chain ends in the root" || report not-ok "the chain ends in the root" "$work/output"

# --- keys that the manifest does not vouch for

stop
cp "$server/tls/master-manifest" "$work/manifest"
jq '.keys[0].commitment |= (if startswith("0") then "1" else "0" end) + .[1:]' "$work/manifest" >"$server/tls/master-manifest"
refuse 69 "an altered manifest keeps the HSM closed" "$privyseald" --config "$server/privyseald.conf" --provision self-test
says "not signed by the deployment's root" && report ok "because the root did not sign it" || report not-ok "because the root did not sign it" "$work/output"
cp "$work/manifest" "$server/tls/master-manifest"
sed '/^manifest/d' "$server/privyseald.conf" >"$server/without.conf"
refuse 69 "without a manifest such keys are refused" "$privyseald" --config "$server/without.conf" --provision self-test
check "with it they are not" "$privyseald" --config "$server/privyseald.conf" --provision self-test

cp -a "$server/hsm/tokens" "$work/tokens"
softhsm=$(sed -n 's/^module = //p' "$server/privyseald.conf")
check "somebody with the HSM's login plants an epoch" env -C "$server" SOFTHSM2_CONF=hsm/softhsm2.conf pkcs11-tool --module "$softhsm" \
    --login --pin "$(cat "$server/hsm/pin")" --keygen --key-type AES:32 --label "privyseal Kd epoch 9"
refuse 69 "which keeps the HSM closed" "$privyseald" --config "$server/privyseald.conf" --provision self-test
says "privyseal Kd epoch 9" && report ok "and is named" || report not-ok "and is named" "$work/output"
rm -rf "$server/hsm/tokens"
mv "$work/tokens" "$server/hsm/tokens"
check "without it the HSM opens" "$privyseald" --config "$server/privyseald.conf" --provision self-test

# --- one more HSM

second() { sed "s#hsm/softhsm2.conf#hsm2/softhsm2.conf#; s#^pin_file = .*#pin_file = hsm2/pin#; s/^partitions = .*/partitions = no/" "$server/privyseald.conf" >"$server/second.conf"; }
mkdir -m 755 "$server/hsm2"
sed 's#hsm/tokens#hsm2/tokens#' "$server/hsm/softhsm2.conf" >"$server/hsm2/softhsm2.conf"
second
add() { "$privyseal" hsm add "$server/second.conf" "$work/add.request" "$@"; }
check "another HSM is asked for" add --master-backup "$server/master-backup"
check "an officer gives a share" answer otto "$work/add.request"
refuse 1 "one is not enough" add "$work/otto.share"
check "a second one gives a share" answer olga "$work/add.request"
check "two put the master keys into it" add "$work/otto.share" "$work/olga.share"
mv "$server/privyseald.conf" "$server/first.conf"
mv "$server/second.conf" "$server/privyseald.conf"
start && report ok "signers start with it" || report not-ok "signers start with it" "$server/log"
check "a key that was wrapped by the first signs by the second" signs wilhelmina "$pin" 3

# --- another database

stop
check "all rows go into another database" "$privyseal" store migrate "sqlite:store/moved.db" --server-config "$server/privyseald.conf"
check "which the configuration names" grep -q "^url = sqlite:store/moved.db" "$server/privyseald.conf"
start && report ok "from which it goes on" || report not-ok "from which it goes on" "$server/log"
check "a key signs" signs wilhelmina "$pin" 1

# --- a key that the officers do not hold

check "an epoch is born in the HSM alone" epoch new Kd --without-backup
check "a backup is made" "$privyseal" backup "$work/backup3" --server-config "$server/privyseald.conf"
[[ $("$privyseal" --json backup show "$work/backup3" | jq -r '.keys_not_included[]') == "Kd epoch 3" ]] &&
    report ok "which says that this key is not in it" || report not-ok "which says that this key is not in it"
