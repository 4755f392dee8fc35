"""What is spoken, by whom, and whether it is sarcastic: corpora as they lie on disk -> utterances.

A dataset is a class of options with one method, `read`. To add one: a module here with such a class, registered by
`@option("dataset", NAME)`, imported below, and a file in conf/dataset/ that picks it. Where a manifest can say it all,
that file alone is enough.
"""

from sarcasm.corpus.dataset import BadClips, Dataset, ShortClips
from sarcasm.corpus.manifest import Manifest
from sarcasm.corpus.mustard import Mustard
from sarcasm.corpus.mustard_pp import MustardPP
from sarcasm.corpus.provenance import MANIFEST
from sarcasm.corpus.smoke import Smoke
from sarcasm.corpus.utterance import UNREADABLE, Corpus, Utterance, normalized

__all__ = [
    "MANIFEST",
    "UNREADABLE",
    "BadClips",
    "Corpus",
    "Dataset",
    "Manifest",
    "Mustard",
    "MustardPP",
    "ShortClips",
    "Smoke",
    "Utterance",
    "normalized",
]
