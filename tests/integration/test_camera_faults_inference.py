"""An inference service that fails in every way: each is its own state and cause, and none is "nothing seen"."""

from __future__ import annotations

from pathlib import Path

from books import totals_of
from faults_support import Pod, Question, config, standin, write_clip
from live import until

# What the service does -> the state of the events, which is the cause of the loss, too.
MOODS = {
    "slow": "timeout",
    "drip": "timeout",
    "429": "rejected",
    "503": "rejected",
    "500": "error",
    "garbage": "error",
    "html": "error",
    "reset": "error",
    "hangup": "error",
    "flood": "error",
    "ok": "ok",
}


def _width(mood: str) -> int:
    """A camera is known to the service by its picture's width."""
    return 64 + 16 * list(MOODS).index(mood)


def _mood(_number: int, question: Question) -> str:
    return next(mood for mood in MOODS if _width(mood) == question[0][2])


def test_every_failure_is_its_own_state_and_cause_while_one_camera_is_well(tmp_path: Path) -> None:
    """One camera for each failure, all in one pod; the service always sees a square when it answers."""
    cameras = []
    for mood in MOODS:
        clip = write_clip(tmp_path / f"{mood}.mp4", frames=10, fps=5, size=(_width(mood), 48))
        cameras.append(f'name = "{mood}"\nurl = "{clip}"\nadaptive = false')
    with standin(_mood, slow_s=2.0) as service:
        text = config(service.url, *cameras, more="max_in_flight = 64")
        with Pod(tmp_path, text) as pod:
            pod.wait_ended(*MOODS)
            totals = totals_of(pod.metrics())
            events = pod.stop()
    for mood, state in MOODS.items():
        mine = [event for event in events if event["camera"] == mood]
        # A frame that waited out the one before it for a whole deadline was not asked about at all.
        allowed = {state, "stale"} if state == "timeout" else {state}
        states = {event["state"] for event in mine if event["kind"] == "detection"}
        assert state in states and states <= allowed, (mood, states)
        lost = {cause for cause, count in totals[mood]["lost"].items() if count}
        assert lost == states - {"ok"}, (mood, totals[mood])
        (summary,) = [event["summary"] for event in mine if event["kind"] == "summary"]
        assert summary["answers"] == ({"square": totals[mood]["answered"]} if mood == "ok" else {}), mood
        assert totals[mood]["answered"] == (totals[mood]["sent"] if mood == "ok" else 0), mood
    # The one that is well pays for none of them: not even for those that hold a connection for a whole deadline.
    assert totals["ok"]["answered"] >= 8
    assert all(event["answers"] for event in events if event["kind"] == "detection" and event["state"] == "ok")


def test_no_inference_and_no_sink_at_the_start_is_degraded_and_heals(tmp_path: Path) -> None:
    """Nobody listens at the service's port, and the sink takes nothing; then the service comes."""
    clip = write_clip(tmp_path / "clip.mp4", frames=30, fps=30)
    with standin() as gone:
        text = config(gone.url, f'name = "dock"\nurl = "{clip}"\nloop = true\nfps = 30')
    with Path("/dev/full").open("wb") as full, Pod(tmp_path, text, stdout=full) as pod:
        until(lambda: pod.sample("edge_camera_frames_lost_total", camera="dock", cause="error") > 5, "errors")
        until(lambda: pod.sample("edge_camera_events_total", sink="stdout", outcome="failed") >= 2, "failures")
        assert pod.get("/v2/health/ready") and pod.get("/v2/health/live")
        camera = pod.camera("dock")
        assert (camera["state"], camera["answer_state"], camera["answers"]) == ("ok", "error", [])
        assert "cannot connect" in camera["detail"]
        assert pod.sample("edge_camera_frame_age_seconds_count", camera="dock") == 0
        pod.stop()
    assert sum("sink stdout fails" in line for line in pod.log) == 1, "said once, not with every event"


# What the service does frame by frame, over and over; what ends only with the deadline is left to the test above.
CYCLE = [mood for mood in ("ok", "429", "ok", "503", "ok", "500", "ok") for _ in range(8)]
CYCLE += ["garbage", "reset", "hangup", "flood", "html"]
FRAMES = 10_000
# The reservoirs of ages (2 x 20,000 numbers) and the allocator's slack; a leak of one picture a frame were 88 MiB.
GROWTH_MB = 8.0


def test_ten_thousand_frames_through_every_failure_leave_memory_as_it_was(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=500, fps=30)
    with standin(lambda number, _question: CYCLE[number % len(CYCLE)]) as service:
        camera = f'name = "dock"\nurl = "{clip}"\nspeed = "fast"\nloop = true\nfps = 240'
        with Pod(tmp_path, config(service.url, camera, deadline_ms=10_000), "--summary-s", "1") as pod:
            until(lambda: service.served.total() > FRAMES / 5, "a fifth", 30)
            before = pod.resident_mb()
            until(lambda: service.served.total() > FRAMES, f"all: {service.served}", 60)
            after = pod.resident_mb()
            events = pod.stop()
    assert after - before < GROWTH_MB, f"{before:.1f} MiB after a fifth, {after:.1f} MiB after all"
    detections = [event for event in events if event["kind"] == "detection"]
    assert len(detections) > FRAMES / len(CYCLE) * 8, "a change of state is told each time"
    assert {event["state"] for event in detections} == {"ok", "rejected", "error"}
    assert all(bool(event["answers"]) == (event["state"] == "ok") for event in detections)
    answered = sum(event["summary"]["answered"] for event in events if event["kind"] == "summary")
    assert answered == service.served["ok"], "answered is what was answered, no more"
