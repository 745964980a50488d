"""What a translation run plans, reads and writes; `pipelines.translate` puts it together."""
