#!/usr/bin/env python3
"""Jobs whose data is not what the spec says. A9: a spec whose tokens do not fit its blob is refused at the post. A5: a worker commits invented
work while a chunk of the data is asked for and nobody shows it: the job ends, the invented work is not paid, and no validator loses anything."""

import json
import sys
import time

from e2e import STAKE, TERMINAL, VALIDATORS, Job, genesis, main, require, say, start_validators, verify_chain, wait_for_offers

FAKER = "faker"


def unfit_tokens(market, job):
    before = market.get_all("/v1/jobs")
    for change in (-1, 1, 10 ** 6):
        other = {**job.spec, "data": {**job.spec["data"], "tokens": str(int(job.spec["data"]["tokens"]) + change)}}
        file = job.folder / "unfit.json"
        file.write_text(json.dumps(other))
        done = market.assay("submit", file, "--data", job.data, *market.key_arguments("submitter"), check=False)
        require("job" not in done and "error" in done, f"tokens {change:+}: {done}")
        say(f"  tokens {change:+}: {done['error']}")
    require(market.get_all("/v1/jobs") == before, "a job was posted all the same")


def vanished_data(market, job):
    account = market.account(FAKER)
    before = market.wealth(account)
    job.submit()
    market.wait(lambda: market.get_all(f"/v1/jobs/{job.id}/parts"), 60, "an invented part", *market.programs.values())
    for file in (market.directory / "node").rglob(job.record()["data_blob"]):
        file.unlink()
    market.assay("challenge", "chunk", "data", job.id, *market.key_arguments("asker"))

    def closed():
        record = job.record()
        return record if record["state"] in TERMINAL else None
    record = market.wait(closed, 120, "the job's end", *market.programs.values())
    require((record["state"], record["reason"]) == ("failed", "data_missing"), f"the job ended as {record['state']} ({record['reason']})")
    require(market.wealth(account) <= before, f"{FAKER} gained {market.wealth(account) - before}")
    require(int(record["final_segments"]) == 0, f"invented segments became final: {record}")
    for name in VALIDATORS:
        stake = market.get(f"/v1/accounts/{market.account(name)}")["stakes"][0]
        require(int(stake["active"]) == STAKE and stake["jailed_at_ms"] is None, f"{name} was punished: {stake}")
    chain = market.get("/v1/chain")
    require(chain["supply"] == chain["total"], f"money was not conserved: {chain}")
    say(f"the job ended without its data; {FAKER} has {market.wealth(account) - before} grains more than before")


def test(market, folder, arguments):
    begin = time.monotonic()
    genesis(market, [FAKER], ("asker",), grace_ms=5000)
    market.start_node()
    start_validators(market)
    market.start_worker(FAKER, "--strategy", "fakes_everything", "--gflops", "5", "--slots", "2", binary="assay-adversary-worker")
    wait_for_offers(market, 1)
    job = Job(market, folder, lanes=1, min_lanes=1, rounds=4, round_steps=24, segment_steps=6)
    unfit_tokens(market, job)
    vanished_data(market, job)
    verify_chain(market)
    say(f"done in {time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    sys.exit(main(__doc__, test))
