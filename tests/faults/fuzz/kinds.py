"""The kinds of input, by name; each makes its undamaged input when it is opened, and trials from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.faults.fuzz.artifacts import DamagedArtifacts
from tests.faults.fuzz.overrides import DamagedOverrides
from tests.faults.fuzz.packages import DamagedPackages
from tests.faults.fuzz.sounds import DamagedSounds
from tests.faults.fuzz.stores import DamagedDatabases, DamagedStores
from tests.faults.fuzz.tables import DamagedTables, RewrittenTables
from tests.faults.fuzz.trial import Kind
from tests.faults.fuzz.weights import DamagedCheckpoints, DamagedPCA

KINDS: dict[str, Callable[[Path], Kind]] = {
    "artifacts": DamagedArtifacts,
    "databases": DamagedDatabases,
    "checkpoints": DamagedCheckpoints,
    "packages": DamagedPackages,
    "sounds": DamagedSounds,
    "stores": DamagedStores,
    "overrides": DamagedOverrides,
    "tables": DamagedTables,
    "rewritten": RewrittenTables,
    "pca": DamagedPCA,
}
"""Those that take longest stand first."""
SHARES = {
    "artifacts": 70, "databases": 30, "checkpoints": 40, "packages": 100, "sounds": 260, "stores": 80, "overrides": 160,
    "tables": 120, "rewritten": 60, "pca": 80,
}  # fmt: skip
"""Of a thousand inputs."""
OF_A_PROJECT = {"artifacts", "databases", "packages"}
"""Those that copy a recorded project."""
