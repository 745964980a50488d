# ruff: noqa: E501 - tables of messages are easier to read unbroken

import dataclasses

import pytest

from electra_model.errors import InputError
from runners.jobs.job import JobConfig, load_job, resolved_text, save_resolved

TEN_LINES = """\
workdir: work/en-de
source_lang: en
target_lang: de
data:
  train: [corpus/train.tsv]
  valid: [corpus/valid.tsv]
train: {minutes: 30, learning_rate: 5e-4}
"""


@pytest.fixture
def load(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def load(text, *overrides) -> JobConfig:
        (tmp_path / "job.yaml").write_text(text)
        return load_job("job.yaml", overrides)

    return load


def test_a_short_job_file(load):
    job = load(TEN_LINES)
    assert (job.task, job.workdir) == ("translate", "work/en-de")
    assert (job.source_lang, job.target_lang) == ("en", "de")
    assert (job.data.train, job.data.test) == (("corpus/train.tsv",), ())
    assert (job.train.minutes, job.train.steps) == (30.0, None)
    assert job.train.learning_rate == 5e-4
    assert (job.runner.name, job.runner.workers) == ("local", None)
    assert job.path("model", "model.json") == "work/en-de/model/model.json"


def test_leniency(load):
    job = load(
        "workdir: w\nsource_lang: en\ntarget_lang: no\nvocabulary:\n"
        "data: {train: a.tsv, monolingual: {no: b.txt}, tsv_header: yes}\n"
        "clean: {max_characters: off, min_letters_share: 0.1, duplicate: off}\n"
    )
    assert job.target_lang == "no"
    assert job.data.train == ("a.tsv",)
    assert job.data.monolingual == {"no": ("b.txt",)}
    assert job.data.tsv_header is True
    assert job.vocabulary.size == 8000
    assert job.clean.max_characters is False
    assert job.clean.min_letters_share == 0.1
    assert job.clean.duplicate is False


@pytest.mark.parametrize(
    ("text", "overrides", "enabled", "ratio"),
    [
        ("", [], True, 2.5),
        ("translate: {checks: off}", [], False, 2.5),
        ("translate: {checks: on}", [], True, 2.5),
        ("translate: {checks:}", [], True, 2.5),
        ("translate: {checks: {length_ratio: 4}}", [], True, 4),
        ("translate: {checks: {length_ratio: off}}", [], True, False),
        ("translate: {checks: {length_ratio: 4}}", ["translate.checks=off"], False, 2.5),
        ("translate: {checks: off}", ["translate.checks.length_ratio=4"], True, 4),
        ("", ["translate.checks=off"], False, 2.5),
        ("", ["translate={checks: off}"], False, 2.5),
    ],
)
def test_checks_are_a_section_or_a_switch(load, text, overrides, enabled, ratio):
    checks = load(TEN_LINES + text, *overrides).translate.checks
    assert (checks.enabled, checks.length_ratio) == (enabled, ratio)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stepz: 3", "job.yaml: stepz: unknown key; did you mean pretrain.steps or train.steps?"),
        ("steps: 3", "job.yaml: steps: unknown key; did you mean pretrain.steps or train.steps?"),
        ("vocab: {}", "job.yaml: vocab: unknown key; did you mean vocabulary?"),
        ("pretrain: {stepz: 3}", "job.yaml: pretrain.stepz: unknown key; did you mean pretrain.steps?"),
        ("vocabulary: {colour: 3}", "job.yaml: vocabulary.colour: unknown key; known here are "
         "vocabulary.kind, vocabulary.size, vocabulary.character_coverage, vocabulary.max_words, "
         "vocabulary.byte_fallback, vocabulary.symbols, vocabulary.sides"),
        ("clean: {documents: {max_bullets: 1}}", "job.yaml: clean.documents.max_bullets: unknown key; "
         "did you mean clean.documents.max_bullet_lines?"),
        ("clean: {documents: {max_bullet_lines: 2}}", "job.yaml: clean.documents.max_bullet_lines: "
         "must be at most 1, or off: got 2"),
        ("clean: {overlap: -1}", "job.yaml: clean.overlap: must be at least 0, or off: got -1"),
        ("vocabulary: 8000", "job.yaml: vocabulary: is a section with keys of its own; found 8000"),
        ("vocabulary: {size: many}", "job.yaml: vocabulary.size: found 'many'; a whole number is needed"),
        ("vocabulary: {size: 1.5}", "job.yaml: vocabulary.size: found 1.5; a whole number is needed"),
        ("vocabulary: {size: true}", "job.yaml: vocabulary.size: found true; a whole number is needed"),
        ("dataset: {valid_fraction: on}", "job.yaml: dataset.valid_fraction: found true; a number is needed"),
        ("dataset: {length_buckets: [true, 128]}", "job.yaml: dataset.length_buckets[0]: found true; a whole number is needed"),
        ("dataset: {replacements: {temperature: [2, true]}}", "job.yaml: dataset.replacements.temperature[1]: found true; a number is needed"),
        ("dataset: {length_buckets: [off, 128]}", "job.yaml: dataset.length_buckets[0]: found false (or off); a whole number is needed"),
        ("translate: {model: on}", "job.yaml: translate.model: found true; text is needed"),
        ("translate: {memory: on}", "job.yaml: translate.memory: found true; text or off is needed"),
        ("translate: {memory: 5}", "job.yaml: translate.memory: found 5; text or off is needed"),
        ("clean: {duplicate: on}", "job.yaml: clean.duplicate: found true; allowed is 'pair', 'source' or off"),
        ("clean: {duplicate: x}", "job.yaml: clean.duplicate: found 'x'; allowed is 'pair', 'source' or off"),
        ("clean: {max_characters: x}", "job.yaml: clean.max_characters: found 'x'; a whole number or off is needed"),
        ("vocabulary: {kind: on}", "job.yaml: vocabulary.kind: found true; allowed is 'sentencepiece', 'bpe' or 'wordpiece'"),
        ("vocabulary: {size: 1}", "job.yaml: vocabulary.size: found 1; it should be from 64 to 250000"),
        ("dataset: {unit_megabytes: 1e308}", "job.yaml: dataset.unit_megabytes: found 1e+308; it should be from 0.0001 to 100000"),
        ("pretrain: {learning_rate: 0}", "job.yaml: pretrain.learning_rate: found 0; it should be above 0 and at most 10"),
        ("dataset: {length_buckets: [0, 128]}", "job.yaml: dataset.length_buckets[0]: found 0; it should be from 1 to 4096"),
        ("dataset: {replacements: {temperature: [200, 1]}}", "job.yaml: dataset.replacements.temperature[0]: found 200; it should be from 0.01 to 100"),
        ("dataset: {replacements: {temperature: [1, 2]}}", "job.yaml: dataset.replacements.temperature: must be two numbers of which the second is not "
         "the larger one, such as [2.0, 1.0]; found [1.0, 2.0]"),
        ("clean: {max_characters: 1000000000}", "job.yaml: clean.max_characters: must be at most 33554432, or off: got 1000000000"),
        ("clean: {max_characters: '1000000000'}", "job.yaml: clean.max_characters: must be at most 33554432, or off: got 1000000000"),
        ("runner: {workers: 1000000000}", "job.yaml: runner.workers: found 1000000000; it should be from 1 to 10000"),
        ("runner: {workers: 1000}", "job.yaml: runner.workers: found 1000; of the runner local it should be from 1 to 512, one for each processor"),
        ("pretrain: {seed: " + "9" * 5000 + "}", "job.yaml, line 8: not valid YAML: a number of 5000 digits"),
        ("vocabulary: {kind: char}", "job.yaml: vocabulary.kind: found 'char'; allowed is 'sentencepiece', 'bpe' or 'wordpiece'"),
        ("vocabulary: {kind: wordpiece, byte_fallback: true}", "job.yaml: vocabulary.byte_fallback: is not for kind: wordpiece; "
         "use sentencepiece or bpe, or leave it out"),
        ("vocabulary: {symbols: ['a b']}", "job.yaml: vocabulary.symbols: 'a b' must be printable characters without white space"),
        ("clean: {max_length_ratio: x}", "job.yaml: clean.max_length_ratio: found 'x'; a number or off is needed"),
        ("translate: {checks: 3}", "job.yaml: translate.checks: is a section with keys of its own; found 3"),
        ("translate: {checks: {repetitions: 3}}", "job.yaml: translate.checks.repetitions: unknown key; did you mean translate.checks.repetition?"),
        ("translate: {checks: {length_ratio: 0.5}}", "job.yaml: translate.checks.length_ratio: must be at least 1, or off: got 0.5"),
        ("clean: {max_length_ratio: on}", "job.yaml: clean.max_length_ratio: found true; a number or off is needed"),
        ("dataset: {valid_fraction: .nan}", "job.yaml: dataset.valid_fraction: found nan; a finite number is needed"),
        ("model: {d_model: 190}", "job.yaml: model: d_model must be a multiple of num_heads: 190 is not a multiple of 4"),
        ("model: {max_length: 64}", "job.yaml: train.buckets: 128 is more than model.max_length, 64; lower it or raise that"),
        ("dataset: {max_tokens: 129}", "job.yaml: dataset.max_tokens: 129 is more than the last of train.buckets, 128; lower it or raise that"),
        ("runner: {name: spark}", "job.yaml: runner.name: found 'spark'; allowed is 'local', 'flink' or 'dataflow'"),
        ("runner: {name: flink}", "job.yaml: runner.master: is needed for the runner flink"),
        ("pretrain: {ema: 0.9}", "job.yaml: pretrain.ema: unknown key; did you mean train.ema?"),
        ("pretrain: {bad_updates: 0}", "job.yaml: pretrain.bad_updates: found 0; it should be from 1 to 1000"),
        (
            "task: paint",
            "job.yaml: task: found 'paint'; allowed is 'translate', 'summarise' or 'generate'",
        ),
    ],
)  # fmt: skip
def test_messages(load, text, message):
    with pytest.raises(InputError) as caught:
        load(TEN_LINES + text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.stepz=4", "--set train.stepz=4: train.stepz: unknown key; did you mean train.steps?"),
        ("trian.steps=4", "--set trian.steps=4: trian.steps: unknown key; did you mean train.steps?"),
        ("train={stepz: 4}", "--set train={stepz: 4}: train.stepz: unknown key; did you mean train.steps?"),
        ("train=4", "--set train=4: train: is a section with keys of its own; found 4"),
        ("clean.documents=published", "--set clean.documents=published: clean.documents: is a section with keys of its own; found 'published'; such as clean.documents.preset=published"),
        ("train={steps: x, seed: y}", "--set train={steps: x, seed: y}: train.steps: found 'x'; a whole number is needed; also --set train={steps: x, seed: y}: train.seed: found 'y'; a whole number is needed"),
        ("train.seed.x=4", "--set train.seed.x=4: train.seed has no keys of its own"),
        ("train.seed", "--set train.seed: write it as section.key=value, such as train.steps=100"),
        ("=4", "--set =4: write it as section.key=value, such as train.steps=100"),
        ("train.seed=x", "--set train.seed=x: train.seed: found 'x'; a whole number is needed"),
        ("train.buckets=[16, x]", "--set train.buckets=[16, x]: train.buckets[1]: found 'x'; a whole number is needed"),
        ("train.buckets=[8, 1000000]", "--set train.buckets=[8, 1000000]: train.buckets[1]: found 1000000; it should be from 2 to 4096"),
        ("data.train=[", "--set data.train=[, line 1: not valid YAML: expected the node content, but found '<stream end>'"),
        ("data.monolingual.fr=x", "job.yaml: data.monolingual.fr: must be one of the job's languages, en or de"),
    ],
)  # fmt: skip
def test_messages_about_overrides(load, override, message):
    with pytest.raises(InputError) as caught:
        load(TEN_LINES, override)
    assert str(caught.value) == message


def test_a_missing_key_and_what_else_is_wrong(load):
    with pytest.raises(InputError) as caught:
        load("workdir: w\nsource_lang: en\ntrain: {seed: x}\n")
    assert str(caught.value) == (
        "job.yaml: target_lang: is missing; it has no default; also train.seed: found 'x'; "
        "a whole number is needed"
    )
    with pytest.raises(InputError) as caught:
        load("workdir: w\nsource_lang: en\ntarget_lang: German language\n")
    assert str(caught.value) == (
        "job.yaml: target_lang: found 'German language'; "
        "a language code such as en or pt-BR is needed"
    )


def test_overrides(load):
    job = load(
        TEN_LINES,
        "train.steps=10",  # in place of the file's minutes
        "train.steps=20",
        "data.train=[a.tsv, b.tsv]",
        "data.monolingual.de=[c.txt]",
        "model={preset: small}",
        "runner.options.temp_location=/tmp",
        "clean.leak=off",
        "translate.output=a=b",
    )
    assert (job.train.minutes, job.train.steps) == (None, 20)
    assert job.data.train == ("a.tsv", "b.tsv")
    assert job.data.monolingual == {"de": ("c.txt",)}
    assert job.model.preset == "small"
    assert job.runner.options == {"temp_location": "/tmp"}
    assert job.clean.leak is False
    assert job.translate.output == "a=b"


@pytest.mark.parametrize(
    ("overrides", "fraction", "hidden"),
    [
        ([], 0.25, 0.15),
        (["model.preset=electra-small"], 0.25, 0.15),
        (["model.preset=electra-base"], 1 / 3, 0.15),
        (["model.preset=electra-large"], 0.25, 0.25),
        (["model.preset=electra-base", "pretrain.generator_fraction=0.5"], 0.5, 0.15),
    ],
)
def test_a_published_size_is_pretrained_as_published(load, overrides, fraction, hidden):
    """Clark et al. 2020, table 6; what the job says wins, and so it does in the resolved file."""
    job = load(TEN_LINES, *overrides)
    found = job.pretrain
    assert (found.generator_fraction, found.mask_fraction) == (fraction, hidden)
    assert load_job(save_resolved(job)).pretrain == found


def test_the_resolved_file_loads_to_the_same_job(load, tmp_path):
    job = load(TEN_LINES, "clean.duplicate=off", "data.source_field='5e-4'", "model.d_model=64")
    path = save_resolved(job)
    assert path == "work/en-de/job.resolved.yaml"
    assert (tmp_path / path).read_text() == resolved_text(job)
    assert load_job(path) == dataclasses.replace(job, model=job.model.resolved())
    assert load_job(path).model.num_layers == 4


def test_a_work_folder_that_cannot_be_one(load, tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(InputError, match="workdir: cannot write to 'taken/en-de': Not a directory"):
        save_resolved(load(TEN_LINES, "workdir=taken/en-de"))


def test_averages_are_switched_off_by_name(load):
    job = load(TEN_LINES, "train.ema=off", "train.average=off", "train.patience=off")
    assert job == load(TEN_LINES)
    assert "  ema: false" in resolved_text(job)
    assert load(TEN_LINES, "train.ema=0.99").train.ema == 0.99
    with pytest.raises(InputError, match=r"train\.ema: found true; a number or off is needed"):
        load(TEN_LINES, "train.ema=on")
    with pytest.raises(InputError, match="train.ema: must be at most 0.99999, or off: got 2"):
        load(TEN_LINES, "train.ema=2")


def test_nothing_in_a_job_can_be_changed(load):
    with pytest.raises(dataclasses.FrozenInstanceError):
        load(TEN_LINES).workdir = "elsewhere"


def test_documents_need_a_place_for_their_translations(load):
    with pytest.raises(InputError, match=r"^job\.yaml: translate\.output: is missing; name the"):
        load(TEN_LINES, "translate.input=[docs/*.txt]")
