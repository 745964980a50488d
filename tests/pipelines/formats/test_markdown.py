import gzip
import textwrap

import pytest

from pipelines.formats import markdown, registry


def rows_of(path):
    (unit,) = registry.plan([str(path)], ["monolingual:en"], 10)
    registry.check_fields(unit, ["text"])
    (batch,) = registry.read(unit, ["text"])
    return batch.column(1)[0].as_py(), batch.column(2)[0].as_py()


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("", ""),
        ("# One\n\nTwo\n===\n\n### Three ###", "One\nTwo\nThree"),
        ("a line\ngoes on\n\nnext", "a line goes on\nnext"),
        ("hard  \nbreak\\\ntoo", "hard\nbreak\ntoo"),
        ("* a\n* b\n  * c\n\n1. d\n2. e\n\n   f", "a\nb\nc\nd\ne\nf"),
        ("> a\n>> b\n\n- > c", "a\nb\nc"),
        ("*a* **b** ~~c~~ `d  e` f\\*g", "a b c d  e f*g"),
        ("[the *link*](http://x.y 'no') and [ref] <http://z.de>\n\n[ref]: /no 'no'",
         "the link and ref http://z.de"),
        ("![the *alt* text](no.png 'no') ![](no.png)", "the alt text"),
        ("|a|b|\n|-|:-:|\n|*c*|`d`|\n|e||", "a\tb\nc\td\ne\t"),
        ("a\n\n```python\nno\n```\n\n    no\n\n~~~\nno\n~~~\nb", "a\nb"),
        ("a\n\n<div>no</div>\n\nb <b>c</b><!-- no -->", "a\nb c"),
        ("&amp; &eacute; &#8364; &nothing;", "& é € &nothing;"),
        ("---\ntitle: no\ntags: [a]\n---\n# a\n\n---\n\nb", "a\nb"),
        ("---\n# comment\n\ntitle:\n  no\n...\na", "a"),
        ("+++\ntitle = 'no'\n+++\na", "a"),
        ("---\n\nprose between\n\n---\n\nb", "prose between\nb"),
        ("---\ntitle: never ended\n\na", "title: never ended\na"),
        ("a\n\n---\nb: c\n---\n", "a\nb: c"),
        ("---\r\na: no\r\n---\r\nb\r\nc\r\rd", "b c\nd"),
        ("- [ ] todo\n- [x] done", "[ ] todo\n[x] done"),
    ],
)  # fmt: skip
def test_readable_text(source, text):
    assert markdown.readable_text(source) == text


def test_what_the_parser_would_drop_is_an_error():
    assert markdown.readable_text("> " * 90 + "deep") == "deep"
    assert markdown.readable_text("> " * 120 + "deep") is None
    items = "".join("  " * depth + "* x\n" for depth in range(80))
    assert markdown.readable_text(items) is None


def test_a_file_is_a_row(tmp_path):
    source = textwrap.dedent(
        """\
        # Größe

        Ein Text mit
        zwei Zeilen.
        """
    )
    expected = (None, "Größe\nEin Text mit zwei Zeilen.")
    for name, content in {
        "a.md": source.encode(),
        "a.markdown": ("\ufeff" + source).encode("utf-16-be"),
        "b.md": ("\ufeff" + source).encode(),
        "b.MD.gz": gzip.compress(source.encode()),
    }.items():
        (tmp_path / name).write_bytes(content)
        assert rows_of(tmp_path / name) == expected, name


def test_a_bad_file_is_a_row(tmp_path, monkeypatch):
    for name, content, error in (
        ("a.md", b"\xe4", "not_utf8"),
        ("b.md", b"a\x00", "not_utf8"),
        ("c.md", b"> " * 200, "malformed_markdown"),
        ("d.md", b"a" * 1001, "too_large"),
    ):
        monkeypatch.setattr(markdown, "LARGEST", 1000)
        (tmp_path / name).write_bytes(content)
        assert rows_of(tmp_path / name) == (error, None)
