"""BentoML: docs.bentoml.com/en/latest/get-started/adaptive-batching.html.

`Batched` takes one photo per request and hands its pixels to a service of its own, which BentoML batches: the
documented way to accept single inputs.
"""

from pathlib import Path

import bentoml
import numpy as np
from classifier import open_session, preprocess, run, top_classes

WORKERS = 2
TRAFFIC = {"timeout": 30}
QUIET = {"access": {"enabled": False}}


@bentoml.service(workers=WORKERS, traffic=TRAFFIC, logging=QUIET)
class Model:
    def __init__(self) -> None:
        self.session = open_session()

    @bentoml.api(batchable=True, batch_dim=0, max_batch_size=8, max_latency_ms=10_000)
    def infer(self, pixels: np.ndarray) -> np.ndarray:
        return run(self.session, np.ascontiguousarray(pixels, np.uint8))


@bentoml.service(workers=WORKERS, traffic=TRAFFIC, logging=QUIET)
class Batched:
    model = bentoml.depends(Model)

    @bentoml.api
    async def predict(self, image: Path) -> dict:
        logits = await self.model.to_async.infer(preprocess(image.read_bytes())[None])
        return {"predictions": top_classes(np.asarray(logits)[0])}
