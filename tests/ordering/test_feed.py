"""What is fed is the plan: samplers, shares of ranks, resumes; and the usual traps."""

import numpy as np
import pytest
import ranks
import torch
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import (
    DataLoader,
    DistributedSampler,
    IterableDataset,
    SequentialSampler,
    get_worker_info,
)

from curriculum.ordering import audit as A
from curriculum.ordering import feed as F
from curriculum.ordering import plan as P
from curriculum.ordering import schedules as S

N, B, STEPS = 60, 6, 20
deal = np.random.default_rng(0)
ROWS = [[i % 7, i, i % 5] + [1] * int(deal.integers(0, 30)) + [2] for i in range(N)]
END = 2
ROWS = [[x + 3 for x in row[:-1]] + [END] for row in ROWS]


@pytest.fixture(scope="module")
def plan():
    scores = np.random.default_rng(1).normal(size=N)
    labels = np.digitize(scores, [-0.4, 0.4])
    return P.Plan(S.get("incremental"), np.arange(N), scores, labels, 3, STEPS, B)


def inputs_of(rows):
    return pad_sequence([torch.tensor(row) for row in rows], batch_first=True)


def fed(loader, plan, **made):
    """The audit of what a loader delivers."""
    recorder = A.Recorder(dict(enumerate(ROWS)), pad=0, **made)
    for _ in recorder.watch(loader):
        pass
    return A.audit(recorder, plan)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_batch_sampler_delivers_the_plan(plan, workers):
    sampler = F.PlanBatchSampler(plan)
    loader = DataLoader(
        ROWS, batch_sampler=sampler, collate_fn=inputs_of, num_workers=workers
    )
    assert len(loader) == STEPS and fed(loader, plan).ok


def test_a_sampler_of_rows_delivers_the_plan(plan):
    sampler = F.PlanSampler(plan)
    assert len(sampler) == STEPS * B
    loader = DataLoader(ROWS, B, sampler=sampler, collate_fn=inputs_of)
    assert fed(loader, plan).ok


def test_plans_are_plans_tables_and_lists(plan, tmp_path):
    _, table = P.Plan.load_table(plan.save(tmp_path / "plan.parquet"))
    for given in (plan, table, table.tolist()):
        assert list(F.PlanBatchSampler(given)) == plan.table.tolist()
    names = [["a", "b"], ["c"]]
    assert list(F.PlanBatchSampler(names)) == names
    assert list(F.PlanSampler(names, start=1)) == ["c"]


def test_a_resume_goes_on_where_the_run_stopped(plan):
    recorder = A.Recorder(dict(enumerate(ROWS)), pad=0)
    whole = DataLoader(
        ROWS, batch_sampler=F.PlanBatchSampler(plan), collate_fn=inputs_of
    )
    for step, batch in enumerate(whole):
        if step == 7:  # fetched, not trained on
            break
        recorder.see(batch)
    rest = F.PlanBatchSampler(plan, start=7)
    assert len(rest) == STEPS - 7
    for batch in DataLoader(ROWS, batch_sampler=rest, collate_fn=inputs_of):
        recorder.see(batch)
    assert A.audit(recorder, plan).ok
    assert list(F.PlanBatchSampler(plan, start=STEPS)) == []


def test_accumulated_batches_are_one_step(plan):
    sampler = F.PlanBatchSampler(plan, start=2, micro_batches=4)
    sizes = [len(batch) for batch in sampler]
    assert sizes[:4] == [2, 2, 1, 1] and len(sizes) == len(sampler) == 4 * (STEPS - 2)
    loader = DataLoader(ROWS, batch_sampler=sampler, collate_fn=inputs_of)
    assert fed(loader, plan.table[2:], accumulate=4).ok


@pytest.mark.parametrize("world", [1, 2, 3, 4, 5, 6])
def test_ranks_share_each_step_and_lose_nothing(plan, world):
    shares = [F.share(plan, rank, world) for rank in range(world)]
    joined = F.together(shares)
    assert len(joined) == STEPS
    for number, (step, wanted) in enumerate(zip(joined, plan.table, strict=True)):
        assert sorted(step) == sorted(wanted)
        sizes = [len(part[number]) for part in shares]
        assert max(sizes) - min(sizes) <= 1
    again = F.share(plan.table, world - 1, world)
    assert all(map(np.array_equal, again, shares[-1]))


def test_ranks_may_change_in_the_middle(plan):
    """Seven steps with two ranks, five with three, the rest alone."""
    seen = []
    for world, start, stop in ((2, 0, 7), (3, 7, 12), (1, 12, STEPS)):
        ranks_ = [F.PlanBatchSampler(plan, start, r, world) for r in range(world)]
        seen += F.together([list(r)[: stop - start] for r in ranks_])
    assert A.audit(seen, plan).ok


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda p: F.share(p, 2, 2), "2 ranks are numbered 0 to 1"),
        (lambda p: F.share(p, -1, 2), "rank is -1"),
        (lambda p: F.share(p, 0, 0), "world is 0"),
        (lambda p: F.share(p, 0, 7), "a step has only 6 rows"),
        (lambda p: F.share([], 0, 1), "has no steps"),
        (
            lambda p: F.PlanBatchSampler(p, 21),
            "start is 21; this plan has steps 0 to 19",
        ),
        (lambda p: F.PlanBatchSampler(p, -1), "start is -1"),
        (lambda p: F.PlanBatchSampler(p, micro_batches=7), "it must be from 1 to 6"),
        (lambda p: F.PlanBatchSampler(p, 0, 3, 4, 2), "it must be from 1 to 1"),
    ],
)
def test_what_cannot_be_fed_is_refused(plan, make, words):
    with pytest.raises(ValueError, match=words):
        make(plan)


def test_a_rank_that_stops_early_is_missed(plan):
    shares = [F.share(plan, rank, 2) for rank in range(2)]
    found = A.audit(F.together([shares[0], shares[1][:-2]]), plan)
    assert found.wrong_steps == 2 and found.omissions == B


def test_a_recorder_hands_on_its_ids():
    recorder = A.Recorder({"a": [5, 6], "b": [5, 6], "c": [7, 8]})
    recorder.see([[7, 8], [5, 6], [9, 9]])
    assert [step.tolist() for step in recorder.ids] == [["c", "a", ""]]
    recorder = A.Recorder({7: [5, 6]})
    recorder.see([[5, 6], [9, 9]])
    assert [step.tolist() for step in recorder.ids] == [[7, -1]]


# --- the traps: what each delivers, and what the audit says ---


def flat(plan):
    """The rows in the planned order, as many trainers want them."""
    return [ROWS[i] for i in plan.table.ravel()]


@pytest.mark.fault(
    "Audit",
    "a data set in the planned order, behind a loader with shuffle=True",
    "what the loader did is named",
    "'the programs of the run in another order'",
)
def test_a_loader_that_shuffles_data_laid_out(plan):
    found = fed(DataLoader(flat(plan), B, shuffle=True, collate_fn=inputs_of), plan)
    assert found.cause.name == "reshuffled"
    assert fed(DataLoader(flat(plan), B, collate_fn=inputs_of), plan).ok


def grouped(rows, size, seed=0):
    """Order of rows as samplers make it that save padding: sorted in blocks of batches."""
    order = np.random.default_rng(seed).permutation(len(rows))
    blocks = [order[i : i + 10 * size] for i in range(0, len(order), 10 * size)]
    lengths = np.array([len(row) for row in rows])
    return [int(i) for b in blocks for i in b[np.argsort(-lengths[b], kind="stable")]]


@pytest.mark.fault(
    "Audit",
    "batches of rows of like length (group_by_length), and a run sorted by length",
    "an order by length is named as such",
    "'in steps of programs of like length'; 'sorted by their length, long ones first'",
)
def test_an_order_by_length_is_named(plan):
    rows = flat(plan)
    loader = DataLoader(rows, B, sampler=grouped(rows, B), collate_fn=inputs_of)
    found = fed(loader, plan).cause
    assert found.name == "by length" and found.text.endswith("of like length")
    order = np.argsort([-len(row) for row in rows], kind="stable").tolist()
    found = fed(DataLoader(rows, B, sampler=order, collate_fn=inputs_of), plan).cause
    assert found.text.endswith("sorted by their length, long ones first")
    found = fed(
        DataLoader(rows, B, sampler=order[::-1], collate_fn=inputs_of), plan
    ).cause
    assert found.text.endswith("short ones first")


def test_other_orders_are_not_called_orders_by_length(plan):
    for seed in range(12):
        order = np.random.default_rng(seed).permutation(STEPS * B).tolist()
        loader = DataLoader(flat(plan), B, sampler=order, collate_fn=inputs_of)
        assert fed(loader, plan).cause.name == "reshuffled"
    alone = np.arange(30).reshape(
        30, 1
    )  # one row a step: all of them are of like length
    loader = DataLoader(ROWS[:30], 1, shuffle=True, collate_fn=inputs_of)
    assert fed(loader, alone).cause.name == "reshuffled"


def packed(steps, width):
    """Rows of at most `width` tokens, each holding whole programs of one step."""
    for step in steps:
        rows = [[]]
        for i in step:
            if len(rows[-1]) + len(ROWS[i]) > width:
                rows.append([])
            rows[-1] = rows[-1] + ROWS[i]
        yield inputs_of(rows)


def test_packed_rows_are_taken_apart(plan):
    recorder = A.Recorder(dict(enumerate(ROWS)))
    for rows in packed(plan.table, 64):
        recorder.see(F.unpacked(rows, END))
    assert A.audit(recorder, plan).ok
    assert F.unpacked([[5, 2, 6, 7, 2, 0, 0], [8, 9, 2, 3, 4, 5, 6]], 2) == [
        [5, 2], [6, 7, 2], [8, 9, 2], [3, 4, 5, 6],
    ]  # fmt: skip


@pytest.mark.fault(
    "Audit",
    "packing that sorts by length before it fills rows",
    "programs in packed rows are recognised, and the order is named",
    "'in another order, in 30 steps in place of 20, sorted by their length'",
)
def test_packing_that_sorts_by_length(plan):
    order = plan.table.ravel()
    order = order[np.argsort([-len(ROWS[i]) for i in order], kind="stable")]
    recorder = A.Recorder(dict(enumerate(ROWS)))
    for rows in packed(np.array_split(order, 30), 64):
        recorder.see(F.unpacked(rows, END))
    found = A.audit(recorder, plan).cause
    assert found.name == "by length" and "in 30 steps in place of 20" in found.text
    assert found.text.endswith("long ones first")


class Stream(IterableDataset):
    """Each worker starts from the beginning, unless it takes its own steps."""

    def __init__(self, plan, split):
        self.plan, self.split = plan, split

    def __iter__(self):
        info = get_worker_info()
        first, by = (info.id, info.num_workers) if info and self.split else (0, 1)
        for step in self.plan[first::by]:
            yield inputs_of([ROWS[i] for i in step])


@pytest.mark.fault(
    "Audit",
    "an IterableDataset with two workers, each of which starts from the beginning",
    "what the loader did is named",
    "'every batch came twice'; with each worker's own steps the plan is delivered",
)
def test_each_worker_of_a_stream_starts_anew(plan):
    table = plan.table.tolist()
    stream = DataLoader(Stream(table, False), batch_size=None, num_workers=2)
    assert fed(stream, plan).cause.text == "every batch came twice"
    stream = DataLoader(Stream(table, True), batch_size=None, num_workers=2)
    assert fed(stream, plan).ok


def ranks_of(rows, world, batch, **options):
    """What DistributedSampler deals to each rank: ids of its steps."""
    found = []
    for rank in range(world):
        sampler = DistributedSampler(rows, world, rank, **options)
        recorder = A.Recorder(dict(enumerate(ROWS)), pad=0)
        loader = DataLoader(rows, batch, sampler=sampler, collate_fn=inputs_of)
        for _ in recorder.watch(loader):
            pass
        found.append(recorder.ids)
    return F.together(found)


@pytest.mark.fault(
    "Audit",
    "DistributedSampler: its default shuffle, its padding, and ranks without a sampler",
    "what the ranks did together is named",
    "'in another order'; 'filled up with 1 row of the first'; 'every row came twice'",
)
def test_what_a_distributed_sampler_deals_out(plan):
    assert A.audit(ranks_of(flat(plan), 2, B // 2, shuffle=False), plan).ok
    found = A.audit(ranks_of(flat(plan), 2, B // 2), plan)
    assert found.cause.name == "reshuffled"
    odd = [*plan.table[:-1].tolist(), plan.table[-1, :3].tolist()]
    seen = ranks_of([ROWS[i] for s in odd for i in s], 2, B // 2, shuffle=False)
    found = A.audit(seen, odd)
    assert found.cause.name == "padded" and found.wrong_steps == 1
    assert "with 1 row of the first" in found.cause.text
    everyone = F.together([list(F.PlanBatchSampler(plan))] * 2)
    assert A.audit(everyone, plan).cause.text.startswith("every row came twice")


def test_batches_counted_as_steps(plan):
    """Two batches are accumulated, and each is a step of the plan: half the steps."""
    loader = DataLoader(
        ROWS, batch_sampler=F.PlanBatchSampler(plan), collate_fn=inputs_of
    )
    found = fed(loader, plan, accumulate=2)
    assert found.steps == STEPS // 2
    assert "in batches of 12 in place of 6" in found.cause.text


def test_a_dropped_batch():
    epochs = [np.random.default_rng(e).permutation(40).tolist() for e in range(3)]
    steps = [e[i : i + 12] for e in epochs for i in range(0, 40, 12)]
    kept = [step for step in steps if len(step) == 12]
    assert "last batch of each epoch was dropped" in A.audit(kept, steps).cause.text


# --- several processes ---


def one_process(steps):
    """Gradients of a plain loop in this process, its loss the mean over a step's targets."""
    size = 1 + max(map(max, ROWS))
    weight = torch.zeros(size, size, dtype=torch.float64, requires_grad=True)
    for step in steps:
        loss = torch.nn.functional.cross_entropy(
            torch.cat([weight[ROWS[i][:-1]] for i in step]),
            torch.cat([torch.tensor(ROWS[i][1:]) for i in step]),
        )
        (gradient,) = torch.autograd.grad(loss, weight)
        weight.data -= 0.5 * gradient
        yield gradient.numpy()


@pytest.mark.fault(
    "Audit",
    "two processes with gloo, and a run that stops with two and goes on alone",
    "together they deliver the planned rows, and average to the gradients of one process",
    "delivered as planned; gradients agree to 1e-12",
)
def test_processes_share_a_plan(plan, tmp_path):
    short = plan.table[::3][:6]
    wanted = np.stack(list(one_process(short)))
    seen, first = ranks.run(tmp_path / "2", ROWS, short, 2, stop=4)
    weights = tmp_path / "2" / "weights.npy"
    more, rest = ranks.run(tmp_path / "1", ROWS, short, 1, start=4, weights=weights)
    assert A.audit(F.together(seen) + F.together(more), short).ok
    assert [len(step) for step in seen[0]] == [B // 2] * 4
    np.testing.assert_allclose(np.concatenate([first, rest]), wanted, atol=1e-12)


def test_accelerate_keeps_the_order_of_a_sampler(plan):
    """Its shards take whole batches in turn, so a step of all ranks is the planned one."""
    shard = pytest.importorskip("accelerate.data_loader").BatchSamplerShard
    batches = torch.utils.data.BatchSampler(F.PlanSampler(plan), B // 2, False)
    seen = F.together([list(shard(batches, 2, rank)) for rank in range(2)])
    assert A.audit(seen, plan).ok
    wrong = torch.utils.data.BatchSampler(SequentialSampler(ROWS), B // 2, False)
    seen = F.together([list(shard(wrong, 2, rank)) for rank in range(2)])
    assert not A.audit(seen, plan).ok
