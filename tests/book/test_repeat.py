"""The commands of the provenance page can be run, and are those of the records."""

import dataclasses
import re
from pathlib import Path

import pytest

from curriculum.experiments import cli, records, reproduce, study
from curriculum.experiments.spec import RESULTS, Experiment

PAGE = Path(__file__).parents[2] / "book" / "provenance.md"
SECTIONS = re.findall(
    r"^## Study `(\S+)`$.*?^Repeat it with:\n\n```bash\n(.*?)^```$",
    PAGE.read_text(encoding="utf-8"),
    re.M | re.S,
)


def test_every_study_has_commands():
    ours = [
        name for name in reproduce.studies(RESULTS) if name != "local"
    ]  # `make book`
    assert [name for name, _ in SECTIONS] == ours


@pytest.mark.parametrize(("name", "text"), SECTIONS)
def test_the_commands_are_those_of_the_records(name, text):
    """All parse; those after the first make exactly the study's runs, in a new folder."""
    lines = [line for line in text.splitlines() if line and line[0] != "#"]
    start = "python -m curriculum "
    assert len(lines) >= 2 and all(line.startswith(start) for line in lines)
    words = [line.removeprefix(start).split() for line in lines]
    first, *rest = (cli.parser(w[0]).parse_args(w) for w in words)
    assert words[0] == ["reproduce", name] and first.results == RESULTS
    assert {line.results for line in rest} == {Path("again")}
    lost = set()
    if words[1][0] == "study":
        blocks = {b.name: b for b in study.BLOCKS}
        named = rest[0].blocks.split(",")
        asked = [e for block in named for e in blocks[block].experiments()]
        lost = {e for e in asked if e.lr_schedule == "constant" and e.seed > 13}
    else:
        asked = [e for line in rest for e in Experiment.parse(line.words)]
    kept = [records.experiment(r, RESULTS) for r in records.records(name, RESULTS)]
    kept = [dataclasses.replace(e, device="auto") for e in kept]
    assert set(asked) - set(kept) == lost and set(kept) <= set(asked)
    assert {e.study for e in asked} == {name}
