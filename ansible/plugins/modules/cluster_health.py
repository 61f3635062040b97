#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright the aisctl authors
# SPDX-License-Identifier: Apache-2.0
"""Waits until nodes of a cluster are well, and says who is primary."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
---
module: cluster_health
short_description: Wait until nodes of an AIS cluster are well, and say who is primary
version_added: 1.0.0
description:
  - A node is well when the map of the cluster names it, does not call it absent or lost, and it answers
    for itself. A node in maintenance may be off.
  - Changes nothing.
options:
  nodes:
    description: All nodes of the cluster, each with C(id), C(role) and C(url).
    type: list
    elements: dict
    required: true
  ignore:
    description: Ids of nodes that need not be well.
    type: list
    elements: str
    default: []
  timeout:
    description: Seconds to wait; with 0 the nodes are asked once and nothing fails.
    type: int
    default: 120
  order:
    description: Ids of nodes in the order in which they are to be taken; see RV(order).
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    description: Asks, as always.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
author:
  - The aisctl authors (@aisctl)
"""

EXAMPLES = r"""
- name: Wait until all nodes are well
  aisctl.cluster.cluster_health:
    nodes: "{{ groups['aisnode'] | map('extract', hostvars, 'aisctl_nodes') | flatten }}"
"""

RETURN = r"""
primary:
  description: Id of the primary; empty when no gateway knows one.
  returned: always
  type: str
order:
  description: The same ids with the present primary at the end.
  returned: always
  type: list
  elements: str
unwell:
  description: Why each node that is not well is not, by id.
  returned: always
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.aisctl.cluster.plugins.module_utils import health


def main():
    module = AnsibleModule(
        argument_spec={
            "nodes": {"type": "list", "elements": "dict", "required": True},
            "ignore": {"type": "list", "elements": "str", "default": []},
            "timeout": {"type": "int", "default": 120},
            "order": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    nodes, timeout = module.params["nodes"], module.params["timeout"]
    must = [node for node in nodes if node["id"] not in module.params["ignore"]]
    primary, reasons = health.wait(nodes, must, timeout)
    if reasons and timeout > 0:
        listed = ", ".join("%s %s" % item for item in sorted(reasons.items()))
        module.fail_json(msg="not well after %d s: %s" % (timeout, listed), primary=primary, unwell=reasons)
    order = health.primary_last(module.params["order"], primary)
    module.exit_json(changed=False, primary=primary, unwell=reasons, order=order)


if __name__ == "__main__":
    main()
