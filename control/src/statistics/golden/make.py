"""Makes the golden vectors of the statistics from independent packages, which disagree about numpy: one environment each.

python3 make.py FOLDER          environments are made in FOLDER; needs a C++ compiler and the headers of Boost (libboost-dev)
python3 make.py --one NAME      what the environment of NAME runs: prints its vectors
"""

import json
import math
import random
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def units(seed: int, count: int, rate: float) -> list[tuple[int, int]]:
    """Requests and successes of units, from one request to many."""
    rng = random.Random(seed)
    sizes = [min(500, int(1 / (1 - rng.random()))) for _ in range(count)]
    return [(x, sum(rng.random() < rate for _ in range(x))) for x in sizes]


GROUPS = [
    (units(1, 200, 0.9), units(2, 180, 0.8)),
    (units(3, 3000, 0.98), units(4, 300, 0.98)),
    (units(5, 5000, 0.5), units(6, 5000, 0.52)),
]


def gbstats() -> list[dict]:
    from gbstats.frequentist.tests import SequentialConfig, SequentialTwoSidedTTest
    from gbstats.models.statistics import RatioStatistic, SampleMeanStatistic

    def sums(group):
        return {
            "units": len(group),
            "sumX": sum(x for x, _ in group),
            "sumY": sum(y for _, y in group),
            "sumXX": sum(x * x for x, _ in group),
            "sumYY": sum(y * y for _, y in group),
            "sumXY": sum(x * y for x, y in group),
        }

    def statistic(s):
        return RatioStatistic(
            n=s["units"],
            m_statistic=SampleMeanStatistic(n=s["units"], sum=s["sumY"], sum_squares=s["sumYY"]),
            d_statistic=SampleMeanStatistic(n=s["units"], sum=s["sumX"], sum_squares=s["sumXX"]),
            m_d_sum_of_products=s["sumXY"],
        )

    vectors = []
    for control, treatment in GROUPS:
        for alpha, tuned_for in ((0.05, 5000), (0.01, 500)):
            a, b = sums(control), sums(treatment)
            config = SequentialConfig(
                alpha=alpha, difference_type="absolute", sequential_tuning_parameter=tuned_for
            )
            test = SequentialTwoSidedTTest(statistic(a), statistic(b), config)
            low, high = test.confidence_interval
            vectors.append(
                {
                    "control": a,
                    "treatment": b,
                    "alpha": alpha,
                    "tunedFor": tuned_for,
                    "difference": test.point_estimate,
                    "low": low,
                    "high": high,
                    "pValue": test.p_value,
                }
            )
    return vectors


def tea_tasting() -> list[dict]:
    import pyarrow as pa
    import tea_tasting as tt

    vectors = []
    for control, treatment in ((a[:60], b[:50]) for a, b in GROUPS):
        rows = [(0, x, y) for x, y in control] + [(1, x, y) for x, y in treatment]
        table = pa.table(dict(zip(("variant", "x", "y"), zip(*rows))))
        metric = tt.RatioOfMeans("y", "x", use_t=False, equal_var=False)
        result = tt.Experiment(variant="variant", ratio=metric).analyze(table)["ratio"]
        vectors.append(
            {
                "control": control,
                "treatment": treatment,
                "difference": result.effect_size,
                "standardError": result.effect_size / result.statistic,
            }
        )
    return vectors


def confseq() -> dict:
    from confseq.boundaries import bernoulli_confidence_interval, beta_binomial_log_mixture

    rates = []
    for failures, requests in ((0, 60), (1, 100), (5, 100), (3, 30), (50, 1000), (10, 10000), (7, 11)):
        for alpha in (0.05, 0.001):
            low, high = bernoulli_confidence_interval(failures, requests, alpha, 100, alpha)
            rates.append({"failures": failures, "requests": requests, "alpha": alpha, "low": low, "high": high})

    def accepted(n, p, alpha):
        """Ranks that the mixture with v_opt for 1000 values does not refute."""
        variance = p * (1 - p)
        return [
            k
            for k in range(n + 1)
            if beta_binomial_log_mixture(k - n * p, n * variance, 1000 * variance, p, 1 - p, alpha, False)
            < -math.log(alpha)
        ]

    quantiles = []
    for n in (20, 100, 150, 400, 3000):
        for p in (0.5, 0.95):
            for alpha in (0.05, 0.025):
                ranks = accepted(n, p, alpha)
                quantiles.append({"n": n, "p": p, "alpha": alpha, "lowest": ranks[0], "highest": ranks[-1]})
    return {"rates": rates, "quantiles": quantiles}


def ssrm_test() -> list[dict]:
    import numpy
    from ssrm_test.ssrm_test import sequential_posteriors

    vectors = []
    for weights, counts in (
        ([50, 50], [510, 490]),
        ([50, 50], [600, 400]),
        ([90, 10], [4000, 500]),
        ([98, 1, 1], [20000, 180, 260]),
    ):
        null = numpy.array(weights) / sum(weights)
        posterior = sequential_posteriors(numpy.array([counts]), null, null, 1000)[-1]
        vectors.append({"weights": weights, "counts": counts, "eValue": float(posterior["bayes_factor"])})
    return vectors


ORACLES = {"gbstats": gbstats, "tea-tasting": tea_tasting, "confseq": confseq, "ssrm-test": ssrm_test}


def make(name: str, folder: Path) -> None:
    python = folder / name / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder / name], check=True)
    requirements = (HERE / "requirements" / f"{name}.txt").read_text().splitlines()
    package, *rest = [line for line in requirements if not line.startswith("#")]
    install = [python, "-m", "pip", "install", "--quiet"]
    subprocess.run([*install, *rest], check=True)
    subprocess.run([*install, "--no-build-isolation", package, *rest], check=True)
    vectors = subprocess.run([python, __file__, "--one", name], check=True, capture_output=True, text=True)
    (HERE / f"{name}.json").write_text(vectors.stdout)
    subprocess.run(["npx", "biome", "format", "--write", HERE / f"{name}.json"], check=True)


if __name__ == "__main__":
    if sys.argv[1] == "--one":
        print(json.dumps(ORACLES[sys.argv[2]]()))
    else:
        for oracle in ORACLES:
            make(oracle, Path(sys.argv[1]))
