"""Jobs on cores: in order, alone on their core, and nothing left behind."""

import threading

import pytest
import torch

from curriculum import cores


@pytest.fixture
def three():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_results_keep_the_order_of_the_jobs_and_each_computes_alone(three):
    met = threading.Barrier(3, timeout=300)  # all three are at work at once

    def work(job):
        met.wait()
        return job, torch.get_num_threads()

    assert cores.on_cores(work, [4, 9, 1], lambda job: job, 3) == [
        (4, 1),
        (9, 1),
        (1, 1),
    ]
    assert torch.get_num_threads() == 3  # lent, and given back


def test_the_largest_begin_first_and_one_core_takes_them_in_order():
    begun = []
    cores.on_cores(begun.append, [4, 9, 1], lambda job: job, 1)
    assert begun == [4, 9, 1]
    start, begun = threading.Event(), []

    def work(job):
        begun.append(job)
        if job >= 8:  # both workers are busy until the last job is in the queue
            start.wait(0.2)

    cores.on_cores(work, [4, 9, 1, 8], lambda job: job, 2)
    assert sorted(begun[:2]) == [8, 9] and sorted(begun[2:]) == [1, 4]


def test_an_error_leaves_no_job_at_work(three):
    done = []

    def work(job):
        if job == 0:
            raise ValueError("zero")
        threading.Event().wait(0.2)
        done.append(job)

    with pytest.raises(ValueError, match="zero"):
        cores.on_cores(work, [0, 1, 2], lambda job: job, 3)
    assert sorted(done) == [1, 2] and torch.get_num_threads() == 3


def test_only_a_processor_has_cores_to_share(three):
    assert cores.available("cpu") == 3 and cores.available("cuda") == 1
