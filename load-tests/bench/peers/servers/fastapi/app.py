"""FastAPI: a `def` endpoint, which FastAPI runs in its thread pool. It has no batching.

With PEER_KEY it admits only requests with that key, and counts them per key and minute.

fastapi.tiangolo.com/async/, fastapi.tiangolo.com/tutorial/request-files/, fastapi.tiangolo.com/deployment/server-workers/,
fastapi.tiangolo.com/tutorial/dependencies/dependencies-in-path-operation-decorators/
"""

import hashlib
import hmac
import os
import time
from typing import Annotated

from classifier import open_session, preprocess, run, top_classes
from fastapi import Depends, FastAPI, Header, HTTPException, UploadFile

PER_MINUTE = 1_000_000
KEY = os.environ.get("PEER_KEY")
DIGEST = hashlib.sha256((KEY or "").encode()).hexdigest()

counted: dict[tuple[str, int], int] = {}


async def admit(x_api_key: Annotated[str, Header()] = "") -> None:
    """403 for another key, 429 beyond the limit of this minute."""
    digest = hashlib.sha256(x_api_key.encode()).hexdigest()
    if not hmac.compare_digest(digest, DIGEST):
        raise HTTPException(403)
    window = (digest, int(time.time() // 60))
    if window not in counted:
        counted.clear()
    counted[window] = counted.get(window, 0) + 1
    if counted[window] > PER_MINUTE:
        raise HTTPException(429)


app = FastAPI(dependencies=[Depends(admit)] if KEY else [])
session = open_session()


@app.post("/predict")
def predict(image: UploadFile) -> dict:
    logits = run(session, preprocess(image.file.read())[None])
    return {"predictions": top_classes(logits[0])}
