"""Has PyJWT verify a token: claims.py SECRET TOKEN

Prints its claims as JSON, with how long it holds as `holds`; ends with 1 when it isn't genuine.
"""
import json
import sys

import jwt

secret, token = sys.argv[1:]
try:
    claims = jwt.decode(token, secret, algorithms=["HS256"], options={"require": ["exp", "iat"]})
except jwt.InvalidTokenError as error:
    sys.exit(f"refused: {error}")
print(json.dumps({**claims, "holds": claims["exp"] - claims["iat"]}))
