"""Images through the real serving engine: what will be served is what is measured (inference/src/probe.ts)."""

import json
import queue
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from headgate_pipelines.errors import PipelineError, Refused, Unavailable
from headgate_pipelines.progress import waiting
from headgate_pipelines.settings import Settings, read_settings

LOAD_TIMEOUT_S = 150.0
"""The engine itself gives up after 120 s."""
ANSWER_TIMEOUT_S = 90.0
"""For one image; the engine itself kills a run after 60 s."""
CANNOT_SERVE = 2
"""Exit code of the probe."""


@dataclass(frozen=True)
class Probed:
    """What the engine says of one image. With an `error` (its words), there is nothing else."""

    id: str
    class_ids: Sequence[int] = ()
    """All classes, best first."""
    scores: Sequence[float] = ()
    """In [0, 1], in the order of `class_ids`."""
    latency_ms: float = 0.0
    """Decode and run of this image alone."""
    sketch: dict[str, Any] | None = None
    """As contracts/src/sketch.ts: version, width, height, brightness, contrast, sharpness, features (32)."""
    error: str | None = None


@dataclass(frozen=True)
class Loaded:
    """How the engine answered golden samples when it loaded the version."""

    compared: int
    """Samples that are here, so that it compared its answers with the recorded ones."""
    largest_difference: float
    """Of a score of a golden sample."""


def load(version_dir: Path, settings: Settings | None = None) -> Loaded:
    """Loads a version of any kind as for serving: digests, session, batches, golden samples.

    Raises:
        Refused: the version cannot be served; the message has the engine's words.
        Unavailable: the engine did not start or ended.
    """
    with _started(version_dir, settings or read_settings(), ["--load-only"]) as engine:
        engine.finish()
        return engine.loaded


def probe(version_dir: Path, images: Iterable[tuple[str, bytes]], settings: Settings | None = None) -> Iterator[Probed]:
    """Runs (id, encoded image) through the engine one by one; answers come in the order of the images.

    The engine rests between two answers, so that another one can be measured. It ends when the caller stops iterating.

    Raises:
        Refused: the version cannot be served.
        Unavailable: the engine ended, or is silent for longer than ANSWER_TIMEOUT_S.
    """
    with (
        _started(version_dir, settings or read_settings()) as engine,
        tempfile.TemporaryDirectory(prefix="headgate-probe-") as folder,
    ):
        path = Path(folder, "image")
        for name, image in images:
            path.write_bytes(image)
            engine.ask(name, path)
            yield Probed(**engine.read(ANSWER_TIMEOUT_S))
        engine.finish()


class _Engine:
    """A running probe."""

    def __init__(self, child: subprocess.Popen[bytes], words: IO[bytes]) -> None:
        self._child = child
        self._questions = cast(IO[bytes], child.stdin)
        self._words = words
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        threading.Thread(target=self._pump, args=[child.stdout], daemon=True).start()
        loaded = self.read(LOAD_TIMEOUT_S)["loaded"]
        self.loaded = Loaded(loaded["compared"], loaded["largest_difference"])

    def _pump(self, answers: IO[bytes]) -> None:
        with answers:
            for line in answers:
                self._lines.put(line)
        self._lines.put(b"")

    def ask(self, name: str, path: Path) -> None:
        """Raises as `probe`."""
        try:
            self._questions.write(json.dumps({"id": name, "path": str(path)}).encode() + b"\n")
            self._questions.flush()
        except BrokenPipeError as error:
            raise self._failure() from error

    def read(self, timeout_s: float) -> Any:
        """The next line. Raises as `probe`."""
        try:
            line = self._lines.get(timeout=timeout_s)
        except queue.Empty as error:
            raise Unavailable(
                f"the engine was silent for {timeout_s:.0f} s", "look at the load of the machine"
            ) from error
        if not line:
            raise self._failure()
        return json.loads(line)

    def finish(self) -> None:
        """Waits until the probe has ended by itself. Raises as `probe`."""
        self._questions.close()
        if self._code() != 0:
            raise self._failure()

    def _code(self) -> int:
        try:
            return self._child.wait(ANSWER_TIMEOUT_S)
        except subprocess.TimeoutExpired as error:
            # `_started` kills it.
            message = f"the engine did not end within {ANSWER_TIMEOUT_S:.0f} s after its last answer"
            raise Unavailable(message, "look at the load of the machine, then run the command again") from error

    def _failure(self) -> PipelineError:
        code = self._code()
        self._words.seek(0)
        words = self._words.read().decode(errors="replace").strip()[-2000:]
        if code == CANNOT_SERVE:
            return Refused(f"the engine cannot serve this version: {words}", "train or restore the version")
        return Unavailable(f"the engine ended with exit code {code}: {words}", "run the command again")


@contextmanager
def _started(version_dir: Path, settings: Settings, more: Sequence[str] = ()) -> Iterator[_Engine]:
    with tempfile.TemporaryFile() as words:
        try:
            child = subprocess.Popen(  # noqa: S603
                [*_command(version_dir, settings), *more], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=words
            )
        except OSError as error:
            raise PipelineError(
                f"{settings.node} cannot be started: {error.strerror}",
                "run npm ci in the checkout, or set HEADGATE_PIPELINES_NODE",
            ) from error
        try:
            with waiting(f"the serving engine loads {version_dir}"):
                engine = _Engine(child, words)
            yield engine
        finally:
            child.kill()
            child.wait()
            with suppress(BrokenPipeError):
                cast(IO[bytes], child.stdin).close()


def _command(version_dir: Path, settings: Settings) -> list[str]:
    """The source runs as it is; an image has only the bundle."""
    inference = settings.root / "inference"
    sources = [inference / "src" / "probe.ts", inference / "dist" / "probe.js"]
    program = next((path for path in sources if path.exists()), None)
    if program is None:
        raise PipelineError(f"{inference} has no probe", "set HEADGATE_ROOT to the checkout")
    samples = settings.root / "samples"
    return [str(settings.node), str(program), "--version-dir", str(version_dir), "--samples-dir", str(samples)]
