"""Reads requests to a Hue bridge as OpenHue's client reads its own: what its specification does not
have is an error. One line of JSON each, with `resource` and `body`; answers with one line each, empty
where nothing is wrong."""

import json
import sys

from open_hue.models.grouped_light_put import GroupedLightPut
from open_hue.models.light_put import LightPut

KINDS = {"light": LightPut, "grouped_light": GroupedLightPut}

for line in sys.stdin:
    request = json.loads(line)
    body = request["body"]
    signaling = body.get("signaling", {})
    # The specification says `color`; bridges take `colors`, as all clients send it that signal.
    if "colors" in signaling:
        signaling["color"] = signaling.pop("colors")
    try:
        understood = KINDS[request["resource"]]._unmap(body)._map()
        wrong = "" if understood == body else f"understood as {json.dumps(understood)}"
    except (TypeError, ValueError) as error:
        wrong = str(error)
    print(wrong.replace("\n", " "), flush=True)
