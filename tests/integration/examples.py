# SPDX-License-Identifier: Apache-2.0
"""
examples.py PRIVYSEAL FILE... - each line of the documentation that calls privyseal is one that it would take, and
completion for bash knows all that the table of commands has.

Commands, arguments and options come from --help, which is printed from the table. In Markdown the blocks of code and the
words between backquotes are read, in manual pages the literal blocks and the lines of .Ic, .Li and .Dl.
"""
import re
import shlex
import subprocess
import sys

COMMON = {"--config": True, "--identity": True, "--json": False, "--help": False, "--version": False}
MANY = 1000
BEFORE = {"sudo", "env", "as", "exec", "timeout", "!", "$", "#", "if", "while", "then", "do"}


def printed(program, *line):
    return subprocess.run([program, *line], capture_output=True, text=True, check=True).stdout


class Command:
    def __init__(self, program, words, arguments):
        self.words, self.arguments = words.split(), arguments
        usage = printed(program, *self.words, "--help")
        self.options = {"--" + name: bool(value) for name, value in re.findall(r"^  --([a-z-]+)(?: (.+))?$", usage, re.M)}
        wanted = arguments.split()
        self.least = sum(not word.startswith("[") for word in wanted)
        self.most = MANY if "..." in arguments else len(wanted)


class Table:
    def __init__(self, program):
        rows = re.findall(r"^  privyseal ([a-z]+(?: [a-z]+)?)(?: (.*))?$", printed(program, "--help"), re.M)
        self.commands = [Command(program, *row) for row in rows]
        self.nouns = {command.words[0] for command in self.commands}
        self.valued = {name: value for command in self.commands for name, value in command.options.items()} | COMMON

    def find(self, words):
        for command in self.commands:
            if words[:len(command.words)] == command.words:
                return command
        return None

    def fault(self, line, is_whole):
        """What is wrong with the words behind "privyseal"; None: nothing. A part of one may lack what comes last."""
        options, words = [], []
        rest = list(line)
        while rest:
            word = rest.pop(0)
            if not re.match(r"--?[a-zA-Z]", word):
                words.append(word)
                continue
            name, given = re.match(r"([^=]+)(=)?", word).groups()
            options.append(name)
            command = self.find(words)
            valued = command.options | COMMON if command else self.valued
            if not given and valued.get(name):
                if not rest and is_whole:
                    return f"{name} has no value"
                rest = rest[1:]
        if not words:
            return None if set(options) <= set(COMMON) else "options of no command"
        command = self.find(words)
        if not command:
            return None if words[0] in self.nouns and len(words) == 1 and not is_whole else f"no command {' '.join(words[:2])}"
        for name in options:
            if name not in COMMON and name not in command.options and name not in ("-h", "-V", "-j"):
                return f"{name} is no option of {' '.join(command.words)}"
        count = len(words) - len(command.words)
        if count > command.most or (is_whole and count < command.least and "--help" not in options):
            return f"{count} arguments for {' '.join(command.words)} {command.arguments}"
        return None


def calls(text):
    """The words behind each "privyseal" of a shell's @text that stands where a command does."""
    inner = r"\"?\$\(([^()]*)\)\"?"
    text = re.sub(r"\\\n\s*", " ", text)
    for line in [*re.sub(inner, "printed", text).splitlines(), *re.findall(inner, text)]:
        lexer = shlex.shlex(line, posix=True, punctuation_chars="();<>|&")
        lexer.whitespace_split = True
        try:
            words = list(lexer)
        except ValueError: # a quotation over several lines: no example of ours
            continue
        part = []
        for word in [*words, ";"]:
            if not re.fullmatch(r"[();<>|&]+", word):
                part.append(word)
                continue
            yield from call(part)
            part = ["<"] if ">" in word or "<" in word else [] # what follows is a file


def call(part):
    while part and (part[0] in BEFORE or re.match(r"[A-Z_]+=", part[0])):
        part = part[1:]
    if part and re.fullmatch(r"(.*/)?privyseal", part[0]):
        yield part[1:]


def markdown(text):
    fenced = re.findall(r"^```(\w*).*?\n(.*?)^```", text, re.M | re.S)
    blocks = [block for language, block in fenced if language in ("", "sh", "bash", "console")]
    blocks += re.findall(r"(?:^(?: {4}|\t).*\n)+", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S), re.M)
    for block in blocks:
        yield from ((words, True) for words in calls(re.sub(r"^\s*\$ ", "", block, flags=re.M)))
    for inline in re.findall(r"`(privyseal [^`]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)):
        yield from ((words, False) for words in calls(" ".join(inline.split())))


def manual(text):
    literal = "\n".join(re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed", text, re.M | re.S) + re.findall(r"^\.Dl (.*)$", text, re.M))
    yield from ((words, True) for words in calls(literal.replace("\\-", "-").replace("\\e", "\\")))
    for inline in re.findall(r"^\.(?:Ic|Li|Cm|Ql) \"?(privyseal [^\"\n]+)\"?", text, re.M):
        yield from ((words, False) for words in calls(re.sub(r" [.,;:)]+$", "", inline).replace(" Ar ", " ").replace(" Fl ", " --")))


def examples(table, names):
    count, wrong = 0, []
    for name in names:
        with open(name, encoding="utf-8") as file:
            text = file.read()
        for words, is_whole in (markdown if name.endswith(".md") else manual)(text):
            words = [word for word in words if word not in ("...", "…")]
            verbs = re.split(r"\|", words[1]) if len(words) > 1 and "|" in words[1] and words[0] in table.nouns else None
            count += 1
            for line in ([[words[0], verb, *words[2:]] for verb in verbs] if verbs else [words]):
                why = table.fault(line, is_whole)
                if why:
                    wrong.append(f"{name}: privyseal {' '.join(line)}: {why}")
    return count, wrong


def completed(program, lines):
    """What bash offers behind each of @lines."""
    script = printed(program, "completion") + "\n" + "\n".join(
        f"COMP_WORDS=(privyseal {line} ''); COMP_CWORD={len(line.split()) + 1}; [[ '{line[-1:]}' != - ]] || COMP_WORDS=(privyseal {line});"
        f" ((COMP_CWORD -= ${{#COMP_WORDS[@]}} <= COMP_CWORD)); _privyseal; echo \"${{COMPREPLY[*]}}\"" for line in lines)
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, cwd="/")
    return [set(offered.split()) for offered in done.stdout.splitlines()]


def completion(program, table):
    wrong = []
    nouns, = completed(program, [""])
    if not table.nouns <= nouns:
        wrong.append(f"nouns: {table.nouns - nouns}")
    names = sorted(table.nouns)
    for noun, offered in zip(names, completed(program, names)):
        verbs = {command.words[1] for command in table.commands if command.words[0] == noun and len(command.words) > 1}
        if not verbs <= offered:
            wrong.append(f"{noun}: {verbs - offered}")
    lines = [" ".join([*command.words, "--"]) for command in table.commands]
    for command, offered in zip(table.commands, completed(program, lines)):
        if offered != set(command.options) | set(COMMON):
            wrong.append(f"{' '.join(command.words)}: {offered ^ (set(command.options) | set(COMMON))}")
    behind, = completed(program, ["--token ann --config /etc/x key"])
    if "generate" not in behind:
        wrong.append("the values of options are taken for words")
    return wrong


def report(number, name, wrong):
    print(f"{'not ok' if wrong else 'ok'} {number} - {name}")
    for line in wrong:
        print("# " + line)


def main():
    program, names = sys.argv[1], sys.argv[2:]
    table = Table(program)
    count, wrong = examples(table, names)
    report(1, f"the documentation's {count} calls of privyseal are some that it takes", wrong if count > 100 else ["so few were found", *wrong])
    missing = completion(program, table)
    report(2, f"completion for bash offers every noun, verb and option of {len(table.commands)} commands", missing)
    return 1 if wrong or missing else 0


if __name__ == "__main__":
    sys.exit(main())
