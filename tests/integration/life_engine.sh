#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A host whose OpenSSL hands every key to this very module: the default engine of its configuration is pkcs11, and the
# module's own TLS must not come back to the module.
. "$(dirname "$0")/lib.sh"

deploy
check "a user is enrolled" enroll ann
check "a P-256 key is made" key ann p-256 one
check "an RSA-2048 key is made" key ann rsa-2048 two
export PRIVYSEAL_CONF=$work/ann/pkcs11.conf
cases=$PRIVYSEAL_BUILD_ASAN/tests/integration/life/cases_plain
engine=$(ls /usr/lib/*/engines-3/pkcs11.so 2>/dev/null) || bail "libengine-pkcs11-openssl is not installed"
cat >"$work/openssl.cnf" <<EOF
openssl_conf = start
[start]
engines = engines
[engines]
pkcs11 = pkcs11
[pkcs11]
engine_id = pkcs11
dynamic_path = $engine
MODULE_PATH = $module
PIN = $pin
default_algorithms = ALL
init = 1
EOF
default_engine() { OPENSSL_CONF=$work/openssl.cnf timeout 30 "$@"; }

head -c 1000 /dev/urandom >"$work/document"
sign() { # LABEL
    default_engine openssl dgst -sha256 -engine pkcs11 -keyform engine -sign "pkcs11:token=ann;object=$1;type=private" \
        -out "$work/signature" "$work/document"
}
certify() { # LABEL: a certificate of its own, by whose key the signature verifies
    default_engine openssl req -new -x509 -engine pkcs11 -keyform engine -key "pkcs11:token=ann;object=$1;type=private" \
        -subj "/CN=$1" -out "$work/$1.pem" && openssl x509 -in "$work/$1.pem" -noout -pubkey >"$work/$1.pub"
}
for label in one two; do
    check "openssl makes a certificate for key $label through the engine" certify "$label"
    check "openssl signs with key $label" sign "$label"
    check "the signature verifies" openssl dgst -sha256 -verify "$work/$label.pub" -signature "$work/signature" "$work/document"
done

check "pkcs11-tool, which knows nothing of the engine, signs" default_engine pkcs11-tool --module "$module" --login --pin "$pin" \
    --token-label ann --sign --mechanism ECDSA-SHA256 --signature-format openssl --input-file "$work/document" \
    --output-file "$work/signature"
check "its signature verifies" openssl dgst -sha256 -verify "$work/one.pub" -signature "$work/signature" "$work/document"

# A TLS client whose key is on the token: TLS inside the module below TLS inside the application.
tls_port=$(free_port)
openssl s_server -accept "$tls_port" -cert "$server/tls/server.pem" -cert_chain "$server/tls/server.pem" \
    -key "$server/tls/server.key" -Verify 1 -www >"$work/s_server.log" 2>&1 </dev/null &
tls=$!
for label in one two; do
    check "curl logs in to a TLS server with key $label" default_engine curl -sSf --retry 5 --retry-connrefused \
        --cacert "$server/tls/root.pem" --engine pkcs11 --key-type ENG \
        --key "pkcs11:token=ann;object=$label;type=private" --cert "$work/$label.pem" "https://localhost:$tls_port/"
    cp "$work/output" "$work/page"
    check "the server saw certificate $label" grep -E "Subject: CN ?= ?$label" "$work/page"
done
kill "$tls"

live() { # GROUP NAME SENTENCE
    check "$3" default_engine "$cases" run "$1" "$2" "$module" ann "$work/ann/pin"
}
default_engine env LD_DEBUG=files "$cases" run unload exit-without-finalize "$module" ann "$work/ann/pin" >"$work/output" 2>&1
says "calling init: $engine" && report ok "the engine is in the host of the cases below" ||
    report not-ok "the engine is in the host of the cases below" "$work/output"
live unload finalize-and-close "loading and leaving again and again"
live unload exit-without-finalize "exit without C_Finalize"
live unload finalize-from-destructor "C_Finalize from a destructor"
live unload finalize-from-exit-handler "C_Finalize after OpenSSL's clean-up"
live unload finalize-during-calls "C_Finalize during calls"
live fork child-signs "parent and child sign"
live threads sixty-four "64 threads sign"
