"""The checks of the exercises: a sentence for every answer, and an exception for none.

- `@check` stands above every check of a chapter. The annotation of an argument says what
  the answer has to be; the decorator says so, too, where the answer is something else.
- A NumPy number, a 0-dimensional tensor and a whole number written `45.0` are numbers
  like any other; True is none, and neither is NaN.
- A mistake in the reader's own function ends as a sentence that names the mistake.
- The sentence begins with "Right" exactly where the answer is accepted.
- `prove`, in the last hidden cell of a chapter's exercises, runs the checks on answers
  that are known to be wrong, and on several that are right.

Used by all chapters; the contract of the notebooks (`book/tools/contract.py`) insists.
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


class _Wrong(Exception):
    """An answer of a kind that was not asked for; the sentence says what was."""


def _plain(value):
    """A NumPy number or an array or tensor of one number, as a Python number."""
    return value.item() if getattr(value, "shape", None) == () else value


def _as(hint, value, name):
    """`value` as `hint` asks; None, for an answer that is still open, stays None."""
    if isinstance(hint, types.GenericAlias):  # dict[str, float]
        if not isinstance(value, dict):
            raise _Wrong(
                f"{name} is {_short(value)}; fill in the given dictionary."
            )
        kind = hint.__args__[1]
        return {key: _as(kind, value[key], str(key)) for key in value}
    value = _plain(value)
    if hint is callable:
        if not callable(value):
            raise _Wrong(f"{name} is {_short(value)}; it must be a function.")
        return value
    if value is None and hint in (float, int, bool, str):
        return None
    if hint is float or hint is int:
        number = isinstance(value, numbers.Real) and not isinstance(
            value, bool
        )
        if not number or not math.isfinite(value):
            raise _Wrong(f"{name} is {_short(value)}; it must be a number.")
        if hint is float:
            return float(value)
        if value != round(value):
            raise _Wrong(f"{name} is {value!r}; it must be a whole number.")
        return round(value)
    if not isinstance(value, hint):
        kinds = {bool: "True or False", str: "a text, in quotes"}
        kind = kinds.get(hint, f"of type {hint.__name__}")
        raise _Wrong(f"{name} is {_short(value)}; it must be {kind}.")
    return value


def _short(value) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else text[:57] + "..."
