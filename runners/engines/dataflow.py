"""Google Cloud Dataflow: the section `runner` of the job file to Beam's options."""

from __future__ import annotations

import importlib.util
import os
from typing import Any

from .engine_config import RunnerConfig

# Key -> Beam's option, where they are not called the same.
NAMED = {
    "workers": "max_num_workers",
    "disk_gb": "disk_size_gb",
    "service_account": "service_account_email",
    "image": "sdk_container_image",
    "endpoint": "dataflow_endpoint",
    "job_file": "dataflow_job_file",
}
_KEYS = (
    *("project", "region", "temp_location", "staging_location", "job_name", "machine_type"),
    *("network", "subnetwork", "template_location", *NAMED),
)


def options(config: RunnerConfig) -> dict[str, Any]:
    """Of Beam, for this job."""
    found: dict[str, Any] = {"runner": "DataflowRunner"}
    for key in _KEYS:
        if (value := getattr(config, key)) is not None:
            found[NAMED.get(key, key)] = value
    if config.labels:
        found["labels"] = [f"{name}={value}" for name, value in sorted(config.labels.items())]
    if config.accelerator:
        found["dataflow_service_options"] = [f"worker_accelerator={config.accelerator}"]
    if not config.public_ips:
        found["use_public_ips"] = False
    if config.wheel:
        found["extra_packages"] = [config.wheel]
    if config.image:
        # It has Beam's boot program and this project: nothing is installed when a worker starts.
        found["sdk_location"] = "container"
    return found


def problems(config: RunnerConfig) -> list[str]:
    """What is missing here, each with its remedy."""
    found = []
    if not _has("google.cloud.storage"):
        found.append(
            "runner.name: dataflow needs further packages: pip install 'electra-pipelines[gcp]'"
        )
    if config.wheel and not os.path.isfile(config.wheel):
        found.append(
            f"runner.wheel: {config.wheel!r} is no file; make it with "
            "`pip wheel --no-deps -w dist .`"
        )
    return found


def runner():
    """Beam's runner."""
    from apache_beam.runners.dataflow.dataflow_runner import DataflowRunner

    return DataflowRunner()


def _has(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False
