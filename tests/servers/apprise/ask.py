"""Prints, as one JSON line each, the requests that Apprise makes for an address and a message.

    ask.py ADDRESS TITLE TEXT [PICTURE]
    {"method": "POST", "url": "...", "headers": {...}, "body": "one letter for each byte"}

Nothing is sent: what would put a request on the wire prints it, and says that all is well.
"""
import io
import json
import sys

import requests


def send(self, request, **options):
    body = request.body or b""
    body = body.encode() if isinstance(body, str) else body
    line = {"method": request.method, "url": request.url, "headers": dict(request.headers),
            "body": body.decode("latin-1")}
    print(json.dumps(line))
    answer = requests.Response()
    answer.status_code, answer.request, answer.url = 200, request, request.url
    answer.raw = io.BytesIO(b'{"id": 1, "ok": true, "status": 1, "messages": [{"status": "0"}]}')
    return answer


requests.adapters.HTTPAdapter.send = send
import apprise  # noqa: E402  (after the replacement)

address, title, text, *pictures = sys.argv[1:]
sender = apprise.Apprise()
if not sender.add(address):
    sys.exit(f"Apprise does not know {address}")
sys.exit(0 if sender.notify(body=text, title=title, attach=pictures or None) else 1)
