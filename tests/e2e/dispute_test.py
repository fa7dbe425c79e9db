#!/usr/bin/env python3
"""Disputes between real processes. For every kind of instruction and three places of its output (first tile, tile at the right edge, last
tile) a party has a fault of one bit there: once the worker, whom an honest auditor accuses, and once an auditor, who accuses an honest
worker. Both play on with their fault as well as it can be played, some until the last moment of their clock. The honest side must win every
game, the job must complete, and nobody honest may lose anything."""

import sys

from e2e import STAKE, TERMINAL, WEALTH, Job, main, require, say, verify_chain, wait_for_offers

KINDS = ["load", "random", "gather", "scatter_add", "map", "reduce", "matmul"]
PLACES = ["first", "edge", "last"]
CASES = [f"{kind} {place}" for kind in KINDS for place in PLACES]
HONEST_WORKER, FAULTY_WORKER, FAULTY_VALIDATOR = "honest-worker", "faulty-worker", "faulty-validator"
# A convict gets no more work, so each case has one of its own; some more for cases whose worker took over the lane of an earlier convict.
FAULTY_WORKERS = [f"{FAULTY_WORKER}-{number}" for number in range(len(CASES) + 20)]
VALIDATORS = ["validator-1", "validator-2", "validator-3"]
LARGE = 40  # the faulty validator's stake, in those of the others: nearly every audit is its own
# Widths, rows and vocabulary that leave ragged tiles everywhere, and dropout, so that a step draws random numbers.
SHAPE = {"model": {"layers": 1, "heads": 2, "width": 40, "context": 33, "dropout": 0.1}, "batch": 2, "lanes": 1, "rounds": 1, "round_steps": 4,
         "segment_steps": 4, "part_segments": 1, "min_lanes": 1}


def start(market, faulty, stall):
    """A chain with short clocks. `faulty`: who has the fault."""
    grace, clock = 6000, 4000
    workers = {HONEST_WORKER: {"worker": STAKE}} | {name: {"worker": STAKE} for name in FAULTY_WORKERS}
    validators = {name: {"validator": STAKE} for name in VALIDATORS} | {FAULTY_VALIDATOR: {"validator": STAKE * LARGE}}
    parties = workers | validators if faulty == FAULTY_VALIDATOR else {k: v for k, v in (workers | validators).items() if k != FAULTY_VALIDATOR}
    market.make_genesis(parties | {"submitter": {}}, WEALTH * LARGE,
                        {"window_ms": 1000, "grace_ms": grace, "dispute_clock_ms": clock, "epoch_ms": 200, "protocol_price": "50000000"})
    market.start_node()
    for name in VALIDATORS:
        market.start_validator(name, "--gflops", "5", "--threads", "1")
    if faulty == FAULTY_VALIDATOR:
        market.start_validator(faulty, "--gflops", "5", "--threads", "1", "--stall", stall, binary="assay-adversary-faulty-validator")
    market.start_worker(HONEST_WORKER, "--gflops", "5", "--threads", "1", "--slots", "4", "--price", "10000000")
    wait_for_offers(market, 1)


def disputes(market, job):
    return market.get_all(f"/v1/jobs/{job}/disputes?state=over")


def play(market, folder, faulty, stall, cases, seconds, names):
    """Posts a job for each case and waits until all have ended; says how many moves each game took. `names`: the faulty workers."""
    jobs = {}
    if faulty == FAULTY_WORKER:
        for name in names:
            market.start_worker(name, "--gflops", "5", "--threads", "1", "--price", "1", "--stall", stall,
                                binary="assay-adversary-faulty-worker")
        offering = {market.account(name) for name in names}
        market.wait(lambda: offering <= {offer["worker"] for offer in market.get_all("/v1/offers")}, 60, "the offers of faulty workers",
                    *market.programs.values())
    for number in cases:
        place = folder / f"case-{number}"
        place.mkdir(parents=True)
        job = Job(market, place, **SHAPE, seed=str(number))
        job.submit()
        jobs[number] = job

    def ended():
        records = [job.record() for job in jobs.values()]
        return records if all(record and record["state"] in TERMINAL for record in records) else None
    records = market.wait(ended, seconds, f"the end of {len(jobs)} jobs", *market.programs.values())
    again = []
    for (number, job), record in zip(jobs.items(), records):
        require(record["state"] == "completed", f"{CASES[number]}: the job ended as {record['state']} ({record['reason']})")
        games = disputes(market, job.id)
        if not games:  # the draw gave the audit to somebody else, or somebody honest worked the lane
            again.append(number)
            continue
        wanted = "upheld" if faulty == FAULTY_WORKER else "rejected"
        # Each auditor of a segment that is wrong plays a game of its own; the first that wins ends the others.
        played = [game for game in games if game["state"] != "dropped"]
        require(played and (faulty == FAULTY_WORKER or len(played) == len(games)), f"{CASES[number]}: no game was played to its end: {games}")
        for game in played:
            require(game["state"] == wanted, f"{CASES[number]}: the dispute ended as {game['state']}: {game}")
            # Who stalls may lose by its clock before the referee is asked.
            require(stall > 0 or game["traced"] and game["moves"] > 15, f"{CASES[number]}: the game was not played: {game}")
        say(f"  {CASES[number]}: {len(games)} disputes, {played[0]['moves']} moves, {played[0]['state']}")
    if faulty == FAULTY_WORKER:
        for name in names:
            market.programs.pop(name).kill()
    return again


def check_honest(market, honest, before, faulty):
    chain = market.get("/v1/chain")
    require(chain["supply"] == chain["total"], f"money was not conserved: {chain['supply']} and {chain['total']}")
    for name in honest:
        account = market.account(name)
        for stake in market.get(f"/v1/accounts/{account}")["stakes"]:
            require(int(stake["active"]) >= STAKE and stake["jailed_at_ms"] is None and not stake["tombstoned"], f"{name} was punished: {stake}")
        require(market.wealth(account) > before[name], f"{name} was not paid: {before[name]} before, {market.wealth(account)} now")
    for name in faulty:
        lost = before[name] - market.wealth(market.account(name))
        require(lost > 0, f"{name} lost nothing")
    say(f"  {len(faulty)} with a fault lost, the last one {lost} grains; every honest party earned")


def test(market, folder, arguments):
    faulty = FAULTY_WORKER if arguments.side == "worker" else FAULTY_VALIDATOR
    start(market, faulty, arguments.stall)
    honest = [HONEST_WORKER] + VALIDATORS
    cases = [CASES.index(case) for case in arguments.case] or list(range(len(CASES)))
    culprits = FAULTY_WORKERS if faulty == FAULTY_WORKER else [FAULTY_VALIDATOR]
    before = {name: market.wealth(market.account(name)) for name in [*honest, *culprits]}
    unused = list(FAULTY_WORKERS)
    say(f"{faulty}, {len(cases)} faults, {arguments.stall} thousandths of its clock before each move")
    tries = 0
    while cases:
        tries += 1
        require(tries <= 30, f"the draw never gave these cases to {faulty}: {cases}")
        now, cases = cases[:arguments.together], cases[arguments.together:]
        names, unused = (unused[:len(now)], unused[len(now):]) if faulty == FAULTY_WORKER else ([], [])
        require(faulty != FAULTY_WORKER or len(names) == len(now), f"no job of these cases went to {faulty}: {cases}")
        cases += play(market, folder / f"try-{tries}", faulty, arguments.stall, now, arguments.seconds, names)
    # Who was never drawn has earned nothing and paid its contributions to the draws.
    audited = {name for name in VALIDATORS if any(audit["paid"] for audit in market.get_all(f"/v1/audits?validator={market.account(name)}"))}
    require(audited, "no honest validator was drawn")
    paid = [name for name in honest if name == HONEST_WORKER or name in audited]
    check_honest(market, paid, before, [name for name in culprits if name not in unused])
    verify_chain(market)


def options(parser):
    parser.add_argument("--side", choices=["worker", "validator"], required=True, help="who has the fault")
    parser.add_argument("--stall", type=int, default=0, help="thousandths of its remaining clock that the faulty side waits before each move")
    parser.add_argument("--case", action="append", default=[], help="KIND PLACE; all by default")
    parser.add_argument("--together", type=int, default=4, help="jobs at the same time")
    parser.add_argument("--seconds", type=int, default=240, help="for the jobs of one batch")


if __name__ == "__main__":
    sys.exit(main(__doc__, test, options))
