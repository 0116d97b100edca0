"""Results by group, and losses, of real models."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from curriculum.difficulty import LABELS
from curriculum.evaluation import evaluate as E
from curriculum.evaluation import fast, tasks
from curriculum.evaluation.answers import PROTOCOLS, Question


def test_empty_outputs_are_counted_apart(arm):
    _, data, _, model = arm()
    empty = np.array([not o for o in data.corpus.outputs])
    ids = np.concatenate([np.flatnonzero(empty)[:10], np.flatnonzero(~empty)[:30]])
    asked = (model, data.corpus, ids, data.labels[ids])
    found = E.evaluations(*asked, tasks=["execution"])
    exact, released = (found[p]["execution"] for p in ("exact", "released"))
    assert exact["total"] == 30 and exact["empty"]["total"] == 10
    for groups in ("by_label", "by_construct"):
        assert sum(g["total"] for g in exact[groups].values()) == 30
    assert released["total"] == 40 and released["empty"]["total"] == 10


def test_results_are_the_answers_summed_up(arm):
    _, data, _, model = arm()
    ids = data.test[:30]
    labels = data.labels[ids]
    (answers,) = fast.ask(model, data.corpus, ids, [Question("token")])
    found = E.evaluate(model, data.corpus, ids, labels, tasks=["token"])["token"]
    assert found == E.results(answers, data.corpus, labels)
    assert found["right"] == answers.right.sum() > 0
    assert found["accuracy"] == found["right"] / found["total"] == answers.accuracy()
    assert found["low"] < found["accuracy"] < found["high"]
    for i, label in enumerate(LABELS):
        own = found["by_label"][label]
        assert own["right"] == answers.right[labels == i].sum()
        assert own["programs"] == (labels == i).sum()
    nothing = answers.summary(np.zeros(30, bool))
    assert nothing["accuracy"] is None and (nothing["low"], nothing["high"]) == (0, 1)


def test_losses_are_the_cross_entropy_of_each_program(arm):
    _, data, _, model = arm()
    ids = data.test[:9]
    for loss_on in ("all", "answer"):
        found = E.losses(model, data.corpus, ids, loss_on)
        for i, value in zip(ids, found, strict=True):
            program = data.corpus[int(i)]
            tokens = torch.from_numpy(
                data.corpus.tokenizer.encode(program.text).astype(np.int64)
            )
            with torch.no_grad():
                each = F.cross_entropy(
                    model(tokens[None, :-1])[0], tokens[1:], reduction="none"
                )
            if loss_on == "answer":
                each = each[len(program.prompt) - 1 :]
            assert value == pytest.approx(float(each.mean()), abs=1e-4)


def test_a_watch_gives_both_losses_by_label(arm):
    _, data, _, model = arm()
    ids = data.valid[:40]
    found = E.Watch(data.corpus, ids, data.labels[ids])(SimpleNamespace(model=model))
    assert model.training
    for name, loss_on in (("valid", "all"), ("answer", "answer")):
        values = E.losses(model, data.corpus, ids, loss_on)
        for i, label in enumerate(LABELS):
            mean = values[data.labels[ids] == i].mean()
            assert found[name][label] == pytest.approx(mean, abs=1e-4)
    with pytest.raises(ValueError, match="loss_on is 'code'"):
        E.losses(model, data.corpus, ids, "code")


def test_both_protocols_at_once_are_each_of_them_alone(arm):
    _, data, _, model = arm()
    asked = (model, data.corpus, data.test[:30], data.labels[data.test[:30]])
    both = E.evaluations(*asked, seed=4)
    assert list(both) == list(PROTOCOLS)
    for protocol, found in both.items():
        assert found == E.evaluate(*asked, protocol, seed=4)


def test_sampled_answers_follow_the_seed(arm):
    _, data, _, model = arm()
    ids = data.test[:20]
    one, two, other = (
        E.execution(model, data.corpus, ids, "released", s).predicted for s in (0, 0, 1)
    )
    assert one == two != other


@pytest.mark.fault(
    "Files",
    "a model whose weights are NaN is evaluated",
    "a diverged model has no results",
    "refused, and the first bad weight is named",
)
def test_a_diverged_model_is_not_measured(arm):
    _, data, _, model = arm()
    with torch.no_grad():
        model.head.bias[0] = float("nan")
    ids = data.test[:4]
    for ask in (fast.ask, tasks.ask):
        with pytest.raises(
            ValueError, match="head.bias has weights that are not finite"
        ):
            ask(model, data.corpus, ids, [Question("token")])
    with pytest.raises(ValueError, match="head.bias has weights that are not finite"):
        E.losses(model, data.corpus, ids)
