#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The deployment's own authorities: a user's certificate from key to signature, revoked, asked about over HTTP.
. "$(dirname "$0")/lib.sh"

http=$(free_port)
deploy "ca.listen=127.0.0.1:$http" "ca.url=http://127.0.0.1:$http"
nss=$work/nss
root=$server/tls/root.pem
document_ca=$server/tls/ca-document.pem

# curl_crl NAME: the authority's list, as PEM in $work/NAME.pem
curl_crl() { curl -sf "http://127.0.0.1:$http/$1.crl" | openssl crl -inform DER -out "$work/$1.crl.pem"; }
# ask_ocsp CERTIFICATE ISSUER: what the responder says
ask_ocsp() {
    openssl ocsp -issuer "$2" -cert "$1" -CAfile "$root" -verify_other "$2" -url "http://127.0.0.1:$http/ocsp" -no_nonce 2>&1
}
# status CERTIFICATE WORD: the responder's word for it, correctly signed
status() { ask_ocsp "$1" "$document_ca" >"$work/ocsp"; cat "$work/ocsp"; grep -q "Response verify OK" "$work/ocsp" && grep -q ": $2" "$work/ocsp"; }
verify_pdf() { pdfsig -nssdir "sql:$nss" -nss-pwd "$pin" "$1" 2>&1; }

check "a user is enrolled with a certificate by the authority in the HSM" enroll ann
check "... whose chain ends in the root" openssl verify -CAfile "$root" -untrusted "$server/tls/ca-device.pem" \
    -purpose sslclient "$work/ann/device.pem"
check "a key gets a certificate, which the server puts on the token" bash -c "
    '$privyseal' --config '$work/ann/pkcs11.conf' key generate --type rsa-2048 --label signs --pin-file '$work/ann/pin' &&
    '$privyseal' --config '$work/ann/pkcs11.conf' cert request '$work/ann/signs.csr' --key signs --pin-file '$work/ann/pin' &&
    '$privyseal' --config '$server/operator/pkcs11.conf' cert issue ann '$work/ann/signs.csr' '$work/ann/signs.pem' \
        --subject '/C=AT/O=Example/CN=Ann Example' --alt-names email:ann@example.org"
as ann --json token show >"$work/token"
check "... without an import" grep -q "Ann Example" "$work/token"
serial=$(openssl x509 -in "$work/ann/signs.pem" -noout -serial | sed 's/.*=//' | tr A-F a-f)
check "it says where to ask about it" bash -c "openssl x509 -in '$work/ann/signs.pem' -noout -ocsp_uri | grep -q ':$http/ocsp'"
check "it is for signing documents and mail, and nothing else" bash -c \
    "openssl x509 -in '$work/ann/signs.pem' -noout -ext extendedKeyUsage,keyUsage | tr -d '\n' | grep -q 'Digital Signature, Non Repudiation.*E-mail Protection, 1.3.6.1.5.5.7.3.36'"
check "an operator lists it" as operator cert list --user ann
says "Ann Example" || report not-ok "... by its subject" "$work/output"
check "... and what ends within a year" as operator --json cert list --expiring 400

enroll bob
key bob p-256 mine
check "bob has a key of his own" as bob cert request "$work/bob/own.csr" --key mine --pin-file "$work/bob/pin"
refuse 1 "an operator cannot have bob's key certified for ann" as operator cert issue ann "$work/bob/own.csr"
"$privyseal" cert request "$work/eve.csr" --device "$work/eve.key"
refuse 1 "... nor a key that the operator made" as operator cert issue ann "$work/eve.csr"

mkdir "$nss"
certutil -N -d "sql:$nss" --empty-password
certutil -A -d "sql:$nss" -n root -t C,C,C -i "$root"
modutil -dbdir "sql:$nss" -force -add privyseal -libfile "$module" >/dev/null 2>&1
export PRIVYSEAL_CONF=$work/ann/pkcs11.conf
printf '%%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>endobj\ntrailer<</Size 4/Root 1 0 R>>\n%%%%EOF\n' >"$work/a.pdf"
certutil -A -d "sql:$nss" -n document -t ,, -i "$document_ca"
check "pdfsig signs with it" pdfsig -nssdir "sql:$nss" -nss-pwd "$pin" -kpw "$pin" -add-signature -nick "ann:signs" \
    "$work/a.pdf" "$work/b.pdf"
verify_pdf "$work/b.pdf" >"$work/before"
check "pdfsig finds the signature valid and the whole chain trusted" grep -q "Certificate is Trusted" "$work/before"

check "the list is signed and empty" bash -c "curl -sf http://127.0.0.1:$http/document.crl |
    openssl crl -inform DER -CAfile '$document_ca' -noout -text 2>&1 | tee /dev/stderr | grep -q 'No Revoked'"
check "openssl accepts the certificate with the list" bash -c "curl -sf http://127.0.0.1:$http/document.crl | openssl crl -inform DER -out '$work/1.crl' &&
    openssl verify -crl_check -CAfile '$root' -untrusted '$document_ca' -CRLfile '$work/1.crl' '$work/ann/signs.pem'"
check "the responder calls it good" status "$work/ann/signs.pem" good
check "the authority's own certificate is where the user's says" bash -c \
    "curl -sf http://127.0.0.1:$http/document.cer | openssl x509 -inform DER -noout -subject"
openssl ecparam -genkey -name prime256v1 -out "$work/x.key" 2>/dev/null
openssl req -new -x509 -key "$work/x.key" -subj /CN=x -out "$work/x.pem" -days 1
check "of what it never issued, it knows nothing" bash -c "openssl ocsp -issuer '$document_ca' -serial 0x1234 -CAfile '$root' -verify_other '$document_ca' -url http://127.0.0.1:$http/ocsp -no_nonce | grep -q unknown"
check "about another's certificates, it says nothing" bash -c "openssl ocsp -issuer '$work/x.pem' -cert '$work/x.pem' -url http://127.0.0.1:$http/ocsp -noverify 2>&1 | grep -qi unauthorized"

check "disabling the user holds the certificate" as operator user disable ann
check "... which the responder says" status "$work/ann/signs.pem" revoked
check "... as certificateHold" grep -q certificateHold "$work/ocsp"
check "enabling takes it back" as operator user enable ann
check "... which the responder says too" status "$work/ann/signs.pem" good
refuse 2 "a reason that is none is refused before anything happens" as operator cert revoke "$serial" --reason
check "an operator revokes it for good" as operator cert revoke "$serial" --reason keyCompromise --yes
check "the responder says so" status "$work/ann/signs.pem" revoked
check "the list has it" bash -c "curl -sf http://127.0.0.1:$http/document.crl | openssl crl -inform DER -out '$work/2.crl' &&
    openssl crl -in '$work/2.crl' -noout -text | grep -qi 'Key Compromise'"
refuse 2 "openssl refuses the certificate with the new list" openssl verify -crl_check -CAfile "$root" -untrusted "$document_ca" \
    -CRLfile "$work/2.crl" "$work/ann/signs.pem"
verify_pdf "$work/b.pdf" >"$work/after"
check "pdfsig shows the signature's certificate as revoked" grep -qi "revoked" "$work/after"
refuse 1 "what is revoked for good is not enabled again" as operator cert revoke "$serial" --reason removeFromCRL --yes
check "the list's number has grown" bash -c "
    [[ \$(openssl crl -in '$work/1.crl' -noout -crlnumber) < \$(openssl crl -in '$work/2.crl' -noout -crlnumber) ]]"

key ann p-256 gone import
check "another key has a certificate that is good" status "$work/ann/p-256.pem" good
check "its user deletes the key" as ann key delete gone --yes --pin-file "$work/ann/pin"
check "... which revokes the certificate" status "$work/ann/p-256.pem" revoked
check "... as cessationOfOperation" grep -q cessationOfOperation "$work/ocsp"

# What stands in front of it must stand a stranger.
check "a path that is none is not found" bash -c "[[ \$(curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:$http/etc/passwd) == 404 ]]"
check "a large body is refused" bash -c "[[ \$(head -c 5000 /dev/zero | curl -s -o /dev/null -w '%{http_code}' --data-binary @- http://127.0.0.1:$http/ocsp) == 413 ]]"
check "nonsense is answered by the standard" bash -c "echo nonsense | curl -sf --data-binary @- http://127.0.0.1:$http/ocsp -o '$work/nonsense' &&
    openssl ocsp -respin '$work/nonsense' -noverify 2>&1 | grep -qi malformed"
check "a request in the path is answered" bash -c "openssl ocsp -issuer '$document_ca' -cert '$work/ann/signs.pem' -no_nonce -reqout '$work/req.der' &&
    curl -sf \"http://127.0.0.1:$http/ocsp/\$(base64 -w0 '$work/req.der' | sed 's/+/%2B/g;s#/#%2F#g;s/=/%3D/g')\" -o '$work/resp.der' &&
    openssl ocsp -respin '$work/resp.der' -issuer '$document_ca' -cert '$work/ann/signs.pem' -CAfile '$root' -verify_other '$document_ca' 2>&1 | tee /dev/stderr | grep -q revoked"
check "the server serves still" as ann token show

# Renewal is the operators' unless the deployment says otherwise; then it is for the last third of a certificate's life.
as bob cert request "$work/bob/mine.csr" --key mine --pin-file "$work/bob/pin"
as operator cert issue bob "$work/bob/mine.csr" "$work/bob/mine.pem" --days 1 >/dev/null
refuse 5 "users renew nothing where that is not said" as bob cert renew mine --pin-file "$work/bob/pin"
set_config ca.self_service=yes
stop
start
refuse 5 "with it they do, but not on the first day" as bob cert renew mine --pin-file "$work/bob/pin"
export PRIVYSEAL_CONF=$work/bob/pkcs11.conf
check "the authority came along as an object of the token" bash -c "pkcs11-tool --module '$module' --token-label bob -O --type cert |
    grep -c 'Certificate Object' | grep -qx 2" 
check "the certificate with its issuer is imported as a chain" as bob cert import "$work/bob/mine.pem" --pin-file "$work/bob/pin"
cat "$work/bob/mine.pem" >"$work/wrong.pem"
cat "$server/tls/ca-device.pem" >>"$work/wrong.pem"
refuse 1 "one that did not issue the other is refused" as bob cert import "$work/wrong.pem" --pin-file "$work/bob/pin"
expiring() { grep 'event=certificate.expiring user="bob"' "$server/log"; }
within 20 expiring >/dev/null
check "who has a certificate near its end is told, once" test "$(expiring | wc -l)" = 1
