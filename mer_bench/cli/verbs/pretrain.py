"""``mer-bench pretrain``."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import click

from mer_bench.cli.completion import complete_data, complete_method
from mer_bench.cli.options import (
    SettingsCommand,
    data_option,
    preprocess_option,
    preset_option,
    protocol_option,
    set_option,
)
from mer_bench.cli.standard_output import say
from mer_bench.errors import MerBenchError


@click.command(name="pretrain", cls=SettingsCommand)
@click.argument("method", shell_complete=complete_method)
@protocol_option(required=True, help="The protocol whose samples and classes it is trained on.")
@click.option("--out", required=True, metavar="FILE", help="The file of weights: NAME.safetensors.")
@click.option(
    "--data",
    shell_complete=complete_data,
    help="A folder, or 'synthetic'.  [default: MER_BENCH_DATA, else 'data' in the config file, else synthetic]",
)
@data_option
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="The seed.")
@preset_option("A named set of parameters (quick, paper).  [default: the method's own]")
@set_option("A parameter: lr=1e-4.")
@click.option("--allow-partial", is_flag=True, help="Train although the counts of the data differ from the protocol's.")
@preprocess_option
@click.option("--device", help="auto, cpu or cuda.  [default: auto]")
def command(method: str, *, out: str, seed: int, **asked: Any) -> None:
    """Train METHOD, a network, on all samples of a protocol, for weights that other trainings start from.

    `mer-bench run --set init_from=FILE --set init_sha256=DIGEST` starts from them. It refuses weights that were trained
    on a subject that its protocol tests on.
    """
    from mer_bench.engine.pretraining import write_weights
    from mer_bench.evaluation.request import Request
    from mer_bench.progress import ProgressListener

    file = Path(out).expanduser()
    if file.suffix != ".safetensors":
        raise MerBenchError(f"--out {out} does not end in .safetensors")
    subjects = write_weights(Request(methods=(method,), **asked), file, seed=seed, listener=ProgressListener())
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    say(f"{file}: trained on {len(subjects)} subjects")
    say(f"--set init_from={file} --set init_sha256={sha256[:16]}")
