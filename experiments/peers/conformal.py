"""Conformal p-values and the jumper martingale against crepes and MAPIE: equal numbers, and time side by side.

make conformal-peers    (or: python experiments/peers/conformal.py, with requirements.txt installed, after the build)

Both sides read the same seeded arrays from runs/peers/conformal: 10^5 calibration scores and 10^4 test scores, rounded so
that ties occur. A peer draws its own uniforms; its generator is seeded and the same numbers are given to us. A time is the
median of REPETITIONS runs in one process, what the library must do with fresh calibration scores included.
"""

import json
import subprocess
import time
from importlib.metadata import version
from pathlib import Path
from statistics import median

import numpy as np
from crepes.base import p_values_batch
from crepes.martingales import EpsilonBettingFunction, SimpleJumper, semi_online_p_values
from mapie.exchangeability_testing.martingales import OnlineMartingaleTest

SEED = 7
REPETITIONS = 5
FOLDER = Path("runs/peers/conformal")


def scores(generator, count):
    return np.round(generator.normal(1.5, 0.3, count), 4)


def crepes_uniforms(count):
    """What crepes draws after seed=SEED."""
    return np.random.RandomState(SEED).rand(count)


def mondrian_uniforms(bins):
    """crepes draws category by category, in ascending order."""
    state = np.random.RandomState(SEED)
    uniforms = np.empty(len(bins))
    for category in np.unique(bins):
        members = bins == category
        uniforms[members] = state.rand(members.sum())
    return uniforms


def mapie_test(uniforms=None):
    """MAPIE's own test object; its generator is replaced by one that yields the given uniforms."""
    test = OnlineMartingaleTest(test_method="jumper_martingale", jump_size=0.01, task="regression", warn=False)
    if uniforms is not None:
        stream = iter(uniforms)
        test.rng = type("Given", (), {"uniform": staticmethod(lambda: next(stream))})()
    return test


def mapie_p_values(calibration, test, uniforms):
    judge = mapie_test(uniforms)
    return np.array([judge.compute_p_value(score, calibration) for score in test])


def mapie_growing(test, uniforms):
    # Without history MAPIE draws twice and returns the second.
    judge = mapie_test(np.insert(uniforms, 0, uniforms[0]))
    return np.array([judge.compute_p_value(score, test[:i]) for i, score in enumerate(test)])


def mapie_martingale(p_values):
    judge = mapie_test()
    for p in p_values:
        judge.update_simple_jumper_martingale(p)
    return np.array(judge.martingale_value_history)


def searchsorted(calibration, test):
    ordered = np.sort(calibration)
    return (1 + len(ordered) - np.searchsorted(ordered, test, side="left")) / (len(ordered) + 1)


def timed(call):
    times = []
    for _ in range(REPETITIONS):
        begun = time.perf_counter()
        result = call()
        times.append(1000 * (time.perf_counter() - begun))
    return result, median(times)


def main():
    generator = np.random.default_rng(SEED)
    calibration, test = scores(generator, 100_000), scores(generator, 10_000)
    bins, test_bins = generator.integers(0, 5, 100_000), generator.integers(0, 5, 10_000)
    uniforms, per_bin = crepes_uniforms(10_000), mondrian_uniforms(test_bins)
    drifting = np.concatenate([generator.uniform(size=5_000), generator.beta(0.9, 1, 5_000)])
    FOLDER.mkdir(parents=True, exist_ok=True)
    arrays = {
        "calibration": calibration, "test": test, "calibration-bins": bins, "test-bins": test_bins,
        "uniforms": uniforms, "mondrian-uniforms": per_bin, "drifting": drifting,
    }  # fmt: skip
    for name, array in arrays.items():
        np.save(FOLDER / f"{name}.npy", array)
    subprocess.run(["node", "dist/experiments/peers/conformal.js", str(FOLDER)], check=True)
    ours = json.loads((FOLDER / "ours.json").read_text())

    jumper = SimpleJumper(J=0.01, bf=EpsilonBettingFunction(E=[-1, 0, 1]))
    rows = [
        ("conformal", "crepes", lambda: p_values_batch(calibration, test, smoothing=False)),
        ("conformal", "numpy", lambda: searchsorted(calibration, test)),
        ("smoothed", "crepes", lambda: p_values_batch(calibration, test, seed=SEED)),
        ("smoothed", "MAPIE", lambda: mapie_p_values(calibration, test, uniforms)),
        ("mondrian", "crepes", lambda: p_values_batch(calibration, test, bins, test_bins, seed=SEED)),
        ("growing", "crepes", lambda: semi_online_p_values(test, seed=SEED)),
        ("growing", "MAPIE", lambda: mapie_growing(test, uniforms)),
        ("martingale", "crepes", lambda: jumper.apply(drifting)),
        ("martingale", "MAPIE", lambda: mapie_martingale(drifting)),
    ]
    print("| case | peer | version | largest difference | ours ms | peer ms | peer / ours |")
    print("|---|---|---|--:|--:|--:|--:|")
    table = []
    for case, peer, call in rows:
        theirs, peer_ms = timed(call)
        difference = compare(case, ours[case]["result"], theirs)
        ours_ms = ours[case]["milliseconds"]
        row = {"case": case, "peer": peer, "version": version(peer), "difference": difference,
               "oursMs": ours_ms, "peerMs": peer_ms}  # fmt: skip
        table.append(row)
        print(f"| {case} | {peer} | {row['version']} | {difference:.1e} | {ours_ms:.1f} | {peer_ms:.1f} | {peer_ms / ours_ms:.1f} |")
    print("| conformal | MAPIE | – | it has smoothed p-values only | | | |")
    print("| mondrian | MAPIE | – | it has no p-values by category | | | |")
    (FOLDER / "table.json").write_text(json.dumps({"schema": "atts.experiment.conformal-peers/1", "rows": table}))
    if max(row["difference"] for row in table) > 1e-9:
        raise SystemExit("a peer's numbers differ from ours")


def compare(case, ours, theirs):
    """Largest absolute difference; of a martingale, of log10 of its last and highest value, and of the alarm's time."""
    if case != "martingale":
        return float(np.max(np.abs(np.array(ours) - theirs)))
    logs = np.log10(theirs)
    first = np.flatnonzero(theirs >= 100)
    alarm = int(first[0]) + 1 if len(first) > 0 else None
    if alarm != ours["alarmAt"]:
        return float("inf")
    return float(max(abs(ours["final"] - logs[-1]), abs(ours["max"] - max(0, logs.max()))))


if __name__ == "__main__":
    main()
