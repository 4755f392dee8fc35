"""Embed clips on a Ray cluster (https://docs.ray.io): the same task on the same clips, wherever there are processors.

A worker a processor, each with a network of its own, takes clips some at a time and gives embeddings back, which go
into the store of whoever asked. A worker that dies is started anew and its clips are done again; so are those of a
machine that is lost, elsewhere. Clips are read where they are embedded: every machine has to see their files, and
VGGish's, under the same names, and to have the same sarcasm installed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from sarcasm.embeddings.embedding import Network
from sarcasm.embeddings.stream import Clip, Result, Task, embedded_in_batches, opened, read
from sarcasm.errors import ConfigError, SarcasmError
from sarcasm.ray_runtime import join, load_ray

CLIPS_AT_ONCE = 16
"""That a worker takes: a second or so of work, so that little is done again when it dies."""

CURRENT_CLUSTER = Path("/tmp/ray/ray_current_cluster")  # noqa: S108  # where ray start writes it
"""Holds the address of the cluster that runs on this machine."""


class Worker:
    """A process of the cluster: its network is loaded once, with its first clips."""

    def __init__(self) -> None:
        self._network: Network | None = None
        self._stack = ExitStack()

    def embed(self, clips: Sequence[Clip], task: Task, weights: str, recipe: str) -> list[Result] | SarcasmError:
        """Embed some clips.

        Args:
            clips: what to embed.
            task: how.
            weights: the fingerprint of the network's.
            recipe: what makes an embedding where it was asked for.

        Returns:
            Each clip with its embeddings, or with what is wrong with it; or why nothing can be embedded here.
        """
        if (own := task.recipe(weights)) != recipe:
            return SarcasmError(
                f"embedding.workers=ray: {os.uname().nodename} would compute other embeddings ({own}) than are asked"
                f" for ({recipe}); install the same sarcasm and libraries on every machine"
            )
        try:
            if self._network is None:
                self._network = self._stack.enter_context(opened(task, weights))
        except SarcasmError as error:
            return type(error)(f"{os.uname().nodename}: {error}")
        return list(embedded_in_batches(read(clips, task), self._network))


def embed_on_ray(clips: Sequence[Clip], task: Task, weights: str) -> Iterator[Result]:
    """Compute on the cluster that RAY_ADDRESS names, or on the one that was started on this machine.

    Args:
        clips: what to embed.
        task: how.
        weights: the fingerprint of the network's.

    Yields:
        Each clip once, with its embeddings, or with what is wrong with it; in whatever order.

    Raises:
        ConfigError: Ray is not installed, or there is no cluster.
        SarcasmError: a machine has another sarcasm, or cannot use the weights.
    """
    ray, actor_pool = _load_ray()
    is_ours = not ray.is_initialized()
    if is_ours:
        _join()
    try:
        batches = [clips[start : start + CLIPS_AT_ONCE] for start in range(0, len(clips), CLIPS_AT_ONCE)]
        n_processors = int(ray.cluster_resources().get("CPU", 1))
        # Restarted and asked again as often as they die: what a clip does to a worker is done to ours as well.
        remote = ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=-1)(Worker)
        pool = actor_pool([remote.remote() for _ in range(max(1, min(n_processors, len(batches))))])
        recipe = task.recipe(weights)
        for results in pool.map_unordered(
            lambda worker, each: worker.embed.remote(each, task, weights, recipe), batches
        ):
            if isinstance(results, SarcasmError):
                raise results
            yield from results
    finally:
        if is_ours:
            ray.shutdown()


def _load_ray() -> tuple[Any, Any]:
    try:
        ray = load_ray()
        from ray.util import ActorPool
    except ImportError:
        raise ConfigError(
            "embedding.workers=ray: Ray is not installed; install it with pip install 'sarcasm[ray]', or choose"
            " embedding.workers=local"
        ) from None
    return ray, ActorPool


def _join() -> None:
    """Connect to a cluster; none is started here: who starts it says what of the machine it may use."""
    address = os.environ.get("RAY_ADDRESS") or (CURRENT_CLUSTER.read_text() if CURRENT_CLUSTER.exists() else "")
    try:
        join(address.strip())
    except (OSError, RuntimeError, ValueError) as error:
        found = f"{address} leads to no cluster ({error})" if address else "no Ray cluster runs on this machine"
        raise ConfigError(
            f"embedding.workers=ray: {' '.join(found.split())}; start one with ray start --head, name another by"
            " RAY_ADDRESS=HOST:PORT, or choose embedding.workers=local"
        ) from error
