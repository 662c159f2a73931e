"""Prints, as one JSON line each, the requests that a vendor's client makes for a message or a ticket.

    ask.py CLIENT ANSWERS
    {"method": "POST", "url": "...", "headers": {...}, "body": "one letter for each byte"}

ANSWERS is a JSON list of [status, JSON], what the service says to one request after the other.
Nothing is sent: what would put a request on the wire prints it instead.
"""
import io
import json
import sys

import requests

CLIENT, ANSWERS = sys.argv[1], json.loads(sys.argv[2])
PICTURE = b"x" * 1158


def tell(method, url, headers, body):
    if hasattr(body, "read"):
        body = body.read()
    if isinstance(body, str):
        body = body.encode()
    line = {"method": method, "url": url, "headers": dict(headers), "body": (body or b"").decode("latin-1")}
    print(json.dumps(line))


def send(self, request, **options):
    tell(request.method, request.url, request.headers, request.body)
    status, said = ANSWERS.pop(0) if ANSWERS else (200, {})
    answer = requests.Response()
    answer.status_code, answer.request, answer.url = status, request, request.url
    answer.headers["content-type"] = "application/json"
    answer.raw = io.BytesIO(json.dumps(said).encode())
    return answer


requests.adapters.HTTPAdapter.send = send


def twilio():
    from twilio.rest import Client
    Client("AC1", "t0k").messages.create(to="+15005550006", from_="+15551234567", body="Gäste & <open> 🚗")


def vonage():
    from vonage_http_client import Auth, HttpClient
    from vonage_sms import Sms, SmsMessage
    message = SmsMessage(to="15557654321", from_="House", text="Gäste & <open>", type="unicode")
    Sms(HttpClient(Auth(api_key="abcdef12", api_secret="s3cretS3cret"))).send(message)


def pushover():
    from pushover_complete import PushoverAPI
    PushoverAPI("app").send_message(
        "me", "Water & <gas>", title="Cellar", url="http://192.0.2.1/?a=1&b=2", priority=2, retry=60, expire=3600)


def redmine():
    from redminelib import Redmine
    picture = {"path": io.BytesIO(PICTURE), "filename": "image.jpg", "content_type": "image/jpeg"}
    Redmine("https://redmine.lan", key="k1").issue.create(
        project_id="gate", subject="Stuck", description="Since <07:30> & later", uploads=[picture])


def github():
    from github import Auth, Github
    repository = Github(auth=Auth.Token("gho_1"), lazy=True).get_repo("house/alarms")
    repository.create_issue("Stuck", body="Since <07:30> & later", labels=["gate", "night"])


def gitlab():
    from gitlab import Gitlab
    project = Gitlab("https://gitlab.com", private_token="glpat").projects.get("42", lazy=True)
    stored = project.upload("image.jpg", filedata=PICTURE)
    text = "Since <07:30> & later\n\n" + stored["markdown"]
    project.issues.create({"title": "Stuck", "description": text, "labels": ["gate", "night"]})


def jira():
    from jira import JIRA
    desk = JIRA("https://house.atlassian.net", basic_auth=("me@house.example", "t0k"), get_server_info=False)
    made = desk.create_issue(prefetch=False, fields={
        "project": {"key": "GATE"}, "issuetype": {"name": "Task"}, "summary": "Stuck",
        "description": "Since <07:30> & later", "labels": ["gate", "night"]})
    desk.add_attachment(issue=made.key, attachment=io.BytesIO(PICTURE), filename="image.jpg")


def zendesk():
    from zenpy import Zenpy
    from zenpy.lib.api_objects import Comment, Ticket
    desk = Zenpy(subdomain="house", email="me@house.example", token="t0k")
    upload = desk.attachments.upload(io.BytesIO(PICTURE), target_name="image.jpg", content_type="image/jpeg")
    comment = Comment(body="Since <07:30> & later", uploads=[upload.token])
    desk.tickets.create(Ticket(subject="Stuck", comment=comment, tags=["gate", "night"]))


def gsheet():
    from google.auth.credentials import AnonymousCredentials
    from googleapiclient.discovery import build
    # The discovery document of the package: it refuses parameters and values that Google does not know.
    sheets = build("sheets", "v4", credentials=AnonymousCredentials(), static_discovery=True)
    request = sheets.spreadsheets().values().append(
        spreadsheetId="1AbC-d", range="Visitors!A1", valueInputOption="RAW", insertDataOption="INSERT_ROWS",
        body={"values": [["00123", 0.9, True, "=1+1"]]})
    tell(request.method, request.uri, request.headers, request.body)


globals()[CLIENT]()
