"""Damaged, odd and hostile inputs by the thousand: `python -m tests.faults.fuzz --inputs 1000 --seed 0`, or `make fuzz`.

Each input is made from a whole one by a seeded change and taken through the code that a user's file would meet, in a
worker process that is watched from outside. It fails the run where it ends in a traceback, hangs, takes more than a
gigabyte, is refused by a message that names no culprit, or gives another value than the undamaged input without a word.
"""
