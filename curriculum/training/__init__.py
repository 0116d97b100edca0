"""Training a model on a plan: the loop, its batches, its checkpoints, its fast backends.

Explained in chapter 6; chapter 11 makes it fast.
"""
