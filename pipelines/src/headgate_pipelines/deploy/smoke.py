"""Smoke and integration tests of a staged version, through the public address."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from headgate_pipelines.deploy.gateway import Gateway
from headgate_pipelines.errors import Refused
from headgate_pipelines.registry.version_folder import VersionFolder

NOT_AN_IMAGE = b"this is text, not an image"


@dataclass(frozen=True)
class Staged:
    """A version that staging serves, and its folder."""

    model: str
    version: str
    folder: VersionFolder

    def golden(self) -> list[tuple[bytes, dict[str, Any]]]:
        """Golden images that lie beside the manifest, each with its best class."""
        samples = [(self.folder.path / one["file"], one) for one in self.folder.manifest["golden"]["samples"]]
        return [(path.read_bytes(), one["top"][0]) for path, one in samples if path.is_file()]


@dataclass(frozen=True)
class Outcome:
    """What one test found; `problem` is empty when it passed."""

    name: str
    problem: str


Check = Callable[[Gateway, Staged], str]


def answers_as_recorded(gateway: Gateway, staged: Staged) -> str:
    """The best class of each golden image, and its score within the tolerance."""
    tolerance = staged.folder.manifest["golden"]["tolerance"]
    golden = staged.golden()
    if not golden:
        return "the version has no golden image to test with"
    for number, (image, expected) in enumerate(golden):
        answer = gateway.predict(staged.model, [image], staged.version)
        top = answer["predictions"][0]["top"]
        found = next((one for one in top if one["class_id"] == expected["class_id"]), None)
        if found is None or abs(found["score"] - expected["score"]) > tolerance:
            return f"golden image {number}: expected class {expected}, got {top[:1]}"
    return ""


def names_itself(gateway: Gateway, staged: Staged) -> str:
    """The answer says which version it is from, and that it is no part of an experiment."""
    answer = gateway.predict(staged.model, [staged.golden()[0][0]], staged.version)
    said = (answer["model"], answer["version"], answer["variant"])
    wanted = (staged.model, staged.version, None)
    return "" if said == wanted else f"expected {wanted}, got {said}"


def one_bad_image_fails_alone(gateway: Gateway, staged: Staged) -> str:
    """A request with a good and a broken image answers the good one."""
    answer = gateway.predict(staged.model, [staged.golden()[0][0], NOT_AN_IMAGE], staged.version)
    shapes = ["top" in one for one in answer["predictions"]]
    return "" if shapes == [True, False] else f"expected an answer and an error, got {answer['predictions']}"


def speaks_the_open_protocol(gateway: Gateway, staged: Staged) -> str:
    """The metadata of the version lists the image input of every classifier."""
    inputs = [one["name"] for one in gateway.metadata(staged.model, staged.version)["inputs"]]
    return "" if "image" in inputs else f"expected the input image, got {inputs}"


def gets_no_traffic(gateway: Gateway, staged: Staged) -> str:
    """A caller who names no version gets another one."""
    version = gateway.predict(staged.model, [staged.golden()[0][0]])["version"]
    return "" if version != staged.version else "callers who name no version already get it"


SMOKE: tuple[Check, ...] = (answers_as_recorded, names_itself)
INTEGRATION: tuple[Check, ...] = (one_bad_image_fails_alone, speaks_the_open_protocol)


def run_checks(gateway: Gateway, staged: Staged, checks: tuple[Check, ...]) -> list[Outcome]:
    """Each check once, in order. A refused request is a finding; a gateway that is away is not (Unavailable)."""
    return [Outcome(check.__name__, _problem_of(check, gateway, staged)) for check in checks]


def _problem_of(check: Check, gateway: Gateway, staged: Staged) -> str:
    try:
        return check(gateway, staged)
    except Refused as error:
        return error.message
    except (KeyError, IndexError, TypeError) as error:
        return f"the answer has another form ({type(error).__name__}: {error})"
