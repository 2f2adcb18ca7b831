#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What leaves the library: all of PKCS#11, nothing else; and no handler that could outlive it.
#
#     test_exports.sh privyseal-pkcs11.so
set -eu
library=$1
failed=0

check() { # NUMBER SENTENCE COMMAND...
    number=$1 sentence=$2
    shift 2
    if "$@"; then
        echo "ok $number - $sentence"
    else
        echo "not ok $number - $sentence"
        failed=1
    fi
}

exported() { nm -D --defined-only "$library" | awk '{ print $NF }'; }
only_pkcs11() { ! exported | grep -v '^C_[A-Z][A-Za-z]*$'; }
all_of_pkcs11() { [ "$(exported | grep -c '^C_')" -eq 92 ]; }
has_no_destructor() { ! nm "$library" | grep -wE 'atexit|on_exit|__cxa_thread_atexit_impl'; }
stays_loaded() { readelf -d "$library" | grep -q NODELETE; }

echo 1..4
check 1 "nothing but C_ functions is exported" only_pkcs11
check 2 "all 92 functions of PKCS#11 3.0 are exported" all_of_pkcs11
check 3 "no exit handler is registered" has_no_destructor
check 4 "dlclose leaves the code in place" stays_loaded
exit $failed
