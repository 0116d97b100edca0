"""Where rooms meet: facts of a whole run, each worked out a second time in a plain way.

- A run of the hybrid with restarts is watched from inside the model: the rows it is fed
  while it learns, the rates, and what the optimizer remembers.
- What was fed is read back as text, and compared with scores, split and plan by text.
- Results are graded again by hand, with a forward pass a program.
"""

import dataclasses
import re
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from curriculum import difficulty, training
from curriculum.evaluation import generate
from curriculum.experiments import experiment
from curriculum.ordering import audit


def twin(code):
    """The program with its variables (all are single letters) called v0, v1, …"""
    names = {}
    return re.sub(
        r"\b[a-z]\b", lambda m: names.setdefault(m[0], f"v{len(names)}"), code
    )


def watch(arm):
    """Train `arm`; per step the texts fed to the model, the rate, what AdamW remembers."""
    rows, seen = [], SimpleNamespace(texts=[], lrs=[], ages=[], fresh=[])
    decode = arm.data.corpus.tokenizer.decode

    def look(model, args):
        if model.training:  # else it is being measured
            rows.extend(args[0])

    def note(state):
        seen.texts.append([decode(row).rstrip("\t\n") for row in rows])
        rows.clear()
        seen.lrs.append(state.lr)
        memory = state.optimizer_state
        seen.ages.append(int(memory["step"]))
        # first · g and second · g², if both began at zero in this step
        first, second = memory["exp_avg"], memory["exp_avg_sq"]
        seen.fresh.append(torch.allclose(second, 0.1 * first**2, rtol=1e-3))

    handle = arm.model.register_forward_pre_hook(look)
    arm.state.folder = None  # no checkpoint of an earlier test to go on from
    arm.state.callbacks = (arm.log(), note)
    training.train_together([arm.state])
    handle.remove()
    return seen


@pytest.fixture(scope="module")
def ran(smoke):
    """(arm, what was seen, its record) of a hybrid with restarts."""
    e = dataclasses.replace(smoke[0], schedule="hybrid", seed=5)
    e = dataclasses.replace(e, lr_schedule="multistep-restart", study="joints")
    arm = experiment.resolve(e, smoke[1])
    seen = watch(arm)
    return arm, seen, arm.record(arm.measure())


@pytest.fixture(scope="module")
def number(smoke):
    """{text without its last line breaks: program number}."""
    return {text.rstrip("\n"): i for i, text in enumerate(smoke[1].corpus.texts)}


def level(score):
    """The paper's cut, by hand."""
    return "easy" if score < 2 else "medium" if score < 4 else "hard"


# --- what the model is fed ---


@pytest.mark.fault(
    "Joints",
    "the split keeps only equal texts apart, so that a renamed program is in training",
    "no test program has a near-duplicate among the programs fed to the model",
    "a test reads the rows fed to the model as text and renames their variables",
)
def test_no_near_duplicate_of_a_held_out_program_is_fed(ran):
    arm, seen, _ = ran
    code = lambda text: twin(text.split("\n# output")[0])  # noqa: E731
    fed = {code(text) for texts in seen.texts for text in texts}
    pool = {twin(arm.data.corpus.codes[i]) for i in arm.plan.ids}
    held_out = np.concatenate([arm.data.valid, arm.data.test])
    held_out = {twin(arm.data.corpus.codes[i]) for i in held_out}
    assert len(fed) > 300 and fed <= pool and not pool & held_out


def test_windows_hold_no_program_that_is_held_out(resolved):
    arm = resolved("baseline", rows="windows")
    inputs, targets = arm.batches.rows(np.arange(0, len(arm.batches.stream) - 257, 256))
    assert torch.equal(inputs[1:, 0], targets[:-1, -1])  # one stream, without a gap
    stream = arm.data.corpus.tokenizer.decode(inputs.flatten())
    codes = {twin(text.split("\n# output")[0]) for text in stream.split("\n\n")}
    assert len(codes) > 1000
    for i in np.concatenate([arm.data.valid, arm.data.test]):
        assert twin(arm.data.corpus.codes[i]) not in codes


@pytest.mark.fault(
    "Joints",
    "the stages replay the easy end, or draw programs of another label",
    "a stage of the hybrid holds its label and the hardest half of each label before",
    "a test finds the score of each program fed, by its text",
)
def test_each_stage_feeds_the_programs_it_names(ran, number):
    arm, seen, record = ran
    scores = {i: arm.data.scores[i] for i in arm.data.train}
    by_label = {k: [] for k in difficulty.LABELS}
    for score in scores.values():
        by_label[level(score)].append(score)
    least = {k: np.sort(v)[-round(0.5 * len(v))] for k, v in by_label.items()}
    starts = [0, 4, 10, 24]  # 20, 30 and 70 parts of 120
    assert record["plan"]["starts"] == starts
    for n, own in enumerate(difficulty.LABELS):
        texts = sum(seen.texts[starts[n] : starts[n + 1]], [])
        fed = [scores[number[text]] for text in texts]
        assert {level(s) for s in fed} == set(difficulty.LABELS[: n + 1])
        for score in fed:
            assert level(score) == own or score >= least[level(score)]
        assert any(s < least[own] for s in fed if level(s) == own)  # own label: whole


def test_the_audit_and_the_counts_are_of_what_was_fed(ran, number):
    arm, seen, record = ran
    fed = [sorted(number[t] for t in texts) for texts in seen.texts]
    assert fed == [sorted(ids.tolist()) for ids in arm.state.delivered]
    assert fed == [sorted(ids.tolist()) for ids in arm.plan.table]
    assert record["audit"]["steps"] == 24 and record["audit"]["wrong_steps"] == 0
    # the blank line is stripped here; the last character is a target only
    assert record["cost"]["tokens"] == sum(len(t) + 1 for x in seen.texts for t in x)
    assert record["curve"][-1]["tokens"] == record["cost"]["tokens"]
    swapped = np.stack(arm.state.delivered)
    swapped[[3, 20]] = swapped[[20, 3]]
    assert audit.audit(swapped, arm.plan).wrong_steps == 2


# --- how it learns ---


@pytest.mark.fault(
    "Joints",
    "the optimizer keeps its memory when a stage restarts the learning rate",
    "a restart is a new optimizer, and only a restart is",
    "a test looks at the optimizer's moments after every step",
)
def test_the_optimizer_forgets_at_restarts_and_only_there(ran, resolved):
    _, seen, _ = ran
    assert seen.ages == [*range(1, 5), *range(1, 7), *range(1, 15)]
    assert [step for step, fresh in enumerate(seen.fresh) if fresh] == [0, 4, 10]
    once = watch(resolved("hybrid", seed=6))
    assert once.ages == list(range(1, 25))
    assert [step for step, fresh in enumerate(once.fresh) if fresh] == [0]


def test_the_learning_rate_of_each_step_is_the_table(ran, resolved):
    peak = 3e-3
    cycles = {4: [1, 1, 0.1, 1e-3], 6: [1] * 4 + [1e-2, 1e-3]}
    cycles[14] = [1] * 9 + [0.1] * 2 + [1e-2] + [1e-3] * 2
    table = [peak * x for length in (4, 6, 14) for x in cycles[length]]
    assert ran[1].lrs == pytest.approx(table)
    once = [1] * 16 + [0.1] * 3 + [1e-2] * 2 + [1e-3] * 3
    arm = resolved("sequential")
    found = [training.learning_rate(arm.config, arm.plan, step) for step in range(24)]
    assert found == pytest.approx([peak * x for x in once])


def test_first_weights_belong_to_the_seed(resolved):
    first = {
        (name, seed): resolved(name, seed=seed).model.head.weight
        for name in ("baseline", "anti")
        for seed in (0, 1)
    }
    assert torch.equal(first["baseline", 0], first["anti", 0])
    assert torch.equal(first["baseline", 1], first["anti", 1])
    assert not torch.equal(first["anti", 0], first["anti", 1])


# --- what is measured ---


@pytest.mark.fault(
    "Joints",
    "training programs are measured, or the results of two labels are exchanged",
    "results are of the test programs, each under its own label and grammar level",
    "a test grades every program again, one forward pass each, and sums by hand",
)
def test_results_are_those_of_the_test_programs_graded_by_hand(ran):
    arm, _, record = ran
    corpus, scores, ids = arm.data.corpus, arm.data.scores, arm.data.test[:60]
    assert len(ids) and np.array_equal(arm.test_ids(), ids)
    sums = {"all": Counter(), "by_label": Counter(), "by_construct": Counter()}
    for i in ids:
        tokens = torch.from_numpy(corpus.tokenizer.encode(corpus.texts[i][:-2])).long()
        with torch.no_grad():
            chosen = arm.model(tokens[None, :-1])[0].argmax(-1)
        grade = np.array([int((chosen == tokens[1:]).sum()), len(tokens) - 1])
        for group, name in (
            ("all", ""),
            ("by_label", level(scores[i])),
            ("by_construct", corpus.levels[i]),
        ):
            sums[group][name, "right"] += grade[0]
            sums[group][name, "total"] += grade[1]
            sums[group][name, "programs"] += 1
    found = record["results"]["exact"]["token"]
    for group, sums_of in sums.items():
        for (name, what), value in sums_of.items():
            assert (found[group][name] if name else found)[what] == value, (name, what)
    accuracies = {g["accuracy"] for g in found["by_label"].values()}
    assert len(accuracies) == 3  # so that exchanged labels would be seen
    assert record["corpus"]["test"] == len(ids)


def test_answers_shown_are_those_of_the_test_programs(ran):
    arm, _, record = ran
    corpus, block = arm.data.corpus, arm.scale.block_size
    shown = record["results"]["examples"]
    assert [x["code"] for x in shown] == [corpus.codes[i] for i in arm.data.test[:12]]
    for i, example in list(zip(arm.data.test, shown, strict=False))[:3]:
        lines = corpus.outputs[i].split("\n") if corpus.outputs[i] else []
        truth = "".join(f"# {line}\n" for line in lines) + "\n"
        assert example["truth"] == truth
        prompt = text = corpus.codes[i] + "\n# output\n"
        while len(text) < len(prompt) + len(truth) + 16 and len(text) <= block:
            tokens = torch.from_numpy(corpus.tokenizer.encode(text)).long()
            with torch.no_grad():
                best = int(arm.model(tokens[None])[0, -1].argmax())
            text += corpus.tokenizer.alphabet[best]
            if text.endswith("\n\n"):
                break
        assert example["predicted"] == text[len(prompt) :]


def test_the_sampled_answers_are_those_of_the_arms_seed(ran):
    _, _, record = ran
    results = record["results"]
    assert results["released"]["seed"] == record["spec"]["seed"] == 5
    exact, released = results["exact"]["execution"], results["released"]["execution"]
    silent = exact["empty"]["total"]  # counted apart under `exact`, in under `released`
    assert exact["total"] + silent == released["total"] == record["corpus"]["test"]


def test_the_curve_is_of_validation_programs(ran):
    arm, _, record = ran
    assert [line["step"] for line in record["curve"]] == [8, 16, 24]
    assert [line["stage"] for line in record["curve"]] == [1, 2, 2]
    corpus, last = arm.data.corpus, record["curve"][-1]["valid"]
    for name in difficulty.LABELS:
        own = [i for i in arm.data.valid if level(arm.data.scores[i]) == name][:100]
        losses = []
        for i in own:
            tokens = torch.from_numpy(corpus.tokenizer.encode(corpus.texts[i])).long()
            with torch.no_grad():
                logits = arm.model(tokens[None, :-1])[0]
            losses.append(float(F.cross_entropy(logits, tokens[1:])))
        assert last[name] == pytest.approx(np.mean(losses), abs=1e-4)


def test_generation_stops_at_the_context(ran):
    arm, _, _ = ran
    block = arm.model.config.block_size
    for room in (0, 3):
        prompt = torch.zeros(block - room, dtype=torch.long)
        (new,) = generate.generate(arm.model, [prompt], max_new_tokens=10)
        assert len(new) == room
