"""Calls AIStore's own Python SDK, unmodified, and prints what each call gave as one JSON object."""

import json
import sys

from aistore import Client

NAMES = ["a", "a/b", "c d", "é%?#x", "-x", ".y", "ü/日本語"]


def content(name):
    return ("content of " + name).encode()


def outcome(call):
    """The result of a call, or the type of what it raised."""
    try:
        return call()
    except Exception as error:  # pylint: disable=broad-except
        return "raised " + type(error).__name__


def objects(client, bucket):
    """Objects of every awkward name, put through one gateway and read in every way."""
    results = {}
    for name in NAMES:
        thing = bucket.object(name)
        thing.get_writer().put_content(content(name))
        results[name] = [
            thing.get_reader().read_all() == content(name),
            thing.get_reader(direct=True).read_all() == content(name),
            thing.props.size == len(content(name)),
            thing.props.obj_version,
        ]
    first = bucket.object("a")
    return {
        "objects": results,
        "range": first.get_reader(byte_range="bytes=0-6").read_all().decode(),
        "mirror_paths": len(first.props.mirror_paths),
        "listed": [entry.name for entry in bucket.list_all_objects()],
        "paged": [entry.name for entry in bucket.list_objects_iter(page_size=2)],
        "prefix": [entry.name for entry in bucket.list_objects(prefix="a").entries],
        "sizes": [entry.size for entry in bucket.list_objects(props="name,size").entries],
    }


def run(url):
    client = Client(url)
    cluster = client.cluster()
    bucket = client.bucket("from-python")
    bucket.create()
    bucket.create(exist_ok=True)
    results = {
        "ready": cluster.is_ready(),
        "uuid": cluster.get_uuid(),
        "targets": sorted(cluster.get_info().tmap),
        "performance": sorted(cluster.get_performance()),
        "buckets": [one.name for one in cluster.list_buckets()],
        "props": json.loads(bucket.head()["Ais-Bucket-Props"])["provider"],
        **objects(client, bucket),
    }
    bucket.object("a").delete()
    results["deleted"] = outcome(lambda: bucket.object("a").get_reader().read_all())
    results["missing"] = outcome(lambda: client.bucket("nosuch").list_objects())
    bucket.delete()
    bucket.delete(missing_ok=True)
    results["left"] = [one.name for one in cluster.list_buckets()]
    return results


json.dump(run(sys.argv[1]), sys.stdout)
