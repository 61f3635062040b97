#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright the aisctl authors
# SPDX-License-Identifier: Apache-2.0
"""Takes nodes of a cluster out of service, and back."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
---
module: node_lifecycle
short_description: Take nodes of an AIS cluster out of service, and back
version_added: 1.1.0
description:
  - Gives the order that C(aisctl node maintenance start), C(maintenance stop), C(shutdown) and
    C(decommission) give, and returns when it is accepted. M(aisctl.cluster.operation_wait) waits for
    its end.
  - Changes nothing when the nodes are, or are on their way to, what is wanted.
options:
  nodes:
    description: All nodes of the cluster, each with C(id), C(role) and C(url).
    type: list
    elements: dict
    required: true
  action:
    description: The order.
    type: str
    choices: [start-maintenance, stop-maintenance, shutdown, decommission]
    required: true
  ids:
    description: Ids of the nodes that are meant.
    type: list
    elements: str
    required: true
  rebalance:
    description: Whether data moves away first. Without it the data stays where it is.
    type: bool
    default: true
  rm_user_data:
    description: With V(decommission), objects on the disks of the nodes are wiped when they have moved.
    type: bool
    default: false
  run:
    description: The run that holds the lease of the cluster; see M(aisctl.cluster.lease).
    type: str
    default: ""
attributes:
  check_mode:
    description: Says which nodes would be ordered.
    support: full
  diff_mode:
    description: Shows the nodes that are ordered.
    support: full
author:
  - The aisctl authors (@aisctl)
"""

EXAMPLES = r"""
- name: Take a target out of service
  aisctl.cluster.node_lifecycle:
    nodes: "{{ groups['aisnode'] | map('extract', hostvars, 'aisctl_nodes') | flatten }}"
    action: start-maintenance
    ids: [target-h3]
"""

RETURN = r"""
ordered:
  description: Ids of the nodes that the order was given for.
  returned: always
  type: list
  elements: str
rebalance:
  description: Id of the rebalance that follows; empty when none does.
  returned: always
  type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.aisctl.cluster.plugins.module_utils import cluster, membership


def main():
    module = AnsibleModule(
        argument_spec={
            "nodes": {"type": "list", "elements": "dict", "required": True},
            "action": {"type": "str", "required": True, "choices": sorted(membership.ACTIONS)},
            "ids": {"type": "list", "elements": "str", "required": True},
            "rebalance": {"type": "bool", "default": True},
            "rm_user_data": {"type": "bool", "default": False},
            "run": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**run(module.params, module.check_mode))
    except cluster.ApiError as error:
        module.fail_json(msg=str(error), code=error.code)


def run(params, check_mode):
    gateways = cluster.Gateways(params["nodes"])
    smap = gateways.ask("/v1/daemon?what=smap")
    operation = gateways.ask("/v1/cluster?what=operation")
    action = params["action"]
    wanted = [one for one in params["ids"] if not membership.is_done(action, one, smap, operation)]
    rebalance = operation.get("rebalance") if operation.get("move") else ""
    if wanted and not check_mode:
        rebalance = gateways.change("PUT", "/v1/cluster", membership.order(action, wanted, params)).strip()
    after = "".join("%s: %s\n" % (action, one) for one in wanted)
    diff = {"before": "", "after": after}
    return {"changed": bool(wanted), "ordered": wanted, "rebalance": rebalance or "", "diff": diff}


if __name__ == "__main__":
    main()
