"""A worker whose Redis has died lets go of its connection, and makes another one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from kombu.transport.redis import Channel

from config import environment
from config.celery import app
from instance.servers import cluster, redis_server


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[redis_server.RedisServer]:
    """A Redis of this test's own."""
    home = cluster.open_home(tmp_path)
    server = redis_server.prepare(home, password="pw", log=tmp_path / "redis.log")
    redis_server.start(server)
    yield server
    server.child.stop(patience_seconds=1)
    cluster.remove(tmp_path)


@pytest.mark.parametrize("taken", [0, 2])
def test_a_worker_lets_go_of_a_dead_redis_whatever_it_had_taken_from_it(mortal, taken: int) -> None:
    """Follow the steps of Celery's consumer. What was taken and not begun would be put back through
    the connection that is gone: that error ended the worker."""
    connection = app.connection_for_read(environment.broker(mortal.url))
    channel = connection.default_channel
    channel.queue_declare("work")
    for number in range(taken):
        channel.basic_publish(channel.prepare_message(f"ring {number}"), "", "work")
        assert channel.basic_get("work") is not None
    wait_for_work(channel, "work")
    wait_for_work(connection.channel(), "control")
    mortal.child.stop(patience_seconds=1)

    connection.collect(socket_timeout=1)
    connection.close()

    redis_server.start(mortal)
    with app.connection_for_read(environment.broker(mortal.url)) as another:
        another.ensure_connection(max_retries=1)


def wait_for_work(channel: Channel, queue: str) -> None:
    """The question is asked; its answer is read later."""
    channel.queue_declare(queue)
    channel.basic_consume(queue, no_ack=False, callback=print, consumer_tag=queue)
    channel.client.connection = channel.client.connection_pool.get_connection()
    channel._brpop_start()
