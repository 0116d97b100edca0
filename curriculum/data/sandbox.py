"""Run many small programs quickly, each by itself, with the same result every time.

A corpus is honest only if every `# output` was really printed, and a difficulty score
may want to know how long a program runs. Both need other people's programs executed.

- A keeper process (`sandbox_keeper.py`) forks a fresh child for every program, reads
  its outcome from a pipe of its own, ends all it started and empties its folder. So no
  program notices another, and whatever one does costs only its own outcome.
- Programs made of TinyPy's words and signs alone can leave nothing behind. They share a
  child, which adds a few microseconds to what compiling and running one takes.
- A program gets no input, no environment of ours, an empty folder, and limits on
  processor time, memory, file size and output. A limit counts as passed even if the
  program caught the error. What it leaves running when it ends (threads, processes,
  `atexit`) is ended; only what it sent through `sys.stdout` is its output.
- `seconds` is processor time, so a busy machine does not turn good programs into
  failures; a program that only sleeps is stopped by a wall clock five times as long.
- `trace=True` counts steps, branches and the largest number. The counts are taken from
  the syntax tree, not from the interpreter's events: every Python version agrees.
- Safe within limits, which `limits()` names for this machine. Where Linux allows it
  programs have no network, cannot write outside their folder or signal other processes;
  elsewhere they can do what you can. They can always read your files and use local
  sockets, and one that reads its own process's memory can forge its own outcome, though
  no other's. POSIX only (Linux, macOS, WSL).

`sandbox_child.py` runs a program, `sandbox_walls.py` shuts it in.
Explained in chapter 2 (execution) and chapter 3 (dynamic difficulty).
"""

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from . import sandbox_walls

KEEPER = Path(__file__).with_name("sandbox_keeper.py")
CHUNK = 4096  # programs sent to a keeper at a time
MOST = 10**9  # of anything an argument counts
LOST = "the sandbox was lost"  # ended by the program, by the system or by hand
PATIENCE = 60  # s to wait for a keeper beyond what its programs may take


class Outcome(NamedTuple):
    """What one program did.

    ok: ended without an error. stdout: what it printed, cut at `max_output` characters.
    error: None, or a line of at most 200 characters such as "ZeroDivisionError: division
    by zero" or "timeout: more than 1 s". The rest is 0 unless traced:
    steps: statements executed; the test of an if, elif or while and each request of a
    for for its next item (the last, unanswered one too) are one step each.
    branches: those tests and requests alone. largest: largest |number| bound to a name.
    """

    ok: bool
    stdout: str
    error: str | None
    steps: int
    branches: int
    largest: float


class Sandbox:
    """A keeper process ready to run programs; use it in a `with` block.

    Args are those of `run`. Not for use by two threads at once.
    """

    walls = True  # False: as on a system that allows no namespaces

    def __init__(
        self,
        *,
        seconds: float = 1.0,
        memory_mb: int = 512,
        max_output: int = 4096,
        trace: bool = False,
        max_steps: int = 100_000,
    ):
        for name, value, kind, least in (
            ("seconds", seconds, (int, float), 0.01),
            ("memory_mb", memory_mb, int, 64),
            ("max_output", max_output, int, 1),
            ("max_steps", max_steps, int, 1),
        ):
            whole = "" if name == "seconds" else " whole"
            if not isinstance(value, kind) or not least <= value <= MOST:
                raise ValueError(
                    f"{name} is {value!r}; it must be at least {least} and a{whole}"
                    f" number up to {MOST:,}"
                )
        if os.name != "posix":
            raise ValueError(f"no sandbox on {sys.platform}; use Linux, macOS or WSL")
        self._wait = 2 * (5 * seconds + 3) + PATIENCE  # s without an answer
        self._options = [seconds, memory_mb, max_output, trace, max_steps]
        self._process: subprocess.Popen | None = None
        self._folder = ""
        self._unread = b""
        self._requests = 0
        self._busy = False

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def run(self, sources: Sequence[str]) -> list[Outcome]:
        """Run programs one after another; outcomes come in the order of `sources`."""
        _check(sources)
        outcomes: list[Outcome] = []
        suspect = -1  # the program a keeper was lost with
        while (done := len(outcomes)) < len(sources):
            found, loss = self._ask(sources[done : done + CHUNK])
            outcomes += found
            if not loss:
                continue
            if not found and suspect == done:  # twice: this one is the cause
                outcomes.append(Outcome(False, "", loss, 0, 0, 0.0))
            suspect = len(outcomes)
        return outcomes

    def close(self) -> None:
        """End the keeper and whatever it started, and remove its folder."""
        process, self._process, self._unread = self._process, None, b""
        if process is None:
            return
        for pipe in (process.stdin, process.stdout, process.stderr):
            try:
                pipe.close()
            except OSError:  # unsent text of a keeper that is gone
                pass
        try:
            # An idle keeper ends by itself, and its programs' time becomes known to us.
            process.wait(0 if self._busy else PATIENCE)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            process.kill()
        process.wait()
        sandbox_walls.empty(self._folder)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _ask(self, programs: Sequence[str]) -> tuple[list[Outcome], str | None]:
        """Outcomes of `programs`, and what became of the keeper if it is lost."""
        if self._process is None:
            self._start()
        self._requests += 1
        self._busy = True
        outcomes: list[Outcome] = []
        try:
            request = json.dumps([self._requests, list(programs)]).encode()
            self._process.stdin.write(request + b"\n")
            self._process.stdin.flush()
            while len(outcomes) < len(programs):
                token, found = json.loads(self._read_line(self._wait))
                if token != self._requests:
                    raise ValueError("an answer to another question")
                outcomes += map(Outcome._make, found)
        except (OSError, ValueError, TypeError):
            self.close()
            return outcomes[: len(programs)], LOST
        self._busy = False
        return outcomes, None

    def _start(self) -> dict[str, bool]:
        """Start the keeper; returns which of `sandbox_walls.WALLS` hold."""
        self._folder = tempfile.mkdtemp(prefix="sandbox-")
        bare = {"PYTHONHASHSEED": "0", "PATH": os.defpath}
        if "LD_LIBRARY_PATH" in os.environ:  # where some interpreters keep their own
            bare["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
        told = json.dumps([self._options, self._folder, self.walls])
        # -P: "import train" must not find this package. -s and the bare environment
        # isolate like -I, which would also ignore the fixed hash seed, and with it the
        # promise that a program printing a set prints the same every time.
        self._process = subprocess.Popen(
            [sys.executable, "-sPB", "-W", "ignore", str(KEEPER), told],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd="/",
            env=bare,
            start_new_session=True,  # Ctrl-C is ours; its own children end with it
        )
        try:
            return json.loads(self._read_line(PATIENCE))
        except ValueError:
            self._process.kill()
            reason = self._process.stderr.read().decode(errors="replace").strip()
            self._busy = True
            self.close()
            raise RuntimeError(
                f"could not start {sys.executable} in a sandbox: {reason}"
            ) from None

    def _read_line(self, seconds: float) -> bytes:
        """The keeper's next line; empty if it is dead or silent for too long."""
        deadline = time.monotonic() + seconds
        poll = select.poll()
        poll.register(self._process.stdout, select.POLLIN)  # type: ignore[arg-type]
        while b"\n" not in self._unread:
            left = deadline - time.monotonic()
            if left <= 0 or not poll.poll(1000 * left):
                return b""
            data = os.read(self._process.stdout.fileno(), 1 << 16)
            if not data:
                return b""
            self._unread += data
        line, _, self._unread = self._unread.partition(b"\n")
        return line


class Team:
    """Several sandboxes kept ready; use it in a `with` block.

    Args are those of `run`, `sources` apart. Not for use by two threads at once.
    """

    def __init__(self, workers: int = 1, **options):
        if workers < 1:
            raise ValueError(f"workers is {workers!r}; it must be at least 1")
        self._boxes = [Sandbox(**options) for _ in range(workers)]

    def __enter__(self) -> "Team":
        return self

    def __exit__(self, *_) -> None:
        for box in self._boxes:
            box.close()

    def run(self, sources: Sequence[str]) -> list[Outcome]:
        """Run programs, shared out among the sandboxes; outcomes in their order."""
        share = max(1, min(CHUNK, -(-len(sources) // len(self._boxes))))
        starts = range(0, len(sources), share)
        todo, lock = iter(starts), threading.Lock()
        results: dict[int, list[Outcome]] = {}
        errors: list[BaseException] = []

        def work(box: Sandbox) -> None:
            try:
                while not errors:
                    with lock:
                        start = next(todo, None)
                    if start is None:
                        return
                    results[start] = box.run(sources[start : start + share])
            except BaseException as error:  # the other threads stop too
                errors.append(error)

        # Threads suffice: the work is done in the children.
        boxes = self._boxes[: len(starts)]
        threads = [threading.Thread(target=work, args=[box]) for box in boxes[1:]]
        for thread in threads:
            thread.start()
        work(self._boxes[0])
        try:
            for thread in threads:
                thread.join()
        except BaseException as error:  # Ctrl-C: they stop after the chunk in hand
            errors.append(error)
        if errors:
            raise errors[0]
        return [outcome for start in starts for outcome in results[start]]


def run(
    sources: Sequence[str],
    *,
    seconds: float = 1.0,
    memory_mb: int = 512,
    max_output: int = 4096,
    trace: bool = False,
    workers: int = 1,
    max_steps: int = 100_000,
) -> list[Outcome]:
    """Run each program by itself and say what it did.

    Args:
        sources: N programs, any Python.
        seconds: processor time a program may use.
        memory_mb: megabytes (2**20 bytes) of address space, the interpreter's included.
        max_output: characters a program may print before it is stopped.
        trace: also count steps, branches and the largest number (2-3 times slower).
        workers: children at work at once; the outcomes do not depend on it.
        max_steps: a traced program is stopped after so many.
    Returns:
        N outcomes in the order of `sources`.
    Raises:
        ValueError: an argument is out of its range, or `sources` is one string.
    """
    _check(sources)
    options = dict(seconds=seconds, memory_mb=memory_mb, max_output=max_output)
    with Team(workers, trace=trace, max_steps=max_steps, **options) as team:
        return team.run(sources)


def limits() -> str:
    """Two lines: what the sandbox keeps from programs on this machine, and what not."""
    with Sandbox() as box:
        holds = box._start()
    kept = {
        "processor time, output and the size of a file": True,
        "memory": holds["memory"],
        "the network": holds["network"],
        "files outside their folder (to write), devices": holds["files"],
        "your processes": holds["processes"],
        "the number of processes": holds["number"],
        "processes that outlive them": holds["orphans"],
        "your local sockets": False,
        "your files (to read)": False,
    }
    yes, no = (", ".join(k for k, v in kept.items() if v is w) for w in (True, False))
    return f"Kept from programs or limited: {yes}.\nOpen to them: {no}."


def _check(sources: Sequence[str]) -> None:
    if isinstance(sources, str):
        raise ValueError("sources is one string; give a list of programs: [source]")
    for i, source in enumerate(sources):
        if not isinstance(source, str):
            kind = type(source).__name__
            raise ValueError(f"program {i} is a {kind}; it must be text (str)")
