"""Checks of the exercises in "Inside the models"."""

import numpy as np

from exercises import check, returned


@check
def barrier(function: callable):
    for losses, wanted in (
        ([1.0, 2.0, 3.0], 0.0),
        ([1.0, 5.0, 3.0], 3.0),
        ([3.0, 2.5, 2.0, 1.0], 1 / 3),
        ([2.0, 0.5, 1.0], 0.0),
        ([0.4, 0.5, 0.9, 0.6, 0.3], 0.55),
    ):
        found = returned(function(list(losses)), float)
        if abs(found - wanted) > 1e-6:
            return f"Losses {losses}: {found:.3f}, wanted {wanted:.3f}."
    return "Right: a valley is no hill, and a slope is none either."


@check
def control(function: callable):
    lines = [f"{'abcde'[i % 5]} = {i % 7}" for i in range(400)]
    for classes, seed in ((2, 0), (4, 1), (10, 2)):
        rng = np.random.default_rng(seed)
        found = np.asarray(function(list(lines), classes, rng))
        if found.shape != (len(lines),):
            return (
                f"The shape is {found.shape}; {len(lines)} lines were given."
            )
        if not np.issubdtype(found.dtype, np.integer):
            return f"The labels are {found.dtype}, not whole numbers."
        if found.min() < 0 or found.max() >= classes:
            return f"Labels from {found.min()} to {found.max()}, {classes} classes."
        label = {}
        for line, value in zip(lines, found.tolist(), strict=True):
            if label.setdefault(line, value) != value:
                return f"{line!r} has two labels, {label[line]} and {value}."
        used = len(set(label.values()))
        if used < min(classes, 6):
            return f"Of {classes} classes only {used} occur among 35 lines."
        again = np.asarray(
            function(list(lines), classes, np.random.default_rng(seed + 9))
        )
        if np.array_equal(found, again):
            return "Another generator gives the same labels: not by lot."
    return "Right: whoever gets these has learned them by heart."


@check
def cka(function: callable):
    rng = np.random.default_rng(3)
    for n, c, d in ((40, 3, 5), (30, 6, 6), (50, 4, 2)):
        x = rng.normal(size=(n, c)) + 2
        y = x @ rng.normal(size=(c, d)) + rng.normal(size=(n, d))
        kept = x.copy(), y.copy()
        found = returned(function(x, y), float)
        if not (np.array_equal(x, kept[0]) and np.array_equal(y, kept[1])):
            return "Your function changes what it is given; make new arrays."
        a, b = x - x.mean(0), y - y.mean(0)
        wanted = ((a.T @ b) ** 2).sum() / np.sqrt(
            ((a.T @ a) ** 2).sum() * ((b.T @ b) ** 2).sum()
        )
        if abs(found - wanted) > 1e-6:
            return f"{n} texts, {c} and {d} numbers: {found:.3f}, not {wanted:.3f}."
    return "Right: and it does not matter which model comes first."


@check
def exceeds(function: callable):
    for between, null, wanted in (
        ([5, 6, 7], [1, 2, 3], True),
        ([1, 2, 9], [1, 2, 3], False),
        ([0, 0, 9], [1, 2, 3], True),
        ([2, 2, 2], [1, 2, 3], False),
        ([4, 2, 5], [3, 1, 2], True),
        ([2.5, 2.4, 9], [1, 2, 3], False),
        ([0, 9, 2, 2], [1, 3], False),
        ([9, 9, 0, 0, 0, 9, 9], [1, 3, 5], True),
    ):
        found = function(list(between), list(null))
        if not isinstance(found, bool | np.bool_):
            return f"It returned {found!r}; True or False is asked for."
        if bool(found) != wanted:
            return f"Between {between}, null {null}: {found}, wanted {wanted}."
    return "Right: the median outside the whole range, on either side."
