"""Run many small programs safely, quickly and with the same result every time.

A corpus is honest only if every `# output` was really printed, and a difficulty score
may want to know how long a program runs. Both need other people's programs executed.

- One child process runs program after program and answers for many at once: the
  sandbox adds a few microseconds to what compiling and running takes. When a program
  kills or hangs the child, those not yet answered for are run again, one answer each,
  so that the right one gets the blame; no other program notices.
- A program gets fresh globals, no input, an empty temporary folder, and limits on
  processor time, memory, file size and output. A program that could leave a trace
  behind in the process (it imports, opens files, or uses `__names__`) is the last one
  its child runs.
- `seconds` is processor time, so a busy machine does not turn good programs into
  failures; a program that only sleeps is stopped by a wall clock five times as long.
- `trace=True` counts steps, branches and the largest number. The counts are taken from
  the syntax tree, not from the interpreter's events: every Python version agrees.
- This protects against accidents. It is no wall against malice: a program that means
  harm can reach the network and read files. POSIX only (Linux, macOS, WSL).

This is the parent's side, `sandbox_child.py` is the child's.
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

CHILD = Path(__file__).with_name("sandbox_child.py")
CHUNK = 256  # programs sent to a child at a time
REPLY_EVERY = 0.05  # s between answers: a child answers for many programs at once
STAINS = ("import", "open", "__")  # what may outlive a program inside its process


class Outcome(NamedTuple):
    """What one program did.

    ok: ended without an error. stdout: what it printed, cut at `max_output` characters.
    error: None, or one line such as "ZeroDivisionError: division by zero" or
    "timeout: more than 1 s". The rest is 0 unless traced:
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
    """A child process kept ready to run programs; use it in a `with` block.

    Args are those of `run`. Not for use by two threads at once.
    """

    def __init__(
        self,
        *,
        seconds: float = 1.0,
        memory_mb: int = 512,
        max_output: int = 4096,
        trace: bool = False,
        max_steps: int = 100_000,
    ):
        for name, value, least in (
            ("seconds", seconds, 0.01),
            ("memory_mb", memory_mb, 64),
            ("max_output", max_output, 1),
            ("max_steps", max_steps, 1),
        ):
            if not value >= least:
                raise ValueError(f"{name} is {value!r}; it must be at least {least}")
        if os.name != "posix":
            raise ValueError(f"no sandbox on {sys.platform}; use Linux, macOS or WSL")
        self._wall = 5 * seconds + 1  # s; for programs that wait without computing
        self._timeout = f"timeout: more than {seconds:g} s"
        self._options = json.dumps([seconds, memory_mb, max_output, trace, max_steps])
        self._process: subprocess.Popen | None = None
        self._folder = ""
        self._unread = b""

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def run(self, sources: Sequence[str]) -> list[Outcome]:
        """Run programs one after another; outcomes come in the order of `sources`."""
        outcomes: list[Outcome] = []
        while len(outcomes) < len(sources):
            chunk = _next_chunk(sources, len(outcomes))
            found, death = self._attempt(chunk, REPLY_EVERY)
            outcomes += found
            if death:  # by one of those left; answered one by one, we see by which
                found, death = self._attempt(chunk[len(found) :], 0)
                outcomes += found
                if death:
                    outcomes.append(Outcome(False, "", death, 0, 0, 0.0))
        return outcomes

    def close(self) -> None:
        """End the child and whatever it started, and remove its folder."""
        process, self._process, self._unread = self._process, None, b""
        if process is None:
            return
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            try:
                pipe.close()
            except OSError:  # unsent text of a child that is gone
                pass
        shutil.rmtree(self._folder, ignore_errors=True)

    def _attempt(
        self, chunk: Sequence[str], reply_every: float
    ) -> tuple[list[Outcome], str | None]:
        """Outcomes of `chunk` as far as the child lived to tell, and what ended it."""
        if self._process is None:
            self._start()
        try:
            request = json.dumps([reply_every, chunk]).encode()
            self._process.stdin.write(request + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:  # ended between two programs, by nobody's fault
            self.close()
            return [], None
        outcomes: list[Outcome] = []
        while len(outcomes) < len(chunk):
            line = self._read_line(self._wall + reply_every)
            if not line:
                death = self._timeout if line is None else self._cause_of_death()
                self.close()
                return outcomes, death
            outcomes += map(Outcome._make, json.loads(line))
            if (outcomes[-1].error or "").startswith("MemoryError"):
                self.close()  # its memory may be left in pieces
                return outcomes, None
        if _stains(chunk[-1]):
            self.close()
        return outcomes, None

    def _start(self) -> None:
        self._folder = tempfile.mkdtemp(prefix="sandbox-")
        bare = {"PYTHONHASHSEED": "0", "PATH": os.defpath}
        if "LD_LIBRARY_PATH" in os.environ:  # where some interpreters keep their own
            bare["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
        # -P: "import train" must not find this package. -s and the bare environment
        # isolate like -I, which would also ignore the fixed hash seed, and with it the
        # promise that a program printing a set prints the same every time.
        self._process = subprocess.Popen(
            [sys.executable, "-sPB", "-W", "ignore", str(CHILD), self._options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self._folder,
            env=bare,
            start_new_session=True,  # Ctrl-C is ours; its own children end with it
        )
        if self._read_line(60) != b"ready":
            self._process.kill()
            reason = self._process.stderr.read().decode(errors="replace").strip()
            self.close()
            raise RuntimeError(
                f"could not start {sys.executable} in a sandbox: {reason}"
            )

    def _read_line(self, seconds: float) -> bytes | None:
        """The child's next line; None if it is silent too long, b"" if it is dead."""
        deadline = time.monotonic() + seconds
        poll = select.poll()
        poll.register(self._process.stdout, select.POLLIN)  # type: ignore[arg-type]
        while b"\n" not in self._unread:
            left = deadline - time.monotonic()
            if left <= 0 or not poll.poll(1000 * left):
                return None
            data = os.read(self._process.stdout.fileno(), 1 << 16)
            if not data:
                return b""
            self._unread += data
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def _cause_of_death(self) -> str:
        try:
            status = self._process.wait(self._wall)
        except subprocess.TimeoutExpired:  # it closed its files and lives on
            return self._timeout
        if status == -signal.SIGPROF:
            return self._timeout
        if status < 0:
            return f"the process was ended by {signal.Signals(-status).name}"
        return f"the process exited with status {status}"


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
    if isinstance(sources, str):
        raise ValueError("sources is one string; give a list of programs: [source]")
    options = dict(seconds=seconds, memory_mb=memory_mb, max_output=max_output)
    with Team(workers, trace=trace, max_steps=max_steps, **options) as team:
        return team.run(sources)


def _stains(source: str) -> bool:
    return any(word in source for word in STAINS)


def _next_chunk(sources: Sequence[str], start: int) -> Sequence[str]:
    """The programs from `start` on that one child may run in a row."""
    for end in range(start, min(start + CHUNK, len(sources))):
        if _stains(sources[end]):
            return sources[start : end + 1]
    return sources[start : start + CHUNK]
