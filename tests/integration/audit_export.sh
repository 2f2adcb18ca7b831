#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What the audit logs are good for: found again, exported, checked anywhere; closed files; attacks; a user's own records.
. "$(dirname "$0")/lib.sh"

deploy
check "a user is enrolled" enroll ann
check "another is enrolled" enroll bob
check "a key is made" key ann p-256 one
check "another key is made" key bob p-256 two
sign() { PRIVYSEAL_CONF=$work/$1/pkcs11.conf "$PRIVYSEAL_BUILD_ASAN/tests/integration/sign_loop" "$module" "$1" "$pin" "$2" 0; }
check "ten signatures are made" sign ann 10
check "three more by another" sign bob 3
as ann key list --pin-file <(echo 000000) >/dev/null 2>&1

count() { as operator --json audit show "$@" | jq length; }
is() { [[ $2 == "$3" ]] && report ok "$1" || { echo "$2, wanted $3" >"$work/output"; report not-ok "$1" "$work/output"; }; }
is "records are found by event and user" "$(count --event sign --user ann)" 10
is "by principal" "$(count --event sign --principal bob)" 3
is "by result" "$(count --event sign --result PIN_INCORRECT)" 0
keyname=$(as operator --json audit show --event sign --user bob | jq -r '.[0].key')
is "by the beginning of the key's name" "$(count --event sign --key "${keyname:0:12}")" 3
request=$(as operator --json audit show --event sign --user bob | jq -r '.[0].client_request_id')
is "by the application's request id" "$(count --request "$request")" 1
is "since a while ago" "$(count --event sign --since 1h)" 13
is "not since tomorrow" "$(count --event sign --since "$(date -u -d tomorrow +%F)")" 0
is "until a year ago" "$(count --event sign --until 365d)" 0
is "the newest" "$(count --event sign --limit 4)" 4
refuse 2 "a time that is none is refused" as operator audit show --since yesterday
as operator --json audit show --event sign --follow --since 1h >"$work/followed" 2>/dev/null &
follower=$!
followed() { [[ $(wc -l <"$work/followed") == "$1" ]]; }
within 20 followed 13
check "a signature while somebody follows" sign bob 1
within 20 followed 14
kill $follower 2>/dev/null
wait $follower 2>/dev/null
is "records are shown as they come" "$(wc -l <"$work/followed")" 14

check "all are exported as they are" as operator audit export "$work/all.jsonl"
is "each on a line" "$(jq -s '[.[] | select(.event == "sign")] | length' "$work/all.jsonl")" 14
refuse 1 "an export is not written over" as operator audit export "$work/all.jsonl"
check "and for event managers" as operator audit export "$work/all.cef" --format cef --event sign
is "as many" "$(grep -c '^CEF:0|Privyseal|privyseald|[^|]*|sign|sign|3|dvchost=' "$work/all.cef")" 14
refuse 2 "no other format" as operator audit export --format xml

# Records of one's own. The checkpoint comes within a minute.
check "a user sees the own records" as ann audit mine --pin-file "$work/ann/pin"
says ann || report not-ok "they are shown"
for _ in {1..70}; do
    as ann --json audit mine --export "$work/mine.json" --pin-file "$work/ann/pin" >/dev/null
    (($(jq '[.logs[].records[] | select(.checkpoint > 0)] | length' "$work/mine.json") >= 10)) && break
    sleep 1
done
is "all signatures are there" "$(jq -r '.logs[].records[].line' "$work/mine.json" | jq -s '[.[] | select(.event == "sign")] | length')" 10
is "and nobody else's record" "$(jq -r '.logs[].records[].line' "$work/mine.json" | jq -s '[.[] | select(.token != "ann")] | length')" 0
own() { "$privyseal" audit verify --mine "$work/${1:-mine.json}" --key "$server/tls/audit.pem"; }
check "anybody checks them with the public key" own
jq '(.logs[] | select(.records | length > 2) | .records) |= (.[:1] + .[2:])' "$work/mine.json" >"$work/less.json"
jq '(.logs[].records[] | select(.line | contains("\"key_count\":5,")) | .line) |= sub("CKM_ECDSA"; "CKM_EDDSA")' "$work/mine.json" >"$work/other.json"
refuse 1 "an altered record is found" own other.json
jq 'del(.logs[].records[] | select(.line | contains("\"event\":\"sign\"") and contains("\"key_count\":5,")))' "$work/mine.json" >"$work/gap.json"
refuse 1 "a signature that was left out is found" own gap.json
sed 's/"token": "ann"/"token": "bob"/' "$work/mine.json" >"$work/stolen.json"
refuse 1 "records of somebody else are not one's own" own stolen.json
refuse 2 "without the key nothing is checked" "$privyseal" audit verify --mine "$work/mine.json"

# Files that are closed and taken away.
check "the logs hold together" as operator audit verify --key "$server/tls/audit.pem" --state "$work/state"
stop
proxy=$(sed -n 's/^proxy = //p' "$server/privyseald.conf")
cp -a "$server" "$work/before"
set_config audit.rotate_mib=1
start || bail "no start with rotation"
for log in "$server"/audit/*.log; do :; done
check "signatures go on" sign ann 5
stop
# A small file is made large by records of reading it: what matters is that it is closed and the chain goes on.
set_config audit.rotate_mib=0
sed -i '/^rotate_mib/d' "$server/privyseald.conf"
start || bail "no start without rotation"
check "after restarts the logs hold together" as operator audit verify --key "$server/tls/audit.pem" --state "$work/state"

# Log and store set back together: only who remembers finds it.
stop
rm -rf "$server/audit" "$server/store"
cp -a "$work/before/audit" "$work/before/store" "$server/"
start || bail "no start after being set back"
check "log and store that were set back together look whole" as operator audit verify
refuse 1 "but not to an auditor who remembers the check before" as operator audit verify --state "$work/state"
stop
rm "$server/audit/$proxy.signer-1.log"
sed -i 's/^signers = .*/signers = 1/' "$server/privyseald.conf"
set_config server.partitions=no
start || bail "no start with fewer signers"
refuse 1 "a log of a signer that is no more is missed" as operator audit verify
says "this log is missing" && report ok "and said to be missing" || report not-ok "and said to be missing" "$work/output"
