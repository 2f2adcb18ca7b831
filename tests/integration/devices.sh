#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# devices.sh - a new device, knowing only a name, a PIN and a code; lists, revocation, renewal; and strangers.
. "$(dirname "$0")/lib.sh"

enrolment_port=$(free_port)
deploy "enrolment.listen=127.0.0.1:$enrolment_port" ca.device_days=1
enroll ann && key ann p-256 sign || bail "ann could not be added"
fingerprint=$(openssl x509 -in "$server/tls/root.pem" -noout -fingerprint -sha256 | sed 's/.*=//')
printf '%032d' 0 >"$work/digest"

code_uri() { as ann --json device code --pin-file "$work/ann/pin" "$@" | sed -n 's/.*"uri": "\([^"]*\)".*/\1/p'; }
new_device() { # NAME URI [OPTION...]
    local name=$1
    shift
    "$privyseal" device enroll "$@" --directory "$work/$name" --label "$name" --pin-file "$work/ann/pin"
}
signs() { # DEVICE
    PRIVYSEAL_CONF=$work/$1/pkcs11.conf pkcs11-tool --module "$module" --login --pin "$pin" --sign --mechanism ECDSA \
        --input-file "$work/digest" --output-file "$work/$1/signature"
}
holds_nothing() { [[ ! -e $work/$1 ]] || [[ -z $(ls -A "$work/$1") ]]; }
fingerprint_of() { as ann --json device list --pin-file "$work/ann/pin" | grep -B1 "\"label\": \"$1\"" |
    sed -n 's/.*"fingerprint": "\(.*\)".*/\1/p' | head -n 1; }

# ------------------------------------------------------------------------------------------------------- enrolling

uri=$(code_uri)
check "an enrolled device shows a code" test -n "$uri"
check "a new device enrols with the URI and the PIN" new_device phone "$uri"
check "and signs" signs phone
check "its key is its own" test "$(stat -c %a "$work/phone/ann@test.key")" = 600
refuse 4 "the same code again is refused" new_device second "$uri"
check "and leaves nothing behind" holds_nothing second
refuse 1 "an enrolled device is not overwritten" new_device phone "$(code_uri)"

code_uri >"$work/uri"
sed -n 's/.*code=\(.*\)/\1/p' "$work/uri" >"$work/code"
check "name, fingerprint and code do as well" new_device tablet ann --server "localhost:$enrolment_port" \
    --ca-fingerprint "$fingerprint" --code-file "$work/code"
check "and that device signs, too" signs tablet

refuse 1 "a server with another root is refused" new_device trap ann --server "localhost:$enrolment_port" \
    --ca-fingerprint "$(printf '00%.0s' {1..32})" --code-file "$work/code"
check "nothing is left of that" holds_nothing trap
refuse 2 "without fingerprint and terminal nothing is believed" setsid -w "$privyseal" device enroll ann \
    --server "localhost:$enrolment_port" --directory "$work/trap" --code-file "$work/code" --pin-file "$work/ann/pin"
cp "$work/output" "$work/met"
check "but the fingerprint that is met is shown" grep -qF "$(tr -d : <<<"${fingerprint,,}")" "$work/met"
uri=$(code_uri)
echo 000000 >"$work/wrong-pin"
refuse 4 "a wrong PIN is refused" "$privyseal" device enroll "$uri" --directory "$work/trap" --pin-file "$work/wrong-pin"
refuse 4 "an unknown user is refused" "$privyseal" device enroll "${uri/ann?/nobody?}" --directory "$work/trap" \
    --pin-file "$work/ann/pin"
check "the code survives a mistyped PIN" new_device watch "$uri"

check "an operator gives a code, too" as operator --json device code ann --hours 1
uri=$(sed -n 's/.*"uri": "\([^"]*\)".*/\1/p' "$work/output")
check "which enrols a device" new_device laptop "$uri"

# ---------------------------------------------------------------------------------------------------------- QR code

as ann device code --pin-file "$work/ann/pin" >"$work/shown" 2>&1
python3 - "$work/shown" >"$work/code.pbm" <<'PYTHON'
import sys
rows = [line.rstrip("\n") for line in open(sys.argv[1]) if set("▀▄█") & set(line)]
width = max(map(len, rows))
light = {"█": (1, 1), "▀": (1, 0), "▄": (0, 1)}
bits = []
for row in rows:
    pairs = [light.get(c, (0, 0)) for c in row.ljust(width)]
    bits += [[a for a, _ in pairs], [b for _, b in pairs]]
scale = 6
print("P1", width * scale, len(bits) * scale)
for line in bits:
    text = " ".join("0" if bit else "1" for bit in line for _ in range(scale))
    for _ in range(scale):
        print(text)
PYTHON
if command -v zbarimg >/dev/null; then
    shown=$(sed -n 's/^uri *\(privyseal:.*\)/\1/p' "$work/shown")
    check "the QR code in the terminal holds the URI" test "$(zbarimg -q --raw "$work/code.pbm")" = "$shown"
else
    skip "the QR code in the terminal holds the URI" "no zbarimg"
fi

# -------------------------------------------------------------------------------------------------------- revocation

check "the user lists the devices" as ann device list --pin-file "$work/ann/pin"
cp "$work/output" "$work/list"
check "by the names they have" grep -qw tablet "$work/list"
check "the user revokes one" as ann device revoke "$(fingerprint_of tablet)" --yes --pin-file "$work/ann/pin"
refuse 1 "which signs no more" signs tablet
check "an operator revokes another" as operator device revoke "$(fingerprint_of laptop)" ann --yes
refuse 1 "which signs no more, either" signs laptop
check "the others go on" signs phone

# ----------------------------------------------------------------------------------------------------------- renewal

cp "$work/phone/ann@test.pem" "$work/former.pem"
check "a device renews its certificate" as phone device renew --pin-file "$work/ann/pin"
check "in its file" bash -c "! cmp -s '$work/former.pem' '$work/phone/ann@test.pem'"
check "and signs with the new one" signs phone
mkdir "$work/former" && cp "$work/phone/"* "$work/former/" && cp "$work/former.pem" "$work/former/ann@test.pem"
refuse 1 "the former one ended with that" signs former
check "it renews with a new key, too" as phone device renew --new-key --pin-file "$work/ann/pin"
check "and signs" signs phone
cp "$work/watch/ann@test.pem" "$work/former.pem"
check "the module renews by itself after two thirds of a life" env FAKETIME_DONT_FAKE_MONOTONIC=1 \
    PRIVYSEAL_CONF="$work/watch/pkcs11.conf" faketime -f +18h pkcs11-tool --module "$module" --login --pin "$pin" \
    --sign --mechanism ECDSA --input-file "$work/digest" --output-file "$work/watch/signature"
check "in its file" bash -c "! cmp -s '$work/former.pem' '$work/watch/ann@test.pem'"
check "and goes on with it" signs watch

# -------------------------------------------------------------------------------------------- after a change of PIN

pin=846205
echo "$pin" >"$work/new-pin"
check "the user changes the PIN" as ann pin change --pin-file "$work/ann/pin" --new-pin-file "$work/new-pin"
cp "$work/new-pin" "$work/ann/pin"
check "the next device enrols with the new one" new_device later "$(code_uri)"
check "and signs with it" signs later
check "as do those that were there" signs phone

# --------------------------------------------------------------------------------------------------------- strangers

if /usr/bin/python3 -c 'import grpc' 2>/dev/null; then
    cat >"$work/stranger.py" <<'PYTHON'
import sys, grpc
what, port, ca = sys.argv[1:4]
credentials = grpc.ssl_channel_credentials(open(ca, "rb").read())
channel = grpc.secure_channel(f"localhost:{port}", credentials)
def call(path, body=b""):
    try:
        channel.unary_unary(path, request_serializer=bytes, response_deserializer=bytes)(body, timeout=10)
        return "OK"
    except grpc.RpcError as error:
        return error.code().name
if what == "served":
    sys.exit(call("/privyseal.v1.Enrolment/GetAuthority") != "OK")
if what == "others":
    paths = ["Tokens/ListTokens", "Tokens/Unlock", "Tokens/Sign", "Operators/GetDeployment", "Operators/AddUser"]
    answers = [call("/privyseal.v1." + path) for path in paths]
    print(answers)
    sys.exit(set(answers) != {"UNIMPLEMENTED"})
if what == "flood":
    answers = [call("/privyseal.v1.Enrolment/GetAuthority") for _ in range(200)]
    print({answer: answers.count(answer) for answer in set(answers)})
    sys.exit("UNAVAILABLE" not in answers or "OK" not in answers)
PYTHON
    stranger() { /usr/bin/python3 "$work/stranger.py" "$1" "${2-$enrolment_port}" "$server/tls/root.pem"; }
    check "a stranger is told whose server this is" stranger served
    check "and served nothing but enrolment" stranger others
    refuse 1 "nor that where clients have certificates" stranger served "$port"
    check "and is made to wait when it asks too often" stranger flood
    check "which is not felt by who has a certificate" as operator status
else
    skip "strangers" "no python3-grpcio"
fi

# ------------------------------------------------------------------------------------- the server's own certificate

# One of 398 days, made 300 of them ago, by the authority in the files.
cat >"$work/extensions" <<EOF
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost,IP:127.0.0.1
EOF
openssl req -new -key "$server/tls/server.key" -subj /CN=localhost 2>/dev/null |
    faketime -f -300d openssl x509 -req -CA "$server/ca/tls.pem" -CAkey "$server/ca/tls.key" -days 398 \
        -extfile "$work/extensions" 2>/dev/null | cat - "$server/ca/tls.pem" >"$work/old-server.pem"
stop
cat "$work/old-server.pem" >"$server/tls/server.pem"
start || bail "privyseald did not start with an old certificate"
renewed() {
    for _ in {1..50}; do
        cmp -s "$work/old-server.pem" "$server/tls/server.pem" || return 0
        sleep 0.2
    done
    grep renew "$server/log"
    return 1
}
served() { openssl s_client -connect "localhost:$port" </dev/null 2>/dev/null | openssl x509 -noout -fingerprint; }
check "the supervisor renews a certificate that has lived two thirds of its life" renewed
check "with the same names" openssl x509 -in "$server/tls/server.pem" -noout -checkhost localhost -checkip 127.0.0.1
check "and serves it" test "$(served)" = "$(openssl x509 -in "$server/tls/server.pem" -noout -fingerprint)"
check "to clients that go on" signs phone

# ---------------------------------------------------------------------------------------------------- name and PIN

stop
set_config "enrolment.proof=pin, recovery"
start || bail "privyseald did not start again"
check "where the deployment says so, name and PIN are enough" new_device plain ann \
    --server "localhost:$enrolment_port" --ca-fingerprint "$fingerprint"
refuse 4 "but not a wrong PIN" "$privyseal" device enroll ann --server "localhost:$enrolment_port" \
    --ca-fingerprint "$fingerprint" --directory "$work/trap" --pin-file "$work/wrong-pin"
# ----------------------------------------------------------------------------------------------------- device secret

pin=517293
echo "$pin" >"$work/new-pin"
check "a user makes the PIN worthless without a device" as ann pin change --device-secret --pin-file "$work/ann/pin" \
    --new-pin-file "$work/new-pin"
cp "$work/new-pin" "$work/ann/pin"
check "the device that has the secret signs" signs ann
refuse 1 "one that has it not does not, with the right PIN" signs phone
check "a code takes the secret to the next device" new_device heir "$(code_uri)"
check "as it is, for its user only" bash -c "cmp '$work/ann/device.secret' '$work/heir/ann@test.secret' &&
    [[ \$(stat -c %a '$work/heir/ann@test.secret') == 600 ]]"
check "which signs with it" signs heir
refuse 4 "name and PIN alone enrol nobody any more" new_device bare ann --server "localhost:$enrolment_port" \
    --ca-fingerprint "$fingerprint"

# -------------------------------------------------------------------------------------------- with a recovery code

recovery_code() { sed -n 's/.*"recovery_code": "\([^"]*\)".*/\1/p' "$work/output"; }
fresh_device() { # NAME: certified by an operator, and that is all it has
    mkdir -p "$work/$1" && "$privyseal" cert request "$work/$1/device.csr" --device "$work/$1/device.key" &&
        as operator cert issue ann "$work/$1/device.csr" "$work/$1/device.pem" --profile device &&
        sed '/device_secret/d' "$work/ann/pkcs11.conf" >"$work/$1/pkcs11.conf"
}
check "the user makes a recovery code" as ann --json recovery make --pin-file "$work/ann/pin"
recovery_code >"$work/recovery"
check "all devices are lost; an operator certifies another" fresh_device fresh
pin=640913
echo "$pin" >"$work/new-pin"
cp "$work/code" "$work/no-code"
refuse 4 "another code brings no secret" as fresh pin recover --code-file "$work/no-code" --new-pin-file "$work/new-pin"
check "nothing is written for it" test ! -e "$work/fresh/device.secret"
check "name and recovery code bring all back" as fresh --json pin recover --code-file "$work/recovery" \
    --new-pin-file "$work/new-pin"
recovery_code >"$work/recovery"
check "the secret, too, for its user only" bash -c "cmp '$work/ann/device.secret' '$work/fresh/device.secret' &&
    [[ \$(stat -c %a '$work/fresh/device.secret') == 600 ]]"
check "and the device signs" signs fresh
check "as do those that have the secret" signs heir
fresh_device bare2 || bail "no further device"
refuse 1 "one that has it not does not" signs bare2
echo other >"$work/bare2/device.secret"
refuse 1 "another secret is not overwritten" as bare2 pin recover --code-file "$work/recovery" --new-pin-file "$work/new-pin"
check "it is what it was" grep -qx other "$work/bare2/device.secret"
rm "$work/bare2/device.secret"
echo 751024 >"$work/new-pin"
check "the code is good for it still" as bare2 --json pin recover --code-file "$work/recovery" --new-pin-file "$work/new-pin"
recovery_code >"$work/recovery"
pin=751024
check "which the next one in turn brought the secret to" signs bare2

cp "$work/new-pin" "$work/ann/pin"
check "name, PIN and recovery code make a device without any other" new_device lonely ann --proof recovery \
    --server "localhost:$enrolment_port" --ca-fingerprint "$fingerprint" --code-file "$work/recovery"
check "which has the secret" cmp "$work/ann/device.secret" "$work/lonely/ann@test.secret"
check "and signs" signs lonely
refuse 4 "another code does not" new_device trap ann --proof recovery --server "localhost:$enrolment_port" \
    --ca-fingerprint "$fingerprint" --code-file "$work/no-code"
refuse 1 "what the deployment does not take is not tried" new_device trap ann --proof totp \
    --server "localhost:$enrolment_port" --ca-fingerprint "$fingerprint" --code-file "$work/no-code"
cp "$work/output" "$work/taken"
check "and what it takes is said" grep -q "it takes: pin, code, recovery" "$work/taken"

check "audit verify finds the logs in order" as operator audit verify
