"""Fixtures of the tests against the real binary. `pytest Tests/Live`; AURA_BINARY names another binary than this folder's.

An `async def test_…` runs in an event loop of its own. Names are sentences. Seeds are printed; AURA_SEED repeats one.
"""

import asyncio
import inspect
import os
import pathlib
import random
import resource
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import database as database_module  # noqa: E402
import shop as shop_module  # noqa: E402
from aura_server import Server, executable, finish  # noqa: E402

TEST_SECONDS_MAX = 120


def pytest_configure(config):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 16384), hard))
    config.addinivalue_line("markers", "seconds(most): how long a test may take")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    marker = pyfuncitem.get_closest_marker("seconds")
    seconds = marker.args[0] if marker else TEST_SECONDS_MAX

    async def run():
        await asyncio.wait_for(pyfuncitem.obj(**arguments), seconds)

    asyncio.run(run())
    return True


@pytest.fixture(scope="session")
def binary():
    return executable()


@pytest.fixture(scope="session")
def fresh(binary, tmp_path_factory):
    """Makes a server whose demo clinic is a copy of one that was made by a first start: the same rows, sooner."""
    template = Server(tmp_path_factory.mktemp("template") / "data").start()
    assert template.stop() == 0

    def make(folder, *options, **named):
        server = Server(folder, *options, **named)
        template.copy_data(server.data)
        server.password = template.password
        return server

    return make


@pytest.fixture(scope="session")
def shared_server(fresh, tmp_path_factory):
    """One demo clinic for all tests that neither kill, starve nor reconfigure it, and a second clinic beside it."""
    server = fresh(tmp_path_factory.mktemp("shared") / "data")
    server.other_clinic = database_module.add_clinic(
        server.data, "CNX09",
        {"owner@other.aura": "clinic_owner", "sales@other.aura": "sales_staff",
         "beautician@other.aura": "clinic_staff"})
    server.start()
    yield server
    finish(server)


@pytest.fixture
def server(shared_server):
    if not shared_server.runs:
        shared_server.start()
    yield shared_server
    assert shared_server.runs, f"the test killed the server: {shared_server.log()[-4000:]}"


@pytest.fixture
def new_server(fresh, tmp_path):
    """Makes servers of the test's own: `new_server("--ping-ms", 500, preexec=…)`."""
    made = []

    def make(*options, name=None, start=True, **named):
        server = fresh(tmp_path / (name or f"data{len(made)}"), *options, **named)
        made.append(server)
        return server.start() if start else server

    yield make
    for server in made:
        if server.process and server.runs:
            finish(server)
        elif server.process:
            server.stop()


@pytest.fixture
def database(server):
    return database_module.Database(server.data)


@pytest.fixture
def seed():
    value = int(os.environ.get("AURA_SEED") or random.randrange(1 << 32))
    print(f"seed: AURA_SEED={value}")
    return value


@pytest.fixture
def own_server(new_server):
    """A server whose people may be revoked, with a second clinic that only `owner@other.aura` belongs to, and a
    person who belongs to both."""
    server = new_server(start=False)
    server.other_clinic = database_module.add_clinic(server.data, "CNX09", {
        "owner@other.aura": "clinic_owner", "sales@other.aura": "sales_staff", "sales@demo.aura": "sales_staff"})
    return server.start()


@pytest.fixture(scope="session")
def shared_shop(fresh, tmp_path_factory):
    """One clinic for all tests of points and the till that do not kill its server."""
    server = fresh(tmp_path_factory.mktemp("shop") / "data", "--commands-per-second", 1000)
    shop = shop_module.build(server)
    server.start()
    yield shop
    finish(server)


@pytest.fixture
def shop(shared_shop):
    yield shared_shop
    assert shared_shop.server.runs, f"the test killed the server: {shared_shop.server.log()[-4000:]}"
    # The first test whose books do not balance says so; what is wrong stays wrong.
    if shared_shop.is_balanced:
        shared_shop.is_balanced = False
        shop_module.check(shared_shop)
        shared_shop.is_balanced = True


@pytest.fixture
def new_shop(new_server):
    """Makes shops of the test's own, which it may kill: `new_shop("--loops", 2)`."""

    def make(*options, **named):
        server = new_server("--commands-per-second", 1000, *options, start=False, **named)
        shop = shop_module.build(server)
        server.start()
        return shop

    return make
