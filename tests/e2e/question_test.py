#!/usr/bin/env python3
"""What is committed to and stored is asked about. A checkpoint vanishes from the store: its worker answers from its own files and has the bond.
A payload vanishes from the store and from its worker's folder: the worker is convicted of silence. Somebody asks about a state that is right:
its bond pays the answers. A worker stores garbage behind true roots and has nothing else: who cannot go on from it asks about the state by
itself, no node of the true tree comes, and the worker is convicted. Start checkpoints that nobody was drawn for are in the store.
Every job completes with the root of honest training, and nobody else loses anything."""

import sys
import time

from e2e import (VALIDATORS, Job, events_of, genesis, main, require, require_clean, require_trained, say, slashed_in, start_validators, start_workers,
                 verify_chain, wait_for_offers)

WORKERS = ["worker-1", "worker-2", "worker-3"]
GARBAGE = "garbage"


def stored_file(market, blob):
    found = [file for file in (market.directory / "node").rglob(blob) if file.is_file()]
    return found[0] if found else None


def standing_part(market, job, payload=False):
    """A part that is not final yet, with a payload if asked."""
    for part in market.get_all(f"/v1/jobs/{job}/parts"):
        if part["state"] in ("committed", "auditing", "closing", "passed") and (part["payload_blob"] or not payload):
            return part
    return None


def ask_chunk(market, *arguments):
    return market.assay("challenge", "chunk", *arguments, *market.key_arguments("asker"))["question"]


def over(market, question, seconds):
    return market.wait(lambda: events_of(market, "question_closed", question=question), seconds, "the question's end", *market.programs.values())[0]


def answered(market, job):
    """The store loses a checkpoint; its worker shows the chunk and stores it again. Then a state that is right is asked about."""
    job.submit()
    part = market.wait(lambda: standing_part(market, job.id), 60, "a committed part", *market.programs.values())
    stored_file(market, part["end_blob"]).unlink()
    end = over(market, ask_chunk(market, "checkpoint", part["id"]), 30)
    require(end["outcome"] == "answered" and end["answerer"] == part["key"]["worker"], f"answered otherwise: {end}")
    require(int(end["bond"]) > 0, "the bond is nothing")
    market.wait(lambda: stored_file(market, part["end_blob"]), 30, "the checkpoint in the store again", *market.programs.values())
    say(f"a worker showed its checkpoint for {end['bond']} grains")
    part = market.wait(lambda: standing_part(market, job.id), 60, "a committed part", *market.programs.values())
    asked = market.assay("challenge", "state", "checkpoint", part["id"], *market.key_arguments("asker"))
    require(asked["outcome"] == "sound", f"a state that is right: {asked}")
    end = over(market, asked["question"], 60)
    require(end["outcome"] == "vain" and int(end["bond"]) > 0, f"the vain question ended otherwise: {end}")
    say(f"a vain question about a state cost {end['bond']} grains")
    job.until_closed(120)
    require(market.assay("challenge", "list", job.id) == [], "questions are still open")
    require_clean(market, job.id, WORKERS + VALIDATORS)


def withheld(market, job, accounts):
    """A payload is gone from the store and from its worker's folder: nobody can show it."""
    job.submit()
    part = market.wait(lambda: standing_part(market, job.id, payload=True), 60, "a payload", *market.programs.values())
    name = accounts[part["key"]["worker"]]
    for file in (market.directory / name / "owed").glob(f"*-{part['payload_blob']}"):
        file.unlink()
    if file := stored_file(market, part["payload_blob"]):
        file.unlink()
    asked = ask_chunk(market, "payload", part["id"])
    say(f"{name} has lost its payload")
    end = over(market, asked, 60)
    require(end["outcome"] == "silence", f"the question ended otherwise: {end}")
    job.until_closed(120)
    slashed = slashed_in(market, job)
    require([entry["reason"] for entry in slashed] == ["no_answer"], f"slashed otherwise: {slashed}")
    others = [n for n in WORKERS if n != name]
    require_clean(market, job.id, others + VALIDATORS, [name])
    say(f"{name} lost {slashed[0]['amount']} grains and the job completed")
    return others


def garbage(market, job, honest):
    """Whoever has to go on from the garbage asks by itself: an auditor, a successor."""
    price = int(market.get("/v1/chain")["parameters"]["protocol_price"])
    before = len(market.get_all("/v1/offers"))
    market.start_worker(GARBAGE, "--strategy", "garbage_checkpoint", "--gflops", "5", "--price", price // 2, binary="assay-adversary-worker")
    wait_for_offers(market, before + 1)
    job.submit()
    record = job.until_closed(180)
    slashed = slashed_in(market, job)
    require([entry["reason"] for entry in slashed] == ["no_answer"], f"slashed otherwise: {slashed}")
    require_clean(market, job.id, honest + VALIDATORS, [GARBAGE])
    asked = events_of(market, "question_closed", question=slashed[0]["evidence"])
    require(len(asked) == 1 and (asked[0]["kind"], asked[0]["outcome"]) == ("state", "silence"), f"convicted by another question: {asked}")
    require(asked[0]["asker"] in {market.account(name) for name in honest + VALIDATORS}, f"asked by somebody else: {asked}")
    require_trained(market, job, record)
    say(f"{GARBAGE} stored other bytes than it committed to and lost {slashed[0]['amount']} grains")


def stored_early(market, job, honest):
    """Start checkpoints are in the store before anybody is drawn for them: after a draw there is no time for a transfer."""
    job.submit()

    def undrawn():
        """A part with a start checkpoint that the store has and nobody has asked for."""
        try:
            for start in (file for name in honest for file in (market.directory / name / "parts").glob("*/start-*") if file.suffix == ""):
                part = market.get(f"/v1/parts/{start.parent.name}")
                number = int(start.name.removeprefix("start-"))
                if not part or any(entry["segment"] == number for entry in part["delivered"]):
                    continue
                same = [file for file in (market.directory / "node" / "store" / "blobs").glob("*/*") if file.read_bytes() == start.read_bytes()]
                if same:
                    return part
        except FileNotFoundError:  # a part that ended meanwhile
            pass
        return None

    part = market.wait(undrawn, 60, "a start checkpoint in the store before its draw", *market.programs.values())
    say(f"round {part['key']['round']}, lane {part['key']['lane']}: a start checkpoint was stored and not drawn")
    job.until_closed(120)


def test(market, folder, arguments):
    genesis(market, [*WORKERS, GARBAGE], ("asker",), grace_ms=5000)
    market.start_node()
    start_validators(market)
    start_workers(market, *WORKERS)
    job = Job(market, folder, rounds=4, round_steps=24, segment_steps=6)
    begin = time.monotonic()
    answered(market, job)
    honest = withheld(market, job, {market.account(name): name for name in WORKERS})
    garbage(market, job, honest)
    stored_early(market, job, honest)
    verify_chain(market)
    say(f"done in {time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    sys.exit(main(__doc__, test))
