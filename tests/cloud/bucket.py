"""Files of the bucket `bucket`, written and read without this project's own code."""

import os
import pathlib
from unittest import mock

import boto3
from google.cloud import storage


def _gcs(variables: dict[str, str]):
    with mock.patch.dict(os.environ, variables):
        return storage.Client.create_anonymous_client().bucket("bucket")


def _s3(variables: dict[str, str]):
    return boto3.client(
        "s3",
        endpoint_url=variables["AWS_ENDPOINT_URL"],
        aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
        region_name=variables["AWS_DEFAULT_REGION"],
    )


def _is_s3(variables: dict[str, str]) -> bool:
    return "AWS_ENDPOINT_URL" in variables


def write(variables: dict[str, str], name: str, data: str | bytes) -> None:
    if _is_s3(variables):
        _s3(variables).put_object(Bucket="bucket", Key=name, Body=data)
    else:
        _gcs(variables).blob(name).upload_from_string(data)


def read(variables: dict[str, str], name: str) -> bytes:
    if _is_s3(variables):
        return _s3(variables).get_object(Bucket="bucket", Key=name)["Body"].read()
    return _gcs(variables).blob(name).download_as_bytes()


def names(variables: dict[str, str], folder: str) -> list[str]:
    """Of all files below a folder, without it."""
    prefix = f"{folder}/"
    if _is_s3(variables):
        pages = _s3(variables).get_paginator("list_objects_v2")
        found = [
            entry["Key"]
            for page in pages.paginate(Bucket="bucket", Prefix=prefix)
            for entry in page.get("Contents", ())
        ]
    else:
        found = [blob.name for blob in _gcs(variables).list_blobs(prefix=prefix)]
    return sorted(name.removeprefix(prefix) for name in found)


def contents(variables: dict[str, str], folder: str) -> dict[str, bytes]:
    """Name -> bytes of all files below a folder."""
    return {name: read(variables, f"{folder}/{name}") for name in names(variables, folder)}


def upload(variables: dict[str, str], source: pathlib.Path, folder: str) -> None:
    """All files below a local folder."""
    for path in source.rglob("*"):
        if path.is_file():
            write(variables, f"{folder}/{path.relative_to(source)}", path.read_bytes())
