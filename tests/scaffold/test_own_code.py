"""What users write into generated services: code of their own for a choice or a loop, fields, tables."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import msforge

FORKS = """\
msforge: 1
name: forks
services:
  desk:
    endpoints:
      serve:
        steps:
          - choose:
              - {weight: 9, steps: [{call: back.fetch}]}
              - {weight: 1, steps: [{call: back.store}, {write: desk-db}]}
              - {weight: 1, steps: [work: 1ms]}
          - {repeat: 3, steps: [{read: desk-db}]}
          - call: back.store
  back:
    endpoints:
      fetch: {steps: [work: 1ms]}
      store: {steps: [work: 1ms]}
stores:
  desk-db: {owner: desk}
traffic:
  people: {target: desk.serve, rate: 5/s}
simulation: {duration: 10s}
"""
HANDLER = """\
from desk_service import models, steps


async def serve(request: models.ServeRequest, do: steps.Serve) -> models.ServeResponse:
{}    await do.call_back_store_2()
    return models.ServeResponse()
"""


@pytest.fixture(scope="module")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("own")
    (where / "forks.yaml").write_text(FORKS, "utf-8")
    msforge.new(where / "forks.yaml", where / "forks")
    return where / "forks"


def python(folder: Path, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, input=given, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(folder)}, encoding="utf-8", errors="replace",
    )  # fmt: skip


def own_tests(folder: Path, module: str) -> subprocess.CompletedProcess[str]:
    return python(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"tests/{module}.py")


DRIVER = """\
import json, sys
sys.path[:0] = ["tests"]
import test_handlers
said = []
for text in json.load(sys.stdin):
    exec(text, vars(test_handlers.handlers))
    try:
        test_handlers.test_a_handler_takes_the_steps_of_the_file(*test_handlers.HANDLERS[0])
        said.append("")
    except BaseException as problem:
        said.append(f"{type(problem).__name__}: {problem}")
print(json.dumps(said))
"""


def handled(forks: Path, *bodies: str) -> list[str]:
    """What the handler's test says of each of these first lines of a handler; "" when it is content."""
    texts = json.dumps([HANDLER.format(body) for body in bodies])
    said = python(forks / "services/desk", "-c", DRIVER, given=texts)
    found: list[str] = json.loads(said.stdout.splitlines()[-1]) if said.stdout else [said.stderr]
    return found


OWN_CODE = {
    "the first branch, a loop": """\
    if request:
        await do.call_back_fetch()
    for _ in range(5):
        await do.read_desk_db()
""",
    "the second branch, no round at all": """\
    await do.call_back_store()
    await do.write_desk_db()
""",
    "the branch that is only work, a loop as generated": """\
    await do.repeat_1(do.read_desk_db)
""",
}
WRONG = {
    "half a branch": ("    await do.write_desk_db()\n", "+ write desk-db"),
    "two branches": ("    await do.call_back_fetch()\n    await do.call_back_fetch()\n", "+ call back.fetch"),
    "the wrong thing in the loop": (
        "    await do.call_back_fetch()\n    await do.repeat_1(do.write_desk_db)\n", "- read desk-db",
    ),
}


def test_a_branch_may_be_taken_and_a_loop_written_by_hand(forks: Path) -> None:
    assert dict(zip(OWN_CODE, handled(forks, *OWN_CODE.values()), strict=True)) == dict.fromkeys(OWN_CODE, "")


def test_what_no_branch_does_is_pointed_at(forks: Path) -> None:
    said = handled(forks, *(lines for lines, _ in WRONG.values()))
    for name, text, (_, line) in zip(WRONG, said, WRONG.values(), strict=True):
        assert "no longer does what forks.yaml says" in text, name
        assert line in [" ".join(one.split()) for one in text.splitlines()], f"{name}: {text}"


def test_a_handler_may_use_tables_of_its_own(forks: Path) -> None:
    migrations = forks / "services/desk/desk_service/migrations"
    (migrations / "0001_things.sql").write_text("CREATE TABLE things (what TEXT NOT NULL);", "utf-8")
    assert handled(forks, """\
    async with do.replica.stores.database.transaction() as database:
        database.execute("INSERT INTO things (what) VALUES (?)", ("book",))
        assert database.execute("SELECT count(*) FROM things").fetchone() == (1,)
""") == [""]


def replaced(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")


def test_a_new_field_goes_through_models_contract_and_callers(made: Path) -> None:
    desk, back = made / "services/desk", made / "services/back"
    head = '    """What this service asks back.fetch."""\n'
    replaced(desk / "desk_service/models.py", head, f'{head}\n    size: int = 1\n    shape: str = ""\n')
    head = '    """What GET /things/{id} is asked."""\n'
    answer = '    """What GET /things/{id} answers."""\n'
    replaced(back / "back_service/models.py", answer, f"{answer}\n    colour: str\n")
    done = own_tests(back, "test_contract")
    assert done.returncode == 1 and "openapi.json does not say that FetchResponse has `colour`" in done.stdout
    assert "python tests/contract.py" in done.stdout
    assert python(back, "tests/contract.py").returncode == 0
    assert own_tests(back, "test_contract").returncode == 0
    promised = json.loads((back / "openapi.json").read_text("utf-8"))["components"]["schemas"]["FetchResponse"]
    assert promised["properties"]["colour"]["type"] == "string" and promised["required"] == ["colour"]
    done = own_tests(desk, "test_contract")
    assert done.returncode == 1 and "it takes no `size`, which BackFetchRequest sends" in done.stdout
    assert "What desk asks of back.fetch is not in its contract, back/openapi.json" in done.stdout


def test_the_contract_keeps_fields_when_an_endpoint_comes(made: Path, change: Callable[[str, str], None]) -> None:
    desk = made / "services/desk"
    head = '    """What POST /served is asked."""\n'
    replaced(desk / "desk_service/models.py", head, f"{head}\n    amount: int\n")
    assert python(desk, "tests/contract.py").returncode == 0
    change("      serve:\n", "      look: {steps: [work: 1ms]}\n      serve:\n")
    plan = msforge.sync(made)
    assert not plan.conflicts
    document = json.loads((desk / "openapi.json").read_text("utf-8"))
    assert "/look" in document["paths"]
    assert document["components"]["schemas"]["ServeRequest"]["properties"].keys() == {"sku", "amount"}
    assert own_tests(desk, "test_contract").returncode == 0


def test_a_request_without_what_it_needs_is_refused_even_without_a_body(made: Path) -> None:
    desk = made / "services/desk"
    head = '    """What POST /served is asked."""\n'
    replaced(desk / "desk_service/models.py", head, f"{head}\n    amount: int\n")
    done = python(desk, "-c", (
        "from fastapi.testclient import TestClient\n"
        "from desk_service.app import create_app\n"
        "with TestClient(create_app(), raise_server_exceptions=False) as client:\n"
        "    answer = client.post('/served')\n"
        "    print(answer.status_code, answer.json()['detail'])\n"
    ))  # fmt: skip
    assert done.stdout.startswith("422 [{'where': ['amount']"), done.stdout + done.stderr


def test_a_replica_opens_its_log_once(made: Path) -> None:
    desk, log = made / "services/desk", made / "desk.log"
    done = python(desk, "-c", (
        "import sys\n"
        "opened = []\n"
        "sys.addaudithook(lambda event, about: event == 'open' and opened.append(str(about[0])))\n"
        "from desk_service.app import create_app\n"
        "from desk_service.settings import Settings\n"
        f"journal = create_app(Settings(log_file={str(log)!r})).state.replica.log\n"
        "for number in range(3):\n"
        "    journal.info('hello', number=number)\n"
        f"    assert len(open({str(log)!r}).readlines()) == number + 1\n"
        "journal.close()\n"
        "journal.info('again')\n"
        f"print(sum(name == {str(log)!r} for name in opened) - 3)\n"
    ))  # fmt: skip
    assert done.stdout == "2\n", done.stdout + done.stderr
    assert len(log.read_text("utf-8").splitlines()) == 4
