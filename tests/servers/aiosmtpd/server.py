"""A mail server on three ports: 14025 STARTTLS and a login, 14465 TLS at once, 14026 in clear.

Each message that it takes becomes a line of JSON in `taken`, as Python's own parser reads it.
`grey@` is put off once, `none@` does not exist, the password is "test", and so is the token.
"""

import asyncio
import base64
import email
import email.policy
import hashlib
import json
import ssl

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword


class Server(SMTP):
    async def auth_XOAUTH2(self, _, args):
        words = args[1] if len(args) > 1 else ""
        said = base64.b64decode(words).decode()
        user, token = said.split("\x01")[:2]
        if token == "auth=Bearer test":
            return AuthResult(success=True, auth_data=user.removeprefix("user="))
        await self.challenge_auth(b'{"status":"401"}')
        return AuthResult(success=False, handled=False)


class Handler:
    def __init__(self):
        self.put_off = set()

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("none@"):
            return "550 5.1.1 no such user"
        if address.startswith("grey@") and address not in self.put_off:
            self.put_off.add(address)
            return "451 4.7.1 greylisted, come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        parts = []
        for part in message.walk():
            if part.is_multipart():
                parts.append({"type": part.get_content_type()})
                continue
            content = part.get_payload(decode=True)
            parts.append(
                {
                    "type": part.get_content_type(),
                    "disposition": part.get_content_disposition(),
                    "filename": part.get_filename(),
                    "cid": part["content-id"],
                    "sha256": hashlib.sha256(content).hexdigest(),
                    "text": part.get_content() if part.get_content_maintype() == "text" else None,
                }
            )
        user = session.auth_data
        taken = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "user": user.decode() if isinstance(user, bytes) else user,
            "tls": session.ssl is not None,
            "headers": {name: str(value) for name, value in message.items()},
            "parts": parts,
            "defects": [str(defect) for part in message.walk() for defect in part.defects],
        }
        with open("taken", "a") as file:
            file.write(json.dumps(taken) + "\n")
        return "250 2.0.0 queued"


def authenticate(server, session, envelope, mechanism, data):
    good = isinstance(data, LoginPassword) and data.password == b"test"
    return AuthResult(success=good, auth_data=data.login if good else None, handled=False)


async def main():
    handler = Handler()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("cert.pem", "key.pem")
    secured = {
        "authenticator": authenticate,
        "auth_required": True,
        "auth_exclude_mechanism": [],
    }
    loop = asyncio.get_running_loop()

    def start_tls():
        return Server(handler, tls_context=context, require_starttls=True, **secured)

    def implicit():
        return Server(handler, auth_require_tls=False, **secured)

    def clear():
        return Server(handler)

    servers = [
        await loop.create_server(start_tls, "127.0.0.1", 14025),
        await loop.create_server(implicit, "127.0.0.1", 14465, ssl=context),
        await loop.create_server(clear, "127.0.0.1", 14026),
    ]
    await asyncio.gather(*(server.serve_forever() for server in servers))


asyncio.run(main())
