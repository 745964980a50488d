"""A report as a parser sees it, and the files that one is made of."""

import html.parser
import json

VOID = {"meta", "br", "img", "input", "link", "hr"}


class Page(html.parser.HTMLParser):
    """Tags and attributes of a page; `unclosed` ends empty when every tag is closed in order."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.unclosed, self.ids = [], [], [], []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.unclosed.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.unclosed.pop() == tag

    def handle_data(self, data):
        self.text += data


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")


def write_lines(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    path.write_text("".join(lines), encoding="utf-8")


class Tables(html.parser.HTMLParser):
    """The tables of a page: heading before each -> rows of the text of their cells.

    Where a heading has several tables, the rows of all of them.
    """

    def __init__(self, text):
        super().__init__()
        self.found, self._heading, self._cell = {}, "", None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag in ("h2", "h3"):
            self._heading, self._cell = "", None
            self._in_heading = True
        elif tag == "tr":
            self.found.setdefault(self._heading, []).append([])
        elif tag in ("td", "th"):
            self.found[self._heading][-1].append("")
            self._cell = True

    def handle_endtag(self, tag):
        if tag in ("h2", "h3"):
            self._in_heading = False
        elif tag in ("td", "th"):
            row = self.found[self._heading][-1]
            row[-1] = " ".join(row[-1].split())
            self._cell = None

    _in_heading = False

    def handle_data(self, data):
        if self._in_heading:
            self._heading += data
        elif self._cell:
            self.found[self._heading][-1][-1] += data
