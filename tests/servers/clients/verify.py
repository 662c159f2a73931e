"""Has the library of Standard Webhooks verify what came: verify.py SECRET HEADERS BODY

HEADERS is a JSON object. Prints the type of what is genuine; ends with 1 when it isn't.
"""
import json
import sys

from standardwebhooks import Webhook, WebhookVerificationError

secret, headers, body = sys.argv[1:]
try:
    print(Webhook(secret).verify(body.encode(), json.loads(headers))["type"])
except WebhookVerificationError as error:
    sys.exit(f"refused: {error}")
