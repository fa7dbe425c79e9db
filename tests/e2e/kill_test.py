#!/usr/bin/env python3
"""Every process of a market is killed (SIGKILL) again and again while jobs run and a side account sends transfers. The jobs must complete,
nobody may be slashed, fined or jailed, every acknowledged transaction must be found afterwards, the chain must replay, and the roots must be
those of the same job trained by one process without a market."""

import random
import sys
import threading
import time

from e2e import TERMINAL, VALIDATORS, Job, genesis, main, require, require_clean, say, start_validators, verify_chain, wait_for_offers

WORKERS = ["worker-1", "worker-2"]
AMOUNT = 1000


class Payer(threading.Thread):
    """Sends transfers all the time. What `assay transfer` acknowledged is durable; what it did not may or may not have happened."""

    def __init__(self, market):
        super().__init__(daemon=True)
        self.market, self.ended = market, threading.Event()
        self.payee = market.account("payee")
        self.acknowledged, self.refused = [], []

    def run(self):
        while not self.ended.is_set():
            done = self.market.run("assay", "--json", "--node", self.market.url, "transfer", "--to", self.payee, "--amount", AMOUNT,
                                   *self.market.key_arguments("payer"), check=False)
            if done.returncode == 0:
                self.acknowledged.append(done.stdout.split('"transaction": "')[1].split('"')[0])
            else:
                self.refused.append((done.returncode, done.stderr.strip()))
            self.ended.wait(0.1)

    def check(self, before):
        self.ended.set()
        self.join()
        require(len(self.acknowledged) > 20, f"only {len(self.acknowledged)} transfers were acknowledged: {self.refused[-3:]}")
        for transaction in self.acknowledged:
            require(self.market.get(f"/v1/transactions/{transaction}"), f"the acknowledged transaction {transaction} is lost")
        moved = balance(self.market, "payee") - before
        low, high = len(self.acknowledged) * AMOUNT, (len(self.acknowledged) + len(self.refused)) * AMOUNT
        require(low <= moved <= high and moved % AMOUNT == 0, f"{moved} grains arrived, between {low} and {high} were expected")
        say(f"all {len(self.acknowledged)} acknowledged transfers are there; {len(self.refused)} were not acknowledged")


class Written:
    """What is on disk before it is signed and sent: commitments of workers, verdicts and contributions of validators. It may be removed, and
    never change."""

    def __init__(self, market):
        self.market, self.seen = market, {}

    def look(self):
        for name in WORKERS + VALIDATORS:
            folder = self.market.directory / name
            kept = [f for kind in ("verdicts", "contributions") for f in folder.glob(f"{kind}/*") if not f.suffix]
            for file in [*folder.glob("parts/*/record"), *kept]:
                try:
                    content = file.read_bytes()
                except FileNotFoundError:
                    continue  # done with meanwhile
                require(self.seen.setdefault(file, content) == content, f"{file} was signed and is now something else")


def balance(market, name):
    return int(market.get(f"/v1/accounts/{market.account(name)}")["balance"])


def sealed_auditor(market, names):
    """A validator that has sealed a verdict and not revealed it yet: what it reveals later must be the same."""
    for name, account in names.items():
        page = market.get(f"/v1/audits?validator={account}&limit=100")
        if page and any(audit["state"] == "sealed" for audit in page["data"]):
            return name
    return None


def kill_until_closed(market, job, written, chance, wanted, killed, seconds):
    """Kills one process after the other until `wanted` are done, then waits for the job's end."""
    deadline = time.monotonic() + seconds
    validators = {name: market.account(name) for name in VALIDATORS}
    while True:
        record = job.record()
        if record and record["state"] in TERMINAL:
            require(record["state"] == "completed", f"the job ended as {record['state']} ({record['reason']})")
            return record
        for name in WORKERS + VALIDATORS:
            require(market.programs[name].alive(), f"{name} ended by itself:\n{market.programs[name].tail()}")
        require(time.monotonic() < deadline, f"the job did not end within {seconds} s: {record}")
        written.look()
        if len(killed) < wanted:
            victim = chance.choice(["node"] + WORKERS * 2 + VALIDATORS)
            if victim in VALIDATORS:
                victim = sealed_auditor(market, validators) or victim
            market.programs[victim].kill()
            written.look()
            market.restart(victim)
            killed.append(victim)
        time.sleep(chance.uniform(0.1, 1.2))  # not waiting for anything: the next kill falls at a random moment


def test(market, folder, arguments):
    genesis(market, WORKERS, ("payer", "payee"))
    job = Job(market, folder, model={"width": 64, "context": 64}, batch=8, rounds=arguments.rounds, round_steps=80, segment_steps=20)
    market.start_node()
    start_validators(market)
    for name in WORKERS:
        market.start_worker(name, "--gflops", "5", "--checkpoint-every", "0")
    wait_for_offers(market, len(WORKERS))
    before, payer = balance(market, "payee"), Payer(market)
    payer.start()
    say(f"seed {arguments.seed}: {arguments.kills} kills")
    chance, killed, roots, written = random.Random(arguments.seed), [], [], Written(market)
    while len(killed) < arguments.kills:
        job.submit()
        roots.append(kill_until_closed(market, job, written, chance, arguments.kills, killed, arguments.seconds)["final_root"])
        require_clean(market, job.id, WORKERS + VALIDATORS)
        say(f"job {len(roots)} completed; killed so far: {', '.join(f'{name} {killed.count(name)}' for name in sorted(set(killed)))}")
    require(len(written.seen) > 10, f"only {len(written.seen)} signed records were seen on disk")
    say(f"none of {len(written.seen)} signed commitments, verdicts and contributions seen on disk ever changed")
    market.programs["node"].kill()
    market.restart("node")
    payer.check(before)
    trained = job.train("local")
    require(set(roots) == {trained["final_root"]}, f"the market reached {roots}, one process {trained['final_root']}")
    say(f"final root {roots[0]} as by one process")
    verify_chain(market)


def options(parser):
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=200, help="for one job")


if __name__ == "__main__":
    sys.exit(main(__doc__, test, options))
