#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Whoever writes to the database gains nothing by it, and whoever steals it cannot even test a PIN.
. "$(dirname "$0")/lib.sh"

database=$server/store/privyseal.db
sql() { sqlite3 -cmd ".timeout 5000" "$database" "$@"; }
saved=$work/saved.db
save() { rm -f "$saved" && sql "VACUUM INTO '$saved'"; }
# Rows of tokens and principals carry sequences, and those who saw a newer one refuse an older: only what was forged goes back.
restore() {
    { printf "ATTACH '%s' AS saved; BEGIN IMMEDIATE;" "$saved"
      for table in grants certificates keys access_rows principal_certificates; do
          printf 'DELETE FROM %s; INSERT INTO %s SELECT * FROM saved.%s;' "$table" "$table" "$table"
      done
      echo 'UPDATE tokens SET (grants, enabled) = (SELECT grants, enabled FROM saved.tokens s WHERE s.id = tokens.id);
            UPDATE principals SET enabled = (SELECT enabled FROM saved.principals s WHERE s.id = principals.id);
            COMMIT;'; } | sqlite3 -cmd ".timeout 5000" "$database"
}
hash_of() { openssl x509 -in "$1" -outform DER | openssl dgst -sha256 -r | cut -d' ' -f1; }

# forge NAME SQL STATUS COMMAND...: while the change lasts the command ends with that status
forge() {
    local name=$1 change=$2
    shift 2
    save
    sql "$change" >"$work/output" 2>&1 || { report not-ok "$name: the change itself" "$work/output"; return; }
    refuse "$1" "$name" "${@:2}"
    restore || report not-ok "$name: putting back"
}
tells() { says "$1" && report ok "... and is told that something was altered" || report not-ok "... and is told so" "$work/output"; }
altered="Something at the server was altered"

deploy
check "ann is enrolled" enroll ann
check "bob is enrolled" enroll bob
check "ann has a key with a certificate" key ann p-256 one import
check "bob has a key with a certificate" key bob p-256 one import
sign() { as "$1" cert request "$work/out.csr" --key one --subject "/CN=$1" --pin-file "$work/$1/pin"; }
# A login anew each time: what is tampered with meets no lease.
check "both sign" eval 'sign ann && sign bob'
ann=$(hash_of "$work/ann/device.pem") bob=$(hash_of "$work/bob/device.pem")
id() { sql "SELECT id FROM $1 WHERE name = '$2'"; }

# --- roles and certificates
refuse 5 "a device lists no users" as ann user list
forge "a device made an operator lists no users" \
    "UPDATE principal_certificates SET role = 3 WHERE hash = x'$ann'" 1 as ann user list
tells "$altered"
forge "nor does one that was moved to the operator's name" \
    "UPDATE principal_certificates SET role = 3, principal_id = (SELECT principal_id FROM principal_certificates WHERE role = 3)
     WHERE hash = x'$ann'" 1 as ann user list
forge "nor one that was put in the place of the operator's" \
    "DELETE FROM principal_certificates WHERE hash = x'$ann';
     UPDATE principal_certificates SET hash = x'$ann' WHERE role = 3" 1 as ann user list
forge "bob's device, moved to ann, does not sign as ann" \
    "UPDATE principal_certificates SET principal_id = $(id principals ann) WHERE hash = x'$bob'" 1 sign bob
"$privyseal" cert request "$work/eve.csr" --device "$work/eve.key" >/dev/null
as operator --json user add eve >/dev/null
as operator cert issue eve "$work/eve.csr" "$work/eve.pem" --profile device >/dev/null
eve=$(hash_of "$work/eve.pem")
mkdir "$work/eve" && sed s/ann/eve/ "$work/ann/pkcs11.conf" >"$work/eve/pkcs11.conf"
mv "$work/eve.key" "$work/eve/device.key" && cp "$work/eve.pem" "$work/eve/device.pem"
forge "a certificate that nobody registered is not believed for its row" \
    "DELETE FROM principal_certificates WHERE hash = x'$eve';
     INSERT INTO principal_certificates SELECT x'$eve', principal_id, 3, not_after_ms, 0, '', 0, zeroblob(32) FROM principal_certificates WHERE role = 3" \
    1 as eve user list
forge "a revocation cannot be written by hand either: it is noticed" \
    "UPDATE principal_certificates SET revoked = 1 WHERE hash = x'$ann'" 1 as ann token show

# --- users who were disabled
check "bob is disabled" as operator user disable bob
refuse 5 "who is disabled signs no more" sign bob
forge "nor does who is enabled by hand" "UPDATE principals SET enabled = 1; UPDATE tokens SET enabled = 1" 1 sign bob
tells "$altered"
check "bob is enabled again" as operator user enable bob
check "and signs" sign bob

# --- grants
grant="INSERT INTO grants (principal_id, token_id, bits) VALUES ($(id principals bob), $(id tokens ann), 7)"
sed "s/^\[token bob\]/[token ann]/" "$work/bob/pkcs11.conf" >"$work/bob/ann.conf"
on_ann() { "$privyseal" --config "$work/bob/ann.conf" "$@"; }
refuse 5 "bob has nothing from ann's token, even with her PIN" on_ann key generate --pin-file "$work/ann/pin"
forge "a grant that was added is none" "$grant" 1 on_ann key generate --pin-file "$work/ann/pin"
tells "$altered"
forge "a grant that was moved is none" "UPDATE grants SET principal_id = $(id principals bob) WHERE token_id = $(id tokens ann)" \
    1 on_ann key generate --pin-file "$work/ann/pin"
forge "raised bits of a grant are noticed" "UPDATE grants SET bits = bits + 8 WHERE token_id = $(id tokens ann)" 1 sign ann
forge "so is a grant without its digest" "$grant; UPDATE tokens SET grants = zeroblob(32)" 1 on_ann key generate --pin-file "$work/ann/pin"

# --- keys and certificates
forge "a key's certificate cannot be swapped" \
    "UPDATE certificates SET der = (SELECT der FROM certificates WHERE token_id = $(id tokens bob)) WHERE token_id = $(id tokens ann)" \
    1 as ann token show
tells "$altered"
forge "nor its label" "UPDATE certificates SET label = 'other' WHERE token_id = $(id tokens ann)" 1 as ann token show
forge "a key cannot be moved to another's token" \
    "DELETE FROM certificates; DELETE FROM keys WHERE token_id = $(id tokens bob);
     UPDATE keys SET token_id = $(id tokens bob)" 1 sign bob
forge "nor a PIN row" "UPDATE access_rows SET token_id = 1000 + token_id;
     UPDATE access_rows SET token_id = CASE token_id WHEN 1000 + $(id tokens ann) THEN $(id tokens bob) ELSE $(id tokens ann) END" \
    1 sign bob
check "all is as before when all is put back" eval 'sign ann && sign bob && as operator user list'
records=$(as operator --json audit show --limit 200 | jq '[.[] | select(.result == "INTEGRITY")] | length')
((records >= 10)) && report ok "each refusal left its record in the audit log" ||
    report not-ok "each refusal left its record in the audit log ($records)"

# --- the stolen database
export CA=$server/tls/root.pem CERTIFICATE=$work/ann/device.pem KEY=$work/ann/device.key PORT=$port REALM=test TOKEN=ann
guess() { /usr/bin/python3 "$repository/tests/integration/offline_guesses.py" "$@"; }
if /usr/bin/python3 -c "import grpc" 2>/dev/null; then
    answers() { # NAME PIN: what the database tells about it
        check "$1 is tried on it offline" guess "$database" "$2" "$(cat "$work/ann/code")"
        [[ ! -s $work/output ]] && report ok "... and nothing in it answers" || report not-ok "... and nothing in it answers" "$work/output"
    }
    answers "the right PIN" "$pin"
    answers "a wrong PIN" 000000
    # That silence means something: each of the values would have been found.
    sql "VACUUM INTO '$work/careless.db'"
    guess --list "$pin" >"$work/values"
    printf 'CREATE TABLE leaks (value);' >"$work/leaks.sql"
    sed "s/.*\t\(.*\)/INSERT INTO leaks VALUES (x'\1');/" "$work/values" >>"$work/leaks.sql"
    sqlite3 "$work/careless.db" <"$work/leaks.sql"
    check "a database that stored any of $(wc -l <"$work/values") hashes answers" guess "$work/careless.db" "$pin"
    [[ $(grep -c "is stored" "$work/output") == $(wc -l <"$work/values") ]] && report ok "... for the right PIN, each" ||
        report not-ok "... for the right PIN, each" "$work/output"
    check "a wrong PIN is tried on that" guess "$work/careless.db" 000000
    [[ ! -s $work/output ]] && report ok "... and is told apart" || report not-ok "... and is told apart" "$work/output"
else
    skip "a stolen database" "no python3-grpcio"
fi
