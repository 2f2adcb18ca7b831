#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Bad input gets a clear error and loses nothing: PINs, certificates, servers, disks, configurations.
. "$(dirname "$0")/lib.sh"

expect() { # TEXT: of the last output
    says "$1" && report ok "... and says \"$1\"" || report not-ok "... and says \"$1\"" "$work/output"
}

deploy
check "a user is enrolled" enroll ann
check "a key is made" key ann p-256 one
tool() { PRIVYSEAL_CONF=$work/ann/pkcs11.conf pkcs11-tool --module "$module" "$@"; }
sign() { tool --login --pin "${1:-$pin}" --sign --mechanism ECDSA-SHA256 --input-file "$work/init.log" --output-file "$work/signature"; }

# --- PINs
printf '000000\n' >"$work/wrong"
refuse 4 "a wrong PIN is refused" as ann key generate --pin-file "$work/wrong"
expect "9 more wrong tries"
for _ in 2 3 4 5; do as ann key generate --pin-file "$work/wrong" >/dev/null 2>&1; done
refuse 4 "the sixth guess has to wait" as ann key generate --pin-file "$work/wrong"
expect "Try again in"
refuse 4 "so has the right PIN, meanwhile" as ann key generate --pin-file "$work/ann/pin"
check "the module says so in the standard's flags" tool -L
expect "user PIN locked"
check "an operator clears it; the PIN stays" as operator pin unlock ann
check "the right PIN signs again" sign
refuse 1 "pkcs11-tool with a wrong PIN fails" sign 111111
expect "CKR_PIN_INCORRECT"
printf '1\n' >"$work/short"
refuse 4 "a PIN too short is refused before anything is sent" as ann pin change --pin-file "$work/ann/pin" --new-pin-file "$work/short"
refuse 2 "an activation code with a typing error is told as such" as ann pin set --code-file "$work/short" --pin-file "$work/ann/pin"

# --- a new PIN
printf '5550123\n' >"$work/new"
check "the user changes the PIN" as ann pin change --pin-file "$work/ann/pin" --new-pin-file "$work/new"
refuse 4 "the old PIN is refused" as ann key generate --pin-file "$work/ann/pin"
check "the same key signs with the new PIN" sign 5550123
cp "$work/new" "$work/ann/pin"
pin=5550123

# --- certificates
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/foreign.key" -out "$work/foreign.pem" \
    -subj /CN=ann -days 1 2>/dev/null
mkdir "$work/foreign"
sed "s#device.pem#$work/foreign.pem#; s#device.key#$work/foreign.key#" "$work/ann/pkcs11.conf" >"$work/foreign/pkcs11.conf"
refuse 3 "a foreign client certificate gets no connection" as foreign token show
mkdir "$work/unknown"
"$privyseal" cert request "$work/unknown/device.csr" --device "$work/unknown/device.key"
openssl x509 -req -in "$work/unknown/device.csr" -CA "$server/ca/tls.pem" -CAkey "$server/ca/tls.key" -days 1 \
    -extfile <(echo extendedKeyUsage=clientAuth) -out "$work/unknown/leaf.pem" 2>/dev/null
cat "$work/unknown/leaf.pem" "$server/ca/tls.pem" >"$work/unknown/device.pem"
sed "s#ann#unknown#" "$work/ann/pkcs11.conf" >"$work/unknown/pkcs11.conf"
refuse 5 "a certificate that nobody registered may do nothing" as unknown --identity unknown token show --token ann
check "another user is enrolled" enroll bob
refuse 5 "a user does not see another's token" as bob token show --token ann
refuse 5 "a user is no operator" as bob user list
refuse 5 "a user is not added twice, by whom it may be" as bob user add eve
refuse 1 "an operator does not add a user twice" as operator user add bob
check "an operator disables a user" as operator user disable bob
refuse 5 "a disabled user does nothing more" as bob token show
check "and enables the user again" as operator user enable bob
check "who then is as before" as bob token show

# --- no server
cp -r "$work/ann" "$work/nowhere"
sed -i "s#localhost:$port#localhost:1#" "$work/nowhere/pkcs11.conf"
refuse 3 "an unreachable server is told as such" as nowhere token show
refuse 3 "the doctor says where it does not answer" as nowhere doctor
expect "localhost:1"
export PRIVYSEAL_CONF=$work/nowhere/pkcs11.conf
check "a module without a server lists a token that is not present" timeout 20 pkcs11-tool --module "$module" -L
unset PRIVYSEAL_CONF
# A server that accepts and never answers: a listener nobody reads from.
timeout 60 python3 -c 'import socket,time; s=socket.create_server(("127.0.0.1",0)); print(s.getsockname()[1],flush=True); time.sleep(50)' >"$work/mute" &
for _ in {1..100}; do [[ -s $work/mute ]] && break; sleep 0.1; done
sed -i "s#localhost:1#localhost:$(cat "$work/mute")\nconnect_timeout_ms = 2000#" "$work/nowhere/pkcs11.conf"
refuse 3 "a server that never answers costs the deadline, not a hang" timeout 20 "$privyseal" --config "$work/nowhere/pkcs11.conf" token show

# --- configurations
printf '[deployment x]\nrealm = test\nendpoint = a:1\n' >"$work/bad.conf"
refuse 1 "a misspelt key is named with file and line" "$privyseal" --config "$work/bad.conf" token show
expect "bad.conf:3"
refuse 1 "a configuration that is not there is named" "$privyseal" --config "$work/none.conf" token show
refuse 2 "an unknown command is usage" "$privyseal" frobnicate
refuse 2 "an unknown option is usage" "$privyseal" user list --frobnicate
cp "$server/privyseald.conf" "$work/good.conf"
echo 'frobnicate = 1' >>"$server/privyseald.conf"
"$privyseald" --config "$server/privyseald.conf" --check >"$work/output" 2>&1
report "$( (($? == 0)) && echo not-ok || echo ok)" "a malformed server configuration is refused" "$work/output"
expect "privyseald.conf:"
cp "$work/good.conf" "$server/privyseald.conf"

# --- a full disk under the audit log: no signature leaves
if [[ $EUID == 0 ]] && mkdir "$work/disk" && mount -t tmpfs -o size=96k,mode=0755 tmpfs "$work/disk" 2>/dev/null; then
    stop
    cp -a "$server/audit/." "$work/disk/" && chown --reference="$server/audit" "$work/disk"
    mount --bind "$work/disk" "$server/audit"
    start || bail "no start on the small disk"
    check "it signs while there is room" sign
    dd if=/dev/zero of="$work/disk/filler" bs=1k 2>/dev/null
    # What is left of each log's last page takes a few records more.
    for ((refused = 0, i = 0; refused < 6 && i < 60; i++)); do sign >/dev/null 2>&1 && refused=0 || ((++refused)); done
    rm -f "$work/signature"
    refuse 1 "with a full disk under the audit log it does not sign" sign
    [[ -s $work/signature ]] && report not-ok "and no signature leaves" || report ok "and no signature leaves"
    rm "$work/disk/filler"
    check "with room again it signs" sign
    check "and the log holds together" as operator audit verify
    stop
    umount "$server/audit"
    timeout 30 "$privyseald" --foreground --config "$server/privyseald.conf" >"$work/output" 2>&1
    (($? == 124)) && report not-ok "a signer does not start behind the head that the store remembers" "$work/output" ||
        report ok "a signer does not start behind the head that the store remembers"
    cp -a "$work/disk/." "$server/audit/"
    umount "$work/disk"
    start || bail "no start after the small disk"
else
    skip "with a full disk under the audit log it does not sign" "needs root and mount"
fi

# --- the HSM's files
stop
mv "$server/hsm/tokens" "$server/hsm/gone"
timeout 30 "$privyseald" --foreground --config "$server/privyseald.conf" >"$work/output" 2>&1 &
wrong=$!
within 20 grep -qi token "$work/output"
as operator status >/dev/null 2>&1 && report not-ok "without its token directory nothing is served" || report ok "without its token directory nothing is served"
kill $wrong 2>/dev/null
wait $wrong 2>/dev/null
grep -qiE 'token' "$work/output" && report ok "... and the log says what is missing" || report not-ok "... and the log says what is missing" "$work/output"
mv "$server/hsm/gone" "$server/hsm/tokens"
start || bail "no start with the token directory back"
check "with it back, everything is as it was" sign
