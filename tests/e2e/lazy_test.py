#!/usr/bin/env python3
"""A validator recomputes roots and invents the cells, as one does that has the root from somebody else. A control recomputes the same cells, the
two play the game about the first that differs, and the lazy one loses its lock; as a controller it loses in the same way. The job completes and
nobody else loses anything."""

import sys
import time

from e2e import STAKE, VALIDATORS, Job, genesis, main, require, require_trained, say, slashed_in, start_workers, verify_chain

WORKERS, LAZY = ["worker-1", "worker-2"], VALIDATORS[0]
HONEST = [name for name in VALIDATORS if name != LAZY]


def lost(market, name):
    return STAKE - int(market.get(f"/v1/accounts/{market.account(name)}")["stakes"][0]["active"])


def lazy_games(market, job):
    return [d for d in market.get_all(f"/v1/jobs/{job.id}/disputes?state=over") if d["target"] == "cell"]


def test(market, folder, arguments):
    begin = time.monotonic()
    genesis(market, WORKERS, control_ppm=500000)
    market.start_node()
    market.start_validator(LAZY, "--gflops", "5", binary="assay-adversary-lazy-validator")
    for name in HONEST:
        market.start_validator(name, "--gflops", "5")
    start_workers(market, *WORKERS)
    job = Job(market, folder, rounds=2)
    job.submit()
    record = job.until_closed(120)
    require(lost(market, LAZY) > 0, "the lazy validator lost nothing")
    for name in [*HONEST, *WORKERS]:
        require(lost(market, name) <= 0, f"{name} lost {lost(market, name)}")
    require(not slashed_in(market, job), f"a worker was slashed: {slashed_in(market, job)}")
    games = lazy_games(market, job)
    require(games, "no game about a cell")
    lazy, accounts = market.account(LAZY), {market.account(name) for name in HONEST}
    for game in games:
        # It is caught as an auditor, and loses where it controls others: its own cells are invented then, too.
        audits = game["asserter"] == lazy
        require(game["challenger" if audits else "asserter"] in accounts and lazy in (game["asserter"], game["challenger"]), f"of others: {game}")
        require(game["state"] in ("upheld" if audits else "rejected", "dropped"), f"a game ended otherwise: {game}")
    caught = [game for game in games if game["asserter"] == lazy and game["state"] == "upheld"]
    require(caught, "no control caught it")
    require_trained(market, job, record)
    say(f"{len(games)} games about cells, {len(caught)} by controls of its audits; {LAZY} lost {lost(market, LAZY)} grains")
    verify_chain(market)
    say(f"done in {time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    sys.exit(main(__doc__, test))
