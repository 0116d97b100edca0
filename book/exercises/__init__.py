"""The checks of the exercises: a sentence for every answer, and an exception for none.

- `@check` stands above every check of a chapter. The annotation of an argument says what
  the answer has to be; the decorator says so, too, where the answer is something else.
- A NumPy number, a 0-dimensional tensor and a whole number written `45.0` are numbers
  like any other; True is none, and neither is NaN.
- A mistake in the reader's own function ends as a sentence that names the mistake, and
  what it returns is looked at in the same way (`returned`).
- The sentence begins with "Right" exactly where the answer is accepted.
- `prove` runs checks on answers that are known to be wrong, and on several that are right;
  `tests/book/test_exercises.py` does so for every chapter.

A chapter's checks are in `chNN.py`, out of its readers' sight; the contract of the
notebooks (`book/tools/contract.py`) insists.
"""

import functools
import inspect
import math
import numbers
import types


def check(function):
    """Make `function` a check that answers every input with a sentence.

    An argument annotated `float`, `int`, `bool` or `str` arrives as that type or as None
    (still open), `dict[str, float]` and the like as a dict of such values; `callable` is a
    function, and any other class is asked for as it is.
    """
    hints = inspect.get_annotations(function)

    @functools.wraps(function)
    def safe(*answers, **named):
        try:
            call = inspect.signature(function).bind(*answers, **named)
            for name, value in call.arguments.items():
                if name in hints:
                    call.arguments[name] = _as(
                        hints[name], value, "Your answer"
                    )
            return str(function(*call.args, **call.kwargs))
        except _Wrong as wrong:
            return str(wrong)
        except (
            Exception,
            SystemExit,
        ) as error:  # a reader's function may call exit()
            said = " ".join(str(error).split())[:160] or "no message"
            return f"Your answer fails with {type(error).__name__}: {said}"

    return safe


def prove(wrong, right):
    """Assert that checks refuse `wrong` answers and accept `right` ones, with a sentence.

    Args:
        wrong, right: For each check a list of answers; a tuple holds several arguments.
    """
    for accepted, tried in ((False, wrong), (True, right)):
        for function, answers in tried.items():
            for answer in answers:
                said = function(
                    *answer if isinstance(answer, tuple) else (answer,)
                )
                told = f"{function.__name__}({answer!r}) said {said!r}"
                assert len(said.split()) > 1 or said == "Right.", told
                assert said.startswith("Right") == accepted, told
    count = [sum(map(len, tried.values())) for tried in (wrong, right)]
    print(f"{count[0]} wrong answers refused, {count[1]} right ones accepted")


def returned(value, kind):
    """What a reader's function returned, as `kind`; else the check ends with a sentence.

    Args:
        value: What the function returned.
        kind: `float`, `int`, `bool`, `str` or another class.
    """
    return _as(kind, value, "What your function returns", still_open=False)


class _Wrong(Exception):
    """An answer of a kind that was not asked for; the sentence says what was."""


KINDS = {
    float: "a number",
    int: "a whole number",
    bool: "True or False",
    str: "a text, in quotes",
    callable: "a function",
}


def _as(kind, value, name, still_open=True):
    """`value` as `kind` asks; None may stay None, for an answer that is still open."""
    if getattr(value, "shape", None) == ():  # a number of NumPy or PyTorch
        value = value.item()
    if value is None and still_open and kind in (float, int, bool, str):
        return None
    if isinstance(kind, types.GenericAlias):  # dict[str, float]
        if isinstance(value, dict):
            return {
                key: _as(kind.__args__[1], value[key], str(key))
                for key in value
            }
    elif kind is callable:
        if callable(value):
            return value
    elif kind in (float, int):
        number = isinstance(value, numbers.Real) and not isinstance(
            value, bool
        )
        if (
            number
            and math.isfinite(value)
            and (kind is float or value == int(value))
        ):
            return kind(value)
    elif isinstance(value, kind):
        return value
    text = " ".join(repr(value).split())
    text = text if len(text) <= 60 else text[:57] + "..."
    asked = KINDS.get(kind) or f"of type {getattr(kind, '__name__', kind)}"
    raise _Wrong(f"{name} is {text}; it must be {asked}.")
