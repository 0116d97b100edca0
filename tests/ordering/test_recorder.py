"""A recorder audits training loops that are not the book's own."""

import numpy as np
import pytest
import torch
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

from curriculum.ordering import audit as A
from curriculum.ordering.feed import PlanSampler
from curriculum.training import Programs

ROWS = {"a": [5, 6, 7], "b": [6, 7], "c": [5, 6, 7, 8], "d": [5, 6, 7], "e": [2, 9, 2]}
TEXTS = {f"program {i}": f"x = {i}\nprint(x * {i % 7})\n" for i in range(40)}
LETTERS = {c: i for i, c in enumerate(sorted(set("".join(TEXTS.values()))), 1)}


def encode(text):
    return [LETTERS[c] for c in text]


def see(*batch, **options):
    return A.Recorder(ROWS, **options.pop("made", {})).see(*batch, **options).tolist()


@pytest.mark.fault(
    "Audit",
    "rows padded by another loop: left or right, with any token, with or without a mask,"
    " targets of -100, or padded like the inputs",
    "rows are recognised by their content",
    "recognised, all of them",
)
def test_rows_are_recognised_however_they_are_padded():
    assert see([[5, 6, 7, 0], [6, 7, 0, 0]]) == ["a", "b"]
    assert see([[0, 5, 6, 7], [0, 0, 6, 7]]) == ["a", "b"]
    assert see([[5, 6, 7, 99], [6, 7, 99, 99]]) == ["a", "b"]
    assert see([[2, 9, 2, 2], [6, 7, 2, 2]]) == ["e", "b"]  # the last token pads
    assert see([[2, 2, 9, 2], [2, 2, 6, 7]]) == ["e", "b"]
    assert see([[5, 6, 7], [6, 7]]) == ["a", "b"]  # not padded at all
    inputs, mask = [[5, 6, 7, 8], [6, 7, 8, 8]], [[1, 1, 1, 1], [1, 1, 0, 0]]
    assert see(inputs, mask=mask) == ["c", "b"]
    labels = [[-100, -100, 7, 8], [6, 7, -100, -100]]  # the prompt is not learnt
    assert see(inputs, labels, mask, shifted=False) == ["c", "b"]
    for ignored in (-100, -1, 0):  # inputs without their last token, targets the next
        targets = [[6, 7, 8], [7, ignored, ignored]]
        assert see([[5, 6, 7], [6, 0, 0]], targets) == ["c", "b"]
        whole = [[6, 7, 8, ignored], [7, 0, ignored, ignored]]
        if ignored:
            whole[1][1] = ignored
            assert see([[5, 6, 7, 8], [6, 7, 0, 0]], whole) == ["c", "b"]
    labels = [[2, 9, -100, -100], [6, 7, -100, -100]]  # a 2 ends "e", and pads
    assert see([[2, 9, 2, 2], [6, 7, 2, 2]], labels, shifted=False) == ["e", "b"]
    labels = [[-100, -100, 7, 8], [6, 7, -100, -100]]
    tensors = torch.tensor(inputs), torch.tensor(labels), torch.tensor(mask)
    assert see(*tensors, shifted=False) == ["c", "b"]


@pytest.mark.fault(
    "Audit",
    "another loop's targets: shifted by one too many, not shifted, all ignored, one wrong",
    "a row whose targets do not follow its inputs is no program",
    "unknown rows",
)
def test_targets_have_to_follow_their_inputs():
    inputs = [[5, 6, 7, 8]]
    assert see(inputs, [[6, 7, 8, -100]]) == ["c"]
    assert see(inputs, [[7, 8, -100, -100]]) == [None]
    assert see(inputs, inputs) == [None]
    assert see(inputs, [[-100] * 4]) == [None]
    assert see(inputs, [[6, 9, 8, -100]]) == [None]
    assert see(inputs, [[6, 7, 9, -100]]) == [None]
    assert see(inputs, inputs, shifted=False) == ["c"]
    assert see(inputs, [[6, 7, 8, -100]], shifted=False) == [None]
    assert see(inputs, [[5, 6, 7, 9]], shifted=False) == [None]


def test_foreign_rows_are_unknown():
    assert see([[5, 6, 9, 0], [6, 7, 0, 0]]) == [None, "b"]
    assert see([[5, 6, 7, 8, 9], [7, 6, 0, 0, 0]], made={"pad": 0}) == [None, None]
    assert see([[0, 0, 0, 0], [6, 7, 0, 0]], [[1] * 4, [7, 0, 0, 0]])[0] is None


@pytest.mark.fault(
    "Audit",
    "a program with one token too many, which could be padding",
    "a run is padded with one token; another is no padding",
    "an unknown row",
)
def test_a_loop_pads_with_one_token():
    recorder = A.Recorder(ROWS)
    recorder.see([[5, 6, 7, 8], [6, 7, 0, 0]])
    recorder.see([[6, 7, 9], [6, 7, 0]])
    assert [step.tolist() for step in recorder.delivered] == [[2, 1], [-1, 1]]
    assert see([[6, 7, 9]], made={"pad": 0}) == [None]


def test_equal_rows_stand_for_each_other():
    recorder = A.Recorder(ROWS)
    recorder.see([ROWS["d"], ROWS["b"]])
    assert A.audit(recorder, [["a", "b"]]).ok and A.audit(recorder, [["d", "b"]]).ok
    assert not A.audit(recorder, [["c", "b"]]).ok


def test_rows_are_cut_where_the_loop_cuts_them():
    recorder = A.Recorder({"long": [1, 2, 3, 4, 5], "short": [4, 5]}, max_length=3)
    assert recorder.see([[1, 2, 3], [4, 5, 0]]).tolist() == ["long", "short"]


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: A.Recorder({}), "programs is empty"),
        (lambda: A.Recorder({"a": "text"}), "'a' is text; give the recorder"),
        (lambda: A.Recorder({"a": [3]}), "'a' is the row .3.; it needs two tokens"),
        (lambda: A.Recorder({"a": [3, -1]}), "each a number from 0"),
        (lambda: A.Recorder(ROWS, accumulate=0), "accumulate is 0"),
        (lambda: A.Recorder(ROWS)._batch({1, 2}), "a batch is of type set"),
        (lambda: A.audit(A.Recorder(ROWS), [["a"]]), "needs steps, each with its ids"),
    ],
)
def test_a_recorder_says_what_it_needs(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_a_plan_of_programs_that_the_recorder_lacks_is_refused():
    recorder = A.Recorder(ROWS)
    recorder.see([[6, 7]])
    with pytest.raises(
        ValueError, match="draws program 'z', which the recorder was not"
    ):
        A.audit(recorder, [["z"]])


# --- plain PyTorch ---


def collate(rows):
    """(inputs, targets) of rows of different lengths, as most loops make them."""
    rows = [torch.tensor(row) for row in rows]
    inputs = pad_sequence([row[:-1] for row in rows], batch_first=True)
    targets = pad_sequence([row[1:] for row in rows], True, padding_value=-100)
    return inputs, targets


@pytest.mark.fault(
    "Audit",
    "a loop of plain PyTorch: a DataLoader with workers, padded rows, a smaller last batch",
    "one recorder audits anybody's loop",
    "'12 of 12 steps delivered, exactly as planned'",
)
@pytest.mark.parametrize("workers", [0, 2])
def test_a_loop_of_plain_pytorch(workers):
    names, deal = list(TEXTS), np.random.default_rng(0)
    plan = [b for _ in range(2) for b in np.array_split(deal.permutation(names), 6)]
    assert {len(batch) for batch in plan} == {6, 7}
    tokens = {name: encode(text) for name, text in TEXTS.items()}
    loader = DataLoader(
        tokens, batch_sampler=plan, collate_fn=collate, num_workers=workers
    )
    model = torch.nn.Embedding(len(LETTERS) + 1, len(LETTERS) + 1)
    sgd = torch.optim.SGD(model.parameters(), 0.1)

    recorder = A.Recorder(TEXTS, encode)
    for inputs, targets in recorder.watch(loader):
        logits = model(inputs).transpose(1, 2)
        torch.nn.functional.cross_entropy(logits, targets).backward()
        sgd.step()
    assert (
        str(A.audit(recorder, plan)) == "12 of 12 steps delivered, exactly as planned"
    )


@pytest.mark.fault(
    "Audit",
    "a plain loop with shuffle=True, and one that trains an epoch too many",
    "what the loop did is named",
    "'the programs of the run in another order'; 'replayed from step 0 at step 10'",
)
def test_a_loop_that_does_something_else(plan_of):
    rows = [encode(text) for text in TEXTS.values()]

    def run(epochs=1, **options):
        recorder = A.Recorder(dict(enumerate(rows)))
        loader = recorder.watch(DataLoader(rows, 4, collate_fn=collate, **options))
        assert len(loader) == 10 and loader.batch_size == 4
        for _ in range(epochs):
            for _ in loader:
                pass
        return A.audit(recorder, np.arange(40).reshape(10, 4))

    assert run().ok
    assert run(shuffle=True).cause.name == "reshuffled"
    assert run(epochs=2).cause.text == "replayed from step 0 at step 10"


def test_a_plan_of_the_package_and_another_loop(plan_of):
    """Ids, stages and seeds of a `Plan`, rows of somebody else."""
    plan = plan_of("hybrid")
    programs = {i: [i, i % 7, i % 5] for i in plan.ids.tolist()}

    def run(table):
        recorder = A.Recorder(programs)
        for step in table:
            recorder.see([[*programs[i], 3, 3] for i in step.tolist()])
        return A.audit(recorder, plan)

    assert run(plan.table).ok
    assert run(plan.like(seed=3).table).cause.name == "other seed"
    some = {i: programs[i] for i in np.unique(plan.table).tolist()}  # not all of them
    recorder = A.Recorder(some)
    for step in plan.table[::-1]:
        recorder.see([some[i] for i in step.tolist()])
    assert A.audit(recorder, plan).cause.name == "reversed"


def test_a_recorder_agrees_with_the_books_own_rows(smoke):
    """Micro-batches of `Programs`, their targets of -1 included, make up its steps."""
    corpus, ids = smoke[1].corpus, smoke[1].train[:64].reshape(4, 16)
    offsets = corpus.offsets
    programs = {
        i: corpus.tokens[offsets[i] : offsets[i + 1]] for i in smoke[1].train[:99]
    }
    for loss_on in ("all", "answer"):
        rows = Programs(corpus, loss_on, micro_batches=2)
        recorder = A.Recorder(programs, accumulate=2)
        for step in ids:
            for inputs, targets in rows.batch(step):
                recorder.see(inputs, targets)
        assert A.audit(recorder, ids).ok


def test_an_attached_recorder_sees_what_the_model_is_trained_on():
    model = torch.nn.Embedding(10, 2)
    recorder = A.Recorder(ROWS)
    handle = recorder.attach(model)
    model(torch.tensor([[6, 7, 0], [5, 6, 7]]))
    model.eval()
    model(torch.tensor([[5, 6, 7, 8]]))  # evaluation is no training
    model.train()
    handle.remove()
    model(torch.tensor([[5, 6, 7, 8]]))
    assert A.audit(recorder, [["b", "a"]]).ok


# --- Hugging Face ---


@pytest.mark.fault(
    "Audit",
    "the Trainer of transformers on a data set in the planned order",
    "one recorder, attached to the model, audits a loop that cannot be seen",
    "the default shuffles: 'the programs of the run in another order'; with a sequential"
    " sampler the plan is delivered",
)
def test_the_trainer_of_hugging_face(tmp_path):
    pytest.importorskip("accelerate")
    transformers = pytest.importorskip("transformers")
    datasets, tokenizers = map(pytest.importorskip, ("datasets", "tokenizers"))
    words = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({"[PAD]": 0, **LETTERS}, unk_token="[PAD]")
    )
    letter = tokenizers.Regex(r"[\s\S]")
    words.pre_tokenizer = tokenizers.pre_tokenizers.Split(letter, "isolated")
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="[PAD]"
    )
    plan = np.random.default_rng(0).choice(list(TEXTS), (6, 8))
    data = datasets.Dataset.from_list([tokenizer(TEXTS[i]) for i in plan.ravel()])

    class InOrder(transformers.Trainer):
        def _get_train_sampler(self, *_):
            return torch.utils.data.SequentialSampler(self.train_dataset)

    class Fed(transformers.Trainer):  # the data as they are, and a sampler of the plan
        def _get_train_sampler(self, *_):
            return PlanSampler([[list(TEXTS).index(i) for i in step] for step in plan])

    def run(trainer, data=data):
        shape = {"n_positions": 32, "n_embd": 8, "n_layer": 1, "n_head": 1}
        config = transformers.GPT2Config(vocab_size=len(tokenizer), **shape)
        model = transformers.GPT2LMHeadModel(config)
        recorder = A.Recorder(TEXTS, lambda t: tokenizer(t)["input_ids"], accumulate=2)
        recorder.attach(model)
        settings = transformers.TrainingArguments(
            tmp_path, per_device_train_batch_size=4, gradient_accumulation_steps=2,
            num_train_epochs=1, report_to="none", save_strategy="no", use_cpu=True,
        )  # fmt: skip
        collator = transformers.DataCollatorForLanguageModeling(tokenizer, mlm=False)
        trainer(model, settings, data_collator=collator, train_dataset=data).train()
        return A.audit(recorder, plan)

    assert run(InOrder).ok
    rows = datasets.Dataset.from_list([tokenizer(text) for text in TEXTS.values()])
    assert run(Fed, rows).ok
    assert run(transformers.Trainer).cause.name == "reshuffled"
