#!/usr/bin/env python3
"""Jobs whose data is not what the spec says. A9: a spec whose tokens do not fit its blob is refused at the post. A5: a worker commits invented
work while a chunk of the data is asked for and nobody shows it: the job ends, the invented work is not paid, and no validator loses anything.
Then data vanishes under an honest worker, whom a validator with a fault accuses: it shows the data, and wins the game from what it kept of it."""

import json
import sys
import time

from e2e import STAKE, TERMINAL, VALIDATORS, WEALTH, Job, events_of, main, require, say, start_validators, verify_chain, wait_for_offers

FAKER, HONEST, FAULTY = "faker", "honest-worker", "faulty-validator"
LARGE = 40  # the faulty validator's stake, in those of the others: nearly every audit is its own
ACCUSED = {"model": {"layers": 1, "heads": 2, "width": 40, "context": 33, "dropout": 0.1}, "batch": 2, "lanes": 1, "rounds": 1, "round_steps": 4,
           "segment_steps": 4, "part_segments": 1, "min_lanes": 1, "seed": "18"}


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


def lose_data(market, job):
    for file in (market.directory / "node").rglob(job.record()["data_blob"]):
        file.unlink(missing_ok=True)


def shown_data(market, folder):
    """Nobody but the worker has the data: it answers without being asked to."""
    market.start_worker(HONEST, "--gflops", "5")
    wait_for_offers(market, 2)
    job = Job(market, folder, lanes=1, min_lanes=1, rounds=4, round_steps=24, segment_steps=6)
    job.submit()
    market.wait(lambda: [l for l in market.get_all(f"/v1/leases?worker={market.account(HONEST)}") if l["job"] == job.id], 60, "a lease")
    kept = market.directory / HONEST / "owed"
    market.wait(lambda: list(kept.glob(f"{job.id}-*-{job.record()['data_blob']}")), 60, "the data with the worker", *market.programs.values())
    lose_data(market, job)
    asked = market.assay("challenge", "chunk", "data", job.id, *market.key_arguments("asker"))["question"]
    end = market.wait(lambda: events_of(market, "question_closed", question=asked), 30, "the answer", *market.programs.values())[0]
    require((end["outcome"], end["answerer"]) == ("answered", market.account(HONEST)), f"the question ended otherwise: {end}")
    job.until_closed(120)
    say(f"{HONEST} showed the data for {end['bond']} grains")


def accused(market, folder):
    """The data is gone from the store from when it was trained on until the game about it is over."""
    account = market.account(HONEST)
    # The draw may give everything to others, and they need the data too: then another job.
    for number in range(8):
        place = folder / f"accused-{number}"
        place.mkdir()
        job = Job(market, place, **ACCUSED)
        job.submit()
        market.wait(lambda j=job: market.get_all(f"/v1/jobs/{j.id}/parts"), 60, "a part", *market.programs.values())

        def closed(j=job):
            # Whoever is drawn after the game needs the data, asks, and the worker stores it again.
            if not market.get_all(f"/v1/jobs/{j.id}/disputes?state=over"):
                lose_data(market, j)
            return j.record()["state"] in TERMINAL
        market.wait(closed, 120, "the job's end", *market.programs.values())
        games = [d for d in market.get_all(f"/v1/jobs/{job.id}/disputes?state=over") if d["asserter"] == account]
        if games:
            break
    require(games, "the draw never gave an audit to the validator with the fault")
    require(all(game["state"] == "rejected" and game["moves"] > 15 for game in games), f"the games ended otherwise: {games}")
    require(int(market.get(f"/v1/accounts/{account}")["stakes"][0]["active"]) == STAKE, f"{HONEST} was punished")
    say(f"{HONEST} won {len(games)} games about data that only it and its accuser had")


def vanished_data(market, job):
    account = market.account(FAKER)
    before = market.wealth(account)
    job.submit()
    market.wait(lambda: market.get_all(f"/v1/jobs/{job.id}/parts"), 60, "an invented part", *market.programs.values())
    for file in (market.directory / FAKER / "owed").glob(f"*-{job.record()['data_blob']}"):
        file.unlink()  # an accomplice of the submitter shows nothing
    lose_data(market, job)
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
    parties = {name: {"worker": STAKE} for name in (FAKER, HONEST)} | {name: {"validator": STAKE} for name in VALIDATORS}
    market.make_genesis(parties | {FAULTY: {"validator": STAKE * LARGE}, "submitter": {}, "asker": {}}, WEALTH * LARGE,
                        {"window_ms": 1000, "grace_ms": 10000, "dispute_clock_ms": 4000, "epoch_ms": 200})
    market.start_node()
    start_validators(market)
    market.start_validator(FAULTY, "--gflops", "5", binary="assay-adversary-faulty-validator")
    market.start_worker(FAKER, "--strategy", "fakes_everything", "--gflops", "5", "--slots", "2", binary="assay-adversary-worker")
    wait_for_offers(market, 1)
    job = Job(market, folder, lanes=1, min_lanes=1, rounds=4, round_steps=24, segment_steps=6)
    unfit_tokens(market, job)
    vanished_data(market, job)
    shown_data(market, folder)
    accused(market, folder)
    verify_chain(market)
    say(f"done in {time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    sys.exit(main(__doc__, test))
