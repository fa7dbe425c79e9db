#!/usr/bin/env python3
"""A worker cheats in a segment that nobody is drawn to audit. A validator that recomputes accepted work unasked finds it, seals and opens a
challenge within the window and wins the game, although both sides are killed in the middle of it and start again. The worker loses its lock,
the challenger has its bond back and a bounty, and the job completes with the root that honest training gives."""

import sys
import time

from e2e import STAKE, VALIDATORS, WEALTH, Job, main, require, say, verify_chain, wait_for_offers

HONEST, FAULTY, CHALLENGER, REFEREES = "honest-worker", "faulty-worker", VALIDATORS[0], VALIDATORS[1:]
SPEED = ("--gflops", "5", "--threads", "1")
# One part of three segments; the fault is in the first. At the lowest rate most parts have no audit in it.
SHAPE = {"model": {"layers": 1, "width": 32, "context": 32}, "batch": 2, "lanes": 1, "rounds": 1, "round_steps": 12, "segment_steps": 4,
         "part_segments": 3, "min_lanes": 1, "audit_rate": 0.0}
TRIES = 8


def start(market):
    parties = {HONEST: {"worker": STAKE}, FAULTY: {"worker": STAKE}, "submitter": {}} | {name: {"validator": STAKE} for name in VALIDATORS}
    market.make_genesis(parties, WEALTH, {"judgement": "referee", "window_ms": 3000, "grace_ms": 10000, "dispute_clock_ms": 20000, "epoch_ms": 200,
                                          "rate_new_ppm": 100000, "rate_floor_ppm": 100000})
    market.start_node()
    market.start_validator(CHALLENGER, *SPEED, "--spot-check", "1")
    for name in REFEREES:
        market.start_validator(name, *SPEED)
    market.start_worker(FAULTY, *SPEED, "--price", "1", "--stall", "30", binary="assay-adversary-faulty-worker")
    market.start_worker(HONEST, *SPEED, "--price", "10000000")
    wait_for_offers(market, 2)


def challenge_of(market, job, account):
    for state in ("open", "over"):
        for dispute in market.get_all(f"/v1/jobs/{job.id}/disputes?state={state}"):
            if dispute["challenger"] == account and not dispute["audit"]:
                return dispute
    return None


def challenged_job(market, folder, account):
    """Posts jobs until one's fault passes its audit: the draw is the chain's and not the test's."""
    for number in range(TRIES):
        place = folder / f"job-{number}"
        place.mkdir()
        job = Job(market, place, **SHAPE, seed=str(18 + number % 3))
        job.submit()
        audited = market.wait(lambda j=job: challenge_of(market, j, account) or market.get_all(f"/v1/jobs/{j.id}/disputes?state=open"), 60,
                              "a dispute", *market.programs.values())
        if isinstance(audited, dict):
            return job
        say("  the fault was drawn; another job")
        job.until_closed(60)
    require(False, f"{TRIES} times the fault was drawn")


def kill_both_in_the_game(market, job, account):
    def in_the_middle():
        dispute = challenge_of(market, job, account)
        require(dispute["state"] == "open", f"the game was over before anybody was killed: {dispute}")
        return dispute if dispute["moves"] >= 4 else None
    moves = market.wait(in_the_middle, 30, "the middle of the game", *market.programs.values())["moves"]
    for name in (CHALLENGER, FAULTY):
        market.programs[name].kill()
    for name in (CHALLENGER, FAULTY):
        market.restart(name)
    say(f"  both sides were killed after move {moves} and started again")


def events_of(market, kind, **attributes):
    after, found = "0:0", []
    while True:
        page = market.get(f"/v1/events?after={after}&limit=500")
        found += [e["attributes"] for e in page["data"] if e["kind"] == kind and attributes.items() <= e["attributes"].items()]
        if not page["data"]:
            return found
        after = page["next"]


def test(market, folder, arguments):
    begin = time.monotonic()
    start(market)
    account = market.account(CHALLENGER)
    job = challenged_job(market, folder, account)
    say(f"an undrawn fault is challenged after {time.monotonic() - begin:.0f} s")
    kill_both_in_the_game(market, job, account)
    record = job.until_closed(120)

    dispute = challenge_of(market, job, account)
    require(dispute["state"] == "upheld" and dispute["segment"] == 0, f"the challenge ended otherwise: {dispute}")
    require(len(market.get_all(f"/v1/jobs/{job.id}/disputes?state=over")) == 1, "one target was challenged twice")
    slashed = [entry for entry in market.history(job.id) if entry["kind"] == "slashed"]
    require(len(slashed) == 1 and slashed[0]["worker"] == market.account(FAULTY) and int(slashed[0]["amount"]) > 0, f"slashed: {slashed}")
    bounty = sum(int(e["amount"]) for e in events_of(market, "paid", account=account, reason="bounty", job=job.id))
    require(bounty > 0, "the challenger got no bounty")
    for name in [HONEST, *VALIDATORS]:
        for stake in market.get(f"/v1/accounts/{market.account(name)}")["stakes"]:
            # The bond is in the stake again, and nobody who kept to the rules lost any.
            require(int(stake["active"]) == STAKE and stake["misses"] == 0, f"{name} was punished: {stake}")
    require(record["final_root"] == job.train("alone")["final_root"], "the job's root is not that of honest training")
    say(f"  upheld after {dispute['moves']} moves: {FAULTY} lost {slashed[0]['amount']} grains, the challenger got {bounty}")
    verify_chain(market)
    say(f"done in {time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    sys.exit(main(__doc__, test))
