#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright the aisctl authors
# SPDX-License-Identifier: Apache-2.0
"""Takes, renews and lets go the lease of whoever changes a cluster."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
---
module: lease
short_description: Take, renew or let go the lease of whoever changes a cluster
version_added: 1.1.0
description:
  - One operator at a time. While a run holds the lease, the cluster tells every other run, of aisctl or of
    a playbook, who works; it refuses their orders to nodes.
  - A lease that nobody renews ends by itself after O(ttl) seconds, so that a run that has died keeps nobody
    waiting.
  - A cluster that is off or has no primary keeps no lease; the module then says so and changes nothing.
options:
  nodes:
    description: All nodes of the cluster, each with C(id), C(role) and C(url).
    type: list
    elements: dict
    required: true
  state:
    description: V(taken) takes it, and renews it for the run that has it.
    type: str
    choices: [taken, released]
    default: taken
  run:
    description: Id of the run, the same in all calls.
    type: str
    required: true
  who:
    description: Who runs it; for others to read.
    type: str
    default: ansible
  what:
    description: What is run; for others to read.
    type: str
    default: playbook
  ttl:
    description: Seconds after which the lease ends, at most 60.
    type: int
    default: 60
attributes:
  check_mode:
    description: Asks nobody and takes nothing.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
author:
  - The aisctl authors (@aisctl)
"""

EXAMPLES = r"""
- name: Tell others that the cluster is being changed
  aisctl.cluster.lease:
    nodes: "{{ groups['aisnode'] | map('extract', hostvars, 'aisctl_nodes') | flatten }}"
    run: "{{ ansible_date_time.iso8601_basic }}"
    what: move rack 3
"""

RETURN = r"""
kept:
  description: Whether the cluster keeps it; false for one that is off or has no primary.
  returned: always
  type: bool
"""

import socket

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.aisctl.cluster.plugins.module_utils import cluster

# Of a cluster that cannot keep a lease.
KEEPS_NONE = cluster.PASSING + ("OUTCOME_UNKNOWN", "TIMED_OUT")


def main():
    module = AnsibleModule(
        argument_spec={
            "nodes": {"type": "list", "elements": "dict", "required": True},
            "state": {"type": "str", "choices": ["taken", "released"], "default": "taken"},
            "run": {"type": "str", "required": True},
            "who": {"type": "str", "default": "ansible"},
            "what": {"type": "str", "default": "playbook"},
            "ttl": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    kept = False
    try:
        if not module.check_mode:
            cluster.Gateways(module.params["nodes"], patience=0).change("PUT", "/v1/cluster", order(module.params))
            kept = True
    except cluster.ApiError as error:
        if error.code not in KEEPS_NONE:
            module.fail_json(msg=str(error), code=error.code)
    # Who works is no state of the cluster that a playbook brings about.
    module.exit_json(changed=False, kept=kept)


def order(params):
    if params["state"] == "released":
        return {"action": "ext-release-lease", "name": "", "value": {"run": params["run"]}}
    value = {
        "run": params["run"],
        "who": params["who"],
        "from": socket.gethostname(),
        "what": params["what"],
        "ttlMs": params["ttl"] * 1000,
    }
    return {"action": "ext-take-lease", "name": "", "value": value}


if __name__ == "__main__":
    main()
