"""Every damaged file ends in a plain `InputError` or in rows, all of them, whatever its units."""

import collections

import pytest

from electra_model.errors import InputError
from pipelines.formats import registry
from tests.pipelines.damaged.cases import CASES
from tests.pipelines.damaged.corpora import fields_of


def read_file(path, unit_bytes):
    """(error, raw, text ...) of every row; raw is None where the format has no raw bytes."""
    fields = fields_of(path.name)
    rows = []
    units = registry.plan([str(path)], ["train"], unit_bytes)
    for unit in units:
        registry.check_fields(unit, fields)
    for unit in units:
        raw = unit.format in registry.LINE_FORMATS
        expected = 0
        for batch in registry.read(unit, fields, raw=raw):
            assert batch.column(0).to_pylist() == [*range(expected, expected + batch.num_rows)]
            expected += batch.num_rows
            columns = [column.to_pylist() for column in batch.columns[1:]]
            raws = columns.pop(1) if raw else [None] * batch.num_rows
            for error, found, *texts in zip(columns[0], raws, *columns[1:], strict=True):
                assert (error is not None) or None not in texts
                assert error is None or texts == [None] * len(fields)
                rows.append((error, found, *texts))
    return rows


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.slow) if case.slow else n for n, case in CASES.items()],
)
def test_error_or_rows(tmp_path, name):
    case = CASES[name]
    path = tmp_path / case.file
    path.write_bytes(case.data)
    outcomes = []
    for unit_bytes in (1 << 30, 700, 100):
        try:
            outcomes.append(read_file(path, unit_bytes))
        except InputError as error:
            message = str(error)
            assert message.startswith(f"{path}: ") and len(message.splitlines()) == 1
            assert ";" in message, "a remedy follows what was found"
            outcomes.append(None)
    assert outcomes[0] == outcomes[1] == outcomes[2], "units change nothing"
    rows = outcomes[0]
    if rows is None:
        assert case.rows is None or case.may_fail
        return
    assert len(rows) == case.rows
    if case.raw is not None and rows and rows[0][1] is not None:
        assert b"".join(raw for _, raw, *_ in rows) == case.raw
    if case.errors is not None:
        assert collections.Counter(error for error, *_ in rows if error) == case.errors


def test_there_are_many_cases():
    assert len(CASES) > 900
    assert sum(not case.slow for case in CASES.values()) > 500
