"""Which worker of a training on several machines this process is, by the environment variable
`TF_CONFIG` as TensorFlow reads it. TensorFlow itself is not loaded here."""

from __future__ import annotations

import dataclasses
import json
import os
from typing import Any

from electra_model.errors import InputError

VARIABLE = "TF_CONFIG"
_EXAMPLE = (
    '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}}'
)


@dataclasses.dataclass(frozen=True)
class Member:
    """Worker number `index`, from 0, of `workers`. The first is the chief: it alone writes."""

    index: int = 0
    workers: int = 1

    @property
    def is_chief(self) -> bool:
        """Whether this process writes checkpoints, metrics and results."""
        return self.index == 0

    def __str__(self) -> str:
        return f"worker {self.index + 1} of {self.workers}"


def member() -> Member:
    """Who this process is. Without `TF_CONFIG` there is one worker.

    Raises InputError when the variable is set and describes no cluster of workers with this process
    in it.
    """
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        return Member()
    try:
        config = json.loads(text)
        if not isinstance(config, dict):
            raise ValueError("found no JSON object")
        return _member(config.get("cluster") or {}, config.get("task") or {})
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise InputError(f"{VARIABLE}: {error}; it should be like {_EXAMPLE}") from None


def _member(cluster: dict[str, Any], task: dict[str, Any]) -> Member:
    if not cluster:
        return Member()
    others = sorted(set(cluster) - {"chief", "worker"})
    if others:
        raise ValueError(f"found tasks of type {others[0]!r}, allowed are 'chief' and 'worker'")
    for name, addresses in cluster.items():
        if not isinstance(addresses, list) or not all(isinstance(one, str) for one in addresses):
            raise ValueError(f"cluster.{name} is no list of addresses")
    chiefs, workers = len(cluster.get("chief", [])), len(cluster.get("worker", []))
    kind, index = task.get("type"), task.get("index")
    if kind not in cluster:
        raise ValueError(f"task.type is {kind!r}, and the cluster has {', '.join(cluster)}")
    if chiefs > 1:
        raise ValueError(f"the cluster has {chiefs} chiefs, allowed is one")
    count = len(cluster[kind])
    if type(index) is not int or not 0 <= index < count:
        raise ValueError(f"task.index is {index!r}, and the cluster has {count} of type {kind!r}")
    return Member(index + (chiefs if kind == "worker" else 0), chiefs + workers)
