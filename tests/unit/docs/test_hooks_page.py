"""The reference of hooks, protocols and contract suites is written from them, and is complete."""

from __future__ import annotations

from typing import Any

import pytest

from docs import hooks_page
from engram_discovery import hookspecs, testing
from engram_discovery.testing import contracts, pytest_plugin


@pytest.fixture(scope="module")
def page() -> str:
    return hooks_page.PAGE.read_text(encoding="utf-8")


def test_the_page_is_what_the_code_says(page: Any) -> None:
    """After a change of the contract: python -m docs.hooks_page."""
    assert page == hooks_page.page()


@pytest.mark.parametrize("hook", hooks_page.hooks())
def test_every_hook_and_argument_has_its_place(page: Any, hook: Any) -> None:
    """Each hook is shown with its signature and a text."""
    assert f"### `{hook}`" in page
    assert f"def {hook}(" in page


@pytest.mark.parametrize("protocol", hooks_page.PROTOCOLS)
def test_every_method_has_its_place(page: Any, protocol: Any) -> None:
    """Each method and property of a protocol is shown, and says what it does."""
    for name, member in hooks_page.members(protocol).items():
        assert f"#### `{protocol.__name__}.{name}`" in page
        assert (member.fget if isinstance(member, property) else member).__doc__


def test_every_value_of_the_contract_is_described(page: Any) -> None:
    """What the hooks' module exports besides hooks is there, too."""
    values = {name for name in hookspecs.__all__ if isinstance(getattr(hookspecs, name), type)}

    assert [name for name in values - {"HookSpecs"} if f"### `{name}`" not in page] == []


def test_every_part_of_the_test_kit_has_its_place(page: Any) -> None:
    """Fakes, fixtures, and what an author's back-end may do."""
    names = [*testing.__all__, *pytest_plugin.__all__]
    methods = hooks_page.members(contracts.Backend)

    assert [name for name in names if f"| `{name}` |" not in page] == []
    assert [name for name in methods if f"async def {name}(" not in page] == []


def test_every_suite_and_promise_is_listed(page: Any) -> None:
    """What an author subclasses, and every promise that is then checked."""
    suites = [getattr(contracts, name) for name in contracts.__all__ if name.endswith("Contract")]

    assert set(hooks_page.SUITES) == set(suites)
    assert [test for suite in suites for test in hooks_page.promises(suite) if f"`{test}`" not in page] == []
