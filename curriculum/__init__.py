"""Curriculum learning for small code language models, in rooms read in one sitting.

Data flows one way, and each room imports only the ones before it:
programs (`tinypy`, `sandbox`) → `corpus` → `difficulty` → `schedules`, `plan` →
`model`, `train` → `evaluate`, `stats` → `experiment`, `plots`.

The package accompanies the book; every room names the chapter that explains it.
"""

__version__ = "0.2.0"
