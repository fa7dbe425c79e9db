"""The four things that scripts/bench measures. Each section returns what goes into the JSON report."""

import json
import os
import shutil
import statistics
import subprocess
import time
from pathlib import Path

import facts
import rivals
from contest import Contest, Contestant, ratio

HERE = Path(__file__).resolve().parent
SHAPES = ["demo", "small", "gpt2"]
TURN_MS = 800  # about as long as one turn's timed steps take together
MEMORY_BYTES = {"gpt2": 4 << 30}  # that one more contestant may need
HOPELESS = 5  # times slower than the other in the trial
COMPILED_WARM = 3  # torch.compile still compiles in the first steps

# Variants of stock PyTorch: name, mode, allocator, MKL shim. The first two are what one gets without any tuning. A model that fills the
# machine's memory has fewer: they all stay in memory at the same time, so that they can take turns.
PLAIN = [("eager", "eager", None, False), ("compile", "compile", None, False)]
TUNED = [("eager mkl", "eager", None, True), ("eager mkl tcmalloc", "eager", "tcmalloc", True), ("compile mkl tcmalloc", "compile", "tcmalloc", True)]
# One thread is the better choice where threads wait for each other longer than they compute, and comparable on a machine with neighbours.
SINGLE = [("eager mkl tcmalloc 1 thread", "eager", "tcmalloc", True), ("compile mkl tcmalloc 1 thread", "compile", "tcmalloc", True)]
MORE = [("eager tcmalloc", "eager", "tcmalloc", False), ("eager mkl jemalloc", "eager", "jemalloc", True), ("compile mkl", "compile", None, True),
        ("compile mkl jemalloc", "compile", "jemalloc", True),
        ("compile cpp-wrapper mkl tcmalloc", "compile-cpp-wrapper", "tcmalloc", True),
        ("compile max-autotune mkl tcmalloc", "compile-max-autotune", "tcmalloc", True),
        ("compile tuned-gemm mkl tcmalloc", "compile-tuned", "tcmalloc", True),
        ("eager mkl tcmalloc pinned", "eager", "tcmalloc", True), ("compile mkl tcmalloc pinned", "compile", "tcmalloc", True)]


class Bench:
    """What all sections share: programs, folders, threads, rivals. Rivals that cannot be had are skipped, visibly, and once."""

    def __init__(self, options, root):
        self.options, self.root = options, root
        self.build = root / "build/release"
        self.bin = self.build / "bin"
        self.folder = root / "build/bench"
        self.logs = self.folder / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        self.threads = options.threads
        self.skipped = []
        self.text = options.text
        self.python = self.optional("stock PyTorch", lambda: rivals.stock_python(root / "build/bench-venv", self.folder)) if options.stock else None
        self.openblas = self.optional("OpenBLAS", lambda: rivals.openblas(self.folder))
        self.allocators = rivals.allocators(self.folder) if self.python else {}
        self.shim = self.optional("MKL shim", lambda: rivals.mkl_shim(self.folder)) if self.python else None
        self.save = lambda name, part: None  # called with what is there of a section that goes on
        self.core, self.cores = None, None  # OpenBLAS's best core type and all types' GFLOP/s, found by the first who asks

    def optional(self, what, get):
        try:
            return get()
        except rivals.Skipped as reason:
            return self.skip(what, reason)

    def skip(self, what, reason):
        self.skipped.append(f"{what}: {reason}")
        print(f"    skipped: {what}: {reason}", flush=True)

    def ours(self, name, *arguments):
        text = ["--text", self.text] if self.text and arguments[0] != "fma" and arguments[0] != "matmul" else []
        return Contestant(name, [self.bin / "assay-bench", *arguments, *text], self.logs)

    def exported(self, shape, batch=0):
        """The folder with spec and data of a shape; made anew, so that it cannot be old."""
        folder = self.folder / (shape if batch == 0 else f"{shape}-{batch}")
        folder.mkdir(parents=True, exist_ok=True)
        text = ["--text", self.text] if self.text else []
        subprocess.run([str(a) for a in [self.bin / "assay-bench", "export", "--shape", shape, "--out", folder, "--batch", batch, *text]],
                       check=True, stdout=subprocess.DEVNULL)
        return folder

    def openblas_environment(self, core):
        folder = self.openblas.parent
        paths = [str(folder), str(folder.parent), os.environ.get("LD_LIBRARY_PATH", "")]
        return {"LD_LIBRARY_PATH": ":".join(p for p in paths if p), **({"OPENBLAS_CORETYPE": core} if core else {})}

    def stock_environment(self, allocator, shim, threads=None, pinned=False):
        threads = threads or self.threads
        preload = [str(p) for p in (self.allocators.get(allocator), self.shim if shim else None) if p]
        environment = {"OMP_NUM_THREADS": threads, "TORCHINDUCTOR_CACHE_DIR": self.folder / "inductor"}
        if preload:
            environment["LD_PRELOAD"] = " ".join(preload)
        if pinned:
            # Not OMP_WAIT_POLICY=active: its threads would spin through everybody else's turns.
            cores = sorted(os.sched_getaffinity(0))[:threads]
            environment.update({"GOMP_CPU_AFFINITY": " ".join(map(str, cores)), "KMP_AFFINITY": "granularity=fine,compact,1,0"})
        return environment

    def stock(self, name, mode, allocator, shim, folder):
        """A variant of stock PyTorch; nothing when its parts are not here."""
        if self.python is None or (allocator and allocator not in self.allocators) or (shim and self.shim is None):
            return None
        threads = 1 if name.endswith("1 thread") else self.threads
        command = [self.python, "-B", HERE / "stock.py", "step", "--shape", folder, "--mode", mode, "--threads", threads]
        return Contestant(f"stock {name}", command, self.logs, self.stock_environment(allocator, shim, threads, name.endswith("pinned")))

    def best_core(self):
        """OpenBLAS's fastest core type here, by one product; every type takes its turns with the others."""
        if self.openblas is None or self.core is not None:
            return self.core
        product = "768x768x768:nn"
        with Contest(0.1) as contest:
            for core in rivals.OPENBLAS_CORES:
                command = [self.bin / "assay-bench", "matmul", "--library", self.openblas, "--threads", self.threads, "--shape", product]
                contest.add(Contestant(f"openblas {core or 'own choice'}", command, self.logs, self.openblas_environment(core)))
            for _ in range(5):
                for contestant in contest.each():
                    contestant.turn(3)
            medians = {core: contestant.median() for core, contestant in zip(rivals.OPENBLAS_CORES, contest.contestants)}
        self.cores = {core or "own choice": value for core, value in medians.items()}
        self.core = max(medians, key=lambda core: medians[core] or 0)
        return self.core


def loaded(section):
    """Records the machine's load before and after a section."""
    def run(bench):
        before, began = facts.load(), time.monotonic()
        result = section(bench)
        return {"load_before": before, "load_after": facts.load(), "seconds": round(time.monotonic() - began, 1), **result}
    return run


# ---- steps


def step_contestants(bench, shape):
    """(kind, contestant) in the order of their turns."""
    all_threads, folder = bench.threads, bench.exported(shape)
    yield "exact", bench.ours(f"{shape} exact", "step", "--shape", shape, "--threads", all_threads)
    if all_threads > 1:
        yield "exact_1", bench.ours(f"{shape} exact 1 thread", "step", "--shape", shape, "--threads", 1)
    yield "fma", bench.ours("fma", "fma", "--threads", all_threads)
    if all_threads > 1:
        yield "fma_1", bench.ours("fma 1 thread", "fma", "--threads", 1)
    large = shape == "gpt2"
    single = SINGLE if all_threads > 1 else []
    variants = [*PLAIN, *TUNED, *single, *MORE] if bench.options.thorough else [PLAIN[0], *TUNED[1:]] if large else [*PLAIN, *TUNED, *single]
    for name, mode, allocator, shim in variants:
        contestant = bench.stock(name, mode, allocator, shim, folder)
        if contestant:
            contestant.name = f"{shape} {contestant.name}"
            yield "stock", contestant
    if not (bench.bin / "assay-torch").exists():
        bench.skip("torch executor", "assay-torch is not built")
        return
    core = bench.best_core()
    for threads in sorted({all_threads} if large else {1, all_threads}):
        environment = {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
        environment.update(bench.openblas_environment(core) if bench.openblas else {})
        label = f"OpenBLAS {core or 'own choice'}" if bench.openblas else "the system's BLAS"
        command = [bench.bin / "assay-torch", "train", "--interactive", "--spec", folder / "job.spec", "--data", folder / "dataset.bin",
                   "--threads", threads]
        yield "torch", Contestant(f"{shape} torch executor {label} {threads} threads", command, bench.logs, environment)


def steps_per_turn(values):
    return max(1, min(20, round(TURN_MS / statistics.median(values))))


def trial_turns(contest, by_kind):
    """Steps of each contestant's turns, from one untimed turn for pages, caches and late compilation. A number of
    threads with which the torch executor is hopeless sits out: this trial is its result."""
    counts, trials = {}, {}
    for contestant in contest.each():
        values = contestant.ask(1 + (COMPILED_WARM if "compile" in contestant.name else 1))
        if values:
            trials[contestant.name] = values[1:]
            counts[contestant.name] = steps_per_turn(values[1:]) if contestant.ready.get("unit") == "ms" else 4
    running = {c.name: c for c in by_kind.get("torch", []) if c.name in trials}
    least = min((min(trials[name]) for name in running), default=0)
    for name, contestant in running.items():
        if min(trials[name]) > HOPELESS * least:
            print(f"    {name} sits out: {min(trials[name]):.0f} ms in its trial", flush=True)
            contestant.turns[""] = [trials[name]]
            del counts[name]
    return counts


def run_shape(bench, shape):
    by_kind = {}
    with Contest(bench.options.pause, MEMORY_BYTES.get(shape, 0)) as contest:
        for kind, contestant in step_contestants(bench, shape):
            by_kind.setdefault(kind, []).append(contest.add(contestant))
        counts = trial_turns(contest, by_kind)
        for number in range(bench.options.rounds):
            for contestant in contest.each():
                if contestant.name in counts:
                    contestant.turn(counts[contestant.name])
            exact = by_kind["exact"][0]
            stock = min((c for c in by_kind.get("stock", []) if c.median()), key=Contestant.median, default=None)
            print(f"    {shape}: round {number + 1}/{bench.options.rounds}: exact {exact.median() or float('nan'):.1f} ms"
                  + (f", {stock.name} {stock.median():.1f} ms" if stock else ""), flush=True)
        return shape_result(shape, by_kind)


def shape_result(shape, by_kind):
    def first(kind):
        found = by_kind.get(kind, [None])[0]
        return found if found is not None and found.median() else None

    def fastest(kind):
        return min((c for c in by_kind.get(kind, []) if c.median()), key=Contestant.median, default=None)

    exact, single, fma, fma_1 = first("exact"), first("exact_1"), first("fma"), first("fma_1")
    stock, torch = fastest("stock"), fastest("torch")
    # What needs no tampering with a library's view of the processor.
    plain = min((c for c in by_kind.get("stock", []) if c.median() and " mkl" not in c.name), key=Contestant.median, default=None)
    eager = next((c for c in by_kind.get("stock", []) if c.name.endswith("stock eager") and c.median()), None)
    compiled = next((c for c in by_kind.get("stock", []) if c.name.endswith("stock compile") and c.median()), None)
    result = {"shape": shape, "exact_ms": exact and exact.median(), "exact_1_thread_ms": single and single.median(),
              "stock_best_ms": stock and stock.median(), "stock_best": stock and stock.name.removeprefix(f"{shape} stock "),
              "stock_plain_ms": plain and plain.median(), "stock_plain": plain and plain.name.removeprefix(f"{shape} stock "),
              "stock_eager_ms": eager and eager.median(), "stock_compile_ms": compiled and compiled.median(),
              "torch_executor_ms": torch and torch.median(), "torch_executor": torch and torch.name.removeprefix(f"{shape} torch executor "),
              "fma_gflops": fma and fma.median(), "fma_1_thread_gflops": fma_1 and fma_1.median()}
    if exact:
        result["plan"] = {k: exact.ready.get(k) for k in ("planned_bytes", "weights", "state_bytes", "flops_per_step", "batch", "micro_batch")}
        gflops = exact.ready["flops_per_step"] / exact.median() / 1e6
        result["exact_gflops"] = gflops
        result["exact_of_fma"] = gflops / fma.median() if fma else None
        result["exact_over_stock_best"] = ratio(exact, stock) if stock else None
        result["exact_over_stock_eager"] = ratio(exact, eager) if eager else None
        # Of the single fastest steps: what is left of neighbours' noise, when a round of either was never undisturbed.
        fastest_steps = [c.best() for c in by_kind.get("stock", []) if c.best()]
        result["exact_over_stock_fastest_steps"] = exact.best() / min(fastest_steps) if fastest_steps else None
        alone = min((c for c in by_kind.get("stock", []) if c.name.endswith("1 thread") and c.median()), key=Contestant.median, default=None)
        result["stock_1_thread_ms"] = alone and alone.median()
        result["exact_over_stock_1_thread"] = ratio(single, alone) if single and alone else None
        result["threads_speedup"] = ratio(single, exact) if single else None
        result["fma_speedup"] = ratio(fma, fma_1) if fma and fma_1 else None
    result["variants"] = [{"name": c.name, "kind": kind, "unit": c.ready.get("unit"), "median": c.median(),
                           "best": c.best(largest=c.ready.get("unit") != "ms"), "turns": [[round(v, 3) for v in t] for t in c.turns.get("", [])],
                           "facts": {**c.ready, **c.facts}, "failed": c.failed} for kind, cs in by_kind.items() for c in cs]
    return result


@loaded
def steps(bench):
    shapes = []
    for shape in bench.options.shapes:
        shapes.append(run_shape(bench, shape))
        bench.save("steps", shapes)
    return {"shapes": shapes}


# ---- matmul

MODELS = {"demo": (768, 128, 73, 12), "small": (2048, 384, 73, 8), "gpt2": (256, 768, 50257, 4)}  # rows of a batch, width, vocabulary, batch


def products(shape):
    """(what, product) of a model's linear layers: forward, input gradient, weight gradient."""
    rows, width, vocabulary, batch = MODELS[shape]
    for layer, into, out in [("q, k, v, proj", width, width), ("fc", width, 4 * width), ("out", 4 * width, width)]:
        yield f"{layer} forward", f"{rows}x{out}x{into}:nn"
        yield f"{layer} input gradient", f"{rows}x{into}x{out}:nt"
        yield f"{layer} weight gradient", f"{into}x{out}x{rows}:tn:{batch}"
    # The head's weight is the token table, which lies the other way round.
    yield "head forward", f"{rows}x{vocabulary}x{width}:nt"
    yield "head input gradient", f"{rows}x{width}x{vocabulary}:nn"
    yield "head weight gradient", f"{vocabulary}x{width}x{rows}:tn:{batch}"


@loaded
def matmul(bench):
    wanted = [(shape, what, name) for shape in bench.options.shapes for what, name in products(shape)]
    names = [part for name in dict.fromkeys(name for _, _, name in wanted) for part in ("--shape", name)]
    with Contest(bench.options.pause / 2) as contest:
        exact = contest.add(bench.ours("matmul exact", "matmul", "--threads", bench.threads, *names))
        fma = contest.add(bench.ours("fma", "fma", "--threads", bench.threads))
        blas = mkl = mkl_plain = None
        if bench.openblas:
            command = [bench.bin / "assay-bench", "matmul", "--library", bench.openblas, "--threads", bench.threads, *names]
            blas = contest.add(Contestant("matmul openblas", command, bench.logs, bench.openblas_environment(bench.best_core())))
        if bench.python:
            command = [bench.python, "-B", HERE / "stock.py", "matmul", "--threads", bench.threads, *names]
            mkl_plain = contest.add(Contestant("matmul mkl", command, bench.logs, bench.stock_environment(None, False)))
            if bench.shim:
                mkl = contest.add(Contestant("matmul mkl shim", command, bench.logs, bench.stock_environment(None, True)))
        for number in range(bench.options.rounds):
            for _, _, name in wanted:
                for contestant in contest.each():
                    contestant.turn(2, name, warm=0 if contestant is fma else 1)
            print(f"    round {number + 1}/{bench.options.rounds}", flush=True)
        rows = []
        for shape, what, name in wanted:
            row = {"shape": shape, "what": what, "product": name}
            for key, contestant in [("exact", exact), ("openblas", blas), ("mkl", mkl_plain), ("mkl_shim", mkl), ("fma", fma)]:
                row[f"{key}_gflops"] = contestant.median(name) if contestant else None
                row[f"{key}_best_gflops"] = contestant.best(name, largest=True) if contestant else None
            row["exact_of_fma"] = ratio(exact, fma, name)
            others = [ratio(exact, c, name) for c in (blas, mkl, mkl_plain) if c and c.median(name)]
            row["exact_of_best_rival"] = min(others) if others else None
            rows.append(row)
        return {"threads": bench.threads, "openblas_core": bench.core, "openblas_cores_gflops": bench.cores, "rows": rows}


# ---- hashing

SEGMENT_PART = {"small": 4, "gpt2": 2}  # steps that are really trained for a segment's figure; the demo trains all


@loaded
def hashing(bench):
    rows = []
    for shape in [s for s in bench.options.shapes if s in ("demo", "gpt2")]:
        with Contest(bench.options.pause) as contest:
            entries = [(threads, contest.add(bench.ours(f"hash {shape} {threads} threads", "hash", "--shape", shape, "--threads", threads)))
                       for threads in sorted({1, bench.threads})]
            for _ in range(bench.options.rounds):
                for contestant in contest.each():
                    contestant.turn(3)
            rows += [{"shape": shape, "threads": threads, "gb_per_s": c.median(), "best_gb_per_s": c.best(largest=True),
                      "state_bytes": c.ready.get("state_bytes"), "failed": c.failed} for threads, c in entries]
            print(f"    {shape}: " + ", ".join(f"{threads} threads {c.median() or float('nan'):.2f} GB/s" for threads, c in entries), flush=True)
    commits = []
    for shape in bench.options.shapes:
        with Contest(bench.options.pause) as contest:
            few = ["--steps", SEGMENT_PART[shape]] if shape in SEGMENT_PART else []
            contestant = contest.add(bench.ours(f"commit {shape}", "commit", "--shape", shape, "--threads", bench.threads, *few))
            contestant.turn(1)
            if not few:
                contestant.turn(2, warm=0)
            commits.append({"shape": shape, "percent_of_training": contestant.median(), "segment_steps": contestant.ready.get("segment_steps"),
                            **contestant.facts, "failed": contestant.failed})
            print(f"    {shape}: roots and digests take {contestant.median() or float('nan'):.2f} % of a segment's training", flush=True)
    return {"state_root": rows, "commit": commits}


# ---- memory


def peak_of(command, log):
    """VmHWM in bytes of a process, read while it runs: the last reading before it ends, every 5 ms."""
    with open(log, "w") as out:
        process = subprocess.Popen([str(c) for c in command], stdout=out, stderr=subprocess.STDOUT)
    peak = 0
    while process.poll() is None:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text()
        except OSError:
            break
        for line in status.splitlines():
            if line.startswith("VmHWM"):
                peak = max(peak, int(line.split()[1]) * 1024)
        time.sleep(0.005)
    if process.wait() != 0:
        lines = Path(log).read_text(errors="replace").strip().splitlines()
        raise rivals.Skipped(f"assay train ended with code {process.returncode}: {lines[-1] if lines else ''} (log: {log})")
    return peak


def planned(bench, shape, batch, micro_batch, threads):
    text = ["--text", bench.text] if bench.text else []
    command = [bench.bin / "assay-bench", "memory", "--shape", shape, "--batch", batch, "--micro-batch", micro_batch, "--threads", threads, *text]
    return json.loads(subprocess.run([str(c) for c in command], check=True, capture_output=True, text=True).stdout)


@loaded
def memory(bench):
    plans = [planned(bench, shape, 0, 0, bench.threads) for shape in bench.options.shapes]
    # GPT-2 124M, one sequence of 64, one at a time.
    one = planned(bench, "gpt2", 1, 1, bench.threads)
    # Weights, gradients and two moments, and the values of one sequence as the program's cost model plans them.
    formula = 4 * one["weights"] * 4 + one["sequence_bytes"]
    folder, out, runs = bench.exported("gpt2", 1), bench.folder / "train", []
    for flags in ([], ["--recompute"]):
        shutil.rmtree(out, ignore_errors=True)
        command = [bench.bin / "assay", "train", folder / "job.spec", "--data", folder / "dataset.bin", "--steps", 2, "--micro-batch", 1,
                   "--threads", bench.threads, "--out", out, *flags]
        peak = bench.optional("memory of assay train", lambda: peak_of(command, bench.logs / "train.log"))
        runs.append({"flags": " ".join(flags), "peak_bytes": peak, "peak_over_formula": peak / formula if peak else None})
    shutil.rmtree(out, ignore_errors=True)
    return {"plans": plans, "train": {"shape": "gpt2", "batch": 1, "micro_batch": 1, "weights": one["weights"], "sequence_bytes": one["sequence_bytes"],
                                      "planned_bytes": one["planned_bytes"], "formula": "4 x weights x 4 bytes + sequence_bytes",
                                      "formula_bytes": formula, "runs": runs}}
