"""``mer-bench describe``."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import click

from mer_bench.cli.completion import complete_method
from mer_bench.cli.console import add_row, console, facts_grid, show, styled_lines
from mer_bench.cli.options import SettingsCommand, json_option, preset_option, set_option
from mer_bench.config import RESULTS_DEFAULT
from mer_bench.parameters import value_text
from mer_bench.printable import printable_lines
from mer_bench.sweep import setting_text

if TYPE_CHECKING:
    from rich.table import Table

    from mer_bench.engine.describe import Description
    from mer_bench.engine.describe_network import NetworkFacts
    from mer_bench.parameters import Parameter

_MIDDLE_WIDTH = 16
_NONE = "none"
_RESULTS = f"`mer-bench run` writes them to the folder given by --results; default: {RESULTS_DEFAULT}"


@click.command(name="describe", cls=SettingsCommand)
@click.argument("method", shell_complete=complete_method)
@preset_option("The preset whose values are shown.  [default: the method's own]")
@set_option("A parameter: width=96.")
@click.option(
    "--classes", type=click.IntRange(2, 1000), default=3, show_default=True, help="How many classes there are."
)
@json_option()
def command(method: str, preset: str | None, overrides: dict[str, str], classes: int, as_json: bool) -> None:
    """Show the input, parameters, presets and citation of METHOD, and the size and cost of its network."""
    from mer_bench.engine.describe import describe_method
    from mer_bench.plugin_manager import load_catalogue

    description = describe_method(load_catalogue(), method, preset=preset, overrides=overrides, n_classes=classes)
    show(description.as_json(), _lines(description), as_json=as_json, indent=1)


def _lines(description: Description) -> Iterator[str]:
    """Yield the page line by line: click handles a pipe that closes early, as for the other commands."""
    from rich.text import Text

    spec = description.spec
    title = Text(printable_lines(f"{spec.title} ({spec.name} {spec.version})"), style="bold")
    network = [*_of_network(description.network, description.n_classes), *_of_stack(description.stacks)]
    facts = facts_grid([*_of_method(description), *network, ("results", _RESULTS)])
    tables = [make(description) for make, own in ((_presets, spec.presets), (_parameters, spec.parameters)) if own]
    yield from styled_lines(console(), title, facts, *tables)


def _of_method(description: Description) -> Iterable[tuple[str, str]]:
    spec, representation, sample = description.spec, description.spec.representation, description.sample
    size = "×".join(map(str, sample.shape))
    shaped = f"; shaped by {setting_text(description.shaping)}" if representation.parameters else ""
    yield "provided by", f"{description.distribution}: {spec.target}"
    yield "family", spec.family
    yield "citation", spec.citation or _NONE
    yield "input", f"{representation.name} {size}: {', '.join(sample.axes)} ({', '.join(sample.channels)}){shaped}"
    if representation.name in ("frames", "flow"):
        yield "", "height and width are those of --preprocess size, here its default"
    if representation.approximate:
        yield (
            "",
            f"{representation.approximate} if the data cannot give that; results then have the caveat 'approximation'",
        )
    if spec.features is not None:
        depends = ", ".join((*representation.parameters, *spec.features.parameters)) or "no parameter"
        n_values = math.prod(description.features or ())
        yield "features", f"{n_values:,} values per sample, extracted once; they depend on {depends}"
    elif description.network is None:
        yield "features", f"none; the method gets the {math.prod(sample.shape):,} values of each sample"
    if not spec.presets:
        yield "presets", _NONE
    if not spec.parameters:
        yield "parameters", _NONE


def _of_network(network: NetworkFacts | None, classes: int) -> Iterable[tuple[str, str]]:
    if network is None:
        return
    output = "something other than a tensor" if network.output_shape is None else _batch(network.output_shape)
    shapes = _batch(network.input_shape) + (f" to {output}" if network.flops is not None else "")
    trained = "all" if network.trainable == network.parameters else f"{network.trainable:,}"
    yield "network", f"{shapes}; {network.parameters:,} parameters, {trained} of them trained"
    if network.output_shape not in (None, (classes,)):
        given = "×".join(map(str, network.output_shape or ())) or "1"
        yield "", f"returns {given} scores per sample for {classes} classes (--classes): training refuses that"
    if network.flops is None:
        yield "FLOPs", f"not counted: {network.not_counted}"
        return
    least = "at least " if network.not_counted else ""
    where = "in convolutions, matrix products and attention"
    yield "FLOPs", f"{least}{network.flops:,} per forward pass of one sample: 2 per multiply-add, {where}"
    if network.not_counted:
        yield "", f"not counted: {network.not_counted}"


def _of_stack(stacks: str) -> Iterable[tuple[str, str]]:
    if stacks:
        yield "stacks", stacks


def _batch(shape: tuple[int, ...]) -> str:
    return f"({', '.join(map(str, ('n', *shape)))})"


def _presets(description: Description) -> Table:
    table = _table("preset", "what it changes")
    for name, values in description.spec.presets.items():
        labels = ["default"] if name == description.spec.default_preset else []
        labels += ["shown"] if name == description.preset != description.spec.default_preset else []
        add_row(table, " ".join([name, *(f"({label})" for label in labels)]), setting_text(values) or "the defaults")
    return table


def _parameters(description: Description) -> Table:
    parameters, values = description.spec.parameters, description.params
    changed = any(values[parameter.name] != parameter.default for parameter in parameters)
    table = _table("parameter", "type", "default", *(["value"] if changed else []), "what it is, and why this default")
    for parameter in parameters:
        own = values[parameter.name]
        value = [value_text(own) if own != parameter.default else ""] if changed else []
        cells = (parameter.name, _accepted(parameter), value_text(parameter.default), *value, parameter.doc)
        add_row(table, *cells)
    return table


def _accepted(parameter: Parameter) -> str:
    from mer_bench.engine.describe import type_word

    word = type_word(parameter)
    if parameter.choices:
        return f"{word}: {', '.join(map(value_text, parameter.choices))}"
    low, high = (None if limit is None else f"{limit:.12g}" for limit in (parameter.minimum, parameter.maximum))
    if low is not None and high is not None:
        return f"{word} {low}..{high}"
    limits = [f"≥ {low}"] if low is not None else [f"≤ {high}"] if high is not None else []
    return " ".join([word, *limits])


def _table(*headings: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for heading in headings:
        is_middle = heading not in (headings[0], headings[-1])
        table.add_column(heading, no_wrap=heading == headings[0], max_width=_MIDDLE_WIDTH if is_middle else None)
    return table
