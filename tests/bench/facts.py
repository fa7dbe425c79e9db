"""What a figure depends on: the machine, its load, the compilers and libraries."""

import datetime
import os
import platform
import re
import subprocess
from pathlib import Path


def first_line(command):
    try:
        out = subprocess.run(command, capture_output=True, text=True, timeout=60).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    return out.strip().splitlines()[0] if out.strip() else None


def processor():
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return {"model": platform.processor() or platform.machine()}
    entry = dict(re.findall(r"^([^\t\n:]+?)\s*:\s*(.*)$", text.split("\n\n")[0], re.M))
    facts = {key: entry[name] for key, name in
             [("model", "model name"), ("vendor", "vendor_id"), ("family", "cpu family"), ("number", "model"), ("cache", "cache size")] if name in entry}
    flags = set(entry.get("flags", entry.get("Features", "")).split())
    facts["features"] = [f for f in ("avx2", "fma", "avx512f", "avx512_bf16", "amx_tile", "asimd", "sve") if f in flags]
    return facts


def compiler(build):
    cache = build / "CMakeCache.txt"
    found = re.search(r"^CMAKE_CXX_COMPILER:\w+=(.*)$", cache.read_text(), re.M) if cache.exists() else None
    return first_line([found[1], "--version"]) if found else None


def memory_bytes():
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def available_bytes():
    found = re.search(r"^MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text(), re.M)
    return int(found[1]) * 1024 if found else memory_bytes()


def load():
    return [round(value, 2) for value in os.getloadavg()]


def machine(build):
    return {"cpu": processor(), "cores": len(os.sched_getaffinity(0)), "memory_bytes": memory_bytes(), "kernel": platform.release(),
            "system": platform.platform(), "compiler": compiler(build), "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")}
