"""Measuring a model: three tasks, generation with a cache, and the statistics behind claims.

Explained in chapters 5 and 10.
"""
