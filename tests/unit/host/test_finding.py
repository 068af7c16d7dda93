"""Which plugins there are, which is asked, and what is said when there is none."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Any

import pytest

from engram_discovery.errors import PluginConflictError, ProviderNotFoundError
from engram_discovery.host import PluginHost, PluginState
from engram_discovery.host.catalogue import first_party
from tests.support.installed_plugins import Site


def state(host: PluginHost, name: str) -> PluginState:
    return next(record.state for record in host.records() if record.name == name)


def test_installed_providers_are_known_without_importing_one(site: Site, plugin_source: Any) -> None:
    """Naming what there is imports nothing."""
    site.install("acme-discovery", acme=plugin_source("acme"))

    host = PluginHost()

    assert {"acme", "static"} <= host.known_providers()
    assert not site.imported("acme-discovery", "acme")


def test_asking_for_one_provider_imports_only_its_plugin(site: Site, plugin_source: Any) -> None:
    """An unrelated installed distribution is not imported, and is shown as available."""
    site.install("acme-discovery", acme=plugin_source("acme"))
    site.install("stranger", stranger=plugin_source("stranger"))
    host = PluginHost()

    info = host.provider("acme")

    assert info.name == "acme"
    assert site.imported("acme-discovery", "acme")
    assert not site.imported("stranger", "stranger")
    assert state(host, "acme") is PluginState.LOADED
    assert state(host, "stranger") is PluginState.AVAILABLE


def test_a_record_names_distribution_version_and_capabilities(site: Site) -> None:
    """What is known of a plugin is complete once it is loaded."""
    source = """
        @hookimpl
        def engram_providers():
            return offer("acme", capabilities=frozenset({"discover", "watch"}))
    """
    site.install("acme-discovery", version="2.3", acme=source)
    host = PluginHost(entry_points=site.entry_points)

    records = host.load_all()

    acme = next(record for record in records if record.name == "acme")
    assert (acme.distribution, acme.version, acme.error) == ("acme-discovery", "2.3", None)
    assert acme.providers == ("acme",)
    assert acme.capabilities == {"discover", "watch"}


@pytest.mark.parametrize("ruled", [{"deny": ["acme"]}, {"deny": ["Acme_Discovery"]}, {"allow": ["static"]}])
def test_a_plugin_that_the_settings_rule_out_is_never_imported(
    site: Site, plugin_source: Any, ruled: Any
) -> None:
    """Allow and deny hold before the import, by entry point or by distribution."""
    site.install("acme-discovery", acme=plugin_source("acme"))
    host = PluginHost(entry_points=site.entry_points, **ruled)

    with pytest.raises(ProviderNotFoundError, match=r'"acme" is installed, but not enabled.*plugins\.deny'):
        host.provider("acme")
    host.load_all()

    assert not site.imported("acme-discovery", "acme")
    assert "acme" not in host.known_providers()
    assert state(host, "acme") is PluginState.DISABLED


def test_deny_is_stronger_than_allow(site: Site, plugin_source: Any) -> None:
    """What is both allowed and denied is not imported."""
    site.install("acme-discovery", acme=plugin_source("acme"))
    host = PluginHost(entry_points=site.entry_points, allow=["acme"], deny=["acme-discovery"])

    assert state(host, "acme") is PluginState.DISABLED


def test_two_distributions_with_one_name_are_both_named(site: Site, plugin_source: Any) -> None:
    """Neither wins by chance: the error names both, and the setting that chooses."""
    site.install("acme-discovery", acme=plugin_source("acme"))
    site.install("rival", version="9", acme=plugin_source("acme"))
    host = PluginHost(entry_points=site.entry_points)

    with pytest.raises(PluginConflictError) as caught:
        host.provider("acme")

    text = str(caught.value)
    assert "acme-discovery 1.0" in text
    assert "rival 9" in text
    assert 'cluster.plugins.deny = ["acme-discovery"] or ["rival"]' in text
    assert state(host, "acme") is PluginState.CONFLICT
    assert not site.imported("rival", "acme")


def test_deny_chooses_between_two_distributions(site: Site, plugin_source: Any) -> None:
    """The remedy that the conflict names works."""
    site.install("acme-discovery", acme=plugin_source("acme"))
    site.install("rival", acme=plugin_source("acme"))
    host = PluginHost(entry_points=site.entry_points, deny=["rival"])

    host.provider("acme")

    assert site.imported("acme-discovery", "acme")
    assert not site.imported("rival", "acme")


def test_a_conflict_that_nobody_selected_harms_nobody(site: Site, plugin_source: Any) -> None:
    """The other providers go on."""
    site.install("acme-discovery", acme=plugin_source("acme"), other=plugin_source("other"))
    site.install("rival", acme=plugin_source("acme"))
    host = PluginHost(entry_points=site.entry_points)

    assert host.provider("other").name == "other"


def test_a_plugin_of_the_program_does_not_silently_shadow_an_installed_one(
    site: Site, plugin_source: Any
) -> None:
    """A provider registered by the program conflicts with an installed one of its name."""
    site.install("acme-discovery", acme=plugin_source("acme"))
    site.install("mine", mine=plugin_source("acme"))
    module = EntryPoint("mine", site.module("mine", "mine"), "engram_discovery").load()
    host = PluginHost(entry_points=[ep for ep in site.entry_points if ep.name == "acme"])
    host.register(module, name="mine")

    with pytest.raises(PluginConflictError, match="registered by the program"):
        host.provider("acme")


def test_a_name_is_registered_once(site: Site, plugin_source: Any) -> None:
    """A second registration under one name is refused, not ignored."""
    site.install("mine", mine=plugin_source("acme"))
    module = EntryPoint("mine", site.module("mine", "mine"), "engram_discovery").load()
    host = PluginHost(entry_points=[])
    host.register(module, name="mine")

    with pytest.raises(PluginConflictError, match="already registered"):
        host.register(module, name="mine")


def test_two_entry_points_may_share_a_module(site: Site) -> None:
    """One module can offer two providers, each under its own entry point."""
    source = """
        @hookimpl
        def engram_providers():
            return offer("acme") + offer("acme_catalog")
    """
    site.install("acme-discovery", acme=source)
    module = site.module("acme-discovery", "acme")
    shared = [EntryPoint(name, module, "engram_discovery") for name in ("acme", "acme_catalog")]
    host = PluginHost(entry_points=shared)

    names = {host.provider(name).name for name in ("acme", "acme_catalog")}

    assert names == {"acme", "acme_catalog"}
    records = [record for record in host.records() if record.name.startswith("acme")]
    assert [(record.providers, record.error) for record in records] == [
        (("acme",), None),
        (("acme_catalog",), None),
    ]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            "consull",
            (
                'unknown discovery provider "consull"; installed: acme; '
                'did you mean "consul"? pip install "engram-discovery[consul]"'
            ),
        ),
        (
            "etcd",
            'unknown discovery provider "etcd"; installed: acme; pip install "engram-discovery[etcd]"',
        ),
        ("acmee", 'unknown discovery provider "acmee"; installed: acme; did you mean "acme"?'),
        ("qqq", 'unknown discovery provider "qqq"; installed: acme'),
    ],
)
def test_an_unknown_provider_is_explained(site: Site, plugin_source: Any, asked: Any, said: Any) -> None:
    """The error says what is installed, what was probably meant, and the command that installs it."""
    site.install("acme-discovery", acme=plugin_source("acme"))
    host = PluginHost(entry_points=site.entry_points)

    with pytest.raises(ProviderNotFoundError) as caught:
        host.provider(asked)

    assert str(caught.value) == said
    assert caught.value.available == ("acme",)


def test_every_extra_of_ours_has_an_install_hint() -> None:
    """The install hints follow the package's own metadata."""
    assert {"static", "dns", "consul", "etcd"} <= first_party()
    assert "all" not in first_party()


def test_malformed_metadata_of_one_distribution_hides_no_other(site: Site, plugin_source: Any) -> None:
    """A file that cannot be parsed costs only its own distribution."""
    site.install("acme-discovery", acme=plugin_source("acme"))
    site.metadata("mangled", entry_points="[engram_discovery]\nthis is no entry point\n")

    host = PluginHost()

    assert {"acme", "static"} <= host.known_providers()
    assert "this is no entry point" not in host.known_providers()


def test_two_hosts_do_not_see_each_other(site: Site, plugin_source: Any) -> None:
    """A host holds its own plugins: nothing is global."""
    site.install("mine", mine=plugin_source("acme"))
    module = EntryPoint("mine", site.module("mine", "mine"), "engram_discovery").load()
    host, other = PluginHost(entry_points=[]), PluginHost(entry_points=[])

    host.register(module, name="mine")

    assert host.known_providers() == {"acme"}
    assert other.known_providers() == frozenset()


def test_what_is_part_of_this_package_needs_no_allowing() -> None:
    """The built-in engine can be used whatever ``allow`` says, and is no discovery provider."""
    host = PluginHost(entry_points=[], allow=[])

    host.load_all()

    assert state(host, "kinship") is PluginState.LOADED
    assert host.known_providers() == frozenset()
    with pytest.raises(ProviderNotFoundError, match='unknown discovery provider "kinship"'):
        host.provider("kinship")
