"""A token server out of Authlib's own parts, and an API behind it. Started with flask.

What counts is Authlib's judgement: how a client says who it is, what an assertion has to be, that a
refresh token counts once. POST /revoke ends all access tokens, GET /count says how many were given.
"""

import pathlib

from authlib.integrations.flask_oauth2 import (
    AuthorizationServer,
    ResourceProtector,
)
from authlib.oauth2.rfc6749 import ClientMixin, TokenMixin, grants
from authlib.oauth2.rfc6750 import BearerTokenValidator
from authlib.oauth2.rfc7523 import JWTBearerGrant
from flask import Flask, jsonify

ADDRESS = "http://127.0.0.1:14610/token"
PUBLIC_KEY = pathlib.Path("account.pem")

app = Flask(__name__)
tokens = {}
given = []


class Client(ClientMixin):
    def __init__(self, name, secret, method):
        self.client_id, self.secret, self.method = name, secret, method

    def get_client_id(self):
        return self.client_id

    def get_default_redirect_uri(self):
        return None

    def get_allowed_scope(self, scope):
        return " ".join(word for word in (scope or "").split() if word in ("read", "write"))

    def check_client_secret(self, secret):
        return self.secret == secret

    def check_endpoint_auth_method(self, method, endpoint):
        return self.method == method

    def check_grant_type(self, grant_type):
        return True


class Token(TokenMixin):
    def __init__(self, client, token):
        self.client, self.token, self.ended = client, token, False

    def check_client(self, client):
        return self.client.client_id == client.client_id

    def get_scope(self):
        return self.token.get("scope", "")

    def get_expires_in(self):
        return self.token["expires_in"]

    def is_revoked(self):
        return self.ended

    def is_expired(self):
        return False

    def get_user(self):
        return "somebody"

    def get_client(self):
        return self.client


CLIENTS = {
    "in-header": Client("in-header", "s3cret:/+ %ü", "client_secret_basic"),
    "in-form": Client("in-form", "s3cret:/+ %ü", "client_secret_post"),
    "porch@house.example": Client("porch@house.example", None, "none"),
}


def save(token, request):
    given.append(token)
    record = Token(request.client, token)
    tokens[token["access_token"]] = record
    if "refresh_token" in token:
        tokens[token["refresh_token"]] = record


class ByHeader(grants.ClientCredentialsGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post"]


class ByRefresh(grants.RefreshTokenGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post"]
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token):
        record = tokens.get(refresh_token)
        return record if record and not record.ended else None

    def authenticate_user(self, record):
        return "somebody"

    def revoke_old_credential(self, record):
        record.ended = True


class ByAssertion(JWTBearerGrant):
    def get_audiences(self):
        return [ADDRESS]

    def resolve_issuer_client(self, issuer):
        return CLIENTS.get(issuer)

    def resolve_client_public_key(self, client):
        return PUBLIC_KEY.read_text()

    def authenticate_user(self, subject):
        return subject

    def has_granted_permission(self, client, user):
        return user == "me@house.example"


server = AuthorizationServer(app, query_client=CLIENTS.get, save_token=save)
app.config["OAUTH2_REFRESH_TOKEN_GENERATOR"] = True
server.init_app(app)
for grant in (ByHeader, ByRefresh, ByAssertion):
    server.register_grant(grant)
tokens["the-first-one"] = Token(CLIENTS["in-header"], {"scope": "read write", "expires_in": 3600})


class Validator(BearerTokenValidator):
    def authenticate_token(self, text):
        return tokens.get(text)


protected = ResourceProtector()
protected.register_token_validator(Validator())


@app.post("/token")
def token():
    return server.create_token_response()


@app.post("/api")
@protected("read")
def api():
    return jsonify(ok=True)


@app.post("/revoke")
def revoke():
    for one in given:
        tokens.pop(one["access_token"])
    given.clear()
    return ""


@app.get("/count")
def count():
    return str(len(given))
