"""Prints, as one JSON line, each request that Apprise would make for an address and a message.

    ask.py ADDRESS TITLE TEXT
    {"method": "POST", "url": "...", "headers": {...}, "json": ..., "form": ...}

Nothing is sent: the session's `request` is replaced by one that prints and answers 200.
"""
import json
import sys

import requests


def told(self, method, url, **options):
    body = options.get("data")
    if isinstance(body, bytes):
        body = body.decode("utf-8", "replace")
    line = {"method": method.upper(), "url": url, "params": options.get("params"),
            "headers": dict(options.get("headers") or {}), "json": options.get("json"), "form": None,
            "auth": options.get("auth")}
    if isinstance(body, str):
        try:
            line["json"] = json.loads(body)
        except ValueError:
            line["form"] = body
    elif body is not None:
        line["form"] = body
    print(json.dumps(line))
    answer = requests.Response()
    answer.status_code = 200
    answer._content = b'{"id": 1, "ok": true, "status": 1, "messages": [{"status": "0"}]}'
    return answer


requests.Session.request = told
import apprise  # noqa: E402  (after the replacement)

address, title, text = sys.argv[1:]
sender = apprise.Apprise()
if not sender.add(address):
    sys.exit(f"Apprise does not know {address}")
sys.exit(0 if sender.notify(body=text, title=title) else 1)
