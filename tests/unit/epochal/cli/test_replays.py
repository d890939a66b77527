import json

import httpx
import pytest

from epochal.cli import replays

from ..jobs import ID, api_of, view


@pytest.mark.parametrize("as_json", [True, False])
def test_a_replay_is_followed_to_its_end_by_polling(
    as_json: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    compared = {
        **{"original": ID, "replay": ID, "status": "succeeded", "same": True, "compared": 9, "first_difference": None},
        "sentence": "All 9 numbers are the same.",
    }
    asked: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path.rsplit("/", 1)[-1])
        answers_comparison = request.method == "GET" and asked[-1] == "replay"
        return httpx.Response(200, json=compared if answers_comparison else view(status="succeeded"))

    monkeypatch.setattr(replays, "Api", lambda: api_of(handle))
    replays.replay(ID, wait=True, as_json=as_json)
    assert asked == ["replay", ID, "replay"]
    out = capsys.readouterr().out
    assert json.loads(out) == compared if as_json else out == f"{ID}\nAll 9 numbers are the same.\n"
