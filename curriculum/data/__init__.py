"""Programs as data: a grammar, a sandbox that runs programs, corpora, tokens, splits.

Explained in chapter 2.
"""
