"""The rules of the source tree that a compiler does not check. Every finding names the file, the line and what to do instead."""

import re
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
TOP = ["contracts", "ledger", "verify", "worker", "validator", "api", "tests", "docs", "scripts", "cmake", ".ci"]
LINES_MAX = 600
FUNCTION_LINES_MAX = 80
SOURCES = {".h", ".cc"}
TEXTS = SOURCES | {".md", ".py", ".txt", ".cmake", ".json", ".proto", ".sh", ""}


def files():
    found = [p for p in ROOT.iterdir() if p.is_file() and not p.name.startswith(".git")]
    for top in TOP:
        found += [p for p in (ROOT / top).rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    return sorted(found)


def name(path):
    return path.relative_to(ROOT).as_posix()


FILES = files()
TEXT = {name(p): p.read_text(errors="replace") for p in FILES if p.suffix in TEXTS and p.name != ".clang-format"}
CODE = {n: t for n, t in TEXT.items() if Path(n).suffix in SOURCES}
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.M)


def includes(text):
    return INCLUDE.findall(text)


def home(*folders):
    return lambda n: any(n.startswith(f) for f in folders)


# Which library's headers may be included where.
HOMES = {
    "torch": (re.compile(r"^(torch|ATen|c10)/"), home("verify/torch/", "tests/unit/torch/")),
    "rocksdb": (re.compile(r"^rocksdb/"), home("ledger/src/", "tests/unit/ledger/")),
    "boost": (re.compile(r"^boost/"), home("api/client/src/", "api/server/src/")),
    "sodium": (re.compile(r"^sodium"), home("contracts/base/src/", "api/client/src/", "api/server/src/")),
    "protobuf": (re.compile(r"(\.pb\.h$)|^google/protobuf/"), home("contracts/market/src/", "contracts/proto/")),
    "highway": (re.compile(r"^hwy/"), home("contracts/base/src/", "verify/exact/src/", "tests/unit/exact/", "tests/bench/src/")),
    "spdlog": (re.compile(r"^spdlog/"), lambda n: "/include/" not in n),
    "prometheus": (re.compile(r"^prometheus/"), home("api/server/src/")),
    "CLI11": (re.compile(r"^CLI/"), lambda n: "/include/" not in n and "/src/" in n or n.startswith(("tests/adversaries/", "tests/bench/"))),
}
# A prefix that is included, and the folders that must not know it.
STRANGERS = {
    "ledger": ["contracts/", "verify/", "worker/", "validator/"],
    "worker": ["contracts/", "ledger/", "verify/", "validator/", "api/"],
    "validator": ["contracts/", "ledger/", "verify/", "worker/", "api/"],
    "server": ["contracts/", "ledger/", "verify/", "worker/", "validator/", "api/client/", "api/cli/", "api/agent/", "api/certificate/"],
    "client": ["contracts/", "ledger/", "verify/"],
    "runtime": ["contracts/", "ledger/", "verify/commit/", "verify/program/", "verify/exact/", "verify/dispute/include/", "verify/dispute/src/"],
    "prover": ["contracts/", "ledger/", "verify/program/", "verify/exact/", "verify/commit/", "verify/runtime/", "verify/dispute/include/",
               "verify/dispute/src/"],
    "dispute": ["contracts/", "ledger/", "verify/program/", "verify/exact/", "verify/commit/", "verify/runtime/"],
    "commit": ["contracts/", "ledger/", "verify/program/", "verify/exact/"],
    "program": ["contracts/", "ledger/"],
    "exact": ["contracts/", "ledger/"],
    "torch_executor": ["contracts/", "ledger/", "worker/", "validator/", "api/", "verify/commit/", "verify/program/", "verify/exact/", "verify/runtime/"],
    "market": ["contracts/base/"],
}
# A validator checks heads and receipts that the node shows: their bytes alone (the library ledger_block), nothing of the node.
MEETINGS = {("validator/src/node_log.h", "ledger/block.h")}
BANNED_NAMES = {"util", "utils", "common", "helper", "helpers", "misc", "manager", "managers"}


def without_texts(code):
    """Comments, strings, characters and lines of the preprocessor as blanks, so that only braces of the code are left."""
    blank = lambda match: re.sub(r"[^\n]", " ", match.group(0))
    code = re.sub(r'R"(\w*)\(.*?\)\1"|//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])+\'', blank, code, flags=re.S)
    return re.sub(r"^[ \t]*#[^\n]*(?:\\\n[^\n]*)*", blank, code, flags=re.M)


def functions(code):
    """Line, number of lines and beginning of each function that is in no other."""
    text, open_braces, last = without_texts(code), [], 0
    for i, c in enumerate(text):
        if c in ";}":
            last = i + 1
        if c == "{":
            head = text[last:i]
            if re.search(r"\b(namespace|class|struct|enum|union)\b[^()]*$", head) or "extern" in head:
                kind = "scope"
            else:
                kind = "function" if "(" in head and all(k == "scope" for k, _, _ in open_braces) else "block"
            open_braces.append((kind, i, last))
            last = i + 1
        elif c == "}" and open_braces:
            kind, start, head = open_braces.pop()
            if kind == "function":
                begin = head + len(text[head:start]) - len(text[head:start].lstrip())
                yield text.count("\n", 0, begin) + 1, text.count("\n", begin, i) + 1, " ".join(text[begin:start].split())[:80]


class Tidy(unittest.TestCase):
    def check(self, findings):
        self.assertEqual([], sorted(findings), "\n" + "\n".join(sorted(findings)))

    def lines(self, pattern, texts, why, but=()):
        regex = re.compile(pattern)
        self.check(f"{n}:{i}: {why}: {line.strip()[:100]}" for n, text in texts.items() if n not in but
                   for i, line in enumerate(text.splitlines(), 1) if regex.search(line))

    def test_there_is_something_to_look_at(self):
        self.assertGreater(len(CODE), 200)

    def test_third_party_headers_stay_at_home(self):
        self.check(f"{n}: includes {header}, a header of {library}, outside its home" for n, text in CODE.items() for header in includes(text)
                   for library, (pattern, allowed) in HOMES.items() if pattern.search(header) and not allowed(n))

    def test_the_build_leaves_nothing_out_silently(self):
        texts = {n: t for n, t in TEXT.items() if n.endswith(("CMakeLists.txt", ".cmake")) and "torch" not in n}
        self.lines(r"if\s*\((NOT\s+)?(TARGET|EXISTS)\b", texts, "name the target or folder; a missing one must fail")

    def test_public_headers_have_no_private_dependency(self):
        private = ("torch", "rocksdb", "boost", "sodium", "protobuf", "highway", "spdlog", "prometheus", "CLI11")
        self.check(f"{n}: a public header must not include {header}" for n, text in CODE.items() if "/include/" in n for header in includes(text)
                   for library in private if HOMES[library][0].search(header))

    def test_dependencies_have_one_direction(self):
        self.check(f"{n}: must not include {header}: {stranger} is not below it" for n, text in CODE.items() for header in includes(text)
                   for stranger, folders in STRANGERS.items() if header.startswith(stranger + "/") and any(n.startswith(f) for f in folders)
                   and not n.startswith(f"contracts/{stranger}/") and (n, header) not in MEETINGS)

    def test_files_stay_readable(self):
        self.check(f"{n}: {text.count(chr(10))} lines, at most {LINES_MAX}" for n, text in TEXT.items()
                   if Path(n).suffix in SOURCES | {".py"} and text.count("\n") > LINES_MAX)

    def test_functions_stay_readable(self):
        found = [(n, f) for n, text in CODE.items() for f in functions(text)]
        self.assertGreater(len(found), 3000, "the functions are not found any more")
        self.check(f"{n}:{line}: {lines} lines, at most {FUNCTION_LINES_MAX}: {head}" for n, (line, lines, head) in found
                   if lines > FUNCTION_LINES_MAX)

    def test_code_is_formatted(self):
        program = shutil.which("clang-format")
        self.assertIsNotNone(program, "install clang-format (scripts/setup does)")
        said = subprocess.run([program, "--dry-run", "-Werror", *(str(ROOT / n) for n in CODE)], capture_output=True, text=True)
        self.check(line.removeprefix(f"{ROOT}/") for line in said.stderr.splitlines() if "clang-format-violations" in line)
        self.assertEqual(0, said.returncode, said.stderr[:2000])

    def test_headers_are_guarded(self):
        self.check(f"{n}: begins without #pragma once" for n, text in CODE.items() if n.endswith(".h") and "#pragma once" not in text
                   and "foreach_target" not in text and "HWY_TARGET_TOGGLE" not in text)

    def test_names_say_what_is_inside(self):
        self.check(f"{name(p)}: say what it holds instead of '{part}'" for p in FILES for part in p.relative_to(ROOT).parts
                   if BANNED_NAMES & set(re.split(r"[_.\-]", part.lower())))

    def test_nothing_is_left_for_later(self):
        self.lines(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b", TEXT, "write it now, or an ADR")

    def test_what_the_rules_have_no_more_is_not_named(self):
        # The changelog and the decisions tell what was; so may pages and tests about attacks on it; a text has its own words.
        told = ("docs/CHANGELOG.md", "docs/adr/", "docs/attacks.md", "tests/attacks/", "docs/soundness", "scripts/soundness", "tests/equality/genesis.txt")
        words = "|".join(("pla" + "nts?", "jur" + "ors?", "vo" + "tes?", "insur" + "ance", "un" + "audited"))
        self.lines(rf"(?i)\b({words})\b", {n: t for n, t in TEXT.items() if not n.startswith(told)}, "gone since the second edition")

    def test_no_coroutines(self):
        self.lines(r"\bco_" + r"(await|yield|return)\b", CODE, "gcc 12 miscompiles it: use callbacks")

    def test_our_code_does_not_throw(self):
        self.lines(r"^\s*throw\b", {n: t for n, t in CODE.items() if not n.startswith(("tests/", "verify/torch/"))}, "return tl::expected")

    def test_no_machine_is_mentioned(self):
        self.lines(r"(^|[\s\"'(`=])/(work|home|root|Users|" + r"tmp)/", TEXT, "a path of one machine")

    def test_no_test_sleeps_or_is_disabled(self):
        tests = {n: t for n, t in CODE.items() if n.startswith("tests/")}
        self.lines(r"\bDISABLED" + r"_|GTEST_SKIP", {n: t for n, t in tests.items()}, "repair or remove the test", but=self.may_skip(tests))

    @staticmethod
    def may_skip(tests):
        # A test of an instruction set or a device skips where the machine has none; it must say so.
        return [n for n, t in tests.items() if "GTEST_SKIP() <<" in t]

    def test_every_library_has_a_page(self):
        for n, text in TEXT.items():
            if Path(n).name == "CMakeLists.txt" and re.search(r"^\s*assay_(library|program)\(", text, re.M) and not n.startswith("tests/"):
                folder = Path(n).parent
                self.assertTrue((ROOT / folder / "README.md").exists(), f"{folder}: has no README.md")

    def test_links_resolve(self):
        findings = []
        for n, text in TEXT.items():
            if not n.endswith(".md"):
                continue
            outside = re.sub(r"```.*?```", "", text, flags=re.S)
            for target in re.findall(r"\]\(([^)\s]+)\)", outside):
                if re.match(r"[a-z]+:", target) or target.startswith("#"):
                    continue
                if not (ROOT / Path(n).parent / target.split("#")[0]).exists():
                    findings.append(f"{n}: the link {target} leads nowhere")
        self.check(findings)

    def test_files_that_documents_name_exist(self):
        path = re.compile(r"`((?:contracts|ledger|verify|worker|validator|api|tests|docs|scripts|cmake)/[A-Za-z0-9_./\-]+)`")
        self.check(f"{n}: {target} does not exist" for n, text in TEXT.items() if n.endswith(".md") for target in path.findall(text)
                   if not (ROOT / target).exists() and not self.is_include(target))

    @staticmethod
    def is_include(target):
        # `ledger/node.h` is how the public header ledger/include/ledger/node.h is included.
        folder = target.split("/")[0]
        return (ROOT / folder / "include" / target).exists()

    def test_tests_that_documents_name_exist(self):
        suites = set()
        for n, text in CODE.items():
            if n.startswith("tests/"):
                suites |= {f"{a}.{b}" for a, b in re.findall(r"\bTEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\s*\)", text)}
        named = re.compile(r"`([A-Z]\w+\.[A-Z]\w+)`")
        for n in ("docs/protocol.md", "docs/audits.md", "docs/security.md", "docs/formats/README.md"):
            self.assertTrue(named.findall(TEXT[n]), f"{n} names no test")
            self.check(f"{n}: there is no test {test}" for test in named.findall(TEXT[n]) if test not in suites)

    def test_every_format_is_in_the_index(self):
        index = TEXT["docs/formats/README.md"]
        self.check(f"docs/formats/README.md: does not list {Path(n).name}" for n in TEXT if n.startswith("docs/formats/")
                   and Path(n).name != "README.md" and f"({Path(n).name})" not in index)

    def test_every_decision_is_in_the_index(self):
        index = TEXT["docs/adr/README.md"]
        self.check(f"docs/adr/README.md: does not list {Path(n).name}" for n in TEXT if n.startswith("docs/adr/0") and f"({Path(n).name})" not in index)


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=1))
