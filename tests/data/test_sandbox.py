"""The sandbox: what a program does to itself stays with it, and counts are exact."""

import contextlib
import io
import random
import sys
import tempfile

import pytest

from curriculum.data import sandbox, tinypy
from curriculum.data.sandbox_keeper import PLAIN

GOOD = "a = 6\nprint(a * 7)"

# A program that misbehaves, and how its error begins.
BAD = {
    "infinite loop": ("while True :\n\tpass", "timeout: more than 0.5 s"),
    "catches all": (
        "while True:\n\ttry:\n\t\twhile True: pass\n\texcept BaseException: pass",
        "timeout",
    ),
    "long computation in C": ("x = 9**9**9", "timeout"),
    "sleeps": ("import time\ntime.sleep(60)", "timeout"),
    "memory bomb": ("x = [0] * 10**10", "MemoryError"),
    "slow memory bomb": ("x = 'a'\nwhile True:\n\tx = x + x", "MemoryError"),
    "os._exit": ("import os\nos._exit(3)", "the process exited with status 3"),
    "kills itself": (
        "import os\nos.kill(os.getpid(), 9)",
        "the process was ended by SIGKILL",
    ),
    "forks": ("import os\nos.fork()\nraise KeyError(1)", "KeyError: 1"),
    "recursion": ("def f():\n\treturn f()\nf()", "RecursionError"),
    "huge output": ("while True :\n\tprint('x' * 99)", "output: more than 200 char"),
    "syntax": ("if :", "SyntaxError: invalid syntax"),
    "null byte": ("a = 1\0", ("SyntaxError: source code", "ValueError: source code")),
    "too deep": ("x = " + "-" * 100_000 + "1", ("MemoryError", "RecursionError")),
    "lone surrogate": ("a = '\ud800'", "UnicodeEncodeError"),
    "division": ("a = 1 / 0", "ZeroDivisionError: division by zero"),
    "reads input": ("a = input()", "EOFError"),
    "exit status": ("raise SystemExit(2)", "SystemExit: 2"),
    "error without text": (
        "class E(Exception):\n\tdef __str__(self): raise E()\nraise E()",
        "E",
    ),
    "breaks print": ("import builtins\nbuiltins.print = 1\n1 + ''", "TypeError"),
    "closes its files": ("import os\nos.closerange(0, 99)", "the process exited"),
}


def run_bad(names, **options):
    """{name: (its outcome, that of an honest program after it)}."""
    outcomes = {}
    for hasty in (True, False):  # little time only for those that must be stopped
        these = [n for n in names if (BAD[n][1][:7] == "timeout") is hasty]
        found = sandbox.run(
            [s for name in these for s in (BAD[name][0], GOOD)],
            seconds=0.5 if hasty else 60,
            max_output=200,
            memory_mb=96,
            **options,
        )
        outcomes |= zip(these, zip(found[::2], found[1::2], strict=True), strict=True)
    return outcomes


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sandboxes")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(folder))
        one = run_bad(BAD)
        two = run_bad([name for name in BAD if name != "sleeps"], workers=2)
    assert one | two == one, "the number of workers changed an outcome"
    assert not list(folder.iterdir()), "a temporary folder was left behind"
    return one


@pytest.mark.parametrize("name", BAD)
def test_misbehaviour_costs_only_itself(outcomes, name):
    bad, good = outcomes[name]
    assert not bad.ok
    assert bad.error.startswith(BAD[name][1])
    assert "\n" not in bad.error
    assert good == (True, "42\n", None, 0, 0, 0.0)


def test_output_is_cut_and_kept(outcomes):
    text = ("x" * 99 + "\n") * 2
    assert outcomes["huge output"][0].stdout == text


def test_programs_cannot_see_each_other_or_us():
    results = sandbox.run(
        [
            "a = 1\nb = [a]",
            "print(sorted(n for n in globals() if n[0] != '_'))",
            "open('x', 'w').write('left behind')",
            "import os\nprint(os.listdir('.'), 'HOME' in os.environ)",
            "import tinypy",  # the folder of this package is not on the path
            "import sys\nprint(sys.stdin.read() == '', sys.argv[1:] == [])",
            "import sys\nprint('seen', file=sys.stderr)\nprint('out')",
            "import sys\nsys.stdout.write('no newline')",
        ]
    )
    assert [r.stdout for r in results] == [
        "",
        "[]\n",
        "",
        "[] False\n",
        "",
        "True True\n",
        "out\n",
        "no newline",
    ]
    assert [r.ok for r in results] == [True] * 4 + [False] + [True] * 3
    assert results[4].error == "ModuleNotFoundError: No module named 'tinypy'"


def test_a_set_prints_the_same_every_time():
    source = "print({'one', 'two', 'three', 'four', 'five'})"
    runs = {sandbox.run([source])[0].stdout for _ in range(3)}
    assert len(runs) == 1


def test_order_and_length_are_kept_over_many_chunks():
    sources = [f"print({i})" for i in range(3 * sandbox.CHUNK + 5)]
    expected = [f"{i}\n" for i in range(len(sources))]
    assert [o.stdout for o in sandbox.run(sources, workers=3)] == expected
    assert sandbox.run([]) == []


def test_a_sandbox_can_be_kept_and_survives_its_programs():
    with sandbox.Sandbox(seconds=0.1) as box:
        assert box.run([GOOD, "while 1: pass"])[0].ok
        assert box.run([GOOD])[0].stdout == "42\n"


def test_a_team_is_kept_between_runs_and_finds_the_culprit_among_many():
    sources = [f"print({i})" for i in range(600)]
    for i in (0, 70, 71, 599):
        sources[i] = "while True : pass"
    with sandbox.Team(2, seconds=0.1) as team:
        for _ in range(2):
            outcomes = team.run(sources)
            for i, outcome in enumerate(outcomes):
                error = None if "print" in sources[i] else "timeout: more than 0.1 s"
                assert outcome.error == error, i
                assert outcome.stdout == ("" if error else f"{i}\n")


def test_plain_programs_are_those_of_the_grammar():
    rng = random.Random("plain")
    for variant, (_, _, levels) in tinypy.VARIANTS.items():
        for level in levels:
            for _ in range(50):
                code = tinypy.sample(level, rng, variant).code
                assert PLAIN.fullmatch(code), code
    for code in (
        "import os",
        "open(1)",
        "a.b",
        "'a'",
        "[a]",
        "a ** b",
        "__name__",
        "ab = 1",
        "é = 1",
        "1if 2 else 3",
        "print_",
        "exit()",
        "lambda : 1",
        "a\\\nb",
        "a = 1 # b",
        "a\x0c",
    ):
        assert not PLAIN.fullmatch(code), code


# Worked by hand: (program, steps, branches, largest).
TRACED = [
    # Three statements; 7 is bound, 8 only printed.
    ("a = 3\nb = 7\nprint(b + 1)", 3, 0, 7),
    # a; range asked for 1, 2, 3 and once in vain (4); three prints.
    ("a = 9\nfor a in range(1, 4) :\n\tprint(a)", 1 + 4 + 3, 4, 9),
    # a; `a < 3` for 1, 2 and 3; two prints and two sums.
    ("a = 1\nwhile a < 3 :\n\tprint(a)\n\ta = a + 1", 1 + 3 + 2 * 2, 3, 3),
    # a; if, elif; the else has no test; print.
    (
        "a = 5\nif a > 9 :\n\tprint(1)\nelif a > 7 :\n\tprint(2)\nelse :\n\tprint(3)",
        1 + 2 + 1,
        2,
        5,
    ),
    # Negative, fractional and huge numbers; booleans and strings are no numbers.
    ("a = -8\nb = 0.5\nc = True\nd = 'x'", 4, 0, 8),
    ("a = 10**400", 1, 0, float("inf")),
    # def, call; for n = 2, 1 and 0 the test and one of the returns.
    ("def f(n):\n\tif n:\n\t\treturn f(n - 1)\n\treturn 0\nf(2)", 2 + 6, 3, 2),
    # A docstring runs nothing. Names bound by :=, with, tuples and += count too.
    ("'''text'''\na, b = 1, 20\na += 30\nprint(c := 40)", 3, 0, 40),
    # The error comes in the second statement; what was counted before it stays.
    ("a = 4\nb = a / 0\nc = 99", 2, 0, 4),
    # break: the loop is asked once, and the test decided once.
    ("for i in [1, 2]:\n\tif i: break", 1 + 1 + 1, 2, 1),
    ("from __future__ import annotations\na = 1", 1, 0, 1),
]


@pytest.mark.parametrize("source, steps, branches, largest", TRACED)
def test_trace_counts_by_hand(source, steps, branches, largest):
    traced, plain = sandbox.run([source], trace=True)[0], sandbox.run([source])[0]
    assert traced[3:] == (steps, branches, largest)
    assert traced[:3] == plain[:3], "tracing changed what the program does"
    assert plain[3:] == (0, 0, 0.0)


def test_steps_are_the_lines_the_interpreter_executes():
    def lines_of(code):
        count = 0

        def tracer(frame, event, _):
            nonlocal count
            if frame.f_code.co_filename != "<here>":
                return None
            count += event == "line"
            return tracer

        compiled = compile(code, "<here>", "exec")
        before = sys.gettrace()
        with contextlib.redirect_stdout(io.StringIO()):
            sys.settrace(tracer)
            try:
                exec(compiled, {})
            except ZeroDivisionError:
                pass
            finally:
                sys.settrace(before)
        return count

    rng = random.Random("steps")
    codes = [
        tinypy.sample(level, rng, "august").code
        for level in tinypy.LEVELS
        for _ in range(40)
    ]
    traced, plain = sandbox.run(codes, trace=True), sandbox.run(codes)
    for code, with_trace, without in zip(codes, traced, plain, strict=True):
        assert with_trace.steps == lines_of(code), code
        assert with_trace[:3] == without[:3], code


def test_too_many_steps():
    outcome = sandbox.run(["while True : pass"], trace=True, max_steps=50)[0]
    assert (outcome.error, outcome.steps) == ("steps: more than 50", 50)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"seconds": 0}, "seconds is 0"),
        ({"seconds": float("nan")}, "seconds is nan"),
        ({"memory_mb": 1}, "memory_mb is 1; it must be at least 64"),
        ({"max_output": 0}, "max_output is 0"),
        ({"max_steps": 0}, "max_steps is 0"),
        ({"workers": 0}, "workers is 0; it must be at least 1"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ValueError, match=message):
        sandbox.run([], **options)


def test_one_string_is_not_a_list_of_programs():
    with pytest.raises(ValueError, match="give a list of programs"):
        sandbox.run(GOOD)


def test_an_interpreter_that_does_not_start(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(RuntimeError, match="could not start /bin/false"):
        sandbox.run([GOOD])
