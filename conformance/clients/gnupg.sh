#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# GnuPG with gnupg-pkcs11-scd in the place of its smart card daemon: gpgsm signs with the token's certificates, gpg
# makes an OpenPGP key of a key on the token and signs. That daemon takes RSA keys only.
. "$(dirname "$0")/lib.sh"

load_keys
mapfile -t ids < <(of_kind RSA)
if ((${#ids[@]} == 0)); then
    skip "gpgsm and gpg sign" "the token has no RSA key"
    exit
fi

export GNUPGHOME=$work/gnupg
mkdir -m 700 "$GNUPGHOME"
printf 'providers conformance\nprovider-conformance-library %s\n' "$MODULE" >"$GNUPGHOME/gnupg-pkcs11-scd.conf"
printf 'scdaemon-program %s\npinentry-program %s\n' "$(command -v gnupg-pkcs11-scd)" "$work/pinentry" \
    >"$GNUPGHOME/gpg-agent.conf"
# Answers as a dialog would that somebody types the PIN into.
cat >"$work/pinentry" <<'END'
#!/bin/sh
echo 'OK'
while read -r command rest; do
    [ "$command" = GETPIN ] && printf 'D %s\n' "$PIN"
    echo 'OK'
    [ "$command" = BYE ] && exit
done
END
chmod 700 "$work/pinentry"
end_daemons() { gpgconf --kill all; finish; }
trap end_daemons EXIT

check "gpg --card-status sees a card" gpg --card-status
check "gpgsm learns its certificates" gpgsm --batch --learn-card

# The signer's chain is not what is tried here.
sm=(gpgsm --batch --yes --debug-no-chain-validation --disable-crl-checks --include-certs 1)
fingerprint() { openssl x509 -in "$work/$1.pem" -noout -fingerprint -sha1 | sed 's/.*=//; s/://g'; }
keygrip() { # FINGERPRINT: GnuPG's name for the key itself
    gpgsm -K --with-colons |
        awk -F: -v wanted="$1" '$1 == "fpr" { seen = $10 } $1 == "grp" && seen == wanted { print $10; exit }'
}

# gpgsm puts a zero before a signature that begins with a set bit, which openssl refuses: then another document is
# tried.
sign_cms() {
    local try
    for try in {1..20}; do
        printf '%d\n' "$try" >>"$work/document"
        "${sm[@]}" --local-user "$(fingerprint "$1")" --output "$work/cms.der" --detach-sign "$work/document" ||
            return 1
        openssl cms -verify -noverify -binary -inform DER -in "$work/cms.der" -content "$work/document" \
            -out /dev/null && return
    done
    return 1
}
make_openpgp_key() {
    printf 'Key-Type: RSA\nKey-Grip: %s\nKey-Usage: sign\nName-Real: key %s\n%%commit\n' \
        "$(keygrip "$(fingerprint "$1")")" "$1" >"$work/new-key"
    gpg --batch --generate-key "$work/new-key"
}
sign_openpgp() {
    gpg --batch --yes --local-user "=key $1" --output "$work/document.sig" --detach-sign "$work/document" &&
        gpg --verify "$work/document.sig" "$work/document"
}

for id in "${ids[@]}"; do
    if [[ ! -f $work/$id.pem ]]; then
        skip "gpgsm signs with the RSA key $id" "the token has no certificate for it"
        continue
    fi
    check "gpgsm signs with the RSA key $id, openssl verifies it" sign_cms "$id"
    check "gpgsm verifies it" "${sm[@]}" --verify "$work/cms.der" "$work/document"
    check "gpg makes an OpenPGP key of the RSA key $id" make_openpgp_key "$id"
    check "gpg signs with it and verifies" sign_openpgp "$id"
done
