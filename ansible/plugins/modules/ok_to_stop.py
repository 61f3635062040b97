#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright the aisctl authors
# SPDX-License-Identifier: Apache-2.0
"""Asks a cluster whether nodes may go down, and waits until they may."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
---
module: ok_to_stop
short_description: Wait until a cluster says that nodes may go down
version_added: 1.1.0
description:
  - Asks any gateway, which answers from what the primary watches; means the same as
    C(aisctl node ok-to-stop). Decides nothing itself and changes nothing.
options:
  nodes:
    description: All nodes of the cluster, each with C(id), C(role) and C(url).
    type: list
    elements: dict
    required: true
  stop:
    description: Ids of the nodes that are to go down.
    type: list
    elements: str
    required: true
  purpose:
    description:
      - V(off) asks whether nothing would be missing without them.
      - V(restart) asks whether they may go down and come back at once, which waits for a majority, for
        all other nodes and for data that moves.
    type: str
    choices: ["off", restart]
    default: "off"
  timeout:
    description: Seconds to wait; with 0 the cluster is asked once.
    type: int
    default: 0
  fail:
    description: Whether a no is a failure.
    type: bool
    default: true
attributes:
  check_mode:
    description: Asks once and does not fail.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
author:
  - The aisctl authors (@aisctl)
"""

EXAMPLES = r"""
- name: Wait until the target may restart
  aisctl.cluster.ok_to_stop:
    nodes: "{{ groups['aisnode'] | map('extract', hostvars, 'aisctl_nodes') | flatten }}"
    stop: [target-h1]
    purpose: restart
    timeout: 180
"""

RETURN = r"""
safe:
  description: Whether they may.
  returned: always
  type: bool
reasons:
  description: Why not.
  returned: always
  type: list
  elements: str
heir:
  description: Who can take office before the primary goes down; empty when that is not needed.
  returned: always
  type: str
answer:
  description: All that the cluster said.
  returned: always
  type: dict
"""

import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.aisctl.cluster.plugins.module_utils import cluster

PAUSE_SECONDS = 0.5


def main():
    module = AnsibleModule(
        argument_spec={
            "nodes": {"type": "list", "elements": "dict", "required": True},
            "stop": {"type": "list", "elements": "str", "required": True},
            "purpose": {"type": "str", "choices": ["off", "restart"], "default": "off"},
            "timeout": {"type": "int", "default": 0},
            "fail": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    try:
        result = wait(module)
    except cluster.ApiError as error:
        module.fail_json(msg=str(error), code=error.code)
    if not result["safe"] and module.params["fail"] and not module.check_mode:
        text = "%s may not go down, and was not touched: %s" % (
            ", ".join(module.params["stop"]),
            "; ".join(result["reasons"]),
        )
        module.fail_json(msg=text + ". Mend that first (aisctl show cluster), then play again.", **result)
    module.exit_json(changed=False, **result)


def wait(module):
    stop, purpose = module.params["stop"], module.params["purpose"]
    gateways = cluster.Gateways(module.params["nodes"])
    deadline = time.time() + (0 if module.check_mode else module.params["timeout"])
    while True:
        answer = gateways.ask(cluster.question("ok_to_stop", node=stop))
        verdict = answer if purpose == "off" else answer["restart"]
        if verdict["safe"] or time.time() >= deadline:
            heir = answer["restart"]["heir"] or ""
            return {"safe": verdict["safe"], "reasons": verdict["reasons"], "heir": heir, "answer": answer}
        time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main()
