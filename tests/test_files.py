"""Files: whole or absent, sealed, and readable in any locale."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from curriculum import files, tensors

KILLED = """
import os, sys, time
from curriculum import files
def stop(handle):
    print("half", flush=True)
    time.sleep(600)
os.fsync = stop
files.write_text(sys.argv[1] + "/x.json", "new")
"""


@pytest.mark.fault(
    "Files",
    "a run is killed while it writes a file",
    "the old file stays, and nothing is left behind",
    "the next write in that folder sweeps the half-written copy",
)
def test_what_a_killed_process_left_is_swept_by_the_next(tmp_path):
    files.write_text(tmp_path / "x.json", "old")
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"half\n"
    assert len(list(tmp_path.iterdir())) == 2
    files.write_text(tmp_path / "y.json", "of somebody else")  # its writer still lives
    assert len(list(tmp_path.iterdir())) == 3
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (tmp_path / "x.json").read_bytes() == b"old"
    (tmp_path / ".x.json.elsewhere-1.abc.tmp").write_bytes(b"of another machine")
    files.write_text(tmp_path / "y.json", "next")
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        ".x.json.elsewhere-1.abc.tmp",
        "x.json",
        "y.json",
    ]


@pytest.mark.fault(
    "Files",
    "one character of a record is changed",
    "a result is read as it was written, or not at all",
    "an error that names the file; what has no digest is refused where results are read",
)
@pytest.mark.parametrize("at", range(0, 60, 7))
def test_a_changed_json_file_is_refused(at, tmp_path):
    value = {"a": [1, 2.5, None], 3: {"ü": "–"}, "digest": "an old one"}
    path = files.write_json(tmp_path / "x.json", value)
    assert files.read_json(path, sealed=True) == {"a": [1, 2.5, None], "3": {"ü": "–"}}
    text = path.read_bytes().decode()
    compact = json.dumps(json.loads(text))  # layout does not matter
    path.write_bytes(compact.encode())
    assert files.read_json(path, sealed=True)["a"] == [1, 2.5, None]
    changed = compact[:at] + ("1" if compact[at] != "1" else "2") + compact[at + 1 :]
    path.write_bytes(changed.encode())
    with pytest.raises(ValueError, match=r"x.json (is damaged|carries no digest)"):
        files.read_json(path, sealed=True)


@pytest.mark.parametrize(
    "data", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"a": 1, "digest": 3}']
)
def test_what_is_no_json_is_one_line(data, tmp_path):
    (tmp_path / "x.json").write_bytes(data)
    with pytest.raises(ValueError, match="x.json is damaged") as error:
        files.read_json(tmp_path / "x.json")
    assert "\n" not in str(error.value)


@pytest.mark.fault(
    "Files",
    "one byte of a checkpoint, of weights or of cached scores is flipped, at any place",
    "never another result, always an error",
    "the file is named as damaged, and what to do about it is said",
)
def test_a_flipped_byte_in_a_file_of_tensors_is_found(tmp_path):
    kept = {"a": torch.arange(3.0), "b": torch.ones(2, 2, dtype=torch.float16)}
    path = tensors.write_tensors(tmp_path / "w.safetensors", kept, {"spec": "ü"})
    found, note = tensors.read_tensors(path, "file", "cure")
    assert note == {"spec": "ü"} and all(torch.equal(found[k], kept[k]) for k in kept)
    data = path.read_bytes()
    for at in range(len(data)):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        try:
            found, same = tensors.read_tensors(path, "file", "cure")
        except ValueError as error:
            assert "w.safetensors" in str(error) and str(error).endswith("cure")
            assert "\n" not in str(error)
        else:  # a space in the header
            assert same == note and all(torch.equal(found[k], kept[k]) for k in kept)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"\x02\0\0\0\0\0\0\0{}",
        b"\xff" * 8,
        b"\x02\0\0\0\0\0\0\0[]",
        b'\x15\0\0\0\0\0\0\0{"__metadata__":null}',
    ],
)
def test_what_is_no_file_of_tensors_is_one_line(data, tmp_path):
    (tmp_path / "w").write_bytes(data)
    with pytest.raises(ValueError, match="w is damaged, or no file of this book"):
        tensors.read_tensors(tmp_path / "w", "file", "cure")
    with pytest.raises(ValueError, match="does not exist"):
        tensors.read_tensors(tmp_path / "nowhere", "file", "cure")


@pytest.mark.fault(
    "Portability",
    "a sound record with “Ü” in it is read where the locale is ASCII or Latin-1",
    "nobody is told to delete something sound",
    "read; and the command line prints what the terminal cannot show as \\xfc",
)
@pytest.mark.parametrize("locale", ["C", "POSIX", "en_US.ISO-8859-1"])
def test_a_locale_does_not_damage_a_file(locale, tmp_path):
    path = files.write_json(tmp_path / "x.json", {"who": "Ü"})
    program = (
        "import sys; from curriculum import files; from curriculum.__main__ import main;"
        "assert files.read_json(sys.argv[1], sealed=True) == {'who': chr(220)};"
        "files.write_json(sys.argv[1], {'who': chr(252)});"
        "main(['score', sys.argv[2]])"
    )
    name = os.path.join(str(tmp_path).encode(), "ü.py".encode())  # ASCII here, too
    with open(name, "wb") as file:
        file.write(b"# coding: utf-8\nx = 1\n")
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "LANG"))}
    done = subprocess.run(
        [sys.executable, "-c", program, str(path), str(tmp_path)],
        env=clean | {"LC_ALL": locale, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert b"1 found, 1 scored" in done.stdout
    assert json.loads(path.read_bytes().decode())["who"] == "ü"


def test_many_processes_may_write_one_file(tmp_path):
    program = (
        "import sys; from curriculum import files;"
        "[files.write_json(sys.argv[1], {'x': [i] * 2000}) for i in range(60)]"
    )
    path = tmp_path / "x.json"
    files.write_json(path, {"x": [0] * 2000})
    work = [
        subprocess.Popen([sys.executable, "-c", program, str(path)]) for _ in range(3)
    ]
    while any(p.poll() is None for p in work):
        assert len(set(files.read_json(path, sealed=True)["x"])) == 1
        time.sleep(0.01)
    assert [p.returncode for p in work] == [0, 0, 0]
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]


def test_orders_and_draws_are_functions_of_their_key_alone():
    order = files.hash_order(10_000, "a", 1)
    assert np.array_equal(np.sort(order, kind="stable"), np.arange(10_000))
    assert np.array_equal(order, files.hash_order(10_000, "a", 1))
    assert not np.array_equal(order, files.hash_order(10_000, "a", 2))
    some = files.hash_uniform([5, 2], "a")
    assert some[1] == files.hash_uniform(2, "a") and 0 <= some.min() < some.max() < 1


# --- where the book's results lie --------------------------------------------------


def test_results_are_those_beside_the_package_whatever_the_working_directory(
    tmp_path, monkeypatch
):
    monkeypatch.delenv("CURRICULUM_RESULTS", raising=False)
    monkeypatch.chdir(tmp_path)
    book = Path(files.__file__).parents[1] / "book" / "results"
    assert files.results_folder() == book
    name = "results/quick/baseline_s0.json"
    assert files.found(name) == book / "quick" / "baseline_s0.json"
    assert files.read_json(name, sealed=True)["spec"]["schedule"] == "baseline"


def test_a_file_of_the_working_directory_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = "results/quick/baseline_s0.json"
    files.write_json(name, {"mine": 1})
    assert files.read_json(name) == {"mine": 1}


def test_a_named_results_folder_comes_before_the_books(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CURRICULUM_RESULTS", str(tmp_path / "far"))
    files.write_json(tmp_path / "far" / "x.json", {"far": 1})
    assert files.results_folder() == tmp_path / "far"
    assert files.read_json("results/x.json") == {"far": 1}
    with pytest.raises(ValueError, match="^results/quick/baseline_s0.json does not"):
        files.read_json("results/quick/baseline_s0.json")


def test_other_paths_are_left_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("small/baseline_s0.json", "results/none.json", "x/results/small"):
        assert files.found(name) == Path(name)
    assert files.found(tmp_path / "results") == tmp_path / "results"


def test_a_package_without_a_book_keeps_results_where_it_works(tmp_path, monkeypatch):
    monkeypatch.delenv("CURRICULUM_RESULTS", raising=False)
    monkeypatch.setattr(
        files, "__file__", str(tmp_path / "site" / "curriculum" / "f.py")
    )
    assert files.results_folder() == Path("results")
