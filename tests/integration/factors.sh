#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Second factors with a real daemon and foreign programs: oathtool is the telephone, zbarimg its camera.
. "$(dirname "$0")/lib.sh"

codes=$work/codes # the command leaves the last code sent here
mkdir "$codes"
chmod 1777 "$codes"
chmod 755 "$work"
cat >"$work/command" <<EOF
#!/bin/sh
case \$1 in code.send) umask 022; jq -r '.code' >$codes/new && mv $codes/new $codes/\$(date +%s%N) ;; *) cat >/dev/null ;; esac
EOF
chmod 755 "$work/command"
tool() { PRIVYSEAL_CONF=$work/$1/pkcs11.conf pkcs11-tool --module "$module" "${@:2}"; }
sign() { tool "$1" --login --pin "$2" --sign --mechanism ECDSA-SHA256 --label one --input-file /etc/hostname --output-file "$work/signature"; }
# A code that no login has used: the next one, when this one is. The last is in a file: $(code) is a process of its own.
code() {
    local now
    while now=$(oathtool --totp --base32 "$seed"); [[ $now == "$(cat "$work/last_code" 2>/dev/null)" ]]; do sleep 1; done
    printf '%s' "$now" >"$work/last_code"
    echo "$now"
}

enrolment_port=$(free_port)
deploy "notice.command=$work/command" notice.user=64303 "enrolment.listen=127.0.0.1:$enrolment_port"
enroll ann || bail "no user"
key ann p-256 one || bail "no key"

# Enrolment: the QR code that the terminal shows, read by a camera.
mkfifo "$work/confirm"
as ann factor add totp --pin-file "$work/ann/pin" --confirm-file "$work/confirm" >"$work/shown" 2>&1 &
adding=$!
for _ in {1..100}; do grep -q ^otpauth: "$work/shown" && break; sleep 0.1; done
uri=$(grep ^otpauth: "$work/shown")
python3 - "$work/shown" >"$work/code.pbm" <<'EOF'
import sys
lights = {" ": 0, "\u2580": 1, "\u2584": 2, "\u2588": 3}
rows = [line.rstrip("\n") for line in open(sys.argv[1]) if line[0] in "\u2580\u2584\u2588"]
print("P1", 4 * len(rows[0]), 8 * len(rows))
for row in rows:
    for half in (1, 2):
        line = " ".join(("0 " if lights[c] & half else "1 ") * 4 for c in row)
        print("\n".join([line] * 4))
EOF
check "the QR code on the terminal is read by a camera" test "$(zbarimg --quiet --raw "$work/code.pbm" 2>/dev/null)" = "$uri"
seed=$(sed 's/.*secret=\([A-Z2-7]*\).*/\1/' <<<"$uri")
code >"$work/confirm"
wait $adding && report ok "a code of the authenticator puts it in force" || report not-ok "a code of the authenticator puts it in force" "$work/shown"
check "factor list says so" bash -c "$(declare -f as); privyseal=$privyseal work=$work; as ann --json factor list | jq -e 'select(.factor == \"totp\")'"
refuse 1 "the seed is nowhere in the database in the clear" grep -qac "$seed" "$server/store/privyseal.db"

# Any PIN dialog.
refuse 1 "pkcs11-tool with the PIN alone does not sign" sign ann "$pin"
check "pkcs11-tool with PIN,CODE does" sign ann "$pin,$(code)"
refuse 1 "the same code again does not" sign ann "$pin,$(cat "$work/last_code")"
refuse 1 "nor a code with a wrong PIN" sign ann "000000,$(code)"
check "the command line takes a code from a file" bash -c "$(declare -f as); privyseal=$privyseal work=$work; as ann key generate --type p-256 --label two --pin-file $work/ann/pin --code-file <(echo $(code))"
refuse 4 "and says what is missing without one" as ann key generate --type p-256 --label three --pin-file "$work/ann/pin" --code-file /dev/null

# Another device, and no device of the user's at hand.
fingerprint=$(openssl x509 -in "$server/tls/root.pem" -noout -fingerprint -sha256 | sed 's/.*=//')
new_device() {
    "$privyseal" device enroll ann --server "localhost:$enrolment_port" --ca-fingerprint "$fingerprint" \
        --directory "$work/$1" --pin-file "$work/ann/pin" --code-file "$work/digits"
}
code >"$work/digits"
check "name, PIN and the authenticator's digits make a device" new_device tablet
refuse 4 "the same digits again do not" new_device trap
check "which signs with the digits after them" sign tablet "$pin,$(code)"

# An application that goes on signing: every signer is killed under it, and it needs no second code.
PRIVYSEAL_CONF=$work/ann/pkcs11.conf "$PRIVYSEAL_BUILD_ASAN/tests/integration/sign_loop" "$module" ann "$pin,$(code)" 60 >"$work/loop" 2>&1 &
loop=$!
sleep 1
for pid in $(child signer); do kill -KILL "$pid"; sleep 1; done
wait $loop && report ok "signers are killed, and it signs on without another code" || report not-ok "signers are killed, and it signs on without another code" "$work/loop"

check "an operator takes the lost phone's authenticator away" as operator factor reset ann
check "the PIN alone signs again" sign ann "$pin"

# Codes that the deployment sends.
set_config policy.second_factor=sent
stop
start || bail "no restart"
enroll_sent() { # as enroll, without a key
    mkdir -p "$work/bob"
    as operator --json user add bob | activation_code >"$work/bob/code" || return 1
    device bob && as bob pin set --code-file "$work/bob/code" --pin-file "$work/bob/pin" >/dev/null
}
check "a user is added to whom codes are sent" enroll_sent
sent() { for _ in {1..100}; do compgen -G "$codes/[0-9]*" >/dev/null && { cat "$codes"/[0-9]*; rm -f "$codes"/[0-9]*; return; }; sleep 0.1; done; return 1; }
refuse 1 "the PIN alone opens nothing" tool bob --login --pin "$pin" --list-objects
new_code=$(sent)
check "but sends a code" test ${#new_code} = 6
check "with which the same dialog opens" tool bob --login --pin "$pin,$new_code" --list-objects
refuse 1 "once" tool bob --login --pin "$pin,$new_code" --list-objects
sleep 30 # the pause between two codes
refuse 1 "a wrong PIN opens nothing" tool bob --login --pin 000000 --list-objects
sleep 1
refuse 1 "and sends nothing" compgen -G "$codes/[0-9]*"
refuse 1 "no code is in the log" grep -qE "$(alone "$new_code")" "$server/log"
refuse 1 "nor in the audit logs" grep -rqE "$(alone "$new_code")" "$server/audit"
refuse 1 "nor in the store, nor among the notices" grep -rqaF "$new_code" "$server/store" "$server/notices"
stop
