"""What callers rely on. A candidate may not change it under the champion's name."""

from difflib import unified_diff

from headgate_pipelines.errors import Refused
from headgate_pipelines.registry.version_folder import VersionFolder


def contract_of(version: VersionFolder) -> list[str]:
    """The contract in lines. Size and channels of an image are preprocessing: callers send encoded images."""
    manifest = version.manifest
    lines = [f"kind: {manifest['kind']}"]
    if manifest.get("image"):
        lines.append("input: one encoded image (BYTES)")
    else:
        for direction in ("inputs", "outputs"):
            lines += [f"{direction}: {one['name']} {one['datatype']} {one['shape']}" for one in manifest[direction]]
    return lines + [f"label {index}: {label}" for index, label in enumerate(version.labels)]


def check_contract(candidate: VersionFolder, champion: VersionFolder) -> None:
    """Raises Refused with the difference, line by line: `-` is the champion's, `+` the candidate's."""
    before, after = contract_of(champion), contract_of(candidate)
    difference = list(unified_diff(before, after, "champion", "candidate", lineterm="", n=0))
    if difference:
        raise Refused(
            "the candidate has another contract than the champion:\n  " + "\n  ".join(difference),
            "callers rely on it: publish a changed contract under another model name",
        )
