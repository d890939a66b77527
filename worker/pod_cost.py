"""The price of removing this worker's pod: what it trains, so that Kubernetes removes idle pods first.

Of a Deployment that shrinks, Kubernetes removes the pods with the lowest `pod-deletion-cost`. A worker writes its own.
https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/#pod-deletion-cost
"""

import json
import logging
import os
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

log = logging.getLogger(__name__)

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where Kubernetes puts the token of a pod's account, which it renews."""
ANNOTATION = "controller.kubernetes.io/pod-deletion-cost"
TIMEOUT_S = 5.0


@dataclass
class PodCost:
    """Writes a pod's cost when it has changed enough to matter: each write is work for the whole cluster."""

    url: str
    """The pod, in the API of Kubernetes."""
    account: Path = ACCOUNT
    _written: int | None = field(default=None, init=False)

    @classmethod
    def of(cls, pod: str, environ: Mapping[str, str] = os.environ, account: Path = ACCOUNT) -> Self | None:
        """The cost of the pod of this name; None outside of Kubernetes."""
        host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT", "443")
        if not (pod and host):
            return None
        host = f"[{host}]" if ":" in host else host
        namespace = (account / "namespace").read_text().strip()
        return cls(f"https://{host}:{port}/api/v1/namespaces/{namespace}/pods/{pod}", account)

    def write(self, jobs: int) -> None:
        """Say how many jobs it trains: the cost is the number of bits, so twice as many jobs cost one more."""
        cost = jobs.bit_length()
        if cost == self._written:
            return
        try:
            self._patch(cost)
        except (OSError, ValueError) as error:  # a failure is no reason to train less
            log.warning("the cost of this pod is not written: %s", error)
        else:
            self._written = cost

    def _patch(self, cost: int) -> None:
        body = json.dumps({"metadata": {"annotations": {ANNOTATION: str(cost)}}}).encode()
        headers = {
            "Authorization": f"Bearer {(self.account / 'token').read_text().strip()}",
            "Content-Type": "application/merge-patch+json",
        }
        request = urllib.request.Request(self.url, data=body, headers=headers, method="PATCH")  # noqa: S310 - ours
        authority = self.account / "ca.crt"
        context = ssl.create_default_context(cafile=str(authority)) if authority.exists() else None
        with urllib.request.urlopen(request, timeout=TIMEOUT_S, context=context):  # noqa: S310 - the address is ours
            pass
