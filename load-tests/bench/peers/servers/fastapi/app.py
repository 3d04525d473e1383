"""FastAPI: a `def` endpoint, which FastAPI runs in its thread pool. It has no batching.

fastapi.tiangolo.com/async/, fastapi.tiangolo.com/tutorial/request-files/, fastapi.tiangolo.com/deployment/server-workers/
"""

from classifier import open_session, preprocess, run, top_classes
from fastapi import FastAPI, UploadFile

app = FastAPI()
session = open_session()


@app.post("/predict")
def predict(image: UploadFile) -> dict:
    logits = run(session, preprocess(image.file.read())[None])
    return {"predictions": top_classes(logits[0])}
