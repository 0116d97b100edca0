"""Reading anybody's files: what is read, what is refused, and why."""

import json
import os
import socket
from pathlib import Path

import numpy as np
import pytest

from curriculum.difficulty import collect, reading, score, score_many
from curriculum.experiments.cli import main

needs_fifo = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")


def notebook(*cells, **metadata):
    cells = [{"cell_type": "code", "source": c.splitlines(True)} for c in cells]
    cells.insert(1, {"cell_type": "markdown", "source": ["# not code: (\n"]})
    return json.dumps({"nbformat": 4, "metadata": metadata, "cells": cells})


def reason(path):
    """Why `collect` refuses a file."""
    found, [(_, file, line, text)] = collect(path)
    assert not found and file == str(path) and line is None and "\n" not in text
    return text


def test_collect(tmp_path):
    (tmp_path / "b.py").write_text("b = 1\r\n")
    (tmp_path / "a.py").write_bytes(b"# coding: latin-1\na = '\xe9'\n")
    (tmp_path / "bad.py").write_bytes(b"a = '\xff'\n")
    (tmp_path / "note.txt").write_text("not Python")
    for hidden in (".venv", "__pycache__"):
        (tmp_path / hidden / "nothing").mkdir(parents=True)
        (tmp_path / hidden / "c.py").write_text("c = 1")
    found, unread = collect([tmp_path, tmp_path / "b.py"])
    assert [Path(file).name for file, _ in found] == ["a.py", "b.py"]
    assert "é" in found[0][1]
    assert [Path(file).name for _, file, _, _ in unread] == ["bad.py"]
    assert "cannot be read" in unread[0][3]
    with pytest.raises(ValueError, match="no such file or folder"):
        collect([tmp_path / "missing.py"])
    with pytest.raises(ValueError, match="no \\*.py file in"):
        collect([tmp_path / "__pycache__" / "nothing"])
    with pytest.raises(ValueError, match="no \\*.py file in"):
        collect([])


@pytest.mark.fault(
    "Difficulty",
    "a first line `# coding: hex` (`rot13`, `zlib`, `undefined`, `utf-16`, unknown)",
    "a file that cannot be read costs only itself",
    "the reason stands beside that file; the others are scored",
)
@pytest.mark.parametrize(
    "data",
    [
        *(f"# coding: {name}\na = 1\n".encode() for name in (
            "hex", "rot13", "zlib", "bz2", "undefined", "utf-16", "utf-32", "cp037",
            "punycode", "mbcs", "no-such-codec", "x" * 500, "base64",
        )),
        "a = 1\n".encode("utf-16"),
        "a = 1\n".encode("utf-32"),
        b"\xef\xbb\xbf# coding: latin-1\na = 1\n",
        b"a = '\xe9'\n",
        b"# coding: ascii\na = '\xe9'\n",
        b"# coding: euc-jp\na = '\xff'\n",
    ],
)  # fmt: skip
def test_an_encoding_is_a_files_own_matter(data, tmp_path):
    (tmp_path / "a.py").write_text("a = 1\n")
    (tmp_path / "b.py").write_bytes(data)
    (tmp_path / "c.py").write_text("c = 1\n")
    found, errors = collect(tmp_path)
    assert [Path(file).name for file, _ in found] == ["a.py", "c.py"]
    assert "cannot be read: " in errors[0][3] and len(errors) == 1
    assert main(["score", str(tmp_path)]) == 0


@pytest.mark.parametrize(
    "data, text",
    [
        ("# coding: latin-1\na = 'é'\n".encode("latin-1"), "é"),
        (
            "#!/usr/bin/python\n# vim: set fileencoding=cp1252 :\n'€'".encode("cp1252"),
            "€",
        ),
        ("# coding: shift_jis\na = '日本'\n".encode("shift_jis"), "日本"),
        (b"\xef\xbb\xbfa = 1\n", "a = 1"),
        ("# coding: utf-8\na = 'é'".encode(), "é"),
        (b"", ""),
    ],
)
def test_declared_encodings(data, text, tmp_path):
    (tmp_path / "a.py").write_bytes(data)
    [(_, source)], errors = collect(tmp_path)
    assert text in source and "\ufeff" not in source and not errors


@pytest.mark.fault(
    "Difficulty",
    "a pipe, a socket, a link to a device, to a folder or to nothing, all named `….py`",
    "only regular files are opened, and a reason is given at once",
    "skipped with the reason; nothing hangs and nothing is filled",
)
@needs_fifo
@pytest.mark.parametrize(
    "make, text",
    [
        (os.mkfifo, "a pipe"),
        (lambda path: path.symlink_to("/dev/zero"), "a device"),
        (lambda path: path.symlink_to("gone"), "No such file"),
        (lambda path: path.symlink_to(path.name), "symbolic links"),
    ],
)
def test_only_regular_files(make, text, tmp_path, monkeypatch):
    make(tmp_path / "x.py")
    (tmp_path / "y.py").write_text("y = 1\n")

    def watched(path, mode):
        assert path.name == "y.py"
        return open(path, mode)

    monkeypatch.setattr(reading, "open", watched, raising=False)
    found, [(*_, reason)] = collect(tmp_path)
    assert text in reason and len(found) == 1


@needs_fifo
def test_a_socket_is_not_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the name of a socket must be short
    with socket.socket(socket.AF_UNIX) as there:
        there.bind("x.py")
        assert "a socket, not a regular file" in reason(Path("x.py"))


@pytest.mark.fault(
    "Difficulty",
    "a file of 2.4 megabytes; a notebook with that much code",
    "no file can fill the memory",
    "skipped; the reason is the limit",
)
def test_a_file_has_a_limit(tmp_path, monkeypatch):
    (tmp_path / "a.py").write_text("a = 1\n" * 400_000)
    assert "longer than 2,000,000 bytes" in reason(tmp_path / "a.py")
    (tmp_path / "b.ipynb").write_text(notebook("a = 1\n" * 400_000))
    assert "2,000,000 characters of code" in reason(tmp_path / "b.ipynb")
    monkeypatch.setattr(reading, "MAX_NOTEBOOK_BYTES", 100)
    assert "longer than 100 bytes" in reason(tmp_path / "b.ipynb")


# --- notebooks and other files ----------------------------------------------------


@pytest.mark.fault(
    "Difficulty",
    "a notebook given to `score`",
    "a notebook is its code, not a dictionary",
    "its code cells are scored as one program; magics do not count",
)
def test_a_notebook_is_its_code_cells(tmp_path):
    cells = (
        "%matplotlib inline\nimport os\n!ls\nos.path?\n",
        "for a in b:\n    !echo {a}\n",
        "%%time\nx = 1 if a else 2",
        "%%bash\necho 'if' | (",
        "files = !ls\nq = 'a %\\\n% b'\n'''\n% c\n'''",
        "await f()",
    )
    (tmp_path / "n.ipynb").write_text(notebook(*cells, kernelspec={"name": "mine"}))
    [(_, source)], errors = collect(tmp_path / "n.ipynb")
    by_hand = (
        "import os\nfor a in b:\n    pass\nx = 1 if a else 2\n"
        "files = None\nq = 'a %\\\n% b'\nawait f()"
    )
    assert not errors and score(source) == score(by_hand)
    with pytest.raises(ValueError, match="no \\*.py file"):
        collect(tmp_path)  # a notebook is read if it is named


@pytest.mark.parametrize(
    "text, why",
    [
        ("{}", "not a notebook of format 4"),
        ("[]", "not a notebook of format 4"),
        ("null", "not a notebook of format 4"),
        ("a = 1", "not a notebook of format 4"),
        ("", "not a notebook of format 4"),
        ("[" * 100_000, "not a notebook of format 4"),
        ('{"cells": [1]}', "not a notebook of format 4"),
        (
            '{"cells": [{"cell_type": "code", "source": 3}]}',
            "not a notebook of format 4",
        ),
        ('{"worksheets": []}', "not a notebook of format 4"),
        ('{"cells": [], "metadata": {"language_info": {"name": 3}}}', "of format 4"),
        ('{"cells": []}', "without code cells"),
        (notebook("1", language_info={"name": "R"}), "a notebook in r, not in Python"),
        (notebook("1", kernelspec={"language": "julia"}), "a notebook in julia"),
        (notebook("a = 1", "%pwd\na = ("), "code cell 2: line 2: SyntaxError"),
        (notebook("%pwd\n" * 101), "code cell 1: over 100 lines that are no Python"),
        (notebook("print 'a'"), "code cell 1: line 1: SyntaxError"),
    ],
)
def test_notebooks_that_cannot_be_read(text, why, tmp_path):
    (tmp_path / "n.ipynb").write_text(text)
    assert why in reason(tmp_path / "n.ipynb")


@pytest.mark.fault(
    "Difficulty",
    "a table, a picture, a text without suffix given to `score`",
    "other files are refused with the reason",
    "not a Python file",
)
def test_other_files_are_refused(tmp_path):
    for name in ("a.csv", "a.json", "a.PNG", "a.txt", "a"):
        (tmp_path / name).write_text("a = 1\n")
        assert "not a Python file: its name ends in none of .py" in reason(
            tmp_path / name
        )
    for name in ("b.pyi", "b.pyw"):
        (tmp_path / name).write_text("a = 1\n")
        assert collect(tmp_path / name)[0] == [(str(tmp_path / name), "a = 1\n")]
    (tmp_path / "tool").write_text("#!/usr/bin/env python3\na = 1\n")
    assert len(collect(tmp_path / "tool")[0]) == 1


# --- names ------------------------------------------------------------------------


@pytest.mark.fault(
    "Difficulty",
    "the same file by relative and absolute path, by a link and by its folder",
    "a file is scored once",
    "once, by the first of its names",
)
def test_a_file_by_two_paths_is_read_once(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.py").write_text("a = 1\n")
    (tmp_path / "in" / "b.py").write_text("a = 1\n")  # a copy is another file
    (tmp_path / "link.py").symlink_to("in/a.py")
    os.link(tmp_path / "in" / "a.py", tmp_path / "hard.py")
    (tmp_path / "folder").symlink_to("in")
    monkeypatch.chdir(tmp_path)
    paths = ["in/a.py", tmp_path / "in/a.py", "in/../in/a.py", "link.py", "hard.py",
             "folder", "in", tmp_path, "."]  # fmt: skip
    found, errors = collect(paths)
    assert [file for file, _ in found] == ["in/a.py", "folder/b.py"] and not errors
    assert len(collect(paths[::-1])[0]) == 2


@pytest.mark.fault(
    "Difficulty",
    "24 files, 13 of them unreadable or no Python",
    "the summary counts what was found",
    "24 found, 11 scored, 13 skipped",
)
def test_the_summary_counts_what_was_found(tmp_path, capsys):
    for i in range(11):
        (tmp_path / f"good{i}.py").write_text("a = 1\n")
    for i in range(6):
        (tmp_path / f"bad{i}.py").write_text("a = (\n")
    for i in range(7):
        (tmp_path / f"worse{i}.py").write_bytes(b"# coding: hex\n")
    for words in ([], ["--out", str(tmp_path / "out.csv")], ["--top", "2"]):
        assert main(["score", str(tmp_path), *words]) == 0
        said = capsys.readouterr()
        assert "24 found, 11 scored, 13 skipped" in said.out.splitlines()[-1]
        assert said.err.count("skipped ") == 13


@pytest.mark.fault(
    "Difficulty",
    "`score ''`; `score --top -1`",
    "bad input is one line, before any work",
    "one line that names the value",
)
def test_an_empty_path_and_a_negative_top(tmp_path, monkeypatch, capsys):
    (tmp_path / "a.py").write_text("a = 1\n")
    monkeypatch.chdir(tmp_path)
    for words, message in (
        (["score", ""], "curriculum score: a path is empty: name a file or a folder"),
        (["score", "a.py", ""], "curriculum score: a path is empty"),
        (
            ["score", "a.py", "--top", "-1"],
            "curriculum score: argument --top: '-1' must",
        ),
    ):
        assert main(words) == 2
        said = capsys.readouterr()
        assert said.err.startswith(message) and said.err.count("\n") == 1
        assert not said.out


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_names_that_are_no_text(tmp_path, capsys):
    name = os.fsdecode(os.fsencode(tmp_path) + b"/\xff\n.py")
    Path(name).write_text("a = 1\n", encoding="utf-8")
    assert main(["score", str(tmp_path), "--scorers", "lines"]) == 0
    assert "\\udcff\\n.py" in capsys.readouterr().out
    assert main(["score", str(tmp_path), "--out", str(tmp_path / "a.csv")]) == 0


def test_what_was_read_can_be_scored(tmp_path):
    (tmp_path / "a.py").write_text("a = 1\n")
    (tmp_path / "b.ipynb").write_text(notebook("b = 1", "b = 2"))
    found, _ = collect([tmp_path, tmp_path / "b.ipynb"])
    files, sources = zip(*found, strict=True)
    table = score_many(sources, "lines", files).table
    np.testing.assert_array_equal(table["lines"], [1, 2])
