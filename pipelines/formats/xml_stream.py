"""XML as a stream of small elements, for catalogues of any size from anyone.

The parser is expat behind defusedxml: entities cannot be declared, so none expands and none reads
another file; a DTD that is named is not fetched. What is held at a time is one record and one
block: everything else is dropped as it passes, and what could grow without bound in a file (depth,
a tag, a record, the number of names, what comes before the root) has a limit.
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Collection, Iterator
from typing import Any, NoReturn
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from electra_model.errors import InputError

from ..units import Unit
from . import compression

XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"

MAX_DEPTH = 100
# Characters of one record, with something for each of its elements.
MAX_RECORD = 16 << 20
_ELEMENT_COST = 100
# Bytes of a tag or a comment: expat reads one from its beginning again with every block.
MAX_TOKEN = 1 << 20
# Bytes before the root element: the XML declaration, comments, a document type.
MAX_PROLOG = 1 << 20
MAX_NAMES = 10_000
# Every element's name is handed on with its namespace.
_MAX_NAMESPACE = 1000
_BLOCK = 1 << 16


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """What a format is made of, by names in the root's namespace.

    Attributes:
      format: as a person calls it. root: the name of the root element.
      announced: elements of which the attributes are wanted as soon as they begin.
      records: elements that are wanted whole.
    """

    format: str
    root: str
    announced: frozenset[str]
    records: frozenset[str]


def read(unit: Unit, vocabulary: Vocabulary) -> Iterator[Element]:
    """The root and the announced elements without content, the records whole, in their order.

    Elements in the root's namespace have their bare names, others `{namespace}name`, as in
    `xml.etree`; the root has its own namespace in full.

    Raises:
      InputError: no XML, cut off, another root, entities, or a limit of this module is passed. The
        message has line and column.
    """
    with compression.open_packed(unit.path, unit.compression) as stream:
        yield from elements(stream, unit.path, vocabulary)


def elements(stream: io.BufferedIOBase, path: str, vocabulary: Vocabulary) -> Iterator[Element]:
    """As `read`, of a stream of bytes; `path` is for messages."""
    target = _Target(path, vocabulary)
    parser: Any = DefusedXMLParser(target=target)
    target.expat = expat = parser.parser
    expat.AttlistDeclHandler = target.attribute_list
    fed = 0
    while True:
        block = stream.read(_BLOCK)
        if not fed and not block:
            raise InputError(f"{path}: is empty; {target.needed}, copy it again")
        _parse(parser, target, block)
        yield from target.take()
        if not block:
            return
        fed += len(block)
        if fed - expat.CurrentByteIndex > MAX_TOKEN:
            target.refuse(f"a tag or a comment has more than {MAX_TOKEN:,} bytes; remove it")
        if fed > MAX_PROLOG and not target.has_root:
            target.refuse(f"the first {MAX_PROLOG:,} bytes hold no element; name the right file")
        if len(expat.intern) > MAX_NAMES:
            target.refuse(
                f"more than {MAX_NAMES:,} different names of elements and attributes; "
                f"{target.needed} and few others, name the right file"
            )


def _parse(parser: Any, target: _Target, block: bytes) -> None:
    """Feeds one block, or ends the document with an empty one."""
    try:
        if block:
            parser.feed(block)
        else:
            parser.close()
    except DefusedXmlException:
        target.refuse(
            "declares an entity, which could expand without bound or read other files, so it is "
            "refused; write the text in the entity's place"
        )
    except ParseError as error:
        line, column = error.position
        reason = str(error).partition(":")[0]
        remedy = (
            "the file is cut off or damaged, copy or export it again"
            if target.has_root
            else f"{target.needed}, export it again"
        )
        if reason.startswith("undefined entity"):
            remedy = (
                "XML has no entities but &amp; &lt; &gt; &quot; and &apos;: write the character "
                "itself, or its number, such as &#160; for &nbsp;"
            )
        raise InputError(
            f"{target.path}: line {line}, column {column + 1}: cannot be read as XML ({reason}); "
            f"{remedy}"
        ) from None
    except (LookupError, ValueError) as error:
        # expat asks Python about encodings that it does not know itself.
        raise InputError(
            f"{target.path}: its encoding cannot be read ({error}); convert it to UTF-8"
        ) from None


class _Target:
    """What the parser hands elements to. Builds trees of records, and of nothing else."""

    def __init__(self, path: str, vocabulary: Vocabulary) -> None:
        self.path = path
        self.expat: Any = None
        self.has_root = False
        self._vocabulary = vocabulary
        self.needed = f"{vocabulary.format} has the root element {vocabulary.root}"
        self._prefix = ""
        self._found: list[Element] = []
        self._builder: TreeBuilder | None = None
        self._depth = self._top = self._size = 0

    def take(self) -> list[Element]:
        """What was found since the last call."""
        found, self._found = self._found, []
        return found

    def refuse(self, what: str) -> NoReturn:
        """Raises `InputError` for the place that the parser is at."""
        line, column = self.expat.CurrentLineNumber, self.expat.CurrentColumnNumber + 1
        raise InputError(f"{self.path}: line {line}, column {column}: {what}")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if not self.has_root:
            self._start_root(tag, attributes)
            return
        if self._depth > MAX_DEPTH:
            self.refuse(f"elements are nested more than {MAX_DEPTH} deep; flatten them")
        name = tag.removeprefix(self._prefix)
        if self._builder is None:
            if name in self._vocabulary.announced:
                self._found.append(Element(name, attributes))
            if name not in self._vocabulary.records:
                return
            self._builder, self._top, self._size = TreeBuilder(), self._depth, 0
        self._builder.start(name, attributes)
        self._grow(_ELEMENT_COST + sum(map(len, attributes.values())))

    def _start_root(self, tag: str, attributes: dict[str, str]) -> None:
        namespace, _, name = tag.rpartition("}")
        if name != self._vocabulary.root:
            self.refuse(
                f"the root element is {name[:80]!r}, but {self.needed}; name the right file"
            )
        self.has_root = True
        self._prefix = f"{namespace}}}" if namespace else ""
        self._found.append(Element(tag, attributes))

    def data(self, text: str) -> None:
        if self._builder is not None:
            self._builder.data(text)
            self._grow(len(text))

    def end(self, tag: str) -> None:
        if self._builder is not None:
            self._builder.end(tag.removeprefix(self._prefix))
            if self._depth == self._top:
                self._found.append(self._builder.close())
                self._builder = None
        self._depth -= 1

    def start_ns(self, prefix: str, uri: str) -> None:
        if len(uri) > _MAX_NAMESPACE:
            self.refuse(
                f"the name of a namespace has more than {_MAX_NAMESPACE:,} characters; shorten it"
            )

    def attribute_list(
        self, element: str, name: str, kind: str, default: str | None, required: bool
    ) -> None:
        # A long default is copied into every element, which multiplies the file.
        if default is not None:
            self.refuse("declares a default of an attribute; remove the document type's brackets")

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > MAX_RECORD:
            self.refuse(f"a record of more than {MAX_RECORD:,} characters; split it")


def text_without(element: Element, codes: Collection[str]) -> str:
    """The text of an element without the elements named in `codes`; what surrounds those, and the
    text of all other elements in it, stays.
    """
    parts: list[str] = []
    _collect(element, codes, parts)
    return "".join(parts)


def _collect(element: Element, codes: Collection[str], parts: list[str]) -> None:
    if element.text:
        parts.append(element.text)
    for child in element:
        if child.tag not in codes:
            _collect(child, codes, parts)
        if child.tail:
            parts.append(child.tail)
