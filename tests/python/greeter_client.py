"""Calls the greeter of examples/python-greeter through a gateway, as any grpcio client would. Prints `N checks passed`."""

import pathlib
import sys
import threading

address, example = sys.argv[1], pathlib.Path(sys.argv[2])
sys.path.insert(0, str(example / "proto"))

import grpc  # noqa: E402
from google.rpc import error_details_pb2, status_pb2  # noqa: E402

messages, services = grpc.protos_and_services("greeter/v1/greeter.proto")
SOON = 30
CHECKS = 0


def check(found, expected):
    """Compares, and counts."""
    global CHECKS
    assert found == expected, f"found {found!r}, expected {expected!r}"
    CHECKS += 1


def refused(call, code):
    """The error that `call` ends with."""
    try:
        call()
    except grpc.RpcError as error:
        check(error.code(), code)
        return error
    raise AssertionError(f"answered; expected {code}")


def details(error):
    """google.rpc.Status of an error."""
    found = dict(error.trailing_metadata() or ())["grpc-status-details-bin"]
    return status_pb2.Status.FromString(found)


def hello(name, **fields):
    return messages.SayHelloRequest(name=name, **fields)


def unary(stub):
    check(stub.SayHello(hello("Ada"), timeout=SOON).text, "Hello, Ada!")
    check(stub.SayHello(hello("Ada", language=messages.LOW_GERMAN), timeout=SOON).text, "Moin, Ada!")
    answer, call = stub.SayHello.with_call(hello("Ünï"), timeout=SOON)
    check(answer.text, "Hello, Ünï!")
    check(any(key == "x-request-id" for key, _ in call.initial_metadata()), True)
    error = refused(lambda: stub.SayHello(hello("nobody"), timeout=SOON), grpc.StatusCode.NOT_FOUND)
    check(error.details(), "There is nobody to greet.")
    info = error_details_pb2.ErrorInfo()
    check(details(error).details[0].Unpack(info), True)
    check((info.reason, info.domain), ("NOBODY", "greeter.example"))
    error = refused(lambda: stub.SayHello(hello(""), timeout=SOON), grpc.StatusCode.INVALID_ARGUMENT)
    wrong = error_details_pb2.BadRequest()
    check(details(error).details[0].Unpack(wrong), True)
    check(wrong.field_violations[0].field, "name")
    refused(lambda: stub.SayHello(hello("crash"), timeout=SOON), grpc.StatusCode.UNKNOWN)
    refused(lambda: stub.SayHello(hello("slow"), timeout=0.3), grpc.StatusCode.DEADLINE_EXCEEDED)


def metadata(stub):
    sent = (("x-mine", "1"), ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"))
    answer = stub.DescribeCall(messages.DescribeCallRequest(), timeout=7, metadata=sent)
    check(answer.metadata["x-mine"], "1")
    check(answer.metadata["traceparent"].split("-")[1], "0af7651916cd43dd8448eb211c80319c")
    check("x-request-id" in answer.metadata, True)
    # grpcio itself rounds a timeout up to three digits before it sends it.
    check(0 < answer.seconds_left <= 7.1, True)


def streams(stub):
    texts = [one.text for one in stub.SayHellos(messages.SayHellosRequest(name="Bo", times=1000), timeout=SOON)]
    check(texts, ["Hello, Bo!"] * 1000)
    names = iter([hello("Ada"), hello("Bo"), hello("Cy")])
    check(stub.SayHelloToAll(names, timeout=SOON).text, "Hello, Ada and Bo and Cy!")

    # Each name is only sent after the greeting before it was heard.
    heard = threading.Semaphore(1)

    def one_by_one():
        for name in ("Ada", "Bo", "Cy"):
            assert heard.acquire(timeout=SOON), "no greeting came"
            yield hello(name)

    texts = []
    for one in stub.Chat(one_by_one(), timeout=SOON):
        texts.append(one.text)
        heard.release()
    check(texts, ["Hello, Ada!", "Hello, Bo!", "Hello, Cy!"])

    call = stub.SayHellos(messages.SayHellosRequest(name="Bo", times=1000), timeout=SOON)
    check(next(call).text, "Hello, Bo!")
    call.cancel()
    refused(lambda: list(call), grpc.StatusCode.CANCELLED)


def main():
    with grpc.insecure_channel(address) as channel:
        stub = services.GreeterStub(channel)
        unary(stub)
        metadata(stub)
        streams(stub)
        missing = channel.unary_unary("/greeter.v1.Greeter/Missing")
        refused(lambda: missing(b"", timeout=SOON), grpc.StatusCode.UNIMPLEMENTED)
    print(f"{CHECKS} checks passed")


main()
