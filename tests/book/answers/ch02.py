import re
from random import Random

from curriculum import files
from curriculum.data.corpus import CorpusSpec, build
from curriculum.data.near_duplicates import near_duplicate_key
from exercises import ch02 as check

codes = build(CorpusSpec(size=1_500)).codes
few = codes[:100]


def grow(symbol, rules, rng):
    if symbol not in rules:
        return symbol
    options = rules[symbol]
    chosen = options[int(rng.random() * len(options))]
    return "".join(grow(part, rules, rng) for part in chosen)


def permuted(code, letters="bcdea"):
    cycle = dict(zip("abcde", letters, strict=True))
    return re.sub(r"\b[a-e]\b", lambda name: cycle[name[0]], code)


def side(code, seed, cut=0.1):
    key = f"{seed}/{near_duplicate_key(code, 'renamed')}"
    return "test" if int(files.digest(key.encode()), 16) / 16**64 < cut else "train"


def by_text(code, seed):
    text = f"{seed}/{code}".encode()
    return "test" if int(files.digest(text), 16) / 16**64 < 0.1 else "train"


shuffler = Random(0)
NESTED = {
    "<5.1>": [("<outer>", "\n\t", "<inner>", "\n\t\tprint(", "<both>", ")")],
    "<outer>": [("for a in range(", "<start>", ", ", "<stop>", ") :")],
    "<inner>": [("for b in range(", "<turns>", ") :")],
    "<start>": [("1",), ("2",), ("3",)],
    "<stop>": [("4",), ("5",)],
    "<turns>": [("1",), ("2",), ("3",)],
    "<both>": [("a ", "<sign>", " b ", "<sign>", " ", "<digit>")],
    "<sign>": [("+",), ("-",), ("*",)],
    "<digit>": [(digit,) for digit in "123456789"],
}
RIGHTS = {key: right for key, (right, _) in check.WHY.items()}

WRONG = {
    check.verdict: [
        None,
        {},
        dict.fromkeys("ABCDE"),
        dict.fromkeys("ABCDE", False),
        dict.fromkeys("ABCDE", True),
        RIGHTS | {"D": "yes"},
    ],
    check.nats: [None, "1", 4.16, 1.5, 1.1, 0.69, -1.04, 0.0],
    check.duplicate: [
        (answer, few)
        for answer in (
            None,
            lambda code: code,
            lambda code: code + " ",
            lambda code: None,
            lambda code: 7,
            lambda code: code.replace("a", "b"),
            lambda code: permuted(code, "aaaaa"),
            lambda code: permuted(code) + "\nprint(1)",
            lambda code: codes[0],
            lambda code: "print(1)",
            lambda code, seed: code,
        )
    ],
    check.side: [
        (answer, codes)
        for answer in (
            None,
            "test",
            lambda code, seed: "test",
            lambda code, seed: True,
            lambda code, seed: None,
            lambda code, seed: "test" if shuffler.random() < 0.1 else "train",
            by_text,
            lambda code, seed: side(code, 0),
            lambda code, seed: side(code, seed, 0.3),
            lambda code, seed: "test" if hash(code) % 10 == 0 else "train",
            lambda code: "test",
        )
    ],
    check.rules: [
        (answer, grow)
        for answer in (
            None,
            [],
            {},
            {"<5.1>": [("for a in range(2) :\n\tprint(a)",)]},
            {
                "<5.1>": [
                    ("for a in range(2) :\n\tfor b in range(2) :\n\t\tprint(a + b)",)
                ]
            },
            {key: value for key, value in NESTED.items() if key != "<sign>"},
            NESTED | {"<both>": [("a ", "<sign>", " ", "<digit>")]},
            NESTED | {"<turns>": [("30",)]},
            NESTED | {"<digit>": []},
        )
    ],
}
RIGHT = {
    check.verdict: [RIGHTS, dict(reversed(RIGHTS.items()))],
    check.nats: [1.04, 1.0397207708399179],
    check.duplicate: [(permuted, few), (lambda code: permuted(code, "edabc"), few)],
    check.side: [(side, codes), (lambda code, seed: str(side(code, seed + 7)), codes)],
    check.rules: [
        (NESTED, grow),
        (NESTED | {"<turns>": [("2",), ("3",)]}, grow),
    ],
}
