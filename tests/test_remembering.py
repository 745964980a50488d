import inspect

import apache_beam as beam
from apache_beam.options.pipeline_options import DebugOptions, PipelineOptions, StandardOptions
from apache_beam.transforms import core, userstate

from tests import remembering

remembering.remember()
COUNT = beam.DoFn.StateParam(userstate.CombiningValueStateSpec("count", sum))


class Plain(beam.DoFn):
    def process(self, element, side=7, *rest, key=None):
        yield element


class Counting(beam.DoFn):
    def process(self, element, count=COUNT):
        yield element


def test_parameters_are_those_that_beam_finds():
    ask = inspect.unwrap(core.get_function_args_defaults)
    for _ in range(2):  # the second time they are known
        for function in (Plain().process, Plain.process, Counting().process, len, lambda a, b=2: a):
            assert core.get_function_args_defaults(function) == ask(function)
    assert core.get_function_args_defaults(Plain().process)[0] == ["element", "side"]
    assert core.get_function_args_defaults(Plain.process)[0] == ["self", "element", "side"]
    assert userstate.is_stateful_dofn(Counting()) and not userstate.is_stateful_dofn(Plain())


def test_what_is_changed_in_an_answer_changes_no_other():
    names, defaults = core.get_function_args_defaults(Plain().process)
    names.clear()
    defaults.clear()
    assert core.get_function_args_defaults(Plain().process) == (["element", "side"], [7])


def test_views_share_what_is_set_and_pipelines_share_nothing():
    first, second = PipelineOptions([]), PipelineOptions([], streaming=True)
    first.view_as(DebugOptions).add_experiment("one")
    assert first.view_as(DebugOptions).experiments == ["one"]
    assert not second.view_as(DebugOptions).experiments
    first.view_as(StandardOptions).runner = "FlinkRunner"
    assert first.view_as(PipelineOptions).view_as(StandardOptions).runner == "FlinkRunner"
    assert second.view_as(StandardOptions).streaming is True
    assert not first.view_as(StandardOptions).streaming
    assert second.view_as(StandardOptions).runner is None
    assert PipelineOptions(["--runner=x"]).view_as(StandardOptions).runner == "x"
    view = inspect.unwrap(PipelineOptions.view_as)
    assert first.view_as(StandardOptions)._visible_option_list() == (
        view(first, StandardOptions)._visible_option_list()
    )
