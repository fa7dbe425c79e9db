"""What scripts/bench compares with, and how it comes onto this machine: stock PyTorch from PyPI in a virtual environment, OpenBLAS and two
memory allocators from Debian, all below build/bench. Nothing of it is installed into the system, except Debian's packages for Python itself."""

import glob
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

# "": what OpenBLAS chooses by itself. Processors newer than the library get too old a type.
OPENBLAS_CORES = ["", "Haswell", "Zen", "SkylakeX", "Cooperlake"] if platform.machine() == "x86_64" else [""]

# MKL runs slower kernels on processors of other makers than Intel; it asks this function who made the processor.
MKL_SHIM = "int mkl_serv_intel_cpu_true(void) { return 1; }\n"


class Skipped(Exception):
    """Something to compare with is not to be had here; says why."""


def say(text):
    print(text, flush=True)


def quiet(command, log, **keywords):
    """Runs a command, its output into `log`; the last lines of that are the error."""
    with open(log, "w") as out:
        code = subprocess.run([str(c) for c in command], stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, **keywords).returncode
    if code != 0:
        lines = Path(log).read_text(errors="replace").strip().splitlines()
        raise Skipped(f"{' '.join(str(c) for c in command[:4])} failed: {lines[-1] if lines else 'no output'} (log: {log})")


def debian_library(folder, package, pattern, others=()):
    """Path of a shared library: the system's, or that of the Debian package, unpacked below `folder`."""
    def find():
        roots = ["/usr/lib/*", "/usr/lib64", "/usr/lib", f"{glob.escape(str(folder))}/debian/usr/lib/*"]
        return next((Path(file) for root in roots for file in sorted(glob.glob(f"{root}/{pattern}"))), None)

    if found := find():
        return found
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        raise Skipped(f"{package}: neither installed nor Debian's package manager here")
    packages = folder / "packages"
    packages.mkdir(parents=True, exist_ok=True)
    quiet(["apt-get", "download", package, *others], folder / f"{package}.log", cwd=packages)
    for file in sorted(packages.glob("*.deb")):
        quiet(["dpkg", "-x", file, folder / "debian"], folder / f"{package}.log")
    if found := find():
        return found
    raise Skipped(f"{package} holds no {pattern}")


def openblas(folder):
    return debian_library(folder, "libopenblas0-pthread", "openblas-pthread/libopenblas.so.0", ["libgfortran5"])


def allocators(folder):
    """Name -> library of the allocators that PyTorch's tuning guide recommends. Those that are missing are named."""
    found = {}
    for name, package, pattern in [("tcmalloc", "libtcmalloc-minimal4", "libtcmalloc_minimal.so.4"), ("jemalloc", "libjemalloc2", "libjemalloc.so.2")]:
        try:
            found[name] = debian_library(folder, package, pattern)
        except Skipped as reason:
            say(f"    skipped: {name}: {reason}")
    return found


def mkl_shim(folder):
    """A library to preload that lets MKL use its AVX-512 kernels on every processor. Nothing when no C compiler is here."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    source, library = folder / "mkl_shim.c", folder / "mkl_shim.so"
    source.write_text(MKL_SHIM)
    quiet([compiler, "-shared", "-fPIC", "-O2", "-o", library, source], folder / "mkl_shim.log")
    return library


def pythons(headers):
    """Interpreters that PyTorch supports and that make virtual environments, the system's first."""
    check = "import sys, sysconfig; from pathlib import Path; assert sys.version_info >= (3, 10)"
    if headers:
        check += "; assert Path(sysconfig.get_path('include'), 'Python.h').exists()"
    candidates = [c for c in ("/usr/bin/python3", sys.executable, shutil.which("python3")) if c and Path(c).exists()]
    for candidate in candidates:
        for maker in ("ensurepip, venv", "virtualenv"):
            if subprocess.run([candidate, "-c", f"{check}; import {maker}"], stderr=subprocess.DEVNULL).returncode == 0:
                yield candidate


def interpreter(folder):
    """torch.compile builds extension modules, so an interpreter with C headers is preferred."""
    found = next(pythons(headers=True), None)
    if found is None and shutil.which("apt-get") and os.geteuid() == 0:
        try:
            quiet(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "python3-venv", "python3-dev"], folder / "apt.log")
        except Skipped as reason:
            say(f"    {reason}")
        found = next(pythons(headers=True), None)
    found = found or next(pythons(headers=False), None)
    if found is None:
        raise Skipped("no python3 (3.10 or newer) that makes virtual environments: install the Debian packages python3-venv and python3-dev")
    return found


def stock_python(venv, folder):
    """The interpreter of a virtual environment with the newest PyTorch; made at the first call."""
    python = venv / "bin/python"
    works = [python, "-c", "import torch, numpy"]
    if python.exists() and subprocess.run(works, stderr=subprocess.DEVNULL).returncode == 0:
        return python
    say(f"    installing PyTorch from PyPI into {venv} (some gigabytes, once)")
    base = interpreter(folder)
    if subprocess.run([base, "-m", "venv", str(venv)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode != 0:
        quiet([base, "-m", "virtualenv", venv], folder / "venv.log")
    quiet([python, "-m", "pip", "install", "--retries", "1", "--timeout", "30", "torch", "numpy"], folder / "pip.log")
    quiet(works, folder / "torch.log")
    return python
