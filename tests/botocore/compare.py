"""Signs with botocore what tests/botocore.rs signs with this crate.

Reads a JSON object a line from standard input and answers with one a line, in the same order. The
first answer names the versions. What botocore refuses is answered with its error.
"""

import base64
import datetime
import json
import sys

import boto3
import botocore.auth
import botocore.compat
import botocore.signers
from botocore.auth import S3SigV4PostAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

NOW = None


def frozen(remove_tzinfo=True):
    return NOW.replace(tzinfo=None) if remove_tzinfo else NOW


# One clock, imported by name in several modules. A module that no longer has it is an error here,
# and not a signature of another time.
for module in (botocore.compat, botocore.auth, botocore.signers):
    if not hasattr(module, "get_current_datetime"):
        sys.exit(f"{module.__name__} has no get_current_datetime: pin another botocore")
    module.get_current_datetime = frozen

SESSION = boto3.session.Session()
CLIENTS = {}


def client(world):
    """A client is slow to make and doesn't change, so there is one for each world."""
    key = json.dumps(world, sort_keys=True)
    if key not in CLIENTS:
        CLIENTS[key] = SESSION.client(
            "s3",
            region_name=world["region"],
            endpoint_url=world["endpoint"],
            aws_access_key_id=world["id"],
            aws_secret_access_key=world["secret"],
            aws_session_token=world["token"],
            config=Config(
                signature_version="s3v4",
                # No checksums that nobody asked for.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                s3={
                    "addressing_style": "virtual" if world["virtual"] else "path",
                    # As this crate does: browsers can't follow the global host's redirect.
                    "us_east_1_regional_endpoint": "regional",
                },
            ),
        )
    return CLIENTS[key]


def form(case, s3):
    signed = s3.generate_presigned_post(
        case["bucket"],
        case["key"],
        Fields=dict(case["fields"]),
        Conditions=case["conditions"],
        ExpiresIn=case["expires_in"],
    )
    policy = base64.b64decode(signed["fields"]["policy"]).decode()
    return {
        "url": signed["url"],
        "fields": list(signed["fields"].items()),
        "document": json.loads(policy),
        "signature_of_ours": signature(case["world"], case["our_policy"]),
    }


def signature(world, policy):
    """What botocore's signer makes of our document."""
    request = AWSRequest()
    request.context["timestamp"] = frozen().strftime(botocore.auth.SIGV4_TIMESTAMP)
    credentials = Credentials(world["id"], world["secret"], world["token"])
    return S3SigV4PostAuth(credentials, "s3", world["region"]).signature(policy, request)


def url(case, s3):
    params = {"Bucket": case["bucket"], "Key": case["key"], **case["params"]}
    return {"url": s3.generate_presigned_url(case["operation"], params, case["expires_in"])}


def answer(case):
    global NOW
    NOW = datetime.datetime.fromtimestamp(case["now"], datetime.timezone.utc)
    try:
        return {"form": form, "url": url}[case["kind"]](case, client(case["world"]))
    except Exception as fault:
        return {"error": f"{type(fault).__name__}: {fault}"}


def main():
    print(json.dumps({"boto3": boto3.__version__, "botocore": botocore.__version__}))
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))))


main()
