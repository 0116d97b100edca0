"""What to show when: schedules, the plan they become, and the audit of what was delivered.

Explained in chapters 7 to 10.
"""
