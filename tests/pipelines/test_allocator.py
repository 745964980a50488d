import subprocess
import sys

MEASURE = """
import resource, sys
from pipelines import allocator
if sys.argv[1] == "keep":
    assert allocator.keep_freed_memory()
    assert allocator.keep_freed_memory()
[b"x" * 3_000_000 for _ in range(20)]
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    [b"x" * 3_000_000 for _ in range(20)]
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how):
    run = [sys.executable, "-c", MEASURE, how]
    return int(subprocess.run(run, check=True, capture_output=True, text=True).stdout)


def test_freed_memory_is_used_again_without_page_faults():
    assert faults("keep") < 1000 < faults("give back")
