"""Programs that would spoil the run of others, by accident or on purpose.

Each runs between honest ones, behind the walls this system allows and without them.
"""

import glob
import os
import resource
import shutil
import subprocess
import sys

import pytest

from curriculum.data import sandbox

GOOD = "import math\nprint(math.factorial(5))"
TIMEOUT, MUCH = "timeout: more than 0.5 s", "output: more than 1000 characters"
DONE = (True, "120\n", None, 0, 0, 0.0)


@pytest.fixture(scope="module", params=[True, False], ids=["walls", "no walls"])
def walls(request):
    return request.param


def made(walls, seconds):
    with sandbox.Sandbox(seconds=seconds, max_output=1000) as box:
        box.walls = walls
        box.holds = box._start()
        yield box


@pytest.fixture(scope="module")
def box(walls):
    yield from made(walls, 30)  # no busy machine makes a program seem slow


@pytest.fixture(scope="module")
def hasty(walls):
    yield from made(walls, 0.5)  # for programs that must be stopped


def alone(box, *sources):
    """Outcomes of programs, each of which is followed by an honest one."""
    outcomes = box.run([s for source in sources for s in (source, GOOD)])
    assert [*outcomes[1::2]] == [DONE] * len(sources), "another outcome has changed"
    for error in filter(None, (o.error for o in outcomes)):
        assert error.isprintable() and len(error) <= 200
    return outcomes[::2]


def printed(box, *sources):
    """What programs print that end without an error."""
    outcomes = alone(box, *sources)
    assert [o.error for o in outcomes] == [None] * len(sources)
    return [o.stdout for o in outcomes]


def error(box, source):
    (outcome,) = alone(box, source)
    assert not outcome.ok
    return outcome.error


# ------------------------------------------------------------ innocent programs


@pytest.mark.fault(
    "Sandbox",
    "a program that fills the memory and keeps it in a cycle, then one that needs memory",
    "no program notices another",
    "each program has a process of its own; the second runs as it does alone",
)
def test_memory_left_behind(box):
    first = "x = [0] * 40_000_000\nx.append(x)"
    second = "y = [0] * 25_000_000\nprint(len(y))"
    assert printed(box, first, second) == ["", "25000000\n"]


# What a program may change in its process, and what it prints all the same.
CHANGES = {
    "import sys\nsys.setrecursionlimit(12)\nprint(1)": "1\n",
    "import gc\ngc.disable()\ngc.set_threshold(1)\nprint(1)": "1\n",
    "import builtins\nprint(1)\nfor n in dir(builtins): setattr(builtins, n, None)": "1\n",
    "import os, json, time\nprint(1)\nos.write = os.getpid = os._exit = None"
    "\njson.dumps = time.monotonic = None": "1\n",
    "import sys\nprint(1)\nsys.stdout = None\nprint(2)": "1\n",
    "import sys, io\nprint(1)\nsys.stdout = io.StringIO()\nprint(2)": "1\n",
    "import sys\nprint(1)\nsys.stdout.close()": "1\n",
    "import sys\nsys.stdout.flush()\nsys.__stdout__.write('1\\n')": "1\n",
    "import signal\nfor s in range(1, 32):\n\ttry: signal.signal(s, signal.SIG_IGN)"
    "\n\texcept (OSError, ValueError): pass\nprint(1)": "1\n",
    "import signal\nsignal.signal(14, lambda *_: 1 / 0)\nprint(1)\nsignal.alarm(1)": "1\n",
    "import threading\ndef f():\n\twhile True: pass"
    "\nthreading.Thread(target=f).start()\nprint(1)": "1\n",
    "import atexit\natexit.register(print, 2)\nprint(1)": "1\n",
    "class D:\n\tdef __del__(self):\n\t\twhile True: pass\nd = D()\nprint(1)": "1\n",
    "__name__ = 'x'\nprint(1)\n__builtins__ = None": "1\n",
    "import os\nos.environ['X'] = '1'\nos.chdir('/')\nos.umask(0)\nprint(1)": "1\n",
    "import sys\nsys.modules.clear()\nsys.path.clear()\nprint(1)": "1\n",
    "import sys\nprint(1)\nsys.setprofile(lambda *_: None)": "1\n",
}


@pytest.mark.fault(
    "Sandbox",
    "recursion limit, garbage collector, signal handlers, builtins, modules, standard"
    " output changed and not put back",
    "what a program does to itself stays with it",
    "its own output is kept, and the next program starts afresh",
)
@pytest.mark.fault(
    "Sandbox",
    "threads, `atexit` functions and finalizers that go on after the end",
    "what a program leaves running is ended with it",
    "ended at once; the next program is not delayed",
)
@pytest.mark.parametrize("source", CHANGES)
def test_a_program_that_changes_its_process(box, source):
    assert printed(box, source) == [CHANGES[source]]


def test_a_program_is_the_main_module(box):
    one = "import pickle\nclass A: pass\nprint(type(pickle.loads(pickle.dumps(A()))))"
    two = "import __main__\nprint([n for n in dir(__main__) if n[0] != '_'])"
    three = "import sys\nprint([n for n in sys.modules if 'sandbox' in n])"
    assert printed(box, one, two, three) == ["<class '__main__.A'>\n", "[]\n", "[]\n"]


@pytest.mark.fault(
    "Sandbox",
    "files left in the folder and under other names in it; environment variables",
    "every program finds an empty folder and no environment of ours",
    "the folder is new for every program",
)
def test_files_and_environment(box, monkeypatch):
    monkeypatch.setenv("SECRET", "1")
    leave = (
        "import os\nopen('x', 'w').write('1')\nos.makedirs('a/b')\nopen('../y', 'w')"
    )
    look = (
        "import os\nprint(os.listdir('.'), len(os.listdir('..')))"
        "\nprint(set(os.environ) - {'PATH', 'LC_CTYPE', 'LD_LIBRARY_PATH'})"
    )
    with sandbox.Sandbox(seconds=30) as fresh:
        fresh.walls = box.walls
        assert printed(fresh, leave, look) == ["", "[] 1\n{'PYTHONHASHSEED'}\n"]


@pytest.mark.fault(
    "Sandbox",
    "a folder 1,200 levels deep, one without permissions, links to elsewhere left behind",
    "the temporary folder is removed",
    "removed, and nothing beyond the links; Python's own remover gives up at that depth",
)
def test_deep_folders(tmp_path, monkeypatch):
    (tmp_path / "temporary").mkdir()
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept/file").touch()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    source = (
        f"import os\nos.symlink({str(tmp_path / 'kept')!r}, 'link')"
        "\nfor i in range(1200):\n\tos.mkdir('d')\n\tos.chdir('d')\nos.mkdir('e', 0)"
    )
    try:
        with sandbox.Sandbox(seconds=30) as box:
            box.walls = False
            assert printed(box, source) == [""]
        assert not list((tmp_path / "temporary").iterdir())
    finally:  # pytest itself could not remove it
        subprocess.run(["rm", "-rf", tmp_path / "temporary"], check=True)
    assert (tmp_path / "kept/file").exists()


@pytest.mark.fault(
    "Sandbox",
    "bytes written to `sys.stdout.buffer`, also half a letter at a time; NUL",
    "what a program prints is its output",
    "kept, in order",
)
@pytest.mark.fault(
    "Sandbox",
    "a lone surrogate printed, bytes written as text, a string with methods of its own",
    "an outcome can be stored",
    "the error Python itself gives; the string's own methods are not called",
)
def test_unusual_output(box):
    assert printed(
        box,
        "import sys\nfor b in 'aü\\n'.encode(): sys.stdout.buffer.write(bytes([b]))",
        "print('a\\0b')",
        "import sys\nclass S(str):\n\tdef __getitem__(self, i): return 5"
        "\n\tdef __len__(self): return -5\nsys.stdout.write(S('abc'))",
        "import sys\nprint(repr(sys.stdin.read()), sys.stdin.buffer.read())",
        "import sys\nsys.set_int_max_str_digits(0)\nprint(len(str(10**5000)))",
    ) == ["aü\n", "a\0b\n", "abc", "'' b''\n", "5001\n"]
    assert error(box, "print('\\ud800')").startswith("UnicodeEncodeError: 'utf-8'")
    assert error(box, "import sys\nsys.stdout.write(b'x')").startswith(
        "TypeError: write"
    )


# A program, and its error.
ERRORS = {
    "raise ValueError('a\\nb\\r\\x85\\u2028c')": "ValueError: a b   c",
    "raise ValueError('\\ud800\\0\\x1b[31m')": "ValueError:   \x20[31m",
    "raise ValueError('expected:')": "ValueError: expected:",
    "exit('x' * 10_000_000)": "SystemExit: " + "x" * 187 + "…",
    "raise ValueError('x' * 10_000_000)": "ValueError: " + "x" * 187 + "…",
    "raise type('N' * 10**7, (Exception,), {})('x')": "N" * 199 + "…",
    "class E(Exception):\n\tdef __str__(self): raise E()\nraise E": "E",
    "class E(Exception):\n\tdef __str__(self): exit(1)\nraise E": "E",
    "class E:\n\tdef __bool__(self): 1 / 0\nexit(E())": "SystemExit",
    "class E:\n\tdef __str__(self): 1 / 0\nexit(E())": "SystemExit",
    "class E(Exception):\n\tdef __str__(self):\n\t\twhile 1: pass\nraise E": (TIMEOUT),
    "class E(Exception):\n\tdef __str__(self): print('x' * 9999)\nraise E": (MUCH),
    "raise KeyboardInterrupt": "KeyboardInterrupt",
    "import os\nprint(1)\nos._exit(0)": "the process exited with status 0",
    "import os\nos.kill(os.getpid(), 40)": "the process was ended by signal 40",
    "import os\nos.killpg(0, 9)": "the process was ended by SIGKILL",
    "import ctypes\nctypes.string_at(0)": "the process was ended by SIGSEGV",
}


@pytest.mark.fault(
    "Sandbox",
    "error texts with line ends, control signs, ten megabytes; names of ten megabytes",
    "an error is one line of at most 200 characters",
    "line ends become spaces, the rest is cut",
)
@pytest.mark.fault(
    "Sandbox",
    "exceptions whose text raises, exits, prints or never ends",
    "an error costs only its own program",
    "the exception's name alone, or the limit it passed",
)
@pytest.mark.fault(
    "Sandbox",
    "a crash in C, a real-time signal, `os._exit(0)` in the middle",
    "a program that ended itself is no success",
    "an error that names the signal or the status",
)
@pytest.mark.parametrize("source", ERRORS)
def test_errors(box, hasty, source):
    if "40" in source and sys.platform != "linux":
        pytest.skip("no such signal")
    expected = ERRORS[source]
    assert error(hasty if expected == TIMEOUT else box, source) == expected


# ------------------------------------------------------------ limits that are caught

PROF = "import signal, time\n"
LONG = "\nwhile time.process_time() < 1.5: pass\nprint(1)"
CAUGHT = {
    "try: print('x' * 9999)\nexcept: pass": MUCH,
    "try: print('x' * 9999)\nexcept: raise KeyError(1)": MUCH,
    "def f():\n\ttry: print('x' * 9999)\n\tfinally: return 1\nf()": MUCH,
    "import sys\ntry: sys.stdout.buffer.write(b'x' * 9999)\nexcept: pass": MUCH,
    "try: x = [0] * 10**10\nexcept: pass": "MemoryError",
    "try: x = [0] * 10**10\nexcept MemoryError: raise KeyError(1)": "MemoryError",
    "def f():\n\ttry: x = [0] * 10**10\n\tfinally: return 1\nf()": "MemoryError",
    PROF + "signal.setitimer(signal.ITIMER_PROF, 0)" + LONG: TIMEOUT,
    PROF + "signal.signal(signal.SIGPROF, signal.SIG_IGN)" + LONG: TIMEOUT,
    PROF + "signal.signal(signal.SIGPROF, lambda *_: None)" + LONG: TIMEOUT,
    PROF + "signal.pthread_sigmask(0, range(1, 32))\nwhile True: pass": TIMEOUT,
    "import os\nfor i in range(3):\n\tif not os.fork():\n\t\tfor j in range(10**7): pass"
    "\n\t\tos._exit(0)\n\tos.wait()\nfor i in range(10**8): pass": TIMEOUT,
}


@pytest.mark.fault(
    "Sandbox",
    "`except: pass` around output beyond the limit, or around a MemoryError",
    "a limit that was passed is reported",
    "the outcome is the limit, whatever the program did with the error",
)
@pytest.mark.fault(
    "Sandbox",
    "the clock's signal ignored, handled, blocked, or its timer reset",
    "a program's processor time is limited",
    "time-out: the processor time is also measured from outside",
)
@pytest.mark.parametrize("source", CAUGHT)
def test_a_limit_that_is_caught(box, hasty, source):
    expected = CAUGHT[source]
    assert error(hasty if expected == TIMEOUT else box, source) == expected


@pytest.mark.fault(
    "Sandbox",
    "`except: pass` around each step of a traced program beyond its steps",
    "a traced program stops at its limit of steps",
    "the outcome is the limit, with the steps counted until then",
)
def test_steps_that_are_caught():
    sources = [
        "try:\n\twhile True: pass\nexcept: pass",
        "try:\n\twhile True: pass\nfinally: raise KeyError(1)",
        "a = 1\nprint(a)",
    ]
    outcomes = sandbox.run(sources, trace=True, max_steps=40, seconds=30)
    assert [o.error for o in outcomes] == ["steps: more than 40"] * 2 + [None]
    assert [o.steps for o in outcomes] == [40, 40, 2]


def test_errors_that_are_handled_are_no_limits(box):
    source = (
        "try: 1 / 0\nexcept ZeroDivisionError: print('caught')\nfinally: print('end')"
    )
    assert printed(box, source) == ["caught\nend\n"]
    (traced,) = sandbox.run([source], trace=True)
    assert (traced.ok, traced.stdout, traced.steps) == (True, "caught\nend\n", 4)


# ------------------------------------------------------------ malice

ALL_FILES = (
    "import os\nfor n in range(3, 200):\n\ttry: os.write(n, {})\n\texcept OSError: pass"
)
ROW = b'[[true, "forged", null, 0, 0, 0.0]]\n'
FORGED = {
    "text": ALL_FILES.format(b"garbage\n"),
    "no line end": ALL_FILES.format(b"garbage"),
    "a row": ALL_FILES.format(ROW),
    "a row, and away": ALL_FILES.format(ROW) + "\nos._exit(0)",
    "many rows": ALL_FILES.format(ROW * 500),
    "an answer of the keeper": ALL_FILES.format(b"[1, " + ROW.strip() + b"]\n"),
    "without end": ALL_FILES.format("b'x' * 10**6"),
}


@pytest.mark.fault(
    "Sandbox",
    "garbage, forged rows and too many rows written to every open descriptor",
    "a broken result is the program's own failure; no other outcome is lost or changed",
    "a child can reach one pipe, its own; what does not carry its nonce is refused",
)
@pytest.mark.parametrize("kind", FORGED)
def test_forged_results(box, kind):
    assert error(box, FORGED[kind]) == "the program damaged its result"


# The nonce stands in the program's own process: it can find it and lie about itself.
STEAL = """import sys, os
frame = sys._getframe()
while "nonce" not in frame.f_locals: frame = frame.f_back
known = frame.f_locals
os.write(known["pipe"], (known["nonce"] + {!r}).encode())
os._exit(0)"""


@pytest.mark.fault(
    "Sandbox",
    "a program that reads its nonce from its own memory and answers for itself",
    "no other program's outcome changes",
    "its own outcome is what it says, if well formed; two rows or a broken one are refused",
)
def test_a_stolen_nonce(box):
    (own,) = alone(box, STEAL.format('[[true, "own", null, 0, 0, 0.0]]\n'))
    assert own == (True, "own", None, 0, 0, 0.0)
    row = '[true, "own", null, 0, 0, 0.0]'
    for text in (
        f"[{row}, {row}]\n",
        f"[{row}]\nmore\n",
        "[]\n",
        "{}\n",
        "[" * 99_999 + "\n",
        '[[false, "", null, 0, 0, 0.0]]\n',
        '[[true, "", "error", 0, 0, 0.0]]\n',
        '[[true, "\\ud800", null, 0, 0, 0.0]]\n',
        '[[true, "", null, "0", 0, 0.0]]\n',
        '[[true, "' + "x" * 1001 + '", null, 0, 0, 0.0]]\n',
        '[[false, "", "' + "x" * 201 + '", 0, 0, 0.0]]\n',
    ):
        assert error(box, STEAL.format(text)) == "the program damaged its result"


def running(mark: str) -> bool:
    if not shutil.which("ps"):
        pytest.skip("no command lists processes here")
    table = subprocess.run(["ps", "-A", "-o", "args"], capture_output=True, text=True)
    return mark in table.stdout


@pytest.mark.fault(
    "Sandbox",
    "a child process that starts a session of its own (`setsid`), ignores signals, sleeps",
    "what a program starts ends with it",
    "found and ended: as a process of the same namespace, or as an orphan of the keeper",
)
def test_a_process_that_escapes(box):
    if not box.holds["orphans"]:
        pytest.skip("this system cannot tell who an orphan belongs to")
    mark = f"{os.getpid()}{box.walls:d}.5"
    source = (
        "import os, signal\nif os.fork() == 0:\n\tos.setsid()\n\tif os.fork() == 0:"
        "\n\t\tsignal.signal(signal.SIGTERM, signal.SIG_IGN)"
        f"\n\t\tos.execvp('sleep', ['sleep', '{mark}'])\n\tos._exit(0)\nos.wait()\nprint(1)"
    )
    assert printed(box, source) == ["1\n"]
    assert not running(f"sleep {mark}")


def test_a_child_process_that_holds_the_pipe(box):
    source = "import os, time\nif os.fork() == 0: time.sleep(99)\n"
    assert printed(box, source + "print(1)") == ["1\n"]
    assert error(box, source + "os._exit(3)") == "the process exited with status 3"


@pytest.mark.fault(
    "Sandbox",
    "`kill` of the parent process",
    "no outcome of another program is lost",
    "out of reach in a namespace; else a new keeper starts and the program is blamed",
)
def test_killing_the_keeper(box):
    (outcome,) = alone(box, "import os\nos.kill(os.getppid(), 9)\nprint(1)")
    lost = (False, "", sandbox.LOST, 0, 0, 0.0)
    if box.holds["processes"]:
        assert outcome.stdout == "1\n"
    else:
        assert outcome in [lost, (True, "1\n", None, 0, 0, 0.0)]


@pytest.mark.fault(
    "Sandbox",
    "`while True: os.fork()`",
    "a program cannot fill the machine with processes",
    "refused beyond 128 processes (428 at first) where the system lets us limit them",
)
def test_a_fork_bomb(hasty):
    if not hasty.holds["number"]:
        pytest.skip("nothing on this system limits the number of processes")
    found = error(hasty, "import os\nwhile True: os.fork()")
    assert found.startswith("BlockingIOError") or found == TIMEOUT
    wide = "import resource\nresource.setrlimit(resource.RLIMIT_NPROC, (99999, 99999))"
    assert error(hasty, wide).startswith("ValueError: not allowed")
    open_ = "open('/proc/sys/kernel/pid_max', 'w')"
    assert error(hasty, open_).startswith(("OSError", "PermissionError"))


@pytest.mark.fault(
    "Sandbox",
    "a connection, a file outside the folder, a limit raised, another process signalled",
    "where Linux allows it: no network, no writing outside, no way to other processes",
    "refused by the system; `sandbox.limits()` says on which machines",
)
def test_walls(box, tmp_path):
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_{}, (-1, -1))"
    for name in ("CPU", "FSIZE"):
        assert error(box, limit.format(name)).startswith("ValueError: not allowed")
    place, me = tmp_path / "x", os.getpid()
    attempts = {
        "files": f"open({str(place)!r}, 'w').write('x')",
        "network": "import socket\nsocket.create_connection(('127.0.0.1', 9), 1)",
        "processes": f"import os\nos.kill({me}, 0)",
    }
    for wall, source in attempts.items():
        if box.holds[wall]:
            assert "Error" in error(box, source), wall
    assert place.exists() <= (not box.holds["files"])
    if box.holds["files"]:
        for disk in glob.glob("/dev/[sv]d[a-z]"):
            assert "Error" in error(box, f"open({disk!r}, 'rb')")
    assert printed(box, "print(open('/dev/null', 'r+').write('x'))") == ["1\n"]


@pytest.mark.fault(
    "Sandbox",
    "the keeper's memory and files opened through `/proc`, mounts changed back",
    "the process that collects the outcomes is out of reach",
    "refused: a program has no privileges and can get none",
)
def test_the_keeper_cannot_be_opened(box):
    if sys.platform != "linux":
        pytest.skip("no such files")
    status = "print(*[s for s in open('/proc/self/status') if s[:6] in ('CapEff', 'NoNewP')])"
    (held,) = printed(box, status)
    assert held.split() == ["CapEff:", "0" * 16, "NoNewPrivs:", "1"]
    for name in ("mem", "fd/0", "environ"):
        source = f"import os\nopen(f'/proc/{{os.getppid()}}/{name}', 'rb')"
        assert error(box, source).startswith("PermissionError"), name
    remount = (
        "import ctypes\nlibc = ctypes.CDLL(None)\nlibc.unshare(0x10020000)"
        "\nprint(libc.mount(None, b'/', None, 32 | 4096, None) == 0)"
        "\nprint(libc.mount(None, b'/proc', None, 32 | 4096, None) == 0)"
    )
    if box.holds["files"]:
        assert printed(box, remount) == ["False\nFalse\n"]


def test_the_time_of_programs_is_counted_as_ours():
    def used():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    before = used()
    sandbox.run(["import time\nwhile time.process_time() < 0.4: pass"], seconds=30)
    assert used() - before >= 0.4


def test_what_the_limits_say_is_what_holds():
    yes, no = sandbox.limits().splitlines()
    assert yes.startswith("Kept from programs or limited: processor time")
    assert no.endswith("your local sockets, your files (to read).")
    with sandbox.Sandbox() as box:
        network = box._start()["network"]
    assert ("the network" in yes, "the network" in no) == (network, not network)


@pytest.mark.fault(
    "Sandbox",
    "a program that is no text; options that are NaN, infinite or fractions",
    "a wrong argument is one line before any work",
    "a ValueError that names the value and what is allowed",
)
@pytest.mark.parametrize(
    "sources, options, message",
    [
        (["a = 1", 3], {}, "program 1 is a int; it must be text"),
        ([b"a = 1"], {}, "program 0 is a bytes"),
        ([], {"seconds": float("inf")}, "seconds is inf; it must be at least 0.01"),
        (
            [],
            {"max_output": 1.5},
            "max_output is 1.5; it must be at least 1 and a whole",
        ),
        ([], {"memory_mb": "512"}, "memory_mb is '512'"),
    ],
)
def test_wrong_arguments(sources, options, message):
    with pytest.raises(ValueError, match=message):
        sandbox.run(sources, **options)
