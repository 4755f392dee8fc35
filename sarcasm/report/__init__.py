"""What a person keeps of a run: reports, predictions, pictures and a page. Results in, files out."""

from sarcasm.report.card import write_card, write_card_of_fit
from sarcasm.report.cautions import cautions, clips
from sarcasm.report.facts import facts
from sarcasm.report.layout import laid_out
from sarcasm.report.listening import Heard, heard
from sarcasm.report.pictures import Losses
from sarcasm.report.write import write, write_decisions

__all__ = [
    "Heard",
    "Losses",
    "cautions",
    "clips",
    "facts",
    "heard",
    "laid_out",
    "write",
    "write_card",
    "write_card_of_fit",
    "write_decisions",
]
