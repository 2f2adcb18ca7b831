#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# OpenSC's pkcs11-tool: lists, tests itself, signs with every mechanism; openssl verifies.
. "$(dirname "$0")/lib.sh"

check "lists slots" pkcs11-tool --module "$MODULE" -L
expect "the token is among them" "$TOKEN"
check "lists mechanisms" tool -M
cp "$work/output" "$work/mechanisms"
check "lists objects before login" tool -O
check "lists objects after login" tool_as_user -O
expect "private keys are among them" "Private Key Object"
self_test() { # OPTION...: it has to say that there are no errors, too
    local status
    tool_as_user --test "$@" >"$work/report" 2>"$work/faults"
    status=$?
    grep -v "can't be used" "$work/report"
    cat "$work/faults"
    grep -q '^No errors' "$work/report" && return $status
}
check "--test finds no fault" self_test
check "--test with software mechanisms finds no fault" self_test --allow-sw
# Commands of two letters: C_Initialize with NULL or with locking, C_GetInfo, C_GetSlotList, C_GetTokenInfo.
check "--test-threads: two threads initialize without locking" tool --test-threads IN --test-threads IN -L
check "--test-threads: two threads initialize and read the token" tool --test-threads ILGISLT0 --test-threads ILGISLT0 -L
check "--test-fork: a child initializes the module" tool --test-fork

load_keys

# sign_and_verify ID MECHANISM HASH PADDING: HASH is empty if the mechanism takes a digest
sign_and_verify() {
    local id=$1 mechanism=$2 hash=${3,,} padding=$4 input=$work/document options=() pss=()
    rm -f "$work/signature"
    if [[ $padding == pss ]]; then
        options=(-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest)
        pss=(-pkeyopt rsa_padding_mode:pss -pkeyopt rsa_pss_saltlen:digest -pkeyopt digest:sha256)
        [[ $hash ]] || options+=(-sigopt rsa_mgf1_md:sha256)
    fi
    if [[ ! $hash ]]; then
        openssl dgst -sha256 -binary "$work/document" >"$work/digest"
        input=$work/digest
        # The DER that makes a SHA-256 digest a DigestInfo. RFC 8017 9.2, note 1.
        [[ $padding == pkcs1 ]] &&
            { printf '\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20'
                cat "$work/digest"; } >"$work/digest-info" && input=$work/digest-info
    fi
    local extra=()
    [[ $padding == pss && ! $hash ]] && extra=(--hash-algorithm SHA256 --mgf MGF1-SHA256)
    tool_as_user --sign --id "$id" --mechanism "$mechanism" --signature-format openssl "${extra[@]}" \
        --input-file "$input" --output-file "$work/signature" || return 1
    if [[ $hash ]]; then
        openssl dgst -"$hash" -verify "$work/$id.pub.pem" "${options[@]}" -signature "$work/signature" "$work/document"
    else
        [[ $padding == pkcs1 ]] && pss=(-pkeyopt rsa_padding_mode:pkcs1 -pkeyopt digest:sha256)
        openssl pkeyutl -verify -pubin -inkey "$work/$id.pub.pem" "${pss[@]}" -sigfile "$work/signature" \
            -in "$work/digest"
    fi
}

offers() { grep -E "^ *$1," "$work/mechanisms" | grep -q sign; }

for key in "${keys[@]}"; do
    id=${key% *} type=${key#* }
    for hash in "" SHA1 SHA224 SHA256 SHA384 SHA512; do
        case $type in
        rsa-*)
            mechanism=${hash:+$hash-}RSA-PKCS
            offers "$mechanism" &&
                check "$type key $id signs with $mechanism" sign_and_verify "$id" "$mechanism" "$hash" pkcs1
            offers "$mechanism-PSS" &&
                check "$type key $id signs with $mechanism-PSS" sign_and_verify "$id" "$mechanism-PSS" "$hash" pss
            ;;
        prime* | secp*)
            mechanism=ECDSA${hash:+-$hash}
            offers "$mechanism" &&
                check "$type key $id signs with $mechanism" sign_and_verify "$id" "$mechanism" "$hash" none
            ;;
        esac
    done
done
