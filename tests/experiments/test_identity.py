"""Records and caches: whose they are, whether they are whole, and what is made again."""

import dataclasses

import numpy as np
import pytest
import torch

from curriculum import files, tensors, training
from curriculum.__main__ import main
from curriculum.experiments import experiment, records, spec, sweep
from curriculum.experiments.spec import SCALES, Experiment


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A results folder with one smoke record."""
    root = tmp_path_factory.mktemp("results")
    e = Experiment(schedule="hybrid", scale="smoke", study="tests")
    return e, sweep.run(e, root), root


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 4
    path.write_bytes(data)


@pytest.fixture
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("CURRICULUM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.fault(
    "Files",
    "bits of the cached corpus or of its cached scores are flipped; a file is cut or empty",
    "a cache that cannot be trusted is made again",
    "made again with a warning that names the file; the plan is the same",
)
@pytest.mark.parametrize("kind", ["*.parquet", "*.safetensors"])
@pytest.mark.parametrize("harm", ["flipped", "cut", "empty", "missing", "other"])
def test_a_damaged_cache_is_made_again(kind, harm, own_cache, smoke):
    e, data = smoke
    experiment.load_data(e)
    (path,) = own_cache.rglob(kind)
    sound = path.read_bytes()
    if harm == "flipped":
        flip(path, len(sound) // 2), flip(path, len(sound) // 3)
    elif harm == "missing":
        path.unlink()
    elif harm == "other":  # a sound file of another length, or of something else
        three = {"scores": torch.arange(3.0), "more": torch.ones(1)}
        tensors.write_tensors(path, three, {})
    else:
        path.write_bytes(sound[:-40] if harm == "cut" else b"")
    if harm == "missing":
        again = experiment.load_data(e)
    else:
        with pytest.warns(UserWarning, match=f"made again: .*{path.name}"):
            again = experiment.load_data(e)
    assert np.array_equal(again.scores, data.scores)
    assert again.corpus.hash == data.corpus.hash
    assert path.read_bytes() == sound


@pytest.mark.fault(
    "Files",
    "the process is killed between the corpus and its scores",
    "no later run is blocked",
    "what is missing is made by the next run",
)
def test_every_state_of_a_cut_set_up_can_be_gone_on_from(own_cache, smoke, monkeypatch):
    e, data = smoke
    write = files.write_bytes
    for stop_at in (1, 2):
        calls = []

        def killed(path, content, calls=calls, stop_at=stop_at):
            calls.append(path)
            if len(calls) == stop_at:
                raise KeyboardInterrupt
            return write(path, content)

        monkeypatch.setattr(files, "write_bytes", killed)
        monkeypatch.setattr("curriculum.tensors.write_bytes", killed)
        with pytest.raises(KeyboardInterrupt):
            experiment.load_data(e)
    monkeypatch.undo()
    monkeypatch.setenv("CURRICULUM_CACHE", str(own_cache))
    assert np.array_equal(experiment.load_data(e).scores, data.scores)


@pytest.mark.fault(
    "Identity",
    "scores are asked for after the corpus, the split or the scorer has changed",
    "scores belong to their programs",
    "kept under a digest of programs, training side, scorer and code",
)
def test_cached_scores_belong_to_their_programs(own_cache, smoke, monkeypatch):
    e, _ = smoke
    for other in (
        e,
        dataclasses.replace(e, variant="august"),
        dataclasses.replace(e, scorer="cdm"),
    ):
        experiment.load_data(other)
    assert len(list(own_cache.rglob("*.safetensors"))) == 3
    half = experiment.split(experiment.load_data(e).corpus)
    half = half._replace(train=half.train[::2])
    monkeypatch.setattr(experiment, "split", lambda corpus, by: half)
    experiment.load_data(dataclasses.replace(e, scorer="cdm"))
    assert len(list(own_cache.rglob("*.safetensors"))) == 4


@pytest.mark.fault(
    "Identity",
    "a record of the same name has another scale, no results, or was made by other code",
    "done means: this experiment, whole, by this code",
    "another experiment and other code are refused by name; an incomplete record is run again",
)
def test_finished_looks_at_the_content(home, monkeypatch, tmp_path):
    e, kept, _ = home
    path = records.record_path(e, tmp_path)
    files.write_json(path, kept)
    assert records.finished(e, tmp_path)
    for change, result in (
        ({"results": {}}, False),
        ({"scale": {}}, False),
        ({"scale": kept["scale"] | {"steps": 25}}, "holds another experiment.*steps"),
        ({"spec": kept["spec"] | {"newer": 1}}, "holds another experiment.*newer"),
        ({"sources": "0" * 16}, "was made by other code"),
        ({"sources": None}, "was made by other code"),
    ):
        files.write_json(path, kept | change)
        if result is False:
            assert not records.finished(e, tmp_path)
        else:
            with pytest.raises(ValueError, match=result) as error:
                records.finished(e, tmp_path)
            assert "\n" not in str(error.value)
    assert records.finished(e, tmp_path, any_code=True)
    assert records.set_aside(e, tmp_path).exists() and not path.exists()
    assert records.set_aside(e, tmp_path) is None
    files.write_json(path, kept)
    larger = dataclasses.replace(SCALES["smoke"], steps=30)
    monkeypatch.setitem(spec.SCALES, "smoke", larger)
    with pytest.raises(ValueError, match="holds another experiment.*steps': \\(24, 30"):
        records.finished(e, tmp_path)


def test_a_scale_of_an_older_record_may_lack_later_fields(home, tmp_path):
    e, kept, _ = home
    scale = {k: v for k, v in kept["scale"].items() if k not in records.LATER}
    files.write_json(records.record_path(e, tmp_path), kept | {"scale": scale})
    assert records.finished(e, tmp_path)


@pytest.mark.fault(
    "Files",
    "records, answers, weights, plans and schedules that are empty, null, a list, or newer",
    "a file that cannot be used is named in one line",
    "one line with the file's name and the cure, exit code 2 on the command line",
)
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"3",
        b'{"digest": "x"}',
        b"{",
        b"\xff\xfe\0",
        b"PAR1",
    ],
)
def test_files_of_every_kind_end_in_one_line(content, home, tmp_path, capsys):
    e, kept, _ = home
    path = records.record_path(e, tmp_path)
    answers = path.parent / "answers" / path.name
    for place in (path, answers, tmp_path / "w.safetensors", tmp_path / "s.json"):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    place = str(tmp_path / "w.safetensors")
    words = ["scale=smoke", "study=tests"]
    for command in (
        ["evaluate", place],
        ["train", *words, "--results", str(tmp_path)],
        ["plan", *words, f"schedule={tmp_path / 's.json'}"],
    ):
        assert main(command) == 2, command
        said = capsys.readouterr().err
        assert said.count("\n") == 1 and str(tmp_path) in said, said
    for read in (
        lambda: records.records("tests", tmp_path),
        lambda: records.answers(kept, tmp_path),
        lambda: experiment.Plan.load_table(place),
        lambda: experiment.Corpus.load(tmp_path),
    ):
        with pytest.raises(ValueError) as error:
            read()
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "about, message",
    [
        ({}, "does not say what model"),
        ({"config": None}, "does not say what model"),
        ({"config": {"n_layer": 1, "newer": 2}}, "does not say what model"),
        ("shape", "does not hold weights of this model"),
        ("no spec", "does not say what experiment"),
        ("newer spec", "does not say what experiment"),
    ],
)
def test_weights_that_do_not_say_what_they_are(about, message, arm, tmp_path, capsys):
    e, _, _, net = arm()
    config = dataclasses.asdict(net.config)
    if about == "shape":
        about = {"config": config | {"n_layer": 1}, "spec": e.spec}
        about["config"]["n_embd"] *= 2
    elif about == "no spec":
        about = {"config": config}
    elif about == "newer spec":
        about = {"config": config, "spec": e.spec | {"newer": 1}}
    training.save_weights(tmp_path / "w.safetensors", net, about)
    assert main(["evaluate", str(tmp_path / "w.safetensors")]) == 2
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1


def test_every_committed_result_carries_its_digest():
    paths = sorted(spec.RESULTS.rglob("*.json"))
    assert len(paths) > 150
    for path in paths:
        if "local" not in path.relative_to(spec.RESULTS).parts:
            assert isinstance(files.read_json(path, sealed=True), dict)
    for path in spec.RESULTS.rglob("*.safetensors"):
        training.read_weights(path)
