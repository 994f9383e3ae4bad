"""Every call about assets that plane-sdk 0.1.10 has, in one story. Prints what came of it as JSON."""

import json
import sys

import plane
from plane.api.assets_api import AssetsApi
from plane.exceptions import ApiException
from urllib3 import PoolManager

url, key, token, slug = sys.argv[1:]
FILE = b"\x89PNG and the rest of a picture"
http = PoolManager()
keyed = AssetsApi(
    plane.ApiClient(
        plane.Configuration(host=url, api_key={"ApiKeyAuthentication": key})
    )
)
bearer = AssetsApi(plane.ApiClient(plane.Configuration(host=url, access_token=token)))
stranger = AssetsApi(
    plane.ApiClient(
        plane.Configuration(host=url, api_key={"ApiKeyAuthentication": "unknown"})
    )
)
nobody = AssetsApi(plane.ApiClient(plane.Configuration(host=url)))


def request(**members):
    return plane.GenericAssetUploadRequest(
        **{"name": "photo.png", "type": "image/png", "size": len(FILE), **members}
    )


def outcome(call, *arguments, **named):
    """The status of a call, and the body of an error."""
    try:
        return {"status": call(*arguments, **named).status_code}
    except ApiException as error:
        return {
            "raised": type(error).__name__,
            "status": error.status,
            "body": json.loads(error.body),
        }


def create(api, **members):
    """The SDK has no type for this answer: it is read from the raw one."""
    answer = api.create_generic_asset_upload_without_preload_content(
        slug=slug, generic_asset_upload_request=request(**members)
    )
    assert answer.status == 200, answer.status
    return json.loads(answer.data)


def upload(data):
    fields = [*data["fields"].items(), ("file", ("photo.png", FILE, "image/png"))]
    return http.request(data["method"], data["url"], fields=fields).status


def whole(api, **members):
    made = create(api, **members)
    asset = {"asset_id": made["asset_id"], "slug": slug}
    early = outcome(api.get_generic_asset_with_http_info, **asset)
    unsent = outcome(api.update_generic_asset_with_http_info, **asset)
    sent = upload(made["upload_data"])
    # The plain calls give nothing, or raise.
    update = plane.PatchedGenericAssetUpdateRequest(is_uploaded=True)
    assert (
        api.update_generic_asset(**asset, patched_generic_asset_update_request=update)
        is None
    )
    assert api.get_generic_asset(**asset) is None
    found = json.loads(api.get_generic_asset_without_preload_content(**asset).data)
    downloaded = http.request("GET", found["asset_url"])
    return {
        "early": early,
        "unsent": unsent,
        "sent": sent,
        "name": found["asset_name"],
        "type": found["asset_type"],
        "downloaded": downloaded.data == FILE,
    }


def create_outcome(api, **members):
    return outcome(
        api.create_generic_asset_upload_with_http_info,
        slug=slug,
        generic_asset_upload_request=request(**members),
    )


missing = "550e8400-e29b-41d4-a716-446655440000"
avatar = plane.UserAssetUploadRequest(
    name="me.png", type="image/png", size=1, entity_type="USER_AVATAR"
)
print(
    json.dumps(
        {
            "keyed": whole(keyed),
            "bearer": whole(bearer, external_id="7", external_source="github"),
            "plain": keyed.create_generic_asset_upload(slug, request()),
            "duplicate": create_outcome(
                keyed, external_id="7", external_source="github"
            ),
            "bad_type": create_outcome(keyed, type="text/html"),
            "bad_size": create_outcome(keyed, size=0),
            "stranger": create_outcome(stranger),
            "nobody": create_outcome(nobody),
            "elsewhere": outcome(
                keyed.get_generic_asset_with_http_info,
                asset_id=missing,
                slug="other-workspace",
            ),
            "missing": outcome(
                keyed.get_generic_asset_with_http_info, asset_id=missing, slug=slug
            ),
            # Pictures of users are another part of Plane.
            "avatar": [
                outcome(
                    keyed.create_user_asset_upload_with_http_info,
                    user_asset_upload_request=avatar,
                ),
                outcome(
                    keyed.update_user_asset_with_http_info,
                    asset_id=missing,
                    patched_asset_update_request=plane.PatchedAssetUpdateRequest(),
                ),
                outcome(keyed.delete_user_asset_with_http_info, asset_id=missing),
            ],
        }
    )
)
