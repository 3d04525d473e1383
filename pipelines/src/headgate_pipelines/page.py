"""The pages of ingest, evaluation and drift: one style sheet, one file each that loads nothing and runs nothing."""

import base64
import io

import jinja2
from PIL import Image

from headgate_pipelines.convert.orientation import upright

MAX_PIXELS = 80_000_000
"""A picture with more is not decoded: it would take gigabytes."""


def render(template: str, **facts: object) -> str:
    """A template of this package, such as `drift/report.html.j2`; values are escaped in HTML and not in Markdown."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("headgate_pipelines", "."),
        autoescape=jinja2.select_autoescape(["html.j2"]),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["thousands"] = "{:,}".format
    return environment.get_template(template).render(facts)


def thumbnail(content: bytes, side: int) -> str:
    """A data URL of a JPEG of at most side x side pixels; empty where it cannot be made, or only at a great cost."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            if image.width * image.height > MAX_PIXELS:
                return ""
            image.draft("RGB", (side * 2, side * 2))
            small = upright(image).convert("RGB")
    # Pillow raises errors of any kind for damaged files.
    except Exception:
        return ""
    small.thumbnail((side, side))
    out = io.BytesIO()
    small.save(out, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode()
