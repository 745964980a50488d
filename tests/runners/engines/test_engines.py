import dataclasses
import socket

import pydantic
import pytest

from electra_model.errors import InputError
from electra_model.threads import processors
from pipelines.units import Unit
from runners.engines import dataflow, engines, flink
from runners.engines.engines import RunnerConfig, pipeline_options, pipeline_runner


def test_local_is_the_in_process_runner_by_name():
    from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner

    from runners.engines.local_workers import LocalProcesses

    assert type(pipeline_runner(RunnerConfig())) is FnApiRunner
    runner = pipeline_runner(RunnerConfig(workers=2))
    assert isinstance(runner._default_environment, LocalProcesses)
    assert pipeline_options(RunnerConfig(workers=2)).get_all_options()["direct_num_workers"] == 2


def test_workers_are_chosen_by_the_size_of_the_work():
    small, large = (
        Unit(0, "00000-00000", "a.txt", "text", None, 0, -1, size, "train")
        for size in (10_000, 90_000_000)
    )
    assert engines.for_prepare(RunnerConfig(), [small]).workers == 1
    assert engines.for_prepare(RunnerConfig(), [large]).workers == min(12, processors())
    assert engines.for_prepare(RunnerConfig(workers=1), [large]).workers == 1
    assert engines.for_translate(RunnerConfig(), 2).workers == 1
    assert engines.for_translate(RunnerConfig(), 6).workers == min(2, processors())
    flink = RunnerConfig(name="flink", master="host:8081")
    assert engines.for_translate(flink, 600).workers is None


def test_options_of_flink():
    flink = RunnerConfig(name="flink", master="host:8081", workers=8, worker_pool="localhost:5")
    options = pipeline_options(flink).get_all_options()
    assert (options["runner"], options["parallelism"]) == ("FlinkRunner", 8)
    assert options["flink_master"] == "host:8081"
    assert (options["environment_type"], options["environment_config"]) == (
        "EXTERNAL",
        "localhost:5",
    )


def test_options_of_dataflow(tmp_path):
    wheel = tmp_path / "electra.whl"
    wheel.write_bytes(b"")
    places = {"project": "p", "region": "europe-west1", "temp_location": "gs://b/t"}
    config = RunnerConfig(
        name="dataflow",
        workers=20,
        disk_gb=50,
        labels={"team": "a"},
        public_ips=False,
        wheel=str(wheel),
        options={"min_cpu_platform": "Intel Ice Lake"},
        **places,
    )
    options = pipeline_options(config).get_all_options()
    assert (options["runner"], options["max_num_workers"]) == ("DataflowRunner", 20)
    assert (options["project"], options["temp_location"]) == ("p", "gs://b/t")
    assert (options["disk_size_gb"], options["labels"]) == (50, ["team=a"])
    assert (options["use_public_ips"], options["extra_packages"]) == (False, [str(wheel)])
    assert options["min_cpu_platform"] == "Intel Ice Lake"
    without = dataclasses.replace(config, wheel=str(tmp_path / "none.whl"))
    assert "pip wheel --no-deps" in dataflow.problems(without)[-1]
    with pytest.raises(InputError):
        engines.check(without)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "flink"}, "runner.master: is needed for the runner flink"),
        ({"name": "flink", "master": "host"}, "runner.master: found 'host'; allowed is host:port"),
        (
            {"master": "host:1"},
            "runner.master: is a key of the runner flink, and runner.name is local; leave it out, "
            "or set runner.name: flink",
        ),
        (
            {"name": "dataflow", "project": "p", "region": "r", "temp_location": "/tmp"},
            "runner.temp_location: found '/tmp'; allowed is a folder gs://...",
        ),
        (
            {"options": {"s3_secret_access_key": "x"}},
            "runner.options.s3_secret_access_key: is a secret, which a job file, its copies and "
            "the cluster's records would keep; set AWS_SECRET_ACCESS_KEY in the environment",
        ),
        (
            {"name": "flink", "master": "a:1", "job_server": "a:2", "job_server_jar": "a.jar"},
            "runner.job_server_jar: is not used where runner.job_server is set",
        ),
    ],
)
def test_keys_that_do_not_fit_the_engine(values, message):
    with pytest.raises(pydantic.ValidationError) as caught:
        RunnerConfig(**values)
    assert str(caught.value.errors()[0]["ctx"]["error"]) == message


def test_a_cluster_that_does_not_answer(tmp_path):
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    config = RunnerConfig(name="flink", master=address, job_server_jar=str(tmp_path / "none.jar"))
    found = flink.problems(config)
    assert found[0].startswith(f"runner.master: nothing answers at {address} (")
    assert found[1].startswith(f"runner.job_server_jar: '{tmp_path}/none.jar' is no file")
    with pytest.raises(InputError, match="nothing answers"):
        engines.check(config)


def test_an_option_that_beam_does_not_know():
    with pytest.raises(InputError) as caught:
        pipeline_options(RunnerConfig(options={"temp_locatoin": "x"}))
    assert str(caught.value) == (
        "runner.options.temp_locatoin: Beam knows no such option; did you mean temp_location?"
    )


def test_dataflow_without_its_packages():
    places = {"project": "p", "region": "r", "temp_location": "gs://b/t"}
    try:
        import google.cloud.storage  # noqa: F401
    except ImportError:
        with pytest.raises(InputError, match="pip install 'electra-pipelines.gcp.'"):
            engines.check(RunnerConfig(name="dataflow", **places))
