#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Many users: imported, found, grouped, granted to an application server, disabled and deleted.
. "$(dirname "$0")/lib.sh"

deploy server.log_level=debug
loop=$PRIVYSEAL_BUILD_ASAN/tests/integration/sign_loop

# is_json_of FILE FILTER: one value, and so
is_json_of() { [[ $(jq -s length "$1") == 1 ]] && jq -e "$2" "$1"; }

# ----------------------------------------------------------------------------------------------------------- import
check "a group is made" as operator group add payroll
{
    echo user,custody,group,max_signatures
    for i in {0001..1000}; do echo "user$i,wrapped,payroll,50"; done
} >"$work/users.csv"
check "a list is checked without adding anybody" as operator user import "$work/users.csv" --check
as operator --json user list >"$work/listed"
check "nobody was added" bash -c "[[ \$(grep -c '\"user\"' '$work/listed') == 0 ]]"
began=$SECONDS
check "a thousand users are imported" as operator user import "$work/users.csv" --report "$work/codes.csv"
echo "# 1000 users in $((SECONDS - began)) s"
check "the report is its owner's alone" bash -c "[[ \$(stat -c %a '$work/codes.csv') == 600 ]]"
check "each has an activation code in it" bash -c "[[ \$(grep -c ',added,[^,]' '$work/codes.csv') == 1000 ]]"
check "each was recorded" bash -c "[[ \$(cat '$server'/audit/*.log | grep -c '\"event\":\"user.add\"') -ge 1000 ]]"
check "imported again, all are there already" as operator --json user import "$work/users.csv"
says '"exists": 1000' && report ok "and said to be" || report not-ok "and said to be" "$work/output"

printf 'user,max_signatures\nuser0001,60\nnew one,1\n' >"$work/mixed.csv"
refuse 7 "one that differs is left alone, and the exit status says so" as operator user import "$work/mixed.csv"
as operator --json policy show user0001 >"$work/policy"
check "its policy is what it was" grep -q '"max_signatures": "50"' "$work/policy"
printf 'user,colour\nx,red\n' >"$work/bad.csv"
refuse 2 "an unknown column stops everything" as operator user import "$work/bad.csv"
printf 'user,hours,hours\nx,1,2\n' >"$work/bad.csv"
refuse 2 "so does a column that stands there twice" as operator user import "$work/bad.csv"
printf 'user\nx\nx\nco:lon\n' >"$work/bad.csv"
refuse 2 "a name twice, and one that cannot be, stop everything" as operator user import "$work/bad.csv"
printf '[{"user": "json1", "decrypt": "no"}, {"user": "json2", "hours": 24}]' >"$work/users.json"
check "JSON is read as well" as operator user import "$work/users.json"
as operator --json policy show json1 >"$work/policy"
check "with its policy" grep -q '"decrypt": "no"' "$work/policy"
chmod 644 "$work/codes.csv"
refuse 1 "a report that others can read is not written to" as operator user import "$work/users.json" --report "$work/codes.csv"

# Failed in the midst: the report has room for less than a batch.
{ echo user; printf 'some%03d\n' {1..200}; } >"$work/some.csv"
fails_midway() { (trap '' XFSZ && ulimit -f 1 && as operator --json user import "$work/some.csv" --report "$work/some-codes.csv" 2>/dev/null); }
fails_midway >"$work/some.json"
check "an import that fails midway says so by its status" test $? = 7
check "and in one value what was done and what failed" is_json_of "$work/some.json" '[.added, .error.status, (.error.what | contains("report"))] == [64, 1, true]'

# Killed in the midst, and run again: nobody is missing or there twice, and everybody has a code that somebody was told.
{ echo user; printf 'half%04d\n' {1..2000}; } >"$work/half.csv"
half=("$privyseal" --config "$server/operator/pkcs11.conf" --json user import "$work/half.csv" --report "$work/half-codes.csv")
"${half[@]}" >/dev/null 2>&1 &
importing=$!
some_are_told() { [[ $(grep -c ',added,' "$work/half-codes.csv" 2>/dev/null) -ge 100 ]]; }
within 60 some_are_told
kill -9 $importing
wait $importing 2>/dev/null
truncate -s -9 "$work/half-codes.csv" # as when it was killed in the midst of writing
there() { as operator --json user list --after half --limit 5000 | jq -r '.[].user | select(startswith("half"))'; }
there >"$work/half-there"
check "an import is killed when some are there, and not all" eval '(($(wc -l <"$work/half-there") >= 100 && $(wc -l <"$work/half-there") < 2000))'
check "run again, it adds the others, and gives new codes to those whose codes may be lost" "${half[@]}" --new-codes
there >"$work/half-there"
check "each is there, once" eval '[[ $(wc -l <"$work/half-there") == 2000 && $(sort -u "$work/half-there" | wc -l) == 2000 ]]'
check "the report has a code of each" eval '[[ $(awk -F, "/^half/ && \$3 != \"\" { print \$1 }" "$work/half-codes.csv" | sort -u | wc -l) == 2000 ]]'
awk -F, '$1 == "half0001" { code = $3 } END { print code }' "$work/half-codes.csv" >"$work/half-code"
check "and the last one is good" eval 'device half0001 && as half0001 pin set --code-file "$work/half-code" --pin-file "$work/half0001/pin"'

# ------------------------------------------------------------------------------------------------------- listing
count() { as operator --json user list "$@" | grep -c '"user"'; }
as operator --json policy set --group payroll max_signatures=40 >"$work/set.json"
check "a group gets a policy, slice by slice, and each member once" is_json_of "$work/set.json" '.users == 1000'
as operator --json policy show user1000 >"$work/policy.json"
check "as the last of them shows" is_json_of "$work/policy.json" '.max_signatures == "40"'
check "those of a group are listed" bash -c "[[ $(count --group payroll) == 1000 ]]"
check "those without a PIN" bash -c "[[ $(count --no-pin) -ge 1002 ]]"
check "a page of them" bash -c "[[ $(count --after user0990 --limit 5) == 5 ]]"
check "nobody is locked" bash -c "[[ $(count --locked) == 0 ]]"
as operator user disable json2 >/dev/null
check "one is disabled" bash -c "[[ $(count --disabled) == 1 ]]"

# ------------------------------------------------------------------------------- an application server, a thousand tokens
check "a user is enrolled" enroll ann
check "and has two keys with certificates" bash -c "true" && key ann p-256 one import && key ann rsa-2048 two import
check "both are on the token" bash -c "[[ \$(\"$privyseal\" --config '$work/ann/pkcs11.conf' --json key list | grep -c '\"label\"') == 2 ]]"
mkdir -p "$work/server1"
"$privyseal" cert request "$work/server1/device.csr" --device "$work/server1/device.key" >/dev/null &&
    as operator cert issue server1 "$work/server1/device.csr" "$work/server1/device.pem" --profile application >/dev/null
sed -e 's/^\[token.*//; s/identity ann/identity server1/' "$work/ann/pkcs11.conf" >"$work/server1/pkcs11.conf"
printf '\n[client]\ntokens = all\n' >>"$work/server1/pkcs11.conf"
export PRIVYSEAL_CONF=$work/server1/pkcs11.conf XDG_CACHE_HOME=$work/cache
slots() { pkcs11-tool --module "$module" --list-token-slots 2>/dev/null | grep -c '^Slot '; }
check "before the grant it sees nothing" bash -c "[[ $(slots) == 0 ]]"
check "it is granted the group" as operator grant add server1 --group payroll
check "ann joins it" as operator group join payroll ann
rm -rf "$work/cache"
before=$(wc -l <"$server/log")
check "it sees them all" bash -c "[[ $(slots) == 1001 ]]"
sleep 0.3
lists=$(tail -n +$((before + 1)) "$server/log" | grep -c 'front.call method=ListTokens')
check "listed in one call" bash -c "[[ $lists == 1 ]]"
cp "$work/ann/pin" "$work/server1/pin"
sed 's/^tokens = all/tokens = listed/' "$work/server1/pkcs11.conf" >"$work/server1/one.conf"
printf '\n[token ann]\n' >>"$work/server1/one.conf"
export PRIVYSEAL_CONF=$work/server1/one.conf
check "and signs with a PIN" "$loop" "$module" ann "$pin" 2
check "the grants of a user are listed" bash -c "\"$privyseal\" --config '$server/operator/pkcs11.conf' --json grant list --principal server1 | grep -q payroll"
check "ann leaves the group" as operator group leave payroll ann
sleep 6
refuse 1 "and the server signs no more" "$loop" "$module" ann "$pin" 1
export PRIVYSEAL_CONF=$work/ann/pkcs11.conf
check "ann herself does" "$loop" "$module" ann "$pin" 1

# ------------------------------------------------------------------------------------------------- disable, delete
check "ann is disabled" as operator user disable ann
refuse 1 "and signs no more, at no signer" "$loop" "$module" ann "$pin" 1
check "enabled again" as operator user enable ann
check "she signs" "$loop" "$module" ann "$pin" 1
refuse 2 "without a terminal nobody is deleted unasked" as operator user delete ann
check "ann is deleted" as operator user delete ann --yes
says '2 keys' && report ok "with what she had said" || report not-ok "with what she had said" "$work/output"
refuse 1 "she is gone" as operator user show ann
check "the audit log has her still" bash -c "cat '$server'/audit/*.log | grep '\"event\":\"user.delete\"' | grep -q ann"
refuse 1 "her device opens nothing" "$loop" "$module" ann "$pin" 1
rm "$work/ann/device.key"
check "another ann begins" enroll ann
check "without a key" bash -c "[[ \$(\"$privyseal\" --config '$work/ann/pkcs11.conf' --json key list | grep -c '\"label\"') == 0 ]]"
check "the logs hold" as operator audit verify
