"""A plain grpcio service behind Tenet. Nothing here knows of Tenet, but for the address it may be given."""

import os
import pathlib
import signal
import sys
import threading
import time
from concurrent import futures

sys.path.insert(0, str(pathlib.Path(__file__).parent / "proto"))

import grpc  # noqa: E402
from google.protobuf import any_pb2, timestamp_pb2  # noqa: E402
from google.rpc import error_details_pb2, status_pb2  # noqa: E402

messages, services = grpc.protos_and_services("greeter/v1/greeter.proto")

WORDS = {messages.LANGUAGE_UNSPECIFIED: "Hello", messages.ENGLISH: "Hello", messages.LOW_GERMAN: "Moin"}
MAX_NAME = 50
MAX_TIMES = 1000
DRAIN_SECONDS = 10


def refuse(context, code, text, *details):
    """Ends the call with a status and its details, as google.rpc describes them."""
    status = status_pb2.Status(code=code.value[0], message=text)
    for detail in details:
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(code, text)


def greeting(request, context):
    """The greeting of one person."""
    if not 1 <= len(request.name) <= MAX_NAME:
        wrong = error_details_pb2.BadRequest.FieldViolation(
            field="name", description=f"has {len(request.name)} characters; expected 1 to {MAX_NAME}"
        )
        refuse(
            context,
            grpc.StatusCode.INVALID_ARGUMENT,
            "One field of the request is wrong.",
            error_details_pb2.BadRequest(field_violations=[wrong]),
        )
    if request.name == "nobody":
        refuse(
            context,
            grpc.StatusCode.NOT_FOUND,
            "There is nobody to greet.",
            error_details_pb2.ErrorInfo(reason="NOBODY", domain="greeter.example"),
        )
    if request.name == "slow":
        time.sleep(5)
    if request.name == "crash":
        raise RuntimeError("rehearsed by the name")
    now = timestamp_pb2.Timestamp()
    now.GetCurrentTime()
    word = WORDS.get(getattr(request, "language", messages.LANGUAGE_UNSPECIFIED), "Hello")
    return messages.SayHelloResponse(text=f"{word}, {request.name}!", time=now)


class Greeter(services.GreeterServicer):
    """greeter.v1.Greeter, as its contract says."""

    def SayHello(self, request, context):
        return greeting(request, context)

    def SayHellos(self, request, context):
        for _ in range(min(max(request.times, 1), MAX_TIMES)):
            yield greeting(request, context)

    def SayHelloToAll(self, requests, context):
        names = [request.name for request in requests]
        joined = messages.SayHelloRequest(name=" and ".join(names)[:MAX_NAME])
        return greeting(joined, context)

    def Chat(self, requests, context):
        for request in requests:
            yield greeting(request, context)

    def DescribeCall(self, request, context):
        text = {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}
        answer = messages.DescribeCallResponse(metadata=text, peer=context.peer())
        left = context.time_remaining()
        # Without a deadline grpcio answers with None or with more seconds than anyone lives.
        if left is not None and left < 1e9:
            answer.seconds_left = left
        return answer


def main():
    address = os.environ.get("TENET_LISTEN", "127.0.0.1:50061")
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=16))
    services.add_GreeterServicer_to_server(Greeter(), server)
    port = server.add_insecure_port(address)
    if port == 0:
        sys.exit(f"cannot listen on {address}")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    server.start()
    print(f"serving on port {port}", file=sys.stderr, flush=True)
    stop.wait()
    server.stop(DRAIN_SECONDS).wait()


if __name__ == "__main__":
    main()
