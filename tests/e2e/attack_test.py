#!/usr/bin/env python3
"""Attacks of docs/attacks.md between real processes, one with each --attack.
a1: a worker's roots have no states, and only what comes after the first segment is drawn: nobody can begin, who was drawn asks for the state, the
worker has none, answers with rubbish that is refused, and is convicted.
a2: a worker tries end roots, alone, until its accomplice with 5 % of the stake draws all of its invented segments, and another one until it draws
none: honest validators draw them all the same.
a6: somebody's own job fills the auditors and is not delivered while invented work is committed to another job: that is audited all the same.
Every job completes with the root of honest training, and nobody honest loses anything."""

import sys

from e2e import (STAKE, VALIDATORS, WEALTH, Job, events_of, main_of_cases, require, require_clean, require_trained, say, slashed_in, start_validators,
                 wait_for_offers)

HONEST, ACCOMPLICE = "honest-worker", "accomplice"
# One lane and one round: a part is all of it. The cheat is cheaper, so it gets the lane first.
SHAPE = {"model": {"layers": 1}, "batch": 2, "lanes": 1, "min_lanes": 1, "rounds": 1, "round_steps": 12, "segment_steps": 2, "part_segments": 6}
CHEAP, DEAR = ("--gflops", "5", "--price", "1000"), ("--gflops", "5", "--price", "100000")


def start(market, cheats, others=(), accomplice=0, **parameters):
    """A chain, its validators and an honest worker. `accomplice`: the stake of a validator that stands for whatever was committed."""
    parties = {name: {"worker": STAKE} for name in (HONEST, *cheats)} | {name: {"validator": STAKE} for name in VALIDATORS}
    parties |= {ACCOMPLICE: {"validator": accomplice}} if accomplice else {}
    market.make_genesis(parties | {name: {} for name in ("submitter", *others)}, WEALTH,
                        {"window_ms": 1000, "grace_ms": 10000, "epoch_ms": 200, "rate_new_ppm": 100000, **parameters})
    market.start_node()
    start_validators(market)
    if accomplice:
        market.start_validator(ACCOMPLICE, "--gflops", "5", binary="assay-adversary-agreeing-validator")


def start_grinder(market, name, accomplices, *arguments):
    keys = [argument for accomplice in accomplices for argument in ("--accomplice", market.directory / f"{accomplice}.key")]
    market.start_worker(name, *CHEAP, *keys, *arguments, binary="assay-adversary-grinding-worker")


def new_job(market, folder, name, **changes):
    place = folder / name
    place.mkdir()
    return Job(market, place, **{**SHAPE, **changes})


def audits_of(market, job, worker):
    """Of the segments of a worker, who drew which: pairs of segment and auditor."""
    account = market.account(worker)
    audits = market.get_all(f"/v1/jobs/{job.id}/audits")
    return [(a["segment"], a["auditor"]) for a in audits if (a["kind"], a["claim"], a["worker"]) == ("audit", "segment", account)]


def invented_states(market, folder):
    """The draw is as one in some comes: none of the first segment, some of a later one. The worker gets it by reading the validators' keys, which
    saves the test from trying; it gives it nothing else."""
    cheat = "cheat"
    start(market, [cheat], grace_ms=6000)
    start_grinder(market, cheat, VALIDATORS, "--wish", "unforced", "--no-states", "--rubbish")
    market.start_worker(HONEST, *DEAR)
    wait_for_offers(market, 2)
    job = new_job(market, folder, "job", audit_rate=0.5)
    job.submit()
    record = job.until_closed(120)
    drawn = {segment for segment, _ in audits_of(market, job, cheat)}
    require(drawn and 0 not in drawn, f"drawn of the cheat's segments: {drawn}")
    slashed = slashed_in(market, job)
    require([entry["reason"] for entry in slashed] == ["no_answer"], f"slashed otherwise: {slashed}")
    question = events_of(market, "question_closed", question=slashed[0]["evidence"])[0]
    require((question["kind"], question["target"], question["outcome"]) == ("state", "start", "silence"), f"convicted by another question: {question}")
    require(question["asker"] in {market.account(name) for name in VALIDATORS}, f"asked by somebody else: {question}")
    games = [d for state in ("open", "over") for d in market.get_all(f"/v1/jobs/{job.id}/disputes?state={state}")]
    require(not games, f"somebody could judge it: {games}")
    said = (market.directory / "logs" / f"{cheat}.log").read_text()
    require("is not what was asked about" in said or "gives no answer" in said, "the cheat did not even look for an answer")
    require("rubbish was refused" in said and "rubbish was taken" not in said, "rubbish was no answer, or was never given")
    require_clean(market, job.id, [HONEST, *VALIDATORS], [cheat])
    require_trained(market, job, record)
    say(f"segments {sorted(drawn)} drawn, no state of theirs: the cheat lost {slashed[0]['amount']} grains to a question")


def ground_draws(market, folder):
    wishes = ("drawn", "undrawn")
    # 3 x 19/20 of the stake are honest.
    start(market, wishes, accomplice=3 * STAKE // 19)
    accomplice, honest = market.account(ACCOMPLICE), {market.account(name) for name in VALIDATORS}
    market.start_worker(HONEST, *DEAR)
    for number, wish in enumerate(wishes, 1):
        before = market.wealth(market.account(wish)) + market.wealth(accomplice)
        start_grinder(market, wish, [ACCOMPLICE], "--wish", wish, "--withdraw-on-exit")
        market.wait(lambda w=wish: market.get_all(f"/v1/offers?worker={market.account(w)}"), 30, "an offer", *market.programs.values())
        job = new_job(market, folder, wish)
        job.submit()
        record = job.until_closed(120)
        audits = audits_of(market, job, wish)
        by = sorted({segment for segment, auditor in audits if auditor == accomplice})
        require(by == (list(range(6)) if wish == "drawn" else []), f"{wish}: the accomplice drew {by}")
        seen = {segment for segment, auditor in audits if auditor in honest}
        require(len(seen) == 6, f"{wish}: honest validators drew {seen}")
        require_clean(market, job.id, [HONEST, *VALIDATORS], [wish])
        require_trained(market, job, record)
        after = market.wealth(market.account(wish)) + market.wealth(accomplice)
        require(after < before, f"worker and accomplice gained {after - before}")
        market.programs.pop(wish).stop()  # who concedes may come again
        say(f"the accomplice drew {len(by)} of 6 segments, honest validators all: worker and accomplice lost {before - after} grains")


def own_job(market, folder):
    own, cheat, owner = "own-worker", "cheat", "owner"
    start(market, [own, cheat], [owner])
    market.start_worker(own, *CHEAP)
    wait_for_offers(market, 1)
    held = new_job(market, folder, "own", round_steps=48, part_segments=24)
    held.submit(owner)
    market.wait(lambda: market.get_all(f"/v1/jobs/{held.id}/parts"), 60, "the own part", *market.programs.values())
    market.programs[own].pause()

    def held_audits():
        return [a for a in market.get_all(f"/v1/jobs/{held.id}/audits") if a["claim"] == "segment" and a["state"] in ("drawn", "open")]
    market.wait(lambda: len(held_audits()) >= 48, 30, "the draw of the own job")
    market.start_worker(cheat, *CHEAP, "--strategy", "fakes_everything", binary="assay-adversary-worker")
    market.start_worker(HONEST, *DEAR)
    wait_for_offers(market, 2)  # the own worker's only slot is taken
    job = new_job(market, folder, "job", round_steps=8, part_segments=4)
    job.submit()
    market.wait(lambda: len({segment for segment, _ in audits_of(market, job, cheat)}) == 4, 30, "the audits of what was invented")
    waiting = len(held_audits())
    require(waiting >= 48, f"the own job holds only {waiting} audits")
    require(not any(a["state"] == "missed" for a in market.get_all(f"/v1/jobs/{held.id}/audits")), "an auditor missed what was not delivered")
    market.wait(lambda: slashed_in(market, job), 60, "the conviction", *market.programs.values())
    say(f"the cheat was convicted while {waiting} audits of the own job were open")
    market.programs[own].resume()
    record = job.until_closed(120)
    require_clean(market, job.id, [HONEST, own, *VALIDATORS], [cheat])
    require_trained(market, job, record)
    # The own job's work was honest: delivered at last, it is judged like any other.
    record = held.until_closed(120)
    require_clean(market, held.id, [HONEST, own, *VALIDATORS])
    require_trained(market, held, record)


ATTACKS = {"a1": invented_states, "a2": ground_draws, "a6": own_job}


if __name__ == "__main__":
    sys.exit(main_of_cases(__doc__, "attack", ATTACKS))
