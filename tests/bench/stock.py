#!/usr/bin/env python3
"""Stock PyTorch as a contestant: the fastest ordinary GPT training step that one would write with it, on the data of a shape that
`assay-bench export` wrote. Speaks the protocol of tests/bench/README.md. Needs torch and numpy from PyPI."""

import argparse
import json
import math
import os
import sys
import time
from pathlib import Path


def answer(value):
    print(json.dumps(value), flush=True)


def serve(ready, measure, extra=dict):
    answer({"ready": ready})
    for line in sys.stdin:
        words = line.split()
        if len(words) not in (2, 3) or words[0] != "run" or not words[1].isdigit():
            sys.exit(f"stock.py: expected `run N [NAME]`, got: {line.strip()}")
        name = words[2] if len(words) == 3 else ""
        answer({"values": [measure(name) for _ in range(int(words[1]))], **extra()})


def gpt(torch, shape):
    """The model of nanoGPT: fused q, k and v, fused attention, tied head, no dropout."""
    nn, functional = torch.nn, torch.nn.functional
    width, heads = shape["width"], shape["heads"]

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.fc, self.out = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

        def forward(self, x):
            batch, length, _ = x.shape
            q, k, v = (t.view(batch, length, heads, width // heads).transpose(1, 2) for t in self.qkv(self.ln_1(x)).split(width, dim=2))
            y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.proj(y.transpose(1, 2).reshape(batch, length, width))
            return x + self.out(functional.gelu(self.fc(self.ln_2(x)), approximate="tanh"))

    class Gpt(nn.Module):
        def __init__(self):
            super().__init__()
            self.wte, self.wpe = nn.Embedding(shape["vocabulary"], width), nn.Embedding(shape["context"], width)
            self.blocks = nn.ModuleList(Block() for _ in range(shape["layers"]))
            self.ln_f = nn.LayerNorm(width)
            for name, weight in self.named_parameters():
                if weight.dim() == 2:
                    deviation = 0.02 / math.sqrt(2 * shape["layers"]) if name.endswith(("proj.weight", "out.weight")) else 0.02
                    nn.init.normal_(weight, std=deviation)
                elif name.endswith("bias"):
                    nn.init.zeros_(weight)

        def forward(self, tokens, labels):
            x = self.wte(tokens) + self.wpe.weight
            for block in self.blocks:
                x = block(x)
            logits = functional.linear(self.ln_f(x), self.wte.weight)
            return functional.cross_entropy(logits.view(-1, logits.size(-1)), labels.view(-1))

    return Gpt()


def describe(torch, threads):
    return {"torch": torch.__version__, "threads": threads, "mkl": torch.backends.mkl.is_available(), "cpu": torch.backends.cpu.get_cpu_capability()}


def run_step(arguments):
    import numpy
    import torch

    torch.set_num_threads(arguments.threads)
    shape = json.loads(Path(arguments.shape, "shape.json").read_text())
    tokens = torch.from_numpy(numpy.fromfile(Path(arguments.shape, "dataset.bin"), dtype="<u4", count=shape["train_tokens"]).astype("int64"))
    torch.manual_seed(1)
    model = gpt(torch, shape)
    decayed = [p for p in model.parameters() if p.dim() == 2]
    others = [p for p in model.parameters() if p.dim() != 2]
    groups = [{"params": decayed, "weight_decay": shape["weight_decay"]}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=shape["learning_rate"], betas=(shape["beta1"], shape["beta2"]), eps=shape["epsilon"], fused=True)
    forward = model
    if arguments.mode != "eager":
        import torch._inductor.config as inductor

        # The compiler's default tunes nothing; these are what its documentation offers for CPUs.
        if arguments.mode == "compile-cpp-wrapper":
            inductor.cpp_wrapper = True
        if arguments.mode == "compile-tuned":
            inductor.max_autotune = inductor.max_autotune_gemm = True
            inductor.max_autotune_gemm_backends = "ATEN,CPP"
            inductor.epilogue_fusion = True
        forward = torch.compile(model, mode="max-autotune" if arguments.mode == "compile-max-autotune" else None)
    context, batch = shape["context"], shape["batch"]
    generator = torch.Generator().manual_seed(1)
    arange = torch.arange(context + 1)
    state = {"loss": math.nan, "norm": math.nan}

    def step(_):
        begin = time.perf_counter()
        starts = torch.randint(len(tokens) - context, (batch, 1), generator=generator)
        window = tokens[starts + arange]
        loss = forward(window[:, :-1].contiguous(), window[:, 1:].contiguous())
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), shape["clip_norm"], foreach=True)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        took = (time.perf_counter() - begin) * 1000
        state.update(loss=loss.item(), norm=norm.item())
        return took

    step("")  # compiles
    ready = {"contestant": "stock", "shape": shape["shape"], "mode": arguments.mode, "unit": "ms", "weights": sum(p.numel() for p in model.parameters())}
    serve({**ready, **describe(torch, arguments.threads)}, step, lambda: dict(state))


def run_matmul(arguments):
    import torch

    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    current = {}

    def operands(name):
        sizes, layout = name.split(":")[:2]
        rows, columns, k = map(int, sizes.split("x"))
        a = torch.rand((k, rows) if layout == "tn" else (rows, k)) * 2 - 1
        b = torch.rand((columns, k) if layout == "nt" else (k, columns)) * 2 - 1
        c = torch.zeros(rows, columns)
        a, b = a.t() if layout == "tn" else a, b.t() if layout == "nt" else b
        beta = 1.0 if layout == "tn" else 0.0  # a weight gradient continues
        return lambda: torch.addmm(c, a, b, beta=beta, out=c), 2e-9 * rows * columns * k

    def measure(name):
        name = name or arguments.shapes[0]
        if current.get("name") != name:
            current.update(name=name, work=operands(name))
            current["work"][0]()
        multiply, gigaflops = current["work"]
        begin, done = time.perf_counter(), 0
        while True:  # several products per measurement, as assay-bench
            multiply()
            done += 1
            took = time.perf_counter() - begin
            if took >= 0.02:
                return gigaflops * done / took

    serve({"contestant": "mkl", "unit": "GFLOP/s", "names": arguments.shapes, **describe(torch, arguments.threads)}, measure)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    step = commands.add_parser("step", help="milliseconds of a whole training step")
    step.add_argument("--shape", required=True, help="folder that `assay-bench export` wrote")
    step.add_argument("--mode", default="eager", choices=["eager", "compile", "compile-max-autotune", "compile-cpp-wrapper", "compile-tuned"])
    matmul = commands.add_parser("matmul", help="GFLOP/s of matrix products")
    matmul.add_argument("--shape", dest="shapes", action="append", required=True, help="ROWSxCOLSxK:LAYOUT[:SEQUENCES] as of assay-bench; may be repeated")
    for command in (step, matmul):
        command.add_argument("--threads", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    with torch_mode():
        (run_step if arguments.command == "step" else run_matmul)(arguments)


class torch_mode:
    """Whatever the libraries print while they work goes to stderr: stdout belongs to the protocol."""

    def __enter__(self):
        self.stdout = os.dup(1)
        os.dup2(2, 1)
        sys.stdout = os.fdopen(self.stdout, "w")

    def __exit__(self, *_):
        sys.stdout.flush()


if __name__ == "__main__":
    main()
