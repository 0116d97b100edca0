"""Curriculum learning for small code language models: the package behind the book.

Data flows one way, and a room imports only rooms before it:
`data` → `difficulty`, `training` → `ordering`, `evaluation` → `plots` → `experiments`.
`model` is the GPT; `files` keeps results whole and chance repeatable.

Every room names the chapter that explains it.
"""

__version__ = "0.2.0"
