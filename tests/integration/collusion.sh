#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Two operators work together against a user: both hold the authorities' keys, the database file and every method that
# operators have, and approve whatever the other asks for. None of it ends in a signature by the user's key.
#
# Every method of operators has its attack here; a new one without fails.
. "$(dirname "$0")/lib.sh"

# --- the deployment: ann with a key, then everything takes two people
deploy
check "ann is enrolled" enroll ann
check "ann has a key with a certificate" key ann p-256 one import
check "bob is enrolled, and has one" eval 'enroll bob && key bob p-256 one'
person() { # NAME: somebody with a device's key and a configuration, registered by nobody yet
    mkdir -p "$work/$1"
    "$privyseal" cert request "$work/$1/device.csr" --device "$work/$1/device.key" &&
        sed "s/ann/$1/" "$work/ann/pkcs11.conf" >"$work/$1/pkcs11.conf"
}
person second && person officer && person evil
sed -i 's/^\[token evil\]/[token ann]/' "$work/evil/pkcs11.conf"
check "a second operator is added by the first" as operator operator add second "$work/second/device.csr" "$work/second/device.pem"
check "and an officer" as operator operator add officer "$work/officer/device.csr" "$work/officer/device.pem" --role officer
check "they are listed" as second operator list
says officer && report ok "... by name" || report not-ok "... by name" "$work/output"
stop
set_config "operators.two_for=enrol, key, reset, unlock, device, certificate, policy, delete"
start || bail "privyseald did not start with two_for"

# asked COMMAND...: what an operator asks for, which is not done but kept; its id: $id
asked() {
    as operator "$@" >"$work/asked" 2>&1 </dev/null
    local status=$?
    cat "$work/asked"
    id=$(sed -n 's/.*request show \([0-9a-f]\{16\}\).*/\1/p' "$work/asked")
    ((status == 6)) && [[ $id ]]
}
# both COMMAND...: what one operator asks for, the other approves
both() {
    as operator "$@" >"$work/asked" 2>&1 </dev/null
    local status=$?
    cat "$work/asked"
    ((status == 6)) || return $status
    as second request approve "$(sed -n 's/.*request show \([0-9a-f]\{16\}\).*/\1/p' "$work/asked")" --yes
}

# --- what the two have: a device of their own that is registered as ann's, and no PIN
printf '271828\n' >"$work/evil/pin"
evil() { "$privyseal" --config "$work/evil/pkcs11.conf" "$@"; }
signs_as_ann() { evil cert request "$work/evil/out.csr" --key one --subject /CN=ann --pin-file "$work/evil/pin"; }
# vain NAME: after all that, still no signature. A guess each, and thirty would slow ann down as well (see fresh_pin).
vain() {
    if signs_as_ann >"$work/output" 2>&1 </dev/null; then report not-ok "$1: no signature by ann's key" "$work/output"
    else report ok "$1: no signature by ann's key"; fi
    both pin unlock ann >/dev/null 2>&1 # their guesses do not count against ann
}

# Another version of ann's PIN, which has no failures yet.
fresh_pin() { as ann pin change --pin-file "$work/ann/pin" --new-pin-file "$work/ann/pin"; }

# --- one attack for each method of operators
attack_AddUser() {
    refuse 1 "ann cannot be added a second time" both user add ann
    check "a new user is made by both" both user add eve
    refuse 6 "and not by one" as operator user add mallory
    refuse 1 "there is no mallory" as second user show mallory
    vain AddUser
}
attack_AddCertificate() {
    refuse 6 "a certificate made with the authority's own files is not registered by one" as operator cert issue ann \
        "$work/evil/device.csr" "$work/evil/other.pem" --profile device --ca "$server/ca"
    refuse 6 "nor an operator's" as operator cert issue third "$work/evil/device.csr" "$work/evil/third.pem" --profile operator --ca "$server/ca"
    refuse 6 "nor one more for the other operator's name" as operator cert issue second "$work/evil/device.csr" "$work/evil/third.pem" \
        --profile operator --ca "$server/ca"
    vain AddCertificate
}
attack_IssueCertificate() {
    refuse 1 "a key that is not ann's is not certified for her" both cert issue ann "$work/evil/device.csr" "$work/evil/false.pem"
    check "her name on a device of theirs" both cert issue ann "$work/evil/device.csr" "$work/evil/unused.pem" --profile device
    sed -n '/BEGIN/,/END/p' "$work/output" >"$work/evil/device.pem"
    check "which is ann's device from then on" evil token show
    refuse 4 "which signs nothing without her PIN" signs_as_ann
    refuse 4 "makes no key" evil key generate --type p-256 --label two --pin-file "$work/evil/pin"
    refuse 4 "changes no PIN" evil pin change --pin-file "$work/evil/pin" --new-pin-file "$work/evil/pin"
    refuse 4 "and sets none" evil pin set --code-file "$work/ann/code" --pin-file "$work/evil/pin"
    vain IssueCertificate
}
attack_SetUserEnabled() {
    check "one disables" as operator user disable ann
    check "two enable" both user enable ann
    vain SetUserEnabled
}
attack_MoveUser() { # a home among the partitions: nothing of hers is there, and nothing goes there without her PIN
    refuse 6 "one moves nobody" as operator user move ann --custody partition
    check "both let ann have a partition" both user move ann --custody partition
    refuse 4 "which they cannot make for her" evil token move --custody partition --yes --pin-file "$work/evil/pin"
    both pin unlock ann >/dev/null 2>&1
}
attack_UnlockPin() {
    local i
    for i in 1 2; do
        evil cert request "$work/evil/out.csr" --key one --pin-file "$work/evil/pin" >/dev/null 2>&1
        check "a lock is cleared by both" both pin unlock ann
    done
    vain UnlockPin
}
attack_SetPolicy() { # a policy asks for more than the PIN, never for less
    check "both make the policy as loose as it gets" both policy set ann second_factor=none device_secret=none \
        always_authenticate=no max_signatures=0 mechanisms=all decrypt=yes keys_need_permit=no
    vain SetPolicy
}
attack_DeleteUser() { # and again under the same name: another token, with none of the keys
    refuse 6 "one does not delete" as operator user delete bob --yes
    check "both do" both user delete bob --yes
    check "and add bob again" both user add bob
    sed -n 's/^activation code *//p' "$work/output" >"$work/evil/code"
    sed -i 's/^\[token ann\]/[token bob]/' "$work/evil/pkcs11.conf"
    person evilbob && check "with a device of theirs" both cert issue bob "$work/evilbob/device.csr" --profile device
    sed -n '/BEGIN/,/END/p' "$work/output" >"$work/evilbob/device.pem"
    sed -i 's/^\[token .*/[token bob]/' "$work/evilbob/pkcs11.conf"
    check "they set a PIN" as evilbob pin set --code-file "$work/evil/code" --pin-file "$work/evil/pin"
    refuse 1 "but bob's key is not there" as evilbob cert request "$work/evil/out.csr" --key one --pin-file "$work/evil/pin"
    sed -i 's/^\[token bob\]/[token ann]/' "$work/evil/pkcs11.conf"
}
attack_AddUsers() {
    printf 'user\nann\nnewcomer\n' >"$work/evil/users.csv"
    both user import "$work/evil/users.csv" --new-codes >"$work/evil/imported" 2>&1
    check "who approves an import is shown the newcomer's code" grep -qE 'newcomer +added +([0-9A-Z]+-)+' "$work/evil/imported"
    refuse 1 "ann, who has a PIN, gets no other code" grep -qE 'ann .*([0-9A-Z]+-){4}' "$work/evil/imported"
    vain AddUsers
}
application() { # an application of theirs
    [[ -f $work/app/device.pem ]] && return
    person app && both cert issue app "$work/app/device.csr" --profile application >"$work/app/issued" &&
        sed -n '/BEGIN/,/END/p' "$work/app/issued" >"$work/app/device.pem"
    sed -i 's/^\[token .*/[token ann]/' "$work/app/pkcs11.conf"
}
attack_SetGrant() {
    check "an application of theirs is let in" application
    refuse 6 "one grants nothing" as operator grant add app ann
    check "both grant it all" both grant add app ann --may see,sign,make-keys
    check "it sees ann's token" as app token show
    refuse 4 "and signs nothing without her PIN" as app cert request "$work/evil/out.csr" --key one --pin-file "$work/evil/pin"
    vain SetGrant
}
attack_ChangeMembers() {
    application
    check "ann is put into a group of theirs" both group join theirs ann
    check "which is granted to their application" both grant add app --group theirs --may see,sign,make-keys
    refuse 4 "it signs nothing without her PIN" as app cert request "$work/evil/out.csr" --key one --pin-file "$work/evil/pin"
    vain ChangeMembers
}
attack_AddGroup() {
    check "one makes a group, which by itself gives nobody anything" as operator group add theirs
}
attack_RemoveGroup() {
    both group add passing >/dev/null 2>&1
    check "both remove a group" both group remove passing --yes
}
attack_ResetUser() { # ends the keys: bob's, who is theirs by now
    refuse 6 "one does not reset ann" as operator pin reset ann --yes
    as second request reject "$(sed -n 's/.*request show \([0-9a-f]\{16\}\).*/\1/p' "$work/output")" >/dev/null 2>&1
    check "both reset bob" both pin reset bob --yes
    vain ResetUser
}
attack_ResetFactor() {
    both factor reset ann >/dev/null 2>&1
    vain ResetFactor
}
attack_AddDeviceCode() { # one more device of hers is no PIN
    both device code ann >/dev/null 2>&1
    vain AddDeviceCode
}
attack_RevokeForUser() {
    as operator device revoke "$(printf '00%.0s' {1..32})" ann >/dev/null 2>&1
    vain RevokeForUser
}
attack_RevokeCertificate() {
    both cert revoke ann --reason keyCompromise --yes >/dev/null 2>&1
    vain RevokeCertificate
}
attack_ListIssued() { reads ListIssued --json cert list; }
attack_GetMetrics() { reads GetMetrics --json top --once; }
attack_ListGroups() { reads ListGroups --json group list; }
attack_ShowGroup() { reads ShowGroup --json group show theirs; }
attack_ListGrants() { reads ListGrants --json grant list ann; }
attack_AllowKeys() {
    refuse 1 "ann's keys need no permit" both key allow ann
    vain AllowKeys
}
attack_SetOperatorEnabled() {
    check "a request is made" asked user add frank
    check "its requester is disabled by the other" as second operator disable operator
    refuse 1 "then the request is void" as officer request approve "$id" --yes
    refuse 5 "and who is disabled does nothing" as operator user list
    refuse 6 "the other alone does not undo it" as second operator enable operator
    id=$(sed -n 's/.*request show \([0-9a-f]\{16\}\).*/\1/p' "$work/output")
    refuse 5 "not by approving himself" as second request approve "$id" --yes
    check "an officer does" as officer request approve "$id" --yes
    refuse 5 "nobody disables himself" as second operator disable second
    vain SetOperatorEnabled
}
attack_ApproveRequest() {
    check "a request is made" asked user add grace
    refuse 5 "nobody approves his own" as operator request approve "$id" --yes
    check "another looks at it" as second request show "$id"
    says grace && report ok "... and sees what it is about" || report not-ok "... and sees what it is about" "$work/output"
    check "and approves it, which gives the code" as second request approve "$id" --yes
    says "activation code" && report ok "... to who approved" || report not-ok "... to who approved" "$work/output"
    refuse 1 "once" as second request approve "$id" --yes
    vain ApproveRequest
}
attack_RejectRequest() {
    check "a request is made" asked user add heidi
    check "it is rejected" as officer request reject "$id"
    refuse 1 "and cannot be approved any more" as second request approve "$id" --yes
    refuse 1 "there is no heidi" as second user show heidi
    vain RejectRequest
}
# What they read has no secret in it: neither PINs nor codes.
reads() {
    check "$1 answers" as operator "${@:2}"
    grep -qE -e "$(alone "$pin")" -e "$(cat "$work/ann/code")" "$work/output" && report not-ok "$1 tells no secret" "$work/output" ||
        report ok "$1 tells no secret"
}
attack_ListUsers() { reads ListUsers --json user list; }
attack_ShowUser() { reads ShowUser --json user show ann; }
attack_GetStatus() { reads GetStatus --json status; }
attack_ReadAudit() { reads ReadAudit --json audit show; }
attack_ListAuditLogs() { reads ListAuditLogs --json audit verify; }
attack_ListRequests() { reads ListRequests --json request list --all; }
attack_ListRecoveries() { vain ListRecoveries; } # what operators see of a recovery is for officers' keys alone
attack_ContributeShare() { vain ContributeShare; } # for officers, who hold shares; operators are refused: test_roles.c
attack_ListOperators() { reads ListOperators --json operator list; }

mapfile -t methods < <(sed -n 's/^METHOD(\w*, *\(\w*\), *OPERATOR.*/\1/p' "$repository/proto/methods.def")
((${#methods[@]} > 10)) && report ok "methods.def is understood" || report not-ok "methods.def is understood"
attack_IssueCertificate # first: the others use the device
for i in "${!methods[@]}"; do
    method=${methods[i]}
    [[ $method == IssueCertificate ]] && continue
    ((i % 10 == 9)) && check "ann changes her PIN" fresh_pin
    if declare -F "attack_$method" >/dev/null; then "attack_$method"; else report not-ok "$method has an attack in this script"; fi
done

# --- the database: what was asked for is altered, decided by hand, put back
database=$server/store/privyseal.db
sql() { sqlite3 -cmd ".timeout 5000" "$database" "$@"; }
check "a request is made" asked user add ivan
sql "CREATE TABLE kept AS SELECT * FROM requests"
name="name = x'$id'"
for change in "SET body = CAST(replace(CAST(body AS TEXT), 'ivan', 'judy') AS BLOB) WHERE $name" \
    "SET expires_ms = expires_ms + 86400000 WHERE $name" "SET decided_by = 'second', state = 1 WHERE $name" \
    "SET principal_id = (SELECT id FROM principals WHERE name = 'second') WHERE $name"; do
    sql "UPDATE requests $change"
    refuse 1 "requests ${change%% =*}: refused" as officer request approve "$id" --yes
    says "Something at the server was altered" && report ok "... and noticed" || report not-ok "... and noticed" "$work/output"
    sql "DELETE FROM requests; INSERT INTO requests SELECT * FROM kept"
done
check "as it was, it is approved" as officer request approve "$id" --yes
sql "DELETE FROM requests; INSERT INTO requests SELECT * FROM kept"
refuse 1 "put back, it is not approved again" as officer request approve "$id" --yes
vain "the database"

# --- and what remains
check "ann signs as before" as ann cert request "$work/ann/again.csr" --key one --pin-file "$work/ann/pin"
records=$(as operator --json audit show --event user.add 2>"$work/output")
jq -e -s 'length > 0 and ([.[0][] | select(.result == "OK" and .principal == "second" and ((.note // "") | contains(" of operator")))] | length > 0)' \
    <<<"$records" >/dev/null && report ok "what was approved is recorded with both names" || report not-ok "what was approved is recorded with both names" "$work/output"
