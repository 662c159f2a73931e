"""Furnishes moto: who may do what, a bucket, a function, a topic. Then signatures are checked.

Further arguments name more functions. Prints the keys of a user and of a role as JSON.
"""

import io
import json
import sys
import urllib.request
import zipfile

import boto3

BASE = sys.argv[1]


def client(service):
    return boto3.client(
        service,
        region_name="eu-west-1",
        endpoint_url=BASE,
        aws_access_key_id="setup",
        aws_secret_access_key="setup",
    )


def post(path, body, kind="application/json"):
    request = urllib.request.Request(BASE + path, body, {"Content-Type": kind})
    urllib.request.urlopen(request).read()


def policy(action, **more):
    statement = {"Effect": "Allow", "Action": action, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


post("/moto-api/config", b'{"lambda": {"use_docker": false}}')
iam = client("iam")
iam.create_user(UserName="porch")
everything = policy(["s3:*", "lambda:*", "sns:*", "sts:*"], Resource="*")
iam.put_user_policy(UserName="porch", PolicyName="all", PolicyDocument=everything)
trust = policy("sts:AssumeRole", Principal={"AWS": "*"})
role = iam.create_role(RoleName="guest", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
iam.put_role_policy(RoleName="guest", PolicyName="all", PolicyDocument=everything)
user = iam.create_access_key(UserName="porch")["AccessKey"]

client("s3").create_bucket(
    Bucket="cams", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
)
code = io.BytesIO()
with zipfile.ZipFile(code, "w") as archive:
    archive.writestr("gate.py", "def handler(event, context): return event")
for function in ["gate", *sys.argv[2:]]:
    client("lambda").create_function(
        FunctionName=function,
        Runtime="python3.11",
        Role=role,
        Handler="gate.handler",
        Code={"ZipFile": code.getvalue()},
    )
client("sns").create_topic(Name="alarms")
lent = client("sts").assume_role(RoleArn=role, RoleSessionName="porch")["Credentials"]
post("/moto-api/reset-auth", b"0", "text/plain")
print(
    json.dumps(
        {
            "key": user["AccessKeyId"],
            "secret": user["SecretAccessKey"],
            "lent_key": lent["AccessKeyId"],
            "lent_secret": lent["SecretAccessKey"],
            "lent_token": lent["SessionToken"],
        }
    )
)
