import numpy as np

from exercises import ch17 as check


def size(rows, columns, bits):
    group = columns if bits == 8 else min(40, columns)
    return -(-rows * columns * bits // 8) + 2 * rows * -(-columns // group)


def rounding(row, largest):
    scale = np.abs(row).max() / largest
    return np.rint(row / scale), scale


def outlier(row):
    def error(scale):
        return ((np.clip(np.rint(row / scale), -7, 7) * scale - row) ** 2).mean()

    return min(np.abs(row).max() / 7 * np.linspace(0.3, 1, 71), key=error)


WRONG = {
    check.size: [
        None,
        lambda rows, columns, bits: rows * columns,
        lambda rows, columns, bits: rows * columns * bits // 8,
        lambda rows, columns, bits: size(rows, columns, bits) + 1,
        lambda rows, columns, bits: None,
        lambda rows: 3,
    ],
    check.rounding: [
        None,
        lambda row, largest: row,
        lambda row, largest: (row, 1.0),
        lambda row, largest: (np.rint(row), 1.0),
        lambda row, largest: (
            np.floor(row / rounding(row, largest)[1]),
            rounding(row, largest)[1],
        ),
        lambda row, largest: rounding(row, 2 * largest),
        lambda row, largest: (rounding(row, largest)[0][:-1], 1.0),
        lambda row, largest: None,
    ],
    check.outlier: [
        None,
        lambda row: np.abs(row).max() / 7,
        lambda row: 0,
        lambda row: np.abs(row).mean() / 7,
        lambda row: -1.0,
        lambda row: float("nan"),
        lambda row: row,
    ],
}
RIGHT = {
    check.size: [size, lambda r, c, b: float(size(r, c, b))],
    check.rounding: [rounding, lambda r, n: tuple(map(np.asarray, rounding(r, n)))],
    check.outlier: [outlier, lambda row: float(np.quantile(np.abs(row), 0.99)) / 7],
}
