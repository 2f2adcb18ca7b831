# SPDX-License-Identifier: Apache-2.0
"""What tests/integration/load.c saw, added up, and held against the audit log.

    tally.py pauses SIGN-MS UNLOCK-MS FAILED-MAX LOG...
        says what was asked for and given, and the longest pauses. Ends with 1 when a pause is longer or more calls failed.
    tally.py records EXPORT LOG...
        EXPORT is `privyseal audit export`. Ends with 1 unless each signature given has one record, by its digest. A
        call that was repeated at another signer has a record there too, with the same request id of the client's:
        they are one call, of which one answer arrived. No record may be of what nobody asked for.
"""
import json
import sys
from collections import Counter, defaultdict


def lines(paths):
    for path in paths:
        with open(path, encoding="ascii") as file:
            for line in file:
                yield line.split()


def pauses(sign_ms, unlock_ms, failed_max, *logs):
    counts, why, sign, unlock = Counter(), Counter(), [0], [0]
    for word, _, *rest in lines(logs):
        counts[word] += 1
        if word == "given":
            sign.append(int(rest[1]))
        elif word == "unlocked":
            unlock.append(int(rest[0]))
        else:
            why[rest[0]] += 1
    asked = counts["given"] + counts["failed"] + counts["unlocked"]
    print(f"{asked} calls: {counts['given']} signatures, {counts['unlocked']} logins, {counts['failed']} failed"
          f" {dict(why) or ''}; longest pause: Sign {max(sign)} ms, Unlock {max(unlock)} ms")
    return (counts["given"] and max(sign) <= int(sign_ms) and max(unlock) <= int(unlock_ms)
            and counts["failed"] <= int(failed_max))


def digest(number):
    return (int(number).to_bytes(4, "little") + bytes(28)).hex()


def records(export, *logs):
    given, asked, ids, total = Counter(), set(), defaultdict(set), 0
    for word, number, *_ in lines(logs):
        if number != "0":
            asked.add(digest(number))
        if word == "given":
            given[digest(number)] += 1
    with open(export, encoding="utf-8") as file:
        for line in file:
            record = json.loads(line)
            if record["event"] == "sign" and record["result"] == "OK":
                ids[record["digest"]].add(record["client_request_id"])
                total += 1
    wrong = {
        "given twice": [d for d, count in given.items() if count > 1],
        "given without a record": [d for d in given if not ids[d]],
        "with records of several calls": [d for d, of in ids.items() if len(of) > 1],
        "recorded, and nobody asked": [d for d in ids if ids[d] and d not in asked],
    }
    print(f"{len(given)} signatures given, {total} records of {len([d for d in ids if ids[d]])} calls")
    for what, digests in wrong.items():
        if digests:
            print(f"{len(digests)} {what}: {digests[:3]}")
    return not any(wrong.values())


sys.exit(0 if {"pauses": pauses, "records": records}[sys.argv[1]](*sys.argv[2:]) else 1)
