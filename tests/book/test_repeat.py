"""The commands of the provenance page can be run, and are those of the records."""

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
    if name == "study":
        asked = [e for b in study.BLOCKS if b.study == name for e in b.experiments()]
    else:
        asked = [e for line in rest for e in Experiment.parse(line.words)]
    kept = [records.experiment(r, RESULTS) for r in records.records(name, RESULTS)]
    assert set(asked) == set(kept) and {e.study for e in asked} == {name}
