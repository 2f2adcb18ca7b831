#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Six keys on one token: pkcs11-tool, p11tool and pdfsig list, log in, sign; openssl verifies.
. "$(dirname "$0")/lib.sh"

types=(rsa-2048 rsa-3072 rsa-4096 p-256 p-384 p-521)
deploy
check "a user is enrolled, with a PIN of the user's own" enroll ann
for type in "${types[@]}"; do check "a $type key is made in the HSM and certified" key ann "$type" "ann-$type" import; done
export PRIVYSEAL_CONF=$work/ann/pkcs11.conf
tool() { pkcs11-tool --module "$module" "$@"; }

check "pkcs11-tool lists the token without a login" tool -O
says "ann-p-521" && report ok "its certificates are seen before login" || report not-ok "its certificates are seen before login" "$work/output"
says "Private Key" && report not-ok "its private keys are not seen before login" || report ok "its private keys are not seen before login"
check "pkcs11-tool lists everything after login" tool -O --login --pin "$pin"
[[ $(grep -c '^Private Key Object' "$work/output") == 6 ]] && report ok "six private keys are seen after login" ||
    report not-ok "six private keys are seen after login" "$work/output"
check "pkcs11-tool --test finds no fault" tool --login --pin "$pin" --test
says "No errors" && report ok "pkcs11-tool --test says so" || report not-ok "pkcs11-tool --test says so" "$work/output"

head -c 100000 /dev/urandom >"$work/document"

# sign_and_verify TYPE MECHANISM OPENSSL-OPTION...: pkcs11-tool signs, openssl verifies
sign_and_verify() {
    local type=$1 mechanism=$2 id
    shift 2
    openssl x509 -in "$work/ann/$type.pem" -noout -pubkey >"$work/public.pem" || return 1
    id=$(as ann --json key list | jq -r --arg name "ann-$type" '.[] | select(.label == $name) | .id')
    tool --login --pin "$pin" --sign --id "$id" --mechanism "$mechanism" --signature-format openssl \
        --input-file "$work/document" --output-file "$work/signature" &&
        openssl dgst -verify "$work/public.pem" "$@" -signature "$work/signature" "$work/document"
}

for bits in 256 384 512; do
    for type in rsa-2048 rsa-3072 rsa-4096; do
        check "$type signs with SHA$bits-RSA-PKCS" sign_and_verify $type SHA$bits-RSA-PKCS -sha$bits
        check "$type signs with SHA$bits-RSA-PKCS-PSS" sign_and_verify $type SHA$bits-RSA-PKCS-PSS -sha$bits \
            -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest
    done
    for type in p-256 p-384 p-521; do
        check "$type signs with ECDSA-SHA$bits" sign_and_verify $type ECDSA-SHA$bits -sha$bits
    done
done

url="pkcs11:token=ann"
gnutls() { p11tool --provider "$module" --set-pin "$pin" "$@"; }
check "p11tool lists the token" gnutls --list-all --login "$url"
[[ $(grep -c '^Object ' "$work/output") -ge 18 ]] && report ok "p11tool sees keys and certificates" ||
    report not-ok "p11tool sees keys and certificates" "$work/output"
for type in rsa-3072 p-256; do
    check "p11tool test-signs with $type" gnutls --test-sign --login "$url;object=ann-$type;type=private"
done

nss=$work/ann/nss
mkdir "$nss"
check "certutil makes a database" certutil -N -d "sql:$nss" --empty-password
certutil -A -d "sql:$nss" -n root -t C,C,C -i "$server/ca/root.pem"
certutil -A -d "sql:$nss" -n signing -t ,, -i "$server/tls/ca-document.pem"
check "modutil adds the module" modutil -force -dbdir "sql:$nss" -add privyseal -libfile "$module"
printf '%%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>endobj\ntrailer<</Size 4/Root 1 0 R>>\n%%%%EOF\n' >"$work/a.pdf"
check "pdfsig signs a PDF" pdfsig -nssdir "sql:$nss" -nss-pwd "$pin" -kpw "$pin" -add-signature \
    -nick "ann:ann-rsa-3072" "$work/a.pdf" "$work/b.pdf"
check "pdfsig verifies it" pdfsig -nssdir "sql:$nss" -nss-pwd "$pin" "$work/b.pdf"
says "Signature is Valid" && says "Certificate is Trusted" && report ok "the signature is valid, the certificate trusted" ||
    report not-ok "the signature is valid, the certificate trusted" "$work/output"

check "the audit logs hold together" as operator audit verify
