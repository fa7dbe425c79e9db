#!/usr/bin/env python3
"""Audits that run behind training (audit_lag 1). An honest job reaches the model root of `assay train`. Then a worker with a
fault in its arithmetic takes a lane: rounds go on over its work until it is convicted, the job goes back to the last sound round, and ends with
the same root. One validator recomputes everything unasked and finds nothing wrong in honest work. `--measure` compares how much of the time lanes
train with and without a lag."""

import sys
import time

from e2e import STAKE, VALIDATORS, WEALTH, Job, log_matches, main, require, require_clean, say, verify_chain, wait_for_offers

HONEST, FAULTY = ["honest-1", "honest-2"], "faulty-worker"
SPEED = ("--gflops", "5", "--threads", "1")
SHAPE = {"rounds": 4, "round_steps": 12, "segment_steps": 3, "part_segments": 4, "audit_lag": 1, "seed": "18"}
# Steps of tens of milliseconds: what a round costs is training and not messages.
MEASURED = {"model": {"layers": 2, "heads": 4, "width": 128, "context": 64}, "batch": 8, "rounds": 6, "round_steps": 120, "segment_steps": 30, "part_segments": 4,
            "seed": "18", "audit_rate": 0.5}


def start(market, parameters, watcher=()):
    workers = {name: {"worker": STAKE} for name in [*HONEST, FAULTY]}
    market.make_genesis(workers | {name: {"validator": STAKE} for name in VALIDATORS} | {"submitter": {}}, WEALTH,
                        {"dispute_clock_ms": 20000, **parameters})
    market.start_node()
    for name in VALIDATORS:
        market.start_validator(name, *SPEED, *(watcher if name == VALIDATORS[-1] else ()))
    for name in HONEST:
        market.start_worker(name, *SPEED)
    wait_for_offers(market, len(HONEST))


def events_of(market, job):
    after, found = "0:0", []
    while True:
        page = market.get(f"/v1/events?after={after}&limit=500")
        found += [e for e in page["data"] if e["attributes"].get("job") == job.id]
        if not page["data"]:
            return found
        after = page["next"]


def utilisation(market, job):
    """Share of the lanes' time in which they train: from the opening of a round to the lane's last commitment in it, of the time from the
    opening of the first round to the last commitment of all. By block times. Of a job that never went back."""
    opened, ends = {}, {}
    for event in events_of(market, job):
        attributes, when = event["attributes"], int(event["time_ms"])
        if event["kind"] == "round_opened":
            opened[int(attributes["round"])] = when
        elif event["kind"] == "part_committed":
            ends[int(attributes["round"]), int(attributes["lane"])] = when
    trained = sum(end - opened[round_number] for (round_number, _), end in ends.items())
    return trained / ((max(ends.values()) - min(opened.values())) * job.spec["lanes"])


def run(market, folder, name, root=None, **changes):
    place = folder / name
    place.mkdir()
    job = Job(market, place, **changes)
    begin = time.monotonic()
    job.submit()
    record = job.until_closed(240)
    took = time.monotonic() - begin
    root = root or job.train("alone")["final_root"]
    require(record["final_root"] == root, f"{name}: the market's model {record['final_root']} is not {root}")
    return job, took


def honest_and_faulty(market, folder):
    # Half of the segments: else nothing would be left to recompute unasked.
    job, took = run(market, folder, "honest", **SHAPE, audit_rate=0.5)
    require_clean(market, job.id, [*HONEST, *VALIDATORS])
    watcher = market.programs[VALIDATORS[-1]]
    for what in ("segment", "merge"):
        require(log_matches(watcher, f"recomputed a {what} unasked: it is right"), f"no {what} was recomputed unasked:\n{watcher.tail()}")
    require(not log_matches(watcher, "challenge.found"), f"honest work was challenged:\n{watcher.tail()}")
    say(f"four rounds with a lag of one: the root of `assay train` after {took:.0f} s; lanes trained {utilisation(market, job):.0%} of the time")

    market.start_worker(FAULTY, *SPEED, "--price", "1", binary="assay-adversary-faulty-worker")
    wait_for_offers(market, len(HONEST) + 1)
    job, took = run(market, folder, "faulty", **SHAPE)
    require_clean(market, job.id, [*HONEST, *VALIDATORS], [FAULTY])
    slashed = [entry for entry in market.history(job.id) if entry["kind"] == "slashed"]
    require([entry["reason"] for entry in slashed] == ["judgement"], f"slashed otherwise: {slashed}")
    reopened = [e for e in events_of(market, job) if e["kind"] == "round_reopened"]
    require(reopened, "the job never went back")
    say(f"a fault in round 0: {len(reopened)} round opened again, the same root after {took:.0f} s; {FAULTY} lost {slashed[0]['amount']} grains")


def measure(market, folder):
    for lag in (0, 1, 0, 1):
        job, took = run(market, folder, f"lag-{lag}-{time.monotonic_ns()}", audit_lag=lag, **MEASURED)
        say(f"audit_lag {lag}: lanes trained {utilisation(market, job):.1%} of the time; the job took {took:.1f} s")


def test(market, folder, arguments):
    begin = time.monotonic()
    # Measured on the demo chain's epochs and rates. Windows are shorter than rounds, as they are in real jobs: else rounds wait for them.
    if arguments.measure:
        start(market, {"window_ms": 1000})
    else:
        start(market, {"window_ms": 1000, "epoch_ms": 200}, ("--spot-check", "1"))
    (measure if arguments.measure else honest_and_faulty)(market, folder)
    verify_chain(market)
    say(f"done in {time.monotonic() - begin:.0f} s")


def options(parser):
    parser.add_argument("--measure", action="store_true", help="compare how much of the time lanes train without and with a lag, twice each")


if __name__ == "__main__":
    sys.exit(main(__doc__, test, options))
