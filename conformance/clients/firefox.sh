#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Firefox without a display, driven through Marionette: the module comes by the policy SecurityDevices, and pages are
# fetched from servers that want a certificate.
. "$(dirname "$0")/lib.sh"

load_keys
mkdir "$work/shown" "$work/home" "$work/profile"
for key in "${keys[@]}"; do
    id=${key% *} type=${key#* }
    if ! [[ $type =~ ^(rsa|prime|secp) && -f $work/$id.pem ]]; then
        skip "it shows the certificate of $id" "the token has none, or it is not of an RSA or EC key"
    elif ! openssl x509 -in "$work/$id.pem" -noout -purpose | grep -q '^SSL client : Yes'; then
        skip "it shows the certificate of $id" "it is not for TLS clients"
    else
        cp "$work/$id.pem" "$work/shown/$id"
    fi
done
[[ $(ls "$work/shown") ]] || exit

# Policies lie beside the program, which finds its folder by its own file: a folder of links with a copy of that file.
installed=/usr/lib/firefox-esr
mkdir -p "$work/firefox"
ln -s $installed/* "$work/firefox/"
rm "$work/firefox/firefox-esr" "$work/firefox/distribution"
cp $installed/firefox-esr "$work/firefox/firefox-esr"
mkdir "$work/firefox/distribution"
jq -n --arg library "$MODULE" '{policies: {SecurityDevices: {Add: {conformance: $library}}}}' \
    >"$work/firefox/distribution/policies.json"

# free_port NUMBER: one for each number; below those that outgoing connections get
free_port() {
    local port
    while :; do
        port=$((20000 + 4000 * $1 + RANDOM % 4000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo $port; return; }
    done
}

openssl req -x509 -newkey rsa:2048 -nodes -keyout "$work/server.key" -out "$work/server.pem" -subj /CN=localhost \
    -days 2 2>/dev/null
urls=()
serve() { # NAME OPTION...: a page about each handshake, none of which resumes another
    local name=$1 port
    shift
    port=$(free_port ${#urls[@]})
    openssl s_server -accept "127.0.0.1:$port" -cert "$work/server.pem" -key "$work/server.key" -Verify 1 -www \
        -no_cache -no_ticket -num_tickets 0 "$@" >"$work/server-$port.log" 2>&1 </dev/null &
    background+=($!)
    urls+=("$name=https://localhost:$port/")
}
serve "TLS 1.3" -tls1_3
serve "TLS 1.2" -tls1_2

marionette=$(free_port ${#urls[@]})
printf 'user_pref("%s", %s);\n' marionette.port "$marionette" security.default_personal_cert '"Ask Every Time"' \
    datareporting.policy.dataSubmissionEnabled false app.normandy.enabled false >"$work/profile/user.js"
HOME=$work/home "$work/firefox/firefox-esr" --headless --no-remote --profile "$work/profile" --marionette \
    --remote-allow-system-access about:blank >"$work/firefox.log" 2>&1 </dev/null &
firefox=$!
background+=($firefox)
relay "Firefox's client" timeout 200 /usr/bin/python3 -B "$(dirname "$0")/python/firefox_client.py" "$marionette" \
    "$work/shown" "${urls[@]}"

ended() {
    for _ in {1..200}; do
        kill -0 $firefox 2>/dev/null || { wait $firefox; return; }
        sleep 0.1
    done
    echo "it still runs"
    return 1
}
check "Firefox ends without a crash" ended
