#!/usr/bin/env python3
"""Blobs vanish from the store while jobs run. A worker that still has its checkpoint answers the challenge from its own files and is paid the
bond; a worker that has lost its payload too is convicted, and the job completes without it."""

import sys
import time

from e2e import VALIDATORS, Job, genesis, main, require, require_clean, say, start_validators, start_workers, verify_chain

WORKERS = ["worker-1", "worker-2", "worker-3"]


def stored_file(market, blob):
    found = [file for file in (market.directory / "node").rglob(blob) if file.is_file()]
    return found[0] if found else None


def standing_part(market, job, payload=False):
    """A part that is not final yet, with a payload if asked."""
    for part in market.get_all(f"/v1/jobs/{job}/parts"):
        if part["state"] in ("committed", "drawn", "revealed", "passed") and (part["payload_blob"] or not payload):
            return part
    return None


def events_of(market, kind):
    after, found = "0:0", []
    while True:
        page = market.get(f"/v1/events?after={after}&limit=500")
        found += [e["attributes"] for e in page["data"] if e["kind"] == kind]
        if not page["data"]:
            return found
        after = page["next"]


def challenge(market, *arguments):
    return market.assay("challenge", "chunk", *arguments, *market.key_arguments("asker"))["challenge"]


def honest(market, job):
    """The store loses a checkpoint; its worker shows the chunk and stores it again."""
    job.submit()
    part = market.wait(lambda: standing_part(market, job.id), 60, "a committed part", *market.programs.values())
    stored_file(market, part["end_blob"]).unlink()
    asked = challenge(market, "checkpoint", part["id"])
    answers = market.wait(lambda: [e for e in events_of(market, "chunk_answered") if e["challenge"] == asked], 30, "the answer",
                          *market.programs.values())
    require(answers[0]["answerer"] == part["key"]["worker"], f"somebody else answered: {answers}")
    require(int(answers[0]["bond"]) > 0, "the bond is nothing")
    market.wait(lambda: stored_file(market, part["end_blob"]), 30, "the checkpoint in the store again", *market.programs.values())
    say(f"a worker showed its checkpoint for {answers[0]['bond']} grains")
    listed = market.assay("challenge", "list", job.id)
    require(listed == [], f"challenges are still open: {listed}")
    job.until_closed(90)
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
    asked = challenge(market, "payload", part["id"])
    say(f"{name} has lost its payload")
    market.wait(lambda: [e for e in events_of(market, "chunk_missing") if e["challenge"] == asked], 60, "the deadline", *market.programs.values())
    job.until_closed(120)
    others = [n for n in WORKERS if n != name]
    require_clean(market, job.id, others + VALIDATORS, [name])
    slashed = [entry for entry in market.history(job.id) if entry["kind"] == "slashed"]
    require(slashed[0]["reason"] == "no_chunk", f"slashed for another reason: {slashed}")
    say(f"{name} lost {slashed[0]['amount']} grains and the job completed")


def test(market, folder, arguments):
    genesis(market, WORKERS, ("asker",), grace_ms=5000)
    market.start_node()
    start_validators(market)
    start_workers(market, *WORKERS)
    job = Job(market, folder, rounds=4, round_steps=24, segment_steps=6)
    begin = time.monotonic()
    honest(market, job)
    withheld(market, job, {market.account(name): name for name in WORKERS})
    verify_chain(market)
    say(f"done in {time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    sys.exit(main(__doc__, test))
