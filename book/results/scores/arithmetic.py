"""A difficulty score that predicts errors: how many arithmetic signs a program has.

Chapter "Is the effect real?" measures it: over the study's test programs its rank
correlation with success is -0.45, that of the paper's metric is -0.02.
"""


def signs(code):
    """Number of +, -, * and / in `code`."""
    return sum(code.count(sign) for sign in "+-*/")
