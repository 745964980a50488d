"""Every damaged file by the name of its case; made once, for the tests of files and of jobs."""

from tests.pipelines.damaged import broken_bytes, odd_records, odd_text

CASES = {
    case.name: case for maker in (broken_bytes, odd_text, odd_records) for case in maker.all_cases()
}
