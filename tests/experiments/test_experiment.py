"""Experiments: checked before they start, the same whichever way they run, never lost."""

import dataclasses
import json
import subprocess
import sys
import tomllib
import typing
from pathlib import Path

import numpy as np
import pytest
import torch

import curriculum
from curriculum import files
from curriculum.__main__ import main
from curriculum.evaluation.answers import Question
from curriculum.experiments import cli, experiment, records, sweep
from curriculum.experiments import spec as X
from curriculum.ordering import schedules


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    """A finished smoke run, and its results folder."""
    root = tmp_path_factory.mktemp("results")
    e = X.Experiment(schedule="hybrid", scale="smoke", study="tests")
    return e, sweep.run(e, root), root


@pytest.mark.parametrize(
    "fields, words",
    [
        ({"schedule": "hybird"}, "schedule is 'hybird'; it must be one of baseline"),
        ({"scorer": "om"}, "scorer is 'om'"),
        ({"scorer": "model_loss"}, "scorer is 'model_loss'"),
        ({"cut": "half"}, "cut is 'half'"),
        ({"scale": "huge"}, "scale is 'huge'"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": "1"}, "seed is '1'; it must be of type int"),
        ({"seed": 1.5}, "seed is 1.5; it must be of type int"),
        ({"options": {"replay": 0.0}}, "share is 0.0; it must be a number from 0.001"),
        ({"options": {"replay": float("nan")}}, "replay is nan"),
        ({"options": {"replay": 1e-300}}, "share is 1e-300"),
        ({"options": {"replay": "0.5"}}, "replay is '0.5'; it must be of type float"),
        ({"options": []}, "options is \\[\\]; it must be of type dict"),
        (
            {"schedule": "baseline", "options": {"replay": 0.2}},
            "'baseline' does not take replay; it takes no parameter. replay belongs to"
            " hybrid, anti, random-order, hybrid-shuffled",
        ),
        ({"schedule": "warmup", "options": {"length": 1.0}}, "length is 1.0"),
        ({"seed": 2**63}, "seed is 9223372036854775808"),
        ({"seed": True}, "seed is True"),
        ({"study": "a" * 61}, "study is 'a"),
        ({"cycles": "1,2"}, "only lr_schedule=multistep-restart"),
        ({"lr_schedule": "multistep-restart", "cycles": "1,nan"}, "cycles is '1,nan'"),
        (
            {"lr_schedule": "multistep-restart", "cycles": "1,0.001"},
            "shorter than one step",
        ),
        ({"lr_schedule": "cosine"}, "lr_schedule is 'cosine'"),
        ({"device": "tpu"}, "device is 'tpu'"),
        ({"rows": "windows", "loss_on": "answer"}, "windows cannot do"),
        ({"study": "../x"}, "study is '../x'"),
    ],
)
def test_wrong_values_are_refused_by_name(fields, words):
    with pytest.raises(ValueError, match=words):
        X.Experiment(**fields)


def test_words_become_experiments():
    found = X.Experiment.parse(["schedule=anti,hybrid", "seed=0,1,2", "replay=1"])
    assert len(found) == 6 and len({e.name for e in found}) == 6
    assert found[0] == X.Experiment("anti", seed=0, options={"replay": 1.0})
    assert [X.Experiment.parse(e.words) for e in found] == [[e] for e in found]
    words = ["lr_schedule=multistep-restart", "cycles=20,30,70", "seed=1,2"]
    assert [e.cycle_lengths for e in X.Experiment.parse(words)] == [(20, 30, 70)] * 2
    for words, message in (
        (["epochs=3"], "'epochs=3' is not a parameter"),
        (["seed"], "'seed' is not a parameter"),
        (["seed=one"], "seed is 'one'; it must be of type int"),
        (["seed=1", "seed=2"], "given twice"),
        (["schedule=baseline", "replay=0.2"], "'baseline' does not take replay"),
        (["schedule=hybrid,baseline", "replay=0.2"], "in a sweep every schedule must"),
        (["replay=nan"], "replay is nan"),
        (["replay=1e-300"], "share is 1e-300"),
        (["replay=much"], "replay is 'much'; it must be of type float"),
        (["options={}"], "'options={}' is not a parameter"),
        (["schedule=nowhere.py:f"], "cannot be loaded"),
    ):
        with pytest.raises(ValueError, match=message):
            X.Experiment.parse(words)


def test_names_tell_experiments_apart():
    e = X.Experiment(scale="quick", study="quick")
    assert e.name == "hybrid_s0"
    for f in dataclasses.fields(e):
        if f.name in ("device", "study"):
            continue
        if f.name == "cycles":
            e = dataclasses.replace(e, lr_schedule="multistep-restart")
        other = {
            "schedule": "anti",
            "scorer": "cdm",
            "cut": "tertiles",
            "options": {"replay": 0.2},
            "cycles": "1,2",
            "scale": "desk",
            "variant": "august",
            "rows": "windows",
            "loss_on": "answer",
            "lr_schedule": "multistep-restart",
            "seed": 4,
        }[f.name]
        assert dataclasses.replace(e, **{f.name: other}).name != e.name, f.name


def test_arms_of_a_seed_differ_in_the_plan_alone(arm):
    _, data, plan, model = arm("baseline")
    for schedule in ("hybrid", "anti", "hard-only", "hybrid-shuffled", "warmup"):
        _, other_data, other_plan, other_model = arm(schedule)
        assert other_data is data and other_plan.digest != plan.digest
        assert all(
            torch.equal(a, b)
            for a, b in zip(model.parameters(), other_model.parameters(), strict=True)
        )
        assert (other_plan.steps, other_plan.batch) == (plan.steps, plan.batch)


def test_training_never_sees_the_test_programs(arm):
    for schedule in ("baseline", "hybrid", "hard-only"):
        _, data, plan, _ = arm(schedule)
        assert not np.intersect1d(
            plan.table, np.concatenate([data.test, data.valid])
        ).size


def test_a_record_says_what_it_needs_to(record):
    e, kept, root = record
    assert kept["spec"] == dataclasses.asdict(e)
    assert records.as_planned(kept) and kept["audit"]["steps"] == 24
    assert kept["cost"]["tokens"] == kept["plan"]["preflight"]["tokens"] - 24 * 16
    assert [c["step"] for c in kept["curve"]] == [8, 16, 24]
    assert set(kept["provenance"]) >= {"commit", "hardware", "versions", "date"}
    assert len(kept["results"]["examples"]) == 12
    for protocol in ("exact", "released"):
        for task in ("token", "line", "execution"):
            found = kept["results"][protocol][task]
            assert found["low"] <= found["accuracy"] <= found["high"]

    text = json.dumps(kept)
    assert str(root) not in text and "/root" not in text  # no path of this machine


def test_a_record_has_the_answers_beside_it(record):
    """Every test program is asked, and the figures can be counted again."""
    e, kept, root = record
    every = records.answers(kept, root)
    assert len(every) == 6
    for a in every:
        found = kept["results"][a.question.protocol][a.question.task]
        group = np.ones(len(a.ids), bool)
        if a.question == Question("execution", "exact", e.seed):
            group = ~a.empty
            shown = [x["predicted"] for x in kept["results"]["examples"]]
            assert shown == a.predicted[:12]
        assert len(a.ids) == kept["corpus"]["test"]
        assert a.right[group].sum() == found["right"]
        assert a.total[group].sum() == found["total"]


def test_results_that_were_not_measured_here_leave_no_answers(resolved, tmp_path):
    arm = resolved(seed=78)
    arm.train()
    found = {**arm.measure()}  # the same values, from elsewhere
    path = arm.save(found, tmp_path, weights=False)
    assert not (path.parent / "answers").exists()


def test_records_are_read_back_in_the_books_order(record):
    e, kept, root = record
    other = dataclasses.replace(e, schedule="baseline")
    sweep.run(other, root)
    found = records.records("tests", root)
    assert [r["spec"]["schedule"] for r in found] == ["baseline", "hybrid"]
    table = records.by_schedule(
        found, lambda r: records.accuracy(r, "token", label="easy")
    )
    assert (
        table["hybrid"][0]
        == kept["results"]["exact"]["token"]["by_label"]["easy"]["accuracy"]
    )
    assert "2 runs, seeds 0" in records.source_line(found)
    with pytest.raises(ValueError, match="holds no records"):
        records.records("nothing", root)


def test_records_of_the_first_studies_are_read_with_todays_names():
    level = {"label": 2, "share": 0.5, "end": "hardest"}
    old = {
        "spec": {"policy": "restart", "carry": 0.3},
        "plan": {"stages": [{"takes": [level]}]},
        "token": {
            "right": 3,
            "total": 4,
            "share": 0.75,
            "empty": {"right": 0, "share": 0},
        },
    }
    new = {
        "spec": {"lr_schedule": "multistep-restart", "replay": 0.3},
        "plan": {"stages": [{"selections": [level]}]},  # a level's share is still one
        "token": {
            "right": 3,
            "total": 4,
            "accuracy": 0.75,
            "empty": {"right": 0, "accuracy": 0},
        },
    }
    assert records.modern(old) == new == records.modern(new)
    assert list(records.modern(old)["token"]) == list(new["token"])  # in the same order


def test_arms_are_told_apart_by_all_of_their_spec():
    def arm(**fields):
        return records.arm({"spec": X.Experiment(**fields).spec})

    assert arm(schedule="hybrid", seed=3, scale="smoke") == "hybrid"
    assert arm(schedule="hybrid", lr_schedule="multistep-restart") == "hybrid, restarts"
    by_length = arm(schedule="hybrid", scorer="characters", cut="tertiles")
    assert by_length == "hybrid, scorer characters, cut tertiles"
    assert arm(schedule="hybrid", options={"replay": 0.25}) == "hybrid, replay 0.25"
    restarts = {"lr_schedule": "multistep-restart", "cycles": "20,30,70"}
    assert arm(schedule="baseline", **restarts) == "baseline, restarts"
    assert arm(schedule="sequential", **restarts) != arm(
        schedule="sequential", lr_schedule="multistep-restart"
    )


def test_committed_records_are_read():
    root = Path(__file__).parents[2] / "book" / "results"
    for study in ("quick", "desk", "restart"):
        for r in records.records(study, root):
            assert 0 < records.accuracy(r, "line") < 1
            assert '"share": 0.' not in json.dumps(r["results"])


def test_a_rerun_gives_the_same_results(record, monkeypatch, tmp_path):
    e, kept, _ = record
    monkeypatch.setenv("CURRICULUM_CACHE", str(tmp_path / "elsewhere"))
    again = sweep.run(e, tmp_path)
    for part in ("results", "plan", "corpus", "audit"):
        assert again[part] == kept[part]


def test_finished_runs_are_never_overwritten(record):
    e, _, root = record
    assert records.finished(e, root)
    path = records.record_path(e, root)
    kept = files.read_json(path)
    kept["spec"]["options"] = {"replay": 0.9}
    before = path.read_text(encoding="utf-8")
    try:
        files.write_json(path, kept)
        with pytest.raises(ValueError, match="holds another experiment.*options"):
            records.finished(e, root)
        path.write_text("{")
        with pytest.raises(ValueError, match="is damaged"):
            records.finished(e, root)
    finally:
        path.write_text(before)


@pytest.mark.fault(
    "Audit",
    "a record whose audit lacks the last steps, or has any finding",
    "it does not count as delivered as planned, also if it is of the first studies",
    "told from a complete one",
)
def test_an_audit_in_a_record_is_read_whole(record):
    _, kept, _ = record
    assert records.as_planned(kept)
    first = {
        k: v for k, v in kept["audit"].items() if k not in ("planned_steps", "cause")
    }
    assert records.as_planned(kept | {"audit": first})
    for change in (
        {"steps": 23},
        {"wrong_steps": 1},
        {"omissions": 1},
        {"unknown_rows": 1},
    ):
        assert not records.as_planned(kept | {"audit": first | change})


def test_the_command_plan_prints_the_check(capsys):
    assert main(["plan", "scale=smoke", "schedule=anti"]) == 0
    said = capsys.readouterr().out
    assert "promised: hard to easy; found: hard to easy" in said and "ranked as" in said


def test_the_plans_of_all_arms_keep_their_promise(resolved):
    for name in schedules.NAMED:
        found = resolved(name)
        assert found.check().ok, found.check().findings
        ranked = "ranked as" in str(found.preflight())
        assert ranked == (found.plan.schedule.ranking != "score")


@pytest.mark.parametrize("part", ["results", "scale"])
def test_an_incomplete_record_is_run_again(record, part, tmp_path):
    e, kept, _ = record
    path = records.record_path(e, tmp_path)
    files.write_json(path, kept | {part: {}})
    assert not records.finished(e, tmp_path)
    with pytest.raises(ValueError, match="has no results; run the study again"):
        records.records("tests", tmp_path)
    assert sweep.run(e, tmp_path)[part] == kept[part]
    # of another experiment, it is not touched
    spec = kept["spec"] | {"scorer": "cdm"}
    files.write_json(path, kept | {part: {}, "spec": spec})
    with pytest.raises(ValueError, match="holds another experiment"):
        sweep.run(e, tmp_path)
    assert files.read_json(path)["spec"] == spec


@pytest.mark.parametrize("text", ["{}", "[]", "null", "3", '{"spec": []}', "{", ""])
def test_a_file_that_is_no_record_is_named(text, tmp_path):
    e = X.Experiment(scale="smoke", study="tests")
    path = records.record_path(e, tmp_path)
    files.write_text(path, text)
    for look in (
        lambda: records.finished(e, tmp_path),
        lambda: records.records("tests", tmp_path),
    ):
        with pytest.raises(
            ValueError, match="carries no digest|is no record|is damaged"
        ):
            look()
    assert path.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("schedule", ["hybrid", "baseline"])
@pytest.mark.parametrize("replay", [0.5, 0.25])
def test_old_records_load_with_replay_among_the_options(schedule, replay):
    kept = {"schedule": schedule, "carry": replay, "policy": "restart", "seed": 1}
    e = X.Experiment(**records.modern(kept))
    takes = schedule == "hybrid" and replay != 0.5
    assert e.options == ({"replay": replay} if takes else {})
    assert e.lr_schedule == "multistep-restart" and e.seed == 1
    assert records.modern(e.spec) == e.spec


def test_committed_weights_of_old_field_names_load():
    path = Path(__file__).parents[2] / "book/results/desk/baseline_s0.safetensors"
    model, about = records.load_model(path)
    assert (model.config.n_layer, model.config.n_embd) == (4, 64)
    assert about["spec"]["schedule"] == "baseline" and not model.training


def test_committed_records_are_those_of_their_experiments():
    for study in ("quick", "restart", "desk"):
        for r in records.records(study, X.RESULTS):
            assert records.science(r) == X.Experiment(**r["spec"]).science


def test_the_test_programs_are_evaluated_once(resolved, monkeypatch):
    arm, calls = resolved(seed=77), []
    ask = experiment.evaluate.ask
    monkeypatch.setattr(
        experiment.evaluate, "ask", lambda *a, **k: calls.append(1) or ask(*a, **k)
    )
    before = arm.measure()
    assert arm.measure() is before and len(calls) == 1
    arm.train()
    assert arm.measure() != before and len(calls) == 2


def test_cycles_reach_the_learning_rate(resolved):
    fields = {"lr_schedule": "multistep-restart", "cycles": "20,30,70"}
    hybrid = resolved("hybrid", lr_schedule="multistep-restart")
    given = resolved("baseline", **fields)
    restarts = experiment.training.restarts
    assert restarts(hybrid.config, hybrid.plan) == restarts(given.config, given.plan)
    own = resolved("baseline", lr_schedule="multistep-restart")
    assert restarts(own.config, own.plan) == [0, 24]


def test_choices_are_those_of_the_rooms():
    hints = typing.get_type_hints(X.Experiment)
    choices = {k: set(typing.get_args(h)) for k, h in hints.items()}
    assert choices["lr_schedule"] == set(experiment.training.LR_SCHEDULES)
    assert choices["scale"] == set(X.SCALES) and choices["cut"] == set(X.CUTS)


# --- the command line ---


@pytest.mark.fault(
    "Command line",
    "NaN, infinite, negative and absurd numbers, 25-digit seeds, empty paths, misspelt words",
    "nothing that is accepted is ignored; what cannot be used costs no time",
    "one line that names the value and what is allowed, before any work; exit code 2",
)
@pytest.mark.parametrize(
    "words, message",
    [
        (["plan", "schedule=hybird"], "schedule is 'hybird'"),
        (["plan", "seed=0,1"], "2 experiments; this command takes one"),
        (["generate", "OUT", "--level", "9.9"], "9.9"),
        (["generate", "OUT", "--size", "0"], "size"),
        (["score", "/no/such/file"], "no such file"),
        (["score", "BAD"], "none of 1 files could be scored"),
        (["score", "GOOD", "--scorers", "beauty"], "scorer is 'beauty'"),
        (["score", "GOOD", "--out", "x.txt"], "must end in .csv or .parquet"),
        (["evaluate", "GOOD"], "no weights file"),
        (["experiment", "epochs=3"], "'epochs=3' is not a parameter"),
        (["experiment", "seed=1234567890123456789012345"], "seed is 1234567890"),
        (["experiment", "study=../x"], "study is '../x'"),
        (["experiment", "--jobs", "1.5"], "--jobs: '1.5' must be a whole number"),
        (["experiment", "--cpus-per-run", "nan"], "--cpus-per-run: 'nan' must be"),
        (["experiment", "--gpus-per-run", "-1"], "argument --gpus-per-run: '-1' must"),
        (["plan", "replay=1e-300"], "share is 1e-300"),
        (["plan", "schedule=baseline", "replay=0.2"], "does not take replay"),
        (["generate", "OUT", "--workers", "0"], "argument --workers: '0' must be"),
        (["generate", "OUT", "--seed", "9" * 25], "argument --seed: '999"),
        (["score", "GOOD", "--top", "-1"], "argument --top: '-1' must be"),
        (["generate", ""], "argument folder: a path is empty"),
        (["evaluate", " "], "argument weights: a path is empty"),
        (["experiment", "--results", ""], "argument --results: a path is empty"),
        (["bench", "--rounds", "0"], "argument --rounds: '0' must be"),
        (["full", "--seeds", "-3"], "argument --seeds: '-3' must be"),
        (["cost", "--price", "nan"], "argument --price: 'nan' must be a number"),
        (["cost", "--price", "-3"], "argument --price: '-3' must be a number"),
        (["cost", "--gpus", "0"], "argument --gpus: '0' must be a whole number"),
        (["evaluate", "GOOD", "--programs", "-1"], "argument --programs: '-1' must"),
        (["evaluate", "GOOD", "--protocol", "best"], "argument --protocol: invalid"),
        (["full", "--minutes", "nan"], "argument --minutes: 'nan' must be a number"),
        (["full", "--minutes", "0"], "argument --minutes: '0' must be a number"),
        (["full", "--scale", "huge"], "scale is 'huge'"),
        (["bench", "--rounds", "-2"], "argument --rounds: '-2' must be"),
        (["train", "--oops"], "unrecognized arguments: --oops"),
        (["launch"], "invalid choice: 'launch'"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(words, message, tmp_path, capsys):
    (tmp_path / "good.py").write_text("x = 1\n")
    (tmp_path / "bad.py").write_text("x = (\n")
    places = {"GOOD": "good.py", "BAD": "bad.py", "OUT": "out"}
    words = [str(tmp_path / places[w]) if w in places else w for w in words]
    assert main(words) == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert message in error[-1] and error[-1].startswith(f"curriculum {words[0]}:")
    assert len(error) == 1 or message.startswith("none of")  # a line for each file


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_has_help_with_an_example_that_is_understood(command, capsys):
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    said = capsys.readouterr().out
    assert end.value.code == 0 and said.startswith(f"usage: curriculum {command}")
    *_, example = said.splitlines()
    start = "  python -m curriculum "
    assert example.startswith(f"{start}{command} ")
    cli.parser(command).parse_args(example.removeprefix(start).split())


def test_the_help_of_an_experiment_lists_every_value(capsys):
    with pytest.raises(SystemExit):
        main(["experiment", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    for words in (
        ", ".join(schedules.NAMED), ", ".join(X.SCALES),
        "lr_schedule: multistep, multistep-restart, constant [multistep]",
        "end, full_at, length, power, replay, start",
    ):  # fmt: skip
        assert words in said
    for field in dataclasses.fields(X.Experiment):
        assert field.name == "options" or f" {field.name}: " in said


def test_the_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"curriculum {curriculum.__version__}\n"
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    assert project["scripts"] == {"curriculum": "curriculum.experiments.cli:main"}


def test_scoring_needs_no_torch_and_its_help_nothing_large(tmp_path):
    """What a command does not need is not imported: that is what makes it quick."""
    (tmp_path / "p.py").write_text("x = 1\n", encoding="utf-8")
    for words, without in (
        (["score", str(tmp_path)], {"torch"}),
        (["score", "--help"], {"torch", "pyarrow", "scipy", "matplotlib", "radon"}),
    ):
        code = (
            "import sys\nfrom curriculum.experiments.cli import main\n"
            f"try:\n    assert main({words!r}) == 0\n"
            "except SystemExit as stop:\n    assert not stop.code\n"
            "print('loaded', *sys.modules)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, encoding="utf-8"
        )
        assert done.returncode == 0, done.stderr
        loaded = done.stdout.splitlines()[-1].split()
        assert loaded[0] == "loaded" and not without & set(loaded)


def test_generate_score_plan_train_evaluate_in_a_row(tmp_path, capsys):
    from curriculum.data.corpus import Corpus

    assert main(["generate", str(tmp_path / "c"), "--size", "300", "--seed", "5"]) == 0
    corpus = Corpus.load(tmp_path / "c")
    assert len(corpus) == 300 and corpus.hash[:16] in capsys.readouterr().out

    for i, code in enumerate(corpus.codes[:5]):
        (tmp_path / f"p{i}.py").write_text(code + "\n")
    out = tmp_path / "scores.csv"
    assert main(["score", str(tmp_path), "--out", str(out)]) == 0
    lines = out.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 6 and lines[0].startswith('"file","lines"')
    assert (
        main(["score", str(tmp_path), "--scorers", "lines,cdm", "--sort", "cdm"]) == 0
    )
    capsys.readouterr()

    words = ["schedule=hybrid", "scale=smoke", "study=tests"]
    assert main(["plan", *words, "--out", str(tmp_path / "plan.parquet")]) == 0
    said = capsys.readouterr().out
    assert "total 24 steps" in said and "min here" in said
    assert (tmp_path / "plan.parquet").exists()
    assert main(["train", *words, "--results", str(tmp_path / "r")]) == 0
    assert "execution:" in capsys.readouterr().out
    assert main(["train", *words, "--results", str(tmp_path / "r")]) == 0
    assert "done before" in capsys.readouterr().out


def test_evaluate_reads_saved_weights(arm, tmp_path, capsys):
    from curriculum import training

    e, data, _, net = arm("hybrid")
    about = {"spec": dataclasses.asdict(e), "config": dataclasses.asdict(net.config)}
    training.save_weights(tmp_path / "w.safetensors", net, about)
    assert (
        main(
            [
                "evaluate",
                str(tmp_path / "w.safetensors"),
                "--programs",
                "8",
                "--show",
                "2",
            ]
        )
        == 0
    )
    out = capsys.readouterr().out
    assert out.count("true") >= 2 and "token:" in out
