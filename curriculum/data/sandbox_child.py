"""The sandbox's other side: a script that runs the programs it is sent.

- Started by `sandbox.py`, which explains what a program gets and what it must not do.
- It imports little, so that it starts quickly, and nothing outside the standard library.
- A request is a line of JSON: [seconds between replies, [program, ...]]. A reply is a
  line with the outcomes of some of them: [[ok, stdout, error, steps, branches, largest]].
"""

import ast
import builtins
import gc
import io
import json
import os
import signal
import sys
import time


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


def _execute(source: str, max_output: int, counts: _Counts | None) -> list:
    """Run one program in this process; the fields of its Outcome."""
    error, stdout = None, _Capture(max_output)
    sys.stdin, sys.stdout = io.StringIO(), stdout
    scope = {"__name__": "__main__", "__builtins__": builtins.__dict__ | {}}
    try:
        if counts:
            # The functions hide among the builtins: globals() and dir() show nothing.
            scope["__builtins__"] |= counts.names()  # type: ignore[operator]
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
        reply_every, chunk = json.loads(request)
        results, since = [], time.monotonic()
        for i, source in enumerate(chunk, 1):
            # By default SIGPROF ends the process: no `except` in the program and no
            # long computation in C can outlast it. Each program sets the clock anew.
            signal.setitimer(signal.ITIMER_PROF, seconds)
            counts = _Counts(max_steps) if trace else None
            results.append(_execute(source, max_output, counts))
            failed = (results[-1][2] or "").startswith("MemoryError")
            last = failed or i == len(chunk)
            if last or time.monotonic() - since >= reply_every:
                signal.setitimer(signal.ITIMER_PROF, 0)
                replies.write(json.dumps(results).encode() + b"\n")
                replies.flush()
                results, since = [], time.monotonic()
            if failed:
                break  # the parent ends us


if __name__ == "__main__":
    _child(sys.argv[1])
