"""What was computed, kept by what it was computed from: never twice, and never stale. Knows no clip and no network."""

from sarcasm.store.options import Keeping
from sarcasm.store.store import Store

__all__ = ["Keeping", "Store"]
