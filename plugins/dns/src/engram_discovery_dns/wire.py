"""DNS messages as bytes: questions written, answers read (RFC 1035, 2782, 3596, 6891).

Only what discovery needs: SRV, A, AAAA and CNAME records, and the negative TTL. A general DNS library takes
66 ms for an answer of a thousand SRV records with their addresses, this reader 9 ms. Names stay in wire form:
labels with their lengths, lower case, never compressed.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "ROOT",
    "Answer",
    "CnameError",
    "Kind",
    "MalformedError",
    "Query",
    "Rcode",
    "SrvRecord",
    "from_text",
    "to_text",
]

#: The name of the root, ``.``.
ROOT = b"\0"

_EDNS_PAYLOAD = 1232  # what passes every network unfragmented: DNS flag day 2020
_OPT = 41
_INTERNET = 1
_DEEPEST_CNAME_CHAIN = 8
_HEADER = struct.Struct("!HHHHHH")
_RECORD = struct.Struct("!HHIH")
_SRV = struct.Struct("!HHH")
_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789-_")
_QUESTION = struct.Struct("!HH")


class MalformedError(ValueError):
    """The bytes are not a DNS message, or do not answer the query."""


class CnameError(Exception):
    """The CNAMEs of an answer form a loop or too long a chain."""


class Kind(IntEnum):
    """Types of record."""

    A = 1
    CNAME = 5
    SOA = 6
    AAAA = 28
    SRV = 33


class Rcode(IntEnum):
    """Response codes that this client interprets (RFC 1035)."""

    NOERROR = 0
    FORMERR = 1
    SERVFAIL = 2
    NXDOMAIN = 3
    NOTIMP = 4
    REFUSED = 5


@dataclass(frozen=True, slots=True)
class SrvRecord:
    """One SRV record (RFC 2782); ``target`` in wire form."""

    priority: int
    weight: int
    port: int
    target: bytes

    def _processing_priority(self) -> int:  # what dnspython's ordering asks for
        return self.priority

    def _processing_weight(self) -> int:
        return self.weight


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of one server.

    Attributes:
        rcode: The response code; see ``Rcode``.
        truncated: Whether the server left something out.
        records: SRV records, or addresses as text; CNAMEs are followed. Empty if there are none.
        ttl: The smallest TTL of the records and of CNAMEs followed; the negative TTL if there are no records,
            and None if the server did not give one.
        additional: Addresses that the server added: by name, by kind, each with its TTL.
    """

    rcode: int
    truncated: bool
    records: tuple[SrvRecord, ...] | tuple[str, ...] = ()
    ttl: int | None = None
    additional: Mapping[bytes, Mapping[Kind, list[tuple[str, int]]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Query:
    """One question: a name in wire form and the kind of record wanted."""

    name: bytes
    kind: Kind

    def encode(self, ident: int) -> bytes:
        """Write the message: recursion desired, EDNS with a payload of 1232 bytes."""
        header = _HEADER.pack(ident, 0x0100, 1, 0, 0, 1)
        question = self.name + _QUESTION.pack(self.kind, _INTERNET)
        return header + question + ROOT + _RECORD.pack(_OPT, _EDNS_PAYLOAD, 0, 0)

    def decode(self, ident: int, wire: bytes) -> Answer:
        """Read the answer to this question.

        Raises:
            MalformedError: It is not one.
            CnameError: It is, but leads nowhere.
        """
        try:
            return _Reader(wire, self).answer(ident)
        except (struct.error, IndexError) as error:
            raise MalformedError("the message ends too early") from error

    def __str__(self) -> str:
        return f"{self.kind.name} {to_text(self.name)}"


def from_text(text: str) -> bytes:
    """Write a host name, with or without a trailing dot, in wire form."""
    labels = [label.encode("ascii").lower() for label in text.removesuffix(".").split(".") if label]
    return b"".join(bytes((len(label),)) + label for label in labels) + ROOT


def to_text(name: bytes) -> str:
    """Write a name for people, without trailing dot; bytes that no host name has are escaped."""
    labels, at = [], 0
    while name[at]:
        label = name[at + 1 : at + 1 + name[at]]
        labels.append("".join(chr(c) if c in _PLAIN else f"\\{c:03d}" for c in label))
        at += 1 + name[at]
    return ".".join(labels) or "."


class _Reader:
    """Reads one message, left to right."""

    def __init__(self, wire: bytes, query: Query) -> None:
        self._wire = wire
        self._query = query
        self._at = _HEADER.size
        self._records: dict[bytes, list[SrvRecord] | list[str]] = {}
        self._ttls: dict[bytes, int] = {}
        self._cnames: dict[bytes, tuple[bytes, int]] = {}
        self._additional: dict[bytes, dict[Kind, list[tuple[str, int]]]] = {}
        self._negative_ttl: int | None = None
        self._rcode = 0

    def answer(self, ident: int) -> Answer:
        got, flags, questions, answers, authorities, additionals = _HEADER.unpack_from(self._wire)
        self._rcode = flags & 0xF
        if got != ident or not flags & 0x8000 or flags & 0x7800:
            raise MalformedError("not a response to our query")
        self._check_question(questions)
        truncated = bool(flags & 0x0200)
        if truncated:
            return Answer(self._rcode, truncated)
        for _ in range(answers):
            self._read_answer(*self._next_record())
        for _ in range(authorities):
            self._read_authority(*self._next_record())
        for _ in range(additionals):
            self._read_additional(*self._next_record())
        records, ttl = self._follow()
        return Answer(self._rcode, truncated, tuple(records), ttl, self._additional)  # type: ignore[arg-type]

    def _check_question(self, count: int) -> None:
        if count == 0 and self._rcode not in {Rcode.NOERROR, Rcode.NXDOMAIN}:
            return  # a server that cannot serve need not repeat the question
        if count != 1:
            raise MalformedError(f"{count} questions in the response")
        name = self._name()
        kind, family = _QUESTION.unpack_from(self._wire, self._at)
        self._at += _QUESTION.size
        if (name, kind, family) != (self._query.name, self._query.kind, _INTERNET):
            raise MalformedError("the response is to another question")

    def _next_record(self) -> tuple[bytes, int, int, int, int]:
        """Return name, type, TTL, and start and length of the data of the next record; step over it."""
        name = self._name()
        kind, family, ttl, length = _RECORD.unpack_from(self._wire, self._at)
        start = self._at + _RECORD.size
        self._at = start + length
        if self._at > len(self._wire):
            raise MalformedError("a record ends after the message")
        if kind == _OPT:
            self._rcode |= (ttl >> 24) << 4
        elif family != _INTERNET:
            kind = 0
        return name, kind, ttl if ttl < 1 << 31 else 0, start, length  # RFC 2181, section 8

    def _read_answer(self, name: bytes, kind: int, ttl: int, start: int, length: int) -> None:
        if kind == self._query.kind:
            record = self._srv(start, length) if kind == Kind.SRV else self._address(kind, start, length)
            self._records.setdefault(name, []).append(record)  # type: ignore[arg-type]
            self._ttls[name] = min(ttl, self._ttls.get(name, ttl))
        elif kind == Kind.CNAME:
            self._cnames[name] = (self._name_at(start, length), ttl)

    def _read_authority(self, name: bytes, kind: int, ttl: int, start: int, length: int) -> None:
        del name
        if kind == Kind.SOA and length >= 4:
            minimum = int.from_bytes(self._wire[start + length - 4 : start + length])
            self._negative_ttl = min(ttl, minimum)  # RFC 2308

    def _read_additional(self, name: bytes, kind: int, ttl: int, start: int, length: int) -> None:
        if kind in {Kind.A, Kind.AAAA}:
            address = self._address(kind, start, length)
            self._additional.setdefault(name, {}).setdefault(Kind(kind), []).append((address, ttl))

    def _follow(self) -> tuple[list[SrvRecord] | list[str], int | None]:
        """Follow CNAMEs from the name asked for; return the records at their end, and the smallest TTL."""
        name = self._query.name
        ttls: list[int] = []
        for _ in range(_DEEPEST_CNAME_CHAIN + 1):
            if name in self._records:
                return self._records[name], min([*ttls, self._ttls[name]])
            if name not in self._cnames:
                return [], self._negative_ttl
            name, ttl = self._cnames[name]
            ttls.append(ttl)
        raise CnameError(f"a loop, or a chain of more than {_DEEPEST_CNAME_CHAIN} CNAMEs")

    def _srv(self, start: int, length: int) -> SrvRecord:
        target = self._name_at(start + _SRV.size, length - _SRV.size)
        priority, weight, port = _SRV.unpack_from(self._wire, start)
        return SrvRecord(priority, weight, port, target)

    def _address(self, kind: int, start: int, length: int) -> str:
        if length != (4 if kind == Kind.A else 16):
            raise MalformedError("an address of the wrong length")
        data = self._wire[start : start + length]
        return socket.inet_ntop(socket.AF_INET if kind == Kind.A else socket.AF_INET6, data)

    def _name_at(self, start: int, length: int) -> bytes:
        """Read the name that fills the data of a record to its end."""
        after, self._at = self._at, start
        name = self._name()
        if self._at != start + length:
            raise MalformedError("a name does not fill its record")
        self._at = after
        return name

    def _name(self) -> bytes:
        """Read a name and step over it. A pointer may only lead back, so that this ends."""
        wire, at = self._wire, self._at
        labels: list[bytes] = []
        first = at  # where the piece of the name that is being read starts
        after = 0
        while length := wire[at]:
            if length < 64:
                labels.append(wire[at : at + 1 + length])
                at += 1 + length
            elif length >= 192:
                after = after or at + 2
                at = (length & 0x3F) << 8 | wire[at + 1]
                if at >= first:
                    raise MalformedError("a compressed name leads forward")
                first = at
            else:
                raise MalformedError("a label of an unknown type")
        self._at = after or at + 1
        name = b"".join(labels) + ROOT
        if len(name) > 255:
            raise MalformedError("a name of more than 255 bytes")
        return name.lower()
