"""Provenance on columns, and of whole jobs: every token is looked up in the input."""

import collections
import dataclasses
import io
import json
import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from electra_model import features
from electra_model.tokenizer import EOS_ID, Tokenizer
from pipelines import prepare
from pipelines.dataset import completion, provenance
from runners.engines import engines
from tests.pipelines.small_jobs import make_config, read_info, run, sentences, tree, write_tsv

PAIRS = sentences(240)
TRAIN, MORE, TEST = PAIRS[:150], PAIRS[150:200], PAIRS[200:220]
DOCUMENTS = [" ".join(source for source, _ in PAIRS[n : n + 6]) for n in (220, 226, 232)]
SETTINGS = {
    "provenance": True,
    "records_per_shard": 60,
    "window_length": 16,
    "max_tokens": 64,
    "unit_megabytes": 0.002,
    "valid_fraction": 0.1,
}


def test_pieces_of_windows_as_in_the_documentation_of_the_format():
    pieces = provenance.pieces_of_windows(np.array([0, 3, 5, 8]), 6)
    assert pieces.record.tolist() == [0, 0, 0, 1]
    assert pieces.start.tolist() == [0, 3, 5, 0]
    assert pieces.length.tolist() == [3, 2, 1, 2]
    assert pieces.text.tolist() == [0, 1, 2, 2]


@pytest.mark.parametrize(
    ("offsets", "length", "expected"),
    [
        ([0], 4, []),
        ([0, 4, 8], 4, [(0, 0, 4, 0), (1, 0, 4, 1)]),
        ([0, 9], 4, [(0, 0, 4, 0), (1, 0, 4, 0), (2, 0, 1, 0)]),
        ([0, 0, 2, 2, 3, 3], 4, [(0, 0, 2, 1), (0, 2, 1, 3)]),  # empty texts have no piece
    ],
)
def test_pieces_of_windows(offsets, length, expected):
    pieces = provenance.pieces_of_windows(np.array(offsets, np.int64), length)
    columns = (pieces.record, pieces.start, pieces.length, pieces.text)
    assert [*zip(*(column.tolist() for column in columns), strict=True)] == expected


def test_pairs_have_a_piece_for_each_side():
    pieces = provenance.pieces_of_pairs(np.array([0, 2, 5]), np.array([0, 4, 5]))
    assert pieces.record.tolist() == pieces.text.tolist() == [0, 0, 1, 1]
    assert pieces.start.tolist() == [0, 0, 0, 0]
    assert pieces.length.tolist() == [2, 4, 3, 1]
    assert pieces.side is not None and pieces.side.tolist() == [0, 1, 0, 1]
    nothing = provenance.pieces_of_pairs(np.zeros(1, np.int64), np.zeros(1, np.int64))
    assert len(nothing.record) == 0


def test_pieces_of_packed_pairs():
    """Two pairs in the first record, one in the second; places are those of each side's own ids."""
    offsets = np.array([0, 2, 5, 9]), np.array([0, 4, 5, 7])
    pieces = provenance.pieces_of_pairs(*offsets, np.array([0, 2, 3]))
    assert pieces.record.tolist() == [0, 0, 0, 0, 1, 1]
    assert pieces.start.tolist() == [0, 0, 2, 4, 0, 0]
    assert pieces.length.tolist() == [2, 4, 3, 1, 4, 2]
    assert pieces.text.tolist() == [0, 0, 1, 1, 2, 2]
    assert pieces.side is not None and pieces.side.tolist() == [0, 1, 0, 1, 0, 1]


def test_origins_stand_in_the_order_of_the_texts():
    batch = provenance.origins([("target", np.array([4, 9])), ("text", np.array([2]))])
    assert batch.to_pydict() == {"row": [4, 9, 2], "side": [1, 1, 3]}
    assert provenance.origins([]).num_rows == 0


def test_a_file_of_no_lines_can_be_read():
    data = provenance.to_bytes(provenance.LINES.empty_table())
    table = pq.read_table(io.BytesIO(data))
    assert table.num_rows == 0 and table.schema.equals(provenance.LINES)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Pairs in two files of several units, with bad records between good ones, and documents."""
    folder = tmp_path_factory.mktemp("provenance")
    lines = [f"{source}\t{target}\n" for source, target in TRAIN]
    for place, bad in ((3, "one column\n"), (50, "\n"), (90, "12 34\t56 78\n"), (91, lines[0])):
        lines.insert(place, bad)
    lines.insert(120, "the " * 90 + "\t" + "das " * 90 + "\n")  # more than max_tokens
    (folder / "train.tsv").write_text("".join(lines))
    with open(folder / "more.jsonl", "w") as stream:
        stream.write("{oops\n")
        for source, target in MORE:
            stream.write(json.dumps({"target": target, "source": source}) + "\n")
    write_tsv(folder / "test.tsv", TEST)
    (folder / "docs.txt").write_text("12\n" + "".join(f"{text}\n" for text in DOCUMENTS))
    return folder


def job(folder, name, **dataset):
    return make_config(
        folder,
        name,
        train=[str(folder / "train.tsv"), str(folder / "more.jsonl")],
        test=[str(folder / "test.tsv")],
        monolingual={"en": [str(folder / "docs.txt")]},
        dataset={**SETTINGS, **dataset},
    )


@pytest.fixture(
    scope="module",
    params=[pytest.param(False, marks=pytest.mark.slow), True],
    ids=["sides", "pairs"],
)
def made(request, folder):
    config = job(folder, f"work-{request.param}", pair_windows=request.param)
    run(config)
    return config


@pytest.fixture(scope="module")
def traced(folder):
    config = job(folder, "traced")
    run(config)
    return config


def read_unit(unit):
    """The records of a unit, read without the readers: {side: text} or {"text"} of each row."""
    with open(unit.path, "rb") as stream:
        data = stream.read()
    rows, start, stop = [], 0, len(data) if unit.stop < 0 else unit.stop
    for line in data.splitlines(keepends=True):
        if unit.start <= start < stop:  # a line is of the unit that it begins in
            rows.append(read_line(unit.path, line.decode().rstrip("\n")))
        start += len(line)
    return rows


def parts_of(ids):
    """What stands up to the first end mark, and what stands behind it."""
    end = ids.index(EOS_ID) + 1 if EOS_ID in ids else len(ids)
    return [part for part in (ids[:end], ids[end:]) if part]


def read_line(path, line):
    if path.endswith(".txt"):
        return {"text": line}
    if path.endswith(".jsonl"):
        return json.loads(line) if line != "{oops" else {}
    return dict(zip(("source", "target"), line.split("\t"), strict=False))


def shards_of(config):
    """(split, records as lists of {name: ids}, the lines of their provenance) of each shard."""
    for split, described in read_info(config)["splits"].items():
        names = features.WINDOW if split == "pretrain" else features.PAIR
        for shard in described["shards"]:
            path = f"{config.workdir}/dataset/{shard['file']}"
            packed = "GZIP" if path.endswith(".gz") else ""
            serialized = [*tf.data.TFRecordDataset(path, packed).as_numpy_iterator()]
            parsed = features.parse_examples(tf.constant(serialized, tf.string), names)
            columns = {name: parsed[name].to_list() for name in names}
            table = pq.read_table(f"{config.workdir}/dataset/{shard['provenance']['file']}")
            assert table.schema.equals(provenance.LINES)
            assert table.num_rows == shard["provenance"]["lines"]
            yield split, columns, table.to_pylist()


def tokens_of(columns, line):
    """The ids that a line tells of."""
    name = "token_ids" if "token_ids" in columns else f"{line['side']}_ids"
    ids = columns[name][line["record"]][line["start"] :][: line["length"]]
    assert len(ids) == line["length"] > 0
    return ids


def test_every_piece_is_found_in_the_named_row_of_the_named_file(made):
    units = {unit.id: unit for unit in prepare.plan_prepare(made).units}
    assert len(units) > 6
    rows = {name: read_unit(unit) for name, unit in units.items()}
    tokenizer = Tokenizer.load(f"{made.workdir}/vocabulary")

    told = [
        (split, line, parts_of(tokens_of(columns, line)))
        for split, columns, lines in shards_of(made)
        for line in lines
    ]
    parts = [part for *_, found in told for part in found]
    texts = iter(tokenizer.decode(tf.ragged.constant(parts, tf.int32)).numpy())
    checked = collections.Counter()
    for split, line, found in told:
        assert line["file"] == units[line["unit"]].path
        row = rows[line["unit"]][line["row"]]
        decoded = [next(texts).decode() for _ in found]
        checked[split, line["side"]] += 1
        if split != "pretrain":
            assert decoded == [row[line["side"]]]
        elif line["side"] != "pair":
            assert len(decoded) == 1 and decoded[0] in row[line["side"]]
        elif [part[-1] for part in found] == [EOS_ID] * 2:  # the whole pair
            assert sorted(decoded) == sorted(row.values())
        else:
            assert all(any(part in text for text in row.values()) for part in decoded)
    pair_sides = {"pair"} if made.dataset.pair_windows else {"source", "target"}
    assert {side for split, side in checked if split == "pretrain"} == {*pair_sides, "text"}
    for split in ("train", "valid", "test"):
        count = read_info(made)["splits"][split]["records"]
        assert checked[split, "source"] == checked[split, "target"] == count > 10


def test_every_token_of_every_record_is_told_of_once(made):
    for split, columns, lines in shards_of(made):
        assert lines == sorted(lines, key=lambda line: line["record"])  # stable: by start as well
        place = collections.Counter()
        for line in lines:
            key = line["record"], line["side"] if split != "pretrain" else "window"
            assert line["start"] == place[key]
            place[key] += line["length"]
        names = {"source": "source_ids", "target": "target_ids", "window": "token_ids"}
        expected = {
            (record, side): len(ids)
            for side, name in names.items()
            if name in columns
            for record, ids in enumerate(columns[name])
        }
        assert place == expected


def test_the_tokens_of_a_row_are_all_there(made):
    """Together the pieces of a text in windows have the tokens of the text, and no others."""
    units = {unit.id: unit for unit in prepare.plan_prepare(made).units}
    rows = {name: read_unit(unit) for name, unit in units.items()}
    found = collections.defaultdict(collections.Counter)
    for split, columns, lines in shards_of(made):
        for line in lines if split == "pretrain" else ():
            found[line["unit"], line["row"], line["side"]].update(tokens_of(columns, line))
    tokenizer = Tokenizer.load(f"{made.workdir}/vocabulary")
    for (unit, row, side), tokens in found.items():
        fields = rows[unit][row]
        texts = [*fields.values()] if side == "pair" else [fields[side]]
        assert tokens == collections.Counter(tokenizer.encode_columns(texts)[0].tolist())
    records = read_info(made)["splits"]["train"]["records"]
    assert len(found) == records * (1 if made.dataset.pair_windows else 2) + len(DOCUMENTS)


def test_each_row_went_into_a_record_or_was_rejected(traced):
    """In = out + rejected, row by row."""
    used = set()
    for _, _, lines in shards_of(traced):
        used |= {(line["file"], line["unit"], line["row"]) for line in lines}
    rejected = set()
    for name in os.listdir(f"{traced.workdir}/dataset/samples"):
        with open(f"{traced.workdir}/dataset/samples/{name}") as stream:
            for row in map(json.loads, stream):
                rejected.add((row["path"], row["unit"], row["row"]))
    every = {
        (unit.path, unit.id, row)
        for unit in prepare.plan_prepare(traced).units
        for row in range(len(read_unit(unit)))
    }
    assert used | rejected == every and not used & rejected
    assert len(rejected) == 7  # five in train.tsv, one each in more.jsonl and docs.txt


def test_files_have_the_names_and_checksums_that_are_told(traced):
    digests = tree(traced)
    files = []
    for described in read_info(traced)["splits"].values():
        for shard in described["shards"]:
            told = shard["provenance"]
            assert told["file"] == "provenance/" + shard["file"].split(".")[0] + ".parquet"
            assert digests[f"dataset/{told['file']}"] == told["sha256"]
            size = os.path.getsize(f"{traced.workdir}/dataset/{told['file']}")
            assert size == told["bytes"]
            files.append(told["file"].removeprefix("provenance/"))
    assert sorted(os.listdir(f"{traced.workdir}/dataset/provenance")) == sorted(files)
    assert "train-00000-of-00003.parquet" in files


def test_dictionaries_hold_what_is_met(traced):
    (shard,) = read_info(traced)["splits"]["test"]["shards"]
    table = pq.read_table(f"{traced.workdir}/dataset/{shard['provenance']['file']}")
    (names,) = table.column("file").chunks
    assert isinstance(names, pa.DictionaryArray)
    assert names.dictionary.to_pylist() == [traced.data.test[0]]


@pytest.mark.slow  # `test_prepare` has one for all options at once
def test_two_processes_give_the_same_bytes(folder, traced):
    other = job(folder, "two")
    two = engines.RunnerConfig(workers=2)
    run(other, engines.pipeline_runner(two), engines.pipeline_options(two))
    assert tree(other) == tree(traced)


@pytest.mark.parametrize("compression", ["none", "gzip"])
@pytest.mark.slow
def test_shards_are_what_they_are_without(folder, traced, compression):
    plain = job(folder, f"plain-{compression}", provenance=False, compression=compression)
    run(plain)
    with_it = dataclasses.replace(
        plain, dataset=dataclasses.replace(plain.dataset, provenance=True)
    )
    before = tree(plain)
    assert not os.path.exists(f"{plain.workdir}/dataset/provenance")
    assert all(
        "provenance" not in shard
        for described in read_info(plain)["splits"].values()
        for shard in described["shards"]
    )
    run(with_it)
    after = tree(with_it)
    found = {name: digest for name, digest in after.items() if "/provenance/" in name}
    expected = {name: digest for name, digest in tree(traced).items() if "/provenance/" in name}
    assert found == expected and len(found) > 5  # packing the shards changes nothing in them
    info = "dataset/dataset_info.json"
    assert {n: d for n, d in after.items() if n not in found and n != info} == {
        n: d for n, d in before.items() if n != info
    }
    run(plain)  # what is not asked for any more is removed
    assert tree(plain) == before
    assert not os.path.exists(f"{plain.workdir}/dataset/provenance")


@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_what_is_lost_is_made_again(folder, damage):
    config = job(folder, "lost")
    run(config)
    before = tree(config)
    path = f"{config.workdir}/dataset/provenance/train-00001-of-00003.parquet"
    if damage == "gone":
        os.unlink(path)
    else:
        os.truncate(path, os.path.getsize(path) - 1)
    name = "dataset/provenance/train-00001-of-00003.parquet"
    assert completion.missing_file(config.workdir) == name
    assert prepare.completed(config, prepare.plan_prepare(config)) is None
    run(config)
    assert tree(config) == before


@pytest.mark.slow
def test_files_of_other_settings_are_removed(folder):
    config = job(folder, "stale")
    run(config)
    place = f"{config.workdir}/dataset/provenance"
    for name in ("train-00000-of-00009.parquet", "x.parquet.tmp-12-0a1b2c3d"):
        with open(f"{place}/{name}", "w") as stream:
            stream.write("old")
    with open(f"{place}/notes.txt", "w") as stream:
        stream.write("mine")
    run(job(folder, "stale", records_per_shard=1000))
    names = sorted(os.listdir(place))
    assert names == ["notes.txt", *(f"{s}-00000-of-00001.parquet" for s in
                                    ("pretrain", "test", "train", "valid"))]  # fmt: skip


@pytest.mark.slow
def test_a_file_with_a_new_name_is_told_of_by_it(tmp_path):
    """The shards are the same bytes, and their provenance is not."""
    train = write_tsv(tmp_path / "old.tsv", TRAIN)
    dataset = {"provenance": True, "valid_fraction": 0}
    run(make_config(tmp_path, train=[train], dataset=dataset))
    os.rename(train, tmp_path / "new.tsv")
    config = make_config(tmp_path, train=[str(tmp_path / "new.tsv")], dataset=dataset)
    run(config)
    for _, _, lines in shards_of(config):
        assert {line["file"] for line in lines} == {str(tmp_path / "new.tsv")}
