"""Running experiments: one, a sweep, a whole study on a GPU; records, locks, costs.

The only room that chooses a fast backend. Explained in chapters 12 and 13.
"""
