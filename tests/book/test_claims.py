"""Numbers in the text are shown by the chapter, or said to be from somewhere."""

import copy

import claims
import nbformat
import pytest

PATHS = claims.chapters()


def read(path):
    return nbformat.read(path, as_version=4)


@pytest.mark.parametrize("path", PATHS, ids=lambda p: p.stem)
def test_every_number_is_shown_or_declared(path):
    nb = read(path)
    assert claims.missing(path.name, nb) == []
    assert claims.stale(path.name, nb) == []
    assert claims.wrong(path.name) == []


def test_numbers_declared_for_all_chapters_are_right():
    assert claims.wrong(claims.EVERYWHERE) == []


def changed(nb, old, new):
    nb = copy.deepcopy(nb)
    cells = [c for c in nb.cells if c.cell_type == "markdown" and old in c.source]
    assert cells, old
    for cell in cells:
        cell.source = cell.source.replace(old, new)
    return nb


@pytest.mark.parametrize(
    ("number", "old", "new"),
    [
        ("08", "5 % fewer", "6 % fewer"),  # declared
        ("09", "3.9 hundredths", "4.3 hundredths"),  # in a table
        ("11", "7.6 points", "7.5 points"),
        ("14", "2,263", "2,264"),
    ],
)
def test_a_number_that_no_run_produced_is_found(number, old, new):
    (path,) = (p for p in PATHS if p.name.startswith(number))
    nb = changed(read(path), old, new)
    found = claims.missing(path.name, nb) + claims.stale(path.name, nb)
    assert any(new.split()[0] in line or old in line for line in found)


def test_a_wrong_expression_is_found(monkeypatch, tmp_path):
    path = tmp_path / "claims.json"
    path.write_text('{"everywhere": {}, "x": {"12 of 480 steps": "480"}}')
    monkeypatch.setattr(claims, "LIST", path)
    assert claims.wrong("x") == []  # 12 is too small to be looked at; 480 is first
    path.write_text('{"everywhere": {}, "x": {"480 steps": "481"}}')
    assert claims.wrong("x") == ["x: '480 steps' is 481 by 481"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a loss of 0.43 nats, 12 runs", [0.43]),
        ("−4.0 [−6.7, −1.7], 95 % interval", [4.0, 6.7, 1.7, 95.0]),
        ("level 3.1 in 2024, 1,869 of 2,000", [1869.0, 2000.0]),
        ("`0.5` and $0.25$ and [0.75](x-0.1.html)", [0.75]),
    ],
)
def test_what_is_looked_at(text, found):
    assert [c.value for c in claims.claims(claims.prose(text))] == found


def test_most_changed_digits_would_be_noticed():
    taken, noticed = claims.sharpness(PATHS)
    assert taken > 250 and noticed / taken > 0.55
