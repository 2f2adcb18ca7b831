#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# p11-kit: the module is registered by a module file, used through p11-kit-proxy, and from other processes through
# "p11-kit remote" and "p11-kit server".
. "$(dirname "$0")/lib.sh"

libraries=/usr/lib/$(uname -m)-linux-gnu
module_file() { printf '%s\n' "$@" 'critical: no' >"$registry/conformance-$$.module"; }

# sign_through LIBRARY ID TYPE
sign_through() {
    local mechanism=SHA256-RSA-PKCS input=$work/document
    if [[ $3 != rsa-* ]]; then
        mechanism=ECDSA input=$work/digest
        openssl dgst -sha256 -binary "$work/document" >"$input"
    fi
    rm -f "$work/signature"
    pkcs11-tool --module "$1" --token-label "$TOKEN" --login --pin env:PIN --sign --id "$2" --mechanism $mechanism \
        --signature-format openssl --input-file "$input" --output-file "$work/signature" &&
        openssl dgst -sha256 -verify "$work/$2.pub.pem" -signature "$work/signature" "$work/document"
}
sign_with_all() { # LIBRARY HOW
    local key
    for key in "${keys[@]}"; do
        case ${key#* } in
        rsa-* | prime* | secp*)
            check "the ${key#* } key ${key% *} signs through $2" sign_through "$1" "${key% *}" "${key#* }"
            ;;
        esac
    done
}

load_keys

# For root p11-kit reads the system's registry only. Anybody else has one of their own here, and the rest of their
# configuration, where the module may look for its own.
if [[ $EUID == 0 ]]; then
    registry=/etc/pkcs11/modules
    [[ -d $registry ]] || made=$registry
    unregister() {
        rm -f "$registry/conformance-$$.module"
        [[ ${made-} ]] && rmdir --ignore-fail-on-non-empty -p "$made"
        finish
    }
    trap unregister EXIT
else
    registry=$work/config/pkcs11/modules
    mkdir -p "$work/config"
    for entry in "${XDG_CONFIG_HOME:-$HOME/.config}"/*; do
        [[ -e $entry && ${entry##*/} != pkcs11 ]] && ln -s "$entry" "$work/config/"
    done
    export XDG_CONFIG_HOME=$work/config
fi
mkdir -p "$registry"

module_file "module: $MODULE"
check "p11-kit lists the registered module" p11-kit list-modules
expect "its token is named" "token: $TOKEN"
check "GnuTLS finds the token by itself" p11tool --batch --list-tokens
expect "it is named" "Label: $TOKEN"
check "p11-kit-proxy lists its objects" pkcs11-tool --module "$libraries/p11-kit-proxy.so" --token-label "$TOKEN" \
    --login --pin env:PIN -O
sign_with_all "$libraries/p11-kit-proxy.so" p11-kit-proxy

module_file "remote: |$(command -v p11-kit) remote $MODULE"
check "p11-kit lists the module behind p11-kit remote" p11-kit list-modules
expect "its token is named, too" "token: $TOKEN"
sign_with_all "$libraries/p11-kit-proxy.so" "p11-kit remote"

p11-kit server --foreground --name "$work/socket" --provider "$MODULE" "pkcs11:" >"$work/server.log" 2>&1 &
background+=($!)
for _ in {1..50}; do [[ -S $work/socket ]] && break; sleep 0.1; done
export P11_KIT_SERVER_ADDRESS=unix:path=$work/socket
sign_with_all "$libraries/pkcs11/p11-kit-client.so" "p11-kit server"
