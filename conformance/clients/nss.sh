#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# NSS: modutil and certutil list, pdfsig signs a PDF and verifies it.
. "$(dirname "$0")/lib.sh"

database=$work/nss
mkdir "$database"
printf '%s\n' "$PIN" >"$work/pin"
check "certutil makes a database" certutil -N -d "sql:$database" --empty-password
check "modutil adds the module" modutil -force -dbdir "sql:$database" -add conformance -libfile "$MODULE"
check "modutil lists it" modutil -dbdir "sql:$database" -list conformance
expect "the token is named there" "$TOKEN"
check "certutil lists certificates" certutil -L -d "sql:$database" -h "$TOKEN" -f "$work/pin"
check "certutil lists private keys" certutil -K -d "sql:$database" -h "$TOKEN" -f "$work/pin"

# One empty page, with the table of offsets that pdfsig wants to be right.
make_pdf() { # FILE
    local file=$1 object offsets=() objects=(
        '<</Type/Catalog/Pages 2 0 R>>' '<</Type/Pages/Kids[3 0 R]/Count 1>>'
        '<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Resources<<>>>>')
    printf '%%PDF-1.4\n' >"$file"
    for object in "${objects[@]}"; do
        offsets+=("$(stat -c %s "$file")")
        printf '%d 0 obj\n%s\nendobj\n' ${#offsets[@]} "$object" >>"$file"
    done
    object=$(stat -c %s "$file")
    printf 'xref\n0 4\n0000000000 65535 f \n' >>"$file"
    printf '%010d 00000 n \n' "${offsets[@]}" >>"$file"
    printf 'trailer\n<</Size 4/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n' "$object" >>"$file"
}

make_pdf "$work/a.pdf"
pdf() { pdfsig -nssdir "sql:$database" -nss-pwd "$PIN" "$@"; }

# Whoever reads has a database of their own, without the module, and does not ask who issued the certificate.
mkdir "$work/reader"
certutil -N -d "sql:$work/reader" --empty-password
read_pdf() { pdfsig -nssdir "sql:$work/reader" -nocert "$work/b.pdf"; }

load_keys
if has_edwards certified; then
    skip "pdfsig lists the certificates and signs" "pdfsig 22.12 crashes when a token has an Ed25519 certificate"
    exit
fi
check "pdfsig lists the certificates" pdf -list-nicks

# pdfsig 22.12 wants two signatures of one length, so one by ECDSA, whose DER varies by two bytes, fails five times in
# eight: try so often that not once in ten thousand runs all fail.
sign_pdf() { # NICK TRIES
    local try status
    for ((try = 0; try < $2; try++)); do
        rm -f "$work/b.pdf"
        pdf -kpw "$PIN" -add-signature -nick "$1" "$work/a.pdf" "$work/b.pdf" 2>&1 | tee "$work/signing"
        status=${PIPESTATUS[0]}
        grep -q 'unable update signature' "$work/signing" || return "$status"
    done
    return 1
}

for key in "${keys[@]}"; do
    id=${key% *} type=${key#* } tries=1
    [[ $type == rsa-* ]] || tries=20
    if [[ ! -f $work/$id.pem ]]; then
        skip "pdfsig signs with the $type key $id" "the token has no certificate for it"
        continue
    fi
    check "pdfsig signs with the $type key $id" sign_pdf "$TOKEN:$(label_of "$id")" "$tries"
    check "pdfsig reads what it signed with $id" read_pdf
    expect "the signature by $id is valid" "Signature is Valid"
    expect "it names the certificate of $id" "$(openssl x509 -in "$work/$id.pem" -noout -subject -nameopt multiline |
        sed -n 's/^ *commonName *= //p')"
done
