#!/usr/bin/env python3
"""A reader of docs/ alone: builds the programs of job specs, runs their jobs and compares every root.

It knows nothing of the product's code: what it does is written in the pages that each file names, and the functions of docs/numerics.md
are run as they stand there. So a rule that is missing in a page, or changes without it, is found here."""

import argparse
import math
import re
import struct
import sys
import time
from pathlib import Path

from arithmetic import Random, blake2b, divide, flushed, fma, functions_of, root, rounded, to_bf16, to_f32, to_i32, word, wrapped
from builder import decode_spec
from program import build, program_root, tile_tree, tree

INIT_LANE = OPENING_LANE = 0xFFFFFFFF
INTEGERS = ("i32", "i8", "u16")


class Machine:
    """Runs the parts of a program, every tensor a list of its elements, row-major."""

    def __init__(self, p, functions, words):
        self.p, self.functions, self.words = p, functions, words
        self.data = {id(t): t.content for t in p.tables + p.constants}
        self.lane = self.step = self.sequence = self.row = self.members = 0

    def place(self, view, item):
        """Number of the first element, distance of rows and of columns as seen, and the seen shape."""
        row = view.row + item * view.row_stride + (self.row if view.of_step else 0)
        first = row * view.tensor.cols + view.col + item * view.col_stride
        pitch = (1, view.tensor.cols) if view.transposed else (view.tensor.cols, 1)
        return first, *pitch, *view.seen

    def seen(self, view, item):
        """The rows of a view."""
        data = self.data[id(view.tensor)]
        first, down, across, rows, cols = self.place(view, item)
        return [data[first + r * down:first + r * down + cols] if across == 1 else
                [data[first + r * down + c * across] for c in range(cols)] for r in range(rows)]

    def spread(self, view, item, rows, cols):
        """All elements of an operand of a map, one row, column or element read for all."""
        seen = self.seen(view, item)
        wide = [row * cols if len(row) == 1 < cols else row for row in seen]
        wide = wide * rows if len(wide) == 1 < rows else wide
        return [x for row in wide for x in row]

    def put(self, view, item, elements):
        t = view.tensor
        if t.type == "i8":
            elements = [max(-128, min(127, x)) for x in elements]
        if t.type == "bf16":
            elements = [to_bf16(x) for x in elements]
        data = self.data[id(t)]
        first, down, across, rows, cols = self.place(view, item)
        for r in range(rows):
            for c in range(cols):
                data[first + r * down + c * across] = elements[r * cols + c]

    def zeros(self, t):
        self.data[id(t)] = [0 if t.type in INTEGERS else 0.0] * (t.rows * t.cols)

    def run(self, part):
        for i in self.p.part_of(part):
            if i.out.tensor.cls in ("value", "payload") or id(i.out.tensor) not in self.data:
                self.zeros(i.out.tensor)
            for item in range(i.items):
                getattr(self, "do_" + i.kind)(i, item)

    def clear(self, part):
        for i in self.p.part_of(part):
            if i.out.tensor.cls == "accumulator":
                self.zeros(i.out.tensor)

    # The seven kinds

    def do_load(self, i, item):
        spec = self.p.spec
        if i.source == 5:
            return self.put(i.out, item, [self.members])
        random = Random(spec.seed, i.stream, self.lane)
        if i.source == 1:
            start = random.below(spec.train - spec.T, 0, self.sequence, self.step) + i.row_offset
            return self.put(i.out, item, self.words[start:start + spec.T])
        rows = [random.below(spec.train, r, self.sequence, self.step) * spec.row_words for r in range(spec.T)]
        numbers = [[struct.unpack("<f", struct.pack("<I", w))[0] for w in self.words[r:r + spec.row_words]] for r in rows]
        if i.source == 3:
            return self.put(i.out, item, [to_i32(row[-1]) for row in numbers])
        return self.put(i.out, item, [x for row in numbers for x in row[:-1]])

    def do_random(self, i, item):
        random = Random(self.p.spec.seed, i.stream, self.lane)
        first, down, _, rows, cols = self.place(i.out, item)
        drawn = {}
        elements = []
        for r in range(rows):
            for c in range(cols):
                at = first + r * down + c
                quad = drawn.get(at // 4)
                if quad is None:
                    quad = drawn[at // 4] = random.words(at // 4, self.sequence, self.step)
                if i.distribution == 3:
                    elements.append(1 if quad[at % 4] < i.keep * 2**32 // 10**9 else 0)
                else:
                    elements.append(self.normal(quad[at % 4 // 2 * 2], quad[at % 4 // 2 * 2 + 1], at % 2))
        self.put(i.out, item, elements)

    def normal(self, first, second, odd):
        u = rounded(((first >> 8) + 1) * 2.0**-24)
        r = root(rounded(-2.0 * self.functions["log"](u)))
        return rounded(r * self.functions["sin2pi" if odd else "cos2pi"]((second >> 8) * 2.0**-24))

    def do_gather(self, i, item):
        source, index = (self.seen(v, item) for v in i.operands)
        zero = [0.0] * i.out.cols
        self.put(i.out, item, [x for (at,) in index for x in (source[at] if 0 <= at < len(source) else zero)])

    def do_scatter_add(self, i, item):
        x, index = (self.seen(v, item) for v in i.operands)
        data, cols = self.data[id(i.out.tensor)], i.out.cols
        for row, (at,) in zip(x, index):
            if 0 <= at < i.out.rows:
                data[at * cols:(at + 1) * cols] = [rounded(a + b) for a, b in zip(data[at * cols:(at + 1) * cols], row)]

    def do_map(self, i, item):
        rows, cols = i.out.rows, i.out.cols
        values = []
        for op, *rest in i.nodes:
            values.append(self.node(op, rest, [values[n] for n in rest] if op not in ("operand", "f32", "i32") else [], i, item, rows, cols))
        self.put(i.out, item, values[-1])

    def node(self, op, rest, arguments, i, item, rows, cols):
        count = rows * cols
        if op == "operand":
            return self.spread(i.operands[rest[0]], item, rows, cols)
        if op == "f32":
            return [struct.unpack("<f", struct.pack("<I", rest[0]))[0]] * count
        if op == "i32":
            return [wrapped(rest[0])] * count
        if op == "row":
            return [r for r in range(rows) for _ in range(cols)]
        if op == "col":
            return list(range(cols)) * rows
        if op == "select":
            return [b if a != 0 else c for a, b, c in zip(*arguments)]
        a = arguments[0]
        if len(arguments) == 1:
            one = {"sqrt": root, "neg": lambda x: -x, "abs": abs, "to_f32": to_f32, "to_i32": to_i32}.get(op) or self.functions[op]
            return [one(x) for x in a]
        b = arguments[1]
        if op == "fma":
            return [fma(x, y, z) for x, y, z in zip(*arguments)]
        integers = isinstance(a[0], int)
        two = {"add": lambda x, y: x + y, "sub": lambda x, y: x - y, "mul": lambda x, y: x * y}.get(op)
        if two:
            finish = wrapped if integers else rounded
            return [finish(two(x, y)) for x, y in zip(a, b)]
        other = {"div": divide, "min": lambda x, y: x if x < y else y, "max": lambda x, y: x if x > y else y, "equal": lambda x, y: int(x == y),
                 "less": lambda x, y: int(x < y), "less_equal": lambda x, y: int(x <= y)}[op]
        return [other(x, y) for x, y in zip(a, b)]

    def do_reduce(self, i, item):
        rows = [self.seen(v, item) for v in i.operands]
        self.put(i.out, item, [self.fold(i.reduce, *of_row) for of_row in zip(*rows)])

    def fold(self, op, x, y=None):
        if op == "max":
            m = -math.inf
            for value in x:
                m = value if value > m else m
            return m + 0.0
        lanes = [0.0] * 32
        for c, value in enumerate(x):
            lanes[c % 32] = fma(flushed(value), flushed(y[c]), lanes[c % 32]) if y else rounded(lanes[c % 32] + value)
        for s in (16, 8, 4, 2, 1):
            lanes = [rounded(lanes[k] + lanes[k + s]) for k in range(s)]
        return lanes[0]

    def do_matmul(self, i, item):
        a = [[flushed(x) for x in row] for row in self.seen(i.operands[0], item)]
        b = [[flushed(x) for x in column] for column in zip(*self.seen(i.operands[1], item))]
        if i.start == 1:
            start = None
        else:
            start = self.seen(i.operands[2] if len(i.operands) > 2 else i.out, item)
        elements = []
        for r, left in enumerate(a):
            first = 0 if i.k_band[0] is None else max(0, r + i.k_band[0])
            last = len(left) if i.k_band[1] is None else min(len(left), r + i.k_band[1] + 1)
            for c, right in enumerate(b):
                inside = (i.out_band[0] is None or c - r >= i.out_band[0]) and (i.out_band[1] is None or c - r <= i.out_band[1])
                total = 0.0 if start is None else start[0 if i.start == 2 else r][c]
                for block in range(0, len(left), 256):
                    begin, end = max(block, first), min(block + 256, last)
                    if begin < end:
                        chain = 0.0
                        for k in range(begin, end):
                            chain = fma(left[k], right[k], chain)
                        total = rounded(total + chain)
                elements.append(total if inside else 0.0)
        self.put(i.out, item, elements)


class Job:
    """A job from its first state to its last merge; gives a line for every root, as the golden file has them."""

    def __init__(self, name, spec, words, functions):
        self.name, self.spec = name, spec
        self.p = build(spec)
        self.program_root = program_root(self.p)
        self.machine = Machine(self.p, functions, words)
        self.state, self.payload = self.p.of_class("state"), self.p.of_class("payload")

    def tensor_root(self, t):
        content = self.machine.data[id(t)]
        header = struct.pack("<Q", len(t.name)) + t.name.encode() + struct.pack("<BII", {"f32": 1, "i32": 2, "i8": 3, "bf16": 6}[t.type], t.rows, t.cols)
        return blake2b("assay.tensor", header, tile_tree(content, t.rows, t.cols, t.type))

    def state_root(self, round_number, lane, step, round_start):
        s = self.spec
        descriptor = blake2b("assay.descriptor", s.root, self.program_root, struct.pack("<Q", len(s.profile)), s.profile.encode(),
                             struct.pack("<IIII", round_number, lane, 0, step), round_start)
        return tree([descriptor] + [self.tensor_root(t) for t in self.state])

    def save(self):
        return {id(t): list(self.machine.data[id(t)]) for t in self.state}

    def roots(self):
        s, m = self.spec, self.machine
        yield f"program {self.name}", self.program_root
        m.lane = INIT_LANE
        m.run("init")
        opening = self.state_root(0, OPENING_LANE, 0, bytes(32))
        yield f"init {self.name}", opening
        for r in range(s.rounds):
            start, members = self.save(), []
            for lane in range(s.lanes):
                m.data.update({k: list(v) for k, v in start.items()})
                for h in range(s.round_steps):
                    self.run_step(r, lane, h)
                    yield f"step {self.name} {r} {lane} {h + 1}", self.state_root(r, lane, h + 1, opening)
                if s.merges:
                    m.data.update({id(t): start[id(t.start_of)] for t in self.p.of_class("round_start")})
                    m.row = r
                    m.run("payload")
                    members.append({id(t): m.data[id(t)] for t in self.payload})
                    yield f"payload {self.name} {r} {lane}", tree([self.tensor_root(t) for t in self.payload])
            if s.merges:
                m.data.update(start)
                opening = self.merge(r, members, opening)
                yield f"merge {self.name} {r}", opening

    def run_step(self, r, lane, h):
        m = self.machine
        if m.data[id(self.p.fault)][0] != 0:
            return
        m.lane, m.step = lane, r * self.spec.round_steps + h
        m.row = m.step
        m.clear("sequence")
        for m.sequence in range(self.spec.batch):
            m.run("sequence")
        m.sequence = 0
        m.run("update")

    def merge(self, r, members, opening):
        m = self.machine
        m.row, m.members = r, len(members)
        m.clear("merge_lane")
        for member in members:
            m.data.update(member)
            m.run("merge_lane")
        m.run("merge")
        return self.state_root(r + 1, OPENING_LANE, 0, opening)


def check_vectors(page, functions):
    lines = re.search(r"```golden\n(x .*?)```", page, re.S).group(1).splitlines()
    names, wrong = lines[0].split()[1:], 0
    for line in lines[1:]:
        x, *wanted = (struct.unpack("<f", struct.pack("<I", int(w, 16)))[0] for w in line.split())
        for name, want in zip(names, wanted):
            if word(functions[name](x)) != word(want):
                print(f"{name} of {line.split()[0]} is {word(functions[name](x)):08x}, not {word(want):08x}")
                wrong += 1
    print(f"functions: {len(names) * (len(lines) - 1)} results, {wrong} differ")
    return wrong


def golden_jobs(file):
    """Name -> (spec, words, [(line, root)])."""
    jobs = {}
    for line in file.read_text().splitlines():
        kind, name, *rest = line.split() if line and line[0] != "#" else ("", "")
        if kind == "spec":
            jobs[name] = [bytes.fromhex(rest[0]), [], []]
        elif kind == "data":
            data = bytes.fromhex(rest[0])
            jobs[name][1] = list(struct.unpack(f"<{len(data) // 4}I", data))
        elif kind:
            jobs[name][2].append((" ".join([kind, name, *rest[:-1]]), rest[-1]))
    return jobs


def main():
    project = Path(__file__).resolve().parents[2]
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--docs", type=Path, default=project / "docs", help="folder of the pages")
    options.add_argument("--roots", type=Path, default=project / "tests/golden/step_roots.txt", help="golden roots")
    options.add_argument("--jobs", default="", help="only these, by name, with commas between them")
    options = options.parse_args()
    page = (options.docs / "numerics.md").read_text()
    functions = functions_of(page)
    wrong = check_vectors(page, functions)
    jobs = golden_jobs(options.roots)
    for name in options.jobs.split(",") if options.jobs else jobs:
        begun = time.monotonic()
        spec, words, wanted = jobs[name]
        found = [(line, value.hex()) for line, value in Job(name, decode_spec(spec), words, functions).roots()]
        differ = [f"{line}: {value}, not {want}" for (line, value), (_, want) in zip(found, wanted) if value != want]
        if [line for line, _ in found] != [line for line, _ in wanted]:
            differ.append("other roots than the golden file's")
        print(f"{name}: {len(found)} roots, {len(differ)} differ, {time.monotonic() - begun:.1f} s", flush=True)
        if differ:
            print("  first: " + differ[0])
        wrong += len(differ)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
