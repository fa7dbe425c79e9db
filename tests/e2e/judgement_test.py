#!/usr/bin/env python3
"""How work is judged when something is in the way, one case with each --case.
restart: validators are killed between the seal of their cells and the opening of them, as auditors and as controllers, and some lose what they
had on disk: they open the same cells, and nobody loses anything.
blob: a worker commits to true roots, stores other bytes behind them and answers questions with the true nodes: who cannot go on asks down to a
tile, shows the leaf of the blob that differs, and the worker is convicted.
merge: a wrong merge passes, since who was drawn stands for whatever was committed: a spot check finds it, it is challenged and undone.
The jobs complete with the root of honest training, and nobody honest loses anything."""

import shutil
import sys
import time

from e2e import (STAKE, TERMINAL, VALIDATORS, WEALTH, Job, events_of, genesis, main_of_cases, require, require_clean, require_trained, say, slashed_in,
                 start_validators, start_workers, wait_for_offers)

HONEST = ["honest-1", "honest-2"]
KILLS, KEPT_EVERY = 16, 4  # of each kind; all but every fourth lose their verdicts, since only some are asked for their cells
HEAVY, TRIES = 300, 3  # stake of who agrees to everything, in those of the others; merges that may be drawn by others all the same


def closed(market, job, look, seconds=120):
    """The job's record at its end; looks around until then."""
    def done():
        look()
        record = job.record()
        return record if record and record["state"] in TERMINAL else None
    record = market.wait(done, seconds, "the job's end", *market.programs.values())
    require(record["state"] == "completed", f"the job ended as {record['state']} ({record['reason']})")
    return record


class Killer:
    """Kills validators that owe cells: an auditor whose `valid` is revealed and may be controlled, a controller that has sealed."""

    def __init__(self, market):
        self.market, self.accounts = market, {name: market.account(name) for name in VALIDATORS}
        self.killed = {"audit": {}, "control": {}}

    def look(self):
        for name, account in self.accounts.items():
            for audit in self.market.get_all(f"/v1/audits?validator={account}"):
                done = self.killed[audit["kind"]]
                valid = audit["verdict"] is not None and audit["verdict"]["kind"] == "valid"
                owes = valid and audit["controls_open"] > 0 if audit["kind"] == "audit" else audit["state"] == "sealed"
                if not owes or audit["cells"] or audit["state"] not in ("sealed", "revealed") or audit["id"] in done or len(done) >= KILLS:
                    continue
                self.kill(name, audit["id"], done)
                break

    def kill(self, name, audit, done):
        self.market.programs[name].kill()
        kept = self.market.directory / name / "verdicts" / audit
        lost = len(done) % KEPT_EVERY != KEPT_EVERY - 1 and kept.exists()
        if lost:
            kept.unlink()
        done[audit] = lost
        self.market.restart(name)


def restarted_validators(market, folder):
    workers = ["worker-1", "worker-2"]
    # Long epochs: controls are drawn a while after the verdicts that they are about.
    genesis(market, workers, control_ppm=500000, epoch_ms=1500)
    market.start_node()
    start_validators(market)
    start_workers(market, *workers)
    job, killer = Job(market, folder, rounds=2), Killer(market)
    job.submit()
    record = closed(market, job, killer.look)
    for kind, killed in killer.killed.items():
        opened = {audit for audit in killed if market.get(f"/v1/audits/{audit}")["cells"]}
        again = sum(1 for audit in opened if killed[audit])
        require(opened and again, f"{kind}: {len(killed)} killed, {len(opened)} of them opened their cells, {again} after having lost them")
        say(f"{kind}s: {len(killed)} validators killed before they opened cells, {len(opened)} were asked and opened them, {again} computed them again")
    games = [d for state in ("open", "over") for d in market.get_all(f"/v1/jobs/{job.id}/disputes?state={state}")]
    require(not games, f"somebody disagreed: {games}")
    require_clean(market, job.id, workers + VALIDATORS)
    require_trained(market, job, record)
    kept = [market.directory / name / "jobs" / job.id for name in VALIDATORS]
    market.wait(lambda: not any(folder.exists() for folder in kept), 40, "the validators to delete the data of a job that is over")


def blob_behind_a_root(market, folder):
    cheat = "answering"
    genesis(market, [cheat, HONEST[0]], grace_ms=6000)
    market.start_node()
    start_validators(market)
    market.start_worker(cheat, "--gflops", "5", "--price", "1000", binary="assay-adversary-answering-worker")
    market.start_worker(HONEST[0], "--gflops", "5")
    wait_for_offers(market, 2)
    # Parts of one segment: the next one starts from the checkpoint.
    job = Job(market, folder, lanes=1, min_lanes=1, rounds=1, part_segments=1)
    job.submit()

    def put_the_true_states():
        for true in (market.directory / cheat / "true").glob("?" * 64):
            for kept in (market.directory / cheat / "owed").glob(f"*-{true.name}"):
                if kept.read_bytes() != true.read_bytes():
                    copy = kept.parent / "copy"
                    shutil.copyfile(true, copy)
                    copy.replace(kept)
    record = closed(market, job, put_the_true_states)
    slashed = slashed_in(market, job)
    require([entry["reason"] for entry in slashed] == ["wrong_blob"], f"slashed otherwise: {slashed}")
    question = events_of(market, "question_closed", question=slashed[0]["evidence"])[0]
    require((question["kind"], question["outcome"]) == ("state", "upheld"), f"convicted by another question: {question}")
    require(question["asker"] in {market.account(name) for name in VALIDATORS}, f"asked by somebody else: {question}")
    require(question["answerer"] == market.account(cheat), f"answered by somebody else: {question}")
    answers = events_of(market, "question_answered", question=question["question"])
    require_clean(market, job.id, [HONEST[0], *VALIDATORS], [cheat])
    require_trained(market, job, record)
    say(f"the worker gave {len(answers)} answers and lost {slashed[0]['amount']} grains to a leaf of what it had stored")


def merge_game(market, job, account):
    return next((d for state in ("open", "over") for d in market.get_all(f"/v1/jobs/{job.id}/disputes?state={state}")
                 if d["target"] == "merge" and d["challenger"] == account and not d["audit"]), None)


def wrong_merge(market, folder):
    cheats, agreeing, checker = [f"cheat-{number}" for number in range(TRIES)], "agreeing", VALIDATORS[0]
    parties = {name: {"worker": STAKE} for name in (*cheats, *HONEST)} | {name: {"validator": STAKE} for name in VALIDATORS}
    market.make_genesis(parties | {agreeing: {"validator": STAKE * HEAVY}, "submitter": {}}, WEALTH * HEAVY,
                        {"window_ms": 3000, "grace_ms": 10000, "epoch_ms": 200})
    market.start_node()
    market.start_validator(agreeing, "--gflops", "5", binary="assay-adversary-agreeing-validator")
    market.start_validator(checker, "--gflops", "5", "--spot-check", "1")
    for name in VALIDATORS[1:]:
        market.start_validator(name, "--gflops", "5")
    for name in HONEST:
        market.start_worker(name, "--gflops", "5")
    wait_for_offers(market, len(HONEST))
    account, begin = market.account(checker), time.monotonic()
    for cheat in cheats:
        market.start_worker(cheat, "--strategy", "wrong_merge", "--gflops", "5", "--price", "1000", "--withdraw-on-exit", binary="assay-adversary-worker")
        market.wait(lambda c=cheat: market.get_all(f"/v1/offers?worker={market.account(c)}"), 30, "an offer", *market.programs.values())
        place = folder / cheat
        place.mkdir()
        job = Job(market, place, rounds=2, round_steps=6)
        job.submit()
        record = job.until_closed(120)
        found = merge_game(market, job, account)
        market.programs.pop(cheat).stop()
        require_clean(market, job.id, HONEST + VALIDATORS, [cheat])
        require_trained(market, job, record)
        if found:
            break
        say("  an honest validator drew the merge; another job")
    require(found, f"{TRIES} times an honest validator drew the merge")
    require(found["state"] in ("upheld", "conceded") and found["asserter"] == market.account(cheat), f"the challenge ended otherwise: {found}")
    merged = [entry for entry in market.history(job.id) if entry["kind"] == "round_merged" and entry["round"] == 0]
    require(len(merged) == 2, f"merges of round 0: {merged}")
    say(f"a wrong merge that had passed was undone by a spot check after {time.monotonic() - begin:.0f} s")


CASES = {"restart": restarted_validators, "blob": blob_behind_a_root, "merge": wrong_merge}


if __name__ == "__main__":
    sys.exit(main_of_cases(__doc__, "case", CASES))
