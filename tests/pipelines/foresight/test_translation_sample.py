import gzip
import json

import pytest

from electra_model.errors import InputError
from pipelines.config import TranslateConfig
from pipelines.foresight import translation_sample

CARD = {"task": "translate", "source_lang": "en", "target_lang": "de"}


def sentence(number):
    return f"This is sentence number {number} of many."


def drawn(tmp_path, pattern, **options):
    config = TranslateConfig(input=(str(tmp_path / pattern),), output="out", **options)
    return translation_sample.draw(config, CARD, str(tmp_path / "elsewhere"))


def test_a_small_file_is_read_as_a_whole(tmp_path):
    rows = [f"{sentence(n)} {sentence(n + 1)}\n" for n in range(0, 40, 2)]
    (tmp_path / "a.txt").write_text("".join(rows))
    found = drawn(tmp_path, "*.txt")
    assert list(found.segments) == [sentence(n) for n in range(40)]
    assert found.all_segments == 40
    assert found.text_bytes == found.all_bytes == len("".join(rows))


@pytest.mark.parametrize("packed", [False, True])
def test_of_a_large_file_stretches_are_read(tmp_path, packed):
    rows = "".join(json.dumps({"text": sentence(n)}) + "\n" for n in range(50_000)).encode()
    name = "a.jsonl.gz" if packed else "a.jsonl"
    (tmp_path / name).write_bytes(gzip.compress(rows) if packed else rows)
    found = drawn(tmp_path, "*.jsonl*")
    assert 300 < len(found.segments) < 1500
    assert set(found.segments) <= {sentence(n) for n in range(50_000)}
    if not packed:  # of a compressed file it shows only then how large it is
        assert 45_000 < found.all_segments < 55_000
        numbers = [int(text.split()[4]) for text in found.segments]
        assert min(numbers) < 10_000 and max(numbers) > 30_000


def test_many_files_are_not_all_read(tmp_path):
    for number in range(900):
        (tmp_path / f"{number:03}.txt").write_text(sentence(number) + "\n")
    found = drawn(tmp_path, "*.txt")
    assert 512 <= len(found.segments) < 900
    assert 880 < found.all_segments < 920


def test_headers_and_whole_documents_are_read_as_a_run_reads_them(tmp_path):
    (tmp_path / "a.csv").write_text(f"id,text\n1,{sentence(1)}\n2,{sentence(2)}\n")
    (tmp_path / "b.md").write_text(f"# {sentence(3)}\n\n    code\n\n{sentence(4)}\n")
    found = drawn(tmp_path, "*.*")
    assert sorted(found.segments) == [sentence(n) for n in (1, 2, 3, 4)]


def test_empty_files_have_nothing(tmp_path):
    (tmp_path / "a.txt").write_text("")
    assert drawn(tmp_path, "a.txt").all_segments == 0


def test_a_missing_column_is_told(tmp_path):
    (tmp_path / "a.csv").write_text("id,words\n1,some\n")
    with pytest.raises(InputError, match="text"):
        drawn(tmp_path, "a.csv")
