"""What the end-to-end tests share: a small job, a market around it, and what must hold of every honest party."""

import argparse
import json
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
from local_market import Market, MarketError, Program  # noqa: E402, F401

WEALTH, STAKE = 20_000_000_000, 9_000_000_000
VALIDATORS = ["validator-1", "validator-2", "validator-3"]
TERMINAL = ("completed", "failed", "cancelled", "expired", "insufficient_funds", "diverged")
TEXT = ("The quick brown fox jumps over the lazy dog. Pack my box with five dozen liquor jugs. "
        "How vexingly quick daft zebras jump! Sphinx of black quartz, judge my vow.\n") * 120


def require(condition, text):
    if not condition:
        raise MarketError(text)


def spec(data, **changes):
    """A GPT whose steps take a few milliseconds. Every segment is audited."""
    small = {
        "model": {"kind": "gpt", "layers": 2, "heads": 2, "width": 32, "context": 32, "bias": True, "dropout": 0},
        "data": data, "batch": 4, "seed": "7",
        "optimizer": {"learning_rate": 0.002, "learning_rate_min": 0.0002, "warmup_steps": 5, "beta1": 0.9, "beta2": 0.95, "epsilon": 1e-8,
                      "weight_decay": 0.1, "clip_norm": 1.0},
        "merge": {"moments": "average", "outer_learning_rate": 0.7, "outer_momentum": 0.9},
        "lanes": 2, "rounds": 3, "round_steps": 12, "segment_steps": 3, "part_segments": 2, "min_lanes": 2,
        "price_ceiling": "20000000", "audit_rate": 1.0, "audit_lag": 0,
    }
    for name, value in changes.items():
        small[name] = {**small[name], **value} if isinstance(value, dict) else value
    return small


class Job:
    """One spec with its data on disk: what is posted to the market and what is trained without it."""

    def __init__(self, market, folder, **changes):
        self.market, self.folder = market, folder
        (folder / "text").write_text(TEXT)
        self.data, self.file, self.id = folder / "dataset", folder / "job.json", None
        self.spec = spec(market.assay("data", "import", folder / "text", "--out", self.data, node=False)["data"], **changes)
        self.file.write_text(json.dumps(self.spec))

    def submit(self, submitter="submitter"):
        self.id = self.market.assay("submit", self.file, "--data", self.data, *self.market.key_arguments(submitter))["job"]
        return self.id

    def record(self):
        return self.market.get(f"/v1/jobs/{self.id}")

    def until_closed(self, seconds):
        """The job's record at its end, which must be completion."""
        def closed():
            record = self.record()
            return record if record and record["state"] in TERMINAL else None
        record = self.market.wait(closed, seconds, "the job's end", *self.market.programs.values())
        require(record["state"] == "completed", f"the job ended as {record['state']} ({record['reason']})")
        return record

    def train_arguments(self, name, *arguments):
        return ["train", self.file, "--data", self.data, "--out", self.folder / name, *arguments]

    def train(self, name, *arguments):
        """The same job by one process without any market: what `assay train` prints."""
        return self.market.assay(*self.train_arguments(name, *arguments), node=False)


def genesis(market, workers, others=(), **parameters):
    """A chain on which windows and grace are short, unless the test says otherwise."""
    market.make_genesis({name: {"worker": STAKE} for name in workers} | {name: {"validator": STAKE} for name in VALIDATORS}
                        | {name: {} for name in ("submitter", *others)}, WEALTH, {"window_ms": 1000, "grace_ms": 10000, **parameters})


def start_validators(market):
    for name in VALIDATORS:
        market.start_validator(name, "--gflops", "5")


def start_workers(market, *names):
    for name in names:
        market.start_worker(name, "--gflops", "5")
    wait_for_offers(market, len(names))


def wait_for_offers(market, count):
    market.wait(lambda: len(market.get_all("/v1/offers")) >= count, 60, "the workers' offers", *market.programs.values())


def require_clean(market, job, honest, slashed=()):
    """Nobody in `honest` lost stake, was fined or jailed; nobody but `slashed` was slashed; money is conserved."""
    for name in honest:
        for stake in market.get(f"/v1/accounts/{market.account(name)}")["stakes"]:
            lost = int(stake["active"]) != STAKE or stake["jailed_at_ms"] is not None or stake["convicted_at_ms"] is not None or stake["tombstoned"]
            require(not lost, f"{name} was punished: {stake}")
    found = {entry["worker"] for entry in market.history(job) if entry["kind"] == "slashed"}
    require(found == {market.account(name) for name in slashed}, f"slashed: {found}, expected {slashed}")
    chain = market.get("/v1/chain")
    require(chain["supply"] == chain["total"], f"money was not conserved: {chain['supply']} and {chain['total']}")


def slashed_in(market, job):
    return [entry for entry in market.history(job.id) if entry["kind"] == "slashed"]


def events_of(market, kind, **attributes):
    """The attributes of all events of a kind that have these ones."""
    after, found = "0:0", []
    while True:
        page = market.get(f"/v1/events?after={after}&limit=500")
        found += [e["attributes"] for e in page["data"] if e["kind"] == kind and attributes.items() <= e["attributes"].items()]
        if not page["data"]:
            return found
        after = page["next"]


def require_trained(market, job, record):
    """The job's model is that of the same job trained without a market."""
    trained = job.train("alone")["final_root"]
    require(record["final_root"] == trained, f"the market's model {record['final_root']} is not {trained}")


def verify_chain(market):
    """The node is stopped and replays its own chain."""
    status = market.programs["node"].stop()
    require(status == 0, f"the node ended with {status} on SIGTERM:\n{market.programs['node'].tail()}")
    print("  " + market.run("assayd", "verify", "--dir", market.directory / "node").stdout.strip(), flush=True)


def log_matches(program, pattern):
    """All matches of `pattern` in a program's log so far."""
    try:
        return re.findall(pattern, program.log.read_text(errors="replace"))
    except OSError:
        return []


def say(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def main(description, test, add_options=None):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--binaries", required=True)
    parser.add_argument("--keep", action="store_true", help="keep the folder")
    if add_options:
        add_options(parser)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="assay-e2e-"))
    try:
        with Market(folder / "market", arguments.binaries) as market:
            test(market, folder, arguments)
    except MarketError as error:
        print(f"{error}\nlogs: {folder / 'market' / 'logs'}", file=sys.stderr)
        return 1
    if not arguments.keep:
        shutil.rmtree(folder)
    return 0


def main_of_cases(description, option, cases):
    """One of several cases, chosen by the option; each ends with a chain that replays."""
    def test(market, folder, arguments):
        begin = time.monotonic()
        cases[getattr(arguments, option)](market, folder)
        verify_chain(market)
        say(f"done in {time.monotonic() - begin:.0f} s")

    return main(description, test, lambda parser: parser.add_argument(f"--{option}", choices=cases, required=True))
