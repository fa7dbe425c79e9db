"""From the bytes of a job spec to its program: docs/formats/job_spec.md, docs/program.md, docs/layers.md, docs/formats/program.md."""

import math
import struct
from dataclasses import dataclass, field, replace

from arithmetic import blake2b, rounded, word

PARTS = ["init", "prologue", "sequence", "update", "payload", "merge_lane", "merge"]
KINDS = ["load", "random", "gather", "scatter_add", "map", "reduce", "matmul"]
CLASSES = ["state", "frozen", "constant", "table", "data", "value", "accumulator", "round_start", "payload"]
TYPES = ["f32", "i32", "i8", "u16", "f16", "bf16"]
OPS = {"operand": 1, "f32": 2, "i32": 3, "row": 4, "col": 5, "add": 10, "sub": 11, "mul": 12, "div": 13, "fma": 14, "sqrt": 15, "neg": 16, "abs": 17,
       "min": 18, "max": 19, "equal": 30, "less": 31, "less_equal": 32, "select": 40, "exp": 50, "log": 51, "tanh": 52, "erf": 53, "to_f32": 60,
       "to_i32": 61}
NONE = 0xFFFFFFFF


# ---- The spec


class Bytes:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, form):
        values = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return values[0]

    def many(self, form):
        return [self.take(form) for _ in range(self.take("I"))]


@dataclass
class Spec:
    root: bytes = b""
    values: dict = field(default_factory=dict)

    def __getattr__(self, name):
        try:
            return self.__dict__["values"][name]
        except KeyError:
            raise AttributeError(name) from None

    @property
    def merges(self):
        return self.lanes > 1 or self.rounds > 1


def decode_spec(data):
    b, v = Bytes(data), {}
    assert b.take("B") == 1, "format of the spec"
    v["builder"] = b.take("I")
    v["profile"] = bytes(b.many("B")).decode()
    v["gpt"] = b.take("B") == 1
    activations = [None, "gelu_tanh", "gelu_erf", "relu", "tanh"]
    if v["gpt"]:
        for name in ("layers", "heads", "width", "context"):
            v[name] = b.take("I")
        v["bias"], v["activation"] = bool(b.take("B")), activations[b.take("B")]
        v["T"] = v["context"]
    else:
        v["hidden"], v["activation"], v["T"] = b.many("I"), activations[b.take("B")], b.take("I")
    v["dropout"] = b.take("I")
    tokens = b.take("B") == 1
    v["blob"] = b.take("32s")
    b.take("Q")
    v["train"] = b.take("Q")
    if tokens:
        v["vocabulary"], _, _ = b.take("I"), b.take("B"), b.many("I")
    else:
        v["features"], v["classes"] = b.take("I"), b.take("I")
    v["row_words"] = 1 if tokens else v["features"] + 1
    v["batch"], v["seed"] = b.take("I"), b.take("Q")
    for name, form in (("rate", "Q"), ("rate_min", "Q"), ("warmup", "I"), ("beta1", "I"), ("beta2", "I"), ("epsilon", "Q"), ("decay", "I"), ("clip", "Q")):
        v[name] = b.take(form)
    v["reset"], v["outer_rate"], v["outer_momentum"] = b.take("B") == 2, b.take("I"), b.take("I")
    for name in ("lanes", "rounds", "round_steps"):
        v[name] = b.take("I")
    v["steps"] = v["rounds"] * v["round_steps"]
    return Spec(blake2b("assay.spec", data), v)


# ---- Programs


@dataclass
class Tensor:
    name: str
    cls: str
    type: str
    rows: int
    cols: int
    start_of: "Tensor" = None
    decay: bool = False
    weight: bool = False
    number: int = -1
    content: list = None  # of tables and constants, row-major


@dataclass(frozen=True)
class View:
    tensor: Tensor
    row: int
    col: int
    rows: int
    cols: int
    transposed: bool = False
    row_stride: int = 0
    col_stride: int = 0
    of_step: bool = False

    def __hash__(self):
        return id(self.tensor)

    def __eq__(self, other):
        same = (self.row, self.col, self.rows, self.cols, self.transposed, self.row_stride, self.col_stride, self.of_step)
        return self.tensor is other.tensor and same == (
            other.row, other.col, other.rows, other.cols, other.transposed, other.row_stride, other.col_stride, other.of_step)

    @property
    def seen(self):
        return (self.cols, self.rows) if self.transposed else (self.rows, self.cols)

    @property
    def T(self):
        return replace(self, transposed=not self.transposed)


def all_of(tensor):
    return View(tensor, 0, 0, tensor.rows, tensor.cols)


@dataclass
class Instruction:
    kind: str
    part: str
    out: View
    operands: list
    items: int = 1
    source: int = 0
    row_offset: int = 0
    stream: int = 0
    distribution: int = 0
    keep: int = 0
    nodes: list = None
    reduce: str = ""
    start: int = 1
    k_band: tuple = (None, None)
    out_band: tuple = (None, None)


class Term:
    """A formula; one operator is one node."""

    def __init__(self, op, *arguments):
        self.op, self.arguments = op, arguments

    def __add__(self, other):
        return Term("add", self, term(other))

    def __sub__(self, other):
        return Term("sub", self, term(other))

    def __mul__(self, other):
        return Term("mul", self, term(other))

    def __rmul__(self, other):
        return Term("mul", term(other), self)

    def __radd__(self, other):
        return Term("add", term(other), self)

    def __rsub__(self, other):
        return Term("sub", term(other), self)

    def __truediv__(self, other):
        return Term("div", self, term(other))

    def __rtruediv__(self, other):
        return Term("div", term(other), self)

    def __neg__(self):
        return Term("neg", self)


def term(x):
    if isinstance(x, Term):
        return x
    if isinstance(x, int):
        return Term("i32", x)
    if isinstance(x, float):
        return Term("f32", rounded(x))
    return Term("operand", x if isinstance(x, View) else all_of(x))


def of(op, *arguments):
    return Term(op, *(term(a) for a in arguments))


def linearised(formula):
    """Post-order, arguments from left to right, equal nodes and equal operands once."""
    nodes, operands = [], []

    def once(values, value):
        if value not in values:
            values.append(value)
        return values.index(value)

    def visit(t):
        if t.op == "operand":
            return once(nodes, ("operand", once(operands, t.arguments[0])))
        if t.op in ("f32", "i32"):
            return once(nodes, (t.op, word(t.arguments[0])))
        return once(nodes, (t.op, *[visit(a) for a in t.arguments]))

    visit(formula)
    return nodes, operands


class Program:
    def __init__(self, spec):
        self.spec, self.part, self.streams = spec, "init", 0
        self.instructions, self.tables, self.constants, self.weights, self.gradients = [], [], [], [], {}
        self.forward = None

    # Emitting

    def tensor(self, name, rows, cols, cls="value", dtype="f32"):
        return Tensor(name, cls, dtype, rows, cols)

    def emit(self, kind, out, operands, **rest):
        self.instructions.append(Instruction(kind, self.part, out if isinstance(out, View) else all_of(out), operands, **rest))
        return out

    def map(self, out, formula, items=1):
        nodes, operands = linearised(term(formula))
        return self.emit("map", out, operands, nodes=nodes, items=items)

    def new(self, name, rows, cols, formula):
        return self.map(self.tensor(name, rows, cols), formula)

    def like(self, name, other, formula):
        return self.new(name, other.rows, other.cols, formula)

    def fold(self, op, name, *x):
        return self.emit("reduce", self.tensor(name, x[0].rows, 1), [all_of(t) for t in x], reduce=op)

    def matmul(self, out, a, b, third=None, start=1, **rest):
        return self.emit("matmul", out, [a, b] + ([third] if third else []), start=start, **rest)

    def product(self, name, a, b):
        return self.matmul(self.tensor(name, a.seen[0], b.seen[1]), a, b)

    def add_product(self, accumulator, a, b):
        return self.matmul(accumulator, a, b, start=3)

    def random(self, name, distribution, rows, cols, keep=0, dtype="f32"):
        self.streams += 1
        return self.emit("random", self.tensor(name, rows, cols, dtype=dtype), [], distribution=distribution, stream=self.streams, keep=keep)

    # Weights

    def weight(self, name, rows, cols, deviation=None, value=None):
        self.part = "init"
        w = self.tensor(name, rows, cols, "state")
        w.weight, w.decay = True, deviation is not None
        if deviation is None:
            self.map(w, value)
        else:
            self.map(w, term(self.random("init." + name, 2, rows, cols)) * rounded(deviation))
        self.weights.append(w)
        self.gradients[name] = self.tensor("grad." + name, rows, cols, "accumulator")
        return w

    def linear_weights(self, name, rows, cols, deviation, bias):
        return self.weight(name + ".weight", rows, cols, deviation), self.weight(name + ".bias", 1, cols, value=0.0) if bias else None

    # Layers

    def begin_sequence(self):
        spec = self.spec
        self.part, self.T = "sequence", spec.T
        self.ones = self.tensor("ones", 1, spec.T, "constant")
        self.ones.content = [1.0] * spec.T
        self.constants.append(self.ones)
        self.keep = 10**9 - spec.dropout
        self.keep_inverse = rounded(1.0 / (self.keep / 1e9)) if spec.dropout else None

    def dropped(self, mask, x):
        return of("select", mask, term(x) * self.keep_inverse, 0.0) if mask else term(x)

    def mask(self, name, like):
        return self.random(name + ".mask", 3, like.rows, like.cols, self.keep, "i32") if self.spec.dropout else None

    def drop_backward(self, name, mask, dx):
        return self.like(name, dx, self.dropped(mask, dx)) if mask else dx

    def linear(self, layer, name, x):
        weight, bias = layer
        out = self.tensor(name, self.T, weight.cols)
        return self.matmul(out, all_of(x), all_of(weight), all_of(bias) if bias else None, 2 if bias else 1)

    def linear_backward(self, layer, name, x, dy, needs_dx=True):
        weight, bias = layer
        self.add_product(self.gradients[weight.name], all_of(x).T, all_of(dy))
        if bias:
            self.add_product(self.gradients[bias.name], all_of(self.ones), all_of(dy))
        return self.product(name, all_of(dy), all_of(weight).T) if needs_dx else None

    def layer_norm(self, layer, name, x):
        gain, bias = layer
        rn = rounded(1.0 / x.cols)
        total = self.fold("sum", name + ".sum", x)
        centred = self.like(name + ".centred", x, term(x) - term(total) * rn)
        square = self.fold("dot", name + ".square", centred, centred)
        reciprocal = self.like(name + ".reciprocal", square, 1.0 / of("sqrt", term(square) * rn + rounded(1e-5)))
        normalised = self.like(name + ".normalised", x, term(centred) * reciprocal)
        y = self.like(name + ".y", x, of("fma", normalised, gain, bias) if bias else term(normalised) * gain)
        return y, reciprocal, normalised

    def layer_norm_backward(self, layer, values, name, dy, residual):
        (gain, bias), (_, reciprocal, normalised) = layer, values
        rn = rounded(1.0 / dy.cols)
        dgain = self.like(name + ".dgain", dy, term(dy) * normalised)
        self.add_product(self.gradients[gain.name], all_of(self.ones), all_of(dgain))
        if bias:
            self.add_product(self.gradients[bias.name], all_of(self.ones), all_of(dy))
        d = self.like(name + ".dnormalised", dy, term(dy) * gain)
        total, dot = self.fold("sum", name + ".dsum", d), self.fold("dot", name + ".ddot", d, normalised)
        through = term(reciprocal) * ((term(d) - term(total) * rn) - term(normalised) * (term(dot) * rn))
        return self.like(name + ".dx", dy, term(residual) + through if residual else through)

    def activation(self, name, x):
        f, kind = term(x), self.spec.activation
        if kind == "gelu_tanh":
            return self.like(name, x, (0.5 * f) * (1.0 + self.tanh_of(f)))
        if kind == "gelu_erf":
            return self.like(name, x, (0.5 * f) * (1.0 + of("erf", f * float.fromhex("0x1.6a09e6p-1"))))
        return self.like(name, x, of("select", of("less", 0.0, f), f, 0.0) if kind == "relu" else of("tanh", f))

    def tanh_of(self, f):
        return of("tanh", float.fromhex("0x1.988454p-1") * of("fma", float.fromhex("0x1.6e4e26p-5") * (f * f), f, f))

    def activation_backward(self, name, x, y, dy):
        f, u, d, kind = term(x), term(y), term(dy), self.spec.activation
        if kind == "gelu_tanh":
            t = self.tanh_of(f)
            slope = float.fromhex("0x1.988454p-1") * of("fma", float.fromhex("0x1.12ba9ep-3"), f * f, 1.0)
            return self.like(name, x, d * of("fma", (0.5 * f) * (1.0 - t * t), slope, 0.5 * (1.0 + t)))
        if kind == "gelu_erf":
            density = of("exp", -0.5 * (f * f)) * float.fromhex("0x1.988454p-2")
            return self.like(name, x, d * of("fma", f, density, 0.5 * (1.0 + of("erf", f * float.fromhex("0x1.6a09e6p-1")))))
        return self.like(name, x, of("select", of("less", 0.0, f), d, 0.0) if kind == "relu" else d * (1.0 - u * u))

    def cross_entropy(self, logits, labels):
        scale = rounded(1.0 / (self.spec.batch * self.T))
        is_label = of("equal", Term("col"), labels)
        top = self.fold("max", "head.max", logits)
        t = of("exp", term(logits) - top)
        e = self.like("head.exp", logits, of("select", of("less", t, 2.0**-63), 0.0, t))
        total = self.fold("sum", "head.sum", e)
        reciprocal = self.like("head.reciprocal", total, 1.0 / term(total))
        only = self.like("head.label_logits", logits, of("select", is_label, logits, 0.0))
        chosen = self.fold("sum", "head.label_logit", only)
        loss = self.like("head.loss", total, (term(top) - chosen) + of("log", total))
        self.loss_sum = self.tensor("loss_sum", 1, 1, "accumulator")
        self.add_product(self.loss_sum, all_of(self.ones), all_of(loss))
        self.forward = self.instructions[-1]
        return self.like("head.dlogits", logits, (term(e) * reciprocal - of("select", is_label, 1.0, 0.0)) * scale)

    # Numbering and bytes

    def finish(self):
        self.instructions.sort(key=lambda i: PARTS.index(i.part))
        self.tensors = []
        for i in self.instructions:
            for view in [i.out, *i.operands]:
                if view.tensor.number < 0:
                    view.tensor.number = len(self.tensors)
                    self.tensors.append(view.tensor)
        return self

    def of_class(self, cls):
        return [t for t in self.tensors if t.cls == cls]

    def part_of(self, part):
        return [i for i in self.instructions if i.part == part]


def attention(p, layers, heads, name, y):
    """Queries, keys, values; then what the backward pass needs."""
    q, k, v = (p.linear(layer, name + suffix, y) for layer, suffix in zip(layers, (".query", ".key", ".value")))
    T, stride, width = p.T, (p.T + 31) // 32 * 32, y.cols // heads
    scale = rounded(1.0 / math.sqrt(width))

    def stacked(t):
        return replace(all_of(t), rows=T, row_stride=stride)

    def columns(t):
        return replace(all_of(t), cols=width, col_stride=width)

    def stack(suffix, cols):
        return p.tensor(name + suffix, heads * stride, cols)

    def stack_map(suffix, cols, formula):
        out = stack(suffix, cols)
        p.map(stacked(out), formula, heads)
        return out

    def stack_fold(op, suffix, x):
        out = stack(suffix, 1)
        p.emit("reduce", stacked(out), [stacked(x)], reduce=op, items=heads)
        return out

    below = of("less_equal", Term("col"), Term("row"))
    scores = stack(".scores", T)
    p.matmul(stacked(scores), columns(q), columns(k).T, items=heads, out_band=(None, 0))
    z = stack_map(".scaled", T, of("select", below, term(stacked(scores)) * scale, -math.inf))
    top = stack_fold("max", ".max", z)
    t = of("exp", term(stacked(z)) - stacked(top))
    e = stack_map(".exp", T, of("select", of("less", t, 2.0**-63), 0.0, t))
    total = stack_fold("sum", ".sum", e)
    reciprocal = stack_map(".reciprocal", 1, 1.0 / term(stacked(total)))
    probabilities = stack_map(".probabilities", T, term(stacked(e)) * stacked(reciprocal))
    mask, dropped = None, probabilities
    if p.spec.dropout:
        mask = p.random(name + ".mask", 3, heads * stride, T, p.keep, "i32")
        p.instructions[-1].out, p.instructions[-1].items = stacked(mask), heads
        dropped = stack_map(".dropped", T, of("select", stacked(mask), term(stacked(probabilities)) * p.keep_inverse, 0.0))
    mixed = p.tensor(name + ".mixed", T, y.cols)
    p.matmul(columns(mixed), stacked(dropped), columns(v), items=heads, k_band=(None, 0))

    def backward(d_mixed):
        dv = p.tensor(name + ".dvalue", T, y.cols)
        p.matmul(columns(dv), stacked(dropped).T, columns(d_mixed), items=heads, k_band=(0, None))
        d_dropped = stack(".ddropped", T)
        p.matmul(stacked(d_dropped), columns(d_mixed), columns(v).T, items=heads, out_band=(None, 0))
        dot = stack(".dot", 1)
        p.emit("reduce", stacked(dot), [columns(d_mixed), columns(mixed)], reduce="dot", items=heads)
        d = term(stacked(d_dropped))
        if mask:
            d = of("select", stacked(mask), d * p.keep_inverse, 0.0)
        ds = stack_map(".dscores", T, of("select", below, (term(stacked(probabilities)) * (d - stacked(dot))) * scale, 0.0))
        dq, dk = p.tensor(name + ".dquery", T, y.cols), p.tensor(name + ".dkey", T, y.cols)
        p.matmul(columns(dq), stacked(ds), columns(k), items=heads, k_band=(None, 0))
        p.matmul(columns(dk), stacked(ds).T, columns(q), items=heads, k_band=(0, None))
        gradients = (dq, dk, dv)
        for (weight, _), g in zip(layers, gradients):
            p.add_product(p.gradients[weight.name], all_of(y).T, all_of(g))
        for (_, bias), g in zip(layers, gradients):
            if bias:
                p.add_product(p.gradients[bias.name], all_of(p.ones), all_of(g))
        dy = None
        for (weight, _), g, suffix in zip(layers, gradients, (".dy_q", ".dy_k", ".dy")):
            out = p.tensor(name + suffix, T, y.cols)
            dy = p.matmul(out, all_of(g), all_of(weight).T, all_of(dy) if dy else None, 3 if dy else 1)
        return dy

    return mixed, backward


def emit_gpt(p):
    spec, W = p.spec, p.spec.width
    residual_deviation = 0.02 / math.sqrt(2.0 * spec.layers)

    def norm_weights(name):
        return p.weight(name + ".weight", 1, W, value=1.0), p.weight(name + ".bias", 1, W, value=0.0) if spec.bias else None

    wte, wpe = p.weight("wte.weight", spec.vocabulary, W, 0.02), p.weight("wpe.weight", spec.context, W, 0.02)
    blocks = []
    for i in range(spec.layers):
        n = f"h.{i}"
        blocks.append((norm_weights(n + ".ln_1"), [p.linear_weights(f"{n}.attn.{x}", W, W, 0.02, spec.bias) for x in "qkv"],
                       p.linear_weights(n + ".attn.c_proj", W, W, residual_deviation, spec.bias), norm_weights(n + ".ln_2"),
                       p.linear_weights(n + ".mlp.c_fc", W, 4 * W, 0.02, spec.bias),
                       p.linear_weights(n + ".mlp.c_proj", 4 * W, W, residual_deviation, spec.bias)))
    last = norm_weights("ln_f")

    p.begin_sequence()
    tokens, labels = (p.emit("load", p.tensor(n, p.T, 1, dtype="i32"), [], source=1, row_offset=o) for n, o in (("tokens", 0), ("labels", 1)))
    token = p.emit("gather", p.tensor("embedding.token", p.T, W), [all_of(wte), all_of(tokens)])
    x = p.like("embedding.sum", token, term(token) + wpe)
    embedding_mask = p.mask("embedding", token)
    if embedding_mask:
        x = p.like("embedding.x", token, p.dropped(embedding_mask, x))

    def residual(name, x, a):
        mask = p.mask(name, x)
        return mask, p.like(name + ".x", x, term(x) + p.dropped(mask, a))

    kept = []
    for i, (norm1, qkv, proj, norm2, fc, down) in enumerate(blocks):
        n = f"h.{i}"
        values1 = p.layer_norm(norm1, n + ".ln_1", x)
        mixed, backward = attention(p, qkv, spec.heads, n + ".attn", values1[0])
        out = p.linear(proj, n + ".attn.out", mixed)
        mask1, middle = residual(n + ".residual_1", x, out)
        values2 = p.layer_norm(norm2, n + ".ln_2", middle)
        f = p.linear(fc, n + ".mlp.f", values2[0])
        u = p.activation(n + ".mlp.u", f)
        m = p.linear(down, n + ".mlp.m", u)
        mask2, x = residual(n + ".residual_2", middle, m)
        kept.append((values1, mixed, backward, mask1, values2, f, u, mask2))
    values = p.layer_norm(last, "ln_f", x)
    logits = p.product("head.logits", all_of(values[0]), all_of(wte).T)
    d = p.cross_entropy(logits, labels)

    p.add_product(p.gradients["wte.weight"], all_of(d).T, all_of(values[0]))
    dx = p.layer_norm_backward(last, values, "ln_f", p.product("head.dy", all_of(d), all_of(wte)), None)
    for i in reversed(range(spec.layers)):
        n, (norm1, _, proj, norm2, fc, down) = f"h.{i}", blocks[i]
        values1, mixed, backward, mask1, values2, f, u, mask2 = kept[i]
        dm = p.drop_backward(n + ".mlp.dm", mask2, dx)
        du = p.linear_backward(down, n + ".mlp.du", u, dm)
        df = p.activation_backward(n + ".mlp.df", f, u, du)
        dy2 = p.linear_backward(fc, n + ".mlp.dy", values2[0], df)
        middle = p.layer_norm_backward(norm2, values2, n + ".ln_2", dy2, dx)
        da = p.drop_backward(n + ".attn.da", mask1, middle)
        dy = backward(p.linear_backward(proj, n + ".attn.dmixed", mixed, da))
        dx = p.layer_norm_backward(norm1, values1, n + ".ln_1", dy, middle)

    embedding = p.tensor("grad_embedding.wte.weight", wte.rows, wte.cols, "accumulator")
    dx = p.drop_backward("embedding.dx", embedding_mask, dx)
    p.emit("scatter_add", embedding, [all_of(dx), all_of(tokens)])
    gradient = p.gradients["wpe.weight"]
    p.map(gradient, term(gradient) + dx)
    p.part = "update"
    head = p.gradients["wte.weight"]
    p.gradients["wte.weight"] = p.like("grad_sum.wte.weight", head, term(head) + embedding)


def emit_mlp(p):
    spec = p.spec
    rectified = spec.activation != "tanh"
    layers, width = [], spec.features
    for i, out in enumerate(spec.hidden):
        layers.append(p.linear_weights(f"l.{i}", width, out, math.sqrt((2.0 if rectified else 1.0) / width), True))
        width = out
    head = p.linear_weights("head", width, spec.classes, math.sqrt(1.0 / width), True)
    p.begin_sequence()
    x = p.emit("load", p.tensor("features", p.T, spec.features), [], source=2)
    labels = p.emit("load", p.tensor("labels", p.T, 1, dtype="i32"), [], source=3)
    kept = []
    for i, layer in enumerate(layers):
        f = p.linear(layer, f"l.{i}.f", x)
        u = p.activation(f"l.{i}.u", f)
        mask = p.mask(f"l.{i}", u)
        kept.append((x, f, u, mask))
        x = p.like(f"l.{i}.dropped", u, p.dropped(mask, u)) if mask else u
    d = p.cross_entropy(p.linear(head, "head.logits", x), labels)
    d = p.linear_backward(head, "head.dx", x, d, bool(layers))
    for i in reversed(range(len(layers))):
        x, f, u, mask = kept[i]
        d = p.drop_backward(f"l.{i}.du", mask, d)
        d = p.activation_backward(f"l.{i}.df", f, u, d)
        d = p.linear_backward(layers[i], f"l.{i}.dx", x, d, i > 0)
