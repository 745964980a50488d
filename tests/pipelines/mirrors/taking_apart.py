"""What the tests of every format ask of it."""

from pipelines.mirrors import registry


def taken(name: str, data: bytes, source: str = "en", target: str = "de"):
    """The skeleton of a document with this name."""
    return registry.take_apart(registry.format_of(name)[0], data, name, source, target)


def translated(name: str, data: bytes, translate=str.upper) -> bytes:
    """The document with `translate` of each sentence."""
    skeleton = taken(name, data)
    answers = [text.answer([translate(one) for one in text.segments]) for text in skeleton.texts]
    assert None not in answers
    return skeleton.put_together(answers)


def same(text: str) -> str:
    """What a model gives that changes nothing."""
    return text


def shown(name: str, data: bytes) -> list[str]:
    """All that a model is shown of a document."""
    return [segment for text in taken(name, data).texts for segment in text.segments]
