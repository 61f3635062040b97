#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright the aisctl authors
# SPDX-License-Identifier: Apache-2.0
"""Waits until an order to nodes, or a rebalance, has ended."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
---
module: operation_wait
short_description: Wait until an order to nodes, or a rebalance, has ended
version_added: 1.1.0
description:
  - Ends when the primary itself says that it has ended, however often the office moves meanwhile, and
    fails when it was stopped or taken back. Changes nothing.
  - While it waits, what has moved and what is left is shown every few seconds.
options:
  nodes:
    description: All nodes of the cluster, each with C(id), C(role) and C(url).
    type: list
    elements: dict
    required: true
  action:
    description: The order that was given; see M(aisctl.cluster.node_lifecycle).
    type: str
    choices: [start-maintenance, shutdown, decommission]
  ids:
    description: With O(action), ids of the nodes that were ordered.
    type: list
    elements: str
    default: []
  rebalance:
    description:
      - With O(action), the rebalance that the order started; empty when data was to stay.
      - Without, the rebalance that is waited for; empty waits until nothing is under way.
    type: str
    default: ""
  timeout:
    description: Seconds to wait.
    type: int
    default: 86400
  silence:
    description: Seconds in which no gateway has to answer before the wait is given up.
    type: int
    default: 300
  look:
    description: Seconds after which the module returns with RV(ended) false instead of waiting on.
    type: int
    default: 0
attributes:
  check_mode:
    description: Looks once.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
author:
  - The aisctl authors (@aisctl)
"""

EXAMPLES = r"""
- name: Wait until the target may be powered off
  aisctl.cluster.operation_wait:
    nodes: "{{ groups['aisnode'] | map('extract', hostvars, 'aisctl_nodes') | flatten }}"
    action: start-maintenance
    ids: [target-h3]
    rebalance: "{{ ordered.rebalance }}"
"""

RETURN = r"""
heard:
  description: Whether a primary has answered.
  returned: always
  type: bool
ended:
  description: Whether it has ended; false only in check mode or after O(look).
  returned: always
  type: bool
progress:
  description: What was seen last, as a line for people.
  returned: always
  type: str
"""

import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.aisctl.cluster.plugins.module_utils import cluster, membership

PAUSE_SECONDS = 0.5


def main():
    module = AnsibleModule(
        argument_spec={
            "nodes": {"type": "list", "elements": "dict", "required": True},
            "action": {"type": "str", "choices": ["start-maintenance", "shutdown", "decommission"]},
            "ids": {"type": "list", "elements": "str", "default": []},
            "rebalance": {"type": "str", "default": ""},
            "timeout": {"type": "int", "default": 86400},
            "silence": {"type": "int", "default": 300},
            "look": {"type": "int", "default": 0},
        },
        required_by={"action": ["ids"]},
        supports_check_mode=True,
    )
    try:
        result = wait(module.params, module.check_mode)
    except (cluster.ApiError, membership.Failed) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, **result)


def wait(params, check_mode):
    gateways = cluster.Gateways(params["nodes"])
    what = waiter(params)
    began = heard = time.time()
    result = {"ended": False, "heard": False, "progress": "no primary has answered"}
    while True:
        try:
            operation = gateways.ask("/v1/cluster?what=operation")
            # Who does not lead knows the record, and not what the targets say.
            if operation.get("live"):
                heard = time.time()
                result.update(heard=True, progress=membership.progress(operation))
                if what.look(operation, gateways.ask("/v1/daemon?what=smap")):
                    return dict(result, ended=True)
        except cluster.ApiError as error:
            if error.code not in cluster.PASSING or time.time() - heard > params["silence"]:
                raise
            result["heard"] = False
        passed = time.time() - began
        if check_mode or (params["look"] and passed >= params["look"]):
            return result
        if passed > params["timeout"]:
            raise membership.Failed("not over after %d s, and it goes on: %s" % (passed, result["progress"]))
        time.sleep(PAUSE_SECONDS)


def waiter(params):
    if params["action"] is None:
        return membership.RebalanceWait(params["rebalance"])
    return membership.DepartureWait(params["action"], params["ids"], params["rebalance"] != "")


if __name__ == "__main__":
    main()
