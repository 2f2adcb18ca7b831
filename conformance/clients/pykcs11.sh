#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Python's PyKCS11, Debian's: lists, reads every attribute, signs with many mechanisms; openssl verifies.
. "$(dirname "$0")/lib.sh"

load_keys
relay "the program" /usr/bin/python3 -B "$(dirname "$0")/python/token_client.py" "$work"
