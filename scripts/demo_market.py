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

WEALTH = 2_000_000_000  # grains that each party starts with
STAKE = 500_000_000  # grains staked by each worker and validator, out of its wealth
WORKERS = ["worker-1", "worker-2", "worker-3"]  # worker-3 cheats
VALIDATORS = ["validator-1", "validator-2", "validator-3"]
CHEAT = "worker-3"


def say(text):
    print(f"\033[1m==> {text}\033[0m" if sys.stdout.isatty() else f"==> {text}", flush=True)


def grains(amount):
    return f"{int(amount):,}"


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
        "price_ceiling": "10000000", "audit_rate": 0.45, "audit_lag": 0,
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


class Watch:
    """What the market says while it works: one status line, and a line for everything that matters to somebody."""

    WORTH_A_LINE = {"lease_started", "lease_ended", "slashed", "dispute_opened", "dispute_closed", "lane_waits", "fined", "round_final", "job_closed", "jailed", "init_passed",
                    "audit_missed", "claim_redrawn", "part_unproved", "question_opened"}

    def __init__(self, market, job, rounds, names):
        self.market, self.job, self.rounds, self.names = market, job, rounds, names
        self.after, self.began, self.last_line, self.pay = "0:0", time.monotonic(), 0, {}

    def name(self, account):
        return self.names.get(account, account[:8])

    def pull(self, wait_ms):
        page = self.market.get(f"/v1/events?after={self.after}&limit=500&wait_ms={wait_ms}", timeout=60)
        for event in page["data"] if page else []:
            self.after = event["cursor"]
            if event["kind"] == "paid":
                what = event["attributes"]["account"], event["attributes"]["reason"]
                self.pay[what] = self.pay.get(what, 0) + int(event["attributes"]["amount"])
            if event["kind"] in self.WORTH_A_LINE:
                words = " ".join(f"{key} {self.names.get(value, value if len(value) < 20 else value[:8])}"
                                 for key, value in event["attributes"].items() if key != "job")
                print(f"    {time.monotonic() - self.began:6.1f} s  {event['kind']:<16} {words}", flush=True)
        return page is not None

    def status(self, job):
        if job["state"] == "open" and time.monotonic() - self.began > 60:
            raise MarketError("no worker has taken the job for a minute: the ceiling of the price may be too low, or the workers' stake too small")
        parts = self.market.get_all(f"/v1/jobs/{self.job}/parts")
        losses = [p["loss"] for p in parts if p["loss"] is not None and p["state"] in ("passed", "settled")]
        done = job["final_rounds"]
        bar = "#" * (30 * done // self.rounds) + "." * (30 - 30 * done // self.rounds)
        line = f"    [{bar}] training round {min(job['round'] + 1, self.rounds)}/{self.rounds}, {done} final, loss {losses[-1]:.3f}" if losses else f"    [{bar}] waiting for the first part"
        if sys.stdout.isatty():
            print("\r" + line + "  ", end="", flush=True)
        elif time.monotonic() - self.last_line > 10:
            self.last_line = time.monotonic()
            print(line, flush=True)

    def until_closed(self, seconds):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.pull(1000)
            job = self.market.get(f"/v1/jobs/{self.job}")
            if job is None:
                continue
            self.status(job)
            if job["state"] in ("completed", "failed", "cancelled", "expired", "insufficient_funds", "diverged"):
                self.pull(0)
                print(flush=True)
                return job
            for program in self.market.programs.values():
                if not program.alive():
                    raise MarketError(f"{program.name} ended by itself; {program.log}:\n{program.tail()}")
        raise MarketError(f"the job did not end within {seconds} s; logs are in {self.market.directory / 'logs'}")


def show_money(market, parties, before, after, roles):
    print(f"    {'party':<14} {'role':<10} {'before':>16} {'after':>16} {'change':>14}")
    for name in parties:
        print(f"    {name:<14} {roles[name]:<10} {grains(before[name]):>16} {grains(after[name]):>16} {after[name] - before[name]:>+14,}")


def why(market, job, slashes, audits, pay, names):
    """One line per reason for which money moved. `pay`: (account, reason) -> grains, as the events say it."""
    spent = job["spent"]
    lines = [f"the submitter's hold of {grains(job['held'])}: {grains(spent['workers'])} to workers, {grains(spent['auditors'])} to auditors, "
             f"{grains(spent['protocol_fees'])} protocol fee (burned), {grains(spent['unproved'])} for work that nobody could judge (burned), {grains(spent['refunded'])} returned"]
    for lease in market.get_all(f"/v1/jobs/{job['id']}/leases"):
        lines.append(f"{names[lease['worker']]} was paid for {lease['paid_segments']} final segments of lane {lease['lane']} at {grains(lease['price'])}; "
                     f"the lease ended: {lease['end']}")
    for account in sorted({audit["auditor"] for audit in audits}, key=names.get):
        own = [audit for audit in audits if audit["auditor"] == account and audit["paid"]]
        controls = sum(audit["kind"] == "control" for audit in own)
        lines.append(f"{names[account]} was paid for {len(own)} audits, {controls} of them controls, {grains(pay.get((account, 'audit'), 0))} in all")
    for game in market.get_all(f"/v1/jobs/{job['id']}/disputes?state=over"):
        lines.append(f"{names[game['challenger']]} disputed round {game['round']} lane {game['lane']} of {names[game['asserter']]}: {game['state']} after "
                     f"{game['moves']} moves; dispute {game['id']}")
    for slash in slashes:
        lines.append(f"{names[slash['worker']]} lost {grains(slash['amount'])} of its stake: {slash['reason']}; evidence {slash['evidence']}")
    lines.append("whatever is left in the differences are transaction fees and forfeited bonds, which are burned")
    return "\n".join("    " + line for line in lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binaries", required=True)
    parser.add_argument("--text")
    parser.add_argument("--out", default="out/demo")
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--learning-rate", type=float, default=0.002)
    parser.add_argument("--keep-running", action="store_true")
    parser.add_argument("--setup-seconds", type=float, default=0)
    arguments = parser.parse_args()
    if not 1 <= arguments.rounds <= 1000:
        parser.error("--rounds: between 1 and 1000")
    out = Path(arguments.out).resolve()
    if (out / "market").exists():
        shutil.rmtree(out / "market")
    out.mkdir(parents=True, exist_ok=True)
    phases = Phases(arguments.setup_seconds)
    try:
        with Market(out / "market", arguments.binaries) as market:
            run(arguments, market, out, phases)
    except (MarketError, subprocess.CalledProcessError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130
    return 0


def run(arguments, market, out, phases):
    say("preparing keys, genesis and data")
    phases.begin("prepare")
    text = demo_text(arguments, out)
    parties = [*WORKERS, *VALIDATORS, "submitter"]
    market.make_genesis({name: {"worker": STAKE} for name in WORKERS} | {name: {"validator": STAKE} for name in VALIDATORS} | {"submitter": {}}, WEALTH,
                        # On one machine nobody is away for long, and windows follow grace.
                        {"grace_ms": 10_000, "unfinal_rounds_max": 8})
    imported = market.assay("data", "import", text, "--out", out / "dataset.bin", node=False)["data"]
    spec_file = out / "job.json"
    spec_file.write_text(json.dumps(job_spec(arguments, imported), indent=2) + "\n")
    vocabulary = imported["vocabulary"]
    print(f"    text {text} ({text.stat().st_size:,} bytes, {vocabulary} characters)")

    say("starting a node, three workers (one of them cheats), three validators")
    phases.begin("start")
    market.start_node()
    accounts = {name: market.account(name) for name in parties}
    names = {account: name for name, account in accounts.items()}
    total_before = market.get("/v1/chain")["total"]
    before = {name: market.wealth(account) for name, account in accounts.items()}
    for name in VALIDATORS:
        market.start_validator(name)
    price = int(market.get("/v1/chain")["parameters"]["protocol_price"])
    for place, name in enumerate(WORKERS):
        cheats = name == CHEAT
        # The cheat underbids, so it is sure to get a lane.
        market.start_worker(name, "--price", price // 2 if cheats else price - len(WORKERS) + place, binary="assay-adversary-faking-worker" if cheats else "assay-worker")
    market.wait(lambda: len(market.get_all("/v1/offers")) == len(WORKERS), 60, "the workers' offers", *market.programs.values())
    for offer in market.get_all("/v1/offers"):
        print(f"    {names[offer['worker']]} offers {offer['price_per_gflop']} grains per GFLOP, {int(offer['flops_per_second']) / 1e9:.1f} GFLOP/s")

    say("what the job costs, before any money is spent")
    plan = market.run("assay", "plan", spec_file, "--node", market.url)
    print("    " + plan.stdout.strip().replace("\n", "\n    "))
    say("posting the job and training")
    phases.begin("train")
    job_id = market.assay("submit", spec_file, "--data", out / "dataset.bin", *market.key_arguments("submitter"))["job"]
    print(f"    job {job_id}")
    watch = Watch(market, job_id, arguments.rounds, names)
    job = watch.until_closed(900)
    if job["state"] != "completed":
        raise MarketError(f"the job ended as {job['state']} ({job['reason']}); logs are in {market.directory / 'logs'}")

    phases.begin("results")
    model, certificate = out / "model", out / "model" / "certificate.bin"
    if model.exists():
        shutil.rmtree(model)
    market.assay("model", "get", job_id, "--out", model)
    history = market.history(job_id)
    slashes = [entry for entry in history if entry["kind"] == "slashed"]
    audits = market.get_all(f"/v1/jobs/{job_id}/audits")
    drawn = [a for a in audits if a["kind"] == "audit"]
    verdicts = [a["verdict"]["kind"] for a in drawn if a["verdict"] is not None]
    parts = market.get_all(f"/v1/jobs/{job_id}/parts")
    steps = job["shape"]["round_steps"]
    points = sorted(((p["key"]["round"] + 1) * steps, p["loss"]) for p in parts if p["loss"] is not None and p["state"] in ("passed", "settled"))
    after = {name: market.wealth(account) for name, account in accounts.items()}
    chain = market.get("/v1/chain")

    say("evaluating the first and the last model")
    phases.begin("evaluate")
    first = market.assay("evaluate", "--spec", spec_file, "--data", out / "dataset.bin", "--init", "--windows", 200, node=False)["validation_loss"]
    last = market.assay("evaluate", "--data", out / "dataset.bin", "--model", model, "--windows", 200, node=False)["validation_loss"]

    say("loss of the parts that passed (nats per character)")
    print(curve(points))
    say("who was paid what, and why (grains)")
    show_money(market, accounts, before, after, {n: n.rstrip("-0123456789") for n in accounts})
    print(why(market, job, slashes, audits, watch.pay, names))
    print(f"    supply {grains(chain['supply'])}, everything that exists now {grains(chain['total'])}")
    say("the certificate, checked offline")
    verified = market.run("assay", "certificate", "verify", certificate, "--model", model)
    # Signatures are worth what the reader knows of their keys: somebody else than the operator knows these three; here the script does.
    trust = market.trust_file(VALIDATORS, chain["chain_id"])
    weighed = market.run("assay", "certificate", "verify", certificate, "--model", model, "--trust", trust, check=False)
    shown = weighed.stdout if weighed.returncode == 0 else verified.stdout + weighed.stderr
    print("    " + shown.strip().replace("\n", "\n    "))
    say("a second opinion by stock libtorch, and a sample")
    opinion = market.assay("evaluate", "--data", out / "dataset.bin", "--model", model, "--windows", 200, "--torch", node=False)["validation_loss"]
    print(f"    validation loss: first {first:.4f} (ln {vocabulary} = {math.log(vocabulary):.4f}), last {last:.4f}, by stock libtorch {opinion:.4f}")
    sample = market.assay("sample", "--model", model, "--prompt", "And ", "--tokens", 400, node=False)["text"]
    print("    | " + sample.strip().replace("\n", "\n    | "))

    summary = {
        "validation_loss_first": first, "validation_loss_last": last, "vocabulary": vocabulary,
        "model_root": market.assay("certificate", "verify", certificate, "--model", model, node=False)["model_root"],
        "model": str(model), "certificate": str(certificate), "job": str(spec_file), "dataset": str(out / "dataset.bin"),
        "parties": [{"role": name.rstrip("-0123456789"), "id": accounts[name], "balance_start": str(before[name]), "balance_end": str(after[name])} for name in accounts],
        "supply": chain["supply"], "total_before": total_before, "total_after": chain["total"],
        "slashed": [{key: slash[key] for key in ("worker", "reason", "evidence", "amount")} for slash in slashes],
        "audits": {"drawn": len(drawn), "controls": len(audits) - len(drawn), "passed": sum(v == "valid" for v in verdicts), "failed": sum(v == "invalid" for v in verdicts)},
        "seconds": {},
    }
    phases.end()
    summary["seconds"] = phases.seconds
    (out / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    say("done")
    print(f"    model        {model} (model.safetensors and config.json; GPT-2 loaders take it as it is)\n    certificate  {certificate}\n"
          f"    summary      {out / 'summary.json'}\n    seconds      " + ", ".join(f"{k} {v}" for k, v in phases.seconds.items()))
    cheats = [slash for slash in slashes if slash["worker"] == accounts[CHEAT]]
    problems = []
    if not cheats:
        problems.append(f"the cheating worker was not slashed: none of its segments was drawn. The chance of that is 0.55^{arguments.rounds} = "
                        f"{0.55 ** arguments.rounds:.1e}, so use more rounds than that leaves to luck")
    if len(slashes) != len(cheats):
        problems.append("an honest worker was slashed")
    if not (chain["total"] == total_before == chain["supply"]):
        problems.append("money was not conserved")
    if problems:
        raise MarketError("; ".join(problems))
    if arguments.keep_running:
        print(f"    everything keeps running at {market.url}; Ctrl-C stops it")
        signal.pause()
    else:
        print("    the market has stopped; `scripts/demo --no-build --keep-running` leaves it running afterwards, and\n"
              f"    `{market.bin / 'assayd'} run --dir {market.directory / 'node'} {' '.join(map(str, market.key_arguments('operator')))}` starts this node again")


if __name__ == "__main__":
    sys.exit(main())
