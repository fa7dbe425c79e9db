"""What every program has besides its model (update, payload, merge, tables), and a program's root: docs/program.md, docs/formats/program.md."""

import struct

from arithmetic import blake2b, rounded, word
from builder import CLASSES, KINDS, NONE, OPS, PARTS, TYPES, Program, View, all_of, emit_gpt, emit_mlp, of, term


def cospi(x):
    if x > 0.5:
        return -cospi(1.0 - x)
    pi = float.fromhex("0x1.921fb54442d18p+1")
    sine = x > 0.25
    y = pi * (0.5 - x) if sine else pi * x
    square = y * y
    t = total = y if sine else 1.0
    for k in range(1, 12):
        t = -t * square / (2 * k * (2 * k + 1) if sine else (2 * k - 1) * 2 * k)
        total = total + t
    return total


def schedule_of(spec):
    rows, steps, warmup = [], spec.steps, spec.warmup
    highest, lowest, decay = spec.rate / 1e9, spec.rate_min / 1e9, spec.decay / 1e9
    beta1, beta2 = spec.beta1 / 1e9, spec.beta2 / 1e9
    period = spec.round_steps if spec.merges and spec.reset else steps
    for t in range(steps):
        if t < warmup:
            rate = highest * (t + 1) / (warmup + 1)
        elif steps <= warmup:
            rate = highest
        else:
            rate = lowest + (highest - lowest) / 2.0 * (1.0 + cospi((t - warmup) / (steps - warmup)))
        if t % period == 0:
            power1 = power2 = 1.0
        power1, power2 = power1 * beta1, power2 * beta2
        rows.append([rate, 1.0 - rate * decay, 1.0 / (1.0 - power1), 1.0 / (1.0 - power2), float(t + 1)])
    return [[rounded(x) for x in row] for row in rows]


def grid_of(spec, schedule):
    content = []
    for r in range(spec.rounds):
        total = 0.0
        for row in schedule[r * spec.round_steps:(r + 1) * spec.round_steps]:
            total = total + row[0]
        e = -126
        while e < 126 and 2.0**e < total / 127.0:
            e += 1
        content += [2.0**-e, 2.0**e]
    return content


def column(table, c):
    return View(table, 0, c, 1, 1, of_step=True)


def flush(x):
    return of("select", of("less", of("abs", x), 2.0**-100), 0.0, x)


def build(spec):
    p = Program(spec)
    (emit_gpt if spec.gpt else emit_mlp)(p)
    p.part = "init"

    def state(name, like, dtype="f32"):
        t = p.tensor(name, like.rows, like.cols, "state", dtype)
        return p.map(t, 0 if dtype == "i32" else 0.0)

    one = p.tensor("", 1, 1)
    moments, outer = {}, {}
    for w in p.weights:
        moments[w.name] = [state(f"moment{k}.{w.name}", w) for k in (1, 2)]
        if spec.merges:
            outer[w.name] = state("outer." + w.name, w)
    p.loss, p.norm, p.fault = state("loss", one), state("norm", one), state("fault", one, "i32")
    rows = schedule_of(spec)
    grid = None
    if spec.merges:
        grid = p.tensor("grid", spec.rounds, 2, "table")
        grid.content = grid_of(spec, rows)
        p.tables.append(grid)
    schedule = p.tensor("schedule", spec.steps, 5, "table")
    schedule.content = [x for row in rows for x in row]
    p.tables.append(schedule)
    emit_update(p, schedule, moments)
    if spec.merges:
        emit_merge(p, grid, moments, outer)
    return p.finish()


def emit_update(p, schedule, moments):
    spec = p.spec
    p.part = "update"
    total = None
    for w in p.weights:
        g = p.gradients[w.name]
        squares = p.fold("dot", "norm_rows." + w.name, g, g)
        square = p.emit("reduce", p.tensor("norm_square." + w.name, 1, 1), [all_of(squares).T], reduce="sum")
        total = p.new("norm_total." + w.name, 1, 1, term(total) + square) if total else square
    loss = p.new("step_loss", 1, 1, term(p.loss_sum) * rounded(1.0 / (spec.batch * spec.T)))
    norm = p.new("step_norm", 1, 1, of("sqrt", total))
    step = of("to_i32", column(schedule, 4))
    finite = [of("equal", term(x) - x, 0.0) for x in (loss, norm)]
    p.map(p.fault, of("select", p.fault, p.fault, of("select", finite[0], of("select", finite[1], 0, step), step)))
    clip = None
    if spec.clip:
        bound = rounded(spec.clip / 1e9)
        clip = p.new("clip", 1, 1, of("select", of("less", bound, norm), bound / term(norm), 1.0))
    sound = of("equal", p.fault, 0)
    for old, new in ((p.loss, loss), (p.norm, norm)):
        p.map(old, of("select", sound, new, old))
    beta1, beta2 = rounded(spec.beta1 / 1e9), rounded(spec.beta2 / 1e9)
    rest1, rest2 = rounded((10**9 - spec.beta1) / 1e9), rounded((10**9 - spec.beta2) / 1e9)
    for w in p.weights:
        g = term(p.gradients[w.name])
        g = g * clip if clip else g
        m, v = moments[w.name]
        p.map(m, of("select", sound, flush(of("fma", beta1, m, rest1 * g)), m))
        p.map(v, of("select", sound, flush(of("fma", beta2, v, rest2 * (g * g))), v))
        decayed = term(w) * column(schedule, 1) if w.decay else term(w)
        direction = (term(m) * column(schedule, 2)) / (of("sqrt", term(v) * column(schedule, 3)) + rounded(spec.epsilon / 1e18))
        p.map(w, of("select", sound, of("fma", -term(column(schedule, 0)), direction, decayed), w))


def emit_merge(p, grid, moments, outer):
    spec = p.spec
    p.part, payloads, sums = "payload", [], []

    def beside(prefix, t, cls, dtype):
        made = p.tensor(prefix + t.name, t.rows, t.cols, cls, dtype)
        made.start_of = t if cls != "accumulator" else None
        return made

    for w in p.weights:
        start = beside("start.", w, "round_start", "f32")
        difference = beside("payload.", w, "payload", "i8")
        scaled = (term(start) - w) * column(grid, 0)
        p.map(difference, of("to_i32", of("min", of("max", scaled, -127.0), 127.0)))
        carried = [] if spec.reset else [p.map(beside("payload.", m, "payload", "bf16"), m) for m in moments[w.name]]
        payloads.append([difference, *carried])
    p.part = "merge_lane"
    for group in payloads:
        sums.append([])
        for payload in group:
            total = beside("sum.", payload.start_of, "accumulator", "i32" if payload.type == "i8" else "f32")
            sums[-1].append(p.map(total, term(total) + payload))
    p.part = "merge"
    members = p.emit("load", p.tensor("members", 1, 1, dtype="i32"), [], source=5)
    momentum, rate = rounded(spec.outer_momentum / 1e9), rounded(spec.outer_rate / 1e9)
    count = of("to_f32", members)
    for w, (difference, *carried) in zip(p.weights, sums):
        g = p.like("outer_gradient." + w.name, w, of("to_f32", difference) * (term(column(grid, 1)) / count))
        o = outer[w.name]
        p.map(o, of("fma", momentum, o, g))
        p.map(w, of("fma", -rate, of("fma", momentum, o, g), w))
        for k, m in enumerate(moments[w.name]):
            p.map(m, 0.0 if spec.reset else flush(term(carried[k]) * (1.0 / count)))
    p.map(p.loss, 0.0)
    p.map(p.norm, 0.0)
    p.map(p.fault, 0)


# ---- Trees and records


def leaf(data):
    return blake2b("assay.leaf", data)


def tree(leaves):
    if not leaves:
        return blake2b("assay.empty")
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return blake2b("assay.node", tree(leaves[:split]), tree(leaves[split:]))


def packed(elements, dtype):
    """Little-endian bytes of elements in storage type."""
    words = [word(x) for x in elements]
    if dtype == "bf16":
        return struct.pack(f"<{len(words)}H", *[w >> 16 for w in words])
    if dtype == "i8":
        return struct.pack(f"<{len(words)}b", *elements)
    return struct.pack(f"<{len(words)}I", *words)


def tile_tree(content, rows, cols, dtype="f32"):
    leaves = []
    for top in range(0, rows, 32):
        for left in range(0, cols, 32):
            tile = [content[r * cols + c] for r in range(top, min(top + 32, rows)) for c in range(left, min(left + 32, cols))]
            leaves.append(leaf(packed(tile, dtype)))
    return tree(leaves)


def text(s):
    return struct.pack("<I", len(s)) + s.encode()


def view_bytes(v):
    flags = (1 if v.transposed else 0) | (2 if v.of_step else 0)
    return struct.pack("<7IB", v.tensor.number, v.row, v.col, v.rows, v.cols, v.row_stride, v.col_stride, flags)


def node_bytes(node):
    op, *rest = node
    if op in ("f32", "i32"):
        return struct.pack("<BI", OPS[op], rest[0])
    return bytes([OPS[op], *rest])


def limits(band):
    return b"".join(b"\0" if limit is None else struct.pack("<Bi", 1, limit) for limit in band)


def record(i):
    parts = [struct.pack("<BBI", KINDS.index(i.kind) + 1, PARTS.index(i.part) + 1, i.items), view_bytes(i.out), bytes([len(i.operands)])]
    parts += [view_bytes(v) for v in i.operands]
    if i.kind == "load":
        parts.append(struct.pack("<BII", i.source, i.row_offset, i.stream))
    elif i.kind == "random":
        parts.append(struct.pack("<BII", i.distribution, i.stream, i.keep))
    elif i.kind == "map":
        parts += [bytes([len(i.nodes)]), *[node_bytes(n) for n in i.nodes]]
    elif i.kind == "reduce":
        parts.append(bytes([["sum", "dot", "max"].index(i.reduce) + 1]))
    elif i.kind == "matmul":
        parts += [bytes([i.start]), limits(i.k_band), limits(i.out_band)]
    return b"".join(parts)


def program_root(p):
    s = p.spec
    forward_end = p.instructions.index(p.forward) + 1
    header = struct.pack("<I", s.builder) + text(s.profile) + struct.pack(
        "<Q14I", s.seed, s.lanes, s.rounds, s.round_steps, s.batch, s.T, p.loss.number, p.norm.number, p.fault.number, p.loss_sum.number, forward_end,
        len(p.tensors), len(p.instructions), len(p.tables), len(p.constants))
    records = [header]
    for t in p.tensors:
        start = t.start_of.number if t.start_of else NONE
        flags = (1 if t.decay else 0) | (2 if t.weight else 0)
        records.append(text(t.name) + struct.pack("<BBIIIB", CLASSES.index(t.cls) + 1, TYPES.index(t.type) + 1, t.rows, t.cols, start, flags))
    records += [record(i) for i in p.instructions]
    for t in p.tables + p.constants:
        records.append(struct.pack("<I", t.number) + tile_tree(t.content, t.rows, t.cols))
    return blake2b("assay.program", tree([leaf(r) for r in records]))
