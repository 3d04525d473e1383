"""Rules over the whole set, and over the table that describes it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

from headgate_pipelines.data.index import Item
from headgate_pipelines.errors import Refused
from headgate_pipelines.params import Ingest


def set_problems(rules: Ingest, items: Sequence[Item], labels: Sequence[str], refused: int) -> list[str]:
    """What is wrong with the set, one sentence each; empty: nothing.

    Args:
        labels: the classes; each has to have its images.
        refused: how many images are in quarantine.
    """
    total = len(items) + refused
    problems = []
    if refused > rules.max_refused_share * total:
        problems.append(
            f"{refused} of {total} images are refused, {refused / total:.1%}; "
            f"at most {rules.max_refused_share:.1%} (max_refused_share)"
        )
    counts = Counter(item.label for item in items)
    by_class = {label: counts[label] for label in labels}
    if len(labels) < 2:
        found = f'"{labels[0]}" alone' if labels else "none"
        problems.append(f"at least two classes are needed, but there is {found}")
        return problems
    small = [f"{label} ({count})" for label, count in by_class.items() if count < rules.min_per_class]
    if small:
        problems.append(f"classes with less than {rules.min_per_class} images (min_per_class): {', '.join(small)}")
    largest, smallest = max(by_class.values()), min(by_class.values())
    if largest > rules.max_imbalance * smallest > 0:
        problems.append(
            f"the largest class has {largest} images, the smallest {smallest}; "
            f"at most {rules.max_imbalance:g} times as many (max_imbalance)"
        )
    if 0 < rules.holdout_share < 1:
        sides = Counter(label for label, _ in {(item.label, item.split) for item in items})
        one_sided = [label for label in labels if sides[label] == 1]
        if one_sided:
            problems.append(
                "classes whose images all look alike, so that none can be held out: " + ", ".join(one_sided)
            )
    return problems


def check_table(rules: Ingest, items: Sequence[Item], groups: Sequence[int], labels: Sequence[str]) -> None:
    """The last look at what later stages read: types, ranges, the label set, no digest twice, no leakage.

    Args:
        groups: of each item, as `group_alike` numbers them.

    Raises:
        Refused: with the columns and values that fail.
    """
    # Importing them takes seconds; a run that finds nothing changed ends before.
    import pandera.polars as pa
    import polars as pl

    table = pl.DataFrame([asdict(item) for item in items]).with_columns(pl.Series("group", groups))
    schema = pa.DataFrameSchema(
        {
            "sha256": pa.Column(str, pa.Check.str_matches(r"^[0-9a-f]{64}$"), unique=True),
            "label": pa.Column(str, pa.Check.isin(list(labels))),
            "split": pa.Column(str, pa.Check.isin(["train", "holdout"])),
            "shard": pa.Column(str, pa.Check.str_matches(r"^\d{5}\.tar$")),
            "offset": pa.Column(int, pa.Check.ge(512)),
            "size": pa.Column(int, pa.Check.gt(0)),
            "width": pa.Column(int, pa.Check.in_range(rules.min_side, rules.max_side)),
            "height": pa.Column(int, pa.Check.in_range(rules.min_side, rules.max_side)),
            "phash": pa.Column(str, pa.Check.str_matches(r"^[0-9a-f]{16}$")),
            "source": pa.Column(str),
            "group": pa.Column(int),
        },
        strict=True,
    )
    try:
        schema.validate(table, lazy=True)
    except pa.errors.SchemaErrors as error:
        raise Refused(f"the index is not right: {error.failure_cases.head(5)}", "report this as a fault") from error
    leaking = table.group_by("group").agg(pl.col("split").n_unique().alias("sides")).filter(pl.col("sides") > 1)
    if leaking.height:
        raise Refused(f"{leaking.height} groups of alike images are on both sides", "report this as a fault")
