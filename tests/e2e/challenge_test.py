#!/usr/bin/env python3
"""A worker cheats in a segment that nobody is drawn to audit. A validator that recomputes accepted work unasked finds it, seals and opens a
challenge within the window and wins the game, although both sides are killed in the middle of it and start again. The worker loses its lock,
the challenger has its bond back and a bounty, and the job completes with the root that honest training gives.
Somebody else then challenges honest work by hand, with a root that nobody can reach: its own program finds that out and gives the game up."""

import json
import sys
import time

from e2e import STAKE, VALIDATORS, WEALTH, Job, events_of, main, require, require_trained, say, slashed_in, verify_chain, wait_for_offers

HONEST, CHALLENGER, WRONG, REFEREES = "honest-worker", *VALIDATORS[:2], VALIDATORS[1:]
# One after the other, one for each job: whoever's fault was drawn is convicted, and honest work takes the lane over.
FAULTY = ["faulty-worker-1", "faulty-worker-2", "faulty-worker-3"]
SPEED = ("--gflops", "5", "--threads", "1")
# One part of three segments; the fault is in the first. At the lowest rate most parts have no audit in it.
SHAPE = {"model": {"layers": 1, "width": 32, "context": 32}, "batch": 2, "lanes": 1, "rounds": 1, "round_steps": 12, "segment_steps": 4,
         "part_segments": 3, "min_lanes": 1, "audit_rate": 0.0}


def start(market):
    parties = {name: {"worker": STAKE} for name in [HONEST, *FAULTY]} | {"submitter": {}} | {name: {"validator": STAKE} for name in VALIDATORS}
    market.make_genesis(parties, WEALTH, {"window_ms": 3000, "grace_ms": 10000, "dispute_clock_ms": 20000, "epoch_ms": 200,
                                          "rate_new_ppm": 100000, "rate_floor_ppm": 100000})
    market.start_node()
    market.start_validator(CHALLENGER, *SPEED, "--spot-check", "1")
    for name in REFEREES:
        market.start_validator(name, *SPEED)
    market.start_worker(HONEST, *SPEED, "--price", "10000000")
    wait_for_offers(market, 1)


def challenge_of(market, job, account):
    for state in ("open", "over"):
        for dispute in market.get_all(f"/v1/jobs/{job.id}/disputes?state={state}"):
            if dispute["challenger"] == account and not dispute["audit"]:
                return dispute
    return None


def challenged_job(market, folder, account):
    """Posts jobs until one's fault passes its audit: the draw is the chain's and not the test's. Gives the job and who cheated in it."""
    for number, cheat in enumerate(FAULTY):
        market.start_worker(cheat, *SPEED, "--price", "1", "--stall", "30", binary="assay-adversary-faulty-worker")
        market.wait(lambda name=cheat: market.account(name) in {offer["worker"] for offer in market.get_all("/v1/offers")}, 60, "the cheat's offer",
                    *market.programs.values())
        place = folder / f"job-{number}"
        place.mkdir()
        job = Job(market, place, **SHAPE, seed=str(18 + number % 3))
        job.submit()
        audited = market.wait(lambda j=job: challenge_of(market, j, account) or market.get_all(f"/v1/jobs/{j.id}/disputes?state=open"), 60,
                              "a dispute", *market.programs.values())
        if isinstance(audited, dict):
            return job, cheat
        say("  the fault was drawn; another job")
        job.until_closed(60)
        market.programs.pop(cheat).kill()
    require(False, f"{len(FAULTY)} times the fault was drawn")


def kill_both_in_the_game(market, job, account, cheat):
    def in_the_middle():
        dispute = challenge_of(market, job, account)
        require(dispute["state"] == "open", f"the game was over before anybody was killed: {dispute}")
        return dispute if dispute["moves"] >= 4 else None
    dispute = market.wait(in_the_middle, 30, "the middle of the game", *market.programs.values())
    moves = dispute["moves"]
    shown = market.assay("dispute", "show", dispute["id"])
    require(shown["state"] == "open" and " has to " in shown["next"], f"shown otherwise: {shown}")
    require([d["id"] for d in market.assay("dispute", "list", "--account", account)] == [dispute["id"]], "the account's dispute is not listed")
    for name in (CHALLENGER, cheat):
        market.programs[name].kill()
    for name in (CHALLENGER, cheat):
        market.restart(name)
    say(f"  both sides were killed after move {moves} and started again")


def challenge_by_hand(market, job):
    """With a root that is nothing, against the honest worker's part."""
    def passed():
        return [p for p in market.get_all(f"/v1/jobs/{job.id}/parts") if p["state"] == "passed" and p["key"]["worker"] == market.account(HONEST)]
    part = market.wait(passed, 60, "an honest part", *market.programs.values())[0]
    command = ["challenge", "segment", "--part", part["id"], "--segment", "1", "--claimed", "ab" * 32]
    refused = market.assay(*command, *market.key_arguments("submitter"), check=False)
    require("free stake as validator is 0" in refused["error"], f"refused otherwise: {refused}")
    opened = market.assay(*command, *market.key_arguments(WRONG))
    require(int(opened["bond"]) > 0, f"no bond: {opened}")
    say(f"  challenged by hand for {opened['bond']} grains")
    def game():
        return next((d["id"] for state in ("open", "over") for d in market.get_all(f"/v1/jobs/{job.id}/disputes?state={state}")
                     if d["pool"] == opened["pool"]), None)
    return market.wait(game, 30, "the game of the challenge by hand", *market.programs.values())


def test(market, folder, arguments):
    begin = time.monotonic()
    start(market)
    account = market.account(CHALLENGER)
    job, cheat = challenged_job(market, folder, account)
    say(f"an undrawn fault is challenged after {time.monotonic() - begin:.0f} s")
    kill_both_in_the_game(market, job, account, cheat)
    wrong = challenge_by_hand(market, job)
    record = job.until_closed(120)

    dispute = challenge_of(market, job, account)
    require(dispute["state"] == "upheld" and dispute["segment"] == 0, f"the challenge ended otherwise: {dispute}")
    over = {d["id"]: d["state"] for d in market.assay("dispute", "list", "--job", job.id)}
    require(over == {dispute["id"]: "upheld", wrong: "rejected"}, f"disputes: {over}")
    require("bond" in market.assay("dispute", "show", wrong)["next"], "the end is not told")
    loser = market.get(f"/v1/accounts/{market.account(WRONG)}")["stakes"][0]
    require(int(loser["active"]) < STAKE, "a wrong challenge cost nothing")
    slashed = slashed_in(market, job)
    require(len(slashed) == 1 and slashed[0]["worker"] == market.account(cheat) and int(slashed[0]["amount"]) > 0, f"slashed: {slashed}")
    bounty = sum(int(e["amount"]) for e in events_of(market, "paid", account=account, reason="bounty", job=job.id))
    require(bounty > 0, "the challenger got no bounty")
    record_of = json.loads(market.run("assay-worker", "earnings", "--json", "--node", market.url, "--account", market.account(cheat)).stdout)
    counted = record_of["disputes"]
    require(counted["won"] == counted["open"] == 0 and counted["lost"] >= 1, f"disputes counted otherwise: {record_of}")
    for name in [HONEST, *(v for v in VALIDATORS if v != WRONG)]:
        for stake in market.get(f"/v1/accounts/{market.account(name)}")["stakes"]:
            # The bond is in the stake again, and nobody who kept to the rules lost any.
            require(int(stake["active"]) == STAKE and stake["jailed_at_ms"] is None, f"{name} was punished: {stake}")
    require_trained(market, job, record)
    say(f"  upheld after {dispute['moves']} moves: {cheat} lost {slashed[0]['amount']} grains, the challenger got {bounty}")
    verify_chain(market)
    say(f"done in {time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    sys.exit(main(__doc__, test))
