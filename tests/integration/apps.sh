#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# privyseal apps, in a home directory of its own: what it changes, what it leaves alone, and that it can be undone.
. "$(dirname "$0")/lib.sh"

command -v modutil >/dev/null || bail "modutil is missing (libnss3-tools)"
unset XDG_CONFIG_HOME MOZILLA_CERTIFICATE_FOLDER
export HOME=$work/home
mkdir "$HOME"
module=$(realpath "$module") # as it is registered
apps() { "$privyseal" apps "$@"; }
module_at() { "$privyseal" --json apps list | jq -r --arg app "$1" '.[] | select(.app == $app) | .module' | xargs; }
place_of() { "$privyseal" --json apps list | jq -r --arg app "$1" '.[] | select(.app == $app) | .place' | xargs; }
holds() { # NAME WANTED FOUND
    [[ $2 == "$3" ]] && report ok "$1" || { printf 'wanted: %s\nfound: %s\n' "$2" "$3" >"$work/output"; report not-ok "$1" "$work/output"; }
}
expect() { says "$1" && report ok "... and says \"$1\"" || report not-ok "... and says \"$1\"" "$work/output"; }

refuse 2 "an unknown application is refused" apps add netscape
expect "firefox, libreoffice or ssh"
refuse 1 "a module that is not there is refused" apps add ssh --module "$work/nothing.so"
holds "nothing was written for either" "" "$(ls -A "$HOME")"

# --- ssh
config=$HOME/.ssh/config
check "ssh without a configuration gets one" apps add ssh
holds "its owner alone reads it" "600 700" "$(stat -c %a "$config" "${config%/*}" | xargs)"
check "ssh takes the module from it" bash -c "ssh -F '$config' -G host | grep -qi '^pkcs11provider $module\$'"
check "it is taken out again" apps remove ssh
holds "which leaves an empty file" "" "$(cat "$config")"
printf 'Host example\n    User ann\n' >"$config"
chmod 640 "$config"
cp "$config" "$work/before"
check "ssh with a configuration keeps it" apps add ssh
check "adding twice is harmless" apps add ssh
holds "once is enough" 1 "$(grep -c PKCS11Provider "$config")"
holds "the file's mode stays" 640 "$(stat -c %a "$config")"
check "the module is for every host" bash -c "ssh -F '$config' -G elsewhere | grep -qi '^pkcs11provider $module\$'"
cp "$module" "$work/other module.so"
check "another module takes the place" apps add ssh --module "$work/other module.so"
holds "it is the one in use" "$work/other module.so" "$(module_at ssh)"
check "ssh understands its name" bash -c "ssh -F '$config' -G host | grep -qi '^pkcs11provider $work/other module.so\$'"
check "removing brings the file back" apps remove ssh
check "byte by byte" cmp "$config" "$work/before"
check "removing twice is harmless" apps remove ssh
mv "$config" "$HOME/dotfile"
ln -s "$HOME/dotfile" "$config"
check "a linked configuration is changed where it is" apps add ssh
[[ -L $config ]] && report ok "the link stays" || report not-ok "the link stays"
sed -i '/apps: end/d' "$HOME/dotfile"
refuse 1 "a block without its end is left alone" apps remove ssh
expect "has lost its end"
rm "$config" "$HOME/dotfile"

# --- LibreOffice, no profile of Mozilla's
options=$HOME/.config/libreoffice/4/user/registrymodifications.xcu
check "LibreOffice alone gets a database" apps add libreoffice
holds "of its own" "$HOME/.config/privyseal/nss" "$(place_of libreoffice)"
check "NSS has the module in it" bash -c "modutil -dbdir 'sql:$HOME/.config/privyseal/nss' -list privyseal | grep -q '$module'"
check "LibreOffice's options name it, and are XML" python3 -c "
import sys, xml.etree.ElementTree as tree
value = tree.parse('$options').getroot().find('./item/prop/value')
sys.exit(value.text != '$HOME/.config/privyseal/nss')"
check "it is taken out again" apps remove libreoffice
check "so is the option" bash -c "! grep -q CertDir '$options'"
holds "LibreOffice has no database now" "" "$(place_of libreoffice)"
item='<item oor:path="/org.openoffice.Office.Common/Misc"><prop oor:name="FirstRun" oor:op="fuse"><value>false</value></prop></item>'
sed -i "s#^</oor:items>#$item\n&#" "$options"
cp "$options" "$work/before"
apps add libreoffice >/dev/null
check "other options stay" grep -qF "$item" "$options"
apps remove libreoffice >/dev/null
check "byte by byte, after removing" cmp "$options" "$work/before"
touch "$HOME/.config/libreoffice/4/.lock"
refuse 1 "a LibreOffice that runs is left alone" apps add libreoffice
expect "end it first"
rm "$HOME/.config/libreoffice/4/.lock"
echo '<other/>' >"$options"
refuse 1 "options of another shape are left alone" apps add libreoffice
expect "Certificate Path: $HOME/.config/privyseal/nss"
rm -r "$HOME/.config/libreoffice"
mkdir "$work/chosen"
check "the environment's database is taken first" env MOZILLA_CERTIFICATE_FOLDER="$work/chosen" "$privyseal" apps add libreoffice
check "... and has the module" grep -q "^library=$module" "$work/chosen/pkcs11.txt"

# --- Firefox
refuse 1 "Firefox without a profile is refused" apps add firefox
expect "Start Firefox once"
firefox=$HOME/.mozilla/firefox
mkdir -p "$firefox/a.default" "$work/b.release"
cat >"$firefox/profiles.ini" <<EOF
[Profile1]
Name=default
IsRelative=1
Path=a.default
Default=1

[Profile0]
Name=default-release
IsRelative=0
Path=$work/b.release

[Profile2]
Name=gone
IsRelative=1
Path=c.gone

[General]
StartWithLastProfile=1

[Install4F96D1932A9F858E]
Default=$work/b.release
EOF
check "every profile of Firefox gets the module" apps add firefox
holds "those that exist" "$firefox/a.default $work/b.release" "$(place_of firefox)"
holds "both have it" "$module $module" "$(module_at firefox)"
holds "LibreOffice uses Firefox's default one" "$work/b.release" "$(place_of libreoffice)"
check "adding twice is harmless" apps add firefox
holds "once is enough" 1 "$(grep -c '^name=privyseal' "$firefox/a.default/pkcs11.txt")"
check "another module takes the place" apps add firefox --module "$work/other module.so"
holds "in both" "$work/other module.so $work/other module.so" "$(module_at firefox)"
touch "$firefox/a.default/.parentlock"
python3 -c "
import fcntl, time
file = open('$firefox/a.default/.parentlock', 'w')
fcntl.lockf(file, fcntl.LOCK_EX)
open('$work/locked', 'w').close()
time.sleep(60)" &
locker=$!
until [[ -e $work/locked ]]; do sleep 0.05; done
refuse 1 "a profile in use is left alone" apps remove firefox
expect "process $locker uses"
kill $locker
wait $locker 2>/dev/null
check "it is taken out again" apps remove firefox
holds "of both" "" "$(module_at firefox)"
refuse 1 "without modutil it says what to install" env PATH=/nonexistent "$privyseal" apps add firefox
expect "libnss3-tools"
check "several at once" apps add firefox libreoffice ssh
check "and out again" apps remove firefox libreoffice ssh
holds "nothing is left" "" "$(module_at firefox)$(module_at libreoffice)$(module_at ssh)"
