"""Ways to write and read small catalogues."""

from pipelines.formats import registry


def write(path, content):
    """Text (as UTF-8) or bytes -> the file's path."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def rows_of(path, *languages):
    """(error, text ...) of every row of a file, which is one unit."""
    fields = ["text"] if len(languages) == 1 else ["source", "target"]
    (unit,) = registry.plan([str(path)], ["train"], 100)
    registry.check_fields(unit, fields, languages=languages)
    found = []
    for batch in registry.read(unit, fields, languages=languages):
        columns = batch.to_pydict()
        assert columns["row"] == list(range(len(found), len(found) + batch.num_rows))
        found += zip(columns["error"], *(columns[field] for field in fields), strict=True)
    return found
