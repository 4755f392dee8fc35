"""Let conf/hydra/ have the last word on launchers and sweepers, whatever plugins are installed beside ours."""

from __future__ import annotations

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.plugins.search_path_plugin import SearchPathPlugin

from sarcasm.project import PROJECT


class OwnConfigs(SearchPathPlugin):
    """What Hydra calls once plugins are known, and before any config is read."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:  # noqa: ARG002
        """See hydra.plugins.search_path_plugin."""
        forget_others()


def forget_others() -> None:
    """Forget what other plugins have registered under the names of files of ours.

    Hydra 1.3 would take it for the schemas of these files, and refuse what they do not know:
    https://hydra.cc/docs/1.2/upgrades/1.0_to_1.1/automatic_schema_matching
    """
    for path in (PROJECT / "conf" / "hydra").glob("*/*.yaml"):
        group = ConfigStore.instance().repo.get("hydra", {}).get(path.parent.name, {})
        group.pop(path.name, None)
