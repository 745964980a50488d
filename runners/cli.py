"""The command line. What it promises: exit codes, one plain line per error, one line of JSON last.

    0    done
    1    the work failed
    2    the command line, the job file or an input named in it is wrong
    130  interrupted by Ctrl-C; 143: by SIGTERM; the work done so far is kept

Nothing heavy is imported here: `electra --help` answers at once. Commands import what they need.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import click

from electra_model.errors import InputError

from .health import owners
from .terminal import interrupts, log_lines, logs, verdict

JOB = click.argument("job_file", metavar="JOB.yaml")
SET = click.option(
    "--set",
    "overrides",
    metavar="KEY=VALUE",
    multiple=True,
    help="Override a key of the job file, such as train.steps=100. May be repeated.",
)


def _set_debug(_context: click.Context, _option: click.Parameter, value: bool) -> None:
    if value:
        os.environ[logs.DEBUG_VARIABLE] = "1"


DEBUG = click.option(
    "--debug",
    is_flag=True,
    expose_value=False,
    callback=_set_debug,
    help="Show tracebacks and the messages of all libraries.",
)


def _set_log_format(_context: click.Context, _option: click.Parameter, value: str | None) -> None:
    if value:
        os.environ[log_lines.VARIABLE] = value


LOG_FORMAT = click.option(
    "--log-format",
    type=click.Choice(log_lines.FORMATS),
    expose_value=False,
    callback=_set_log_format,
    help="Of standard error: lines for people, or JSON lines.  [default: text]",
)


class Commands(click.Group):
    """Lists commands in the order in which they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names in order of definition."""
        return list(self.commands)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name=owners.DISTRIBUTION, prog_name="electra")
@LOG_FORMAT
@DEBUG
def electra() -> None:
    """Train models that translate, summarise or continue texts, and run them, offline.

    A job is described by one YAML file; `electra init NAME` writes one to start from.
    """
    owners.check()


def _command(name: str) -> Callable[[Callable[..., Any]], click.Command]:
    return lambda function: electra.command(name)(LOG_FORMAT(DEBUG(function)))


def result(command: str, counts: dict[str, Any]) -> None:
    """Prints a command's last line: one line of JSON."""
    click.echo(json.dumps({"command": command, **counts}, ensure_ascii=False, default=str))


def _do(command: str, job_file: str, overrides: Sequence[str], names: Sequence[str]) -> None:
    from .jobs import stages, work
    from .jobs.job import load_job

    job = load_job(job_file, overrides)
    counts = work.do_stages(job, [stages.BY_NAME[name] for name in names])
    if command == "run":
        result(command, {"workdir": job.workdir, "stages": counts})
    else:
        if command == "prepare":
            from .terminal import prepare_words, progress

            given = [job_file, *(part for text in overrides for part in ("--set", text))]
            next_one = prepare_words.what_next(job, [shlex.quote(part) for part in given])
            progress.say(f"prepare: next: {next_one}")
        result(command, {"workdir": job.workdir, **counts[names[0]]})


@_command("run")
@JOB
@SET
def run_command(job_file: str, overrides: tuple[str, ...]) -> None:
    """Every stage of the job that is not complete, in order."""
    from .jobs import stages

    _do("run", job_file, overrides, [stage.name for stage in stages.STAGES])


def _add_stage(name: str, help_text: str) -> None:
    @_command(name)
    @JOB
    @SET
    def stage(job_file: str, overrides: tuple[str, ...]) -> None:
        _do(name, job_file, overrides, [name])

    stage.help = help_text


def _add_training(name: str, help_text: str) -> None:
    @_command(name)
    @JOB
    @SET
    @click.option(
        "--replay",
        metavar="N",
        type=click.IntRange(1, 1 << 30),
        help="Train nothing; print the batch of step N as text, source TAB target.",
    )
    def training(job_file: str, overrides: tuple[str, ...], replay: int | None) -> None:
        if replay is None:
            _do(name, job_file, overrides, [name])
            return
        from .jobs.job import load_job
        from .training import replay as replaying

        job = load_job(job_file, overrides)
        result(name, {"workdir": job.workdir, **replaying.show(job, name, replay, click.echo)})

    training.help = help_text


_add_stage("prepare", "Clean the text, learn the vocabulary, write the dataset.")
_add_training("pretrain", "Pretrain the encoder by replaced-token detection.")
_add_training("train", "Train the encoder-decoder and write the model folder.")
_add_stage("evaluate", "Score the model on the held-out pairs, beside what costs nothing.")


@_command("translate")
@click.argument("job_file", metavar="[JOB.yaml]", required=False)
@SET
@click.option("--model", metavar="DIR", help="The model folder.")
@click.option("--input", "inputs", multiple=True, metavar="GLOB", help="May be repeated.")
@click.option("--output", metavar="DIR", help="The folder that will mirror the input.")
@click.option("--text-field", metavar="NAME", help="The field that is read.")
@click.option(
    "--output-field",
    metavar="NAME",
    help="The field that is added.  [default: by the model's task]",
)
@click.option("--beam-size", metavar="N", help="1 is greedy.")
@click.option(
    "--memory",
    metavar="DIR",
    help="Where translations are remembered; may be shared.  [default: in the output folder]",
)
@click.option("--no-memory", is_flag=True, help="Translate all anew, and remember nothing.")
@click.option("--engine", metavar="NAME", help="tensorflow or ctranslate2.")
@click.option("--runner", metavar="NAME", help="local, flink or dataflow.")
@click.option("--workers", metavar="N", help="Worker processes.")
def translate_command(job_file: str | None, overrides: tuple[str, ...], **options: Any) -> None:
    """Run the model on documents: those of a job file, or any with --model, --input and --output.

    It translates them, or summarises or continues them, as the model has learned.
    """
    from .jobs import document_command

    if job_file is not None:
        given = [f"--{name}" for name, value in options.items() if value]
        if given:
            option = given[0].replace("inputs", "input").replace("_", "-")
            if not job_file.endswith((".yaml", ".yml")):
                raise InputError(
                    f"{job_file}: is not a job file (.yaml); for several inputs put the pattern "
                    "into quotation marks, or repeat --input"
                )
            raise InputError(f"{option}: is for translating without a job file; use --set with one")
        _do("translate", job_file, overrides, ["translate"])
        return
    if options.pop("no_memory"):
        if options["memory"] is not None:
            raise InputError("--no-memory: is the opposite of --memory; give one of them")
        options["memory"] = False
    result("translate", document_command.translate(options, overrides))


_add_stage("report", "Write report.html, one page with everything about the job.")


@_command("export")
@click.argument("model_dir", metavar="MODEL_DIR")
@click.option("--format", "to", required=True, metavar="NAME", help="ctranslate2.")
@click.option("--output", required=True, metavar="DIR", help="The folder that is made.")
@click.option(
    "--quantization",
    default="float32",
    show_default=True,
    metavar="NAME",
    help="How the weights are stored: float32, float16 or int8.",
)
def export_command(model_dir: str, to: str, output: str, quantization: str) -> None:
    """Write a trained model in the format of another library."""
    from . import model_export

    result("export", model_export.export(model_dir, to, output, quantization))


@_command("plan")
@JOB
@SET
@click.option("--measure/--no-measure", default=True, help="Measure for some ten seconds.")
def plan_command(job_file: str, overrides: tuple[str, ...], measure: bool) -> None:
    """What `electra run` would do, how long and how much."""
    from .jobs.job import load_job
    from .planning import planning

    result("plan", planning.show(load_job(job_file, overrides), click.echo, measures=measure))


@_command("doctor")
@click.argument("job_file", metavar="[JOB.yaml]", required=False)
@SET
@click.option("--model", metavar="DIR", help="A model folder to look at.")
def doctor_command(job_file: str | None, overrides: tuple[str, ...], model: str | None) -> None:
    """What is wrong with this machine, this job file, this model."""
    from .health import doctor

    counts = doctor.examine(job_file, overrides, model, click.echo)
    result("doctor", counts)
    if counts["failed"]:
        raise click.exceptions.Exit(2 if counts["input_failed"] else 1)


@_command("verify")
@click.argument("folder", metavar="DIR")
def verify_command(folder: str) -> None:
    """Count and hash again what a dataset, model, output or work folder holds."""
    from .health import verify

    counts = verify.verify(folder, click.echo)
    result("verify", counts)
    if counts["damaged"]:
        raise click.exceptions.Exit(1)


@_command("init")
@click.argument("name", metavar="NAME")
@click.option(
    "--task",
    type=click.Choice(["translate", "summarise", "generate"]),
    default="translate",
    show_default=True,
    help="What the job's model is to learn.",
)
def init_command(name: str, task: str) -> None:
    """Write a commented job file NAME.yaml to start from."""
    from .jobs import recipe_files

    result("init", {"job_file": recipe_files.write_template(name, task)})


@_command("corpus")
@click.option("--recipe", default="demo-corpus", show_default=True, help="A name or a path.")
@click.option("--target", required=True, metavar="LANG", help="The target language.")
@click.option("--output", required=True, metavar="DIR", help="The folder that is made.")
@click.option(
    "--cache", metavar="DIR", help="Keeps the downloads.  [default: OUTPUT/../corpus-cache]"
)
def corpus_command(recipe: str, target: str, output: str, cache: str | None) -> None:
    """Fetch a parallel corpus of user-interface strings from pinned packages."""
    from .corpora import corpus
    from .jobs import recipe_files
    from .terminal.progress import say

    path = recipe_files.find(recipe)
    cache = cache or os.path.join(os.path.dirname(os.path.abspath(output)), "corpus-cache")
    facts = corpus.build_corpus(path, target, output, cache, say)
    kept = {key: value for key, value in facts.items() if key not in ("packages", "files")}
    result("corpus", kept)


@_command("demo")
@click.option("--target", default="de", show_default=True, metavar="LANG")
@click.option("--workdir", required=True, metavar="DIR", help="Everything is made in here.")
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1))
def demo_command(target: str, workdir: str, workers: int) -> None:
    """The whole job on a real corpus: fetch, prepare, train, translate, score, report."""
    from . import demo

    result("demo", demo.run(target, workdir, workers, click.echo))


# --- ending well ---------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit status. Never shows a traceback without --debug."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if "--debug" in arguments:
        os.environ[logs.DEBUG_VARIABLE] = "1"
    logs.quiet()
    interrupts.install()
    try:
        # Not `electra.main`, which makes of any interrupt an Abort without its signal.
        with electra.make_context("electra", list(arguments)) as context:
            electra.invoke(context)
        sys.stdout.flush()
        return 0
    except BaseException as error:
        status, text = verdict.of(error)
        if logs.DEBUG_VARIABLE in os.environ and status in (1, 2):
            traceback.print_exception(error)
    try:
        if text:
            level = {0: "info", 1: "error", 2: "error"}.get(status, "warning")
            told = log_lines.line(text, level=level) if log_lines.is_json() else text
            print(told, file=sys.stderr, flush=True)
        sys.stdout.flush()
    except BrokenPipeError:
        pass
    # At once, without waiting for threads of a pipeline that was given up; workers end with us.
    os._exit(status)
