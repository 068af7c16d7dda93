"""Every error that this package raises on purpose.

    EngramDiscoveryError
    ├─ SettingsError                    every problem of a load at once
    ├─ PluginError
    │  ├─ PluginLoadError               a plugin's module could not be imported
    │  ├─ PluginConflictError           two distributions offer one provider
    │  ├─ PluginIncompatibleError       wrong API version, unknown or misshaped hook
    │  └─ ProviderNotFoundError         the settings name a provider that no plugin declares
    ├─ CallFailedError                  a call to the outside failed; carries a ``FailureKind``
    │  ├─ DiscoveryError                one round of a source failed; never means "no peers"
    │  ├─ RegistrationError             a registry refused, lost the record or did not answer
    │  ├─ ResolutionError               a host name could not be resolved
    │  └─ PluginCallError               a guarded call failed (``runtime.plugin_call``); always translated
    └─ MembershipError
       ├─ BindError                     the gossip socket could not be opened
       ├─ JoinError                     not one endpoint was joined
       └─ NameConflictError             another live node runs under our node id

Messages are lower case, without a full stop: the setting, the origin of its value, and the remedy.
No message contains a secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, Self

from engram_discovery._text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence


__all__ = [
    "BindError",
    "CallFailedError",
    "DiscoveryError",
    "EngramDiscoveryError",
    "FailedAttempt",
    "FailureKind",
    "JoinError",
    "MembershipError",
    "NameConflictError",
    "PluginConflictError",
    "PluginError",
    "PluginIncompatibleError",
    "PluginLoadError",
    "Problem",
    "ProviderNotFoundError",
    "RegistrationError",
    "ResolutionError",
    "SettingsError",
]


_MAX_KEY_LENGTH = 120


class FailureKind(StrEnum):
    """Why a call to the outside failed: the vocabulary of logs, metrics and ``explain``."""

    TIMEOUT = "timeout"
    REFUSED = "refused"
    UNAVAILABLE = "unavailable"
    """The other side answers but cannot serve: no leader, no quorum, read-only, overloaded."""
    DNS_FAILURE = "dns_failure"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    SUPERSEDED = "superseded"
    """A newer run of this node, by generation, holds our record."""
    RATE_LIMITED = "rate_limited"
    BAD_DATA = "bad_data"
    CONFIG = "config"
    """What the settings name cannot work: a missing token file, a certificate that does not match."""
    TLS = "tls"
    PLUGIN_BUG = "plugin_bug"


class EngramDiscoveryError(Exception):
    """Base class of every error of this package."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with the settings.

    Attributes:
        key: Dotted key, such as ``cluster.dns.port``; empty where no key is to blame.
        found: What was expected and what was found: ``expected an integer 1..65535, got "http"``. Never
            a secret.
        origin: Where the value came from: ``engram.toml:12``, ``ENGRAM_CLUSTER__DNS__PORT``; empty if
            nowhere.
        remedy: What to do, if that is not obvious.
    """

    key: str
    found: str
    origin: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        key = printable(self.key, max_length=_MAX_KEY_LENGTH)
        text = f"{key}: {self.found}" if key else self.found
        if self.origin:
            text += f" (from {self.origin})"
        return printable(f"{text}; {self.remedy}" if self.remedy else text)


class SettingsError(EngramDiscoveryError):
    """The settings cannot be used. Holds every problem that was found, not only the first.

    Attributes:
        problems: The problems, sorted by key; each has key, origin, what was found and the remedy.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class PluginError(EngramDiscoveryError):
    """Something is wrong with an installed plugin.

    Attributes:
        plugin: Name of the entry point or provider.
        distribution: ``name version`` of the distribution that installed it, where known.
    """

    def __init__(self, message: str, *, plugin: str, distribution: str | None = None) -> None:
        self.plugin = plugin
        self.distribution = distribution
        super().__init__(message)


class PluginLoadError(PluginError):
    """A plugin's module raised while it was imported."""


class PluginConflictError(PluginError):
    """Two distributions offer a provider of the same name."""


class PluginIncompatibleError(PluginError):
    """A plugin needs another version of the contract, or implements a hook that does not exist."""


class ProviderNotFoundError(PluginError):
    """The settings select a provider that no enabled plugin offers.

    Attributes:
        available: The names of the providers that could be selected, sorted.
        install_hint: The command that installs the provider, if it is one of ours.
    """

    def __init__(
        self, message: str, *, plugin: str, available: Sequence[str], install_hint: str | None
    ) -> None:
        self.available = tuple(available)
        self.install_hint = install_hint
        super().__init__(message, plugin=plugin)


class CallFailedError(EngramDiscoveryError):
    """A call to something outside this process failed: the base of the errors that carry a ``FailureKind``.

    Attributes:
        kind: The cause in one word.
        retryable: False where only an operator can mend it. It is retried all the same, rarely.
        retry_after: Seconds that the other side asked to wait, if it did.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: FailureKind,
        retryable: bool = True,
        retry_after: float | None = None,
    ) -> None:
        self.kind = kind
        self.retryable = retryable
        self.retry_after = retry_after
        super().__init__(message)

    @classmethod
    def of(cls, error: CallFailedError) -> Self:
        """Translate an error of another class of this family; kind and retry advice are kept."""
        return cls(str(error), kind=error.kind, retryable=error.retryable, retry_after=error.retry_after)


class ResolutionError(CallFailedError):
    """The system's resolver did not return an address of a host name."""


class DiscoveryError(CallFailedError):
    """One round of a source failed. The peers known so far stay known: an error is never an empty answer.

    Attributes:
        kind: What went wrong.
        retryable: False when only a human can mend it. The source is asked again all the same, seldom.
        retry_after: Seconds that the other side asked us to wait, if it did.
    """


class RegistrationError(CallFailedError):
    """A registry refused, lost or did not answer. Never stops the node: the upkeep loop tries again.

    ``kind`` is ``not_found`` when the registry no longer has our record and it must be registered anew, and
    ``superseded`` when a newer run of our node id holds it: then it is left alone for good.

    Attributes:
        kind: What went wrong.
        retryable: False when only a human can mend it. It is tried again all the same, seldom.
        retry_after: Seconds that the other side asked us to wait, if it did.
    """


class MembershipError(EngramDiscoveryError):
    """The membership engine cannot do what was asked."""


class BindError(MembershipError):
    """The gossip socket could not be opened: address in use, not on this host, or not permitted."""


class FailedAttempt(Protocol):
    """One endpoint that was not joined; ``types.JoinAttempt`` is one."""

    @property
    def endpoint(self) -> object:
        """The endpoint as it was asked for; ``str()`` gives ``host:port``."""

    @property
    def outcome(self) -> str:
        """The outcome in one word."""

    @property
    def detail(self) -> str:
        """The reason in words."""


class JoinError(MembershipError):
    """Not one endpoint was joined.

    Attributes:
        attempts: What became of each endpoint that was tried.
    """

    def __init__(self, message: str, attempts: Sequence[FailedAttempt]) -> None:
        self.attempts: tuple[FailedAttempt, ...] = tuple(attempts)
        super().__init__(message)


class NameConflictError(MembershipError):
    """Another live node runs under our node id."""
