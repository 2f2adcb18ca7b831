# SPDX-License-Identifier: Apache-2.0
"""The table of tests/bench/goals: goals_table.py RESULTS, lines of "CONTENDER WHAT THREADS NAME=VALUE...".

A contender's value is the median of its lines; B is the best of SoftHSM's medians.
"""
import statistics
import sys

values = {}
for line in open(sys.argv[1], encoding="ascii"):
    words = line.split()
    for word in words[3:]:
        name, value = word.split("=")
        values.setdefault((words[0], words[1], words[2], name), []).append(value)


def median(who, what, threads, name):
    found = values.get((who, what, str(threads), name))
    return statistics.median(float(v) for v in found) if found else None


def cpu(who, what, threads):
    """Microseconds of a signature in the client, the front, and all signers together."""
    lines = [[float(x) for x in v.split(",")] for v in values.get((who, what, str(threads), "cpu_us"), [])]
    lines = [(line[0], line[1], sum(line[2:])) for line in lines if len(line) > 2]
    return [statistics.median(part) for part in zip(*lines)] if lines else [0, 0, 0]


def ratio(a, b):
    return a / b if a is not None and b else None


def best(key):
    tried = [("D", 16), ("D", 2), ("D2", 1)]
    return max(m for m in (median(who, key, t, "per_second") for who, t in tried) if m)


def added(who):
    mine, direct = median(who, "ec", 1, "p50_us"), median("D", "ec", 1, "p50_us")
    return mine - direct if mine and direct else None


def start_ratio(key):
    """To the first signature without stretching, in units of SoftHSM's own."""
    mine = median("P", f"first-{key}", 1, "all_us") - median("P", "stretch", 1, "stretch_us")
    return mine / median("D", f"first-{key}", 1, "all_us")


def show(value, form="{:.2f}"):
    return "-" if value is None else form.format(value)


echo = median("E", "echo", 1, "p50_us")


def per_second(key, base, contenders=("P", "Pbatch", "Pverify")):
    return [ratio(median(who, key, 16, "per_second"), base) for who in contenders]


def p99(key, contenders=("P", "Pbatch", "Pverify")):
    return [ratio(median(who, key, 16, "p99_us"), median("D", key, 16, "p99_us")) for who in contenders]


def first(key):
    return ratio(median("P", f"first-{key}", 1, "first_us"), median("D", f"unwrap-{key}", 1, "hsm_us"))


def row(title, goal, stretch, unit, figures, peer=None):
    figures = list(figures) + [None] * (3 - len(figures))
    print("|", " | ".join([title, goal, stretch] + [show(f) + (unit if f is not None else "") for f in figures] +
                          [show(peer) + (unit if peer is not None else "")]), "|")


print("| figure | to reach | stretch | write | batch | every EC verified | p11-kit |\n|---|---|---|---|---|---|---|")
row("P-256, 1 thread, p50 added over D", "3.5 E", "2 E", " E",
    [ratio(added(who), echo) for who in ("P", "Pbatch", "Pverify")], ratio(added("K"), echo))
row("P-256, 16 threads, signatures/s", "1.0 D", "1.3 D", " D", per_second("ec", median("D", "ec", 16, "per_second")),
    ratio(median("K", "ec", 16, "per_second"), median("D", "ec", 16, "per_second")))
row("RSA-2048, 16 threads, signatures/s", "0.90 B", "0.95 B", " B", per_second("rsa", best("rsa")),
    ratio(median("K", "rsa", 16, "per_second"), best("rsa")))
row("RSA-3072, 16 threads, signatures/s", "0.95 B", "0.98 B", " B", per_second("rsa3072", best("rsa3072"), ("P",)))
for key, title in (("ec", "P-256"), ("rsa", "RSA-2048")):
    row(f"{title}, 16 threads, p99", "0.5 D", "0.2 D", " D", p99(key),
        ratio(median("K", key, 16, "p99_us"), median("D", key, 16, "p99_us")))
for key, title in (("ec", "P-256"), ("rsa", "RSA-2048")):
    row(f"fresh process to first signature, {title}, without stretching", "2.5 D", "1.5 D", " D", [start_ratio(key)],
        ratio(median("K", f"first-{key}", 1, "all_us"), median("D", f"first-{key}", 1, "all_us")))
for key, title in (("ec", "P-256"), ("rsa", "RSA-2048")):
    row(f"first signature after unlock, {title}, by the HSM's own time", "1.5", "1.2", "", [first(key)])
row("client CPU a signature, P-256, 16 threads", "75 us", "45 us", " us",
    [cpu(who, "ec", 16)[0] for who in ("P", "Pbatch", "Pverify")])

print("\n| what the ratios are made of | D | write | batch | every EC verified | p11-kit |\n|---|---|---|---|---|---|")
for key, threads, title in (("ec", 1, "P-256"), ("ec", 16, "P-256"), ("rsa", 16, "RSA-2048"), ("rsa3072", 16, "RSA-3072")):
    for name, words, form in (("per_second", "signatures/s", "{:.0f}"), ("p50_us", "p50, us", "{:.0f}"), ("p99_us", "p99, us", "{:.0f}")):
        print("|", " | ".join([f"{title}, {threads} thread{'s' * (threads > 1)}, {words}"] +
                              [show(median(who, key, threads, name), form) for who in ("D", "P", "Pbatch", "Pverify", "K")]), "|")
print(f"\nE: {show(echo, '{:.0f}')} us. B: RSA-2048 {best('rsa'):.0f}/s, RSA-3072 {best('rsa3072'):.0f}/s. Argon2id (19 MiB, 2 passes):"
      f" {median('P', 'stretch', 1, 'stretch_us') / 1e3:.0f} ms. Unwrap and sign: P-256 {show(median('D', 'unwrap-ec', 1, 'hsm_us'), '{:.0f}')} us,"
      f" RSA-2048 {show(median('D', 'unwrap-rsa', 1, 'hsm_us'), '{:.0f}')} us.")

print("\n| processor time a signature, us | module and host | front | signers | SoftHSM in the process (D) |\n|---|---|---|---|---|")
for key, threads, title in (("ec", 1, "P-256"), ("ec", 16, "P-256"), ("rsa", 16, "RSA-2048"), ("rsa3072", 16, "RSA-3072")):
    client, front, signers = cpu("P", key, threads)
    print(f"| {title}, {threads} thread{'s' * (threads > 1)} | {client:.0f} | {front:.0f} | {signers:.0f} |"
          f" {show(median('D', key, threads, 'cpu_us'), '{:.0f}')} |")

delays = (0, 5, 20, 80)
print("\n| pdfsig, a document, network delay each way | " + " | ".join(f"{d} ms" for d in delays) + " |\n|---|" + "---|" * 4)
print("| ms | " + " | ".join(show(ratio(median("P", "document", d, "all_us"), 1e3), "{:.0f}") for d in delays) + " |")
