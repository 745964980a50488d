"""Where pipelines run: in this process, in worker processes, on Flink, on Dataflow."""
