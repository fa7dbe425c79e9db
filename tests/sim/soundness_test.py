#!/usr/bin/env python3
"""docs/soundness.md is what its numbers say, and the program behind them gives the same bytes twice."""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def tables(binary, folder):
    folder.mkdir()
    for name in ("withholding", "faults", "collusion"):
        subprocess.run([binary, "--only", name, "--leases", "60", "--folder", folder], check=True, stderr=subprocess.DEVNULL)
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", required=True)
    binary = parser.parse_args().binary
    checked = subprocess.run([sys.executable, "-B", ROOT / "scripts/soundness", "--check"])
    with tempfile.TemporaryDirectory(prefix="assay-soundness-") as name:
        first, second = tables(binary, Path(name) / "a"), tables(binary, Path(name) / "b")
    if len(first) != 3 or any(content.count(b"\n") < 4 for content in first.values()):
        return "a table is missing or has no rows"
    if first != second:
        return "two runs with one seed differ"
    return checked.returncode


if __name__ == "__main__":
    sys.exit(main())
