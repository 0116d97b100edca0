"""The fast backend gives the answers of the plain loops, one by one, whatever the model."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from curriculum.evaluation import fast, tasks
from curriculum.evaluation.answers import PROTOCOLS, TASKS, Question
from curriculum.experiments.bench.evaluation import briefly_trained
from curriculum.model import GPT, GPTConfig

QUESTIONS = [Question(task, p, seed=3) for p in PROTOCOLS for task in TASKS]


@pytest.fixture(scope="module")
def models(smoke):
    """One that knows nothing, one that is right here and wrong there, and one that knows
    the programs it is asked about nearly by heart."""
    corpus, train, test = smoke[1].corpus, smoke[1].train, smoke[1].test
    brief = briefly_trained("nano", corpus, train)
    well = GPT(brief.config, seed=1)
    optimizer = torch.optim.Adam(well.parameters(), lr=1e-2)
    tokens, lengths = map(torch.from_numpy, fast.padded_tokens(corpus, test[:8]))
    padding = torch.arange(1, tokens.shape[1]) >= lengths[:, None]
    targets = tokens[:, 1:].masked_fill(padding, -100)
    for _ in range(120):
        loss = F.cross_entropy(well(tokens[:, :-1]).transpose(1, 2), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return {
        "untrained": GPT(brief.config, seed=1),
        "briefly trained": brief,
        "well trained": well,
    }


def assert_same(ours, plain):
    for one, other in zip(ours, plain, strict=True):
        assert one.question == other.question
        assert np.array_equal(one.right, other.right), one.question
        assert np.array_equal(one.total, other.total), one.question
        assert one.predicted == other.predicted and one.truth == other.truth
        if one.similarity is not None:
            assert np.allclose(one.similarity, other.similarity, atol=1e-9)


@pytest.mark.parametrize(
    "quality, least, most",
    [("untrained", 0, 0.1), ("briefly trained", 0.3, 0.9), ("well trained", 0.9, 1)],
)
def test_fast_answers_are_the_plain_ones(smoke, models, quality, least, most):
    corpus, ids, model = smoke[1].corpus, smoke[1].test[:8], models[quality]
    ours = fast.ask(model, corpus, ids, QUESTIONS)
    assert_same(ours, tasks.ask(model, corpus, ids, QUESTIONS))
    for answers in ours:
        if answers.question.task == "token":
            assert least <= answers.accuracy() <= most
    if quality == "briefly trained":
        lines = ours[QUESTIONS.index(Question("line", "exact", 3))]
        assert 0 < lines.right.sum() < lines.total.sum()
        assert 0 < lines.similarity.mean() < 100


@pytest.mark.parametrize("spare", [-1, 0, 5])
def test_fast_and_plain_end_alike_at_the_end_of_the_context(smoke, spare):
    corpus, ids = smoke[1].corpus, smoke[1].test[:6]
    longest = int(corpus.lengths[ids].max())
    shape = GPTConfig(corpus.tokenizer.size, longest + spare, 1, 1, 8)
    model = GPT(shape, seed=2)
    plain = tasks.ask(model, corpus, ids, QUESTIONS)
    assert_same(fast.ask(model, corpus, ids, QUESTIONS), plain)
    written = max(
        len(corpus[i].prompt + text)
        for i, text in zip(ids.tolist(), plain[-1].predicted, strict=True)
    )
    assert written == longest + spare + 1


def test_sampled_answers_come_as_often_as_the_softmax_says(smoke, models):
    """A line is right with the product of its characters' chances: 300 draws of it."""
    corpus, ids, draws = smoke[1].corpus, smoke[1].test[:6], 300
    model = models["briefly trained"]
    kinds = [(t, s) for t in ("token", "line") for s in range(draws)]
    questions = [Question(t, "released", s) for t, s in kinds]
    hits = {"token": np.zeros(len(ids)), "line": np.zeros(len(ids))}
    for answers in fast.ask(model, corpus, ids, questions):
        hits[answers.question.task] += answers.right
    for row, i in enumerate(ids):
        text = corpus.texts[i][:-2]
        tokens = torch.from_numpy(corpus.tokenizer.encode(text).astype(np.int64))
        with torch.no_grad():
            p = model(tokens[None, :-1])[0].softmax(-1)
        p = p.gather(1, tokens[1:, None])[:, 0].double().numpy()  # of text[1:]
        breaks = np.array([place for place, c in enumerate(text) if c == "\n"])
        lines = np.split(p, breaks)  # p[b:] is about text[b + 1:]: a line's first
        lines = np.array(
            [np.prod(q[:-1] if k < len(breaks) else q) for k, q in enumerate(lines)][1:]
        )
        for task, chance in (("token", p), ("line", lines)):
            mean = draws * chance.sum()
            spread = np.sqrt(draws * (chance * (1 - chance)).sum())
            assert spread > 1
            assert abs(hits[task][row] - mean) < 4.5 * spread, (task, i)


def test_answers_do_not_depend_on_cores_or_company(smoke, models):
    corpus, ids, model = smoke[1].corpus, smoke[1].test[:150], models["briefly trained"]
    together = fast.ask(model, corpus, ids, QUESTIONS)
    torch.set_num_threads(2)
    try:
        shared = fast.ask(model, corpus, ids, QUESTIONS)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    for one, other, question in zip(together, shared, QUESTIONS, strict=True):
        assert np.array_equal(one.right, other.right)
        assert one.predicted == other.predicted
        (alone,) = fast.ask(model, corpus, ids[40:50], [question])
        assert np.array_equal(alone.right, one.right[40:50])
