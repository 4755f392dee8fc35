"""Make a class choosable on the command line.

A choice is a dataclass: its fields are its options (typed), its methods what it does. `@option` registers it as a Hydra
schema, and `conf/GROUP/NAME.yaml` picks it and gives every field its value:

    @option("head", "mlp")                 # conf/head/big.yaml
    @dataclass                             #   defaults: [/schema/head_mlp@_here_, _self_]
    class MLP(Head):                       #   name: big
        hidden: list[int] = MISSING        #   hidden: [4096, 4096]

Option classes are not frozen: Hydra marks a frozen schema read-only, and YAML could not fill it. All schemas stand in
the one group `schema`, because Hydra searches every group again for each page of help.
"""

import os
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf

OF_THE_PLACE = (
    "tracking.", "store.", "embedding.workers", "trainer.checkpoint_seconds", "sweep.", "force", "report."
)  # fmt: skip
"""Options that say where a run is computed, kept and recorded, and beside what others, and nothing of what it is; by
the beginnings of their keys.
"""
PATHS = (
    "dataset.audio_dir",
    "dataset.labels",
    "dataset.manifest",
    "dataset.directory",
    "embedding.checkpoint",
    "pca.params",
)
"""Options that say where things lie that a run is made of."""
PLACES = (*PATHS, "store.path", "tracking.uri", "data_dir", "models_dir")
"""Options that say where anything lies, beside the addresses of what is fetched."""
SQLITE = "sqlite:///"
Class = TypeVar("Class", bound=type)


def option(group: str, name: str) -> Callable[[Class], Class]:
    """Register a dataclass as the schema `schema/GROUP_NAME`.

    Args:
        group: the folder of conf/ whose files pick this class, such as "head".
        name: what the class is called there; several files may pick the same class.
    """

    def register(cls: Class) -> Class:
        ConfigStore.instance().store(group="schema", name=f"{group}_{name}", node=cls)
        return cls

    return register


def schema_of(chosen: Any) -> str:
    """The name of the schema that an option object is of, such as head_mlp."""
    return next(name for name, cls in _schemas().items() if cls is type(chosen))


def values_of(chosen: Any) -> dict[str, Any]:
    """What an option object was given, as JSON can hold it."""
    values: Any = OmegaConf.to_container(OmegaConf.structured(chosen), resolve=True, enum_to_str=True)
    return values


def made_again(schema: str, values: dict[str, Any]) -> Any:
    """The option object that `schema_of` and `values_of` tell of.

    Raises:
        KeyError: there is no such schema.
        OmegaConfBaseException: an option that it does not have, or a value that it cannot take.
    """
    return OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(_schemas()[schema]), values))


def _schemas() -> dict[str, Any]:
    stored = ConfigStore.instance().repo.get("schema", {})
    return {file.removesuffix(".yaml"): OmegaConf.get_type(each.node) for file, each in stored.items()}


def is_place(key: str) -> bool:
    """Whether an option says where something lies."""
    return key in PLACES or (key.startswith("source.") and key.endswith(".url"))


def is_utf8(text: str) -> bool:
    """Whether a text can be kept in a file or a database; the name of a file need not."""
    return text.isascii() or text == text.encode("utf-8", "replace").decode()


def at_home(place: str) -> str:
    """A path, or the address of an SQLite file, with the user's own folder in place of ~; of no such user, as it is."""
    # That of pathlib fails for a user that does not exist.
    if place.startswith(f"{SQLITE}~"):
        return SQLITE + os.path.expanduser(place.removeprefix(SQLITE))  # noqa: PTH111
    return os.path.expanduser(place)  # noqa: PTH111


def leaves(cfg: DictConfig) -> dict[str, Any]:
    """Every option by its dotted key, with enums by name; lists are leaves."""
    return dict(_leaves(OmegaConf.to_container(cfg, resolve=True, enum_to_str=True)))


def _leaves(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if not isinstance(node, dict):
        yield prefix.rstrip("."), node
        return
    for key, value in node.items():
        yield from _leaves(value, f"{prefix}{key}.")
