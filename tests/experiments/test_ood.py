"""Models asked the suites: one file, resumed, that gives every answer back."""

import shutil

import numpy as np
import pytest

from curriculum import files
from curriculum.evaluation import fast, mistakes
from curriculum.evaluation.answers import Question
from curriculum.experiments import experiment, ood, records
from curriculum.training.checkpoint import save_weights


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Suites of ten programs, and the weights of two untrained models."""
    weights = tmp_path_factory.mktemp("weights")
    e = experiment.Experiment("baseline", scale="smoke")
    arm = experiment.resolve(e)
    for seed in (3, 1):
        one = experiment.Experiment("baseline", scale="smoke", seed=seed)
        model = experiment.resolve(one, arm.data).fresh_model()
        about = {"spec": one.spec, "config": vars(model.config)}
        save_weights(weights / f"{one.name}.safetensors", model, about)
    folder = tmp_path_factory.mktemp("ood")
    return weights, folder, ood.prepare(folder, e, size=10)


@pytest.fixture(scope="module")
def asked(small):
    weights, folder, suites = small
    lines = []
    ood.measure(weights, folder, suites, lines.append)
    assert lines[0] == "2 models, 0 of them known" and len(lines) == 3
    return ood.load(folder)


def test_all_answers_come_back(small, asked):
    weights, _, suites = small
    assert asked.seeds == {"baseline": [1, 3]}
    ids = np.arange(len(suites.corpus))
    for row, seed in enumerate(asked.seeds["baseline"]):
        path = next(weights.glob(f"*_s{seed}.safetensors"))
        model, _ = records.load_model(path)
        found = fast.ask(model, suites.corpus, ids, [Question("execution")])[0]
        np.testing.assert_array_equal(asked.right["baseline"][row], found.right)
        assert asked.said["baseline"][row] == found.predicted


def test_a_second_start_asks_nothing_again(small, asked):
    weights, folder, suites = small
    before = (folder / ood.FILE).read_bytes()
    lines = []
    ood.measure(weights, folder, suites, lines.append)
    assert lines == ["2 models, 2 of them known"]
    assert (folder / ood.FILE).read_bytes() == before


def test_a_run_cut_short_asks_the_rest(small, asked, tmp_path):
    weights, folder, suites = small
    shutil.copytree(folder, tmp_path / "ood")
    kept = files.read_json(tmp_path / "ood" / ood.FILE)
    whole = [dict(m) for m in kept["models"]]
    kept["models"] = kept["models"][1:]
    files.write_json(tmp_path / "ood" / ood.FILE, kept)
    ood.measure(weights, tmp_path / "ood", suites, lambda line: None)
    assert files.read_json(tmp_path / "ood" / ood.FILE)["models"] == whole


def test_suites_are_read_and_not_made_again(small):
    _, folder, suites = small
    assert ood.prepare(folder).corpus.hash == suites.corpus.hash


def test_results_about_other_programs_are_refused(small, asked, tmp_path):
    weights, folder, suites = small
    shutil.copytree(folder, tmp_path / "ood")
    kept = files.read_json(tmp_path / "ood" / ood.FILE)
    files.write_json(tmp_path / "ood" / ood.FILE, kept | {"programs": "0"})
    with pytest.raises(ValueError, match="other programs"):
        ood.load(tmp_path / "ood")
    with pytest.raises(ValueError, match="other programs"):
        ood.measure(weights, tmp_path / "ood", suites)


def test_a_folder_without_weights_is_refused(small, tmp_path):
    with pytest.raises(ValueError, match="holds no"):
        ood.measure(tmp_path, tmp_path, small[2])


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """Classes of two runs of ten training steps, and the runs' records."""
    root, found = tmp_path_factory.mktemp("results"), []
    for schedule, seed in (("hybrid", 5), ("hybrid", 2), ("baseline", 2)):
        e = experiment.Experiment(schedule, scale="smoke", seed=seed, study="ours")
        arm = experiment.resolve(e)
        arm.train()
        found.append(records.read_record(arm.save(arm.measure(), root, weights=False)))
    programs = arm.data.corpus.subset(arm.test_ids())
    ids = arm.test_ids()
    path = ood.classify(programs, ids, {"ours": found}, root, root / "mistakes.json")
    return programs, ids, found, root, path


def test_classes_are_those_of_wrong_answers(judged):
    programs, _, found, root, path = judged
    got = ood.load_mistakes(programs, path)
    assert got.seeds == {"hybrid": [2, 5], "baseline": [2]}
    assert got.runs["hybrid", 5] == ("ours", found[0]["name"])
    assert all(programs.outputs[i] for i in got.tests)
    for r in found:
        row = got.seeds[r["spec"]["schedule"]].index(r["spec"]["seed"])
        classes = got.classes[r["spec"]["schedule"]][row]
        answers = records.executed(r, root)
        right = answers.right[got.tests]
        np.testing.assert_array_equal(classes == 0, right)
        planted = mistakes.answers([programs[i] for i in got.tests])
        for i, place, explained in zip(got.tests, classes, planted, strict=True):
            if place:
                said = mistakes.classify(programs[i], answers.predicted[i], explained)
                assert ood.CLASSES[place] == said
    assert got.luck["hybrid"].shape == got.classes["hybrid"].shape


def test_answers_about_other_programs_are_refused(judged, smoke, tmp_path):
    programs, ids, found, root, path = judged
    with pytest.raises(ValueError, match="other programs"):
        ood.classify(programs, ids + 1, {"ours": found}, root, tmp_path / "m.json")
    with pytest.raises(ValueError, match="other programs"):
        ood.load_mistakes(smoke[1].corpus, path)
    files.write_json(path.with_name("m.json"), files.read_json(path) | {"classes": []})
    with pytest.raises(ValueError, match="other classes"):
        ood.load_mistakes(programs, path.with_name("m.json"))
