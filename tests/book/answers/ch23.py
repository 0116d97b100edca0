import numpy as np

from exercises import ch23 as check


def barrier(losses):
    line = np.linspace(losses[0], losses[-1], len(losses))
    return float((np.asarray(losses) - line).max())


def control(lines, classes, rng):
    lot = {line: rng.integers(classes) for line in dict.fromkeys(lines)}
    return np.array([lot[line] for line in lines])


def cka(x, y):
    x, y = x - x.mean(0), y - y.mean(0)
    within = np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y)
    return np.linalg.norm(x.T @ y) ** 2 / within


def exceeds(between, null):
    middle = np.median(between)
    return bool(middle < min(null) or middle > max(null))


def in_place(x, y):
    x -= x.mean(0)
    y -= y.mean(0)
    return cka(x, y)


def plain(x, y):
    within = np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y)
    return np.linalg.norm(x.T @ y) ** 2 / within


WRONG = {
    check.barrier: [
        None,
        lambda losses: max(losses) - losses[0],
        lambda losses: max(losses) - (losses[0] + losses[-1]) / 2,
        lambda losses: max(losses) - max(losses[0], losses[-1]),
        lambda losses: float(np.abs(np.asarray(losses) - np.linspace(
            losses[0], losses[-1], len(losses))).max()),
        lambda losses: losses[len(losses) // 2] - (losses[0] + losses[-1]) / 2,
        lambda losses: "high",
    ],
    check.control: [
        None,
        lambda lines, classes, rng: rng.integers(classes, size=len(lines)),
        lambda lines, classes, rng: np.zeros(len(lines), int),
        lambda lines, classes, rng: np.array([len(x) % classes for x in lines]),
        lambda lines, classes, rng: np.array([hash(x) % classes for x in lines]),
        lambda lines, classes, rng: control(lines, classes, rng) + 1,
        lambda lines, classes, rng: control(lines, classes, rng) / 1.0,
        lambda lines, classes, rng: control(sorted(set(lines)), classes, rng),
    ],
    check.cka: [
        None,
        lambda x, y: np.corrcoef(x.ravel(), y.ravel()[: x.size])[0, 1]
        if y.size >= x.size else 0.0,
        plain,
        lambda x, y: np.sqrt(cka(x, y)),
        lambda x, y: cka(x.T[:, :2], y.T[:, :2]) if x.shape == y.shape else 0.5,
        lambda x, y: 1 - cka(x, y),
        in_place,
    ],
    check.exceeds: [
        None,
        lambda between, null: max(between) > max(null),
        lambda between, null: np.median(between) > max(null),
        lambda between, null: np.mean(between) > max(null)
        or np.mean(between) < min(null),
        lambda between, null: min(between) > max(null),
        lambda between, null: np.median(between) != np.median(null),
        lambda between, null: float(exceeds(between, null)),
    ],
}  # fmt: skip
RIGHT = {
    check.barrier: [
        barrier,
        lambda losses: max(
            x - losses[0] - (losses[-1] - losses[0]) * i / (len(losses) - 1)
            for i, x in enumerate(losses)
        ),
    ],
    check.control: [
        control,
        lambda lines, classes, rng: rng.integers(classes, size=len(set(lines)))[
            np.unique(lines, return_inverse=True)[1]
        ],
    ],
    check.cka: [cka, lambda x, y: np.float32(cka(x, y))],
    check.exceeds: [
        exceeds,
        lambda between, null: not (min(null) <= np.median(between) <= max(null)),
    ],
}
