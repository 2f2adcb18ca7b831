#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The numbers: over HTTP and by GetMetrics, true after known work; what the dashboard and the alerts name is exported.
. "$(dirname "$0")/lib.sh"

metrics=127.0.0.1:$(free_port)
deploy metrics.listen="$metrics"
check "a user is enrolled" enroll ann
check "a key is made" key ann p-256 one
check "seven signatures are made" env PRIVYSEAL_CONF="$work/ann/pkcs11.conf" \
    "$PRIVYSEAL_BUILD_ASAN/tests/integration/sign_loop" "$module" ann "$pin" 7 0
get() { curl -sS --max-time 5 -o "$work/body" -w '%{http_code}' "http://$metrics$1"; }
is() { [[ $2 == "$3" ]] && report ok "$1" || { echo "$2, wanted $3" >"$work/output"; report not-ok "$1" "$work/output"; }; }
is "it is alive" "$(get /healthz)" 200
is "it is ready" "$(get /readyz)" 200
is "nothing else is there" "$(get /etc/passwd)" 404
is "only GET is answered" "$(curl -sS -o /dev/null -w '%{http_code}' -X POST "http://$metrics/metrics")" 405
is "the numbers are there" "$(get /metrics)" 200
signed() { awk '/^privyseal_requests_total/ && /method="Sign",reason="OK"/ { n += $2 } END { print n + 0 }' "$work/metrics"; }
counted() { get /metrics >/dev/null; cp "$work/body" "$work/metrics"; [[ $(signed) == 7 ]]; }
within 20 counted # signers speak every second
is "each signature is counted" "$(signed)" 7
is "and its time in the HSM" "$(awk '/^privyseal_request_duration_seconds_count/ && /stage="hsm"/ { n += $2 } END { print (n >= 7) }' "$work/metrics")" 1
is "in the store, the queue and the log, too" "$(awk '/^privyseal_request_duration_seconds_count/ && /stage="(store|queue|audit)"/ && $2 > 0 { print $1 }' "$work/metrics" | grep -o 'stage="[a-z]*"' | sort -u | wc -l)" 3
is "histograms grow towards infinity" "$(awk '/^privyseal_request_duration_seconds_bucket/ { split($1, a, ",le="); if (a[1] == last && $2 < value) bad = 1; last = a[1]; value = $2 } END { print bad + 0 }' "$work/metrics")" 0
is "no line is of another form" "$(grep -vcE '^(# (HELP|TYPE) privyseal_[a-z_]+ .+|privyseal_[a-z_]+(\{[^{}]*\})? [0-9.e+-]+)$' "$work/metrics")" 0
expiry=$(awk '/^privyseal_tls_certificate_expiry_seconds/ { print $2 }' "$work/metrics")
((expiry > $(date +%s))) && report ok "the server's certificate ends in the future" || report not-ok "the server's certificate ends in the future"

repository=$(cd "$(dirname "$0")/../.." && pwd)
check "the dashboard is JSON" jq -e '.panels | length > 5' "$repository/packaging/grafana/privyseal.json"
check "the alert rules are YAML" python3 -c "import sys, yaml; assert len(yaml.safe_load(open(sys.argv[1]))['groups'][0]['rules']) > 5" "$repository/packaging/prometheus/privyseal.rules.yml"
exported=$(awk '/^# TYPE/ { print $3 }' "$work/metrics")
missing=$(grep -ohE 'privyseal_[a-z_]+[a-z]' "$repository/packaging/grafana/privyseal.json" "$repository/packaging/prometheus/privyseal.rules.yml" |
    sed -E 's/_(bucket|sum|count)$//' | sort -u | while read -r name; do grep -qx "$name" <<<"$exported" || echo "$name"; done)
is "every number they name is exported" "$missing" ""

# A signature in somebody's trace: the module, the front and the record tell of the same request.
trace=0af7651916cd43dd8448eb211c80319c
: >"$work/debug"
check "an application in a trace signs" env PRIVYSEAL_CONF="$work/ann/pkcs11.conf" PRIVYSEAL_DEBUG="$work/debug" \
    TRACEPARENT="00-$trace-b7ad6b7169203331-01" "$PRIVYSEAL_BUILD_ASAN/tests/integration/sign_loop" "$module" ann "$pin" 1 0
as operator --json audit show --event sign --request $trace >"$work/traced" 2>&1
request=$(sed -n 's/.*C_Sign .*request=\([0-9a-f]*\)$/\1/p' "$work/debug" | tail -n 1)
is "its record can be found by the trace" "$(grep -c "\"trace_id\": *\"$trace\"" "$work/traced")" 1
is "and is of the request that the module logs" "$(grep -c "\"request_id\": *\"${request:-none}\"" "$work/traced")" 1
is "signatures in no trace have none in their records" "$(as operator --json audit show --event sign | grep -c trace_id)" 1

check "top shows the fleet" as operator top --once
as operator --json top --once >"$work/top"
is "with every signer" "$(jq '.proxies[0].signers | length' "$work/top")" 3
is "and the busiest token" "$(jq -r '.tokens[0].token' "$work/top")" ann
refuse 5 "a user sees none of it" as ann top --once
check "a client that says nothing does not stop the others" bash -c "exec 3<>/dev/tcp/${metrics/:/\/}; curl -sS --max-time 8 http://$metrics/healthz"
for pid in $(child exporter); do kill -9 "$pid"; done
healthy() { [[ $(get /healthz 2>/dev/null) == 200 ]]; }
check "an exporter that died is replaced" within 20 healthy
