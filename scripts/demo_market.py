#!/usr/bin/env python3
"""The main job, end to end, on real text with real processes. Started by scripts/demo, which explains the options."""

import argparse
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from local_market import Market, MarketError  # noqa: E402

GRAINS = 1_000_000  # grains of one coin in the demo's genesis; only for reading
WORKERS = ["worker-1", "worker-2", "worker-3"]  # worker-3 cheats
VALIDATORS = ["validator-1", "validator-2", "validator-3"]
CHEAT = "worker-3"


def say(text):
    print(f"\033[1m==> {text}\033[0m" if sys.stdout.isatty() else f"==> {text}", flush=True)


def coins(grains):
    whole, rest = divmod(int(grains), GRAINS)
    return f"{whole:,}.{rest:06d}"


class Phases:
    """Seconds per phase, as summary.json shows them."""

    def __init__(self, setup_seconds):
        self.seconds, self._name, self._began = {"setup": setup_seconds}, None, None

    def begin(self, name):
        self.end()
        self._name, self._began = name, time.monotonic()

    def end(self):
        if self._name:
            self.seconds[self._name] = round(time.monotonic() - self._began, 1)
            self._name = None


def demo_text(arguments, out):
    """The training text: --text, or the King James Bible of Debian's bible-kjv."""
    if arguments.text:
        file = Path(arguments.text)
        if not file.is_file() or file.stat().st_size < 10_000:
            raise MarketError(f"--text {file}: not a readable file of at least 10 kB")
        return file
    if not shutil.which("bible"):
        raise MarketError("the program `bible` is missing: install the Debian package bible-kjv, or give --text FILE")
    file = out / "text.txt"
    with open(file, "wb") as target:
        subprocess.run(["bible", "-f", "Gen1:1-Rev22:21"], stdout=target, check=True)
    return file


def job_spec(arguments, data):
    """A GPT of 0.8 million weights; the market's figures are those of the demo genesis."""
    steps = 20
    return {
        "model": {"kind": "gpt", "layers": 4, "heads": 4, "width": 128, "context": 64, "bias": True, "dropout": 0},
        "data": data,
        "batch": 12,
        "seed": "1",
        "optimizer": {"learning_rate": arguments.learning_rate, "learning_rate_min": arguments.learning_rate / 10, "warmup_steps": 20,
                      "beta1": 0.9, "beta2": 0.95, "epsilon": 1e-8, "weight_decay": 0.1, "clip_norm": 1.0},
        "merge": {"moments": "average", "outer_learning_rate": 0.7, "outer_momentum": 0.9},
        "lanes": 2, "rounds": arguments.rounds, "round_steps": steps, "segment_steps": steps, "part_segments": 1, "min_lanes": 1,
        "price_ceiling": "1000000", "audit_rate": 0.45, "audit_lag": 0,
    }


def curve(points, width=72, height=12):
    """The loss curve as text. `points`: (step, loss)."""
    if not points:
        return "(no points)"
    low, high = min(l for _, l in points), max(l for _, l in points)
    high = high if high > low else low + 1
    columns = [None] * width
    last = max(s for s, _ in points) or 1
    for step, loss in points:
        columns[min(width - 1, step * (width - 1) // last)] = loss
    rows = []
    for row in range(height):
        top = high - (high - low) * row / (height - 1)
        cells = "".join("*" if c is not None and round((high - c) / (high - low) * (height - 1)) == row else " " for c in columns)
        rows.append(f"  {top:6.3f} |{cells.rstrip()}")
    rows.append("         +" + "-" * width)
    rows.append(f"          step 0{'step ' + str(last):>{width - 6}}")
    return "\n".join(rows)
