"""Drives a CloudStack endpoint with the unmodified client `cs`, as its users do, and fails where the endpoint differs."""

import os
import sys

from cs import CloudStack, CloudStackApiException


def cycle(method):
    cloud = CloudStack(
        endpoint=os.environ["CLOUDSTACK_ENDPOINT"],
        key=os.environ["CLOUDSTACK_KEY"],
        secret=os.environ["CLOUDSTACK_SECRET"],
        method=method,
        fetch_result=True,
        poll_interval=0.1,
        timeout=60,
    )
    zone = cloud.listZones()["zone"][0]["id"]
    offering = next(o for o in cloud.listDiskOfferings()["diskoffering"] if o["iscustomized"])["id"]
    machine = cloud.listVirtualMachines(listall=True)["virtualmachine"][0]["id"]
    name = "My Vol * [a+b]@x.y Größe"
    volume = cloud.createVolume(name=name, zoneid=zone, diskofferingid=offering, size=2)["volume"]
    assert volume["name"] == name and volume["state"] == "Allocated", volume
    assert volume["size"] == 2 << 30, volume
    attached = cloud.attachVolume(id=volume["id"], virtualmachineid=machine)["volume"]
    assert attached["virtualmachineid"] == machine and attached["state"] == "Ready", attached
    listed = cloud.listVolumes(fetch_list=True, virtualmachineid=machine, listall=True)
    assert volume["id"] in [v["id"] for v in listed], listed
    try:
        cloud.attachVolume(id=volume["id"], virtualmachineid=machine)
        raise AssertionError("attached twice")
    except CloudStackApiException as error:
        result = error.error.get("jobresult", error.error)
        assert result["errorcode"] == 431, result
        assert result["errortext"] == "Please specify a volume that is not attached to any VM.", result
    cloud.createTags(resourceids=[volume["id"]], resourcetype="Volume", tags=[{"key": "owner", "value": "a/b (c)!"}])
    tagged = cloud.listVolumes(tags=[{"key": "owner", "value": "a/b (c)!"}], listall=True)["volume"]
    assert [v["id"] for v in tagged] == [volume["id"]], tagged
    assert "virtualmachineid" not in cloud.detachVolume(id=volume["id"])["volume"]
    assert cloud.deleteVolume(id=volume["id"])["success"] is True
    assert cloud.listVolumes(id=volume["id"]) == {}, "a removed volume reads empty"


for method in ("get", "post"):
    cycle(method)
try:
    CloudStack(endpoint=os.environ["CLOUDSTACK_ENDPOINT"], key=os.environ["CLOUDSTACK_KEY"], secret="wrong").listZones()
    sys.exit("a wrong signature was accepted")
except CloudStackApiException as error:
    assert error.response.status_code == 401, error
print("ok")
