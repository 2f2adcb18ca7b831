#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The audit logs: every signature has its record, and whoever touches them is found out, with and without a server.
. "$(dirname "$0")/lib.sh"

deploy
check "a user is enrolled" enroll ann
check "a key is made" key ann p-256 one
check "ten signatures are made" env PRIVYSEAL_CONF="$work/ann/pkcs11.conf" \
    "$PRIVYSEAL_BUILD_ASAN/tests/integration/sign_loop" "$module" ann "$pin" 10 0

records() { as operator --json audit show --user ann --event sign; }
[[ $(records | jq length) == 10 ]] && report ok "each has its record" || report not-ok "each has its record"
[[ $(records | jq -r '[.[].key_count] | sort | map(tostring) | join(" ")') == "1 2 3 4 5 6 7 8 9 10" ]] &&
    report ok "each record has the key's running count" || report not-ok "each record has the key's running count"
[[ $(records | jq -r '.[0].digest' | wc -c) == 65 ]] && report ok "and the digest that was signed" || report not-ok "and the digest that was signed"

check "the logs hold together" within 20 as operator audit verify --key "$server/tls/audit.pem" # heads go to the store every second
checkpointed() { (($(as operator --json audit verify --key "$server/tls/audit.pem" | jq '[.[].checkpoints] | add'))); }
check "their checkpoints are signed by the HSM" within 70 checkpointed
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 2>/dev/null | openssl pkey -pubout -out "$work/other.pem"
refuse 1 "by no other key" as operator audit verify --key "$work/other.pem"

mkdir "$work/auditor"
cp "$work/ann/pkcs11.conf" "$work/auditor/"
sed -i s/ann/auditor/ "$work/auditor/pkcs11.conf"
"$privyseal" cert request "$work/auditor/device.csr" --device "$work/auditor/device.key"
check "an auditor gets a certificate" as operator cert issue auditor "$work/auditor/device.csr" "$work/auditor/device.pem" --profile auditor
check "an auditor verifies" as auditor audit verify
check "an auditor reads" as auditor audit show --limit 3
refuse 5 "an auditor adds no user" as auditor user add eve
refuse 5 "an auditor unlocks no PIN" as auditor pin unlock ann
refuse 5 "a user reads no audit log" as ann audit show

copy() { rm -rf "$work/copy"; cp -r "$server/audit" "$work/copy"; log=$(grep -l '"event":"sign"' "$work"/copy/*.log | head -1); }
offline() { "$privyseal" audit verify --dir "$work/copy" --realm test --key "$server/tls/audit.pem"; }
copy
check "copies are checked without a server" offline
sed -i '0,/"event":"sign"/s/"principal":"ann"/"principal":"bob"/' "$log"
refuse 1 "an altered record is found" offline
copy
sed -i '0,/"event":"sign"/{/"event":"sign"/d}' "$log"
refuse 1 "a removed record is found" offline
copy
sed -n '0,/"event":"sign"/p' "$log" | tail -1 >>"$log"
refuse 1 "a record put in twice is found" offline
copy
refuse 1 "a log of another deployment is found" "$privyseal" audit verify --dir "$work/copy" --realm other

stop
cp -a "$server/audit" "$work/whole"
for log in "$server"/audit/*.log; do [[ $(wc -l <"$log") -gt 2 ]] && sed -i '$d' "$log"; done
timeout 20 "$privyseald" --foreground --config "$server/privyseald.conf" >"$work/output" 2>&1
(($? == 124)) && report not-ok "a cut tail is found at the next start" "$work/output" || report ok "a cut tail is found at the next start"
rm -rf "$server/audit" && mv "$work/whole" "$server/audit"
start || bail "no start with the whole logs"
check "with the whole logs it starts, and they hold together" as operator audit verify
