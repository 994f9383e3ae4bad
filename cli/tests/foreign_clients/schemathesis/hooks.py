"""What no schema can say: which project there is, and which assets are uploaded."""

import json
import os

import schemathesis

THERE_IS = json.loads(os.environ["ASSET_UPLOAD_THERE_IS"])


@schemathesis.hook
def before_load_schema(context, raw_schema):
    request = raw_schema["components"]["schemas"]["UploadRequest"]
    project = request["properties"]["project_id"]["anyOf"][0]
    assert project == {"type": "string", "format": "uuid"}
    project["enum"] = [THERE_IS["project"]]

    asset_id = raw_schema["components"]["parameters"]["asset_id"]
    operations = {
        operation["operationId"]: operation
        for path in raw_schema["paths"].values()
        for method, operation in path.items()
        if method != "parameters"
    }
    for operation, uploaded in THERE_IS["uploaded"].items():
        operations[operation]["parameters"] = [{**asset_id, "example": uploaded}]
