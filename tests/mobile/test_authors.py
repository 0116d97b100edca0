"""Authors of curricula: what they write, and what is not believed."""

import itertools
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest

from curriculum import files
from curriculum.finetune import pretrained
from curriculum.mobile import authors, local, spec
from curriculum.mobile.authors import AUTHORS, Endpoint, Request
from curriculum.mobile.spec import TARGET


@pytest.mark.parametrize("name", AUTHORS)
def test_all_write_valid_curricula_of_the_same_length(name):
    its = AUTHORS[name](Request(100_000, 3))
    assert its.steps == 100_000
    assert spec.validate(spec.as_json(its)) == its
    last = its.stages[0 if name == "reversed" else -1]
    assert last.environment == TARGET.environment


def test_published_stages():
    stages = authors.published(Request(500_000)).stages
    assert [s.steps for s in stages] == [10_000, 10_000, 15_000, 465_000]
    assert [(len(s.stations), s.users, s.velocity) for s in stages[:3]] == [
        (1, 2, 0), (1, 2, 1), (3, 2, 5)
    ]  # fmt: skip


def test_random_stages_differ_by_seed_only():
    one, same, other = (authors.random_stages(Request(100_000, s)) for s in (1, 1, 2))
    assert one == same != other


def test_reversed():
    back = authors.backwards(authors.hand_made)(Request(10_000))
    assert back.stages == authors.hand_made(Request(10_000)).stages[::-1]


def lengths(*rewards):
    its = authors.adaptive(Request(100_000, rewards=rewards))
    return [(stage.users, stage.steps // 2000) for stage in its.stages]


def test_adaptive_goes_on_when_the_reward_stops_rising():
    assert lengths() == [(3, 1), (5, 49)]
    assert lengths(-0.9) == [(3, 2), (5, 48)]
    assert lengths(-0.9, -0.5) == [(3, 3), (5, 47)]
    assert lengths(-0.9, -0.5, -0.49) == [(3, 3), (4, 1), (5, 46)]
    # the first batch of a stage is not compared with the stage before
    assert lengths(-0.9, -0.5, -0.49, -0.9) == [(3, 3), (4, 2), (5, 45)]


def test_adaptive_goes_on_after_five_batches():
    assert lengths(*(i / 10 for i in range(5))) == [(3, 5), (4, 1), (5, 44)]
    assert len(lengths(*(i / 20 - 1 for i in range(30)))) == 4


def test_ranking_averages_over_the_orders_of_listing():
    texts = ["a", "b", "c"]

    def echoing(prompt, answers):
        """A model that repeats, with a slight taste for c, b, a."""
        listed = [x[2:] for x in prompt.splitlines() if x.startswith("- ")]
        taste = local.answer(["c", "b", "a"])
        return [3 * (a == local.answer(listed)) + (a == taste) for a in answers]

    table = local.scores(texts, echoing)
    assert local.echo(table, 3) == 1
    assert local.choose(table, 3) == (2, 1, 0)


def test_one_loud_answer_does_not_decide():
    assert local.choose([[5, 3], [0, 4]], 2) == (1, 0)


def test_tau():
    assert local.tau((0, 1, 2, 3), (0, 1, 2, 3)) == 1
    assert local.tau((0, 1, 2, 3), (3, 2, 1, 0)) == -1
    assert local.tau((0, 1, 2, 3), (1, 0, 2, 3)) == pytest.approx(2 / 3)


def test_a_recorded_answer_plays_again(tmp_path):
    path = tmp_path / "authors.json"
    files.write_json(path, {"local": {"order": [3, 0, 1, 2], "name": "local model"}})
    its = authors.recorded(path)(Request(100_000))
    assert [s.users for s in its.stages] == [10, 2, 3, 4, 5]
    path.write_text('{"local": {"order": [0, 1, 2, 3], "name": "x"}}')
    with pytest.raises(ValueError, match="carries no digest"):
        authors.recorded(path)


def test_missing_packages_are_one_line(monkeypatch):
    monkeypatch.setattr(pretrained.importlib, "import_module", _missing)
    with pytest.raises(ValueError, match="'transformers' is not installed; install it"):
        local.smollm2()


def _missing(name):
    raise ImportError(name)


GOOD = json.dumps(spec.as_json(authors.hand_made(Request(10_000))))


@pytest.fixture
def service():
    """A service on this machine that says what it is told to, and keeps the request."""
    told = {"answer": GOOD, "heard": [], "status": 200, "wait": 0.0}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told["heard"].append((self.path, dict(self.headers), json.loads(body)))
            threading.Event().wait(told["wait"])
            reply = {"choices": [{"message": {"content": told["answer"]}}]}
            text = told.get("raw") or json.dumps(reply)
            self.send_response(told["status"])
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *words):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    told["address"] = f"http://127.0.0.1:{server.server_port}/v1"
    yield told
    server.shutdown()
    thread.join()
    server.server_close()


def test_endpoint(service, tmp_path, monkeypatch):
    monkeypatch.setenv("CURRICULUM_LLM_URL", service["address"])
    monkeypatch.setenv("CURRICULUM_LLM_MODEL", "some-model")
    monkeypatch.setenv("CURRICULUM_LLM_KEY", "secret")
    keep = tmp_path / "answer.json"
    its = Endpoint.from_environment(keep=str(keep))(Request(10_000))
    assert its == authors.hand_made(Request(10_000))
    path, head, body = service["heard"][0]
    assert path == "/v1/chat/completions" and head["Authorization"] == "Bearer secret"
    assert body["model"] == "some-model"
    assert body["response_format"]["json_schema"]["schema"] == spec.schema()
    kept = files.read_json(keep, sealed=True)
    assert kept["answer"] == GOOD and "secret" not in keep.read_text()


BAD = json.loads(GOOD)
BAD["stages"][0]["users"] = 500


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"answer": json.dumps(BAD)}, "stage 1: users is 500"),
        ({"answer": "import os"}, "no JSON: 'import os'"),
        ({"answer": "[" * 100_000}, "no JSON"),
        ({"answer": "[1]"}, "must be a JSON object"),
        ({"answer": None}, "answered no text"),
        ({"raw": "{}"}, "KeyError"),
        ({"raw": "hello"}, "no answer from"),
        ({"status": 500}, "HTTPError"),
        ({"wait": 0.5}, "no answer from .*timed out"),
    ],
)
def test_endpoint_believes_nothing(service, change, message):
    service.update(change)
    ask = Endpoint(service["address"], "m", timeout=0.2)
    with pytest.raises(ValueError, match=message):
        ask(Request(10_000))


def test_endpoint_with_other_steps(service):
    with pytest.raises(ValueError, match="has 10000 steps; 20000 were asked for"):
        Endpoint(service["address"], "m")(Request(20_000))


def test_endpoint_needs_an_address(monkeypatch):
    monkeypatch.delenv("CURRICULUM_LLM_URL", raising=False)
    with pytest.raises(ValueError, match="is not set; set both"):
        Endpoint.from_environment()


def test_candidates_have_distinct_words():
    texts = [local.describe(stage) for stage in authors.CANDIDATES]
    assert len(set(texts)) == 4
    for order in itertools.permutations(range(4)):
        its = authors.in_order(order)(Request(100_000))
        assert np.sum([s.steps for s in its.stages[:4]]) == 16_000
