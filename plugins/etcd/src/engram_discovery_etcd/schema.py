"""Messages in protobuf's format, declared as Python classes and kept out of protobuf's default pool.

A process has one default pool, and a name may be in it once: a second client of etcd, generated from the same protos,
could not be imported beside messages of ours in it. The wire carries numbers and no names, so a pool of our own costs
nothing. Names and numbers of etcd's API are in ``messages``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Self, TypeVar, cast, dataclass_transform, get_args, get_origin, get_type_hints

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

__all__ = ["Message", "Oneof", "Unsigned", "message"]

M = TypeVar("M", bound="Message")

_PACKAGE: Final = "engram_discovery_etcd"
_POOL: Final = DescriptorPool()
_TYPES: Final = {
    bool: FieldDescriptorProto.TYPE_BOOL,
    int: FieldDescriptorProto.TYPE_INT64,
    str: FieldDescriptorProto.TYPE_STRING,
    bytes: FieldDescriptorProto.TYPE_BYTES,
}


class Unsigned:
    """Marks an integer as ``uint64``. Others are ``int64``, which is on the wire what a small enumeration is."""


class Oneof(str):
    """Marks a field as one of a ``oneof`` of this name: at most one of them is set, and a zero in it is sent."""

    __slots__ = ()


class Message:
    """What a declared message can do. protobuf does it, and passes over fields that are not declared."""

    def SerializeToString(self) -> bytes:  # noqa: N802  protobuf's name
        """Return the message as it goes over the wire."""
        raise NotImplementedError

    @classmethod
    def FromString(cls, data: bytes) -> Self:  # noqa: N802  protobuf's name
        """Read a message.

        Raises:
            google.protobuf.message.DecodeError: The bytes are not one.
        """
        raise NotImplementedError


@dataclass_transform(kw_only_default=True)
def message(declared: type[M]) -> type[M]:
    """Replace a declaration by protobuf's class of the same fields.

    Each field is annotated with its type and number, and after these ``Unsigned`` or a ``Oneof``, as in
    ``revision: Annotated[int, 3] = 0``. Sequences are repeated fields. A field that is not set reads as protobuf's
    zero of its type, whatever default is written; the default only marks it as optional.
    """
    name = declared.__name__
    file = FileDescriptorProto(name=f"{_PACKAGE}/{name}", package=_PACKAGE, syntax="proto3")
    descriptor = file.message_type.add(name=name)
    needed = {_add(descriptor, *item) for item in get_type_hints(declared, include_extras=True).items()}
    file.dependency.extend(sorted(needed - {""}))
    _POOL.AddSerializedFile(file.SerializeToString())
    return cast("type[M]", GetMessageClass(_POOL.FindMessageTypeByName(f"{_PACKAGE}.{name}")))


def _add(descriptor: DescriptorProto, name: str, annotation: Any) -> str:
    """Add a field, and return the name of the file that its type is declared in, if that is a message."""
    kind, number, *marks = get_args(annotation)
    field = descriptor.field.add(name=name, number=number, label=FieldDescriptorProto.LABEL_OPTIONAL)
    if get_origin(kind) is Sequence:
        field.label, (kind,) = FieldDescriptorProto.LABEL_REPEATED, get_args(kind)
    for mark in marks:
        if isinstance(mark, Oneof):
            field.oneof_index = _oneof(descriptor, mark)
    if kind in _TYPES:
        field.type = FieldDescriptorProto.TYPE_UINT64 if Unsigned in marks else _TYPES[kind]
        return ""
    field.type, field.type_name = FieldDescriptorProto.TYPE_MESSAGE, f".{kind.DESCRIPTOR.full_name}"
    return cast("str", kind.DESCRIPTOR.file.name)


def _oneof(descriptor: DescriptorProto, name: str) -> int:
    """Return the index of a ``oneof``, which is declared by its first field."""
    names = [one.name for one in descriptor.oneof_decl]
    if name not in names:
        descriptor.oneof_decl.add(name=name)
        names.append(name)
    return names.index(name)
