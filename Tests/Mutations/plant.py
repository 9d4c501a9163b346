#!/usr/bin/env python3
"""Plants deliberate bugs into a copy of the sources, all of them at once and each asleep.

A bug is a file of `what:` (the bug in words), and one or more `file:` (where), each with one or more of

    <<<<
    some lines of the source
    ====
    the lines with the bug
    >>>>

The function around those lines is put into the source twice, once as it is and once with the bug; the one that all others
call chooses between them by the number in the environment's HAWSER_BUG. So one build holds them all.

usage: plant.py BUGS COPY     prints, for each bug, its number, name, file and words, with tabs between
"""
import pathlib
import re
import sys

HUNK = re.compile(r"^<<<<\n(.*?)^====\n(.*?)^>>>>$", re.S | re.M)
WORDS = r"((?:@\w+(?:\([^)]*\))? )*(?:(?:public|private|fileprivate|mutating|static|override) )*)"
FUNCTION = re.compile(r"^ *" + WORDS + r"func (\w+)(<[^(]*>)?(?=\()", re.M)
PROPERTY = re.compile(r"^ *" + WORDS + r"var (\w+): ([^={\n]+?) (?=\{)", re.M)
SWITCH = """import Glibc

/// The deliberate bug that is awake; 0 for none.
public let awakeBug = getenv("HAWSER_BUG").flatMap { Int(String(cString: $0)) } ?? 0
"""


class Misfit(Exception):
    pass


def closing(text, start):
    """The place after the bracket that closes the one at `start`."""
    depth = 0
    for place in range(start, len(text)):
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return place + 1
    raise Misfit("a bracket is never closed")


def parameters(text):
    """The arguments that hand the parameters on."""
    parts, depth, last = [], 0, 0
    for place, letter in enumerate(text):
        if letter in "([{<":
            depth += 1
        elif letter in ")]}" or letter == ">" and text[place - 1] != "-":
            depth -= 1
        elif letter == "," and depth == 0:
            parts.append(text[last:place])
            last = place + 1
    parts.append(text[last:])
    handed = []
    for part in filter(str.strip, parts):
        head, kind = part.split(":", 1)
        names = head.split()
        value = ("&" if kind.split()[0] == "inout" else "") + names[-1]
        handed.append(value if names[0] == "_" else f"{names[0]}: {value}")
    return ", ".join(handed)


class Declaration:
    """A function or a computed property: the outermost around a place."""

    def __init__(self, text, found, is_function):
        self.start, self.name = found.start(), found[2]
        self.name_at = text.index(found[2], found.start(2))
        self.is_function = is_function
        after = closing(text, found.end()) if is_function else found.end()
        if is_function:
            self.arguments = parameters(text[found.end() + 1 : after - 1])
        self.body = text.index("{", after)
        self.end = closing(text, self.body)

    def variant(self, text, suffix):
        place = self.name_at - self.start + len(self.name)
        return text[:place] + suffix + text[place:]

    def choosing(self, text, numbers):
        """The declaration that the others call."""
        head = text[self.start : self.body]
        lines = []
        for suffix, condition in [(f"__bug{n}", f"if awakeBug == {n} {{ ") for n in numbers] + [("__right", "")]:
            call = self.name + suffix + (f"({self.arguments})" if self.is_function else "")
            signature = text[self.name_at : self.body]
            tries = "try " if " throws" in signature else ""
            waits = "await " if " async" in signature else ""
            lines.append(f"        {condition}return {tries}{waits}{call}{' }' if condition else ''}\n")
        return head + "{\n" + "".join(lines) + "    }"


def declarations(text):
    found = [Declaration(text, f, True) for f in FUNCTION.finditer(text)]
    return found + [Declaration(text, p, False) for p in PROPERTY.finditer(text)]


def plant(path, bugs):
    """`bugs`: (number, name, [(from, to)])"""
    text = path.read_text()
    known = declarations(text)
    variants = {}
    for number, name, hunks in bugs:
        for before, after in hunks:
            at = text.find(before)
            if at < 0:
                # The last of the lines is only the beginning of one.
                before, after = before[:-1], after[:-1]
                at = text.find(before)
            if at < 0:
                raise Misfit(f"{name}: its text is not in {path}")
            around = [d for d in known if d.start <= at and at + len(before) <= d.end + 1]
            if not around:
                raise Misfit(f"{name}: there is no function around its text in {path}")
            home = min(around, key=lambda d: d.start)
            variant = variants.setdefault((home.start, home.end), (home, {}))[1]
            old = variant.get(number, text[home.start : home.end] + "\n")
            variant[number] = old.replace(before, after, 1)
    for home, changed in sorted((v for v in variants.values()), key=lambda v: -v[0].start):
        original = text[home.start : home.end]
        parts = [home.choosing(text, sorted(changed)), home.variant(original, "__right")]
        parts += [home.variant(changed[n].rstrip("\n"), f"__bug{n}") for n in sorted(changed)]
        text = text[: home.start] + "\n\n".join(parts) + text[home.end :]
    if not re.search(r"^(public |internal )?import VolumeModel$", text, re.M) and "/VolumeModel/" not in str(path):
        text = "import VolumeModel\n" + text
    path.write_text(text)


def main():
    folder, copy = map(pathlib.Path, sys.argv[1:3])
    by_file = {}
    for number, path in enumerate(sorted(folder.glob("*.bug")), 1):
        text = path.read_text()
        head, *sections = re.split(r"^file: (.*)$", text, flags=re.M)
        what = re.match(r"what: (.*)$", head, re.M)
        places = [(file, HUNK.findall(body)) for file, body in zip(sections[::2], sections[1::2])]
        if not what or not places or not all(hunks for _, hunks in places):
            raise Misfit(f"{path.name} needs what:, file: and <<<< ==== >>>>")
        for file, hunks in places:
            by_file.setdefault(file, []).append((number, path.stem, hunks))
        print(number, path.stem, places[0][0], what[1], sep="\t")
    for file, bugs in by_file.items():
        plant(copy / file, bugs)
    (copy / "Sources/Core/VolumeModel/AwakeBug.swift").write_text(SWITCH)
    package = copy / "Package.swift"
    # A bug may leave something unused.
    package.write_text(re.sub(r"^ *\.treatAllWarnings.*\n", "", package.read_text(), flags=re.M))


try:
    main()
except Misfit as misfit:
    sys.exit(f"plant.py: {misfit}")
