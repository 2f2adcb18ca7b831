#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# OpenSSH: ssh-keygen lists the keys, ssh-agent holds them, ssh-keygen signs through the agent and verifies.
. "$(dirname "$0")/lib.sh"

# ssh-add asks on a terminal or a display: give it a display that answers.
printf '#!/bin/sh\nprintf "%%s\\n" "$PIN"\n' >"$work/askpass"
chmod 700 "$work/askpass"
export SSH_ASKPASS=$work/askpass SSH_ASKPASS_REQUIRE=force DISPLAY=${DISPLAY:-:0}

load_keys
check "ssh-keygen -D lists the keys" ssh-keygen -D "$MODULE"
grep -aE '^(ssh|ecdsa)-' "$work/output" >"$work/listed"
# OpenSSH takes RSA keys and these three curves.
wanted=$(printf '%s\n' "${keys[@]}" | grep -cE ' (rsa-|prime256v1$|secp384r1$|secp521r1$)')
[[ $(wc -l <"$work/listed") -ge $wanted ]] && report ok "it lists all $wanted that OpenSSH can use" ||
    report not-ok "it lists all $wanted that OpenSSH can use"

# The agent loads modules from listed places only.
eval "$(ssh-agent -s -a "$work/agent" -P "$(realpath "$MODULE")")" >/dev/null
check "ssh-add gives the module to the agent" ssh-add -s "$(realpath "$MODULE")"
check "the agent lists its keys" ssh-add -L
grep -aE '^(ssh|ecdsa)-' "$work/output" >"$work/agent-keys"

sign() { # KEY-FILE
    printf 'conformance %s\n' "$(cat "$1")" >"$work/allowed"
    rm -f "$work/document.sig"
    ssh-keygen -Y sign -n file -f "$1" "$work/document" &&
        ssh-keygen -Y verify -n file -f "$work/allowed" -I conformance -s "$work/document.sig" <"$work/document"
}

# The agent also lists the keys of certificates that have none here, such as an authority's: no program can use those.
for key in "${keys[@]}"; do
    ssh-keygen -i -m PKCS8 -f "$work/${key%% *}.pub.pem" 2>/dev/null
done | cut -d ' ' -f 2 >"$work/own"

number=0
while read -r type blob _; do
    grep -qxF -- "$blob" "$work/own" || continue
    number=$((number + 1))
    printf '%s %s\n' "$type" "$blob" >"$work/key-$number.pub"
    check "key $number, $type, signs through the agent" sign "$work/key-$number.pub"
    check "ssh-add -T finds it usable" ssh-add -T "$work/key-$number.pub"
done <"$work/agent-keys"
((number)) || report not-ok "the agent has a key"
check "the agent lets go of the module" ssh-add -e "$(realpath "$MODULE")"
