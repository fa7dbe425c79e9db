#!/usr/bin/env python3
"""Workers that make up their segments, each in another way, with real bits: all of them underbid two honest ones and get the lanes first.
Every one must be convicted, nobody else may lose anything, and the model must be that of the same job trained without a market."""

import sys

from e2e import VALIDATORS, Job, genesis, main, require_clean, require_trained, say, start_validators, verify_chain, wait_for_offers

STRATEGIES = ["fakes_everything", "skips_steps", "smaller_batch", "stale_checkpoint", "others_checkpoint", "interpolated_weights", "wrong_data",
              "lower_precision", "one_flipped_bit", "diverges_on_purpose", "unforced_end", "garbage_checkpoint"]
HONEST = ["honest-1", "honest-2"]


def test(market, folder, arguments):
    genesis(market, STRATEGIES + HONEST)
    market.start_node()
    start_validators(market)
    price = int(market.get("/v1/chain")["parameters"]["protocol_price"])
    for place, name in enumerate(STRATEGIES):
        market.start_worker(name, "--strategy", name, "--gflops", "5", "--price", price // 2 + place, binary="assay-adversary-worker")
    for name in HONEST:
        market.start_worker(name, "--gflops", "5")
    wait_for_offers(market, len(STRATEGIES) + len(HONEST))
    job = Job(market, folder, rounds=2, round_deadline_s=600)
    job.submit()
    record = job.until_closed(400)
    require_clean(market, job.id, [*HONEST, *VALIDATORS], STRATEGIES)
    say(f"all of {len(STRATEGIES)} cheats were convicted")
    require_trained(market, job, record)
    verify_chain(market)


if __name__ == "__main__":
    sys.exit(main(__doc__, test))
