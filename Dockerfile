# The locked environment and this project, for one of three uses:
#
#   docker build --target electra -t electra-pipelines .          the command line (CronJob, Compose)
#   docker build --target flink-worker -t electra-flink-worker .  workers beside a Flink task manager
#   docker build --target dataflow -t REGION-docker.pkg.dev/PROJECT/REPOSITORY/electra .   runner.image
#
# Python and Beam are those of the lock and of runner.image's workers: change them together.

FROM apache/beam_python3.11_sdk:2.77.0 AS beam

FROM python:3.11-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1
WORKDIR /opt/electra
COPY requirements.cloud.lock ./
RUN pip install --no-cache-dir --require-hashes -r requirements.cloud.lock
COPY pyproject.toml README.md LICENSE ./
COPY electra_model electra_model
COPY pipelines pipelines
COPY runners runners
RUN pip install --no-cache-dir --no-deps . \
    && rm -rf /opt/electra/* \
    && useradd --uid 10001 --create-home electra

FROM base AS dataflow
COPY --from=beam /opt/apache/beam /opt/apache/beam
# Dataflow gives its workers folders that belong to root.
ENTRYPOINT ["/opt/apache/beam/boot"]

FROM base AS flink-worker
USER 10001
WORKDIR /tmp
ENTRYPOINT ["python", "-m", "runners.engines.worker_pool"]

FROM base AS electra
USER 10001
WORKDIR /work
ENTRYPOINT ["electra"]
