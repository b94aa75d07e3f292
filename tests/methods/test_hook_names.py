"""Names that look like hooks and are none."""

from __future__ import annotations

import pytest

from mer_bench import MerBenchError
from mer_bench.methods.hook_names import _MEANT, _OF_FRAMEWORKS, refuse_lookalikes

HOOKS = ("build_network", "network_params", "training", "loss", "augment", "parameter_groups", "build_scheduler")


def refusal(name: str, hooks: tuple[str, ...] = HOOKS, value: object = lambda self: None) -> str:
    """The sentence by which a class with a method of this name is refused; empty if it is not."""
    try:
        refuse_lookalikes(type("Mine", (), {name: value}), hooks)
    except MerBenchError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", ["build_model", "make_network", "create_net", "get_model", "model", "build_netwrok"])
def test_other_names_of_the_network_name_its_hook(name: str) -> None:
    assert refusal(name) == (
        f"Mine.{name} is never called, for mer-bench has no such hook (the hook is build_network); if it is a helper "
        f"of your own, call it _{name}"
    )


@pytest.mark.parametrize(
    ("name", "hook"),
    [
        *((name, "loss") for name in ("losses", "get_loss", "compute_loss", "loss_fn", "criterion", "loss_function")),
        *((name, "augment") for name in ("augmentation", "augmentations", "augments", "transforms", "get_transform")),
        *((name, "parameter_groups") for name in ("param_groups", "parameter_group", "build_optimizer", "optimizers")),
        *((name, "build_scheduler") for name in ("build_schedulers", "scheduler", "lr_scheduler", "make_schedule")),
        *((name, "network_params") for name in ("network_parameters", "network_param", "net_params")),
        *((name, "training") for name in ("trainings", "training_config", "optimizer_step")),
        ("configure_optimizers", "parameter_groups"),
        ("configure_schedulers", "build_scheduler"),
        ("training_step", "loss"),
        ("train_step", "loss"),
        ("forward", "build_network"),
        ("on_epoch_end", "build_scheduler"),
        ("collate_fn", "augment"),
    ],
)
def test_a_lookalike_is_refused_with_the_hook_that_is_meant(name: str, hook: str) -> None:
    assert f"Mine.{name} is never called" in refusal(name)
    assert f"(the hook is {hook});" in refusal(name)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("fit", "mer-bench trains the network"),
        ("train", "mer-bench trains the network"),
        ("predict", "mer-bench scores samples by the network's logits"),
        ("validation_step", "mer-bench scores samples by the network's logits"),
        ("val_dataloader", "mer-bench draws the batches"),
    ],
)
def test_what_mer_bench_does_itself_is_refused_with_the_base_class_that_does_not(name: str, reason: str) -> None:
    assert f"({reason}; a method that trains itself derives from Method);" in refusal(name)


@pytest.mark.parametrize(
    "name",
    [
        *HOOKS,
        *("_loss", "_build_model", "__call__", "_forward", "build_encoder", "build_head", "build_blocks", "patch_grid"),
        *("loss_weight", "class_margins", "n_tokens", "positional_encoding", "freeze_backbone", "model_size", "width"),
    ],
)
def test_hooks_private_helpers_and_unrelated_names_are_allowed(name: str) -> None:
    assert refusal(name) == ""


@pytest.mark.parametrize("value", ["resnet18", 3, None, dict])
def test_a_value_is_no_method(value: object) -> None:
    assert refusal("model", value=value) == ""


@pytest.mark.parametrize("kind", [staticmethod, classmethod, property])
def test_every_kind_of_method_is_seen(kind: type) -> None:
    assert "the hook is loss" in refusal("losses", value=kind(lambda *_: None))


def test_a_hook_that_the_base_does_not_have_is_not_proposed() -> None:
    assert refusal("get_loss", ("build_network",)) == ""
    assert "the hook is build_network" in refusal("forward", ("build_network",))


def test_only_what_the_class_itself_defines_is_looked_at() -> None:
    class Base:
        def get_loss(self) -> None: ...

    class Mine(Base):
        def build_head(self) -> None: ...

    refuse_lookalikes(Mine, HOOKS)
    with pytest.raises(MerBenchError, match=r"Base\.get_loss is never called"):
        refuse_lookalikes(Base, HOOKS)


def test_every_name_leads_to_a_hook_that_exists() -> None:
    assert {*_MEANT, *_OF_FRAMEWORKS.values()} <= set(HOOKS)
