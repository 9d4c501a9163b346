"""Drives a CloudStack endpoint with Apache Libcloud's driver, as its users do, and fails where the endpoint differs."""

import os
from urllib.parse import urlsplit

from libcloud.compute.providers import get_driver
from libcloud.compute.types import InvalidCredsError, NodeState, Provider, StorageVolumeState

endpoint = urlsplit(os.environ["CLOUDSTACK_ENDPOINT"])


def connect(secret):
    driver = get_driver(Provider.CLOUDSTACK)(
        key=os.environ["CLOUDSTACK_KEY"],
        secret=secret,
        secure=False,
        host=endpoint.hostname,
        port=endpoint.port,
        path=endpoint.path,
    )
    driver.connection.poll_interval = 0.1
    return driver


cloud = connect(os.environ["CLOUDSTACK_SECRET"])

zone = cloud.list_locations()[0]
nodes = cloud.list_nodes(location=zone)
node = next(n for n in nodes if n.name == "app-server")
assert node.state == NodeState.RUNNING, node
assert cloud.ex_get_node(node.id).name == node.name
offerings = cloud.ex_list_disk_offerings()
assert [o.customizable for o in offerings] == [True, False], offerings

name = "My Vol * (a'b)! @x.y 100%&=/?#"
volume = cloud.create_volume(2, name, location=zone, ex_volume_type="Custom")
assert volume.name == name and volume.extra["name"] == name, volume
fixed = cloud.create_volume(5, "fixed", location=zone, ex_volume_type="Small")
assert cloud.ex_get_volume(fixed.id).size == 5 << 30

assert cloud.attach_volume(node, volume)
attached = next(v for v in cloud.list_volumes(node=node) if v.id == volume.id)
assert attached.extra["instance_id"] == node.id and attached.extra["device_id"] == 1, attached.extra
assert attached.state == StorageVolumeState.INUSE and attached.size == 2 << 30, attached
try:
    cloud.attach_volume(node, volume)
    raise AssertionError("attached twice")
except Exception as error:
    assert str(error) == "Please specify a volume that is not attached to any VM.", error

assert cloud.ex_create_tags([volume.id], "Volume", {"owner": "ctl", "a b": "(c)!"})
tags = next(v for v in cloud.list_volumes() if v.id == volume.id).extra["tags"]
assert tags == {"owner": "ctl", "a b": "(c)!"}, tags
assert cloud.ex_delete_tags([volume.id], "Volume", ["a b"])
tags = next(v for v in cloud.list_volumes() if v.id == volume.id).extra["tags"]
assert tags == {"owner": "ctl"}, tags

assert cloud.detach_volume(volume)
detached = cloud.ex_get_volume(volume.id)
assert detached.extra.get("instance_id") is None and detached.state == StorageVolumeState.AVAILABLE, detached.extra
for gone in (volume, fixed):
    assert cloud.destroy_volume(gone)
assert not {volume.id, fixed.id} & {v.id for v in cloud.list_volumes()}

spare = next(n for n in nodes if n.name == "spare")
assert cloud.ex_start(spare) == "Running"
assert cloud.ex_stop(spare) == "Stopped"

try:
    connect("wrong").list_volumes()
    raise AssertionError("a wrong signature was accepted")
except InvalidCredsError:
    pass
print("ok")
