"""The JSON report as tables for people; Markdown that also reads well on a terminal."""


def cell(value, digits=1, unit=""):
    if value is None:
        return "-"
    return f"{value:,.{digits}f}{unit}" if isinstance(value, float) else f"{value:,}{unit}" if isinstance(value, int) else str(value)


def table(head, rows):
    rows = [[str(c) for c in row] for row in rows]
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    line = lambda row: "| " + " | ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths))) + " |"
    return "\n".join([line(head), "|" + "|".join("-" * (w + 1) + (":" if i else "-") for i, w in enumerate(widths)) + "|", *map(line, rows)])


def machine_lines(report):
    m = report["machine"]
    cpu = m["cpu"]
    name = cpu["model"] + (f" (family {cpu['family']}, model {cpu['number']})" if "family" in cpu else "")
    lines = [f"{m['cores']} cores of {name}, {m['memory_bytes'] / 2**30:.0f} GiB, Linux {m['kernel']}, {m['compiler']}, {m['date']}"]
    if report.get("torch"):
        lines.append(f"PyTorch {report['torch']}")
    loads = [f"{key}: {s['load_before'][0]} before, {s['load_after'][0]} after" for key, s in report["sections"].items()]
    lines.append("load average (1 minute): " + "; ".join(loads))
    lines = lines if loads else lines[:-1]
    return lines + [f"skipped: {reason}" for reason in report["skipped"]]


def steps_tables(report):
    columns = [("exact", "exact_ms", 1), ("exact, 1 thread", "exact_1_thread_ms", 1), ("stock, best", "stock_best_ms", 1), ("variant", "stock_best", 0),
               ("exact / best stock", "exact_over_stock_best", 2), ("of fastest steps", "exact_over_stock_fastest_steps", 2),
               ("stock as it comes", "stock_plain_ms", 1), ("variant", "stock_plain", 0), ("torch executor", "torch_executor_ms", 1),
               ("exact / stock, 1 thread each", "exact_over_stock_1_thread", 2), ("of fma peak", "exact_of_fma", 2), ("threads' gain", "threads_speedup", 2)]
    yield "Milliseconds per training step, medians", table(["shape", *(head for head, _, _ in columns)], [
        [s["shape"], *(cell(s.get(key), digits) for _, key, digits in columns)] for s in report["steps"]])
    for s in report["steps"]:
        variants = sorted((v for v in s["variants"]), key=lambda v: (v["unit"] != "ms", v["median"] or float("inf")))
        yield f"All contestants of {s['shape']}", table(["contestant", "median", "best", "unit"], [
            [v["name"], cell(v["median"]) if not v["failed"] else "failed", cell(v["best"]), v["unit"] or "-"] for v in variants])


def matmul_tables(report):
    section = report["matmul"]
    yield f"Matrix products, GFLOP/s, {section['threads']} threads (OpenBLAS core {section['openblas_core'] or 'own choice'})", table(
        ["model", "product", "sizes", "exact", "OpenBLAS", "MKL", "MKL, shim", "fma loop", "exact / fma", "exact / best rival"],
        [[r["shape"], r["what"], r["product"], *(cell(r[f"{k}_gflops"], 0) for k in ("exact", "openblas", "mkl", "mkl_shim", "fma")),
          cell(r["exact_of_fma"], 2), cell(r["exact_of_best_rival"], 2)] for r in section["rows"]])


def hashing_tables(report):
    section = report["hash"]
    yield "Hashing of a state", table(["shape", "state MB", "threads", "GB/s", "best GB/s"], [
        [r["shape"], cell((r["state_bytes"] or 0) / 1e6), r["threads"], cell(r["gb_per_s"], 2), cell(r["best_gb_per_s"], 2)] for r in section["state_root"]])
    yield "Commitments of a segment", table(["shape", "steps", "training ms", "digests ms", "root ms", "% of training"], [
        [r["shape"], cell(r["segment_steps"]), cell(r.get("training_ms"), 0), cell(r.get("digests_ms")), cell(r.get("root_ms")),
         cell(r["percent_of_training"], 2)] for r in section["commit"]])


def memory_tables(report):
    section = report["memory"]
    yield "Planned memory", table(["shape", "batch", "micro-batch", "weights", "executor's plan, MB", "protocol's peak of the batch, MB"], [
        [p["shape"], p["batch"], p["micro_batch"] or "own choice", cell(p["weights"]), cell(p["planned_bytes"] / 1e6), cell(p["protocol_peak_bytes"] / 1e6)]
        for p in section["plans"]])
    t = section["train"]
    yield "`assay train` of GPT-2 124M, one sequence of 64", table(["options", "peak (VmHWM), MB", f"{t['formula']}, MB", "ratio"], [
        [r["flags"] or "none", cell((r["peak_bytes"] or 0) / 1e6), cell(t["formula_bytes"] / 1e6), cell(r["peak_over_formula"], 2)] for r in t["runs"]])


TABLES = {"steps": steps_tables, "matmul": matmul_tables, "hash": hashing_tables, "memory": memory_tables}


def text(report):
    parts = ["\n".join(machine_lines(report))]
    for key, tables in TABLES.items():
        if key in report:
            parts += [f"**{title}**\n\n{body}" for title, body in tables(report)]
    return "\n\n".join(parts) + "\n"
