"""Databases as the predecessor's eras left them (docs/predecessor.md#databases), with rows of every kind."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

E0 = """
CREATE TABLE api_requests (
    request_id uuid PRIMARY KEY, domain varchar(255), timestamp timestamptz, method varchar(10), path varchar(255),
    headers jsonb, body jsonb, api_key_hash varchar(50), model varchar(100), request_type varchar(50), response_status int,
    response_headers jsonb, response_body jsonb, response_streaming boolean, input_tokens int, output_tokens int,
    total_tokens int, cache_creation_input_tokens int, cache_read_input_tokens int, usage_data jsonb, first_token_ms int,
    duration_ms int, error text, tool_call_count int, created_at timestamptz DEFAULT now()
)"""
# The table that the writer made itself: other columns, and none of the later ones.
E0_TRAP = """
CREATE TABLE api_requests (
    request_id uuid PRIMARY KEY, domain varchar(255), timestamp timestamp, method varchar(10), path varchar(255),
    headers jsonb, body jsonb, api_key_id varchar(50), ip_address varchar(64), model varchar(100), request_type varchar(50),
    response_status int, response_headers jsonb, response_body jsonb, response_streaming boolean, input_tokens int,
    output_tokens int, duration_ms int, error text, completed_at timestamp
)"""
E1 = f"""{E0};
ALTER TABLE api_requests ADD account_id varchar(255), ADD current_message_hash char(64), ADD parent_message_hash char(64),
    ADD system_hash varchar(64), ADD conversation_id uuid, ADD branch_id varchar(255) DEFAULT 'main', ADD message_count int,
    ADD parent_request_id uuid REFERENCES api_requests, ADD parent_task_request_id uuid REFERENCES api_requests,
    ADD is_subtask boolean DEFAULT false, ADD task_tool_invocation jsonb"""
E2 = f"{E1}; ALTER TABLE api_requests RENAME domain TO project_id"
ERAS = {"e0": E0, "e0-trap": E0_TRAP, "e1": E1, "e2": E2}

MODEL = "claude-sonnet-4-20250514"
SECRET = "sk-ant-api03-" + "k" * 40
START = datetime(2025, 6, 30, 23, 30, tzinfo=UTC)


def make_row(number: int, **changes: Any) -> dict[str, Any]:
    """One row, complete; an hour after the one before it."""
    usage = {"input_tokens": 10 * number, "output_tokens": number, "cache_read_input_tokens": 7}
    row: dict[str, Any] = {
        "request_id": UUID(int=number),
        "domain": f"{'ab'[number % 2]}.example",
        "timestamp": START + timedelta(hours=number),
        "method": "POST",
        "path": "/v1/messages",
        "headers": {"content-type": "application/json", "authorization": f"Bearer {'*' * 30}aB3xYz"},
        "body": {"model": MODEL, "stream": True, "messages": [{"role": "user", "content": f"Question {number}"}]},
        "model": MODEL,
        "request_type": "inference",
        "response_status": 200,
        "response_headers": {"content-type": "text/event-stream; charset=utf-8", "request-id": f"req_{number}"},
        "response_body": {
            "id": f"msg_{number}", "type": "message", "role": "assistant", "model": MODEL, "stop_reason": "end_turn",
            "content": [{"type": "text", "text": "Answer"}], "usage": usage,
        },
        "response_streaming": False,
        "input_tokens": 10 * number,
        "output_tokens": number,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 7,
        "usage_data": usage,
        "duration_ms": 1200,
        "tool_call_count": 0,
        "account_id": "acc_1",
        "ip_address": "10.1.2.3",
        "api_key_hash": "sk-ant-a...wxyz",
    }  # fmt: skip
    return row | changes


def rows() -> list[dict[str, Any]]:
    """Ordinary ones, and each oddity once."""
    user_id = f"user_{'0f' * 32}_account_a_session_5e55"
    return [
        *(make_row(number) for number in range(1, 6)),
        make_row(6, response_body={"content": "only text"}, usage_data=None, tool_call_count=2),
        make_row(7, body=None, response_body=None, usage_data=None, request_type="query_evaluation"),
        make_row(8, response_status=None, response_body=None, usage_data=None, input_tokens=None, output_tokens=None),
        make_row(9, response_status=529, response_body={"type": "error", "error": {"type": "overloaded_error", "message": "no"}},
                 usage_data=None, input_tokens=0, output_tokens=0),
        make_row(10, domain=None, usage_data={}, response_headers=None, headers=None),
        make_row(11, error=f"failed with {SECRET}", path=f"/v1/messages?api_key={SECRET}"),
        make_row(12, headers={"x-api-key": SECRET, "x-claude-code-session-id": "s-12", "odd": ["a", 1]}),
        make_row(13, body={"metadata": {"user_id": user_id}, "messages": [], "n": 1}, model=None),
        make_row(14, body=[1, "☃", {"deep": [[[]]]}], response_body="just a string", usage_data=[1]),
        make_row(15, duration_ms=-5, response_status=99999, model="x" * 100),
    ]  # fmt: skip


def fill(address: str, era: str, filling: Sequence[dict[str, Any]]) -> None:
    """Make the table of an era, and put into each row what it has columns for."""
    with psycopg.connect(address) as connection:
        connection.execute(ERAS[era].encode())
        found = connection.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'api_requests'"
        ).fetchall()
        there = {str(name) for (name,) in found}
        for row in filling:
            values = {
                ("project_id" if name == "domain" and "project_id" in there else name): row[name]
                for name in row
            }
            _insert(connection, {name: _value(values[name]) for name in values if name in there})


def _insert(connection: psycopg.Connection[Any], values: dict[str, Any]) -> None:
    statement = sql.SQL("INSERT INTO api_requests ({}) VALUES ({})").format(
        sql.SQL(", ").join(map(sql.Identifier, values)), sql.SQL(", ").join([sql.Placeholder()] * len(values))
    )
    connection.execute(statement, list(values.values()))


def _value(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict | list) or value == "just a string" else value
