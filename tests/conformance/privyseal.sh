#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The conformance checks and clients against our module: four keys with certificates, behind a real daemon.
. "$(dirname "$0")/../integration/lib.sh"

types=(rsa-2048 rsa-3072 p-256 p-384)
deploy
check "a user is enrolled" enroll ann
for type in "${types[@]}"; do check "a $type key is made and certified" key ann "$type" "ann-$type" import; done
((failures)) && bail "no token to check"

export PRIVYSEAL_CONF=$work/ann/pkcs11.conf
[[ -x $build/conformance/checks/p11check ]] && export P11CHECK=$build/conformance/checks/p11check
"$repository/conformance/run" --format tap --token ann "$module" "$pin" >"$work/tap" 2>"$work/run.err" </dev/null
status=$?
[[ -s $work/tap ]] || { cat "$work/run.err"; bail "conformance/run ended with status $status"; }

# Its lines under our numbers.
while IFS= read -r line; do
    name=${line#*ok } && name=${name#* - }
    case $line in
    'ok '*' # SKIP '*) skip "${name%% # SKIP *}" "${name#* # SKIP }" ;;
    'ok '*) report ok "$name" ;;
    'not ok '*) report not-ok "$name" ;;
    '# '*) printf '%s\n' "$line" ;;
    esac
done <"$work/tap"
((status == 0)) || ((failures)) || report not-ok "conformance/run ends with success"
