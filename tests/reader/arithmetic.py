"""Profile f32 as docs/numerics.md defines it. Values are Python floats that are binary32, and integers within 32 bits.

The functions of section 4 are not written here: the page's own code is run (`functions_of`)."""

import ast
import hashlib
import math
import re
import struct
from ctypes import c_float

NAN, INFINITY = math.nan, math.inf


def rounded(x):
    """The binary64 value x to the nearest binary32, ties to even."""
    return c_float(x).value


def fma(a, b, c):
    """a b + c with one rounding: the product is exact in binary64, the sum is rounded there to odd."""
    product = a * b
    total = product + c
    if total - total != 0.0:
        return rounded(total)
    back = total - product
    rest = (product - (total - back)) + (c - back)
    if rest != 0.0 and struct.unpack("<q", struct.pack("<d", total))[0] & 1 == 0:
        total = math.nextafter(total, INFINITY if rest > 0.0 else -INFINITY)
    return rounded(total)


def divide(a, b):
    if b != 0.0:
        return rounded(a / b)
    if a == 0.0 or a != a or b != b:
        return NAN
    return math.copysign(INFINITY, math.copysign(1.0, a) * math.copysign(1.0, b))


def root(x):
    return NAN if x < 0.0 or x != x else rounded(math.sqrt(x))


def wrapped(i):
    return (i + 0x80000000) % 0x100000000 - 0x80000000


def word(x):
    """The 32 bits of an element; every NaN is the canonical one."""
    if isinstance(x, int):
        return x & 0xFFFFFFFF
    return 0x7FC00000 if x != x else struct.unpack("<I", struct.pack("<f", x))[0]


def real(i):
    return struct.unpack("<f", struct.pack("<I", i & 0xFFFFFFFF))[0]


def bits(x):
    return wrapped(word(x))


def magnitude(x):
    return x if x != x else abs(x)


def negate(x):
    return x if x != x else -x


def flushed(x):
    """Operands of matmul and dot."""
    return 0.0 if abs(x) < 2.0**-63 else x


def to_f32(i):
    return rounded(float(i))


def to_i32(x):
    if x != x:
        return 0
    if x >= 2.0**31:
        return 2**31 - 1
    return -(2**31) if x < -(2.0**31) else round(x)


def to_bf16(x):
    i = word(x)
    if (i & 0x7FFFFFFF) > 0x7F800000:
        return NAN
    return real(((i + 0x7FFF + (i >> 16 & 1)) >> 16) << 16)


def _one(x):
    return wrapped(x) if isinstance(x, int) else rounded(x)


class _RoundEachOperator(ast.NodeTransformer):
    def visit_BinOp(self, node):
        self.generic_visit(node)
        if isinstance(node.op, ast.Div):
            return ast.Call(ast.Name("divide", ast.Load()), [node.left, node.right], [])
        return ast.Call(ast.Name("_one", ast.Load()), [node], [])


def functions_of(page):
    """The functions that the page's block of code defines, one rounding for each operator."""
    code = re.search(r"```python\n(.*?)```", page, re.S).group(1)
    code = re.sub(r"0x[01][0-9a-f.]*p[+-]\d+", lambda m: repr(float.fromhex(m.group(0))), code)
    tree = ast.fix_missing_locations(_RoundEachOperator().visit(ast.parse(code)))

    def poly(x, first, *others):
        q = first
        for c in others:
            q = fma(q, x, c)
        return q

    space = {"fma": fma, "divide": divide, "_one": _one, "bits": bits, "real": real, "poly": poly, "magnitude": magnitude, "negate": negate,
             "to_f32": to_f32, "pow2": lambda k: real((k + 127) << 23), "signed": lambda y, x: real(word(y) | (word(x) & 0x80000000)),
             "NAN": NAN, "INFINITY": INFINITY}
    exec(compile(tree, "numerics.md", "exec"), space)
    return {name: space[name] for name in ("exp", "log", "tanh", "erf", "sin2pi", "cos2pi")}


# ---- Section 5


def blake2b(tag, *parts):
    return hashlib.blake2b(b"".join(parts), digest_size=32, person=tag.encode().ljust(16, b"\0")).digest()


class Random:
    """Philox4x32-10 under one key."""

    def __init__(self, seed, stream, lane):
        self.key = struct.unpack("<II", blake2b("assay.rng", struct.pack("<QII", seed, stream, lane))[:8])

    def words(self, quad, sequence, step):
        a, b, c, d = quad & 0xFFFFFFFF, quad >> 32, sequence, step
        low, high = self.key
        for _ in range(10):
            first, second = 0xD2511F53 * a, 0xCD9E8D57 * c
            a, b, c, d = (second >> 32) ^ b ^ low, second & 0xFFFFFFFF, (first >> 32) ^ d ^ high, first & 0xFFFFFFFF
            low, high = (low + 0x9E3779B9) & 0xFFFFFFFF, (high + 0xBB67AE85) & 0xFFFFFFFF
        return a, b, c, d

    def below(self, count, quad, sequence, step):
        w = self.words(quad, sequence, step)
        return (w[0] + (w[1] << 32)) * count >> 64
