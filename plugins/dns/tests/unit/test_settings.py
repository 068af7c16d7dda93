"""The table ``[cluster.dns]`` and the question that it asks."""

import pytest
from pydantic import ValidationError

from engram_discovery.node.provider_factory import make_host
from engram_discovery.settings.load import settings_from
from engram_discovery_dns.plugin import plugin
from engram_discovery_dns.question import QueryMode, Question, question_for
from engram_discovery_dns.settings import DnsSettings


@pytest.mark.parametrize(
    ("settings", "question"),
    [
        ({"service": "engram.test"}, Question("engram.test", QueryMode.AUTO, 7946)),
        ({"service": "Engram.Test."}, Question("engram.test.", QueryMode.AUTO, 7946)),
        ({"service": "_g._tcp.engram.test"}, Question("_g._tcp.engram.test", QueryMode.SRV, 7946)),
        (
            {"service": "engram.test", "port_name": "gossip", "protocol": "udp"},
            Question("_gossip._udp.engram.test", QueryMode.SRV, 7946),
        ),
        (
            {"service": "_g._tcp.engram.test", "port_name": "other"},
            Question("_g._tcp.engram.test", QueryMode.SRV, 7946),
        ),
        ({"service": "dns+engram.test:9000"}, Question("engram.test", QueryMode.ADDRESS, 9000)),
        ({"service": "dns+engram.test", "port": 9001}, Question("engram.test", QueryMode.ADDRESS, 9001)),
        ({"service": "dnssrv+_g._tcp.engram.test"}, Question("_g._tcp.engram.test", QueryMode.SRV, 7946)),
        ({"service": "dnssrvnoa+engram.test"}, Question("engram.test", QueryMode.SRV_NAMES, 7946)),
    ],
)
def test_what_is_asked(settings: dict[str, object], question: Question) -> None:
    """The form of the name decides which records are asked for."""
    assert question_for(DnsSettings.model_validate(settings)) == question


@pytest.mark.parametrize(
    "wrong",
    [
        {"service": "srv+engram.test"},
        {"service": "engram..test"},
        {"service": "dns+engram.test:http"},
        {"service": ""},
        {"service": "engram.test", "nameservers": "ns.engram.test"},
        {"service": "engram.test", "port": 0},
        {"service": "engram.test", "family": "ipv4"},
        {"service": "engram.test", "partial": "ignore"},
        {"service": "engram.test", "allowed_cidrs": "10.0.0.0/33"},
        {"service": "engram.test", "port_name": "_gossip"},
    ],
)
def test_what_is_refused(wrong: dict[str, object]) -> None:
    """Nothing that cannot work is accepted."""
    with pytest.raises(ValidationError):
        DnsSettings.model_validate(wrong)


def test_lists_may_be_text_with_commas() -> None:
    """As an environment variable holds them; name servers get port 53."""
    settings = DnsSettings.model_validate(
        {
            "service": "engram.test",
            "nameservers": "127.0.0.1,[::1]:5353",
            "allowed_cidrs": "10.0.0.0/8,fd00::/8",
        }
    )

    assert settings.nameservers == ("127.0.0.1:53", "[::1]:5353")
    assert [str(network) for network in settings.allowed_cidrs] == ["10.0.0.0/8", "fd00::/8"]


def test_the_table_of_the_specification_loads() -> None:
    """``refresh_interval_sec`` is ``refresh_interval``, and the table goes to this provider's model."""
    table = {
        "service": "engram-cluster.default.svc.cluster.local",
        "port": 7946,
        "refresh_interval_sec": 30,
    }
    settings = settings_from({"cluster": {"enabled": True, "discovery": "dns", "dns": table}}, host=make_host)

    loaded = settings.provider_settings(plugin.engram_providers()[0])

    assert loaded == DnsSettings(service="engram-cluster.default.svc.cluster.local")
