"""The messages of ABCI 2.0 that the node speaks, as protobuf classes made from one table (docs/spec/abci.md).

Field numbers are those of CometBFT v0.38's ``tendermint/abci/types.proto``; fields that the application has no use for
are left out, and protobuf passes over them. Nothing is generated: what is here is all there is.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2

_PACKAGE = "xinglin.abci"
_SCALARS = {
    "bytes": descriptor_pb2.FieldDescriptorProto.TYPE_BYTES,
    "string": descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
    "int64": descriptor_pb2.FieldDescriptorProto.TYPE_INT64,
    "uint64": descriptor_pb2.FieldDescriptorProto.TYPE_UINT64,
    "int32": descriptor_pb2.FieldDescriptorProto.TYPE_INT32,
    "uint32": descriptor_pb2.FieldDescriptorProto.TYPE_UINT32,
}
# Message -> its fields as "number type name", "*" before the type for repeated ones. Enums are read as int32.
_MESSAGES: dict[str, tuple[str, ...]] = {
    "PublicKey": ("1 bytes ed25519",),
    "ValidatorUpdate": ("1 PublicKey pub_key", "2 int64 power"),
    "Validator": ("1 bytes address", "3 int64 power"),
    "VoteInfo": ("1 Validator validator", "3 int32 block_id_flag"),
    "CommitInfo": ("1 int32 round", "2 *VoteInfo votes"),
    "Misbehavior": (
        "1 int32 type",
        "2 Validator validator",
        "3 int64 height",
        "4 google.protobuf.Timestamp time",
        "5 int64 total_voting_power",
    ),
    "Snapshot": ("1 uint64 height", "2 uint32 format", "3 uint32 chunks", "4 bytes hash", "5 bytes metadata"),
    "ExecTxResult": ("1 uint32 code", "2 bytes data"),
    "RequestEcho": ("1 string message",),
    "RequestFlush": (),
    "RequestInfo": ("1 string version", "4 string abci_version"),
    "RequestInitChain": (
        "1 google.protobuf.Timestamp time",
        "2 string chain_id",
        "4 *ValidatorUpdate validators",
        "5 bytes app_state_bytes",
        "6 int64 initial_height",
    ),
    "RequestQuery": ("1 bytes data", "2 string path", "3 int64 height"),
    "RequestCheckTx": ("1 bytes tx", "2 int32 type"),
    "RequestCommit": (),
    "RequestListSnapshots": (),
    "RequestOfferSnapshot": ("1 Snapshot snapshot", "2 bytes app_hash"),
    "RequestLoadSnapshotChunk": ("1 uint64 height", "2 uint32 format", "3 uint32 chunk"),
    "RequestApplySnapshotChunk": ("1 uint32 index", "2 bytes chunk", "3 string sender"),
    "RequestPrepareProposal": (
        "1 int64 max_tx_bytes",
        "2 *bytes txs",
        "5 int64 height",
        "6 google.protobuf.Timestamp time",
    ),
    "RequestProcessProposal": (
        "1 *bytes txs",
        "4 bytes hash",
        "5 int64 height",
        "6 google.protobuf.Timestamp time",
    ),
    "RequestExtendVote": ("1 bytes hash", "2 int64 height"),
    "RequestVerifyVoteExtension": ("1 bytes hash", "3 int64 height", "4 bytes vote_extension"),
    "RequestFinalizeBlock": (
        "1 *bytes txs",
        "2 CommitInfo decided_last_commit",
        "3 *Misbehavior misbehavior",
        "4 bytes hash",
        "5 int64 height",
        "6 google.protobuf.Timestamp time",
        "8 bytes proposer_address",
    ),
    "ResponseException": ("1 string error",),
    "ResponseEcho": ("1 string message",),
    "ResponseFlush": (),
    "ResponseInfo": (
        "1 string data",
        "2 string version",
        "3 uint64 app_version",
        "4 int64 last_block_height",
        "5 bytes last_block_app_hash",
    ),
    "ResponseInitChain": ("2 *ValidatorUpdate validators", "3 bytes app_hash"),
    "ResponseQuery": ("1 uint32 code", "3 string log", "6 bytes key", "7 bytes value", "9 int64 height"),
    "ResponseCheckTx": ("1 uint32 code", "3 string log", "8 string codespace"),
    "ResponseCommit": ("3 int64 retain_height",),
    "ResponseListSnapshots": ("1 *Snapshot snapshots",),
    "ResponseOfferSnapshot": ("1 int32 result",),
    "ResponseLoadSnapshotChunk": ("1 bytes chunk",),
    "ResponseApplySnapshotChunk": ("1 int32 result", "2 *uint32 refetch_chunks", "3 *string reject_senders"),
    "ResponsePrepareProposal": ("1 *bytes txs",),
    "ResponseProcessProposal": ("1 int32 status",),
    "ResponseExtendVote": ("1 bytes vote_extension",),
    "ResponseVerifyVoteExtension": ("1 int32 status",),
    "ResponseFinalizeBlock": ("2 *ExecTxResult tx_results", "3 *ValidatorUpdate validator_updates", "5 bytes app_hash"),
}
# The alternatives of the two envelopes, by their numbers in them.
_REQUESTS = {
    "echo": 1,
    "flush": 2,
    "info": 3,
    "init_chain": 5,
    "query": 6,
    "check_tx": 8,
    "commit": 11,
    "list_snapshots": 12,
    "offer_snapshot": 13,
    "load_snapshot_chunk": 14,
    "apply_snapshot_chunk": 15,
    "prepare_proposal": 16,
    "process_proposal": 17,
    "extend_vote": 18,
    "verify_vote_extension": 19,
    "finalize_block": 20,
}
_RESPONSES = {"exception": 1} | {
    # Since the exception stands first, each answer has the number after that of its request.
    name: number + 1
    for name, number in _REQUESTS.items()
}


def _type_name(alternative: str) -> str:
    return "".join(part.capitalize() for part in alternative.split("_"))


def _add_field(message: descriptor_pb2.DescriptorProto, line: str) -> None:
    number, kind, name = line.split()
    field = message.field.add(name=name, number=int(number))
    repeated = kind.startswith("*")
    kind = kind.removeprefix("*")
    field.label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
    else:
        field.type = field.TYPE_MESSAGE
        field.type_name = f".{kind}" if "." in kind else f".{_PACKAGE}.{kind}"


def _add_envelope(file: descriptor_pb2.FileDescriptorProto, name: str, alternatives: dict[str, int]) -> None:
    message = file.message_type.add(name=name)
    message.oneof_decl.add(name="value")
    for alternative, number in alternatives.items():
        field = message.field.add(name=alternative, number=number, oneof_index=0)
        field.label, field.type = field.LABEL_OPTIONAL, field.TYPE_MESSAGE
        field.type_name = f".{_PACKAGE}.{name}{_type_name(alternative)}"


def _pool() -> descriptor_pool.DescriptorPool:
    file = descriptor_pb2.FileDescriptorProto(name="xinglin/abci.proto", package=_PACKAGE, syntax="proto3")
    file.dependency.append("google/protobuf/timestamp.proto")
    for name, lines in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for line in lines:
            _add_field(message, line)
    _add_envelope(file, "Request", _REQUESTS)
    _add_envelope(file, "Response", _RESPONSES)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    return pool


_POOL = _pool()
Request: Any = message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"{_PACKAGE}.Request"))
"""An engine's request: one of its alternatives is set, whose name ``WhichOneof("value")`` gives."""
Response: Any = message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"{_PACKAGE}.Response"))
"""The answer to a request: the alternative of the same name is set, even when it says nothing, or ``exception``."""
