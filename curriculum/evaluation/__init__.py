"""Measuring a model: three tasks, generation with a cache, and the statistics behind claims.

Read `tasks` first (what is asked, as plain loops), then `answers`, `evaluate` and `stats`.
`generate` writes on from a prompt. `fast` and `fast_cache` give the answers of `tasks` from
one pass over the texts. Explained in chapters 5 and 11.
"""
