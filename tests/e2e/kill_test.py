#!/usr/bin/env python3
"""Every process of a market is killed (SIGKILL) again and again while a job runs. The job must complete, nobody may be slashed, money must be
conserved, and the roots must be those of the same job trained by one process without a market."""

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
from local_market import Market, MarketError  # noqa: E402

WORKERS, VALIDATORS = ["worker-1", "worker-2"], ["validator-1", "validator-2", "validator-3"]
WEALTH, STAKE = 2_000_000_000, 900_000_000
TEXT = ("The quick brown fox jumps over the lazy dog. Pack my box with five dozen liquor jugs. "
        "How vexingly quick daft zebras jump! Sphinx of black quartz, judge my vow.\n") * 120


def spec(data, rounds):
    """Two parts of two segments a round, so that kills fall between segments, parts and rounds."""
    return {
        "model": {"kind": "gpt", "layers": 2, "heads": 2, "width": 64, "context": 64, "bias": True, "dropout": 0},
        "data": data, "batch": 8, "seed": "7",
        "optimizer": {"learning_rate": 0.002, "learning_rate_min": 0.0002, "warmup_steps": 5, "beta1": 0.9, "beta2": 0.95, "epsilon": 1e-8,
                      "weight_decay": 0.1, "clip_norm": 1.0},
        "merge": {"moments": "average", "outer_learning_rate": 0.7, "outer_momentum": 0.9},
        "lanes": 2, "rounds": rounds, "round_steps": 80, "segment_steps": 20, "part_segments": 2, "min_lanes": 2,
        "price_ceiling": "20000000", "audit_rate": 1.0, "audit_lag": 0,
    }


def require(condition, text):
    if not condition:
        raise MarketError(text)


def kill_until_closed(market, job, seed, kills, seconds):
    """Kills one process after the other until `kills` are done, then waits for the job's end."""
    chance, deadline, done = random.Random(seed), time.monotonic() + seconds, []
    while True:
        record = market.get(f"/v1/jobs/{job}")
        if record and record["state"] not in ("open", "running", "verifying", "paused"):
            return record, done
        for name in WORKERS + VALIDATORS:
            require(market.programs[name].alive(), f"{name} ended by itself:\n{market.programs[name].tail()}")
        require(time.monotonic() < deadline, f"the job did not end within {seconds} s: {record}")
        if len(done) < kills:
            victim = chance.choice(["node"] + WORKERS * 2 + VALIDATORS)
            market.programs[victim].kill()
            market.restart(victim)
            done.append(victim)
        time.sleep(chance.uniform(0.2, 1.5))  # not waiting for anything: the next kill falls at a random moment


def run(arguments, folder):
    with Market(folder / "market", arguments.binaries) as market:
        market.make_genesis({name: {"worker": STAKE} for name in WORKERS} | {name: {"validator": STAKE} for name in VALIDATORS}
                            | {"submitter": {}}, WEALTH)
        (folder / "text").write_text(TEXT)
        data = market.assay("data", "import", folder / "text", "--out", folder / "dataset", node=False)["data"]
        spec_file = folder / "job.json"
        spec_file.write_text(json.dumps(spec(data, arguments.rounds)))
        market.start_node()
        for name in VALIDATORS:
            market.start_validator(name, "--gflops", "5")
        for name in WORKERS:
            market.start_worker(name, "--gflops", "5", "--checkpoint-every", "0")
        market.wait(lambda: len(market.get("/v1/offers")["data"]) == len(WORKERS), 60, "the workers' offers", *market.programs.values())
        job = market.assay("submit", spec_file, "--data", folder / "dataset", *market.key_arguments("submitter"))["job"]
        record, killed = kill_until_closed(market, job, arguments.seed, arguments.kills, arguments.seconds)
        print(f"seed {arguments.seed}: killed {len(killed)} times ({', '.join(killed)}), job {record['state']}", flush=True)
        require(record["state"] == "completed", f"the job ended as {record['state']} ({record['reason']})")
        kinds = [entry["kind"] for entry in market.history(job)]
        require("slashed" not in kinds, "somebody was slashed for being killed")
        chain = market.get("/v1/chain")
        require(chain["supply"] == chain["total"], f"money was not conserved: {chain['supply']} and {chain['total']}")
        trained = market.assay("train", spec_file, "--data", folder / "dataset", "--out", folder / "local", node=False)
        require(trained["final_root"] == record["final_root"],
                f"the market reached {record['final_root']}, one process {trained['final_root']}")
        print(f"final root {record['final_root']} as by one process", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binaries", required=True)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=240)
    parser.add_argument("--keep", action="store_true", help="keep the folder")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="assay-kill-"))
    try:
        run(arguments, folder)
    except MarketError as error:
        print(f"seed {arguments.seed}: {error}\nlogs: {folder / 'market' / 'logs'}", file=sys.stderr)
        return 1
    if not arguments.keep:
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
