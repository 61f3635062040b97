#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright the aisctl authors
# SPDX-License-Identifier: Apache-2.0
"""Hands the office of the primary over."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
---
module: primary
short_description: Hand the office of the primary over to a gateway
version_added: 1.1.0
description:
  - Means the same as C(aisctl cluster set-primary). Changes nothing when the gateway leads already.
options:
  nodes:
    description: All nodes of the cluster, each with C(id), C(role) and C(url).
    type: list
    elements: dict
    required: true
  gateway:
    description: Id of the gateway that is to lead.
    type: str
    required: true
attributes:
  check_mode:
    description: Says whether the office would move.
    support: full
  diff_mode:
    description: Shows who would take office.
    support: full
author:
  - The aisctl authors (@aisctl)
"""

EXAMPLES = r"""
- name: Hand over before the primary restarts
  aisctl.cluster.primary:
    nodes: "{{ groups['aisnode'] | map('extract', hostvars, 'aisctl_nodes') | flatten }}"
    gateway: proxy-h2
"""

RETURN = r"""
before:
  description: Who led; empty when nobody did.
  returned: always
  type: str
"""

import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.aisctl.cluster.plugins.module_utils import cluster, health

# A handover is one record; the map is seen everywhere soon after.
SEEN_SECONDS = 20
PAUSE_SECONDS = 0.2


def main():
    module = AnsibleModule(
        argument_spec={
            "nodes": {"type": "list", "elements": "dict", "required": True},
            "gateway": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    nodes, heir = module.params["nodes"], module.params["gateway"]
    before = health.primary_of(health.read_map(nodes))
    changed = before != heir
    try:
        if changed and not module.check_mode:
            cluster.Gateways(nodes).change("PUT", "/v1/cluster/proxy/" + heir)
            until_leads(nodes, heir)
    except cluster.ApiError as error:
        module.fail_json(msg=str(error), code=error.code)
    diff = {"before": "", "after": "set-primary %s\n" % heir if changed else ""}
    module.exit_json(changed=changed, before=before, diff=diff)


def until_leads(nodes, heir):
    deadline = time.time() + SEEN_SECONDS
    while health.primary_of(health.read_map(nodes)) != heir:
        if time.time() > deadline:
            raise cluster.ApiError("TIMED_OUT", "%s has not taken over" % heir)
        time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main()
