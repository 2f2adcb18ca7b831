# SPDX-License-Identifier: Apache-2.0
"""Does what docs/operating.md says, block by block, and compares what it shows. operating.sh makes the machine for it.

    guide.py GUIDE        prints TAP; for root of a machine that may be spoilt

With PRIVYSEAL_GUIDE_SHOW in the environment, what each block shows is printed, and the first failure is the end.

A block is what stands between fences. Before each stands a comment that readers of the page do not see:

    <!-- guide
    as: ann                         who types it, in which home directory (made when first met); root's is /root
    fetch: operator:device.pem      a file that was sent: copied from that person's directory first
    answer: PIN of ann: => 739154   what is typed when the terminal asks so, in this order;
                                    {totp}: the code that belongs to the secret that the terminal has shown
    put: 5f1c0a9b => {request}      what is written in the place of the page's example
    keep: request => show ([0-9a-f]+)       what of the output later blocks need, as {request}
    exit: 6                         the status that the block ends with (0)
    until: 20                       it may take so many seconds until it succeeds: repeated till then
    file: ~/.config/x               not run but written to that file;  settings: FILE  merged into it, section by section
    skip: REASON                    not done here
    -->

A block of the language "text" is what the reader sees of the block before it: its lines, in order, "..." for anything.
Any other block without such a comment is a failure, and so is a command of privyseal that the page names and that no
block ran, unless ELSEWHERE says which test runs it.
"""
import base64
import hmac
import os
import pty
import pwd
import re
import select
import shutil
import signal
import subprocess
import sys
import time

# Commands that the page names in passing or in blocks that are skipped, and the script beside this one that runs them.
ELSEWHERE = {
    "apps add": "packages.sh",
    "audit mine": "audit_export.sh",
    "cert import": "cli.sh",
    "cert renew": "certificates.sh",
    "hsm add": "restore.sh",
    "key allow": "collusion.sh",
    "operator disable": "collusion.sh",
    "request approve": "collusion.sh",
    "request list": "collusion.sh",
    "partition bind": "bound_partitions.sh",
    "request show": "collusion.sh",
    "token move": "partitions.sh",
    "user move": "partitions.sh",
}

BLOCK = re.compile(r"(?:^<!-- guide\n(?P<notes>.*?)^-->\n+)?^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$",
                   re.M | re.S)
SHOW = os.environ.get("PRIVYSEAL_GUIDE_SHOW")
A_HAND_S = 0.3  # nobody types sooner; some programs forget what was typed before they had their prompt out
ONE_BLOCK_S = float(os.environ.get("PRIVYSEAL_GUIDE_BLOCK_S", 90))  # longer than any may take on a busy machine


class Failure(Exception):
    """What was found instead."""


class Block:
    def __init__(self, match, page):
        self.line = page.count("\n", 0, match.start("language")) + 1
        self.language = match["language"]
        self.text = re.sub("^" + match["indent"], "", match["text"], flags=re.M)
        self.notes = []
        for note in (match["notes"] or "").splitlines():
            key, colon, value = note.partition(":")
            if not colon:
                raise SystemExit(f"line {self.line}: a note without a colon: {note}")
            self.notes.append((key.strip(), value.strip()))

    def all(self, key):
        return [value for name, value in self.notes if name == key]

    def one(self, key, default=None):
        values = self.all(key)
        return values[0] if values else default

    def pairs(self, key):
        return [value.split(" => ", 1) for value in self.all(key)]

    def title(self):
        first = self.text.strip().splitlines()[0] if self.text.strip() else ""
        return f"line {self.line}: {self.one('as', 'nobody')}: {first[:70]}".replace("#", " ")


def read_some(terminal):
    """What comes within a moment. Nobody has the other end open before the first and after the last program."""
    if not select.select([terminal], [], [], 0.2)[0]:
        return b""
    try:
        return os.read(terminal, 65536)
    except OSError:
        time.sleep(0.02)
        return b""


def totp(secret):
    """What an authenticator application shows. RFC 6238 4, RFC 4226 5.3."""
    counter = int(time.time()) // 30
    mac = hmac.digest(base64.b32decode(secret), counter.to_bytes(8, "big"), "sha1")
    return f"{int.from_bytes(mac[mac[-1] & 15:][:4], 'big') % 2**31 % 10**6:06}"


class Machine:
    """The people on it, and what was kept of the outputs."""

    def __init__(self):
        self.kept = {}

    def home(self, who):
        try:
            return pwd.getpwnam(who).pw_dir
        except KeyError:
            subprocess.run(["useradd", "--create-home", "--shell", "/bin/bash", who], check=True)
            return pwd.getpwnam(who).pw_dir

    def path(self, who, name):
        return os.path.normpath(os.path.join(self.home(who), name.replace("~/", "")))

    def fill(self, text):
        if text == "{totp}":
            return totp(self.kept["secret"])
        return re.sub(r"\{(\w+)\}", lambda match: self.kept.get(match[1], match[0]), text)

    def give(self, who, path):
        user = pwd.getpwnam(who)
        os.chown(path, user.pw_uid, user.pw_gid)

    def fetch(self, block, who):
        for source in block.all("fetch"):
            whose, name = source.split(":", 1)
            target = os.path.join(self.home(who), os.path.basename(name))
            shutil.copyfile(self.path(whose, name), target)
            self.give(who, target)

    def text_of(self, block):
        text = block.text
        for old, new in block.pairs("put"):
            if old not in text:
                raise Failure(f"there is no {old!r} to put {new!r} for")
            text = text.replace(old, self.fill(new))
        return text

    def write(self, who, name, text):
        path = self.path(who, name)
        self.run_as(who, "mkdir -p " + os.path.dirname(path))
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        self.give(who, path)

    def settings(self, name, text):
        """As somebody does with an editor: each key into its section, in the place of an older value."""
        with open(name, encoding="utf-8") as file:
            lines = file.read().splitlines()
        section = None
        for line in text.splitlines():
            line = line.split(" #")[0].rstrip()
            if line.startswith("["):
                section = line
                if section not in lines:
                    lines += ["", section]
            elif line:
                self.set_key(lines, section, line)
        with open(name, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")

    @staticmethod
    def set_key(lines, section, line):
        key = line.split("=")[0].strip()
        at = lines.index(section) + 1
        while at < len(lines) and not lines[at].startswith("["):
            if lines[at].split("=")[0].strip() == key:
                lines[at] = line
                return
            at += 1
        lines.insert(lines.index(section) + 1, line)

    def run_as(self, who, text, answers=()):
        """Runs @text in a terminal. Returns exit status and output."""
        home = self.home(who)
        child, terminal = pty.fork()
        if child == 0:
            os.chdir(home)
            os.execvp("setpriv", ["setpriv", "--reuid", who, "--regid", who, "--init-groups", "env", "-i", "HOME=" + home,
                                  "USER=" + who, "TERM=dumb", "LANG=C.UTF-8",
                                  "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                                  "bash", "-eo", "pipefail", "-c", text])
        return self.converse(child, terminal, list(answers))

    def converse(self, child, terminal, answers):
        output, answered, status, deadline = b"", 0, None, time.monotonic() + ONE_BLOCK_S
        while True:
            data = read_some(terminal)
            if not data and status is not None:
                break
            if status is None:
                pid, found = os.waitpid(child, os.WNOHANG)
                status = found if pid else None
            if status is None and time.monotonic() > deadline:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                raise Failure("it does not end:\n" + output.decode(errors="replace"))
            output += data
            while answers and answers[0][0].encode() in output[answered:]:
                prompt, answer = answers.pop(0)
                secret = re.search(rb"secret=([A-Z2-7]+)", output)
                if secret:
                    self.kept["secret"] = secret[1].decode()
                answered = output.index(prompt.encode(), answered) + len(prompt.encode())
                time.sleep(A_HAND_S)
                os.write(terminal, self.fill(answer).encode() + b"\n")
        os.close(terminal)
        text = output.decode(errors="replace").replace("\r\n", "\n")
        if answers:
            raise Failure(f"nobody asked {answers[0][0]!r}:\n{text}")
        return os.waitstatus_to_exitcode(status), text

    def run(self, block, who):
        until = time.monotonic() + float(block.one("until", "0"))
        wanted = int(block.one("exit", "0"))
        while True:
            status, output = self.run_as(who, self.text_of(block), block.pairs("answer"))
            if status == wanted or time.monotonic() > until:
                break
            time.sleep(0.5)
        if status != wanted:
            raise Failure(f"exit status {status}, wanted {wanted}:\n{output}")
        for name, pattern in block.pairs("keep"):
            match = re.search(pattern, output)
            if not match:
                raise Failure(f"nothing like {pattern!r} for {name} in:\n{output}")
            self.kept[name] = match[1]
        return output

    def do(self, block):
        """Returns the output, or None if nothing was to be run."""
        who = block.one("as")
        if not who:
            raise Failure("nothing says who types this block: it was not run")
        self.fetch(block, who)
        if block.one("file"):
            return self.write(who, block.one("file"), self.text_of(block))
        if block.one("settings"):
            return self.settings(self.path(who, block.one("settings")), self.text_of(block))
        return self.run(block, who)


def compare(wanted, output):
    """Lines in order; in a line, and as a line, "..." is anything."""
    at = 0
    lines = [line.rstrip() for line in output.splitlines()]
    for line in (line.rstrip() for line in wanted.splitlines()):
        if line.strip() in ("", "..."):
            continue
        pattern = ".*".join(re.escape(part) for part in line.split("..."))
        while at < len(lines) and not re.fullmatch(pattern, lines[at]):
            at += 1
        if at == len(lines):
            raise Failure(f"the page shows\n{line}\nand there came\n{output}")
        at += 1


class Commands:
    """Which of privyseal's the page names, and which were run."""

    def __init__(self):
        usage = subprocess.run(["privyseal", "--help"], capture_output=True, text=True, check=True).stdout
        names = re.findall(r"^  privyseal ([a-z]+(?: [a-z]+(?=[ \n]))?)", usage, re.M)
        self.names = sorted(names, key=len, reverse=True)
        self.run = set()

    def of(self, text):
        """The commands in @text: "privyseal [--option value]... noun [verb]"."""
        found = set()
        for words in re.findall(r"privyseal((?: --[a-z-]+(?: (?![a-z]+ )\S+)?)*(?: [a-z]+){1,2})", text):
            words = re.sub(r" --\S+(?: [^a-z\s]\S*| \S*[/.]\S*)?", "", words).strip()
            name = next((name for name in self.names if words == name or words.startswith(name + " ")), None)
            found.add(name or words)
        return found


class Report:
    def __init__(self):
        self.count, self.failed, self.began = 0, 0, time.monotonic()

    def line(self, good, name, why=""):
        self.count += 1
        self.failed += not good
        print(f"{'ok' if good else 'not ok'} {self.count} - {name}")
        if SHOW:
            print(f"# at {time.monotonic() - self.began:.1f} s")
        for line in why.splitlines()[-15:]:
            print("# " + line)
        sys.stdout.flush()

    def skip(self, name, why):
        self.count += 1
        print(f"ok {self.count} - {name} # SKIP {why}")


def follow(page, report):
    machine, commands, output, skipped = Machine(), None, None, False
    for match in BLOCK.finditer(page):
        block = Block(match, page)
        if block.one("skip"):
            skipped = True
            report.skip(block.title(), block.one("skip"))
            continue
        if block.language == "text" and skipped:
            continue
        skipped = False
        try:
            if block.language == "text":
                compare(machine.fill(block.text), output or "")
            else:
                output = machine.do(block)
        except (Failure, OSError) as failure:
            report.line(False, block.title(), str(failure))
            if SHOW:
                break
            continue
        shown = output if SHOW and block.language != "text" else ""
        report.line(True, block.title() if block.language != "text" else f"line {block.line}: the reader sees it", shown or "")
        if shutil.which("privyseal") and block.language == "sh":
            commands = commands or Commands()
            commands.run |= commands.of(block.text)
    if report.failed and SHOW:
        return
    named = commands.of(re.sub(r"^<!--.*?^-->", "", page, flags=re.M | re.S))
    for name in sorted(named - commands.run - set(ELSEWHERE)):
        report.line(False, f"privyseal {name} was run")
    for name in sorted(set(ELSEWHERE) & commands.run):
        report.line(False, f"privyseal {name} is said to be run elsewhere, and was run here")


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        page = file.read()
    report = Report()
    follow(page, report)
    print(f"1..{report.count}")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
