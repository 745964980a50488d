"""Does stages of a job, one by one, in a process that sees so many processors.

Arguments: the number of processors, the job file, stages. The stage "replay" shows the first
updates of both trainings.
"""

import sys


def main(processors, job_file, names):
    import tensorflow as tf

    if processors > 1:
        (one,) = tf.config.list_physical_devices("CPU")
        parts = [tf.config.LogicalDeviceConfiguration()] * processors
        tf.config.set_logical_device_configuration(one, parts)
    from runners.jobs import stages, work
    from runners.jobs.job import load_job
    from runners.training import replay

    job = load_job(job_file, [])
    for name in names:
        if name == "replay":
            for stage in ("pretrain", "train"):
                for step in range(1, 6):
                    replay.show(job, stage, step, print)
        else:
            work.do_stages(job, [stages.BY_NAME[name]])


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
