#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SunPKCS11 of OpenJDK: keytool lists and requests, jarsigner signs a JAR, a program signs with eight threads.
. "$(dirname "$0")/lib.sh"

# Java counts slots in the order of the module's list, with and without tokens; pkcs11-tool does too.
index=$(pkcs11-tool --module "$MODULE" -L 2>/dev/null | awk -v token="$TOKEN" '
    /^Slot / { slot = $2 }
    /^  token label / { sub(/^[^:]*: */, ""); if ($0 == token) { print slot; exit } }')
cat >"$work/java.cfg" <<END
name = conformance
library = $MODULE
slotListIndex = ${index:-0}
END

export LC_ALL=C.UTF-8
on_token=(-keystore NONE -storetype PKCS11 -storepass:env PIN -addprovider SunPKCS11 -providerArg "$work/java.cfg")

check "keytool lists the token" keytool -list "${on_token[@]}"
sed -n 's/, PrivateKeyEntry, *$//p' "$work/output" >"$work/aliases"
[[ -s $work/aliases ]] || { report not-ok "keytool sees a private key with its certificate"; exit; }

printf 'conformance\n' >"$work/content"
check "jar packs a file" jar --create --file "$work/unsigned.jar" -C "$work" content
request() {
    keytool -certreq -alias "$1" -file "$work/request.pem" "${on_token[@]}" &&
        openssl req -in "$work/request.pem" -noout -verify
}
sign_jar() {
    jarsigner "${on_token[@]}" -signedjar "$work/signed.jar" "$work/unsigned.jar" "$1" &&
        jarsigner -verify "$work/signed.jar"
}
while IFS= read -r alias <&3; do
    check "keytool requests a certificate for $alias, openssl verifies it" request "$alias"
    check "jarsigner signs with $alias and verifies" sign_jar "$alias" &&
        expect "the JAR of $alias is verified" "jar verified."
done 3<"$work/aliases"

relay "a program" java "$(dirname "$0")/java/TokenClient.java" "$work/java.cfg"
