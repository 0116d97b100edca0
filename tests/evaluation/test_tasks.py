"""The plain tasks: an oracle scores 100 %, the quirks of the release are reproduced."""

import numpy as np
import pytest
import torch

from curriculum.evaluation import tasks as E
from curriculum.evaluation.answers import PROTOCOLS, Question
from curriculum.model import GPT, config


@pytest.fixture(scope="module")
def programs(smoke):
    return [smoke[1].corpus[int(i)] for i in smoke[1].test[:50]]


def oracle(program, wrong_after=None):
    """A function that knows a text: the next character, "?" beyond `wrong_after`."""

    def following(text):
        assert program.text.startswith(text) or wrong_after is not None
        if wrong_after is not None and len(text) >= wrong_after:
            return "?"
        return program.text[len(text)]

    return following


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_oracle_completes_perfectly(programs, protocol):
    for p in programs:
        right, total = E.token_completion(p, oracle(p))
        assert right == total == len(p.text) - 3  # all but the first and the blank line
        right, total, similarity = E.line_completion(p, oracle(p), protocol)
        assert right == total == p.text.count("\n") - 2 and similarity == 100


def test_an_oracle_executes_perfectly_under_the_exact_protocol(programs):
    for p in programs:
        assert E.execution(p, oracle(p), "exact") == (True, p.text[len(p.prompt) :])


def test_an_oracle_is_not_perfect_under_the_released_protocol(smoke):
    """Long outputs are cut after 20 characters: the release's own ceiling."""
    wrong = 0
    for p in smoke[1].corpus:
        right, written = E.execution(p, oracle(p), "released")
        most = 30 if "for" in p.code else 20
        assert ("\n" + p.text[len(p.prompt) :]).startswith(written)
        assert len(written) == most or written.endswith("\n\n")
        if not right:
            wrong += 1
            assert len(p.text) - len(p.prompt) > most - 2
    assert 0 < wrong < 0.1 * len(smoke[1].corpus)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_wrong_model_is_wrong(programs, protocol):
    for p in programs:
        wrong = oracle(p, wrong_after=0)
        assert E.token_completion(p, wrong)[0] == 0
        right, total, similarity = E.line_completion(p, wrong, protocol)
        assert right == 0 < total and similarity < 50
        right, written = E.execution(p, wrong, protocol)
        assert set(written) == {"?"}
        assert right == (protocol == "released" and not p.output)  # the quirk


def test_right_up_to_the_tenth_character_is_counted_so(programs):
    for p in programs:
        right, total = E.token_completion(p, oracle(p, wrong_after=10))
        assert right == min(total, 9)


def test_the_next_character_is_the_models(smoke):
    tokenizer = smoke[1].corpus.tokenizer
    model = GPT(config("nano", tokenizer.size, block_size=12), seed=1)
    text = "a = 1\nprint("
    tokens = torch.from_numpy(tokenizer.encode(text).astype(np.int64))[None]
    p = model(tokens)[0, -1].softmax(-1).detach()
    assert E.next_character(model, tokenizer, text) == tokenizer.decode([p.argmax()])
    drawn = [E.next_character(model, tokenizer, text, u) for u in (0.0, 0.5, 1 - 1e-6)]
    places = tokenizer.encode("".join(drawn)).tolist()
    up_to = p.cumsum(-1)
    assert places[0] == 0 and places[2] == len(p) - 1
    assert up_to[places[1] - 1] < 0.5 <= up_to[places[1]]
    assert E.next_character(model, tokenizer, text + "a") == ""


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


def test_negative_and_decimal_outputs_compare_as_text():
    truth = "# -2.5\n\n"
    assert truth != "# -2.50\n\n" and truth != "# 2.5\n\n"
    assert (
        E.edit_similarity("abc", "abc") == 100 and E.edit_similarity("abc", "xyz") == 0
    )
    assert E.edit_similarity("# 12", "# 13") == 75


def test_programs_beyond_the_context_are_refused(smoke):
    corpus, ids = smoke[1].corpus, smoke[1].test[:3]
    longest = int(corpus.lengths[ids].max())
    model = GPT(config("nano", corpus.tokenizer.size, block_size=longest - 2))
    with pytest.raises(ValueError, match=f"a program has {longest} characters"):
        E.ask(model, corpus, ids, [Question("token")])


def test_bad_questions_are_refused(smoke):
    with pytest.raises(ValueError, match="protocol is 'strict'"):
        Question("execution", "strict")
    with pytest.raises(ValueError, match="task is 'tokens'"):
        Question("tokens")
    model = GPT(config("nano", smoke[1].corpus.tokenizer.size))
    with pytest.raises(ValueError, match="at least one program"):
        E.ask(model, smoke[1].corpus, [], [Question("token")])
