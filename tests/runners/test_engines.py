import pytest

from electra_model.errors import InputError
from runners.engines import RunnerConfig, pipeline_options, pipeline_runner


def test_local_is_the_in_process_runner_by_name():
    from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner

    from runners.local_workers import LocalProcesses

    assert type(pipeline_runner(RunnerConfig())) is FnApiRunner
    runner = pipeline_runner(RunnerConfig(workers=2))
    assert isinstance(runner._default_environment, LocalProcesses)
    assert pipeline_options(RunnerConfig(workers=2)).get_all_options()["direct_num_workers"] == 2


def test_options_of_the_other_engines():
    flink = RunnerConfig(name="flink", workers=8, options={"flink_master": "host:8081"})
    options = pipeline_options(flink).get_all_options()
    assert (options["runner"], options["parallelism"]) == ("FlinkRunner", 8)
    assert options["flink_master"] == "host:8081"
    places = {"project": "p", "region": "europe-west1", "temp_location": "gs://b/t"}
    options = pipeline_options(
        RunnerConfig(name="dataflow", workers=20, options=places)
    ).get_all_options()
    assert (options["runner"], options["max_num_workers"]) == ("DataflowRunner", 20)
    assert (options["project"], options["temp_location"]) == ("p", "gs://b/t")


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
            pipeline_runner(RunnerConfig(name="dataflow", options=places))
