"""Evaluation: an oracle scores 100 %, the quirks of the release are reproduced, and told."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F

from curriculum import model as M
from curriculum.difficulty import LABELS
from curriculum.evaluation import fast
from curriculum.evaluation import tasks as E


class Oracle(nn.Module):
    """Knows the texts it is given: says the next character of the one it sees.

    Texts that begin alike look alike, so token and line completion ask an oracle of one
    text; a whole program decides its output, so execution asks an oracle of all.
    """

    def __init__(self, corpus, wrong_after=None, only=None):
        super().__init__()
        self.config = M.config("nano", corpus.tokenizer.size)
        self.head = nn.Linear(1, 1)  # says where the model is
        texts = corpus.texts if only is None else [corpus.texts[only]]
        self.texts = [tuple(corpus.tokenizer.encode(t).tolist()) for t in texts]
        self.next = {}
        for text in self.texts:
            for i in range(len(text)):
                self.next[text[:i]] = text[i]
        self.wrong_after = wrong_after  # a text after which the oracle starts to err

    def forward(self, tokens, cache=None):
        rows = tokens.tolist()
        if cache is not None and cache.branching:
            cache.seen = [old + new for old, new in zip(cache.seen, rows, strict=True)]
            return torch.stack([self.say(seen)[None] for seen in cache.seen])
        if cache is not None:
            cache.read += rows
        return torch.stack(
            [torch.stack([self.say(r[: t + 1]) for t in range(len(r))]) for r in rows]
        )

    def say(self, seen):
        guess = self.next.get(tuple(seen), 0)
        if self.wrong_after is not None and len(seen) >= self.wrong_after:
            guess = (guess + 1) % self.config.vocab_size
        return 50.0 * F.one_hot(torch.tensor(guess), self.config.vocab_size).float()


class Memory:
    """What `generate.KVCache` is to a model: here the texts themselves."""

    def __init__(self, model):
        self.device, self.branching, self.read = "cpu", False, []

    def branch(self, texts, cuts):
        self.branching, self.written = True, 0
        self.seen = [self.read[t][:c] for t, c in zip(texts, cuts, strict=True)]

    def keep(self, rows):
        self.seen = [self.seen[i] for i in rows]


@pytest.fixture
def oracle(smoke, monkeypatch):
    monkeypatch.setattr(fast, "KVCache", Memory)
    return lambda **f: Oracle(smoke[1].corpus, **f)


@pytest.fixture(scope="module")
def asked(smoke):
    return smoke[1].test[:50]


def ask_each(task, oracle, corpus, ids, protocol="exact", **fields):
    """One oracle per program; the answers as arrays."""
    found = [
        E.ask(oracle(only=i, **fields), corpus, [i], [E.Question(task, protocol)])[0]
        for i in ids
    ]
    return tuple(
        np.concatenate([getattr(a, n) for a in found]) for n in ("right", "total")
    ), found


@pytest.mark.parametrize("protocol", E.PROTOCOLS)
@pytest.mark.parametrize("task", ["token", "line"])
def test_an_oracle_completes_perfectly(smoke, oracle, asked, task, protocol):
    (right, total), found = ask_each(task, oracle, smoke[1].corpus, asked, protocol)
    assert (right == total).all() and total.sum() >= len(asked)
    if task == "line":
        assert all(a.similarity == 100 for a in found)


def test_an_oracle_executes_perfectly_under_the_exact_protocol(smoke, oracle):
    answers = E.execution(oracle(), smoke[1].corpus, smoke[1].test)
    assert answers.right.all() and answers.predicted == answers.truth


def test_an_oracle_is_not_perfect_under_the_released_protocol(smoke, oracle):
    """Long outputs are cut after 20 characters: the release's own ceiling."""
    corpus, ids = smoke[1].corpus, np.arange(len(smoke[1].corpus))
    answers = E.execution(oracle(), corpus, ids, "released")
    wrong = np.flatnonzero(answers.right == 0)
    assert 0 < len(wrong) < 0.1 * len(ids)
    for i in wrong:
        assert len(answers.truth[i]) > (30 if "for" in corpus.codes[i] else 20) - 2


def test_a_wrong_model_is_wrong(smoke, oracle, asked):
    for task in ("token", "line"):
        assert (
            ask_each(task, oracle, smoke[1].corpus, asked[:9], wrong_after=0)[0][
                0
            ].sum()
            == 0
        )
    assert E.execution(oracle(wrong_after=0), smoke[1].corpus, asked).right.sum() == 0


def test_token_counts_every_character_but_the_first(smoke, oracle, asked):
    snippets = [smoke[1].corpus.texts[i][:-2] for i in asked[:9]]
    (_, total), _ = ask_each("token", oracle, smoke[1].corpus, asked[:9])
    assert total.tolist() == [len(s) - 1 for s in snippets]
    (_, total), _ = ask_each("line", oracle, smoke[1].corpus, asked[:9])
    assert total.tolist() == [s.count("\n") for s in snippets]


def test_right_up_to_the_tenth_character_is_counted_so(smoke, oracle, asked):
    (right, total), _ = ask_each(
        "token", oracle, smoke[1].corpus, asked[:9], wrong_after=10
    )
    assert (right == np.minimum(total, 9)).all()


@pytest.mark.parametrize(
    "text, numbers",
    [
        ("# 8\n# 3.5\n\n", [8.0, 3.5]),
        ("# -5.3\n\n", [-5.0, 3.0]),
        ("# -5\n\n# 9", [-5.0]),
        ("\n", []),
        ("# 1e-05\n\n", [1.0, -5.0]),
    ],
)
def test_released_numbers_are_as_odd_as_published(text, numbers):
    assert E.released_numbers(text) == numbers


def test_released_protocol_takes_silence_for_the_empty_output():
    assert E.released_match("\n", "# x y z\n\n")  # the quirk
    assert not E.released_match("\n", "# 4\n\n")
    assert E.released_match("# -5.3\n\n", "# -5 3\n\n")  # and this one


def test_empty_outputs_are_counted_apart(smoke, oracle):
    data = smoke[1]
    empty = np.array([not o for o in data.corpus.outputs])
    ids = np.concatenate([np.flatnonzero(empty)[:10], np.flatnonzero(~empty)[:30]])
    found = E.evaluate(
        oracle(), data.corpus, ids, data.labels[ids], tasks=["execution"]
    )
    assert (
        found["execution"]["total"] == 30 and found["execution"]["empty"]["total"] == 10
    )
    groups = found["execution"]["by_label"]
    assert sum(g["total"] for g in groups.values()) == 30
    released = E.evaluate(
        oracle(), data.corpus, ids, data.labels[ids], "released", tasks=["execution"]
    )
    assert released["execution"]["total"] == 40


def test_negative_and_decimal_outputs_compare_as_text():
    truth = "# -2.5\n\n"
    assert truth != "# -2.50\n\n" and truth != "# 2.5\n\n"
    assert (
        E.edit_similarity("abc", "abc") == 100 and E.edit_similarity("abc", "xyz") == 0
    )
    assert E.edit_similarity("# 12", "# 13") == 75


def test_real_model_greedy_lines_agree_with_one_at_a_time(arm):
    """Batches, caches and stops give what a plain loop gives."""
    _, data, _, net = arm()
    net.eval()
    ids = data.test[:6]
    answers = E.execution(net, data.corpus, ids)
    tok = data.corpus.tokenizer
    for i, said in zip(ids, answers.predicted, strict=True):
        program = data.corpus[int(i)]
        text = tok.encode(program.prompt).astype(np.int64).tolist()
        room = len(program.text) - len(program.prompt) + 16
        out = ""
        while len(out) < room and not (("\n" + out).endswith("\n\n")):
            with torch.no_grad():
                text.append(int(net(torch.tensor([text]))[0, -1].argmax()))
            out += tok.decode([text[-1]])
        assert said == out


def test_losses_are_the_cross_entropy_of_each_program(arm):
    _, data, _, net = arm()
    ids = data.test[:9]
    for loss_on in ("all", "answer"):
        found = E.losses(net, data.corpus, ids, loss_on)
        for i, value in zip(ids, found, strict=True):
            program = data.corpus[int(i)]
            tokens = torch.from_numpy(
                data.corpus.tokenizer.encode(program.text).astype(np.int64)
            )
            with torch.no_grad():
                each = F.cross_entropy(
                    net(tokens[None, :-1])[0], tokens[1:], reduction="none"
                )
            if loss_on == "answer":
                each = each[len(program.prompt) - 1 :]
            assert value == pytest.approx(float(each.mean()), abs=1e-4)


def test_a_watch_gives_both_losses_by_label(arm):
    _, data, _, net = arm()
    ids = data.valid[:40]
    found = E.Watch(data.corpus, ids, data.labels[ids])(SimpleNamespace(model=net))
    assert net.training
    for name, loss_on in (("valid", "all"), ("answer", "answer")):
        values = E.losses(net, data.corpus, ids, loss_on)
        for i, label in enumerate(LABELS):
            mean = values[data.labels[ids] == i].mean()
            assert found[name][label] == pytest.approx(mean, abs=1e-4)
    with pytest.raises(ValueError, match="loss_on is 'code'"):
        E.losses(net, data.corpus, ids, "code")


def test_both_protocols_at_once_are_each_of_them_alone(arm):
    _, data, _, net = arm()
    asked = (net, data.corpus, data.test[:30], data.labels[data.test[:30]])
    both = E.evaluations(*asked, seed=4)
    assert list(both) == list(E.PROTOCOLS)
    for protocol, found in both.items():
        assert found == E.evaluate(*asked, protocol, seed=4)


def test_sampled_answers_follow_the_seed(arm):
    _, data, _, net = arm()
    ids = data.test[:20]
    one, two, other = (
        E.execution(net, data.corpus, ids, "released", s).predicted for s in (0, 0, 1)
    )
    assert one == two != other


def test_bad_questions_are_refused(arm):
    _, data, _, net = arm()
    with pytest.raises(ValueError, match="protocol is 'strict'"):
        E.execution(net, data.corpus, data.test[:2], "strict")
    with pytest.raises(ValueError, match="task is 'tokens'"):
        E.Question("tokens")
    with pytest.raises(ValueError, match="at least one program"):
        E.token_completion(net, data.corpus, [])
