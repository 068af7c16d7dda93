"""The table ``[cluster.etcd]``."""

from typing import Any

import pytest
from pydantic import ValidationError

from engram_discovery_etcd.settings import EtcdSettings


def make(**table: Any) -> EtcdSettings:
    return EtcdSettings.model_validate(table)


def test_nothing_need_be_set() -> None:
    """An etcd on this machine is found without a word."""
    settings = make()

    assert settings.targets == ("127.0.0.1:2379",)
    assert (settings.prefix, settings.ttl, settings.tls) == ("/engram", 30.0, False)


@pytest.mark.parametrize(
    ("endpoints", "targets", "tls"),
    [
        (["etcd-1", "[2001:db8::1]:2380"], ("etcd-1:2379", "[2001:db8::1]:2380"), False),
        ("a:1, b:2,a:1", ("a:1", "b:2"), False),
        (["https://ETCD.example:2379/"], ("etcd.example:2379",), True),
        (["http://a:1", "b:2"], ("a:1", "b:2"), False),
    ],
)
def test_endpoints_are_written_as_people_write_them(
    endpoints: Any, targets: tuple[str, ...], *, tls: bool
) -> None:
    """The port may lack, a scheme may be there, doubles count once; https means TLS."""
    settings = make(endpoints=endpoints)

    assert (settings.targets, settings.tls) == (targets, tls)


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({"endpoints": []}, "at least 1 item"),
        ({"endpoints": ["ftp://a:1"]}, "expected host:port, http://host:port or https://host:port"),
        ({"endpoints": ["a:99999"]}, "port"),
        ({"endpoints": ["a:1", "https://b:1"]}, "endpoints must all be https:// or none"),
        ({"user": "u"}, "user and password must be set together"),
        ({"endpoints": "https://a", "cert_file": "c"}, "cert_file and key_file must be set together"),
        ({"ca_file": "c"}, "need endpoints that begin with https://"),
        ({"prefix": "/"}, "expected the beginning of a key"),
        ({"ttl": 0}, "above zero"),
    ],
)
def test_what_cannot_work_is_refused(table: dict[str, Any], problem: str) -> None:
    """Each fault is named in the settings' own words."""
    with pytest.raises(ValidationError, match=problem):
        make(**table)


def test_the_password_is_not_shown() -> None:
    """Neither repr nor JSON gives it away."""
    settings = make(user="u", password="canary-91c2")

    assert "canary" not in repr(settings)
    assert "canary" not in settings.model_dump_json()
