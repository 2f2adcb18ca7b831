#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# OpenSSL's command line through the engine of libp11: dgst, req, cms.
. "$(dirname "$0")/lib.sh"

write_engine_config
engine() { OPENSSL_CONF=$work/openssl.cnf openssl "$@"; }

check "the engine takes the module" engine engine -t pkcs11
skip "the provider of OpenSSL 3 takes the module" "Debian 12 packages the engine, but no PKCS#11 provider"
load_keys
if has_edwards; then
    skip "dgst, req and cms sign" "libp11 0.4.12 finds no key at all on a token with an Ed25519 key"
    exit
fi

dgst() { # ID OPTION...
    local id=$1
    shift
    engine dgst -engine pkcs11 -keyform engine -sign "$(uri "$id");type=private" "$@" -out "$work/signature" \
        "$work/document" && openssl dgst -verify "$work/$id.pub.pem" "$@" -signature "$work/signature" "$work/document"
}

cms() {
    local id=$1
    engine cms -sign -binary -nodetach -engine pkcs11 -keyform engine -inkey "$(uri "$id");type=private" \
        -signer "$work/$id.pem" -in "$work/document" -outform DER -out "$work/cms.der" &&
        openssl cms -verify -binary -noverify -inform DER -in "$work/cms.der" -out "$work/content" &&
        cmp "$work/document" "$work/content"
}

for key in "${keys[@]}"; do
    id=${key% *} type=${key#* }
    case $type in rsa-* | prime* | secp*) ;; *) continue ;; esac
    for hash in sha256 sha384 sha512; do
        check "dgst: $type key $id signs with $hash" dgst "$id" -$hash
    done
    [[ $type == rsa-* ]] && check "dgst: $type key $id signs with PSS" dgst "$id" -sha256 \
        -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest
    check "req: $type key $id signs a request" engine req -new -engine pkcs11 -keyform engine \
        -key "$(uri "$id");type=private" -sha256 -out "$work/request.pem"
    check "req: openssl verifies it" openssl req -in "$work/request.pem" -noout -verify
    if [[ -f $work/$id.pem ]]; then
        check "cms: $type key $id signs a document, openssl verifies it" cms "$id"
    else
        skip "cms: $type key $id signs a document, openssl verifies it" "the token has no certificate for it"
    fi
done
