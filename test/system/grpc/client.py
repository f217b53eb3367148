"""
A client of the public gRPC API that shares no code with Meridian: Debian's python3-grpcio, and nothing known of the API
but what the server's reflection says. It runs every check below against two nodes and prints one line of JSON for each.

Usage: /usr/bin/python3 client.py <gRPC address of the home> <of another region> <HTTP address of the home> <token>
"""

import json
import os
import sys
import time
import traceback
import urllib.request

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

HOME, AWAY, HTTP, TOKEN = sys.argv[1:5]
API = "meridian.v1.Meridian"
MIB = 1024 * 1024

# --- messages that no server describes: reflection's own, and google.rpc's ------------------------------------------


def declare(pool, package, messages):
    """Adds messages given as {name: {field: (number, type, repeated)}}; a type is a name of google.protobuf's or a message."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
    for name, fields in messages.items():
        message = file.message_type.add(name=name)
        for field, (number, kind, repeated) in fields.items():
            added = message.field.add(name=field, number=number, label=3 if repeated else 1)
            if kind in ("string", "bytes", "int32", "int64"):
                added.type = {"string": 9, "bytes": 12, "int32": 5, "int64": 3}[kind]
            else:
                added.type, added.type_name = 11, f".{package}.{kind}"
    pool.Add(file)


def message_class(pool, name):
    descriptor = pool.FindMessageTypeByName(name)
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(descriptor)
    return message_factory.MessageFactory(pool).GetPrototype(descriptor)


REFLECTION = "grpc.reflection.v1alpha"
RPC = "google.rpc"
known = descriptor_pool.DescriptorPool()
declare(known, REFLECTION, {
    "Request": {"file_containing_symbol": (4, "string", False), "list_services": (7, "string", False)},
    "Response": {"file_descriptor_response": (4, "Files", False), "list_services_response": (6, "Services", False)},
    "Files": {"file_descriptor_proto": (1, "bytes", True)},
    "Services": {"service": (1, "Service", True)},
    "Service": {"name": (1, "string", False)},
})
declare(known, RPC, {
    "Status": {"code": (1, "int32", False), "message": (2, "string", False), "details": (3, "Any", True)},
    "Any": {"type_url": (1, "string", False), "value": (2, "bytes", False)},
    "ErrorInfo": {"reason": (1, "string", False), "domain": (2, "string", False), "metadata": (3, "Pair", True)},
    "Pair": {"key": (1, "string", False), "value": (2, "string", False)},
})

# --- what the server says of itself ---------------------------------------------------------------------------------


def reflect(channel, **asked):
    Request, Response = (message_class(known, f"{REFLECTION}.{name}") for name in ("Request", "Response"))
    call = channel.stream_stream(
        f"/{REFLECTION}.ServerReflection/ServerReflectionInfo",
        request_serializer=Request.SerializeToString,
        response_deserializer=Response.FromString,
    )
    return next(call(iter([Request(**asked)]), metadata=CREDENTIALS, timeout=10))


class Service:
    """A service with the methods and messages that reflection describes."""

    def __init__(self, channel, name, pool):
        self.channel, self.name, self.pool = channel, name, pool
        self.methods = pool.FindServiceByName(name).methods_by_name

    def message(self, name, **fields):
        return message_class(self.pool, f"{self.name.rpartition('.')[0]}.{name}")(**fields)

    def __getattr__(self, name):
        method = self.methods[name]
        takes, gives = (message_class(self.pool, kind.full_name) for kind in (method.input_type, method.output_type))
        streams = {"Watch": "unary_stream", "Session": "stream_stream"}.get(name, "unary_unary")
        call = getattr(self.channel, streams)(
            f"/{self.name}/{name}", request_serializer=takes.SerializeToString, response_deserializer=gives.FromString
        )

        def invoke(*requests, timeout=20, metadata=None, **fields):
            request = requests[0] if requests else takes(**fields)
            return call(request, timeout=timeout, metadata=CREDENTIALS if metadata is None else metadata)

        return invoke


def describe(channel, *services):
    pool = descriptor_pool.DescriptorPool()
    for service in services:
        for file in reflect(channel, file_containing_symbol=service).file_descriptor_response.file_descriptor_proto:
            parsed = descriptor_pb2.FileDescriptorProto.FromString(file)
            try:
                pool.FindFileByName(parsed.name)
            except KeyError:
                pool.Add(parsed)
    return pool


CREDENTIALS = [("authorization", f"Bearer {TOKEN}")]
home_channel, away_channel = grpc.insecure_channel(HOME), grpc.insecure_channel(AWAY)
pool = describe(home_channel, API, "grpc.health.v1.Health")
home, away = Service(home_channel, API, pool), Service(away_channel, API, pool)
health = Service(home_channel, "grpc.health.v1.Health", pool)

# --- helpers of the checks ------------------------------------------------------------------------------------------


def refused(call):
    """The status of a call that must fail, with its ErrorInfo: (status code, reason, metadata)."""
    try:
        call()
    except grpc.RpcError as error:
        trailers = dict(error.trailing_metadata() or ())
        if "grpc-status-details-bin" not in trailers:
            return error.code(), None, {}
        status = message_class(known, f"{RPC}.Status").FromString(trailers["grpc-status-details-bin"])
        assert status.code == error.code().value[0], status
        packed = next(any for any in status.details if any.type_url == "type.googleapis.com/google.rpc.ErrorInfo")
        info = message_class(known, f"{RPC}.ErrorInfo").FromString(packed.value)
        assert info.domain == "meridian", info
        return error.code(), info.reason, {pair.key: pair.value for pair in info.metadata}
    raise AssertionError("the call succeeded")


def put(node, key, value, **more):
    return node.Transact(keyspace="default", mutations=[{"set": {"key": key, "value": value}}], **more)


def read(node, key, **freshness):
    return node.Read(keyspace="default", keys=[key], freshness=freshness).values[0].value


def new_id():
    """A UUIDv7 of now."""
    digits = f"{int(time.time() * 1000):012x}7{os.urandom(2).hex()[:3]}8{os.urandom(8).hex()[:15]}"
    return "-".join(digits[a:b] for a, b in ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32)))


# --- the checks -----------------------------------------------------------------------------------------------------


def reflection_lists_the_services():
    services = {service.name for service in reflect(home_channel, list_services="*").list_services_response.service}
    assert {API, "grpc.health.v1.Health"} <= services, services
    assert "meridian.v1.Peer" not in services, services
    assert set(home.methods) == {
        "Read", "List", "Transact", "Begin", "Operate", "Commit", "Rollback", "GetTransaction", "Watch", "GetCluster",
        "GetStateHash", "Session",
    }, set(home.methods)
    assert "transaction_id" in pool.FindMessageTypeByName("meridian.v1.TransactRequest").fields_by_name
    optional = pool.FindMessageTypeByName("meridian.v1.MutationResult")
    shown = descriptor_pb2.DescriptorProto()
    optional.CopyToProto(shown)
    assert shown.field[0].proto3_optional, shown


def health_says_serving():
    for service in ("", API, f"{API}/default"):
        assert health.Check(service=service, metadata=[]).status == 1, service
    assert refused(lambda: health.Check(service="nope", metadata=[]))[0] == grpc.StatusCode.NOT_FOUND


def a_write_is_read_causally_in_another_region():
    for round in range(20):
        value = f"round {round}".encode()
        written = put(home, b"causal", value)
        assert read(away, b"causal", causal=True).bytes == value
        assert read(away, b"causal", token=written.commit.gtid).bytes == value


def keys_and_values_are_bytes():
    key, value = bytes(range(256)), bytes(reversed(range(256)))
    put(away, key, value)
    found = read(home, key, causal=True)
    assert (found.bytes, found.content_type) == (value, "application/octet-stream") or found.content_type == ""
    assert not home.Read(keyspace="default", keys=[b"absent"]).values[0].HasField("value")


def an_interactive_transaction_sees_its_own_writes():
    put(home, b"inside", b"before")
    begun = home.Begin(keyspace="default")
    named = {"keyspace": "default", "transaction_id": begun.transaction_id}
    answer = home.Operate(**named, mutations=[{"set": {"key": b"inside", "value": b"after"}}], reads=[{"key": b"inside"}])
    assert answer.reads[0].entries[0].value.bytes == b"after"
    assert read(home, b"inside").bytes == b"before"
    assert home.GetTransaction(**named).WhichOneof("state") == "open"
    committed = home.Commit(**named, mutations=[{"sum": {"key": b"inside/count", "operand": 5}}])
    assert committed.results[1].counter == 5
    assert home.GetTransaction(**named).committed.gtid == committed.gtid
    assert away.Commit(**named).gtid == committed.gtid, "the outcome of an id is known in every region"


def a_conflict_is_told_with_its_winner():
    put(home, b"contended", b"1")
    begun = home.Begin(keyspace="default")
    named = {"keyspace": "default", "transaction_id": begun.transaction_id}
    home.Operate(**named, reads=[{"key": b"contended"}])
    winner = put(home, b"contended", b"2").commit.gtid
    code, reason, metadata = refused(lambda: home.Commit(**named, mutations=[{"set": {"key": b"lost", "value": b"x"}}]))
    assert code == grpc.StatusCode.ABORTED
    assert reason in ("CERTIFICATION_CONFLICT", "TRANSACTION_ABORTED"), reason
    assert json.loads(metadata["conflict"]) == {"key": "contended", "gtid": winner}, metadata
    assert (metadata["outcome"], metadata["retry"], metadata["token"]) == ("not-committed", "new-snapshot", winner)


def a_check_that_fails_is_told_with_the_version():
    version = int(put(home, b"checked", b"1").commit.gtid.rpartition(":")[2])
    ask = lambda check: home.Transact(keyspace="default", checks=[{"key": b"checked", **check}])
    ask({"version": version})
    ask({"present": True})
    code, reason, metadata = refused(lambda: ask({"absent": True}))
    assert (code, reason) == (grpc.StatusCode.FAILED_PRECONDITION, "CHECK_FAILED")
    assert json.loads(metadata["checks"]) == [{"key": "checked", "expected": "absent", "actual": version}], metadata


def counters_are_exact_int64():
    add = lambda node, n: node.Transact(keyspace="default", mutations=[{"sum": {"key": b"count", "operand": n}}])
    assert add(home, 2**62).commit.results[0].counter == 2**62
    assert add(away, -1).commit.results[0].counter == 2**62 - 1
    assert add(home, 2**62).commit.results[0].counter == 2**63 - 1
    assert add(home, 1).commit.results[0].counter == 2**63 - 1, "it saturates"
    assert read(home, b"count").counter == 2**63 - 1


def a_list_is_read_page_by_page():
    keys = [f"page/{n:02}".encode() for n in range(25)]
    mutations = [{"set": {"key": key, "value": key}} for key in keys]
    token = home.Transact(keyspace="default", mutations=mutations).commit.gtid
    wanted, found, pages = {"start": b"page/", "end": b"page0"}, [], 0
    while wanted is not None:
        page = away.List(keyspace="default", range=wanted, limit=10, freshness={"token": token})
        found += [(entry.key, entry.value.bytes) for entry in page.entries]
        wanted, token, pages = page.rest if page.HasField("rest") else None, page.gtid, pages + 1
    assert found == [(key, key) for key in keys] and pages == 3, (found, pages)
    last = away.List(keyspace="default", range={"start": b"page/", "end": b"page0"}, limit=1, reverse=True, keys_only=True)
    assert [entry.key for entry in last.entries] == [keys[-1]] and last.entries[0].value.bytes == b""


def a_watch_gives_every_commit_in_order():
    start = put(home, b"watch/0", b"0").commit.gtid
    written = [put(home, f"watch/{n}".encode(), b"x").commit.gtid for n in range(1, 30)]
    put(home, b"unwatched", b"x")
    deleted = home.Transact(keyspace="default", mutations=[{"delete_range": {"start": b"watch", "end": b"x"}}]).commit.gtid
    seen, watch = [], away.Watch(**{"keyspace": "default", "from": start, "range": {"start": b"watch/", "end": b"watch0"}})
    for message in watch:
        seen += message.commits
        if seen and seen[-1].gtid == deleted:
            break
    watch.cancel()
    assert [commit.gtid for commit in seen] == written + [deleted], "whole, in order, once"
    assert seen[0].changes[0].set.value.bytes == b"x" and seen[0].time_ms > 0
    clipped = seen[-1].changes[0].deleted_range
    assert (clipped.start, clipped.end) == (b"watch/", b"watch0"), clipped


def one_id_commits_once_also_over_http():
    id = new_id()
    send = lambda attempt: home.Transact(
        keyspace="default", transaction_id=id, attempt=attempt, mutations=[{"sum": {"key": b"once", "operand": 1}}]
    )
    first = send(1).commit
    again = send(2).commit
    assert (again.gtid, list(again.results)) == (first.gtid, list(first.results))
    request = urllib.request.Request(
        f"{HTTP}/v1/keyspaces/default/transact",
        data=json.dumps({"mutations": [{"sum": {"key": "once", "by": 1}}]}).encode(),
        headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json", "Idempotency-Key": id},
    )
    assert json.load(urllib.request.urlopen(request))["gtid"] == first.gtid, "the same content over HTTP"
    assert read(home, b"once").counter == 1
    other = lambda: home.Transact(
        keyspace="default", transaction_id=id, attempt=2, mutations=[{"sum": {"key": b"once", "operand": 2}}]
    )
    code, reason, metadata = refused(other)
    assert (code, reason, metadata["outcome"]) == (
        grpc.StatusCode.INVALID_ARGUMENT, "TRANSACTION_ID_REUSED", "committed",
    ), (code, reason, metadata)


def a_session_carries_many_calls_in_a_message():
    calls = [
        {"id": n, "transact": {"keyspace": "default", "mutations": [{"sum": {"key": b"session", "operand": 1}}]}}
        for n in range(1, 101)
    ]
    calls.append({"id": 200, "read": {"keyspace": "nope", "keys": [b"k"]}})
    calls.append({"id": 201, "transact": {"keyspace": "default", "mutations": [{}]}})
    calls.append({"id": 202, "ping": {}})
    welcome, *answers = home.Session(iter([home.message("SessionRequest", calls=calls)]))
    assert welcome.welcome.region == "us-east" and abs(welcome.welcome.server_time_ms - time.time() * 1000) < 60_000
    replies = {reply.id: reply for message in answers for reply in message.replies}
    assert len(replies) == 103 and len(answers) < 50, (len(replies), len(answers))
    counts = sorted(replies[n].transact.commit.results[0].counter for n in range(1, 101))
    assert counts == list(range(1, 101)), counts
    assert replies[200].failure.code == "KEYSPACE_NOT_FOUND"
    assert json.loads(replies[201].failure.details_json)["field"] == "transact.mutations[0]", replies[201]
    assert replies[202].pong.serving


def a_message_too_large_is_refused():
    code, reason, _ = refused(lambda: put(home, b"large", bytes(3 * MIB)))
    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "VALUE_TOO_LARGE"), (code, reason)
    assert refused(lambda: put(home, b"large", bytes(5 * MIB)))[0] == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert put(home, b"large", bytes(800 * 1024)).commit.gtid, "and the connection goes on"


def a_wrong_token_is_refused():
    for metadata in ([], [("authorization", "Bearer wrong")], [("authorization", TOKEN)]):
        for call in (home.Read, home.Transact, home.GetCluster):
            code, reason, _ = refused(lambda: call(metadata=metadata))
            assert (code, reason) == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED"), (code, reason)
        watch = lambda: list(home.Watch(keyspace="default", metadata=metadata))
        session = lambda: list(home.Session(iter([]), metadata=metadata))
        for stream in (watch, session):
            assert refused(stream)[:2] == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")


def time_ends_calls():
    history, _, seqno = put(home, b"time", b"x").commit.gtid.rpartition(":")
    ahead = f"{history}:{int(seqno) + 1_000_000}"
    code, reason, metadata = refused(lambda: read(home, b"time", token=ahead, timeout_ms=100))
    assert (code, reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "CAUSAL_READ_TIMEOUT"), (code, reason)
    wait = lambda: home.Read(keyspace="default", keys=[b"k"], freshness={"token": ahead}, timeout=1)
    assert refused(wait)[0] == grpc.StatusCode.DEADLINE_EXCEEDED
    endless = lambda: list(home.Watch(keyspace="default", timeout=1, **{"from": ahead}))
    assert refused(endless)[0] == grpc.StatusCode.DEADLINE_EXCEEDED


def bad_input_names_the_field():
    cases = [
        (home.Read, {"keyspace": "default", "keys": [b"a", b""]}, "keys[1]"),
        (home.Read, {"keyspace": "default", "keys": []}, "keys"),
        (home.Read, {"keyspace": "default", "keys": [b"a"], "freshness": {"token": "x"}}, "freshness.token"),
        (home.List, {"keyspace": "default", "limit": 1001}, "limit"),
        (home.List, {"keyspace": "default", "range": {"start": b"b", "end": b"a"}}, "range.end"),
        (home.Transact, {"keyspace": "default", "isolation": 7}, "isolation"),
        (home.Transact, {"keyspace": "default", "transaction_id": "x"}, "transaction_id"),
        (home.Transact, {"keyspace": "default", "checks": [{"key": b"k"}]}, "checks[0]"),
        (home.Transact, {"keyspace": "default", "mutations": [{}]}, "mutations[0]"),
        (home.Transact, {"keyspace": "default", "mutations": [{"delete": b""}]}, "mutations[0].delete"),
        (home.Commit, {"keyspace": "default", "transaction_id": ""}, "transaction_id"),
    ]
    for call, fields, field in cases:
        code, reason, metadata = refused(lambda: call(**fields))
        assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT"), (fields, code, reason)
        assert json.loads(metadata["field"]) == field, (fields, metadata)
    assert refused(lambda: home.Read(keyspace="nope", keys=[b"k"]))[:2] == (
        grpc.StatusCode.NOT_FOUND, "KEYSPACE_NOT_FOUND",
    )
    too_many = lambda: home.Read(keyspace="default", keys=[b"k"] * 1001)
    assert refused(too_many)[:2] == (grpc.StatusCode.INVALID_ARGUMENT, "TRANSACTION_TOO_LARGE")


def the_cluster_and_its_state_are_shown():
    cluster = home.GetCluster()
    shown = json.loads(cluster.json)
    assert (cluster.node, cluster.region) == (shown["node"], shown["region"]) and len(shown["nodes"]) == 3
    token = put(home, b"hashed", b"x").commit.gtid
    away.Read(keyspace="default", keys=[b"hashed"], freshness={"token": token})
    ours, theirs = (node.GetStateHash(keyspace="default") for node in (home, away))
    assert (ours.hash, ours.gtid, ours.keys) == (theirs.hash, theirs.gtid, theirs.keys)


CHECKS = [
    reflection_lists_the_services, health_says_serving, a_write_is_read_causally_in_another_region,
    keys_and_values_are_bytes, an_interactive_transaction_sees_its_own_writes, a_conflict_is_told_with_its_winner,
    a_check_that_fails_is_told_with_the_version, counters_are_exact_int64, a_list_is_read_page_by_page,
    a_watch_gives_every_commit_in_order, one_id_commits_once_also_over_http, a_session_carries_many_calls_in_a_message,
    a_message_too_large_is_refused, a_wrong_token_is_refused, time_ends_calls, bad_input_names_the_field,
    the_cluster_and_its_state_are_shown,
]

if __name__ == "__main__":
    for check in CHECKS:
        problem = None
        try:
            check()
        except Exception:  # Whatever it was, the test shows it.
            problem = traceback.format_exc()
        print(json.dumps({"check": check.__name__, "problem": problem}), flush=True)
