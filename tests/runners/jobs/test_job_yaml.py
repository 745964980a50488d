# ruff: noqa: E501 - tables of messages are easier to read unbroken

import pytest

from electra_model.errors import InputError
from runners.jobs import job_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5e-4", 5e-4),
        ("1E3", 1000.0),
        (".5", 0.5),
        ("1_000", 1000),
        ("010", 10),
        ("1:30", "1:30"),
        ("no", "no"),
        ("yes", "yes"),
        ("off", False),
        ("true", True),
        ("~", None),
        ("", None),
        ("2024-01-31", "2024-01-31"),
        ("[a.tsv, b.tsv]", ["a.tsv", "b.tsv"]),
        ("{no: 1, 5: 2, off: 3}", {"no": 1, "5": 2, "off": 3}),
        ("'5e-4'", "5e-4"),
    ],
)
def test_values(text, value):
    found = job_yaml.parse(text, "here")
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", "job.yaml, line 3: not valid YAML: the key 'a' comes twice"),
        ("a:\n  b: 1\n  b: 2", "job.yaml, line 3: not valid YAML: the key 'b' comes twice"),
        ("a: 1\n\tb: 2", r"job.yaml, line 2: not valid YAML: found character '\t' that cannot start any token"),
        ("a: &x 1\nb: *x", "job.yaml, line 2: not valid YAML: anchors and aliases are not used in job files"),
        ("a: 1\n? [b]\n: 2", "job.yaml, line 2: not valid YAML: a key must be a plain word"),
        ("a: 1\n---\nb: 1", "job.yaml, line 2: not valid YAML: but found another document"),
    ],
)  # fmt: skip
def test_what_is_refused(text, message):
    with pytest.raises(InputError) as caught:
        job_yaml.parse(text, "job.yaml")
    assert str(caught.value) == message


def test_tags_that_make_objects_are_refused(tmp_path):
    witness = tmp_path / "witness"
    with pytest.raises(InputError, match="line 1: not valid YAML: could not determine"):
        job_yaml.parse(f"a: !!python/object/apply:os.mkdir ['{witness}']", "job.yaml")
    assert not witness.exists()


def test_deep_nesting_is_refused():
    with pytest.raises(InputError, match="nested too deeply"):
        job_yaml.parse("[" * 5000, "job.yaml")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"# only a comment\n", "is empty"),
        (b"- a\n- b\n", "must consist of `key: value` lines; found a list"),
        (b"just text", "must consist of `key: value` lines; found 'just text'"),
        (b"\x89PNG\r\n\x1a\n", "is not UTF-8 text"),
        (b"a: \x00b", "is a binary file"),
        (b"a: b\n" * 300_000, "has more than 1048576 bytes"),
    ],
)
def test_files_that_are_no_job_files(tmp_path, content, message):
    path = tmp_path / "job.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        job_yaml.read(str(path))
    assert str(caught.value).startswith(f"{path}: {message}")


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(InputError, match="there is no such job file; `electra init NAME`"):
        job_yaml.read(str(tmp_path / "none.yaml"))
    with pytest.raises(InputError, match="is a folder; name the job file"):
        job_yaml.read(str(tmp_path))


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path):
    (tmp_path / "job.yaml").write_bytes(b"\xef\xbb\xbfa: 1\r\n")
    assert job_yaml.read(str(tmp_path / "job.yaml")) == {"a": 1}


def test_what_is_dumped_reads_back():
    value = {
        "a": "5e-4", "b": "no", "c": "off", "d": None, "e": [1e-9, 2, "x: y"], "f": "null", "g": "ä",
        "h": {"yes": True, "list": []}, "i": "1_000", "j": "", "k": "2024-01-31", "l": "#",
    }  # fmt: skip
    assert job_yaml.parse(job_yaml.dump(value), "here") == value
