"""The benchmark's frame; that each reference computes the same as ours is tested with its stage."""

import pytest

from curriculum import files
from curriculum.__main__ import main
from curriculum.experiments import bench


def test_ours_reference_and_limit_take_turns_and_ratios_are_taken_round_by_round():
    order = []

    def way(name):
        return lambda: order.append(name) or 1.0

    stage = bench.Stage("x", "items/s", way("a"), way("b"), way("c"), "the limit")
    row = bench.measure(stage, rounds=3, seconds=0)
    assert "".join(order) == "abc" * 4  # the first turn warms up
    assert row["ours"] > 0 and row["ratio"] > 0 and row["limit_name"] == "the limit"
    assert "the limit" in bench.line(row)


def test_a_stage_without_a_limit_has_no_share_of_it():
    row = bench.measure(
        bench.Stage("x", "items/s", lambda: 1, lambda: 1), rounds=1, seconds=0
    )
    assert "share_of_limit" not in row and "limit" not in row


@pytest.mark.parametrize("stage", bench.STAGES)
def test_every_stage_runs_from_the_command_line(stage, tmp_path, capsys):
    """That it runs and fills every figure; how fast is nobody's test."""
    out = tmp_path / "bench.json"
    words = "bench --size nano --rounds 1 --seconds 0 --stages".split()
    assert main([*words, stage, "--out", str(out)]) == 0
    rows = files.read_json(out)["rows"]
    assert rows and all(r["ours"] > 0 and r["reference"] > 0 for r in rows)
    assert rows[0]["stage"] in capsys.readouterr().out


def test_a_wrong_stage_is_named(capsys):
    assert main(["bench", "--stages", "baking"]) == 2
    assert "'baking'" in capsys.readouterr().err
