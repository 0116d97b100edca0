"""For every chapter's exercises: answers that are wrong, and answers that are right.

A module has `WRONG` and `RIGHT`: for each check of `book/exercises/chNN.py` a list of
answers; a tuple holds several arguments. `tests/book/test_exercises.py` tries them.
"""
