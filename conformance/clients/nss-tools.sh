#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# NSS's own tools: cmsutil signs a document, signtool a folder that becomes a JAR; openssl verifies what both made.
. "$(dirname "$0")/lib.sh"

database=$work/nss
mkdir "$database" "$work/folder"
cp "$work/document" "$work/folder/"
printf '%s\n' "$PIN" >"$work/pin"
certutil -N -d "sql:$database" --empty-password
check "modutil adds the module" modutil -force -dbdir "sql:$database" -add conformance -libfile "$MODULE"
load_keys

# The certificate need not be one for encryption, too (-Y); then ECDSA signatures are wrong if no time is signed (-G).
sign_cms() {
    cmsutil -S -G -Y NONE -d "sql:$database" -N "$TOKEN:$(label_of "$1")" -f "$work/pin" -i "$work/document" -o "$work/cms.der" &&
        openssl cms -verify -binary -noverify -inform DER -in "$work/cms.der" -out "$work/content" &&
        cmp "$work/document" "$work/content"
}

sign_jar() {
    rm -rf "$work/folder/META-INF" "$work/signed.jar"
    signtool -d "sql:$database" -k "$TOKEN:$(label_of "$1")" -p "$PIN" -Z "$work/signed.jar" "$work/folder" &&
        signtool -d "sql:$database" -v "$work/signed.jar" &&
        openssl cms -verify -binary -noverify -inform DER -in "$work/folder/META-INF/zigbert.rsa" \
            -content "$work/folder/META-INF/zigbert.sf" -out /dev/null
}

is_for_code() { # a certificate that names no purpose is for all
    local purposes
    purposes=$(openssl x509 -in "$work/$1.pem" -noout -ext extendedKeyUsage 2>/dev/null)
    [[ ! $purposes || $purposes == *"Code Signing"* ]]
}

for key in "${keys[@]}"; do
    id=${key% *} type=${key#* }
    [[ $type =~ ^(rsa|prime|secp) ]] || continue
    if [[ ! -f $work/$id.pem ]]; then
        skip "cmsutil and signtool sign with the $type key $id" "the token has no certificate for it"
        continue
    fi
    # They sign for nobody whom they do not trust.
    certutil -A -d "sql:$database" -n "$id" -t TP,TP,TP -i "$work/$id.pem"
    check "cmsutil signs with the $type key $id, openssl verifies it" sign_cms "$id"
    if is_for_code "$id"; then
        check "signtool signs with the $type key $id, it and openssl verify" sign_jar "$id"
    else
        skip "signtool signs with the $type key $id, it and openssl verify" "its certificate is not for signing code"
    fi
done
