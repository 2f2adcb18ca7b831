#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The command line as a stranger meets it: usage, exit statuses, JSON, and an init that fails.
. "$(dirname "$0")/lib.sh"

expect() { # TEXT: of the last output
    says "$1" && report ok "... and says \"$1\"" || report not-ok "... and says \"$1\"" "$work/output"
}

# json NAME FILTER COMMAND...: it succeeds, and standard output is one JSON value of which jq's FILTER holds
json() {
    local name=$1 filter=$2
    shift 2
    "$@" >"$work/json" 2>"$work/output" </dev/null
    if jq -es "length == 1 and (.[0] | $filter)" "$work/json" >/dev/null 2>&1; then report ok "$name"; else
        cat "$work/json" >>"$work/output"
        report not-ok "$name" "$work/output"
    fi
}

# --- usage
mapfile -t commands < <("$privyseal" --help | sed -n 's/^  privyseal \([a-z]*\( [a-z]*\)\?\).*/\1/p')
((${#commands[@]} > 20)) && report ok "--help lists the commands" || report not-ok "--help lists the commands"
helps() {
    local command
    for command in "${commands[@]}"; do
        # shellcheck disable=SC2086 # two words
        [[ $("$privyseal" $command --help) == "Usage: privyseal $command"* ]] || { echo "$command"; return 1; }
    done
}
check "each of them explains itself" helps
check "no line of usage ends in a blank" bash -c "! { $privyseal --help; $privyseal status --help; } | grep ' \$'"
refuse 2 "without a command it fails" "$privyseal"
expect "Usage: privyseal"
refuse 2 "a noun alone is no command" "$privyseal" user
expect "privyseal user add USER"
says "privyseal key" && report not-ok "... and lists this noun's only" || report ok "... and lists this noun's only"
check "a noun can be asked for help" "$privyseal" user --help
expect "privyseal user disable USER"
refuse 2 "a mistyped verb is understood" "$privyseal" user lst
expect 'did you mean "user list"?'
refuse 2 "a mistyped noun is understood" "$privyseal" statsu
expect 'did you mean "status"?'
refuse 2 "an unknown option is refused" "$privyseal" key generate --frobnicate
expect "privyseal key generate --help"
refuse 2 "an argument too many is refused" "$privyseal" user add ann bob
expect "usage: privyseal user add USER"
refuse 2 "an argument too few is, with an option between the words" "$privyseal" user --json add
refuse 2 "an option may come first, with its value" "$privyseal" --hours 0 --config /dev/null user add ann
expect "--hours takes a number from 1 to 8760"
check "it tells its version" "$privyseal" --version
check "bash takes the completion" bash -ec "source <($privyseal completion); complete -p privyseal;
    COMP_WORDS=(privyseal user dis) COMP_CWORD=2; _privyseal; [[ \${COMPREPLY[*]} == disable ]]"
check "each call of it in the documentation is one that it takes, and completion knows all there is" \
    /usr/bin/python3 "$repository/tests/integration/examples.py" "$privyseal" "$repository"/README.md "$repository"/docs/*.md "$repository"/docs/man/*

# --- init: all or nothing
options=(--realm test --listen 127.0.0.1:1 --allow-software-hsm)
refuse 2 "init warns of SoftHSM" "$privyseal" init "$work/never" --realm test
[[ ! -e $work/never ]] && report ok "... and makes nothing" || report not-ok "... and makes nothing"
refuse 1 "init fails when the daemon does" "$privyseal" init "$work/never" "${options[@]}" --privyseald false
[[ ! -e $work/never ]] && report ok "... and leaves nothing" || report not-ok "... and leaves nothing"
mkdir "$work/empty"
refuse 1 "init fails in a directory that was there" "$privyseal" init "$work/empty" "${options[@]}" --privyseald false \
    --server-config "$work/privyseald.conf"
expect "$work/empty is as it was before"
[[ -d $work/empty && -z $(ls -A "$work/empty") && ! -e $work/privyseald.conf ]] && report ok "... which is empty again" ||
    report not-ok "... which is empty again"
touch "$work/empty/mine"
refuse 1 "init does not touch a directory with something in it" "$privyseal" init "$work/empty" "${options[@]}"
[[ -e $work/empty/mine && $(ls "$work/empty") == mine ]] && report ok "... which stays as it is" || report not-ok "... which stays as it is"
rm "$work/empty/mine"
users=()
[[ $EUID == 0 ]] && users=(--front-user 64301 --signer-user 64302)
check "init puts the configuration elsewhere if asked" "$privyseal" init "$work/empty" "${options[@]}" "${users[@]}" \
    --server-config "$work/privyseald.conf"
check "the daemon finds everything from there" "$privyseald" --config "$work/privyseald.conf" --check

# --- exit statuses, and their JSON
deploy
check "a user is enrolled" enroll ann
as ann key generate --type p-256 --label one --pin-file "$work/ann/pin" >/dev/null
printf '000000\n' >"$work/wrong"
refuse 1 "refused is 1" as operator user show nobody
refuse 4 "a wrong PIN is 4" as ann key generate --pin-file "$work/wrong"
refuse 5 "not permitted is 5" as ann user list
refuse 3 "unreachable is 3" "$privyseal" --config <(sed 's/^endpoints.*/endpoints = 127.0.0.1:1/' "$work/ann/pkcs11.conf" |
    sed "s#device\.#$work/ann/device.#") token show
refuse 2 "no terminal to ask on is 2" setsid "$privyseal" --config "$work/ann/pkcs11.conf" key generate
expect "--pin-file FILE"
json "a refusal is JSON too" '.error | .status == 5 and (.what | length > 0)' as ann --json user list
json "so is a usage error" '.error.status == 2' "$privyseal" --json user
ann() { as ann --json "$@"; }
operator() { as operator --json "$@"; }
json "user list" '.[0] | .user == "ann" and .enabled and .custody == "wrapped" and .keys == 1' operator user list
json "user show" '.user == "ann" and (.keys | length == 1) and (.devices[0].fingerprint | length == 64)' operator user show ann
json "user disable" '.enabled == false' operator user disable ann
json "user enable" '.enabled == true' operator user enable ann
json "pin unlock" '.user == "ann" and (.pin_was | type == "string")' operator pin unlock ann
json "key list" '.[0] | .type == "p-256" and .label == "one" and (.id | length > 0)' ann key list
json "key generate" '.type == "p-384" and (.id | length > 0)' ann key generate --type p-384 --pin-file "$work/ann/pin"
json "token show" '.token == "ann" and (.keys | length == 2) and (.mechanisms | index("CKM_ECDSA") != null)' ann token show
json "cert request" '.pem | startswith("-----BEGIN CERTIFICATE REQUEST")' ann cert request --key one --pin-file "$work/ann/pin"
json "cert request to a file" ".file == \"$work/one.csr\"" ann cert request "$work/one.csr" --key one --pin-file "$work/ann/pin"
json "cert issue" '.pem | startswith("-----BEGIN CERTIFICATE")' operator cert issue ann "$work/one.csr"
as operator cert issue ann "$work/one.csr" "$work/one.pem"
json "cert import" '.label == "signs"' ann cert import "$work/one.pem" --label signs --pin-file "$work/ann/pin"
json "status" '.realm == "test" and .users == 1 and (.not_enforced | type == "array")' operator status
json "audit verify" 'type == "array"' operator audit verify
json "doctor" 'all(.[]; .state == "good")' ann doctor
sed "s/device.key/other.key/" "$work/ann/pkcs11.conf" >"$work/ann/mixed.conf"
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$work/ann/other.key" 2>/dev/null
chmod 600 "$work/ann/other.key"
json "doctor with a key that is not the certificate's is one value still" 'any(.[]; .state == "WRONG")' \
    "$privyseal" --config "$work/ann/mixed.conf" --json doctor
printf '246801\n' >"$work/new"
json "pin change" '.pin == "changed"' ann pin change --pin-file "$work/ann/pin" --new-pin-file "$work/new"
no_blanks() { ! { as operator status; as operator user show ann; as ann token show; } | grep ' $'; }
check "no line for people ends in a blank" no_blanks
check "a full disk is noticed" bash -c "! $privyseal --help >/dev/full"
