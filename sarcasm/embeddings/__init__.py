"""Embeddings: of what clips, by which network, and the table that they make. One question a module."""

from sarcasm.embeddings.embedding import Embedding, Network, Unchanged, Workers
from sarcasm.embeddings.mfcc_stats import MfccStatistics
from sarcasm.embeddings.overview import N_LEVELS, overview, overviews
from sarcasm.embeddings.pca import PCA
from sarcasm.embeddings.table import Copies, Pool, Reading, Table, material, means, missing, tabulate, tabulate_copies
from sarcasm.embeddings.vggish import VGGishEmbedding

__all__ = [
    "N_LEVELS",
    "PCA",
    "Copies",
    "Embedding",
    "MfccStatistics",
    "Network",
    "Pool",
    "Reading",
    "Table",
    "Unchanged",
    "VGGishEmbedding",
    "Workers",
    "material",
    "means",
    "missing",
    "overview",
    "overviews",
    "tabulate",
    "tabulate_copies",
]
