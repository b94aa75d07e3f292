"""A store for exports: two complete rows in which hardly two scores are alike, an incomplete one, and planted names."""

from __future__ import annotations

from pathlib import Path

from mer_bench.store import Store
from support.store_factory import CLASSES, make_row, manifest, new_store, right, scattered, write_seed

COUNTS = {
    "smic/s1": (5, 4, 6),
    "smic/s2": (7, 3, 2),
    "smic/s3": (2, 5, 4),
    "samm/006": (8, 2, 1),
    "samm/007": (6, 5, 1),
    "samm/011": (4, 1, 3),
    "casme2/sub01": (9, 3, 4),
    "casme2/sub02": (5, 2, 7),
    "casme2/sub03": (3, 6, 2),
}
"""Subject to the number of samples of each class; enough subjects for an interval of the full set only."""

HOST, USER, FOLDER = "lab-gpu-07", "aliceb", "/srv/aliceb/secret-maps"
"""What no export may hold."""

SAMPLES = {
    f"{subject}/{CLASSES[label]}_{i}": label
    for subject, counts in COUNTS.items()
    for label, count in enumerate(counts)
    for i in range(count)
}


def export_store(folder: Path) -> Store:
    """Return a store with the rows ``net`` (two seeds and an oracle), ``majority`` and the incomplete ``partial``."""
    store = new_store(folder)
    run = store.start_run(
        manifest(
            argv=[f"/home/{USER}/env/bin/mer-bench", "run", "--data", FOLDER, f"--results=/home/{USER}/results"],
            platform=f"Linux {HOST}",
            processor=f"processor of {HOST}",
            started="2026-11-02T03:04:05+00:00",
        )
    )
    net = make_row(
        "net",
        epochs=True,
        samples=SAMPLES,
        caveats=["synthetic"],
        params={"weights": f"{FOLDER}/net.pt", "lr": 0.25},
        preset="quick",
        changed={"weights": f"{FOLDER}/net.pt"},
        differs={"weights": f"{FOLDER}/net.pt"},
        reference="paper",
    )
    net["method"]["citation"] = "Ämter, Lopez & Berg 2021, 50 % of $x_1$, doi:10.1234/abc_d.56, arXiv:2101.04321"
    for seed in (0, 1):
        write_seed(store, net, scattered(f"net {seed}", 4), seed=seed, run_id=run, oracle=right, processor=HOST)
    write_seed(store, make_row("majority", samples=SAMPLES), scattered("majority", 1), run_id=run, processor=HOST)
    failed = {"smic-s1": f"cannot read {FOLDER}/s1.png on {HOST}"}
    write_seed(store, make_row("partial", samples=SAMPLES), right, run_id=run, failed=failed, processor=HOST)
    return store
