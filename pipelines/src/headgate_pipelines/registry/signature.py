"""Ed25519 signature of a manifest, as `npm run model:sign` writes it, for servers that require one."""

import base64
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from headgate_pipelines.errors import PipelineError

FILE = "manifest.yaml.sig"
Sign = Callable[[bytes], bytes]


def signer(key_file: Path) -> Sign:
    """A function from the manifest's bytes to the content of FILE: one line of base64.

    Raises:
        PipelineError: the file cannot be read, or holds no Ed25519 private key in PEM.
    """
    try:
        key = load_pem_private_key(key_file.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise PipelineError(f"{key_file} is no private key", "make one: docs/models.md, section on trust") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise PipelineError(f"{key_file} is not an Ed25519 key", "openssl genpkey -algorithm ed25519")
    return lambda manifest: base64.b64encode(key.sign(manifest)) + b"\n"
