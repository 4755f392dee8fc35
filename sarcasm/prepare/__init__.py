"""Data made ready: labels, videos and weights fetched, sound taken out of the videos and freed from noise.

Everything is resumable: files are written aside and renamed when they are whole, downloads are continued, and a clip is
made again only if it is not there and whole. What each clip went through stands in its folder's prepared.jsonl
(`sarcasm.corpus.provenance`).
"""

from sarcasm.prepare.options import Preparation
from sarcasm.prepare.recipes import TARGETS
from sarcasm.prepare.steps import Clips, Outcome, Outlook, Show, Weights, Wish, refuse_too_little_room, resolve, steps

__all__ = [
    "TARGETS",
    "Clips",
    "Outcome",
    "Outlook",
    "Preparation",
    "Show",
    "Weights",
    "Wish",
    "refuse_too_little_room",
    "resolve",
    "steps",
]
