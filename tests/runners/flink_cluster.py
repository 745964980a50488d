"""A Flink cluster on this machine: a job manager and task managers, each a process of its own, and
the Python workers beside them."""

import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator

from tests.free_ports import free_ports

_WAIT_SECONDS = 60.0

_JOB_MANAGER = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
_TASK_MANAGER = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
# What Flink looks into of Java itself, by its own configuration file.
_OPENED = (
    *("java.lang", "java.lang.reflect", "java.net", "java.io", "java.nio", "sun.nio.ch"),
    *("java.text", "java.time", "java.util", "java.util.concurrent"),
    *("java.util.concurrent.atomic", "java.util.concurrent.locks"),
)
_LOGGING = """rootLogger.level = WARN
rootLogger.appenderRef.console.ref = console
appender.console.name = console
appender.console.type = CONSOLE
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{HH:mm:ss} %-5p %c{1} %m%n
"""


@dataclasses.dataclass
class Cluster:
    """A running one.

    Attributes:
      master, pool: `host:port` of the job manager and of the workers' pool.
      flink: its home. folder: of configuration and logs. task_managers: their processes.
    """

    master: str
    pool: str
    flink: pathlib.Path
    folder: pathlib.Path
    task_managers: list[subprocess.Popen]

    def add_task_manager(self) -> None:
        """Starts one more."""
        name = f"task-manager-{len(self.task_managers)}"
        self.task_managers.append(self.start(name, _TASK_MANAGER))

    def start(self, name: str, main: str) -> subprocess.Popen:
        """Starts one of Flink's programs."""
        opened = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENED]
        log4j = f"-Dlog4j.configurationFile=file:{self.folder / 'log4j.properties'}"
        path = f"{self.flink / 'lib'}/*"
        command = ["java", "-Xmx700m", *opened, log4j, "-cp", path, main]
        return _process(
            [*command, "--configDir", str(self.folder / "conf")], self.folder / f"{name}.log"
        )

    def states(self) -> list[str]:
        """Of its jobs, the last one first."""
        with urllib.request.urlopen(f"http://{self.master}/jobs/overview", timeout=30) as answer:
            jobs = json.load(answer)["jobs"]
        return [job["state"] for job in sorted(jobs, key=lambda job: -job["start-time"])]

    def kill_task_manager(self) -> None:
        """As a machine does that fails."""
        process = self.task_managers.pop()
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextlib.contextmanager
def running(
    flink: pathlib.Path, folder: pathlib.Path, task_managers: int, slots: int = 1
) -> Iterator[Cluster]:
    """A cluster with so many task managers, each with so many slots, as long as the context is.

    Args:
      flink: its home. folder: for configuration, logs and temporary files.
    """
    rest, rpc, pool = free_ports(3)
    (folder / "conf").mkdir(parents=True)
    (folder / "tmp").mkdir()
    settings = {
        "jobmanager.rpc.address": "localhost",
        "jobmanager.rpc.port": rpc,
        "rest.address": "localhost",
        "rest.port": rest,
        "taskmanager.host": "localhost",
        "taskmanager.numberOfTaskSlots": slots,
        # Flink's scripts would reckon these out of the size of the machine.
        "taskmanager.cpu.cores": float(slots),
        "taskmanager.memory.framework.heap.size": "128mb",
        "taskmanager.memory.framework.off-heap.size": "128mb",
        "taskmanager.memory.task.heap.size": "384mb",
        "taskmanager.memory.task.off-heap.size": "0mb",
        "taskmanager.memory.managed.size": "256mb",
        "taskmanager.memory.network.min": "64mb",
        "taskmanager.memory.network.max": "64mb",
        "taskmanager.memory.jvm-metaspace.size": "256mb",
        "taskmanager.memory.jvm-overhead.min": "192mb",
        "taskmanager.memory.jvm-overhead.max": "192mb",
        # A pipeline goes on when a task manager is lost.
        "restart-strategy.type": "fixed-delay",
        "restart-strategy.fixed-delay.attempts": 10,
        "restart-strategy.fixed-delay.delay": "2 s",
        # One that is killed is to be missed soon.
        "heartbeat.interval": 1000,
        "heartbeat.timeout": 8000,
        "io.tmp.dirs": str(folder / "tmp"),
    }
    text = "".join(f"{name}: {value}\n" for name, value in settings.items())
    (folder / "conf" / "config.yaml").write_text(text, encoding="utf-8")
    (folder / "log4j.properties").write_text(_LOGGING, encoding="utf-8")
    cluster = Cluster(f"localhost:{rest}", f"localhost:{pool}", flink, folder, [])
    processes = []
    try:
        processes.append(cluster.start("job-manager", _JOB_MANAGER))
        for _ in range(task_managers):
            cluster.add_task_manager()
        processes.append(
            _process(
                [sys.executable, "-m", "runners.engines.worker_pool", "--port", str(pool)],
                folder / "pool.log",
            )
        )
        _await(rest, task_managers * slots)
        yield cluster
    finally:
        for process in [*processes, *cluster.task_managers]:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _process(command: list[str], log: pathlib.Path) -> subprocess.Popen:
    """One that has a group of its own."""
    with open(log, "wb") as stream:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )


def _await(port: int, slots: int) -> None:
    """Until the cluster has all its slots."""
    address = f"http://localhost:{port}/overview"
    deadline = time.monotonic() + _WAIT_SECONDS
    while True:
        with contextlib.suppress(OSError):
            with urllib.request.urlopen(address, timeout=5) as answer:
                if json.load(answer)["slots-total"] >= slots:
                    return
        if time.monotonic() > deadline:
            raise AssertionError(f"no Flink cluster with {slots} slots after {_WAIT_SECONDS} s")
        time.sleep(0.5)
