"""The sandbox's other side: what happens in the process that runs a program.

- Forked by `sandbox_keeper.py` for one program, or for a row of plain ones.
- What a program can spoil by accident (its builtins, its standard output, the recursion
  limit, signal handlers) is put right again before its answer is made.
- A limit that was passed is reported, also when the program caught the error.
- The answer is a line: the keeper's nonce, then JSON with the fields of the outcomes:
  [[ok, stdout, error, steps, branches, largest], ...].

Standard library only. Explained in chapter 2 (execution) and chapter 3 (tracing).
"""

import ast
import builtins
import codecs
import functools
import io
import json
import os
import resource
import signal
import sys
import time
from types import ModuleType

MOST_ERROR = 200  # characters
FILE_MB = 16  # of each file a program writes
PUT_OFF = signal.valid_signals() - {signal.SIGPROF}


class _Stop(BaseException):
    """A limit of ours, not an error of the program's (hence no Exception)."""


class _Capture(io.TextIOBase):
    """A standard output that remembers at most `limit` characters.

    `over` is the limit that was passed, or None. Like the real one it takes text that
    UTF-8 can encode, and bytes through its `buffer`.
    """

    encoding, errors = "utf-8", "strict"

    def __init__(self, limit: int):
        self.left, self.limit, self.parts = limit, limit, []
        self.over: str | None = None

    @functools.cached_property
    def buffer(self) -> "_Bytes":
        return _Bytes(self)

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            kind = type(text).__name__
            raise TypeError(f"write() argument must be str, not {kind}")
        text = str.__str__(text)  # never a subclass with methods of its own
        if not text.isascii():
            text.encode()  # a lone surrogate is an error
        self.parts.append(text[: self.left])
        self.left -= len(text)
        if self.left < 0:
            self.left = 0
            self.over = f"output: more than {self.limit} characters"
            raise _Stop(self.over)
        return len(text)


class _Bytes(io.RawIOBase):
    def __init__(self, text: _Capture):
        self._text = text
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def writable(self) -> bool:
        return True

    def write(self, data) -> int:
        data = bytes(data)
        self._text.write(self._decoder.decode(data))
        return len(data)


class _Ignore(io.TextIOBase):
    def write(self, text: str) -> int:
        return len(text)


class _Caught:
    """Knows whether the program caught a MemoryError: a limit passed all the same."""

    over: str | None = None

    def note(self) -> None:
        if isinstance(sys.exception(), MemoryError):
            self.over = "MemoryError"


class _Counts:
    """The counters of a traced program, and the functions it calls unawares."""

    def __init__(self, max_steps: int):
        self.max_steps = max_steps
        self.reset()

    def reset(self) -> None:
        self.steps, self.branches, self.largest = 0, 0, 0
        self.over: str | None = None

    def step(self) -> None:
        if self.steps == self.max_steps:
            self.over = f"steps: more than {self.max_steps}"
            raise _Stop(self.over)
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


def _notes(targets) -> list[ast.stmt]:
    names = []
    for node in (n for target in targets for n in ast.walk(target)):
        if isinstance(node, ast.arg):
            names.append(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.append(node.id)
    return [ast.Expr(_call("__note__", ast.Name(n, ast.Load()))) for n in names]


def _call(name: str, *args: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), list(args), [])


def _heed(tree: ast.Module) -> ast.Module:
    """The same program; where it handles an error, it tells us of it first."""
    for node in list(ast.walk(tree)):
        if isinstance(node, ast.ExceptHandler):
            blocks = [node.body]
        else:
            blocks = [getattr(node, "finalbody", None) or []]
        for block in filter(None, blocks):
            note = ast.copy_location(ast.Expr(_call("__caught__")), block[0])
            block.insert(0, ast.fix_missing_locations(note))
    return tree


def _compile(source: str, trace: bool):
    handles = "except" in source or "finally" in source
    if not trace and not handles:
        return compile(source, "<program>", "exec", dont_inherit=True)
    tree = ast.parse(source, "<program>")
    if trace:
        tree = _instrument(tree)
    return compile(_heed(tree) if handles else tree, "<program>", "exec")


class Runner:
    """Runs programs in this process: one that may do anything, or a row of plain ones.

    Args: as of `sandbox.run`.
    """

    def __init__(self, max_output: int, trace: bool, max_steps: int):
        self.max_output, self.caught = max_output, _Caught()
        self.counts = _Counts(max_steps) if trace else None
        program = sys.modules["__main__"] = ModuleType("__main__")
        # Our functions hide among the builtins: globals() and dir() show nothing.
        hidden = {"__caught__": self.caught.note}
        hidden |= self.counts.names() if self.counts else {}
        self.scope = program.__dict__
        self.fresh = self.scope | {"__builtins__": builtins.__dict__ | hidden}

    def run(self, source: str, mend=lambda: None) -> list:
        """Run one program; returns the fields of its Outcome.

        Args: mend: called when the program has ended, before anything else is.
        """
        error, counts, stdout = None, self.counts, _Capture(self.max_output)
        sys.stdout = sys.__stdout__ = stdout  # type: ignore[misc, assignment]
        self.scope.clear()
        self.scope.update(self.fresh)
        if counts:
            counts.reset()
        try:
            try:
                exec(_compile(source, counts is not None), self.scope)
            finally:
                mend()
        except BaseException as problem:
            error = _describe(problem)
        sys.stdout = _Ignore()
        text = "".join(stdout.parts)
        over = stdout.over or self.caught.over
        if not counts:
            error = over or error
            return [error is None, text, error, 0, 0, 0.0]
        error = counts.over or over or error
        try:
            largest = float(counts.largest)
        except OverflowError:
            largest = float("inf")
        return [error is None, text, error, counts.steps, counts.branches, largest]


def _describe(problem: BaseException) -> str | None:
    """One short line; None for an exit without an error."""
    name = "error"
    try:  # names and texts are made by the program, and can fail too
        name = _line(type(problem).__name__)
        said = problem
        if isinstance(problem, SystemExit):
            if not problem.code:
                return None
            said = problem.code
        text = f"{said}"
        return _line(f"{name}: {text}") if text else name
    except BaseException:
        return name


def _line(text: str) -> str:
    """At most `MOST_ERROR` characters without line ends and other invisible signs."""
    line = text[: MOST_ERROR + 1]
    if not line.isprintable():
        line = "".join(c if c.isprintable() else " " for c in line).strip()
    return line if len(text) <= MOST_ERROR else line[: MOST_ERROR - 1] + "…"


def limit(memory_mb: int, seconds: int | None) -> None:
    """Limits the program cannot raise; `seconds` is for one that resets our clock."""
    for name, most in (
        ("RLIMIT_AS", memory_mb << 20),
        ("RLIMIT_FSIZE", FILE_MB << 20),
        ("RLIMIT_CORE", 0),
        ("RLIMIT_CPU", seconds),
    ):
        try:
            if most is not None:
                resource.setrlimit(getattr(resource, name), (most, most))
        except (ValueError, OSError):  # macOS has no limit on address space
            pass


def _mender():
    """A function that undoes what a program changed in this process.

    It holds all it needs: a program may have replaced any of it.
    """
    mask, block, handle = signal.pthread_sigmask, signal.SIG_BLOCK, signal.signal
    prof, default, put_off = signal.SIGPROF, signal.SIG_DFL, PUT_OFF
    names, saved = builtins.__dict__, dict(builtins.__dict__)
    deep, depth = sys.setrecursionlimit, sys.getrecursionlimit()
    settrace, setprofile = sys.settrace, sys.setprofile

    def mend() -> None:
        settrace(None)
        setprofile(None)
        names.update(saved)
        deep(depth)
        mask(block, put_off)  # an alarm it has set must not hit us
        handle(prof, default)

    return mend


def answer(programs, pipe: int, nonce: str, reply_every: float, options) -> None:
    """Run programs, write their outcomes to `pipe`, and end this process.

    Several programs must be plain ones: they share the process.
    """
    seconds, memory_mb, max_output, trace, max_steps = options
    write, getpid, leave, dumps = os.write, os.getpid, os._exit, json.dumps
    me, clock, setitimer = getpid(), time.monotonic, signal.setitimer
    alone = len(programs) == 1
    mend = _mender() if alone else lambda: None
    sys.stdin = sys.__stdin__ = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")  # type: ignore[misc]
    sys.stderr, sys.argv = _Ignore(), ["<program>"]
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    limit(memory_mb, int(seconds) + 2 if alone else None)
    runner = Runner(max_output, trace, max_steps)
    results, since = [], clock()
    for i, source in enumerate(programs, 1):
        # By default SIGPROF ends the process: few programs can outlast it, and the
        # keeper finds those that do. Each program sets the clock anew.
        setitimer(signal.ITIMER_PROF, seconds)
        results.append(runner.run(source, mend))
        if getpid() != me:
            leave(0)  # the program has forked; the first of the two answers
        last = i == len(programs) or (results[-1][2] or "").startswith("MemoryError")
        if last or clock() - since >= reply_every:
            setitimer(signal.ITIMER_PROF, 0)
            data = f"{nonce}{dumps(results)}\n".encode()
            while data:
                data = data[write(pipe, data) :]
            results, since = [], clock()
        if last:
            leave(0)  # memory may be in pieces: the keeper starts a new process
