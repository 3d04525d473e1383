"""Labelled images under a prefix of an S3 bucket, with the layout of a folder source.

boto3 finds endpoint, region and credentials as it always does: AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, ~/.aws.
"""

from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.exceptions import HTTPClientError as TransportError

from headgate_pipelines.data.sources import LABEL_FILE, LABEL_FILE_BYTES, Entry, label_entries, read_label_file
from headgate_pipelines.errors import Refused, Unavailable

REMEDY = "check AWS_ENDPOINT_URL, the credentials and the bucket; then run again"
CONFIG = Config(connect_timeout=5, read_timeout=30, retries={"max_attempts": 4, "mode": "standard"})


class S3Source:
    """s3://bucket/prefix"""

    def __init__(self, url: str, known: frozenset[str]) -> None:
        parts = urlsplit(url)
        self._bucket = parts.netloc
        self._prefix = parts.path.strip("/") + "/" if parts.path.strip("/") else ""
        self._known = known
        self._client: Any = None

    def entries(self) -> list[Entry]:
        files: dict[str, tuple[int, str]] = {}
        try:
            self._client = self._client or boto3.client("s3", config=CONFIG)
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix)
            for found in (one for page in pages for one in page.get("Contents", ())):
                path = found["Key"][len(self._prefix) :]
                # A key that ends in a slash is a folder that a console made.
                if path and not path.endswith("/") and not any(part.startswith(".") for part in path.split("/")):
                    files[path] = (found["Size"], found["ETag"])
        except (BotoCoreError, ClientError) as error:
            raise Unavailable(f"s3://{self._bucket}/{self._prefix}: {error}", REMEDY) from error
        size, _ = files.pop(LABEL_FILE, (0, ""))
        if size > LABEL_FILE_BYTES:
            raise Refused(f"{LABEL_FILE} has {size} bytes", f"at most {LABEL_FILE_BYTES}")
        return label_entries(files, read_label_file(self._get(LABEL_FILE) if size else b""), self._known)

    def read(self, entry: Entry) -> bytes:
        return self._get(entry.path)

    def _get(self, path: str) -> bytes:
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + path)
            content: bytes = answer["Body"].read()
            return content
        except (BotoCoreError, ClientError, TransportError) as error:
            if isinstance(error, ClientError) and error.response["Error"]["Code"] == "NoSuchKey":
                raise FileNotFoundError(path) from error
            raise Unavailable(f"s3://{self._bucket}/{self._prefix}{path}: {error}", REMEDY) from error
