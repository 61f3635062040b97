#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright the aisctl authors
# SPDX-License-Identifier: Apache-2.0
"""Ends a cluster for good."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
---
module: cluster_decommission
short_description: End an AIS cluster for good
version_added: 1.1.0
description:
  - Every node forgets the cluster and ends. Means the same as C(aisctl cluster decommission).
  - Returns when no node answers any more. Changes nothing when none does.
options:
  nodes:
    description: All nodes of the cluster, each with C(id), C(role) and C(url).
    type: list
    elements: dict
    required: true
  uuid:
    description: Of the cluster that is meant; another one at these addresses is left alone.
    type: str
    required: true
  rm_user_data:
    description: Whether objects are wiped.
    type: bool
    default: false
  timeout:
    description: Seconds in which all nodes must have ended.
    type: int
    default: 180
attributes:
  check_mode:
    description: Says whether anything would end.
    support: full
  diff_mode:
    description: Shows the nodes that would end.
    support: full
author:
  - The aisctl authors (@aisctl)
"""

EXAMPLES = r"""
- name: End the cluster
  aisctl.cluster.cluster_decommission:
    nodes: "{{ groups['aisnode'] | map('extract', hostvars, 'aisctl_nodes') | flatten }}"
    uuid: "{{ aisctl_uuid }}"
"""

RETURN = r"""
ended:
  description: Ids of the nodes that were there.
  returned: always
  type: list
  elements: str
"""

import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.aisctl.cluster.plugins.module_utils import cluster, health

PAUSE_SECONDS = 0.5


def main():
    module = AnsibleModule(
        argument_spec={
            "nodes": {"type": "list", "elements": "dict", "required": True},
            "uuid": {"type": "str", "required": True},
            "rm_user_data": {"type": "bool", "default": False},
            "timeout": {"type": "int", "default": 180},
        },
        supports_check_mode=True,
    )
    there = up(module.params["nodes"])
    try:
        if there and not module.check_mode:
            end(module.params, there)
    except cluster.ApiError as error:
        module.fail_json(msg=str(error), code=error.code)
    ids = sorted(node["id"] for node in there)
    diff = {"before": "", "after": "".join("decommission: %s\n" % one for one in ids)}
    module.exit_json(changed=bool(there), ended=ids, diff=diff)


def up(nodes):
    return [node for node in nodes if health.ask(node["url"], "/v1/health") is not None]


def end(params, there):
    gateways = cluster.Gateways(params["nodes"])
    found = gateways.ask("/v1/daemon?what=smap").get("uuid")
    if found != params["uuid"]:
        raise cluster.ApiError("WRONG_CLUSTER", "the gateways belong to cluster %s; nothing was changed" % found)
    value = {"rm_user_data": params["rm_user_data"], "keep_initial_config": False}
    gateways.change("PUT", "/v1/cluster", {"action": "decommission", "name": "", "value": value})
    deadline = time.time() + params["timeout"]
    while up(there):
        if time.time() > deadline:
            still = ", ".join(node["id"] for node in up(there))
            raise cluster.ApiError("TIMED_OUT", "%s still there after %d s" % (still, params["timeout"]))
        time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main()
