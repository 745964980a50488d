import math
import re

from runners.report import report
from runners.report.charts import Series, curves, histogram, steps


def test_chart_drops_what_is_not_finite_and_draws_nothing_from_nothing():
    drawn = curves([Series("a", [1, 2, 3], [1.0, math.nan, 2.0])], label='L"oss')
    assert drawn.startswith("<svg viewBox=") and 'aria-label="L&quot;oss"' in drawn
    assert "nan" not in drawn
    assert curves([Series("a", [1], [math.inf])], label="x") == ""
    assert histogram({"a": [(0, 1, 0)]}, label="x", x_label="y") == ""


def test_labels_of_small_values_keep_their_digits():
    drawn = curves([Series("rate", [1, 2], [0.0, 5e-4], "exact")], label="x", from_zero=True)
    assert re.search(r">0\.000[1-5]<", drawn)


def test_long_curves_stay_small():
    steps = range(100_000)
    assert len(curves([Series("a", steps, [float(s) for s in steps])], label="x")) < 40_000


def test_bars_of_many_values_begin_at_zero_and_stay_small():
    def drawn(values):
        return steps(values, label="Sizes", x_label="shard", name=report.size)

    small = drawn([100_000, 120_000, 90_000])
    assert ">mean<" in small and ">shard<" in small
    assert ">0 bytes<" in small and re.search(r">1\d0 kB<", small)
    assert len(drawn(list(range(1, 50_000)))) < 60_000
