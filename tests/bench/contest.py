"""Contestants that take turns: the same moment's clock, caches and neighbours for all of them (tests/bench/README.md)."""

import json
import os
import queue
import statistics
import subprocess
import threading
import time

import facts

START_SECONDS = 900  # torch.compile may take minutes
TURN_SECONDS = 300


class Contestant:
    """A process that speaks the protocol. Not thread-safe. One that fails says so once and is left out from then on."""

    def __init__(self, name, command, folder, environment=None):
        self.name, self.command = name, [str(c) for c in command]
        self.environment = {k: str(v) for k, v in (environment or {}).items()}
        self.log = folder / f"{name.replace('/', '-').replace(' ', '-')}.log"
        self.process, self.ready, self.failed = None, {}, None
        self.turns, self.facts = {}, {}  # name of a subject -> list of turns, each a list of values

    def start(self):
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, bufsize=1,
                                            env={**os.environ, **self.environment})
        self.lines = queue.SimpleQueue()
        threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True).start()
        answer = self._answer(START_SECONDS)
        if answer is not None:
            self.ready = answer.get("ready", {})
        return self.failed is None

    def _read(self, stream):
        for line in stream:
            self.lines.put(line)
        self.lines.put(None)

    def _answer(self, seconds):
        try:
            line = self.lines.get(timeout=seconds)
        except queue.Empty:
            return self._fail(f"no answer within {seconds} s")
        if line is None:
            tail = self.log.read_text(errors="replace").strip().splitlines()
            return self._fail(f"ended with code {self.process.wait()}: {tail[-1] if tail else 'no message'} (log: {self.log})")
        try:
            return json.loads(line)
        except ValueError:
            return self._fail(f"answered {line.strip()[:100]!r}")

    def _fail(self, reason):
        self.failed = reason
        print(("" if self.ready else "\n") + f"    FAILED: {self.name}: {reason}", flush=True)
        self.stop()
        return None

    def refuse(self, reason):
        """Never started."""
        self._fail(reason)

    def ask(self, count, subject=""):
        """`count` measurements, or nothing when it failed."""
        if self.failed:
            return None
        try:
            self.process.stdin.write(f"run {count} {subject}".strip() + "\n")
            self.process.stdin.flush()
        except OSError as error:
            return self._fail(str(error))
        answer = self._answer(TURN_SECONDS)
        if answer is None:
            return None
        values = answer.pop("values")
        self.facts = answer
        if len(values) != count or not all(isinstance(v, (int, float)) and v == v for v in values):
            return self._fail(f"answered {values}")
        return values

    def turn(self, count, subject="", warm=1):
        """One turn: `warm` measurements that do not count, then `count` that do."""
        values = self.ask(warm + count, subject)
        if values:
            self.turns.setdefault(subject, []).append(values[warm:])

    def medians(self, subject=""):
        """Of each turn."""
        return [statistics.median(turn) for turn in self.turns.get(subject, [])]

    def median(self, subject=""):
        """The median turn."""
        medians = self.medians(subject)
        return statistics.median(medians) if medians else None

    def best(self, subject="", largest=False):
        values = [v for turn in self.turns.get(subject, []) for v in turn]
        return (max if largest else min)(values) if values else None

    def stop(self):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.stdin.close()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Contest:
    """Starts contestants one after the other, lets them take turns, stops them at the end."""

    def __init__(self, pause, memory_bytes=0):
        self.pause, self.memory_bytes, self.contestants = pause, memory_bytes, []

    def add(self, contestant):
        began = time.monotonic()
        print(f"    starting {contestant.name}", end="", flush=True)
        available = facts.available_bytes()
        if available < self.memory_bytes:
            contestant.refuse(f"left out: {available / 2**30:.1f} GiB of memory are free, it may need {self.memory_bytes / 2**30:.1f}")
        elif contestant.start():
            print(f" ({time.monotonic() - began:.0f} s)", flush=True)
        self.contestants.append(contestant)
        return contestant

    def each(self):
        """The contestants that still run, with the pause between turns in which waiting threads of the last one go to sleep."""
        for contestant in self.contestants:
            if not contestant.failed:
                time.sleep(self.pause)
                yield contestant

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for contestant in self.contestants:
            contestant.stop()


def ratio(above, below, subject=""):
    """Median over the rounds of `above` / `below`, each round's two turns being neighbours in time; nothing when one is missing."""
    pairs = [a / b for a, b in zip(above.medians(subject), below.medians(subject)) if b]
    return statistics.median(pairs) if pairs else None
