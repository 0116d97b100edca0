"""Items have true answers, and test programs have no twin in training."""

import json
import re

import pytest

from curriculum.data import sandbox
from curriculum.data.corpus import split
from curriculum.data.near_duplicates import near_duplicate_key
from curriculum.finetune import data


def code_of(item):
    return item.question.split("\n", 1)[1]


def test_the_same_items_every_time_with_kinds_in_turns(corpus, items):
    again = data.make_items(corpus, [i.program for i in items][:9])
    assert [i.kind for i in again] == [*data.KINDS] * 3
    ids = split(corpus, shares=(0.6, 0.0, 0.4)).train
    assert data.make_items(corpus, ids)[:60] == items
    assert len({i.id for i in items}) == len(items)
    assert all(i.id == 3 * i.program + data.KINDS.index(i.kind) for i in items)


def test_predicted_outputs_are_what_the_sandbox_prints(corpus):
    items = data.make_items(corpus, range(60), ["predict"])
    printed = sandbox.run([code_of(i) for i in items])
    assert [o.stdout.removesuffix("\n") for o in printed] == [i.answer for i in items]
    assert all(i.answer for i in items)  # a silent program asks nothing


@pytest.mark.fault(
    "Fine-tuning",
    "planted errors that are none, and corrected lines that do not repair",
    "each broken program fails in the sandbox, each repaired one prints the true output",
    "of 150 programs, all",
)
def test_a_repaired_line_repairs(corpus):
    items = data.make_items(corpus, range(150), ["repair"])
    assert len(items) > 120
    repaired = []
    for item in items:
        good, bad = corpus.codes[item.program].split("\n"), code_of(item).split("\n")
        (n,) = [n for n, (a, b) in enumerate(zip(good, bad, strict=True)) if a != b]
        indent = "\t" * bad[n].startswith("\t")
        repaired.append("\n".join([*bad[:n], indent + item.answer, *bad[n + 1 :]]))
    broken = sandbox.run([code_of(i) for i in items])
    assert not any(o.ok for o in broken)
    outputs = [o.stdout.removesuffix("\n") for o in sandbox.run(repaired)]
    assert outputs == [corpus.outputs[i.program] for i in items]
    assert len({o.error.split(":")[0] for o in broken}) >= 2


def test_explanations_say_which_branch_and_how_many_turns(corpus):
    items = data.make_items(corpus, range(200), ["explain"])
    texts = {corpus.codes[i.program]: i.answer for i in items}
    assert {t.split()[1] for t in texts.values()} >= {"condition", "for", "while", "is"}
    for i in items:
        lines = corpus.outputs[i.program].split("\n")
        assert i.answer.endswith(", ".join(lines) + ".")
        if turns := re.search(r"makes (\d+) turn", i.answer):
            assert int(turns[1]) == len(lines)
    by_hand = {
        "a = 3\nfor b in range(1, 4, 2) :\n\tprint(b)": "The for loop makes 2 turns, with"
        " b = 1, 3. Each prints b: 1, 3.",
        "a = 3\nif a > 4 :\n\tprint(a)\nelse :\n\tprint(a + 1)": "No condition holds, so"
        " the else branch is taken. The program prints a + 1, which is 4.",
        "a = 3\nif a > 2 :\n\tprint(a)": "The condition of if holds. The program prints"
        " a, which is 3.",
        "a = 3\nc = a + 4\nprint(c)": "c is set to a + 4. The program prints c, which is"
        " 7.",
    }
    for code, text in by_hand.items():
        traced, kind = data._traced(code)
        output, seen = (
            o.stdout.removesuffix("\n") for o in sandbox.run([code, traced])
        )
        assert data._sentence(code, output, kind, seen.split()) == text


def test_no_test_item_has_a_renamed_twin_in_training(corpus):
    sides = split(corpus, shares=(0.6, 0.0, 0.4))
    train, test = (
        {
            near_duplicate_key(corpus.codes[i.program], "renamed")
            for i in data.make_items(corpus, side)
        }
        for side in (sides.train, sides.test)
    )
    assert train and test and not train & test


def test_the_answer_begins_where_encode_says(tokenizer, items):
    row = data.encode(tokenizer, items[0])
    assert row.tokens[0] == data.start_token(tokenizer) == 0
    assert row.tokens[-1] == tokenizer.eos_token_id
    asked, said = row.tokens[1 : row.answer_start], row.tokens[row.answer_start : -1]
    assert tokenizer.decode(asked) == items[0].question + data.BETWEEN
    assert tokenizer.decode(said) == items[0].answer
    with pytest.raises(ValueError, match="item 4 has an empty question or answer"):
        data.encode(tokenizer, data.Item(4, "why?", ""))


def test_a_table_of_ones_own_is_read_or_refused_by_line(tmp_path):
    path = tmp_path / "mine.jsonl"
    path.write_text(json.dumps({"question": "1 + 1?", "answer": "2"}) + "\n")
    assert data.read_items(path) == [data.Item(0, "1 + 1?", "2")]
    for text in ("[]", '{"question": 1, "answer": "2"}', '{"answer": "2"}', "no"):
        path.write_text(text + "\n")
        with pytest.raises(ValueError, match="line 1: "):
            data.read_items(path)
    path.write_text("")
    with pytest.raises(ValueError, match="holds no items"):
        data.read_items(path)
    with pytest.raises(ValueError, match="cannot be read"):
        data.read_items(tmp_path / "none")
    with pytest.raises(ValueError, match="kind is 'sing'"):
        data.make_items(None, [], ["sing"])


def test_what_stands_before_every_text(tokenizer):
    class Other:
        """A tokenizer without SmolLM2's mark: unknown words are token 3."""

        bos_token_id, eos_token_id = 7, 8
        convert_tokens_to_ids = staticmethod(lambda word: 3)
        convert_ids_to_tokens = staticmethod(lambda token: "<unk>")

    assert data.start_token(tokenizer) == 0 and data.start_token(Other()) == 7
    Other.bos_token_id = None
    assert data.start_token(Other()) == 8
    Other.eos_token_id = None
    with pytest.raises(ValueError, match="neither a start nor an end token"):
        data.start_token(Other())
