"""Grading on a Dask cluster: a real one, of several processes on this machine."""

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from distributed import Client, LocalCluster
from test_batch import ENDLESS, RIGHT, STAND_IN, WRONG, children, orders, solved

from grokcourse.autograder.batch.cluster import AHEAD, Cluster
from grokcourse.autograder.batch.pool import GraderError, Pool
from grokcourse.autograder.records import Settings, Work
from grokcourse.autograder.scoring import marks_of
from grokcourse.cli import main

pytestmark = pytest.mark.sandbox

WORKERS = 2


@pytest.fixture(scope="module")
def local() -> Iterator[LocalCluster]:
    """A scheduler and two worker processes, each with a nanny that starts it anew when it dies."""
    before = children()
    with LocalCluster(n_workers=WORKERS, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster:
        yield cluster
    _, alive = psutil.wait_procs(children() - before, timeout=120)
    assert alive == []


def test_the_same_grades_as_on_one_machine(local: LocalCluster, tmp_path: Path):
    contents = {"ann.ipynb": solved("01-task"), "bob.py": RIGHT, "cy.py": WRONG, "dee.py": ENDLESS, "eve.ipynb": "{"}
    for name, content in contents.items():
        (tmp_path / name).write_text(content)
    paths = [tmp_path / name for name in contents]
    works = [Work(path.stem, (path,)) for path in paths]
    works += [Work("two", tuple(paths[:2])), Work("open", (paths[0],), problem="which one counts?", late_days=2)]
    settings = Settings("seed", limits=replace(Settings("").limits, seconds=3))
    with Pool(settings, 1) as pool:
        here = {grade.student: replace(grade, seconds=0) for grade in pool.grade_all(works)}
        protections = pool.protections()
    with Cluster(settings, local.scheduler_address) as cluster:
        assert [(known.name, known.in_force) for known in cluster.protections()] == [
            (known.name, known.in_force) for known in protections
        ]
        there = {grade.student: replace(grade, seconds=0) for grade in cluster.grade_all(works)}
    assert there == here
    assert marks_of(here["ann"])


def held(client: Client) -> dict[str, int]:
    """How many finished grades that nobody has fetched yet lie on each worker, by its address."""
    holders = [address for addresses in client.who_has().values() for address in addresses]
    return {address: holders.count(address) for address in holders}


def wait_until(condition: Callable[[], bool]) -> None:
    """However long it takes, up to what no working machine needs."""
    until = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def at_full_strength(client: Client) -> str:
    """The scheduler's address, once the workers that an earlier test ended have been replaced."""
    client.wait_for_workers(WORKERS, timeout=300)
    return client.cluster.scheduler_address


@pytest.mark.parametrize("noticed", [False, True])
def test_a_worker_that_dies_with_grades_that_nobody_has_fetched_costs_nothing(
    local: LocalCluster, tmp_path: Path, noticed: bool
):
    """Its grades are made anew, whether its death is known by then or shows when one of them is fetched."""
    works = orders(tmp_path / "subs", *(f"work {number}" for number in range(12)))
    with Client(local) as client, Cluster(Settings("s"), at_full_strength(client), STAND_IN) as cluster:
        grades = cluster.grade_all(works)
        done = [next(grades)]
        wait_until(lambda: sum(held(client).values()) >= 2 * AHEAD - 1)  # all that were sent are graded
        victim = max(held(client), key=held(client).get)
        number = client.run(os.getpid)[victim]
        os.kill(number, signal.SIGKILL)
        if noticed:
            wait_until(lambda: victim not in held(client))
        done += grades
        assert number not in client.run(os.getpid).values()
    assert sorted(grade.student for grade in done) == sorted(work.student for work in works)
    assert {grade.status for grade in done} == {"graded"}


def test_a_worker_that_dies_in_the_middle_costs_nothing(local: LocalCluster, tmp_path: Path):
    """It is killed, whatever it does just then; the nanny starts another one, and all are graded."""
    works = orders(tmp_path / "subs", *(f"wait {number}" for number in range(12)))
    with Client(local) as client, Cluster(Settings("s"), at_full_strength(client), STAND_IN) as cluster:
        grades = cluster.grade_all(works)
        done = [next(grades)]
        victim = next(iter(client.run(os.getpid).values()))
        os.kill(victim, signal.SIGKILL)
        done += grades
        assert victim not in client.run(os.getpid).values()
    assert sorted(grade.student for grade in done) == sorted(work.student for work in works)
    assert {grade.status for grade in done} == {"graded"}


def test_a_submission_that_kills_its_grader_costs_the_others_nothing(local: LocalCluster, tmp_path: Path):
    works = orders(tmp_path / "subs", "a", "die", "b", "raise", "die once", "c")
    with Cluster(Settings("s"), local.scheduler_address, STAND_IN) as cluster:
        grades = {grade.student: grade for grade in cluster.grade_all(works)}
    assert {student: grade.reason for student, grade in grades.items() if grade.status == "failed"} == {
        "student 1": "the process that graded it ended: exit code 7",
        "student 3": "grading it broke off: RuntimeError: a hidden test is broken",
    }
    assert len(grades) == 6


def test_nothing_is_left_on_the_cluster(local: LocalCluster, tmp_path: Path):
    with Client(local) as client:
        before = {process for pid in client.run(os.getpid).values() for process in psutil.Process(pid).children()}
        with Cluster(Settings("s"), local.scheduler_address, STAND_IN) as cluster:
            grades = cluster.grade_all(orders(tmp_path / "subs", "a", "hang", "hang", "hang"))
            assert next(grades).status == "graded"
            grades.close()

        def now() -> set[psutil.Process]:
            return {process for pid in client.run(os.getpid).values() for process in psutil.Process(pid).children()}

        wait_until(lambda: now() <= before)


def test_if_nothing_can_be_graded_nobody_is_marked(local: LocalCluster, tmp_path: Path):
    with (
        Cluster(Settings("s"), local.scheduler_address, STAND_IN) as cluster,
        pytest.raises(GraderError, match="students' code cannot be run"),
    ):
        list(cluster.grade_all(orders(tmp_path / "subs", "no server", "a")))


def test_when_all_workers_have_left_grading_ends_with_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("grokcourse.autograder.batch.cluster.ALONE_SECONDS", 0.1)
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0") as own,
        Cluster(Settings("s"), own.scheduler_address, STAND_IN) as cluster,
    ):
        own.scale(0)
        while cluster.workers:
            time.sleep(0.05)
        with pytest.raises(GraderError, match=r"has had no workers for 0\.1 seconds"):
            list(cluster.grade_all(orders(tmp_path / "subs", "a", "b")))


def test_the_command_grades_on_a_cluster(
    local: LocalCluster, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "subs").mkdir()
    (tmp_path / "subs" / "ann.py").write_text(RIGHT)
    monkeypatch.chdir(tmp_path)
    assert main(["grade", "subs", "--scheduler", local.scheduler_address]) == 0
    assert (tmp_path / "grades" / "grades" / "ann.json").is_file()
    assert "subs: 1 submission, a file per student." in capsys.readouterr().out


def test_no_scheduler_and_no_workers_are_one_sentence(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("grokcourse.autograder.batch.cluster.CONNECT_SECONDS", 1)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))  # nobody listens there
        address = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(GraderError, match=f"there is no Dask scheduler at {address}"):
            Cluster(Settings("s"), address)
    with pytest.raises(GraderError, match="there is no Dask scheduler at nonsense"):
        Cluster(Settings("s"), "nonsense://x")
    monkeypatch.setattr("grokcourse.autograder.batch.cluster.CONNECT_SECONDS", 5)
    with (
        LocalCluster(n_workers=0, processes=True, dashboard_address=":0") as cluster,
        pytest.raises(GraderError, match="has no workers"),
    ):
        Cluster(Settings("s"), cluster.scheduler_address)
