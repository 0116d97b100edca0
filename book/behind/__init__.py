"""What stands behind the chapters: long figures, and machinery that is not the lesson.

One module a chapter (`ch01.py`, ...); chapter 12 has its figures in a second. A chapter
imports its own as `behind`, and shows the lines that matter in its cells.
"""
