import glob
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import pytest
from apache_beam.io.filesystem import FileMetadata, MatchResult
from apache_beam.io.localfilesystem import LocalFileSystem

from electra_model.errors import InputError, WorkError
from pipelines import files
from pipelines.config import TranslateConfig
from pipelines.memory import memory, memory_compaction, memory_files
from pipelines.memory.memory import Memory, MemoryPlace
from pipelines.translate import plan_translate
from pipelines.translation.outcome import Outcome
from tests.pipelines import shouting
from tests.pipelines.shouting import ROOT, config, snapshot


class Translator:
    """Answers in capitals, with a flag and no score where there is a question mark, and with
    nothing for "mute"; remembers what it was asked."""

    def __init__(self):
        self.asked = []

    def __call__(self, segments):
        self.asked.append(list(segments))
        return [
            Outcome(segment.upper(), None, ("asks", "short"))
            if "?" in segment
            else Outcome("" if segment == "mute" else segment.upper(), -len(segment) / 10)
            for segment in segments
        ]


@pytest.fixture
def where(tmp_path):
    return MemoryPlace(str(tmp_path / "memory"), '[1, {"model": "m"}]')


def parts(where):
    return sorted(memory_files.sizes(where.path))


SEGMENTS = ["one", "two?", "one", "mute", "", "fünf 😀", "\\n\0x"]


def test_what_was_translated_is_not_translated_again(where):
    translate = Translator()
    first, remembered = Memory(where).answer(SEGMENTS, translate)
    assert remembered == 0
    assert translate.asked == [["one", "two?", "mute", "", "fünf 😀", "\\n\0x"]]
    assert first[:4] == [
        Outcome("ONE", -0.3), Outcome("TWO?", None, ("asks", "short")), Outcome("ONE", -0.3),
        Outcome("", -0.4),
    ]  # fmt: skip

    again, remembered = Memory(where).answer([*SEGMENTS[::-1], "new", "new"], translate)
    assert again == [*first[::-1], Outcome("NEW", -0.3), Outcome("NEW", -0.3)]
    assert (remembered, translate.asked[1:]) == (7, [["new"]])
    assert Memory(where).answer([], translate) == ([], 0)
    about = pathlib.Path(where.path, "settings.json")
    assert json.loads(about.read_text()) == {"model": "m"}


def test_what_another_process_adds_is_found_at_once(where):
    one, other = Memory(where), Memory(where)
    translate = Translator()
    one.answer(["a", "b"], translate)
    assert other.answer(["b", "c"], translate)[1] == 1
    assert one.answer(["c", "a"], translate)[1] == 2
    assert translate.asked == [["a", "b"], ["c"]]


def test_every_setting_but_the_names_of_fields_is_part_of_a_key(place):
    (place / "docs" / "a.txt").write_text("one\n")

    def key(**changes):
        settings = config(**changes)
        plan = plan_translate(settings)
        found = memory.place_of(settings, plan.output, plan.settings)
        assert found is not None and found.folder == "out/_electra/memory"
        return found.path, Memory(found).key("one")

    first = key()
    assert key(output_field="x", text_field="1") == first
    assert key(alignments=True, beam_size=4, n_best=3) == first, "details are told of what is known"
    others = [key(beam_size=1), key(length_penalty=1.0), key(max_length=9)]
    shouting.write_model_card(place / "model", "another")
    others.append(key())
    shouting.write_model_card(place / "model", task="summarise")
    others.append(key())
    assert len({first, *others}) == 6
    assert len({path for path, _ in (first, *others)}) == 6


def test_a_damaged_file_is_put_aside_and_costs_its_translations(where):
    translate = Translator()
    Memory(where).answer(["a", "b"], translate)
    (bad,) = parts(where)
    Memory(where).answer(["c"], translate)
    path = pathlib.Path(where.path, bad)
    known = Memory(where)
    assert known.weight(["a", "b"]) == 1  # it knows the keys, and the file goes bad
    content = path.read_bytes()
    middle = content.index(b"A", 100) if b"A" in content[100:400] else 200
    path.write_bytes(content[:middle] + bytes(40) + content[middle + 40 :])
    assert known.answer(["a", "b", "c"], translate) == (
        [Outcome("A", -0.1), Outcome("B", -0.1), Outcome("C", -0.1)],
        1,
    )
    assert memory_files.damaged(where.path) == [f"{path}.damaged"]
    assert Memory(where).answer(["a", "b", "c"], translate)[1] == 3
    assert translate.asked == [["a", "b"], ["c"], ["a", "b"]]


def test_a_file_that_compaction_takes_away_is_looked_for_again(where, monkeypatch):
    translate = Translator()
    for word in ("a", "b", "c"):
        Memory(where).answer([word], translate)
    reader = Memory(where)
    listed = memory_files.sizes
    compacted = []

    def sizes(folder):
        found = listed(folder)
        if len(compacted) < 2:
            compacted.append(folder)
            Memory(where).answer([f"new {len(compacted)}"], translate)
            memory_compaction.compact(folder)
        return found

    monkeypatch.setattr(memory_files, "sizes", sizes)
    assert reader.answer(["c", "b", "a"], translate)[1] == 3
    assert len(parts(where)) == 1


def test_many_small_files_are_made_one_while_a_run_goes_on(where):
    found = Memory(where)
    translate = Translator()
    for number in range(150):
        found.answer([f"segment {number}"], translate)
        assert len(parts(where)) <= memory._MANY + 2
    assert found.answer([f"segment {n}" for n in range(150)], translate)[1] == 150


def test_weight_is_what_there_is_to_do(where):
    found = Memory(where)
    assert found.weight(()) == 1
    assert found.weight(["a", "b", "a"]) == 2
    found.answer([f"known {n}" for n in range(200)], Translator())
    found.answer(["a"], Translator())
    assert Memory(where).weight([f"known {n}" for n in range(200)]) == 4
    assert Memory(where).weight([f"known {n}" for n in range(190, 210)]) == 10


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("file", "translate.memory: file: .*/file is not a folder; name another one"),
        ("file/below", "translate.memory: file/below: .*/file is not a folder"),
        ("docs", "translate.memory: docs: the input docs/a.txt lies in it; name another folder"),
        ("out/memory", "translate.memory: out/memory: lies among the translations; name a folder"),
        ("out/_electra/ready", "translate.memory: out/_electra/ready: lies among"),
        ("out", "translate.memory: out: lies among the translations"),
    ],
)
def test_places_where_a_memory_cannot_be(place, folder, message):
    (place / "file").touch()
    (place / "docs" / "a.txt").write_text("one\n")
    with pytest.raises(InputError, match=message):
        plan_translate(config(memory=folder))
    assert not (place / "out").exists()
    plan_translate(config(memory="elsewhere/new"))
    assert not (place / "elsewhere").exists()


def test_a_memory_that_cannot_be_read(where, monkeypatch):
    Memory(where).answer(["a"], Translator())
    # No file is unreadable for root.
    monkeypatch.setattr(files, "open_read", lambda path: open("/proc/1/mem/none", "rb"))
    with pytest.raises(WorkError, match="the translation memory cannot be read: Not a directory"):
        Memory(where).answer(["a"], Translator())


# --- whole runs ----------------------------------------------------------------------------------


class Asked(shouting.ShoutingModel):
    """Writes down what it was asked, in the current folder."""

    def translate(self, texts, **settings):
        with open("asked", "a") as log:
            log.writelines(f"{text}\n" for text in texts)
        return super().translate(texts, **settings)


def run(**changes):
    """Runs; gives all that the model was asked."""
    pathlib.Path("asked").write_text("")
    shouting.run(config(**changes), lambda model_dir: Asked("0123456789abcdef"))
    return pathlib.Path("asked").read_text().splitlines()


def write_documents(folder, sentences, each=40):
    """Files of rows of two sentences; every fifth sentence comes twice."""
    for start in range(0, len(sentences), each):
        some = sentences[start : start + each]
        rows = [f"{a} {b}" for a, b in zip(some[::2], some[1::2], strict=True)]
        text = "\n".join(json.dumps({"text": row}) for row in [*rows, *rows[::5]])
        (folder / f"{start:04}.jsonl").write_text(text)


def test_one_per_cent_changed_costs_one_per_cent_and_gives_the_same_bytes(place):
    sentences = [f"Sentence number {n} of {n % 7}." for n in range(400)]
    write_documents(place / "docs", sentences)
    first = run(output="first", memory="memory", unit_segments=20)
    assert sorted(first) == sorted({*sentences})
    assert run(output="again", memory="memory") == []
    assert snapshot("again") == snapshot("first")

    random.Random(5).shuffle(sentences)
    changed = [f"Changed {n}." for n in range(4)]
    sentences[100:104] = changed
    for path in (place / "docs").iterdir():
        path.unlink()
    write_documents(place / "docs", sentences, each=50)
    assert run(output="with", memory="memory", unit_segments=7) == changed
    run(output="without", memory=False)
    assert snapshot("with") == snapshot("without")
    assert not (place / "with" / "_electra" / "memory").exists()
    assert not (place / "without" / "_electra" / "memory").exists()


def test_by_default_the_memory_lies_in_the_output_folder(place):
    path = place / "docs" / "a.txt"
    path.write_text("One. Two.\nMute.\n")
    assert sorted(run()) == ["Mute.", "One.", "Two."]
    path.write_text("Two. Three.\nMute.\n")
    assert run() == ["Three."]
    assert (place / "out" / "a.txt").read_text() == "TWO. THREE.\n\n"
    run(output="anew", memory=False)
    assert snapshot("out") == snapshot("anew")


def test_whole_texts_are_remembered_too(place):
    shouting.write_model_card(place / "model", task="summarise")
    long = " ".join(f"Sentence {n} here." for n in range(9))
    (place / "docs" / "a.jsonl").write_text(
        "\n".join(json.dumps({"text": text}) for text in (long, "short  one", long))
    )
    assert len(run(memory="memory")) == 2
    assert run(memory="memory", output="again") == []
    run(memory=False, output="without")
    assert snapshot("out") == snapshot("again") == snapshot("without")
    assert b"source_cut" in snapshot("again")["a.jsonl"]


SLOWLY = """
import sys, time
from tests.pipelines import shouting

class Slow(shouting.ShoutingModel):
    def translate(self, texts, **settings):
        time.sleep(0.04)
        with open(sys.argv[1] + ".asked", "a") as log:
            log.writelines(text + "\\n" for text in texts)
        return super().translate(texts, **settings)

shouting.run(
    shouting.config(output=sys.argv[1], memory="memory", unit_segments=10),
    lambda model_dir: Slow("0123456789abcdef"),
)
"""


def start(output):
    return subprocess.Popen(
        [sys.executable, "-c", SLOWLY, output],
        env=os.environ | {"PYTHONPATH": ROOT},
        stderr=subprocess.DEVNULL,
    )


@pytest.mark.parametrize("kills", [1, pytest.param(6, marks=pytest.mark.slow)])
@pytest.mark.slow
def test_two_runs_that_share_a_memory_and_are_killed(place, kills):
    sentences = [f"Sentence number {n}." for n in range(400)]
    write_documents(place / "docs", sentences)
    run(output="without", memory=False)
    draw = random.Random(kills)
    found = pathlib.Path("memory")
    for number in range(kills):
        both = [start("left"), start("right")]
        already = len([*found.rglob("*.parquet")])
        while len([*found.rglob("*.parquet")]) < already + 2 and both[0].poll() is None:
            time.sleep(0.01)
        time.sleep(draw.uniform(0, 0.5))
        for process in both:
            process.send_signal(signal.SIGKILL)
            process.wait()
        if not number:
            for folder in found.iterdir():
                memory_compaction.compact(str(folder))
    both = [start("left"), start("right")]
    assert [process.wait() for process in both] == [0, 0]
    assert snapshot("left") == snapshot("right") == snapshot("without")
    asked = "".join((place / f"{side}.asked").read_text() for side in ("left", "right"))
    asked = asked.splitlines()
    assert set(asked) == {*sentences}
    assert len(asked) < 2 * len(sentences)
    # What either of them was asked is there for a third.
    assert run(output="third", memory="memory") == []
    assert snapshot("third") == snapshot("without")


class Shelf(LocalFileSystem):
    """A file system of Beam's that is reached by its scheme alone, as an object store is."""

    @classmethod
    def scheme(cls):
        return "shelf"

    def join(self, basepath, *paths):
        return files.join(basepath, *paths)

    def _path(self, path):
        return path.removeprefix("shelf://")

    def mkdirs(self, path):
        raise AssertionError("an object store has no folders")

    def match(self, patterns, limits=None):
        found = {pattern: glob.glob(self._path(pattern)) for pattern in patterns}
        return [
            MatchResult(
                pattern, [FileMetadata(f"shelf://{path}", os.path.getsize(path)) for path in paths]
            )
            for pattern, paths in found.items()
        ]

    def create(self, path, *arguments, **settings):
        os.makedirs(os.path.dirname(self._path(path)), exist_ok=True)
        return super().create(self._path(path), *arguments, **settings)

    def open(self, path, *arguments, **settings):
        return super().open(self._path(path), *arguments, **settings)

    def exists(self, path):
        return os.path.isfile(self._path(path))

    def rename(self, source_file_names, destination_file_names):
        super().rename(
            [self._path(path) for path in source_file_names],
            [self._path(path) for path in destination_file_names],
        )

    def delete(self, paths):
        for path in paths:
            os.unlink(self._path(path))


def test_a_memory_in_an_object_store(place):
    remote = f"shelf://{place}/store"
    write_documents(place / "docs", [f"Sentence {n}." for n in range(80)])
    run(output="first", memory=remote, unit_segments=10)
    (folder,) = (place / "store").iterdir()
    path = f"{remote}/{folder.name}"
    for _ in range(2):
        assert run(output="again", memory=remote) == []
        assert snapshot("again") == snapshot("first")
        memory_compaction.compact(path)
        assert len(memory_files.sizes(path)) == 1
        files.remove_tree("again")
    (name,) = memory_files.sizes(path)
    (folder / name).write_bytes(b"damaged")
    assert len(run(output="again", memory=remote)) == 80
    assert snapshot("again") == snapshot("first")
    assert memory_files.damaged(path) == [f"{path}/{name}.damaged"]


def test_the_configuration_names_it():
    assert TranslateConfig().memory is None
    assert memory.folder_of(TranslateConfig(), "gs://b/out") == "gs://b/out/_electra/memory"
    assert memory.folder_of(TranslateConfig(memory="m"), "out") == "m"
    assert memory.folder_of(TranslateConfig(memory=False), "out") is None
