# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# lib.sh - what the scripts of real applications share. Source it.
#
# From the environment: MODULE, TOKEN (a label), PIN; P11CHECK for the one client that is our own program.
# A script prints TAP; what it made lies in $work and is removed.
#
#   check NAME COMMAND...   ok when the command succeeds; its output, in $work/output, is shown when not
#   expect NAME TEXT        ok when that output has the text
#   skip NAME REASON
#   relay WHAT COMMAND...   COMMAND prints TAP without numbers; a last case is ok when it ends with success
#   load_keys               fills keys with "ID TYPE" of each private key; $work/ID.pem and ID.pub.pem are its
#                           certificate, if the token has one, and its public key

set -uo pipefail
: "${MODULE:?}" "${TOKEN:?}" "${PIN:?}"
export MODULE TOKEN PIN

work=$(mktemp -d)
tests=0 failures=0
keys=()
background=() # processes that end with the script
unset SSH_AUTH_SOCK SSH_AGENT_PID

finish() {
    [[ ${SSH_AGENT_PID-} ]] && kill "$SSH_AGENT_PID" 2>/dev/null
    ((${#background[@]})) && kill "${background[@]}" 2>/dev/null && wait "${background[@]}" 2>/dev/null
    rm -rf "$work"
    printf '1..%d\n' "$tests"
    ((failures == 0)) || exit 1
}
trap finish EXIT

failed() {
    tests=$((tests + 1)) failures=$((failures + 1))
    printf 'not ok %d - %s\n' "$tests" "$1"
}

report() { # ok|not-ok NAME
    if [[ $1 == ok ]]; then
        tests=$((tests + 1))
        printf 'ok %d - %s\n' "$tests" "$2"
    else
        failed "$2"
        tail -n 15 "$work/output" | tr -cd '\11\12\40-\176' | sed 's/^/# /'
    fi
}

check() {
    local name=$1 status
    shift
    "$@" >"$work/output" 2>&1 </dev/null
    status=$?
    ((status == 0)) || printf 'exit status %d\n' "$status" >>"$work/output"
    ((status == 0)) && report ok "$name" || report not-ok "$name"
    return "$status"
}

says() { grep -qaF -- "$1" "$work/output"; }
expect() { says "$2" && report ok "$1" || report not-ok "$1"; }

skip() {
    tests=$((tests + 1))
    printf 'ok %d - %s # SKIP %s\n' "$tests" "$1" "$2"
}

relay() {
    local what=$1 line status
    shift
    "$@" >"$work/relayed" 2>"$work/output" </dev/null
    status=$?
    while IFS= read -r line; do
        case $line in
        'ok - '*' # SKIP '*) line=${line#ok - } && skip "${line%% # SKIP *}" "${line#* # SKIP }" ;;
        'ok - '*) report ok "${line#ok - }" ;;
        'not ok - '*) failed "${line#not ok - }" ;;
        '# '*) printf '%s\n' "$line" ;;
        esac
    done <"$work/relayed"
    ((status == 0)) || printf 'exit status %d\n' "$status" >>"$work/output"
    ((status == 0)) && report ok "$what ends well" || report not-ok "$what ends well"
}

tool() { pkcs11-tool --module "$MODULE" --token-label "$TOKEN" "$@"; }
tool_as_user() { tool --login --pin env:PIN "$@"; }

# read_public ID: the certificate if there is one, and the public key from it or from the public key object
read_public() {
    local id=$1
    if tool --read-object --type cert --id "$id" -o "$work/$id.der" >/dev/null 2>&1 ||
        tool_as_user --read-object --type cert --id "$id" -o "$work/$id.der" >/dev/null 2>&1; then
        openssl x509 -inform DER -in "$work/$id.der" -out "$work/$id.pem" &&
            openssl x509 -in "$work/$id.pem" -noout -pubkey >"$work/$id.pub.pem"
    else
        tool_as_user --read-object --type pubkey --id "$id" -o "$work/$id.der" >/dev/null 2>&1 &&
            openssl pkey -pubin -inform DER -in "$work/$id.der" -pubout -out "$work/$id.pub.pem"
    fi
}

# Types are what OpenSSL says of the public key: rsa-2048, prime256v1, ed25519, ...
key_type() {
    local text
    text=$(openssl pkey -pubin -in "$work/$1.pub.pem" -noout -text 2>/dev/null)
    case $text in
    *Modulus:*) sed -n 's/.*Public-Key: (\([0-9]*\) bit).*/rsa-\1/p' <<<"$text" ;;
    *"ASN1 OID"*) sed -n 's/ASN1 OID: //p' <<<"$text" ;;
    ED25519*) echo ed25519 ;;
    *) echo other ;;
    esac
}

load_keys() {
    local id type
    tool_as_user -O --type privkey >"$work/objects" 2>"$work/output" </dev/null
    while read -r id; do
        read_public "$id" >>"$work/output" 2>&1 || continue
        type=$(key_type "$id")
        keys+=("$id $type")
    done < <(sed -n 's/^ *ID: *//p' "$work/objects" | sort -u)
    ((${#keys[@]})) && return
    report not-ok "the token has a private key with a public half"
    exit
}

# of_kind RSA|EC: the ids of the keys of that kind
of_kind() {
    local key
    for key in "${keys[@]}"; do
        case $1-${key#* } in
        RSA-rsa-* | EC-prime* | EC-secp*) echo "${key% *}" ;;
        esac
    done
}

# has_edwards [certified]: whether the token has an Ed25519 key, or one that has a certificate
has_edwards() {
    local key
    for key in "${keys[@]}"; do
        [[ ${key#* } == ed25519 ]] && { [[ ${1-} != certified ]] || [[ -f $work/${key% *}.pem ]]; } && return 0
    done
    return 1
}

# label_of ID: the label of its certificate, as pkcs11-tool lists it before the ID
label_of() {
    tool_as_user -O --type cert 2>/dev/null |
        awk -v id="$1" '/^ *label:/ { sub(/^ *label: */, ""); label = $0 } $1 == "ID:" && $2 == id { print label }' |
        head -n 1
}

# id as in a PKCS#11 URI: %a0%01
uri_id() { sed 's/../%&/g' <<<"$1"; }
uri() { printf 'pkcs11:token=%s;id=%s' "$(jq -rn --arg token "$TOKEN" '$token | @uri')" "$(uri_id "$1")"; }

# write_engine_config [INIT]: $work/openssl.cnf for libp11's engine. It reads the module and the PIN from its own
# section; other modules of the system stay out of it. INIT is 1 for programs that do not initialize an engine.
write_engine_config() {
    cat >"$work/openssl.cnf" <<END
openssl_conf = start
[start]
engines = engines
[engines]
pkcs11 = pkcs11_engine
[pkcs11_engine]
engine_id = pkcs11
MODULE_PATH = $MODULE
PIN = $PIN
init = ${1:-0}
[req]
distinguished_name = name
prompt = no
[name]
CN = conformance
END
}

head -c 100000 /dev/urandom >"$work/document"
