"""Checks of the exercises in "On your phone"."""

import numpy as np

from curriculum import quantise
from exercises import check, returned

TABLES = ((360, 120), (480, 120), (120, 480), (7, 50), (3, 81))


@check
def size(function: callable):
    for rows, columns in TABLES:
        for bits in (8, 4):
            wanted = -(-rows * columns * bits // 8)
            wanted += 2 * quantise.scales((rows, columns), bits)
            got = returned(function(rows, columns, bits), float)
            if got != wanted:
                return (
                    f"{rows} × {columns} with {bits} bits: {wanted:,} bytes;"
                    f" you say {got:,.0f}."
                )
    return "Right, for five tables."


@check
def rounding(function: callable):
    rng = np.random.default_rng(0)
    for n in (5, 40):
        row = rng.normal(size=n)
        for largest in (7, 127):
            numbers, scale = returned(function(row.copy(), largest), tuple)
            numbers, scale = np.asarray(numbers), float(scale)
            if numbers.shape != row.shape:
                return f"{n} weights became numbers of shape {numbers.shape}."
            if (numbers != np.rint(numbers)).any():
                return "Not all of your numbers are whole."
            if np.abs(numbers).max() > largest:
                return f"A number is beyond ±{largest}."
            worst = np.abs(numbers * scale - row).max()
            least = np.abs(row).max() / largest / 2
            if worst > 1.001 * least:
                return (
                    f"A weight moves by {worst:.4f}; {least:.4f} is possible."
                )
    return "Right, with 7 and with 127 steps."


@check
def outlier(function: callable):
    rng = np.random.default_rng(1)
    for _ in range(5):
        row = rng.normal(size=400)
        row[7] = 4.5
        scale = returned(function(row.copy()), float)
        if not 0 < scale < 100:
            return f"A scale of {scale} cannot be used."
        plain = _error(row, np.abs(row).max() / 7)
        best = min(_error(row, s / 7) for s in np.linspace(1, 5, 81))
        mine = _error(row, scale)
        if mine > plain - 0.7 * (plain - best):
            return f"Error {mine:.4f}; plain {plain:.4f}, and {best:.4f} is possible."
    return "Right: a little cut off, and everything else rounds better."


def _error(row, scale):
    return float(
        ((np.clip(np.rint(row / scale), -7, 7) * scale - row) ** 2).mean()
    )
