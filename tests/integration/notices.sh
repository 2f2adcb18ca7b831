#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Users are told: by the operator's command, by a webhook; while the herald is down, and while nobody takes the news.
. "$(dirname "$0")/lib.sh"

told=$work/told # the command leaves a file in it for each notice
mkdir "$told"
chmod 1777 "$told"
chmod 755 "$work"
cat >"$work/command" <<EOF
#!/bin/sh
[ -e $work/refuse ] && exit 1
umask 022
cat >$told/.\$\$ && mv $told/.\$\$ $told/\$1.\$\$
EOF
chmod 755 "$work/command"
arrives() { for _ in {1..100}; do compgen -G "$told/$1.*" >/dev/null && return; sleep 0.1; done; return 1; }
field() { jq -re "$2" "$told/$1".*; }

deploy "notice.command=$work/command" notice.user=64303
enroll ann || bail "no user"
check "the first PIN is told" arrives pin.set
check "whose it is, what it is about and which deployment" field pin.set 'select(.user == "ann" and .event == "pin.set" and .realm == "test")'
check "and from where, with the audit record's number" field pin.set 'select((.request_id | length == 16) and (.address | length > 0))'
[[ $EUID != 0 ]] || check "the herald is a user of its own" test "$(stat -c %u "$told"/pin.set.*)" = 64303

herald=$(child herald)
kill -STOP "$herald"
check "while the herald stands still, the operator disables a user" as operator user disable ann
check "and enables again" as operator user enable ann
kill -KILL "$herald"
check "its successor tells what was said meanwhile" arrives user.disabled
check "all of it" arrives user.enabled
check "signers never noticed: a key is made" key ann p-256 one

touch "$work/refuse"
printf '%s\n' 846213 >"$work/new"
check "a PIN is changed while the command fails" as ann pin change --pin-file "$work/ann/pin" --new-pin-file "$work/new"
for _ in {1..50}; do grep -q 'herald: notice.failed' "$server/log" && break; sleep 0.1; done
check "news that nobody takes are kept" compgen -G "$server/notices/*"
stop
rm "$work/refuse"
check "the daemon starts again" start
check "and tells them then" arrives pin.changed
for _ in {1..50}; do compgen -G "$server/notices/*" >/dev/null || break; sleep 0.1; done
refuse 1 "what is told is not kept any longer" compgen -G "$server/notices/*"
stop

# A webhook, with a certificate of an authority that only [notice] webhook_ca knows.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/web.key" -out "$work/web.pem" -days 2 \
    -subj /CN=localhost -addext subjectAltName=DNS:localhost 2>/dev/null
cat >"$work/web.py" <<EOF
import http.server, os, ssl, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with open("$work/web.part", "wb") as file: file.write(body)
        os.rename("$work/web.part", "$told/web." + self.headers["Privyseal-Event"])
        self.send_response(204); self.end_headers()
    def log_message(self, *words): pass
server = http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("$work/web.pem", "$work/web.key")
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
EOF
web_port=$(free_port)
python3 "$work/web.py" "$web_port" &
web=$!
sed -i '/^command = /d' "$server/privyseald.conf"
set_config "notice.webhook=https://localhost:$web_port/notices"
set_config "notice.webhook_ca=$work/web.pem"
check "the daemon starts with a webhook" start
check "the operator disables a user" as operator user disable ann
check "the webhook gets it" arrives web
check "with the event in a header and the object as its body" jq -e 'select(.user == "ann")' "$told/web.user.disabled"
kill "$web"
stop

set_config "notice.command=$work/command"
refuse 78 "command and webhook together are refused at the start" "$privyseald" --config "$server/privyseald.conf" --check
says "choose one" && report ok "and the sentence says what to do" || report not-ok "and the sentence says what to do" "$work/output"
