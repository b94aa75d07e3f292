"""What an ablation is: a named sweep of one method, as a paper reports it; and how it is read from TOML."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from mer_bench.errors import MerBenchError, Notice, did_you_mean
from mer_bench.names import NAME_RULE, is_name
from mer_bench.parameters import ParameterValue
from mer_bench.specs import AblationSpec, MethodSpec, load_each
from mer_bench.strict_toml import TomlTable, listed, read_toml
from mer_bench.sweep import make_variants

Pair = tuple[float, float]
"""UF1 and UAR."""


@dataclass(frozen=True, kw_only=True)
class AblationSetting:
    """One row of an ablation.

    Parameters
    ----------
    values : mapping of str to value
        What it sets; the method's other parameters keep the values of the preset.
    note : str
        What readers of its scores must know; may be empty.
    published : mapping of str to mapping of str to (float, float)
        Protocol to slice to the UF1 and UAR that the source prints; empty if it prints none.
    """

    values: Mapping[str, ParameterValue]
    note: str = ""
    published: Mapping[str, Mapping[str, Pair]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Ablation:
    """A named sweep of one method.

    Parameters
    ----------
    name : str
        Lower case with hyphens.
    method : str
        The name of the method, which another plugin may provide.
    place : str
        Where the source has it: ``Figure 5``, ``Section 4.5.2``. ``--figure`` takes its last word.
    title, source : str
        For people: what is varied, and the paper.
    protocols : tuple of str
        The protocols under which it was published; the first is the default of a run.
    settings : tuple of AblationSetting
    reported : str
        What the source says of the outcome, in words; may be empty.
    remarks : tuple of str
        What the source leaves open, and what was chosen.
    """

    name: str
    method: str
    place: str
    title: str
    source: str
    protocols: tuple[str, ...]
    settings: tuple[AblationSetting, ...]
    reported: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def number(self) -> str:
        """The number of the place: ``5``, ``4.5.2``."""
        return self.place.split()[-1]

    def check_slices(self, protocol: str, slices: Iterable[str]) -> None:
        """Refuse published scores of a slice that the protocol does not have: no table would show them.

        Raises
        ------
        MerBenchError
            There are some.
        """
        known = list(slices)
        for setting in self.settings:
            for name in setting.published.get(protocol, {}):
                if name not in known:
                    near = did_you_mean(name, known)
                    raise MerBenchError(
                        f"ablation {self.name}: it has published scores of the slice {name!r}{near}, but protocol "
                        f"{protocol} has {listed(known)}"
                    )

    def of_method(self, spec: MethodSpec) -> Ablation:
        """Return the ablation with its values as a run varies them: ``"1e-5"`` is a number, ``my-net.lr`` is ``lr``.

        Raises
        ------
        MerBenchError
            The method does not take a value, or two settings have the same values.
        """
        try:
            variants = make_variants([spec], settings=[setting.values for setting in self.settings])
        except MerBenchError as error:
            raise MerBenchError(f"ablation {self.name}: {error}") from None
        settings = (replace(own, values=variant.varied) for own, variant in zip(self.settings, variants, strict=True))
        return replace(self, settings=tuple(settings))

    def setting_of(self, values: Mapping[str, ParameterValue]) -> AblationSetting:
        """Return the setting with these values, which must be those of one as `of_method` returns it."""
        return next(setting for setting in self.settings if setting.values == values)


def load_ablations(specs: Iterable[AblationSpec], notice: Notice) -> Iterator[Ablation]:
    """Read several ablations; a broken file gives a notice and does not affect the others."""
    return load_each(specs, load_ablation, notice)


def find_ablation(ablations: Iterable[Ablation], method: str, text: str) -> Ablation:
    """Return the ablation of a method that a text means: the number of its place, all of its place, or its name.

    Raises
    ------
    MerBenchError
        None, or several of several plugins.
    """
    own = [ablation for ablation in ablations if ablation.method == method]
    wanted = " ".join(text.lower().split())
    meant = [each for each in own if wanted in (each.name, each.number.lower(), each.place.lower())]
    if len(meant) == 1:
        return meant[0]
    if meant:
        names = listed(each.name for each in meant)
        raise MerBenchError(f"--figure {text}: {method} has several such ablations; name one of: {names}")
    near = did_you_mean(wanted, [each.number for each in own])
    known = listed(f"{each.number} ({each.place})" for each in own)
    raise MerBenchError(f"--figure {text}: {method} has no such ablation{near}; known: {known}")


def load_ablation(path: Path, name: str | None = None) -> Ablation:
    """Read an ablation from a TOML file.

    Parameters
    ----------
    path : Path
    name : str, optional
        The registered name, which the file must state.

    Raises
    ------
    MerBenchError
        The file cannot be read, is not TOML, or is not a valid ablation: an unknown or missing key, a value of the
        wrong type, or a setting that is listed twice. The message names the file.
    """
    top = read_toml("ablation file", path)
    top.expect_fields(Ablation)
    stated = top.registered_name(name)
    if not is_name(top.text("method")):
        raise top.wrong("method", f"is not {NAME_RULE}")
    protocols = top.names("protocols")
    if not protocols:
        raise top.wrong("protocols", "names no protocol; name the one that a run uses by default")
    settings = tuple(_setting(table, protocols) for table in top.array("settings"))
    values = [setting.values for setting in settings]
    if len(values) < 2:
        raise top.error("an ablation compares at least two settings; add one under [[settings]]")
    for number, own in enumerate(values, start=1):
        if values.index(own) < number - 1:
            raise top.error(f"settings {values.index(own) + 1} and {number} have the same values; remove one")
    return Ablation(
        name=stated,
        method=top.text("method"),
        place=top.text("place"),
        title=top.text("title"),
        source=top.text("source"),
        protocols=protocols,
        settings=settings,
        reported=top.optional("reported", top.text) or "",
        remarks=top.optional("remarks", top.names) or (),
    )


def _setting(table: TomlTable, protocols: tuple[str, ...]) -> AblationSetting:
    table.expect_fields(AblationSetting)
    published = table.optional("published", table.table)
    return AblationSetting(
        values=table.values("values"),
        note=table.optional("note", table.text) or "",
        published={} if published is None else _published(published, protocols),
    )


def _published(table: TomlTable, protocols: tuple[str, ...]) -> dict[str, dict[str, Pair]]:
    table.expect((), protocols)
    scores = {protocol: table.table(protocol) for protocol in table.keys}
    return {protocol: {name: of.fractions(name) for name in of.keys} for protocol, of in scores.items()}
