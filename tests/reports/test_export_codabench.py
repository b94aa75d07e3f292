"""The competition of Codabench: unpacked and run as Codabench runs it, without mer-bench."""

from __future__ import annotations

import io
import json
import os
import shlex
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from support.bench import Bench
from support.export_case import SAMPLES, export_store
from support.store_factory import CLASSES, make_row, right, write_seed

from mer_bench.results import read_results
from mer_bench.store import Store

KEYS = {
    "competition": {
        *("version", "title", "description", "image", "terms", "registration_auto_approve", "docker_image", "pages"),
        *("make_programs_available", "make_input_data_available", "tasks", "phases", "leaderboards"),
    },
    "page": {"title", "file"},
    "task": {"index", "name", "description", "reference_data", "scoring_program"},
    "phase": {
        *("index", "name", "description", "start", "max_submissions_per_day", "max_submissions", "tasks"),
    },
    "leaderboard": {"title", "key", "submission_rule", "columns"},
    "column": {"title", "key", "index", "sorting", "precision"},
}
"""Of Codabench's documentation, "Yaml Structure"."""


@dataclass
class Competition:
    folder: Path
    sample: bytes

    def score(self, **files: str) -> subprocess.CompletedProcess[str]:
        """Run the program as Codabench does, with the files of a submission by name, dots written as ``__``."""
        res = self.folder / "app/input/res"
        res.mkdir()
        for name, content in files.items():
            (res / name.replace("__", ".")).write_text(content, encoding="utf-8")
        metadata = yaml.safe_load((self.folder / "app/program/metadata.yaml").read_text(encoding="utf-8"))
        words = [word.replace("/app/", f"{self.folder}/app/") for word in shlex.split(metadata["command"])]
        environment = {"PATH": os.environ["PATH"]}
        command = [sys.executable, "-B", *words[1:]]
        return subprocess.run(
            command, cwd=self.folder / "app/program", env=environment, capture_output=True, text=True, check=False
        )

    @property
    def scores(self) -> dict[str, float]:
        scores: dict[str, float] = json.loads((self.folder / "app/output/scores.json").read_text(encoding="utf-8"))
        return scores


def unpack(content: bytes, folder: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        archive.extractall(folder)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return export_store(tmp_path)


@pytest.fixture
def competition(bench: Bench, store: Store, tmp_path: Path) -> Competition:
    ended = bench(*("export", "--format", "codabench", "--row", "net"), "--out", "cb", "--results", bench.results)
    assert ended.code == 0, ended.err
    assert "upload the bundle to Codabench, which hides them, and publish neither" in ended.err
    folder = tmp_path / "competition"
    unpack(Path("cb/bundle.zip").read_bytes(), folder)
    unpack((folder / "scoring_program.zip").read_bytes(), folder / "app/program")
    unpack((folder / "reference_data.zip").read_bytes(), folder / "app/input/ref")
    return Competition(folder, Path("cb/sample_submission.zip").read_bytes())


def table(predicted: dict[str, int]) -> str:
    return "\n".join(["sample_id,prediction", *(f"{key},{CLASSES[label]}" for key, label in predicted.items()), ""])


def test_competition_yaml_has_codabench_s_keys_and_names_files_that_are_there(competition: Competition) -> None:
    content = yaml.safe_load((competition.folder / "competition.yaml").read_text(encoding="utf-8"))
    (task,), (phase,), (board,) = content["tasks"], content["phases"], content["leaderboards"]
    files = [content["image"], content["terms"], task["reference_data"], task["scoring_program"]]

    assert content["version"] == 2
    assert content["docker_image"] == "codalab/codalab-legacy:py312"
    assert set(content) == KEYS["competition"]
    assert (set(task), set(phase), set(board)) == (KEYS["task"], KEYS["phase"], KEYS["leaderboard"])
    assert all(set(page) == KEYS["page"] for page in content["pages"])
    assert all(set(column) == KEYS["column"] for column in board["columns"])
    assert phase["tasks"] == [task["index"]]
    assert [column["key"] for column in board["columns"][:2]] == ["full_uf1", "full_uar"]
    assert all((competition.folder / name).stat().st_size for name in files + [p["file"] for p in content["pages"]])


@pytest.mark.slow
def test_the_sample_submission_scores_as_mer_bench_does(competition: Competition, store: Store) -> None:
    unpack(competition.sample, competition.folder / "sample")
    sample = (competition.folder / "sample/predictions.csv").read_text(encoding="utf-8")
    ended = competition.score(predictions__csv=sample)
    (row,) = [row for row in read_results(store) if row.record["method"]["name"] == "net"]
    slices = row.seeds[0].slices

    assert ended.returncode == 0, ended.stderr
    assert competition.scores == {
        f"{part}_{metric}": getattr(scores, metric) for part, scores in slices.items() for metric in ("uf1", "uar")
    }
    assert len(set(competition.scores.values())) > 4
    columns = yaml.safe_load((competition.folder / "competition.yaml").read_text(encoding="utf-8"))["leaderboards"]
    assert [column["key"] for column in columns[0]["columns"]] == list(competition.scores)


@pytest.mark.slow
def test_a_megc_log_scores_the_same_whatever_its_truth_says(
    bench: Bench, competition: Competition, store: Store
) -> None:
    bench(*("export", "--format", "megc", "--row", "net", "--out", "log.txt"), "--results", bench.results)
    lines = [line.split() for line in Path("log.txt").read_text(encoding="utf-8").splitlines()]
    log = "\n".join(" ".join([w[0], "0", w[2]] if len(w) == 3 else w) for w in lines)
    ended = competition.score(predictions__txt=log)
    (row,) = [row for row in read_results(store) if row.record["method"]["name"] == "net"]

    assert ended.returncode == 0, ended.stderr
    assert competition.scores["samm_uf1"] == row.seeds[0].slices["samm"].uf1


@pytest.mark.slow
def test_the_program_uses_the_modules_beside_it_and_no_other_of_mer_bench(competition: Competition) -> None:
    code = (
        "import sys; sys.argv = ['', '', '']; import program\n"
        "print([m.__file__ for name, m in sorted(sys.modules.items()) if name.split('.')[0] == 'mer_bench'])"
    )
    folder = competition.folder / "app/program"
    ended = subprocess.run(
        [sys.executable, "-B", "-c", code], cwd=folder, env={"PATH": ""}, capture_output=True, text=True, check=True
    )
    files = [Path(name) for name in yaml.safe_load(ended.stdout)]

    assert {file.relative_to(folder) for file in files} == {
        path.relative_to(folder) for path in folder.glob("mer_bench/**/*.py")
    }


ids = list(SAMPLES)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"predictions__csv": table({k: v for k, v in SAMPLES.items() if k != ids[3]})},
            f"have no prediction: {ids[3]}",
        ),
        ({"predictions__csv": table({**SAMPLES, "smic/s9/x": 1})}, "1 samples are not of this protocol: smic/s9/x"),
        ({"predictions__csv": table(SAMPLES) + f"{ids[5]},negative\n"}, f"{ids[5]} is there twice"),
        ({"predictions__csv": table(SAMPLES).replace("surprise\n", "suprise\n", 1)}, "(did you mean 'surprise'?)"),
        ({"predictions__csv": "id,label\n"}, "it must be 'sample_id,prediction'"),
        ({"answers__txt": ""}, "predictions.csv or predictions.txt, at its top; found: answers.txt"),
        ({"predictions__csv": "", "predictions__txt": ""}, "holds one file"),
        ({"predictions__txt": "smic s1\nclip 0 7\n"}, "error: predictions.txt, line 2: prediction '7'"),
    ],
    ids=["missing", "unknown", "twice", "no class", "header", "no file", "two files", "log"],
)
def test_a_faulty_submission_gets_a_sentence_and_no_score(
    competition: Competition, files: dict[str, str], message: str
) -> None:
    ended = competition.score(**files)

    assert ended.returncode == 1
    assert ended.stderr.startswith("error: ")
    assert ended.stderr.count("\n") == 1
    assert message in ended.stderr
    assert not (competition.folder / "app/output/scores.json").exists()


def test_the_true_classes_are_in_the_reference_data_alone(competition: Competition) -> None:
    truth = json.loads((competition.folder / "app/input/ref/truth.json").read_text(encoding="utf-8"))
    others = [
        path for path in competition.folder.rglob("*") if path.is_file() and path.suffix in (".yaml", ".md", ".py")
    ]

    assert truth == SAMPLES
    assert not [path for path in others if any(key in path.read_text(encoding="utf-8") for key in SAMPLES)]


def test_rows_of_other_samples_make_no_competition(bench: Bench, store: Store) -> None:
    write_seed(store, make_row("other"), right)
    ended = bench("export", "--format", "codabench", "--out", "cb", "--results", bench.results)

    assert ended.code == 2
    assert "a competition has one protocol and the same samples" in ended.errors[0]
