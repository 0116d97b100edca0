"""Behind chapter 5: methods without a network, the perfect student, and the figures.

- The perfect student knows the grammar by heart: after each prefix of a program it keeps
  all ways in which the generator may have got there, with their probabilities.
"""

import re
from collections import Counter
from functools import cache
from itertools import islice

import matplotlib.pyplot as plt
import numpy as np
import torch

from curriculum import plots
from curriculum.data import tinypy

# --- methods without a network ----------------------------------------------------------


def after(k, corpus, train, test):
    """Token accuracy when the k characters before decide, by counting."""
    tokens, offsets = corpus.tokens.astype(np.int64), corpus.offsets
    size = corpus.tokenizer.size
    known = np.repeat(np.isin(np.arange(len(corpus)), train), corpus.lengths)
    asked = np.zeros(len(tokens), bool)  # characters the token task asks for
    for i in test:
        asked[offsets[i] + 1 : offsets[i + 1] - 2] = True
    before = sum(np.roll(tokens, j) * size ** (j - 1) for j in range(1, k + 1))
    before = before + 0 * tokens
    seen, counts = np.unique(
        before[known] * size + tokens[known], return_counts=True
    )
    seen = seen[
        np.argsort(counts, kind="stable")
    ]  # the commonest comes last, and stays
    best = dict(
        zip((seen // size).tolist(), (seen % size).tolist(), strict=True)
    )
    guess = np.array([best.get(b, -1) for b in before[asked].tolist()])
    return np.mean(guess == tokens[asked])


def usual_line(corpus, train, test):
    """The commonest line, and how often it is the next one."""

    def lines(i):
        return corpus.texts[i][:-2].split("\n")[1:]

    usual = Counter(line for i in train for line in lines(i)).most_common(1)[
        0
    ][0]
    return usual, np.mean([line == usual for i in test for line in lines(i)])


def copier(code, otherwise="0"):
    """The number last assigned to the first printed name, as two patterns find it."""
    name = re.search(r"print\((\w)", code)[1]
    numbers = re.findall(rf"^{name} = (\d)$", code, re.MULTILINE)
    return numbers[-1] if numbers else otherwise


# --- the perfect student -------------------------------------------------------------------

RULES, JULY = tinypy.grammar("july"), tinypy.VARIANTS["july"]
END = "\n# output\n"  # what follows the code


def choices(symbol, context):
    """What a context symbol may become: [(text, context after it)], equally likely."""
    names, shows, begin, step = context
    if symbol == "<new name>":
        known = {x: "".join(sorted({*names, x})) for x in JULY.letters}
        return [(x, (known[x], shows, begin, step)) for x in JULY.letters]
    if symbol == "<result>":
        return [(x, (names, x, begin, step)) for x in JULY.letters]
    if symbol == "<start>":
        return [(x, (names, shows, int(x), step)) for x in JULY.numbers]
    if symbol == "<stop>":
        return [
            (str(begin + s * turns - 1), (names, shows, begin, s))
            for s, turns in tinypy.LOOPS
        ]
    texts = {"<name>": names, "<shown>": shows or names, "<step>": [str(step)]}
    return [(x, context) for x in texts.get(symbol, JULY.numbers)]


@cache
def unfold(todo, context, least=1e-7):
    """{(text, todo, context): probability} when the first symbol has become text."""
    found, stack = Counter(), [(1.0, todo, context)]
    while stack:
        p, todo, context = stack.pop()
        if not todo:
            found[END, None, context] += p
        elif todo[0] in RULES:
            options = RULES[todo[0]]
            p /= len(options)
            stack += [(p, o + todo[1:], context) for o in options if p > least]
        elif todo[0] in tinypy.CONTEXT:
            options = choices(todo[0], context)
            for text, changed in options:
                found[text, todo[1:], changed] += p / len(options)
        else:
            found[todo[0], todo[1:], context] += p
    return found


def perfect(code):
    """For each character of the code and `# output`: {possible one: probability}."""
    ways = unfold(("<ALL>",), ("", "", 0, 0))
    for true in code + END:
        chance = Counter()
        for (text, _, _), p in ways.items():
            chance[text[0]] += p
        yield chance
        then = Counter()
        for (text, todo, context), p in ways.items():
            if text[0] == true and len(text) > 1:
                then[text[1:], todo, context] += p / chance[true]
            elif text[0] == true and todo is not None:
                for way, q in unfold(todo, context).items():
                    then[way] += p * q / chance[true]
        ways = {way: p for way, p in then.items() if p > 1e-9}


def next_chances(prefix):
    """What may come after a prefix: a Counter of characters with their chances."""
    return next(islice(perfect(prefix), len(prefix), None))


@torch.no_grad()
def guesses(model, tokenizer, text):
    """The likeliest next character after each prefix, for text[1:], in one pass."""
    row = torch.from_numpy(tokenizer.encode(text).astype("int64"))[None]
    return tokenizer.decode(model(row)[0, :-1].argmax(-1).numpy())


def student_and_model(model, corpus, ids):
    """Characters of some programs, and whole lines.

    Returns: (characters, 3) kind (0 decided, 1 open, 2 output), whether the perfect student
        and the model are right; and the student's share of whole lines.
    """
    rows, lines = [], []
    for i in ids:
        text, chances = corpus.texts[i][:-2], list(perfect(corpus.codes[i]))
        code = len(chances)
        chances += [
            {sign: 1.0} for sign in text[code:]
        ]  # executes without error
        pairs = zip(chances, text, strict=False)  # silent: ends sooner
        hits = [max(c, key=c.get) == sign for c, sign in pairs]
        said = text[0] + guesses(model, corpus.tokenizer, text)
        for j in range(1, len(text)):
            kind = 2 if j >= code else int(len(chances[j]) > 1)
            rows.append((kind, hits[j], said[j] == text[j]))
        ends = [j for j, sign in enumerate(text) if sign == "\n"] + [len(text)]
        spans = zip(ends, ends[1:], strict=False)
        lines += [all(hits[a + 1 : z + 1]) for a, z in spans]
    return np.array(rows, float), np.mean(lines)


# --- one program, character by character ---------------------------------------------------


def show_guesses(text, guessed):
    """Print a text; below each line, marked ^, the guesses that are wrong."""

    def arrow(line):
        return line.replace("\t", "→")  # so that a tab takes one place

    at = 0
    for line in text.split("\n"):
        true = line + "\n"
        pairs = zip(guessed[at:], true, strict=False)
        wrong = "".join(
            " " if g == t else g.replace(" ", "␣") for g, t in pairs
        )
        print("     ", arrow(line))
        if wrong.strip(" "):
            print("   ^  " + arrow(wrong).replace("\n", "⏎").rstrip())
        at += len(true)


@torch.no_grad()
def belief(model, corpus, i, heat):
    """Is greedy right? And the chance of the true output, for each temperature."""
    program = corpus[int(i)]
    tokens = corpus.tokenizer.encode(program.text).astype("int64")
    row = torch.from_numpy(tokens)[None]
    begin = len(program.prompt) - 1
    logits, target = model(row)[0, begin:-1], row[0, begin + 1 :]
    at = torch.arange(len(target))
    log_p = [(logits / t).log_softmax(-1)[at, target].sum() for t in heat]
    return [(logits.argmax(-1) == target).all(), *torch.stack(log_p).exp()]


# --- figures ---------------------------------------------------------------------------------


def draw_forcing():
    """Teacher forcing against free writing, on the output of one small program."""
    figure, panels = plt.subplots(2, 1, figsize=(7, 4))
    true, free = list("# 12⏎"), list("# 62⏎")
    forced = ["#", " ", "6", "2", "⏎"]
    box = {"boxstyle": "round,pad=0.35", "edgecolor": "none"}
    for axes, title, fed, said in (
        (panels[0], "token completion: the true text is read", true, forced),
        (panels[1], "execution: what was written is read", free, free),
    ):
        axes.set(title=title, xlim=(-2.6, 5), ylim=(-0.4, 1.5))
        axes.text(-2.5, 1, "reads", va="center")
        axes.text(-2.5, 0, "writes", va="center")
        reads = ["…⏎", *fed[:-1]]
        for k, (read, write) in enumerate(zip(reads, said, strict=True)):
            wrong = write != true[k]
            inherited = read != (["…⏎", *true[:-1]])[k]
            colours = (
                "#fbe3d6" if inherited else "#eceff4",
                "#fbe3d6" if wrong else "#d6eaf8",
            )
            for y, text, colour in (
                (1, read, colours[0]),
                (0, write, colours[1]),
            ):
                axes.text(
                    k, y, text.replace(" ", "␣"), ha="center", va="center",
                    family="monospace", bbox=box | {"facecolor": colour},
                )  # fmt: skip
            arrow = {"arrowstyle": "->", "color": plots.SOFT}
            axes.annotate("", (k, 0.28), (k, 0.72), arrowprops=arrow)
            if title.startswith("exec") and k < 4:
                axes.annotate(
                    "", (k + 0.8, 0.78), (k + 0.2, 0.18), arrowprops=arrow
                )
        axes.axis("off")
    plt.show()


def draw_ceiling(kind, student, model):
    """Accuracy by kind of character, of the perfect student and of the model."""
    names = ("decided", "open", "output")
    figure, axes = plt.subplots(figsize=(7, 2.8))
    for offset, values, label, colour, hatch in (
        (-0.2, student, "perfect student", plots.SKY, ""),
        (0.2, model, "model", plots.BLUE, "//"),
    ):
        height = [values[kind == k].mean() for k in range(3)] + [values.mean()]
        at = np.arange(4) + offset
        axes.bar(at, height, 0.38, label=label, color=colour, hatch=hatch)
        for x, y in zip(at, height, strict=True):
            axes.text(x, y + 0.02, f"{y:.2f}", ha="center")
    groups = [
        f"{name}\n({(kind == k).mean():.0%})" for k, name in enumerate(names)
    ]
    axes.set_xticks(range(4), [*groups, "all"])
    axes.set(ylabel="accuracy", ylim=(0, 1.3))
    axes.legend(loc="upper center", ncols=2)
    plt.show()


def draw_belief(p, greedy):
    """How sure the model is of the true outputs, and whether greedy writes them."""
    figure, axes = plt.subplots(figsize=(7, 3))
    bars = axes.hist(
        [p[greedy == 1], p[greedy == 0]], np.linspace(0, 1, 21), stacked=True,
        color=[plots.BLUE, plots.ORANGE], label=["greedy is right", "greedy is wrong"],
    )  # fmt: skip
    for patch in bars[2][1]:
        patch.set_hatch("//")
    axes.axvline(p.mean(), color=plots.INK, linestyle="--")
    top = 0.9 * axes.get_ylim()[1]
    axes.text(p.mean() + 0.01, top, "mean = expected sampled score")
    axes.set(
        xlabel="probability the model gives to the true output",
        ylabel="programs",
    )
    axes.legend(loc="center")
    plt.show()


def draw_groups(groups):
    """Execution by group: {name: ((share, low, high) exact, … released, copier)}."""
    figure, axes = plt.subplots(figsize=(7, 4))
    looks = (
        ("exact", -0.13, "o", plots.BLUE),
        ("released", 0.13, "s", plots.ORANGE),
    )
    for row, (*pair, copied) in enumerate(groups.values()):
        for ends, (protocol, offset, marker, colour) in zip(
            pair, looks, strict=True
        ):
            look = {"marker": marker, "color": colour}
            plots.interval(
                axes, row + offset, *(100 * x for x in ends), **look
            )
            if row == 0:
                axes.plot([], [], marker, color=colour, label=protocol)
        label = "copier (exact)" if row == 0 else None
        axes.plot(100 * copied, row - 0.13, "x", color=plots.INK, label=label)
    axes.axhline(2.5, color=plots.SOFT, linewidth=0.8)
    axes.set_yticks(range(len(groups)), list(groups))
    axes.invert_yaxis()
    axes.set(xlabel="execution, % right", xlim=(0, 100))
    axes.legend(loc="lower right")
    plt.show()


def draw_protocols(study, exact, released):
    """Each run of a study under both protocols."""
    figure, axes = plt.subplots(figsize=(6.5, 4))
    for name in dict.fromkeys(r["spec"]["schedule"] for r in study):
        own = [r["spec"]["schedule"] == name for r in study]
        look = plots.schedule_style(name) | {"linestyle": "none"}
        axes.plot(exact[own], released[own], label=name, **look)
    low, high = (
        min(exact.min(), released.min()),
        max(exact.max(), released.max()),
    )
    axes.plot(
        [low - 1, high + 1], [low - 1, high + 1], color=plots.SOFT, linewidth=1
    )
    axes.set(
        xlabel="execution, exact, % right",
        ylabel="execution, released, % right",
    )
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    plt.show()
