"""What a person keeps of a run: reports, predictions, pictures and a page. Results in, files out."""

from sarcasm.report.cautions import cautions
from sarcasm.report.facts import facts
from sarcasm.report.write import write

__all__ = ["cautions", "facts", "write"]
