"""Everything but the execution of programs works where there is no POSIX.

No Windows is at hand. What it lacks is taken away from this Python after the libraries
are loaded and before the package is: the modules, and the functions and signals.
"""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

WITHOUT_POSIX = """
import asyncio, concurrent.futures, multiprocessing.connection, os, pkgutil, platform
import select, signal, socket, subprocess, sys, tempfile, importlib
import filelock, matplotlib.pyplot, numpy, pyarrow.parquet, radon.visitors
import safetensors.torch, scipy.optimize, scipy.stats, torch, IPython, ipywidgets
for name in ("fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty"):
    sys.modules[name] = None
for name in dir(signal):
    if name.startswith("SIG") and name not in (
        "SIGABRT", "SIGFPE", "SIGILL", "SIGINT", "SIGSEGV", "SIGTERM", "SIG_DFL", "SIG_IGN"
    ):
        delattr(signal, name)
del select.poll, signal.alarm, signal.setitimer, signal.pthread_sigmask
del os.fork, os.getuid, os.killpg, os.setsid, os.sched_getaffinity, os.uname
"""

IMPORT_ALL = """
import curriculum
sys.path.insert(0, "book")
import behind, exercises
own = ("__main__", "sandbox_child", "sandbox_keeper")  # only run, never imported
for package in (curriculum, behind, exercises):
    for m in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not m.name.endswith(own):
            importlib.import_module(m.name)
print("imported")
"""

USE = """
from curriculum import files
from curriculum.data import sandbox, tinypy
from curriculum.experiments import records
print(len(records.records("small")))
os.name = "nt"
try:
    sandbox.run(["print(1)"])
except ValueError as error:
    print(error)
"""


@pytest.fixture(scope="module")
def said():
    """What both scripts print, run one after the other in one process."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_POSIX + IMPORT_ALL + USE],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.fault(
    "Portability",
    "the package imported where POSIX is missing, as on Windows",
    "only the execution of programs needs POSIX",
    "every module that a chapter imports is imported",
)
def test_all_modules_can_be_imported_without_posix(said):
    assert said[0] == "imported"


def test_records_are_read_and_execution_is_refused_in_plain_words(said):
    assert int(said[1]) == 2
    assert said[2] == f"no sandbox on {sys.platform}; use Linux, macOS or WSL"
