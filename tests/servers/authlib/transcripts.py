"""An API for transcripts behind tokens as Mobile Assistant wants them. Started with flask.

joserfc, the library that Authlib is made of, judges each token: its signature (HS256), that it is of
now, whose it is, and that it does not hold for longer than an hour. What was refused goes to the log.
"""

import sys

from flask import Flask, jsonify, request
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

KEY = OctKey.import_key("example-plugin-secret")
CLAIMS = jwt.JWTClaimsRegistry(
    iat={"essential": True},
    exp={"essential": True},
    plugin_installation_uuid={
        "essential": True,
        "value": "00000000-0000-4000-8000-000000000000",
    },
)

app = Flask(__name__)


@app.get("/transcripts/<int:number>")
def transcript(number):
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    try:
        claims = jwt.decode(token, KEY, algorithms=["HS256"]).claims
        CLAIMS.validate(claims)
    except (JoseError, ValueError) as error:
        print("refused:", repr(error), file=sys.stderr)
        return jsonify(error=type(error).__name__), 401
    if kind != "Bearer" or claims["exp"] - claims["iat"] > 3600:
        return jsonify(error="no bearer, or one for too long"), 401
    return jsonify(
        id=number,
        headline="Client meeting – J. O’Neill",
        created_on="2024-11-12T16:20:05.000Z",
        text="Met with the client today.\nNext review in March.",
    )
