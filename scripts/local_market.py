"""A whole market on this machine: one node, workers and validators as separate processes on loopback.

Used by scripts/demo and by the end-to-end tests. Only the standard library and the product's own programs are used; nothing here decides
anything about the market, it starts processes and reads what they say.
"""

import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class MarketError(Exception):
    """A step of the set-up or of the run failed; the text says which one and where its log is."""


class Program:
    """One running process with its log file. Restartable with the same command line."""

    def __init__(self, name, command, log):
        self.name, self.command, self.log = name, [str(c) for c in command], Path(log)
        self.process = None

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True)
        return self

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """SIGKILL: what a power cut looks like to the program."""
        if self.alive():
            os.killpg(self.process.pid, signal.SIGKILL)
        if self.process:
            self.process.wait()

    def pause(self):
        """SIGSTOP: a machine that hangs."""
        os.killpg(self.process.pid, signal.SIGSTOP)

    def resume(self):
        os.killpg(self.process.pid, signal.SIGCONT)

    def stop(self, seconds=20):
        """SIGTERM, then SIGKILL when it takes too long. Returns the exit status."""
        if not self.alive():
            return self.process.returncode if self.process else None
        self.process.terminate()
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return self.process.returncode

    def tail(self, lines=15):
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""


class Market:
    """Keys, genesis, node, workers and validators under one directory. Use as a context manager: everything is stopped at the end."""

    def __init__(self, directory, binaries):
        self.directory, self.bin = Path(directory), Path(binaries)
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "logs").mkdir(exist_ok=True)
        self.passphrase = self.directory / "passphrase"
        if not self.passphrase.exists():
            self.passphrase.write_text("a local market has nothing to hide\n")
            self.passphrase.chmod(0o600)
        self.keys, self.programs, self.url = {}, {}, None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop_all()

    # Programs that run and end.

    def run(self, program, *arguments, check=True, timeout=600, binary=None):
        command = [str(self.bin / program)] + [str(a) for a in arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL)
        if check and done.returncode != 0:
            raise MarketError(f"{' '.join(command)}\nended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        return done

    def assay(self, *arguments, check=True, node=True, timeout=600):
        """Runs `assay --json ...` and returns what it printed, decoded."""
        extra = ["--node", self.url] if node and self.url else []
        done = self.run("assay", "--json", *extra, *arguments, check=check, timeout=timeout)
        return json.loads(done.stdout) if done.stdout.strip() else {}

    def key(self, name):
        """Creates (once) a key file and returns what `assay key` says of it."""
        if name not in self.keys:
            file = self.directory / f"{name}.key"
            if not file.exists():
                self.assay("key", "new", "--out", file, "--passphrase-file", self.passphrase, "--kdf", "interactive", node=False)
            self.keys[name] = self.assay("key", "show", "--key", file, "--passphrase-file", self.passphrase, node=False)
        return self.keys[name]

    def key_arguments(self, name):
        self.key(name)
        return ["--key", self.directory / f"{name}.key", "--passphrase-file", self.passphrase]

    def make_genesis(self, parties, wealth, parameters=None):
        """Keys for everybody, the genesis document and the node's directory. `parties`: name -> {"worker": stake} or {"validator": stake} or {};
        what is not staked of `wealth` is the free balance. `parameters` override those of the demo chain."""
        self.key("operator")
        arguments = ["--operator-key", self.directory / "operator.key", "--out", self.directory / "genesis.json", "--demo"]
        for name, stakes in parties.items():
            self.key(name)
            fields = [f"balance={wealth - sum(stakes.values())}"] + [f"{role}={stake}" for role, stake in stakes.items()]
            arguments += ["--party", ",".join([str(self.directory / f"{name}.key"), *fields])]
        if parameters:
            file = self.directory / "parameters.json"
            file.write_text(json.dumps(parameters))
            arguments += ["--parameters", file]
        self.run("assayd", "genesis", *arguments)
        self.run("assayd", "init", "--dir", self.directory / "node", "--genesis", self.directory / "genesis.json")

    def trust_file(self, names, chain):
        """What `assay certificate verify --trust` reads: the chain and the first cold keys of those whose signatures count."""
        file = self.directory / "trust"
        file.write_text("".join(f"{chain} {self.key(name)['cold']}\n" for name in names))
        return file

    def account(self, name):
        """Account id of a key on this chain."""
        return self.assay("key", "show", "--key", self.directory / f"{name}.key")["account"]

    def wealth(self, account):
        """Everything an account owns, in grains: free balance, stake in every role, unbonding entries, bonds of its offers and leases."""
        record = self.get(f"/v1/accounts/{account}")
        amounts = [record["balance"]] + [s["active"] for s in record.get("stakes", [])] + [u["amount"] for u in record.get("unbondings", [])]
        amounts += [o["bond"] for o in self.get_all(f"/v1/offers?worker={account}")] + [l["bond"] for l in self.get_all(f"/v1/leases?worker={account}")]
        return sum(map(int, amounts))

    # Processes that stay.

    def _spawn(self, name, command):
        program = Program(name, command, self.directory / "logs" / f"{name}.log").start()
        self.programs[name] = program
        return program

    def start_node(self, *arguments, seconds=30):
        port_file = self.directory / "port"
        # The first start lets the kernel choose the port; a restart must come back where the parties look for it.
        listen = "127.0.0.1:0" if self.url is None else self.url.removeprefix("http://")
        if self.url is None and port_file.exists():
            port_file.unlink()
        program = self._spawn("node", [self.bin / "assayd", "run", "--dir", self.directory / "node", "--listen", listen, "--port-file", port_file,
                                       *arguments, *self.key_arguments("operator")])
        self.wait(lambda: port_file.exists() and port_file.read_text().strip(), seconds, "the node to choose its port", program)
        self.url = f"http://127.0.0.1:{port_file.read_text().strip().split(':')[-1]}"
        self.wait(lambda: self.get("/readyz", decode=False) is not None, seconds, "the node to be ready", program)
        return program

    def start_worker(self, name, *extra, binary="assay-worker"):
        return self._spawn(name, [self.bin / binary, "run", "--node", self.url, "--data-dir", self.directory / name, *self.key_arguments(name), *extra])

    def start_validator(self, name, *extra, binary="assay-validator"):
        return self._spawn(name, [self.bin / binary, "run", "--node", self.url, "--data-dir", self.directory / name, *self.key_arguments(name),
                                  *extra])

    def restart(self, name):
        if name == "node":
            return self.start_node()
        return self.programs[name].start()

    def stop_all(self):
        for name, program in self.programs.items():
            if name != "node":
                program.process and program.alive() and program.process.terminate()
        for program in self.programs.values():
            program.stop()

    # Looking.

    def get(self, path, decode=True, timeout=30):
        """GET of the node's REST interface; None when it does not answer or refuses."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=timeout) as answer:
                body = answer.read()
        except (urllib.error.URLError, OSError):
            return None
        return json.loads(body) if decode else body

    def get_all(self, path):
        """All entries of a list, page by page."""
        entries, after = [], None
        while True:
            page = self.get(f"{path}{'&' if '?' in path else '?'}limit=100" + (f"&after={after}" if after is not None else ""))
            if page is None:
                return entries
            entries += page["data"]
            if not page["has_more"]:
                return entries
            after = page["data"][-1]["id"]

    def history(self, job):
        entries = []
        while True:
            page = self.get(f"/v1/jobs/{job}/history?first={len(entries)}&limit=100")
            entries += page["data"]
            if not page["has_more"]:
                return entries

    def wait(self, condition, seconds, what, *programs):
        """Waits until condition() is true; fails with the log's end when a program in `programs` ends or the time is up."""
        deadline = time.monotonic() + seconds
        while True:
            value = condition()
            if value:
                return value
            for program in programs:
                if not program.alive():
                    raise MarketError(f"{program.name} ended while waiting for {what}; {program.log}:\n{program.tail()}")
            if time.monotonic() > deadline:
                raise MarketError(f"gave up waiting for {what} after {seconds} s")
            time.sleep(0.05)
