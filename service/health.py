"""Is the service on this machine ready? `python -m service.health` exits 0 or 1 and says why; for container engines.

It imports nothing of the service, so that it costs a few milliseconds.
"""

from __future__ import annotations

import os
import sys
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, build_opener


def main() -> int:
    host = os.environ.get("HOST", "127.0.0.1")
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104 - asked at loopback when bound to all
    address = f"http://{shown}:{os.environ.get('PORT', '8000')}/readyz"
    try:
        with build_opener(ProxyHandler({})).open(address, timeout=4) as response:
            print(response.read(2000).decode("utf-8", "replace"))
            return 0
    except HTTPError as error:
        print(error.read(2000).decode("utf-8", "replace"), file=sys.stderr)
    except (URLError, OSError) as error:
        print(f"{address} does not answer: {error}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
