#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# GnuTLS through p11-kit: p11tool lists and test-signs, certtool makes a certificate request and a certificate.
. "$(dirname "$0")/lib.sh"

export GNUTLS_PIN=$PIN GNUTLS_NO_IMPLICIT_INIT=
p11() { p11tool --provider "$MODULE" --batch "$@"; }

check "p11tool lists the tokens" p11 --list-tokens
token=$(sed -n 's/^[[:space:]]*URL: //p' "$work/output" | grep -F "token=$(jq -rn --arg token "$TOKEN" '$token | @uri')" | head -n 1)
[[ $token ]] && report ok "the token has a URL" || { report not-ok "the token has a URL"; exit; }
check "p11tool lists everything before login" p11 --list-all "$token"
check "p11tool lists everything after login" p11 --list-all --login "$token"
expect "private keys are among it" "type=private"
check "p11tool lists mechanisms" p11 --list-mechanisms "$token"

load_keys
for key in "${keys[@]}"; do
    id=${key% *} type=${key#* } object="$token;id=$(uri_id "${key% *}")"
    # Ed25519 has a hash of its own; p11tool 3.7 test-signs with SHA-256 all the same.
    if [[ $type == ed25519 ]]; then
        hash=()
        skip "p11tool test-signs with the $type key $id" "GnuTLS 3.7 wants to hash for it"
    else
        hash=(--hash SHA256)
        check "p11tool test-signs with the $type key $id" p11 --test-sign --login "$object;type=private"
    fi
    check "p11tool exports the public key of $id" p11 --export-pubkey --login "$object;type=private"
    printf 'cn = conformance\nsigning_key\n' >"$work/template"
    check "certtool requests a certificate with the $type key $id" certtool --provider "$MODULE" --generate-request \
        --load-privkey "$object;type=private" --load-pubkey "$work/$id.pub.pem" --template "$work/template" \
        "${hash[@]}" --outfile "$work/request.pem"
    check "openssl verifies that request" openssl req -in "$work/request.pem" -noout -verify
    printf 'cn = conformance\nca\ncert_signing_key\nserial = 7\nexpiration_days = 3\n' >"$work/template"
    check "certtool makes a certificate with the $type key $id" certtool --provider "$MODULE" --generate-self-signed \
        --load-privkey "$object;type=private" --load-pubkey "$work/$id.pub.pem" --template "$work/template" \
        "${hash[@]}" --outfile "$work/self.pem"
    check "openssl verifies that certificate" openssl verify -check_ss_sig -CAfile "$work/self.pem" "$work/self.pem"
done
