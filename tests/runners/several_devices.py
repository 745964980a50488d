"""Does stages of a job, one by one, in a process that sees so many processors:

python tests/runners/several_devices.py PROCESSORS JOB.yaml STAGE...
"""

import sys


def main(processors, job_file, names):
    import tensorflow as tf

    if processors > 1:
        (one,) = tf.config.list_physical_devices("CPU")
        parts = [tf.config.LogicalDeviceConfiguration()] * processors
        tf.config.set_logical_device_configuration(one, parts)
    from runners import stages, work
    from runners.job import load_job

    for name in names:
        work.do_stages(load_job(job_file, []), [stages.BY_NAME[name]])


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
