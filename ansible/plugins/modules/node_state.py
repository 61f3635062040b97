#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright the aisctl authors
# SPDX-License-Identifier: Apache-2.0
"""Starts, stops or restarts one node of a cluster."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
---
module: node_state
short_description: Start, stop or restart one node of an AIS cluster
version_added: 1.0.0
description:
  - Means the same as C(aisctl node start), C(stop) and C(restart). While the unit is stopped for a
    restart, links to a new release that M(aisctl.cluster.host_state) left for this moment are switched.
options:
  unit:
    description: The node's unit, such as C(aisnode@target.service).
    type: str
    required: true
  state:
    description: What is to be true afterwards. V(restarted) always restarts.
    type: str
    choices: [started, stopped, restarted]
    required: true
attributes:
  check_mode:
    description: Says what would change.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
author:
  - The aisctl authors (@aisctl)
"""

EXAMPLES = r"""
- name: Restart the target of this host
  aisctl.cluster.node_state:
    unit: aisnode@target.service
    state: restarted
"""

RETURN = r"""
active:
  description: State of the unit afterwards.
  returned: always
  type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.aisctl.cluster.plugins.module_utils import apply as m


def main():
    module = AnsibleModule(
        argument_spec={
            "unit": {"type": "str", "required": True},
            "state": {"type": "str", "required": True, "choices": ["started", "stopped", "restarted"]},
        },
        supports_check_mode=True,
    )
    host = m.Host()
    try:
        changed = run(module, host, module.params["unit"], module.params["state"])
    except m.ManifestError as error:
        module.fail_json(msg=str(error))
    active = host.run(["systemctl", "is-active", module.params["unit"]])[1].strip()
    module.exit_json(changed=changed, active=active)


def run(module, host, unit, state):
    running = host.is_running(unit)
    changed = state == "restarted" or running != (state == "started")
    if not changed or module.check_mode:
        return changed
    if running:
        host.must(["systemctl", "stop", unit], "cannot stop " + unit)
    if state != "stopped":
        lock = host.lock()
        m.switch_links(host, unit)
        lock.close()
        host.run(["systemctl", "reset-failed", unit])
        host.must(["systemctl", "start", unit], "cannot start " + unit)
    return changed


if __name__ == "__main__":
    main()
