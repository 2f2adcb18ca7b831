# SPDX-License-Identifier: Apache-2.0
"""
errors.py PRIVYSEAL PRIVYSEAL_WITH_SANITIZERS DIRECTORY - whatever is wrong, each command of the command line says it.

The commands, their arguments and their options are read from --help, which prints the table of commands: a new one is
walked over without a word here, and fails where it does not do as the others do. Each walk is one line of TAP.

What holds of every failure: the exit status is the one that privyseal(1) gives for it; one sentence on standard error
says what happened and why, and, but where nothing is to be done, another what to do next; with --json, standard output
is one object that says the same, and without it empty; no file is left, no sanitizer has anything to say.
"""
import concurrent.futures
import json
import os
import pty
import re
import signal
import socket
import ssl
import subprocess
import sys
import termios
import threading

QUICK, CHECKED, WORK = (os.path.abspath(argument) for argument in sys.argv[1:4])
DONE, REFUSED, USAGE, UNREACHABLE, PIN = 0, 1, 2, 3, 4
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": WORK + "/home", "LANG": "C.UTF-8", "ASAN_OPTIONS": "exitcode=99",
               "UBSAN_OPTIONS": "halt_on_error=1:exitcode=98"}
# Never in a sentence: a bare errno, C's own words, what a sanitizer or an assertion says.
UNCOUTH = re.compile(r"Success|Invalid argument|errno|[Aa]ssert|Sanitizer|runtime error|\(null\)|[\x00-\x09\x0b-\x1f]")


class Command:
    def __init__(self, words, arguments):
        self.words, self.name, self.arguments = words.split(), words, arguments
        usage = run(QUICK, [*self.words, "--help"]).stdout.decode()
        self.options = dict(re.findall(r"^  --([a-z-]+)(?: (.+))?$", usage, re.M))

    def line(self, *more, **files):
        """A whole one, as far as that goes without a server; options that read a file get what @files says."""
        line = [*self.words, *ARGUMENTS.get(self.name, self.fill())]
        for option, value in READ.items():
            if option in self.options and option not in WITHHELD.get(self.name, ()):
                line += ["--" + option, files.get(option.replace("-", "_"), value)]
        if "yes" in self.options:
            line.append("--yes")
        return [*line, *EXTRA.get(self.name, ()), *more]

    def fill(self):
        words = [word.rstrip(".") for word in self.arguments.split() if not word.startswith("[")]
        return [VALUES[word] if word in VALUES else VALUES.get(word.split("|")[0], word.split("|")[0]) for word in words]


def path(name):
    return os.path.join(WORK, name)


VALUES = {
    "USER": "ann", "FILE": path("out"), "DIR": path("new"), "CSR": path("csr"), "GROUP": "g", "PRINCIPAL": "server1",
    "SETTING=VALUE": "max_signatures=3", "FINGERPRINT": "ab" * 32, "SERIAL": "0a" * 16, "KEY": "one", "ID": "one",
    "NAME": "olga", "URL": "sqlite:" + path("new.db"), "KIND": "Kw", "EPOCH": "1", "PUBLIC": path("csr"),
    "CONFIG": path("conf"), "REQUEST": path("nothing"), "SHARE": path("share"),
}
ARGUMENTS = {name: ["0123456789abcdef"] for name in ("request show", "request approve", "request reject")} | {
    "user import": [path("users.csv")], "cert import": [path("cert")], "grant add": ["server1", "ann"],
    "grant remove": ["server1", "ann"], "grant list": ["ann"], "policy set": ["ann", "max_signatures=3"]}
READ = {"pin-file": path("pin"), "code-file": path("code"), "new-pin-file": path("newpin"), "confirm-file": path("digits"),
        "transport-pin-file": path("pin"), "so-pin-file": path("pin")}
WITHHELD = {"pin set": ("transport-pin-file", "so-pin-file"), "token move": ("transport-pin-file", "so-pin-file")}
EXTRA = {
    "init": ["--allow-software-hsm"], "user move": ["--custody", "partition"], "token move": ["--custody", "partition"],
    "device enroll": ["--server", "127.0.0.1:1", "--ca-fingerprint", "ab" * 32, "--directory", path("new")],
    "cert revoke": ["--reason", "superseded"], "recovery give": ["--officer-key", path("officer")],
    "hsm add": ["--master-backup", path("nothing")], "officer share": ["--key", path("officer")],
    "backup verify": ["--root", path("cert")], "restore": ["--root", path("cert")], "officer certify": ["--ca", path("nothing")],
}
# These meet no server: they read and write files, or start the daemon's program.
LOCAL = {"init", "epoch new", "epoch list", "epoch destroy", "officer certify", "officer key", "officer share", "backup",
         "backup show", "backup verify", "restore", "hsm add", "store migrate", "store upgrade", "apps list", "apps add",
         "apps remove", "completion"}
# What takes a number, by the word for it in the usage; what these need beside it.
NUMBERS = {"N", "S", "M", "DAYS"}
BESIDE = {("init", "quorum"): ["--officers", path("csr")], ("backup", "quorum"): ["--officers", path("csr")]}
# What takes one of a few words; and what of both the server knows best.
WORDS = {"KIND", "TYPE", "USE", "ROLE", "FORMAT", "REASON", "LIST"}
AT_SERVER = {("device code", "hours"), ("device enroll", "proof"), ("cert revoke", "reason"), ("policy cost", "length")}


def run(program, line, **more):
    """In a session of its own: there is no terminal."""
    more = {"stdout": subprocess.PIPE, "stdin": subprocess.DEVNULL, **more}
    return subprocess.run([program, *line], stderr=subprocess.PIPE, env=ENVIRONMENT, cwd=WORK, timeout=60,
                          start_new_session=True, check=False, **more)


def faults(done, status, says, has_json):
    """What is wrong with a failure."""
    told = done.stderr.decode(errors="replace")
    wanted = status if isinstance(status, tuple) else (status,)
    if done.returncode not in wanted:
        yield f"exit status {done.returncode}, wanted {status}"
    own = [line for line in told.splitlines() if line.startswith("privyseal: ")]
    if len(own) != 1:
        yield f"{len(own)} sentences"
    if UNCOUTH.search(told.replace("\n", " ")):
        yield "uncouth words"
    if says and not any(re.search(text, told) for text in says):
        yield f"nothing of {says}"
    if not re.search(r"\n {11}\S|memory", told):
        yield "no next step"
    if not has_json:
        if done.stdout:
            yield "something on standard output"
        return
    try:
        error = json.loads(done.stdout)["error"]
    except (ValueError, KeyError, TypeError):
        yield "standard output is no object with an error"
        return
    if error["status"] != done.returncode or "privyseal: " + error["what"] not in own:
        yield "standard output says something else than standard error"


class Walk:
    """Many lines that fail alike."""

    def __init__(self, name, program=CHECKED):
        self.name, self.program, self.lines = name, program, []

    def add(self, line, status, *says):
        self.lines.append((line, status, says))

    def go(self, pool, report):
        before = set(os.listdir(WORK))
        complaints = []
        for (line, status, says), done in zip(self.lines, pool.map(lambda each: run(self.program, each[0]), self.lines)):
            wrong = "; ".join(faults(done, status, says, "--json" in line))
            if wrong:
                complaints.append(f"{' '.join(line)}: {wrong}\n{done.stderr.decode(errors='replace')}")
        left = set(os.listdir(WORK)) - before
        if left:
            complaints.append(f"left: {left}")
        report.line(not complaints, f"{self.name} ({len(self.lines)})", "\n".join(complaints))


class Report:
    def __init__(self):
        self.count = self.failed = 0

    def line(self, good, name, why=""):
        self.count += 1
        self.failed += not good
        print(f"{'ok' if good else 'not ok'} {self.count} - {name}")
        for line in ("" if good else why.replace(WORK, "...")).splitlines()[:int(os.environ.get("LINES_SHOWN", "60"))]:
            print("# " + line)
        sys.stdout.flush()


# --------------------------------------------------------------------------------------------------------- usage


def usage_walks(commands):
    walk = Walk("an option that is none is named, with where to look", QUICK)
    for command in commands:
        walk.add(command.line("--frobnicate", "--json"), USAGE, f"no option --frobnicate\n *`privyseal {command.name} --help`")
    yield walk
    walk = Walk("so is one that lacks its value, or has one too many", QUICK)
    for command in commands:
        for option, value in command.options.items():
            walk.add(command.line("--json", "--" + option if value else f"--{option}=x"), USAGE,
                     f"--{option} {'wants a value' if value else 'takes no value'}")
    yield walk
    walk = Walk("arguments too few or too many show the usage", QUICK)
    for command in commands:
        usage = re.escape(f"usage: privyseal {command.name}")
        if command.fill():
            walk.add([*command.words, "--json"], USAGE, "too few arguments; " + usage)
        if "..." not in command.arguments or "SHARE" in command.arguments:
            walk.add([*command.words, *["x"] * 40, "--json"], USAGE, "too many arguments; " + usage)
    yield walk
    walk = Walk("what is no number, or out of bounds, is told with its bounds", QUICK)
    for command in commands:
        for option in (option for option, value in command.options.items() if value in NUMBERS and (command.name, option) not in AT_SERVER):
            for number in ("x", "", "1x", "-1", "0x10", "1.5", "99999999999999999999"):
                walk.add(command.line(*BESIDE.get((command.name, option), ()), f"--{option}={number}", "--json"), USAGE,
                         f"--{option} takes a number from \\d+ to \\d+, not \"{re.escape(number)}\"")
    yield walk
    walk = Walk("a word that is none of those there are is told with them", QUICK)
    for command in commands:
        for option in (option for option, value in command.options.items() if value in WORDS and (command.name, option) not in AT_SERVER):
            walk.add([each for each in command.line() if each != "partition"] + [f"--{option}=nonsense", "--json"], USAGE,
                     "nonsense", f"--{option}")
    yield walk


# ------------------------------------------------------------------------------------- configuration and server


def configuration(name, endpoint="127.0.0.1:1", **files):
    used = {"ca": "cert", "certificate": "cert", "key": "key"} | files
    with open(path(name), "w", encoding="utf-8") as file:
        file.write(f"[deployment test]\nrealm = test\nendpoints = {endpoint}\nca = {used['ca']}\nconnect_timeout_ms = 3000\n"
                   f"[identity ann]\ncertificate = {used['certificate']}\nkey = {used['key']}\n[token ann]\n")
    return path(name)


def serve_strangely():
    """A TLS server of somebody else; its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path("strange-cert"), path("strange-key"))
    context.set_alpn_protocols(["h2"])

    def meet(connection):
        try:
            context.wrap_socket(connection, server_side=True).close()
        except OSError:
            connection.close()

    def serve():
        while True:
            threading.Thread(target=meet, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    return listener.getsockname()[1]


def server_walks(remote):
    for style, more in (("", []), (", in JSON as well", ["--json"])):
        walk = Walk("without a configuration there is nothing to do" + style)
        for command in remote:
            if command.name not in ("device enroll", "doctor"):
                walk.add(command.line(*more), REFUSED, "no identity is configured")
        yield walk
        walk = Walk("a server that is not there is told by its address" + style)
        for command in remote:
            if command.name != "doctor":
                walk.add(command.line("--config", path("conf"), *more), UNREACHABLE, "127.0.0.1:1: Connection refused")
        yield walk
    walk = Walk("a server of somebody else is not believed")
    strange = configuration("strange", f"localhost:{serve_strangely()}")
    for command in remote:
        if command.name not in ("doctor", "device enroll"):
            walk.add(command.line("--config", strange, "--json"), UNREACHABLE, "certificate")
    yield walk
    walk = Walk("files of the configuration that are not what they should be are named")
    for kind in ("missing", "directory", "empty", "noise", "huge"):
        if kind not in ("empty", "huge"):
            walk.add(["token", "show", "--config", path(kind), "--json"], REFUSED, f"{WORK}/{kind}")
        for member in ("ca", "certificate", "key"):
            walk.add(["token", "show", "--json", "--config", configuration(f"{member}-{kind}", **{member: kind})], REFUSED,
                     f"{WORK}/{kind}")
    yield walk


# --------------------------------------------------------------------------------------------- files and terminals


def file_walks(commands, remote):
    walk = Walk("a PIN or a code from a file that is none is refused before anybody is asked")
    for command in remote:
        for option in (option for option in READ if option in command.options and option not in WITHHELD.get(command.name, ())):
            for kind, says in (("missing", "No such file"), ("directory", "Is a directory"), ("huge", "too long")):
                walk.add(command.line("--config", path("conf"), "--json", **{option.replace("-", "_"): path(kind)}),
                         (REFUSED, UNREACHABLE), f"{kind}: .*{says}", "Connection refused")
    yield walk
    walk = Walk("where nobody can be asked, the option that answers is named")
    for command in remote:
        line = command.line("--config", path("conf"))
        if "yes" in command.options:
            walk.add([word for word in line if word != "--yes"] + ["--json"], (USAGE, UNREACHABLE), "--yes", "Connection refused")
        if "pin-file" in command.options and "--pin-file" in line:
            at = line.index("--pin-file")
            walk.add(line[:at] + line[at + 2:] + ["--json"], (USAGE, UNREACHABLE), "--pin-file FILE", "Connection refused")
    yield walk
    walk = Walk("a file that is to be read and is not there, or is something else, is named")
    for line in (["user", "import", "{}"], ["cert", "import", "{}", "--pin-file", path("pin")], ["cert", "issue", "ann", "{}"],
                 ["operator", "add", "olga", "{}"], ["officer", "certify", "{}", "--ca", path("missing")],
                 ["officer", "share", "{}", path("share"), "--key", path("key"), "--yes"], ["backup", "show", "{}"],
                 ["backup", "verify", "{}", "--root", path("cert")], ["restore", "{}", path("new"), "--root", path("cert")],
                 ["hsm", "add", path("conf"), path("new"), "--master-backup", "{}"], ["audit", "verify", "--mine", "{}", "--key", path("public")],
                 ["audit", "verify", "--dir", "{}", "--realm", "test"], ["apps", "add", "ssh", "--module", "{}"]):
        for kind in ("missing", "directory", "empty", "noise"):
            if (line[0], kind) == ("apps", "noise") or (line[-1], kind) == ("test", "directory"):
                continue
            walk.add([word.format(path(kind)) for word in line] + ["--config", path("conf"), "--json"], (REFUSED, USAGE), f"{WORK}/{kind}")
    yield walk
    walk = Walk("a file that cannot be written is named, and none is left")
    nowhere = path("missing/out")
    for line in (["officer", "key", nowhere], ["cert", "request", nowhere, "--device", path("out")], ["cert", "request", "--device", nowhere],
                 ["init", path("missing/new"), "--allow-software-hsm"]):
        walk.add([*line, "--config", path("conf"), "--json"], REFUSED, f"{WORK}/missing")
    yield walk


def full_disk(commands, report):
    """Standard output that takes nothing: whatever would have succeeded has failed."""
    wrong = []
    with open("/dev/full", "wb") as full:
        for line in (["--help"], ["--version"], ["completion"], ["apps", "list"], ["apps", "list", "--json"], ["doctor", "--config", path("conf")],
                     *([*command.words, "--help"] for command in commands)):
            done = run(QUICK, line, stdout=full)
            if done.returncode not in (REFUSED, UNREACHABLE) or b"standard output cannot be written: No space left" not in done.stderr:
                wrong.append(f"{' '.join(line)}: {done.returncode}: {done.stderr.decode()}")
    report.line(not wrong, "an answer that cannot be written is a failure", "\n".join(wrong))


def interrupted(report):
    """At a question for the PIN: the program ends of the signal, and what is typed is seen again."""
    for how, number in (("Control-C", signal.SIGINT), ("Control-\\", signal.SIGQUIT), ("SIGTERM", signal.SIGTERM), ("SIGHUP", signal.SIGHUP)):
        child, terminal = pty.fork()
        if child == 0:
            os.chdir(WORK)
            os.execve(CHECKED, [CHECKED, "key", "generate", "--config", path("conf")], ENVIRONMENT)
        told = b""
        while b"PIN of ann: " not in told:
            told += os.read(terminal, 4096)
        hidden = not termios.tcgetattr(terminal)[3] & termios.ECHO
        if number in (signal.SIGINT, signal.SIGQUIT):
            os.write(terminal, b"12" + {signal.SIGINT: b"\x03", signal.SIGQUIT: b"\x1c"}[number])
        else:
            os.kill(child, number)
        while True: # until the terminal says that nobody has it open, or the newline that puts things right
            told += os.read(terminal, 4096)
            if told.endswith(b"\n"):
                break
        seen = bool(termios.tcgetattr(terminal)[3] & termios.ECHO)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        os.close(terminal)
        report.line(hidden and seen and status == -number and b"12" not in told, f"{how} at the question for a PIN leaves the terminal as it was",
                    f"hidden {hidden}, seen afterwards {seen}, exit {status}, {told}")


def make_files():
    os.mkdir(ENVIRONMENT["HOME"])
    os.mkdir(path("directory"))
    for name in ("", "strange-"):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        "-subj", "/CN=localhost", "-keyout", path(name + "key"), "-out", path(name + "cert")], check=True, capture_output=True)
        os.chmod(path(name + "key"), 0o600)
    subprocess.run(["openssl", "req", "-new", "-key", path("key"), "-subj", "/CN=x", "-out", path("csr")], check=True, capture_output=True)
    subprocess.run(["openssl", "pkey", "-in", path("key"), "-pubout", "-out", path("public")], check=True, capture_output=True)
    subprocess.run([QUICK, "officer", "key", path("officer")], check=True, capture_output=True)
    for name, text in {"pin": "739154\n", "newpin": "482615\n", "digits": "123456\n", "empty": "", "users.csv": "user\nzoe\n",
                       "code": "0" * 27 + "\n"}.items():
        with open(path(name), "w", encoding="utf-8") as file:
            file.write(text)
    with open(path("noise"), "wb") as file:
        file.write(bytes(range(255, 0, -1)) * 8)
    with open(path("huge"), "wb") as file:
        file.truncate(200 << 20)
    configuration("conf")


def main():
    make_files()
    usage = run(QUICK, ["--help"]).stdout.decode()
    commands = [Command(words, arguments) for words, arguments in re.findall(r"^  privyseal ([a-z]+(?: [a-z]+)?)(?: (.*))?$", usage, re.M)]
    remote = [command for command in commands if command.name not in LOCAL]
    report = Report()
    report.line(len(commands) > 80 and all(name in {command.name for command in commands} for name in LOCAL | set(EXTRA)),
                f"--help lists {len(commands)} commands, and those of which the test knows more")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for walks in (usage_walks(commands), server_walks(remote), file_walks(commands, remote)):
            for walk in walks:
                walk.go(pool, report)
    full_disk(commands, report)
    interrupted(report)
    print(f"1..{report.count}")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
