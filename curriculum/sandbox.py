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

Only the standard library is used: this file is its own child script.
Explained in chapter 2 (execution) and chapter 3 (dynamic difficulty).
"""

import ast
import builtins
import gc
import io
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
from typing import NamedTuple

CHUNK = 256  # programs sent to a child at a time
PATIENCE = (
    0.05  # s a child may keep what it knows to itself, to answer for many at once
)
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


# ---------------------------------------------------------------- the parent's side


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
            found, death = self._attempt(chunk, PATIENCE)
            outcomes += found
            if death:  # by one of those left; without patience we see by which
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
        self, chunk: Sequence[str], patience: float
    ) -> tuple[list[Outcome], str | None]:
        """Outcomes of `chunk` as far as the child lived to tell, and what ended it."""
        if self._process is None:
            self._start()
        try:
            request = json.dumps([patience, chunk]).encode()
            self._process.stdin.write(request + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:  # ended between two programs, by nobody's fault
            self.close()
            return [], None
        outcomes: list[Outcome] = []
        while len(outcomes) < len(chunk):
            line = self._read_line(self._wall + patience)
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
            [sys.executable, "-sPB", "-W", "ignore", __file__, self._options],
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
        poll.register(self._process.stdout, select.POLLIN)
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


# ---------------------------------------------------------------- the child's side


class _Stop(BaseException):
    """A limit of ours, not an error of the program's (hence no Exception)."""


class _Capture(io.TextIOBase):
    """A standard output that remembers at most `limit` characters."""

    def __init__(self, limit: int):
        self.left, self.limit, self.parts = limit, limit, []

    def write(self, text: str) -> int:
        self.parts.append(text[: self.left])
        self.left -= len(text)
        if self.left < 0:
            self.left = 0
            raise _Stop(f"output: more than {self.limit} characters")
        return len(text)


class _Ignore(io.TextIOBase):
    def write(self, text: str) -> int:
        return len(text)


class _Counts:
    """The counters of a traced program, and the three functions it calls unawares."""

    def __init__(self, max_steps: int):
        self.steps, self.branches, self.largest, self.max_steps = 0, 0, 0, max_steps

    def step(self) -> None:
        if self.steps == self.max_steps:
            raise _Stop(f"steps: more than {self.max_steps}")
        self.steps += 1

    def branch(self, test):
        self.step()
        self.branches += 1
        return test

    def items(self, iterable):
        for item in iterable:
            yield self.branch(item)
        self.branch(None)

    def note(self, value):
        if type(value) in (int, float) and abs(value) > self.largest:
            self.largest = abs(value)
        return value

    def names(self) -> dict:
        functions = (self.step, self.branch, self.items, self.note)
        return {f"__{function.__name__}__": function for function in functions}


def _instrument(tree: ast.Module) -> ast.Module:
    """The same program with calls that count put between its statements."""
    for node in list(ast.walk(tree)):
        inside: list[ast.AST] = []  # targets to be noted when the body begins
        if isinstance(node, (ast.If, ast.While)):
            node.test = _call("__branch__", node.test)
        elif isinstance(node, ast.For):
            node.iter = _call("__items__", node.iter)
            inside = [node.target]
        elif isinstance(node, ast.NamedExpr):
            node.value = _call("__note__", node.value)
        elif isinstance(node, (ast.With, ast.AsyncWith)):
            inside = [item.optional_vars for item in node.items if item.optional_vars]
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            inside = [node.args]
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            if isinstance(block, list):
                setattr(node, field, _counted(block, inside if field == "body" else []))
    return ast.fix_missing_locations(tree)


def _counted(block: list[ast.stmt], inside: list[ast.AST]) -> list[ast.stmt]:
    counted: list[ast.stmt] = []
    for i, statement in enumerate(block):
        text = isinstance(statement, ast.Expr) and isinstance(
            statement.value, ast.Constant
        )  # a docstring must stay first, and executes nothing
        future = getattr(statement, "module", None) == "__future__"
        if not (text or future or isinstance(statement, (ast.If, ast.While, ast.For))):
            counted.append(ast.Expr(_call("__step__")))
        counted.append(statement)
        if isinstance(statement, ast.Assign):
            counted += _notes(statement.targets)
        elif isinstance(statement, ast.AugAssign) or (
            isinstance(statement, ast.AnnAssign) and statement.value
        ):
            counted += _notes([statement.target])
        if i == 0:
            at = 1 if text else 0
            counted[at:at] = _notes(inside)
    return counted


def _notes(targets: list[ast.AST]) -> list[ast.stmt]:
    names = []
    for node in (n for target in targets for n in ast.walk(target)):
        if isinstance(node, ast.arg):
            names.append(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.append(node.id)
    return [ast.Expr(_call("__note__", ast.Name(n, ast.Load()))) for n in names]


def _call(name: str, *args: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), list(args), [])


def _execute(source: str, max_output: int, counts: _Counts | None) -> list:
    """Run one program in this process; the fields of its Outcome."""
    error, stdout = None, _Capture(max_output)
    sys.stdin, sys.stdout = io.StringIO(), stdout
    scope = {"__name__": "__main__", "__builtins__": builtins.__dict__ | {}}
    try:
        if counts:
            # The functions hide among the builtins: globals() and dir() show nothing.
            scope["__builtins__"] |= counts.names()
            tree = _instrument(ast.parse(source, "<program>"))
            code = compile(tree, "<program>", "exec")
        else:
            code = compile(source, "<program>", "exec", dont_inherit=True)
        exec(code, scope)
    except _Stop as stop:
        error = str(stop)
    except SystemExit as stop:
        error = f"SystemExit: {stop.code}" if stop.code else None
    except BaseException as problem:
        error = type(problem).__name__
        try:
            error = f"{error}: {problem}".removesuffix(": ")[:500]
        except BaseException:  # its text is made by the program, and can fail too
            pass
    sys.stdout = _Ignore()
    scope.clear()
    text = "".join(stdout.parts)
    if not counts:
        return [error is None, text, error, 0, 0, 0.0]
    try:
        largest = float(counts.largest)
    except OverflowError:
        largest = float("inf")
    return [error is None, text, error, counts.steps, counts.branches, largest]


def _limit(memory_mb: int) -> None:
    import resource

    for name, most in (
        ("RLIMIT_AS", memory_mb << 20),
        ("RLIMIT_FSIZE", 16 << 20),
        ("RLIMIT_CORE", 0),
    ):
        try:
            resource.setrlimit(getattr(resource, name), (most, most))
        except (ValueError, OSError):  # macOS has no limit on address space
            pass


def _child(options: str) -> None:
    seconds, memory_mb, max_output, trace, max_steps = json.loads(options)
    # The pipes move to private numbers: nothing a program reads or prints meets them.
    requests, replies = open(os.dup(0), "rb"), open(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    sys.stderr, sys.argv = _Ignore(), ["<program>"]
    _limit(memory_mb)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    gc.freeze()
    replies.write(b"ready\n")
    replies.flush()
    for request in requests:
        patience, chunk = json.loads(request)
        results, since = [], time.monotonic()
        for i, source in enumerate(chunk, 1):
            # By default SIGPROF ends the process: no `except` in the program and no
            # long computation in C can outlast it. Each program sets the clock anew.
            signal.setitimer(signal.ITIMER_PROF, seconds)
            counts = _Counts(max_steps) if trace else None
            results.append(_execute(source, max_output, counts))
            failed = (results[-1][2] or "").startswith("MemoryError")
            last = failed or i == len(chunk)
            if last or time.monotonic() - since >= patience:
                signal.setitimer(signal.ITIMER_PROF, 0)
                replies.write(json.dumps(results).encode() + b"\n")
                replies.flush()
                results, since = [], time.monotonic()
            if failed:
                break  # the parent ends us


if __name__ == "__main__":
    _child(sys.argv[1])
