"""What a person keeps of a run: reports, predictions, pictures and a page. Results in, files out."""

from sarcasm.report.cautions import cautions, clips
from sarcasm.report.facts import facts
from sarcasm.report.listening import Heard, heard
from sarcasm.report.write import write, write_decisions

__all__ = ["Heard", "cautions", "clips", "facts", "heard", "write", "write_decisions"]
