"""The job file's section `runner`: where pipelines run, and how wide."""

from __future__ import annotations

import re
from typing import Any, Literal

import pydantic
from pydantic import Field

from electra_model.config import STRICT

# Of one machine: each is a Python process with Beam in it.
_MOST_PROCESSES = 512

# Engine -> its own keys, those it cannot do without first.
_NEEDED = {
    "local": (),
    "flink": ("master",),
    "dataflow": ("project", "region", "temp_location"),
}
_OWN = {
    "local": (),
    "flink": ("master", "worker_pool", "job_server", "job_server_jar"),
    "dataflow": (
        *("project", "region", "temp_location", "staging_location", "job_name", "labels"),
        *("machine_type", "disk_gb", "accelerator", "service_account", "network", "subnetwork"),
        *("public_ips", "image", "wheel", "endpoint", "job_file", "template_location"),
    ),
}
# Options of Beam that are secrets -> where they belong.
_SECRETS = {
    "s3_access_key_id": "AWS_ACCESS_KEY_ID",
    "s3_secret_access_key": "AWS_SECRET_ACCESS_KEY",
    "s3_session_token": "AWS_SESSION_TOKEN",
    "azure_connection_string": "AZURE_STORAGE_CONNECTION_STRING",
}
_ADDRESS = re.compile(r"(https?://)?(\[[0-9A-Fa-f:.]+\]|[^\s:/\[\]]+):[0-9]{1,5}/?")


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=STRICT)
class RunnerConfig:
    """Where and how wide pipelines run.

    Attributes:
      name: the engine. workers: processes (local), parallelism (flink), most machines (dataflow).
        None is chosen: by the size of the input (local), by the engine (the others).
      options: further options of Beam, by Beam's names, such as `{sdk_worker_parallelism: 2}`; they
        win over what the keys here stand for.

      master: [flink] `host:port` of the job manager. worker_pool: `host:port`, as each task manager
        sees it, of the Python workers beside it (`python -m runners.engines.worker_pool`).
        job_server: `host:port` of a Beam job server that runs already; without it one is started
        here, from the file or address `job_server_jar`, or from the one that Beam fetches from
        Maven Central.

      project, region, temp_location: [dataflow] where it runs, and a `gs://` folder for what is
        staged. staging_location, job_name, labels, machine_type, disk_gb, service_account,
        network, subnetwork, public_ips: as Dataflow has them. accelerator: `type:nvidia-tesla-t4;`
        `count:1;install-nvidia-driver`. image: with this project and what it needs, for the
        workers (`Dockerfile`); wheel: this project alone, where Dataflow's own image is taken.
        endpoint: of another Dataflow API. job_file: a copy of what is submitted; template_location:
        a classic template is written there, and nothing runs.
    """

    name: Literal["local", "flink", "dataflow"] = "local"
    workers: int | None = Field(default=None, ge=1, le=10_000)
    options: dict[str, Any] = Field(default_factory=dict)

    master: str | None = None
    worker_pool: str = "localhost:50000"
    job_server: str | None = None
    job_server_jar: str | None = None

    project: str | None = None
    region: str | None = None
    temp_location: str | None = None
    staging_location: str | None = None
    job_name: str | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    machine_type: str | None = None
    disk_gb: int | None = Field(default=None, ge=10, le=65_536)
    accelerator: str | None = None
    service_account: str | None = None
    network: str | None = None
    subnetwork: str | None = None
    public_ips: bool = True
    image: str | None = None
    wheel: str | None = None
    endpoint: str | None = None
    job_file: str | None = None
    template_location: str | None = None

    @pydantic.model_validator(mode="after")
    def _check_engine(self) -> RunnerConfig:
        if self.name == "local" and (self.workers or 1) > _MOST_PROCESSES:
            raise ValueError(
                f"runner.workers: found {self.workers}; of the runner local it should be from 1 to "
                f"{_MOST_PROCESSES}, one for each processor"
            )
        for key in _NEEDED[self.name]:
            if not getattr(self, key):
                raise ValueError(f"runner.{key}: is needed for the runner {self.name}")
        for engine, keys in _OWN.items():
            for key in () if engine == self.name else keys:
                if getattr(self, key) != _DEFAULTS[key]:
                    raise ValueError(
                        f"runner.{key}: is a key of the runner {engine}, and runner.name is "
                        f"{self.name}; leave it out, or set runner.name: {engine}"
                    )
        for name, variable in _SECRETS.items():
            if self.options.get(name):
                raise ValueError(
                    f"runner.options.{name}: is a secret, which a job file, its copies and the "
                    f"cluster's records would keep; set {variable} in the environment"
                )
        for key in ("master", "worker_pool", "job_server"):
            value = getattr(self, key)
            if value is not None and not _ADDRESS.fullmatch(value):
                raise ValueError(f"runner.{key}: found {value!r}; allowed is host:port")
        if self.job_server and self.job_server_jar:
            raise ValueError("runner.job_server_jar: is not used where runner.job_server is set")
        if self.temp_location and not self.temp_location.startswith("gs://"):
            raise ValueError(
                f"runner.temp_location: found {self.temp_location!r}; allowed is a folder gs://..."
            )
        if self.image and self.wheel:
            raise ValueError("runner.wheel: is in runner.image already; set one of them")
        return self


_DEFAULTS = {
    name: field.default_factory() if field.default_factory else field.default
    for name, field in RunnerConfig.__pydantic_fields__.items()  # type: ignore[attr-defined]
}
