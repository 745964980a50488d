"""What a row means, as Arrow schemas.

Every stage of the prepare pipeline reads and writes tables with one of these schemas. `unit` and
`row` say where a row came from: the unit's position in the plan and the row's position in the unit.
Together they order all rows.
"""

import dataclasses
from typing import Any

import pyarrow as pa

# What a format's reader gives: one row per record of the input, in order, nothing left out. `error`
# is the slug of the rule that makes the record unreadable (for instance "malformed_json"), else
# null; then `fields` are null too. The reader's batch has `row`, `error`, `raw` and one nullable
# string column per requested field.
ROW = pa.field("row", pa.int64(), nullable=False)
RAW = pa.field("raw", pa.binary())
ERROR = pa.field("error", pa.string())

# A sentence pair, or one text when `target` is null (monolingual). `kind`: "pair" or "text".
# `language`: of `source` (for pairs the job's source language).
SEGMENTS = pa.schema(
    [
        pa.field("unit", pa.int32(), nullable=False),
        pa.field("row", pa.int64(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("split", pa.string()),  # train | valid | test; null until assigned
        pa.field("source", pa.string(), nullable=False),
        pa.field("target", pa.string()),
    ]
)

# What `rejected/` holds, one JSON object per line.
REJECTIONS = pa.schema(
    [
        pa.field("rule", pa.string(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("unit", pa.int32(), nullable=False),
        pa.field("row", pa.int64(), nullable=False),
        pa.field("source", pa.string()),
        pa.field("target", pa.string()),
    ]
)


@dataclasses.dataclass(frozen=True)
class Ledger:
    """Counts of one stage: everything that came in went out or was rejected by a named rule."""

    records_in: int
    records_out: int
    rejected: dict[str, int]

    @property
    def balanced(self) -> bool:
        """True when in = out + rejected."""
        return self.records_in == self.records_out + sum(self.rejected.values())

    def __add__(self, other: "Ledger") -> "Ledger":
        rejected = dict(self.rejected)
        for rule, count in other.rejected.items():
            rejected[rule] = rejected.get(rule, 0) + count
        return Ledger(
            self.records_in + other.records_in,
            self.records_out + other.records_out,
            dict(sorted(rejected.items())),
        )

    def to_json(self) -> dict[str, Any]:
        """`{"in": .., "out": .., "rejected": {rule: n}}`."""
        return {"in": self.records_in, "out": self.records_out, "rejected": self.rejected}
