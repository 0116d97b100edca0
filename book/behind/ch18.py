"""Behind chapter 18: loaders that change an order, and pictures of orders.

- `TRAPS` are eleven ways in which a training loop feeds something else than its plan. Each
  gives a delivery and the plan it should have followed; nothing is trained.
- `draw_way` explains how an order gets from a table to the model, and its audit;
  `draw_shares` shows the rows of some steps by rank; `draw_strips` whole deliveries.
"""

import textwrap

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.colors import ListedColormap
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    DistributedSampler,
    IterableDataset,
)

from curriculum import plots
from curriculum.files import hash_order
from curriculum.ordering.audit import Recorder, audit
from curriculum.ordering.feed import (
    PlanBatchSampler,
    PlanSampler,
    together,
    unpacked,
)

END = 0  # closes every text; the letters are bytes, from 1
PACK = 1_500  # tokens of a packed row


def encode(text):
    """Token ids of a text: its bytes plus one, and the end."""
    return [byte + 1 for byte in text.encode()] + [END]


def collate(rows):
    """(inputs, targets) of rows of different lengths."""
    rows = [torch.tensor(row) for row in rows]
    inputs = pad_sequence([row[:-1] for row in rows], True)
    targets = pad_sequence([row[1:] for row in rows], True, -100)
    return inputs, targets


def seen(rows, loader, **made):
    """A recorder that has seen every batch of a loader."""
    recorder = Recorder(dict(enumerate(rows)), **made)
    for _ in recorder.watch(loader):
        pass
    return recorder


# --- eleven traps: (rows, plan) -> (delivery, plan) ------------------------------------------


def laid_out(rows, plan):
    """The rows in the planned order, as many trainers want their data."""
    return [rows[i] for i in plan.table.ravel()]


def load(rows, plan, **options):
    """A loader of batches as large as the plan's."""
    chance = torch.Generator().manual_seed(0)
    options = {"batch_size": plan.batch, "generator": chance} | options
    return DataLoader(rows, collate_fn=collate, **options)


def shuffled(rows, plan):
    loader = load(laid_out(rows, plan), plan, shuffle=True)
    return seen(rows, loader), plan


def grouped(rows, plan):
    """As samplers do that save padding: shuffled, then sorted in blocks of batches."""
    data, size = laid_out(rows, plan), 8 * plan.batch
    order = hash_order(len(data), "grouped")
    lengths = np.array([len(row) for row in data])
    blocks = [order[i : i + size] for i in range(0, len(order), size)]
    blocks = [b[np.argsort(-lengths[b], kind="stable")] for b in blocks]
    sampler = np.concatenate(blocks).tolist()
    return seen(rows, load(data, plan, sampler=sampler)), plan


def packs(texts):
    """Fill rows of at most PACK tokens with whole texts, in the order given."""
    row = []
    for text in texts:
        if row and len(row) + len(text) > PACK:
            yield row
            row = []
        row = row + text
    yield row


def fill(rows):
    """Packed rows as one array, padded with the end token."""
    return pad_sequence([torch.tensor(row) for row in rows], True, END)


def packed(rows, plan):
    """A packer that sorts by length first, as those do that fill rows best."""
    data = sorted(laid_out(rows, plan), key=len, reverse=True)
    recorder, filled = Recorder(dict(enumerate(rows))), list(packs(data))
    for i in range(0, len(filled), 3):
        recorder.see(unpacked(fill(filled[i : i + 3]), END))
    return recorder, plan


def dropped(rows, plan):
    """An own loop over three epochs of the easiest texts, 44 at a time 8."""
    easy = plan.ids[plan.ranked[:44]]
    epochs = [easy[hash_order(44, "epoch", e)].tolist() for e in range(3)]
    steps = [e[i : i + 8] for e in epochs for i in range(0, 44, 8)]
    kept = [batch for e in epochs for batch in BatchSampler(e, 8, True)]
    return seen(rows, load(rows, plan, **only(kept))), steps


def only(batches):
    """Options of a loader that takes its batches from a list."""
    return {"batch_sampler": batches, "batch_size": 1}


class Stream(IterableDataset):
    """The batches of a plan as a stream; every worker starts at the first."""

    def __init__(self, rows, table):
        self.rows, self.table = rows, table

    def __iter__(self):
        for step in self.table:
            yield collate([self.rows[i] for i in step])


def streamed(rows, plan):
    stream = Stream(rows, plan.table.tolist())
    return seen(rows, DataLoader(stream, None, num_workers=2)), plan


def dealt(rows, data, plan, **options):
    """What two ranks are fed together if DistributedSampler deals the data out."""
    found = []
    for rank in range(2):
        sampler = DistributedSampler(data, 2, rank, **options)
        loader = load(data, plan, sampler=sampler, batch_size=plan.batch // 2)
        found.append(seen(rows, loader).ids)
    return together(found)


def distributed(rows, plan):
    return dealt(rows, laid_out(rows, plan), plan), plan


def filled_up(rows, plan):
    """The last step has one row less than the others; the sampler makes up for it."""
    steps = [*plan.table[:-1].tolist(), plan.table[-1, :-1].tolist()]
    data = [rows[i] for step in steps for i in step]
    return dealt(rows, data, plan, shuffle=False), steps


def not_shared(rows, plan):
    return together([list(PlanBatchSampler(plan)) for _ in range(2)]), plan


def micro_steps(rows, plan):
    """Two accumulated batches make an optimizer step; each took a step of the plan."""
    loader = load(rows, plan, **only(PlanBatchSampler(plan)))
    return seen(rows, loader, accumulate=2), plan


def again(rows, plan):
    """A run that stopped after 15 steps, and whose loader began anew."""
    first = list(PlanBatchSampler(plan))[:15]
    batches = first + list(PlanBatchSampler(plan))[: plan.steps - 15]
    return seen(rows, load(rows, plan, **only(batches))), plan


def other_rows(rows, plan):
    """Row 5 was deleted from the table after planning: later ids mean other texts."""
    data = rows[:5] + rows[6:] + rows[:1]
    return seen(rows, load(data, plan, sampler=PlanSampler(plan))), plan


TRAPS = {
    "shuffle=True": shuffled,
    "grouped by length": grouped,
    "packing that sorts": packed,
    "drop_last=True": dropped,
    "a stream, 2 workers": streamed,
    "DistributedSampler": distributed,
    "the same, odd number of rows": filled_up,
    "2 ranks without a sampler": not_shared,
    "2 batches accumulated": micro_steps,
    "resume from the start": again,
    "a row deleted after planning": other_rows,
}


def caught(rows, plan):
    """{trap: (delivery as ids of steps, planned steps, audit)} of every trap."""
    found = {}
    for name, trap in TRAPS.items():
        delivery, planned = trap(rows, plan)
        told = audit(delivery, planned)
        steps = getattr(delivery, "ids", delivery)
        found[name] = steps, getattr(planned, "table", planned), told
    return found


SHORTER = {  # words of an audit, and of a result, as they fit a column
    "the programs of the run in another order": "another order",
    "in steps of programs of like length": "steps of like length",
    ", in 21 steps in place of 24": "",
    "sorted by their length, long ones first": "sorted, long first",
    "the last batch of each epoch was dropped": "last batch of each epoch dropped",
    ", as from ranks that do not share": "",
    "the last step was filled up with 1 row of the first": "last step filled up, 1 row",
    "the planned order in batches": "batches",
    "at step 10 the loader went ahead to step 20": "at step 10 ahead to step 20",
    "data in the planned order": "data laid out",
}


def brief(text):
    """A cause, or a way to feed, in fewer words."""
    for long, short in SHORTER.items():
        text = text.replace(long, short)
    return text


def made(kept):
    """Print where a result came from: packages, commit, Python, date."""
    about = kept["provenance"]
    found = kept.get("versions") or {"torch": about["versions"]["torch"]}
    said = ", ".join(" ".join(pair) for pair in found.items())
    print(textwrap.fill(said, 70, break_long_words=False))
    print(
        f"commit {about['commit']}, Python {about['python']}, {about['date']}"
    )


# --- gradients of ranks -------------------------------------------------------------------


def gradient(rows, weight, weigh="mean", world=1):
    """Gradient of the loss of some rows, under a table of next-token logits (V, V).

    weigh: "mean" over the targets of these rows, or their sum · world / `weigh`.
    """
    x = torch.cat([torch.tensor(row[:-1]) for row in rows])
    y = torch.cat([torch.tensor(row[1:]) for row in rows])
    if weigh == "mean":
        loss = cross_entropy(weight[x], y)
    else:
        loss = cross_entropy(weight[x], y, reduction="sum") * world / weigh
    return torch.autograd.grad(loss, weight)[0]


# --- a delivery to find the fault of ------------------------------------------------------


def mystery(plan):
    """A run that accumulates 2 batches, stopped after 12 batches and went on wrongly."""
    first = list(PlanBatchSampler(plan, micro_batches=2))[:12]
    rest = list(PlanBatchSampler(plan, start=12, micro_batches=2))
    batches = first + rest
    pairs = zip(batches[::2], batches[1::2], strict=True)
    return [a + b for a, b in pairs]


# --- pictures ---------------------------------------------------------------------------

BOXES = (
    ("table", "texts"),
    ("scores", "numbers"),
    ("plan", "ids by step"),
    ("sampler", "gives ids"),
    ("loader", "gets rows"),
    ("model", "trains"),
)


def draw_way():
    """From a table to the model, and from there to the audit."""
    figure, axes = plt.subplots(figsize=(7, 2.5))
    for i, (name, says) in enumerate(BOXES):
        _box(axes, i, 1, name, says, plots.INK)
        if i:
            _arrow(axes, (i - 0.6, 1), (i - 0.4, 1))
    _box(axes, 5, 0, "recorder", "reads rows", plots.GREEN)
    _box(axes, 2, 0, "audit", "compares", plots.GREEN)
    for tail, head in (
        ((5, 0.7), (5, 0.3)),
        ((4.6, 0), (2.4, 0)),
        ((2, 0.7), (2, 0.3)),
    ):
        _arrow(axes, tail, head, plots.GREEN)
    axes.annotate(
        "most traps are here", (3.5, 1.33), (3.5, 1.62), ha="center",
        fontsize=9, color=plots.VERMILION,
        arrowprops={"arrowstyle": "-[, widthB=4.4", "color": plots.VERMILION},
    )  # fmt: skip
    axes.set(xlim=(-0.5, 5.5), ylim=(-0.4, 1.8))
    axes.axis("off")
    plt.show()


def _box(axes, x, y, name, says, colour):
    axes.text(
        x, y + 0.09, name, ha="center", va="center", weight="bold",
        fontsize=10, color=colour,
    )  # fmt: skip
    axes.text(x, y - 0.12, says, ha="center", va="center", fontsize=9)
    corner = plt.Rectangle(
        (x - 0.4, y - 0.27), 0.8, 0.54, fill=False, edgecolor=colour
    )
    axes.add_patch(corner)


def _arrow(axes, tail, head, colour=plots.INK):
    style = {"arrowstyle": "->", "color": colour}
    axes.annotate("", head, tail, arrowprops=style)


def draw_shares(parts):
    """Rows of a few steps by rank: one panel for each (title, first step, shares)."""
    colours = plots.BLUE, plots.ORANGE, plots.GREEN
    hatches = "", "//", ".."
    figure, panels = plt.subplots(1, len(parts), figsize=(7, 2.6), sharey=True)
    for axes, (title, first, shares) in zip(panels, parts, strict=True):
        for rank, steps in enumerate(shares):
            for column, step in enumerate(steps):
                for k, i in enumerate(step):
                    row = k * len(shares) + rank
                    axes.bar(
                        first + column, 0.9, 0.9, bottom=row, alpha=0.85,
                        color=colours[rank], hatch=hatches[rank], edgecolor="white",
                    )  # fmt: skip
                    axes.text(
                        first + column, row + 0.45, str(i), ha="center", va="center",
                        fontsize=9, bbox={"fc": "white", "ec": "none", "pad": 0.8},
                    )  # fmt: skip
        axes.set(title=title, xlabel="step", xticks=range(first, first + 4))
        axes.grid(False)
    panels[0].set(ylabel="row of the step", yticks=[])
    plt.show()


def draw_strips(found, plan, labels):
    """Whole deliveries as strips: a column for each step, its rows by difficulty."""
    strips = {"the plan": plan.table, **{k: v[0] for k, v in found.items()}}
    colours = ListedColormap([look[0] for look in plots.LEVELS.values()])
    colours.set_bad("white")
    figure, panels = plt.subplots(
        len(strips), 1, figsize=(7, 6.4), sharex=True
    )
    for axes, (name, steps) in zip(panels, strips.items(), strict=True):
        width = max(map(len, steps))
        picture = np.full((width, len(steps)), np.nan)
        for column, step in enumerate(steps):
            shown = np.sort(labels[np.asarray(step)])
            picture[: len(shown), column] = shown
        axes.imshow(
            picture, aspect="auto", cmap=colours, vmin=0, vmax=2, origin="lower",
            interpolation="none", extent=(0, len(steps), 0, width),
        )  # fmt: skip
        axes.set_yticks([])
        axes.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
        axes.grid(False)
        axes.spines["left"].set_visible(False)
    panels[-1].set(xlabel="step", xlim=(0, 2 * plan.steps))
    marks = [
        plt.Rectangle((0, 0), 1, 1, color=look[0])
        for look in plots.LEVELS.values()
    ]
    figure.legend(marks, plots.LEVELS, loc="outside upper right", ncols=3)
    plt.show()
