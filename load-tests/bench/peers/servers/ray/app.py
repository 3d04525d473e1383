"""Ray Serve with dynamic request batching: docs.ray.io/en/latest/serve/advanced-guides/dyn-req-batch.html."""

import os
import signal
import threading

import numpy as np
import ray
from classifier import open_session, preprocess, run, top_classes
from ray import serve
from starlette.requests import Request


@serve.deployment(
    num_replicas=2,
    max_ongoing_requests=32,
    ray_actor_options={"num_cpus": 0.5},
)
class Classifier:
    def __init__(self) -> None:
        self.session = open_session()

    @serve.batch(max_batch_size=8, batch_wait_timeout_s=0.005)
    async def classify(self, photos: list[bytes]) -> list[dict]:
        logits = run(self.session, np.stack([preprocess(photo) for photo in photos]))
        return [{"predictions": top_classes(row)} for row in logits]

    async def __call__(self, request: Request) -> dict:
        return await self.classify(await request.body())


if __name__ == "__main__":
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    ray.init(num_cpus=2, include_dashboard=False, object_store_memory=200_000_000)
    serve.start(http_options={"host": "127.0.0.1", "port": int(os.environ["PEER_PORT"])})
    serve.run(Classifier.bind(), route_prefix="/predict")
    ended.wait()
