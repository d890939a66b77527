"""What provokes each alert: series of a sample a minute, and when the alert fires, with which labels."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Trouble:
    """An alert, and what brings it."""

    series: Mapping[str, str]
    """Samples, a minute apart, in promtool's notation."""
    at: str
    labels: Mapping[str, str]


TROUBLES: Mapping[str, Trouble] = {
    "EpochalApiDown": Trouble(
        {'up{job="epochal", instance="a:8000"}': "0x20"},
        "5m",
        {"severity": "critical", "job": "epochal", "instance": "a:8000"},
    ),
    "EpochalNoApi": Trouble({}, "10m", {"severity": "critical", "job": "epochal"}),
    "EpochalRecordDown": Trouble({"epochal_record_up": "0x20"}, "5m", {"severity": "critical"}),
    "EpochalNoWorker": Trouble(
        {"epochal_workers": "0x20", 'epochal_jobs_queued{owner="ann",device="auto"}': "3x20"},
        "10m",
        {"severity": "critical"},
    ),
    "EpochalNobodyServes": Trouble(
        {'epochal_jobs_queued{owner="ann",device="cuda"}': "3x20", 'epochal_slots{device="cpu"}': "2x20"},
        "20m",
        {"severity": "warning"},
    ),
    "EpochalJobWaitsLong": Trouble(
        {'epochal_queue_oldest_seconds{owner="ann",device="auto"}': "25000+60x20"},
        "15m",
        {"severity": "warning", "owner": "ann", "device": "auto"},
    ),
    "EpochalQueueFull": Trouble(
        {"epochal_queue_limit": "100x20", 'epochal_jobs_queued{owner="ann",device="auto"}': "95x20"},
        "10m",
        {"severity": "warning"},
    ),
    "EpochalLeasesLost": Trouble({"epochal_leases_lost_total": "0x5 8x20"}, "10m", {"severity": "warning"}),
    "EpochalJobsFail": Trouble(
        {
            'epochal_jobs_ended_total{status="failed",reason="diverged"}': "0+5x30",
            'epochal_jobs_ended_total{status="succeeded",reason="converged"}': "0+1x30",
        },
        "25m",
        {"severity": "warning"},
    ),
    "EpochalMirrorBehind": Trouble({"epochal_mirror_lag_seconds": "400+60x20"}, "10m", {"severity": "warning"}),
    "EpochalDiskNearlyFull": Trouble(
        {
            'epochal_disk_free_bytes{of="files",job="epochal"}': "5x20",
            'epochal_disk_size_bytes{of="files",job="epochal"}': "100x20",
        },
        "10m",
        {"severity": "warning", "of": "files"},
    ),
    "EpochalApiErrors": Trouble(
        {
            'epochal_http_request_seconds_count{route="/api/v1/jobs",status="5xx"}': "0+10x30",
            'epochal_http_request_seconds_count{route="/api/v1/jobs",status="2xx"}': "0+20x30",
        },
        "20m",
        {"severity": "critical"},
    ),
    "EpochalApiSlow": Trouble(
        {
            'epochal_http_request_seconds_bucket{route="/api/v1/jobs",le="2.5"}': "0x30",
            'epochal_http_request_seconds_bucket{route="/api/v1/jobs",le="5.0"}': "0+10x30",
            'epochal_http_request_seconds_bucket{route="/api/v1/jobs",le="+Inf"}': "0+10x30",
        },
        "25m",
        {"severity": "warning"},
    ),
}
