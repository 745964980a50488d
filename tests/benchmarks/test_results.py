from tests.benchmarks import results

ORDER = ["pairs", "documents", "sizes"]


def test_a_section_replaces_its_own_and_leaves_the_others():
    text = results.replace("", "sizes", ["## Sizes", "", "| 1 |"], ORDER)
    text = results.replace(text, "pairs", ["## Pairs", "", "| 7 |"], ORDER)
    assert text.count("# Results\n") == 1
    assert text.index("## Pairs") < text.index("## Sizes")
    again = results.replace(text, "pairs", ["## Pairs", "", "two"], ORDER)
    assert again == text.replace("| 7 |", "two")
    assert results.replace(again, "pairs", ["## Pairs", "", "two"], ORDER) == again


def test_a_section_that_is_no_more_is_left_out():
    text = results.replace("", "sizes", ["## Sizes"], ORDER)
    assert "Sizes" not in results.replace(text, "pairs", ["## Pairs"], ["pairs"])


def test_the_machine_is_named():
    assert "cores (" in results.machine() and "tensorflow 2." in results.machine()
