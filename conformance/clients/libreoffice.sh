#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# LibreOffice without a display, driven through UNO: it signs exported PDFs and ODF documents with the certificates of
# an NSS profile that has the module, and verifies them; pdfsig verifies the PDFs, too.
. "$(dirname "$0")/lib.sh"

mkdir "$work/nss" "$work/reader" "$work/signed"
certutil -N -d "sql:$work/nss" --empty-password
certutil -N -d "sql:$work/reader" --empty-password
check "modutil adds the module to a profile" modutil -force -dbdir "sql:$work/nss" -add conformance -libfile "$MODULE"

pipe=conformance$$
MOZILLA_CERTIFICATE_FOLDER=sql:$work/nss soffice --headless --norestore --nologo --nodefault \
    "-env:UserInstallation=file://$work/profile" "--accept=pipe,name=$pipe;urp" >"$work/office.log" 2>&1 </dev/null &
office=$!
background+=($office)
relay "LibreOffice's client" timeout 200 \
    /usr/bin/python3 -B "$(dirname "$0")/python/libreoffice_client.py" "$pipe" "$work/signed"

for pdf in "$work"/signed/*.pdf; do
    [[ -f $pdf ]] || continue
    check "pdfsig reads ${pdf##*/}" pdfsig -nssdir "sql:$work/reader" -nocert "$pdf"
    expect "its signature is valid" "Signature is Valid"
done

# The module is finalized from exit().
ended() {
    for _ in {1..100}; do
        kill -0 $office 2>/dev/null || { wait $office; return; }
        sleep 0.1
    done
    echo "it still runs"
    return 1
}
check "LibreOffice ends without a crash" ended
