"""Swift's four servers in one process: servers.py DIRECTORY SECRET PROXY OBJECT CONTAINER ACCOUNT"""

import eventlet

eventlet.monkey_patch()

import os
import sys

from eventlet import wsgi
from swift.common import utils

DIRECTORY, SECRET = sys.argv[1:3]
PROXY, OBJECT, CONTAINER, ACCOUNT = map(int, sys.argv[3:7])
BACKENDS = {"object": OBJECT, "container": CONTAINER, "account": ACCOUNT}
ETC = os.path.join(DIRECTORY, "etc")
# What stands in front of the proxy server, in this order, with its settings.
FILTERS = {
    "catch_errors": "",
    "gatekeeper": "",
    "listing_formats": "",
    "bulk": "",
    "s3api": "s3_acl = false\nlocation = us-east-1",
    "tempauth": f"user_test_tester = {SECRET} .admin http://127.0.0.1:{PROXY}/v1/AUTH_test",
    "slo": "",
    "dlo": "",
    "versioned_writes": "allow_object_versioning = true",
    "symlink": "",
}


def write(name, text):
    path = os.path.join(ETC, name)
    with open(path, "w") as file:
        file.write(text)
    return path


os.makedirs(ETC)
os.makedirs(os.path.join(DIRECTORY, "srv", "d1"))
# Read from /etc/swift otherwise, and as soon as the modules below are imported.
utils.SWIFT_CONF_FILE = write(
    "swift.conf",
    "[swift-hash]\nswift_hash_path_prefix = a\nswift_hash_path_suffix = b\n"
    "[storage-policy:0]\nname = gold\ndefault = yes\n",
)

from swift.common.ring import RingBuilder
from swift.common.wsgi import loadapp


class Cache:
    """In the place of memcached."""

    def __init__(self):
        self.kept = {}

    def get(self, key, **_):
        return self.kept.get(key)

    def set(self, key, value, **_):
        self.kept[key] = value

    def delete(self, key, **_):
        self.kept.pop(key, None)


CACHE = Cache()


def serve(kind, port, pipeline, sections):
    path = write(
        f"{kind}.conf",
        f"[DEFAULT]\nswift_dir = {ETC}\ndevices = {DIRECTORY}/srv\nmount_check = false\n"
        "log_address = /dev/null\nfallocate_reserve = 0\n"
        f"[pipeline:main]\npipeline = {pipeline} {kind}-server\n"
        f"[app:{kind}-server]\nuse = egg:swift#{kind}\n{sections}",
    )
    app = loadapp(path)

    def cached(environ, start_response):
        environ["swift.cache"] = CACHE
        return app(environ, start_response)

    return eventlet.spawn(wsgi.server, eventlet.listen(("127.0.0.1", port)), cached)


for kind, port in BACKENDS.items():
    ring = RingBuilder(4, 1, 0)
    device = {"region": 1, "zone": 1, "ip": "127.0.0.1", "port": port, "device": "d1", "weight": 1}
    ring.add_dev(device)
    ring.rebalance()
    ring.get_ring().save(os.path.join(ETC, f"{kind}.ring.gz"))
for kind, port in BACKENDS.items():
    serve(kind, port, "", "")
filters = "".join(f"[filter:{name}]\nuse = egg:swift#{name}\n{more}\n" for name, more in FILTERS.items())
proxy = "account_autocreate = true\nallow_account_management = true\n"
serve("proxy", PROXY, " ".join(FILTERS), proxy + filters).wait()
