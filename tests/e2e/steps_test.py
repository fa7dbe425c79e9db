#!/usr/bin/env python3
"""A dispute about step digests between real processes: a worker trains honestly and commits false step digests, so that honest auditors would seem
to be wrong. It must lose every such game, the auditors must be paid, the job must complete with the model of a market without it."""

import sys

from e2e import VALIDATORS, Job, genesis, main, require, require_clean, say, start_validators, verify_chain, wait_for_offers

FRAMING, HONEST = "framing", "honest"


def test(market, folder, arguments):
    genesis(market, [FRAMING, HONEST], judgement="referee", grace_ms=6000, dispute_clock_ms=4000, epoch_ms=200)
    market.start_node()
    start_validators(market)
    before = {name: market.wealth(market.account(name)) for name in [*VALIDATORS, FRAMING, HONEST]}
    price = int(market.get("/v1/chain")["parameters"]["protocol_price"])
    market.start_worker(FRAMING, "--strategy", "false_steps", "--gflops", "5", "--price", price // 2, binary="assay-adversary-worker")
    market.start_worker(HONEST, "--gflops", "5", "--price", price)
    wait_for_offers(market, 2)
    job = Job(market, folder, lanes=1, min_lanes=1, rounds=2, round_deadline_s=600)
    job.submit()
    record = job.until_closed(300)
    require(record["state"] == "completed", f"the job ended as {record['state']} ({record['reason']})")
    games = market.get_all(f"/v1/jobs/{job.id}/disputes?state=over")
    require(games, "nobody disputed anything")
    for game in games:
        require(game["target"] == "steps", f"a game about something else: {game}")
        require(game["asserter"] == market.account(FRAMING), f"somebody else was disputed: {game}")
        require(game["state"] in ("upheld", "conceded", "dropped"), f"the dispute ended as {game['state']}: {game}")
        say(f"  {game['target']}: {game['moves']} moves, {game['state']}")
    require(any(game["state"] in ("upheld", "conceded") for game in games), f"no game was won: {games}")
    require_clean(market, job.id, [HONEST, *VALIDATORS], [FRAMING])
    lost = before[FRAMING] - market.wealth(market.account(FRAMING))
    require(lost > 0, f"{FRAMING} lost nothing")
    say(f"  {FRAMING} lost {lost} grains")
    trained = job.train("alone")
    require(record["final_root"] == trained["final_root"], f"the market's model {record['final_root']} is not that of {trained}")
    verify_chain(market)


if __name__ == "__main__":
    sys.exit(main(__doc__, test))
