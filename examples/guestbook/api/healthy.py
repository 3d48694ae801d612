"""Exits with 0 if the API in this container is healthy."""

import sys
import urllib.request

try:
    urllib.request.urlopen("http://127.0.0.1:8080/healthz", timeout=4)
except OSError as error:
    sys.exit(f"not healthy: {error}")
