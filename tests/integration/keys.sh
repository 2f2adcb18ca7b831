#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a user does with keys besides signing, by pkcs11-tool against the real daemon, in both kinds of custody: made
# with a use, decrypting, deriving, renamed, certified, deleted; the PIN for each signature, the PIN changed. OpenSSL
# is the other side each time.
. "$(dirname "$0")/lib.sh"

tool() { pkcs11-tool --module "$module" "$@"; }
in_login() { tool --login --pin "$pin" "$@"; }
# public LABEL FILE: the public key of that label, PEM. (pkcs11-tool 0.23 reads EC keys from memory that it has freed.)
public() { p11tool --provider "$module" --batch --export "pkcs11:object=$1;type=public" --outfile "$2"; }
objects() { in_login --list-objects --type "$1"; }
count() { grep -c "^$1" "$work/output"; }
same() { cmp "$work/$1" "$work/$2"; }

make() { # LABEL ID TYPE USAGE
    in_login --keypairgen --label "$1" --id "$2" --key-type "$3" "--usage-$4"
}

decrypt() { # MECHANISM OPENSSL-OPTION...
    local mechanism=$1
    shift
    public opens "$work/opens.pem" && printf 'the launch code' >"$work/plain" &&
        openssl pkeyutl -encrypt -pubin -inkey "$work/opens.pem" "$@" -in "$work/plain" -out "$work/cipher" &&
        in_login --decrypt --id 4502 --mechanism "$mechanism" --input-file "$work/cipher" --output-file "$work/decrypted" \
            "${options[@]}" && same plain decrypted
}

derive() {
    openssl ecparam -name prime256v1 -genkey -noout -out "$work/peer.key" &&
        openssl pkey -in "$work/peer.key" -pubout -outform DER -out "$work/peer.der" && public agrees "$work/agrees.pem" &&
        openssl pkeyutl -derive -inkey "$work/peer.key" -peerkey "$work/agrees.pem" -out "$work/expected" &&
        in_login --derive --id 4503 --mechanism ECDH1-DERIVE --input-file "$work/peer.der" --output-file "$work/shared" &&
        same expected shared
}

sign() { # ID
    head -c 32 /dev/urandom >"$work/digest"
    in_login --sign --id "$1" --mechanism "${2-RSA-PKCS}" --input-file "$work/digest" --output-file "$work/signature"
}

sign_and_verify() { # ID LABEL
    sign "$1" && public "$2" "$work/signer.pem" &&
        openssl pkeyutl -verify -pubin -inkey "$work/signer.pem" -in "$work/digest" -sigfile "$work/signature"
}

certificate_for() { # KEY-OPTION...: a certificate of OpenSSL's, which only its public key matters of
    openssl req -x509 -newkey rsa:2048 -nodes -keyout "$work/issuer.key" -subj /CN=issuer -out "$work/issuer.pem" -days 2 &&
        openssl x509 -new -force_pubkey "$work/signer.pem" -subj /CN=ann -CAkey "$work/issuer.key" -CA "$work/issuer.pem" \
            -days 2 -outform DER -out "$work/ann.der"
}

change_pin_and_back() {
    tool --change-pin --pin "$pin" --new-pin 864209 && tool --login --pin 864209 --list-objects --type privkey &&
        tool --change-pin --pin 864209 --new-pin "$pin"
}

deploy
for custody in wrapped partition; do
    user=user-$custody options=()
    check "a user of $custody custody is enrolled" enroll "$user" "$custody"
    export PRIVYSEAL_CONF=$work/$user/pkcs11.conf

    check "a key is made to sign" make signs 4501 rsa:2048 sign
    check "a key is made to decrypt" make opens 4502 rsa:2048 decrypt
    check "a key is made to derive" make agrees 4503 EC:prime256v1 derive
    check "a key is made as pkcs11-tool makes them: it signs" in_login --keypairgen --label plain --id 4504 --key-type EC:secp384r1
    refuse 1 "a second key of one id is not made" make twice 4501 rsa:2048 sign
    check "each says what it does" objects privkey
    grep -q "Usage: *sign" "$work/output" && grep -q "Usage: *decrypt" "$work/output" && grep -q "Usage: *derive" "$work/output" &&
        report ok "sign, decrypt, derive" || report not-ok "sign, decrypt, derive" "$work/output"

    check "the one signs" sign_and_verify 4501 signs
    check "the other opens what OpenSSL encrypts" decrypt RSA-PKCS
    options=(--hash-algorithm SHA-1)
    check "with OAEP too" decrypt RSA-PKCS-OAEP -pkeyopt rsa_padding_mode:oaep
    options=()
    check "the third agrees with OpenSSL on a secret" derive
    refuse 1 "the one that decrypts does not sign" sign 4502
    refuse 1 "the one that derives does not sign" sign 4503 ECDSA
    refuse 1 "the one that signs does not decrypt" in_login --decrypt --id 4501 --mechanism RSA-PKCS --input-file "$work/cipher"

    check "a certificate is made for it" certificate_for
    check "and written to the token" in_login --write-object "$work/ann.der" --type cert --label signs --id 4501
    check "it is read back" tool --read-object --type cert --id 4501 --output-file "$work/back.der"
    check "as it was" same ann.der back.der
    check "key and certificate get another id" in_login --set-id 4599 --id 4501 --type privkey
    check "by which both are found" tool --read-object --type cert --id 4599 --output-file "$work/back.der"
    check "and it signs as before" sign_and_verify 4599 signs
    refuse 1 "the id of another key is refused" in_login --set-id 4502 --id 4599 --type privkey
    check "the certificate is deleted" in_login --delete-object --type cert --id 4599
    check "the key stays" sign 4599
    check "the key is deleted" in_login --delete-object --type privkey --id 4599
    refuse 1 "it signs no more" sign 4599
    check "the others are there" objects privkey
    [[ $(count "Private Key Object") == 3 ]] && report ok "three of them" || report not-ok "three of them" "$work/output"

    check "a key is made that wants the PIN each time" as "$user" key generate --type p-256 --label strict --always-authenticate \
        --pin-file "$work/$user/pin"
    id=$(as "$user" --json key list | jq -r '.[] | select(.label == "strict") | .id')
    check "it signs, as pkcs11-tool gives the PIN again" sign "$id" ECDSA
    check "a key is deleted by the command line" as "$user" key delete strict --yes --pin-file "$work/$user/pin"
    refuse 1 "and is gone" as "$user" key delete strict --yes --pin-file "$work/$user/pin"
    refuse 2 "without an answer nothing is deleted" as "$user" key delete plain --pin-file "$work/$user/pin"

    check "the PIN is changed, used, and changed back" change_pin_and_back
    check "pkcs11-tool --test finds no fault" in_login --test
    says "No errors" && report ok "and says so" || report not-ok "and says so" "$work/output"
done

check "the audit logs hold together" as operator audit verify
check "and tell of what was deleted" as operator audit show
says "object.delete" && says "sign.once" && says "decrypt" && report ok "by name" || report not-ok "by name" "$work/output"
