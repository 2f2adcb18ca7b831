# SPDX-License-Identifier: Apache-2.0
"""An independent gRPC client speaks to a real front: python_client.py CASE.

test_python.c starts the front and sets PORT, and CA, CERTIFICATE and KEY as PEM files; STUBS is where protoc put the
generated modules.
"""
import os
import sys

import grpc

sys.path.insert(0, os.environ["STUBS"])
import health_pb2  # noqa: E402
import health_pb2_grpc  # noqa: E402
import privyseal_pb2 as wire  # noqa: E402
import privyseal_pb2_grpc as services  # noqa: E402


def read(name):
    with open(os.environ[name], "rb") as file:
        return file.read()


def refusal(call, *arguments, **options):
    """The error that the call ends with."""
    try:
        call(*arguments, **options)
    except grpc.RpcError as error:
        return error
    raise AssertionError("it was answered")


def failure_in(error):
    """The Failure in the details of the status, by the names that googleapis gives the fields."""
    details = dict(error.trailing_metadata())["grpc-status-details-bin"]
    status = wire.Status.FromString(details)
    assert status.code == error.code().value[0]
    assert status.details[0].type_url == "type.googleapis.com/privyseal.v1.Failure"
    return wire.Failure.FromString(status.details[0].value)


credentials = grpc.ssl_channel_credentials(read("CA"), read("KEY"), read("CERTIFICATE"))
channel = grpc.secure_channel(f"localhost:{os.environ['PORT']}", credentials)
tokens = services.TokensStub(channel)
health = health_pb2_grpc.HealthStub(channel)


def health_check_is_serving():
    answer = health.Check(health_pb2.HealthCheckRequest(service="privyseal.v1.Tokens"), timeout=10)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def health_of_an_unknown_service_is_not_found():
    error = refusal(health.Check, health_pb2.HealthCheckRequest(service="thieves"), timeout=10)
    assert error.code() == grpc.StatusCode.NOT_FOUND


def health_is_watched_until_the_caller_has_enough():
    watch = health.Watch(health_pb2.HealthCheckRequest(service="privyseal.v1.Tokens"), timeout=10)
    assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
    watch.cancel()
    health_check_is_serving()


def unknown_service_may_be_watched():
    watch = health.Watch(health_pb2.HealthCheckRequest(service="thieves"), timeout=10)
    assert next(watch).status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


def list_tokens_is_answered_by_a_signer():
    answer = tokens.ListTokens(wire.ListTokensRequest(), timeout=10)
    assert answer.token[0].startswith("signer "), answer


def answer_carries_its_request_id():
    answer = tokens.GetToken.with_call(wire.GetTokenRequest(token="echo"), timeout=10)
    assert len(answer[0].salt) == 32
    assert len(dict(answer[1].initial_metadata())["x-request-id"]) == 16


def failure_decodes_from_the_status_details():
    error = refusal(tokens.GetToken, wire.GetTokenRequest(token="fail"), timeout=10)
    assert failure_in(error).reason == "PIN_LOCKED"
    assert failure_in(error).rv == 0xA4  # CKR_PIN_LOCKED
    assert error.details() == "h\u00e9las, 100% locked", error.details()


def refusal_of_the_front_carries_a_failure_too():
    error = refusal(tokens.GetToken, wire.GetTokenRequest(token="x" * 5000), timeout=10)
    assert failure_in(error).reason == "LIMIT", failure_in(error)


def unknown_method_is_unimplemented():
    call = channel.unary_unary("/privyseal.v1.Tokens/Steal")
    assert refusal(call, b"", timeout=10).code() == grpc.StatusCode.UNIMPLEMENTED


def clients_deadline_is_kept():
    error = refusal(tokens.GetToken, wire.GetTokenRequest(token="hang"), timeout=0.3)
    assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED


def thousand_calls_on_one_channel_are_answered():
    calls = [tokens.ListTokens.future(wire.ListTokensRequest(), timeout=30) for _ in range(1000)]
    assert all(call.result().token for call in calls)


globals()[sys.argv[1]]()
