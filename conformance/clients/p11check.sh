#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The checks in C: arguments, order of calls, threads, fork, every signature mechanism.
set -u
exec "$P11CHECK" "$MODULE" --token "$TOKEN" --pin "$PIN"
