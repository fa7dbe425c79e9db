#!/usr/bin/env python3
"""The same job ends with the same model root however it is run: by workers with other thread counts, micro-batches and instruction sets, with
a worker killed in mid-segment and resumed, with a lane handed to another worker in mid-round, and by `assay train` in several ways."""

import sys

from e2e import VALIDATORS, Job, Program, genesis, log_matches, main, require, require_clean, say, start_validators, verify_chain, wait_for_offers

WORKERS = ["resumed", "leaving", "successor"]
SEGMENT, EVERY = 4, 2


def kill_in_mid_segment(market, name, job):
    """Kills the worker after a step that ends no segment, until it has gone on from a checkpoint that lies within a segment."""
    program, seen = market.programs[name], 0

    def within_segment():
        nonlocal seen
        steps = log_matches(program, r"step done.*\bstep=(\d+)")
        fresh, seen = steps[seen:], len(steps)
        return fresh and int(fresh[-1]) % SEGMENT not in (0, 1)

    def resumed():
        return [int(step) for step in log_matches(program, r"local checkpoint.*\bstep=(\d+)")]

    for attempt in range(1, 21):
        market.wait(within_segment, 60, f"a step of {name}", program)
        program.kill()
        count = len(resumed())
        program.start()
        market.wait(lambda: len(resumed()) > count or len(log_matches(program, "step done")) > seen, 60, f"{name} to go on", program)
        if any(step % SEGMENT for step in resumed()):
            say(f"{name} was killed {attempt} times and went on at step {resumed()[-1]}")
            return
        require(job.record()["state"] == "running", "the job ended before the worker was resumed within a segment")
    require(False, f"{name} never resumed within a segment: {resumed()}")


def leave_in_mid_round(market, name, job, successor):
    """The worker is told to leave while its lane's round is under way; another one takes the lane from the last passed part."""
    account = market.account(name)
    number = next(lease["lane"] for lease in market.get_all(f"/v1/leases?worker={account}"))

    def under_way():
        lane = next(lane for lane in market.get(f"/v1/jobs/{job.id}/lanes")["data"] if lane["lane"] == number)
        record = job.record()
        return record["round"] >= 1 and record["state"] == "running" and lane["committed_parts"] in (1, 2)

    market.wait(under_way, 120, "the middle of a round", *market.programs.values())
    status = market.programs[name].stop(90)
    require(status == 0, f"{name} ended with {status}:\n{market.programs[name].tail()}")
    program = market.programs.pop(name)
    require(log_matches(program, "handed the lane over"), f"{name} did not leave its lane:\n{program.tail()}")
    taken = market.wait(lambda: market.get_all(f"/v1/leases?worker={market.account(successor)}"), 60, f"{successor} to take the lane")[0]
    require(taken["lane"] == number and taken["start_part"] > 0,
            f"the lane was not handed over in mid-round: lane {taken['lane']}, round {taken['start_round']}, part {taken['start_part']}")
    say(f"lane {number} was handed over in round {taken['start_round']} after part {taken['start_part'] - 1}")


def run_market(market, job):
    market.start_node()
    start_validators(market)
    shared = ["--gflops", "5", "--checkpoint-every", "0", "--verbose", "--target", "scalar"]
    market.start_worker("resumed", *shared, "--threads", "1", "--micro-batch", "1")
    market.start_worker("leaving", *shared, "--threads", "2", "--micro-batch", "4", "--leave-on-exit")
    wait_for_offers(market, 2)
    job.submit()
    market.wait(lambda: job.record()["active_leases"] == 2, 60, "two leases", *market.programs.values())
    market.start_worker("successor", "--gflops", "5", "--threads", "1", "--micro-batch", "3", "--target", "best")
    kill_in_mid_segment(market, "resumed", job)
    leave_in_mid_round(market, "leaving", job, "successor")
    record = job.until_closed(180)
    require_clean(market, job.id, WORKERS + VALIDATORS)
    model = market.assay("model", "get", job.id, "--out", job.folder / "model")
    ends = {}
    for entry in market.history(job.id):
        if entry["kind"] == "part_passed":
            last_step = (entry["first_segment"] + len(entry["leaves"])) * SEGMENT
            ends[entry["key"]["round"], entry["key"]["lane"], last_step] = entry["end_root"]
    say(f"the market reached model root {model['model_root']}")
    return record["final_root"], model["model_root"], ends


def train_with_kills(market, job, roots, kills):
    """`assay train` killed (SIGKILL) after so many lines of its roots file, each time continued with --resume."""
    arguments = job.train_arguments("killed", "--threads", "2", "--micro-batch", "2", "--target", "scalar", "--save-every", "1",
                                    "--every", EVERY, "--roots", roots)
    for place, lines in enumerate(kills):
        program = Program("assay train", [market.bin / "assay", *arguments, *(["--resume"] if place else [])], job.folder / "train.log").start()
        market.wait(lambda wanted=lines: roots.exists() and len(roots.read_text().splitlines()) >= wanted, 60, "lines of roots", program)
        program.kill()
    return market.assay(*arguments, "--resume", node=False)


def targets_here(market):
    """Instruction sets this machine runs: the command line refuses the others."""
    found = []
    for target in ("scalar", "sse4", "avx2", "avx512", "neon"):
        done = market.run("assay-worker", "check", "--target", target, "--data-dir", market.directory / "check", check=False)
        require(done.returncode in (0, 2), f"assay-worker check --target {target} ended with {done.returncode}: {done.stdout}{done.stderr}")
        if done.returncode == 0:
            found.append(target)
    return found


def test(market, folder, arguments):
    genesis(market, WORKERS)
    job = Job(market, folder, rounds=3, round_steps=4 * SEGMENT, segment_steps=SEGMENT, part_segments=1, batch=8)
    final_root, model_root, ends = run_market(market, job)
    verify_chain(market)

    files = {"scalar, 1 thread, micro-batch 1": ["--threads", "1", "--micro-batch", "1", "--target", "scalar"],
             "best, 2 threads, whole batch": ["--threads", "2", "--micro-batch", "8", "--target", "best"]}
    for target in targets_here(market):
        if target != "scalar":
            files[f"{target}, 1 thread, micro-batch 3"] = ["--threads", "1", "--micro-batch", "3", "--target", target]
    wanted = None
    for place, (name, options) in enumerate([*files.items(), ("killed three times", None)]):
        roots = folder / f"roots-{place}"
        if options is None:
            trained = train_with_kills(market, job, roots, (5, 17, 30))
        else:
            trained = job.train(f"local-{place}", *options, "--every", EVERY, "--roots", roots)
        lines = roots.read_text().splitlines()
        require(trained["final_root"] == final_root and trained["model_root"] == model_root,
                f"{name}: reached model root {trained['model_root']}, the market {model_root}")
        wanted = wanted or lines
        require(lines == wanted, f"{name}: other roots than before: {[pair for pair in zip(lines, wanted) if pair[0] != pair[1]][:2]}")
        say(f"{name}: same model root, same {len(lines)} lines of roots")
    require(len(wanted) == 2 * 3 * 4 * SEGMENT // EVERY, f"{len(wanted)} lines of roots")
    trained = {(int(r), int(l), int(s)): root for r, l, s, root, _ in (line.split() for line in wanted)}
    differing = {key: root for key, root in ends.items() if trained.get(key) != root}
    require(len(ends) == 2 * 3 * 4 and not differing, f"the ledger has other end roots of parts: {differing}")
    say(f"the end roots of all {len(ends)} parts on the ledger are among them")


if __name__ == "__main__":
    sys.exit(main(__doc__, test))
