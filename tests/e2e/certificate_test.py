#!/usr/bin/env python3
"""A certificate of a job in which a cheater was slashed, one round closed without its lane, and the lane was matched again. It is verified with
the node stopped, every changed byte of certificate, model and configuration is refused, and `assay train --certificate` follows the recorded
membership to the same model root."""

import json
import os
import shutil
import sys

from e2e import VALIDATORS, Job, genesis, main, require, require_clean, say, start_validators, verify_chain, wait_for_offers

CHEAT, HONEST, LATE = "cheat", "honest", "late"
NOT_PROVED = 4
FLIPS = {"certificate.bin": 500, "model.safetensors": 500, "config.json": 1000}


def run_market(market, job):
    """Round 0: the cheat is convicted and its lane is vacant until the round's deadline. Then a second honest worker takes the lane."""
    market.start_node("--keep-checkpoints")
    start_validators(market)
    price = int(market.get("/v1/chain")["parameters"]["protocol_price"])
    # The cheat underbids, so it is sure to get a lane.
    market.start_worker(CHEAT, "--gflops", "5", "--price", price // 2, binary="assay-adversary-faking-worker")
    market.start_worker(HONEST, "--gflops", "5")
    wait_for_offers(market, 2)
    job.submit()

    def members(number):
        entry = market.get(f"/v1/jobs/{job.id}/rounds/{number}")
        return len(entry["members"]) if entry and entry["state"] != "open" else 0

    require(market.wait(lambda: members(0), 90, "the first round's close", *market.programs.values()) == 1, "the first round has both lanes")
    say("round 0 closed with one lane")
    market.start_worker(LATE, "--gflops", "5", "--threads", "1", "--micro-batch", "2")
    job.until_closed(180)
    require_clean(market, job.id, [HONEST, LATE, *VALIDATORS], [CHEAT])
    closed = {entry["round"]: [m["lane"] for m in entry["members"]] for entry in market.history(job.id) if entry["kind"] == "round_closed"}
    say(f"members of the rounds: {closed}")
    require(len(closed[0]) == 1 and len(closed[job.spec["rounds"] - 1]) == 2, "the rounds have other members than this test needs")
    late = market.get_all(f"/v1/leases?worker={market.account(LATE)}")
    require(late and int(late[0]["paid_segments"]) > 0, "the late worker was not paid for the lane it took over")


def verify(market, folder, check=True, *extra):
    return market.run("assay", "--json", "certificate", "verify", folder / "certificate.bin", "--model", folder, *extra, check=check)


def replay(market, job, folder, model):
    """All segments and merges from the node's checkpoints; from a folder that has none of them nothing, and that is no proof."""
    more = ["--data", job.data, "--scratch", folder / "replay"]
    done = market.run("assay", "--node", market.url, "certificate", "verify", model / "certificate.bin", "--replay", "1000", *more, check=False)
    line = next((line for line in done.stdout.splitlines() if line.startswith("recomputed")), "")
    say(line)
    rounds = job.spec["rounds"]
    require(done.returncode == 0 and f"{rounds} of {rounds} merges" in line, f"the replay ended with {done.returncode}: {done.stdout}{done.stderr}")
    empty = folder / "no checkpoints"
    empty.mkdir()
    done = market.run("assay", "--node", market.url, "certificate", "verify", model / "certificate.bin", "--replay", "1", "--checkpoints", empty, *more, check=False)
    require(done.returncode == NOT_PROVED and "0 of " in done.stdout and f"could not be had: {empty}" in done.stdout,
            f"a replay without checkpoints ended with {done.returncode}: {done.stdout}{done.stderr}")


def positions(size, wanted):
    """All positions of a small file; of a larger one its first and last bytes and a stride that lands on every remainder of 4 and 32."""
    if size <= wanted:
        return list(range(size))
    edge = min(64, wanted // 4)
    stride = max(1, size // (wanted - 2 * edge)) | 1
    return sorted({*range(edge), *range(edge, size - edge, stride), *range(size - edge, size)})


def refuse_flips(market, folder, name, wanted):
    """One bit of one byte after the other is changed, looked at, and put back."""
    file = folder / name
    size = file.stat().st_size
    places = positions(size, wanted)
    with open(file, "r+b", buffering=0) as handle:
        for count, place in enumerate(places):
            before = os.pread(handle.fileno(), 1, place)
            os.pwrite(handle.fileno(), bytes([before[0] ^ (1 << count % 8)]), place)
            done = verify(market, folder, check=False)
            os.pwrite(handle.fileno(), before, place)
            require(done.returncode == NOT_PROVED, f"{name}, byte {place} of {size} changed: ended with {done.returncode}: {done.stdout}{done.stderr}")
    say(f"{name}: {len(places)} of {size} bytes changed, each refused")


def refuse_lengths(market, folder, name):
    file = folder / name
    content = file.read_bytes()
    for what, changed in {"a byte more": content + b"\0", "a byte less": content[:-1], "nothing": b"", "twice": content * 2}.items():
        file.write_bytes(changed)
        done = verify(market, folder, check=False)
        require(done.returncode == NOT_PROVED, f"{name}, {what}: ended with {done.returncode}: {done.stdout}{done.stderr}")
    file.unlink()
    done = verify(market, folder, check=False)
    require(done.returncode not in (0, None) and done.returncode > 0, f"{name} missing: ended with {done.returncode}")
    file.write_bytes(content)


def test(market, folder, arguments):
    genesis(market, [CHEAT, HONEST, LATE], grace_ms=3000)
    job = Job(market, folder, min_lanes=1, round_deadline_s=8)
    run_market(market, job)
    model = folder / "model"
    got = market.assay("model", "get", job.id, "--out", model)
    replay(market, job, folder, model)
    verify_chain(market)

    report = verify(market, model).stdout
    say("verified with the node stopped")
    require(got["model_root"] in report, "the certificate is of another model root")
    for option, value in (("--chain", "ab" * 32), ("--operator", market.key(HONEST)["hot"]), ("--job", "ef" * 32)):
        require(verify(market, model, False, option, value).returncode == NOT_PROVED, f"{option} of another one is accepted")
    require('"proved":false' in report.replace(" ", ""), "without a trust list a certificate is proved")
    chain = json.loads(report)["chain_id"]
    trust = market.trust_file(VALIDATORS, chain)
    require("keys you trust" in verify(market, model, True, "--trust", trust).stdout, "the validators' keys prove nothing")
    trust = market.trust_file([CHEAT], chain)
    require(verify(market, model, False, "--trust", trust).returncode == NOT_PROVED, "the key of nobody who audited proves something")
    scratch = folder / "scratch"
    shutil.copytree(model, scratch)
    for name, wanted in FLIPS.items():
        refuse_flips(market, scratch, name, wanted)
        refuse_lengths(market, scratch, name)
        require((scratch / name).read_bytes() == (model / name).read_bytes(), f"{name} was not put back")
    verify(market, scratch)

    followed = job.train("followed", "--certificate", model / "certificate.bin")
    require(followed["model_root"] == got["model_root"], f"assay train --certificate reached {followed['model_root']}, the market {got['model_root']}")
    from_market = market.assay("train", model / "job.json", "--data", job.data, "--out", folder / "again", "--certificate", model / "certificate.bin",
                               "--threads", "1", "--target", "scalar", node=False)
    require(from_market["model_root"] == got["model_root"], "the job as the market gave it out leads to another model root")
    for name in ("model.safetensors", "config.json"):
        require((folder / "followed" / "model" / name).read_bytes() == (model / name).read_bytes(), f"{name} differs")
    say(f"assay train --certificate reaches model root {got['model_root']}")
    alone = job.train("alone")
    require(alone["model_root"] != got["model_root"], "without the certificate all lanes are merged, yet the model is the same: the test shows nothing")


if __name__ == "__main__":
    sys.exit(main(__doc__, test))
