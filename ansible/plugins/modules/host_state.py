#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright the aisctl authors
# SPDX-License-Identifier: Apache-2.0
"""Brings a host to the manifest that aisctl made for it."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
---
module: host_state
short_description: Bring a host to the manifest that aisctl made for it
version_added: 1.0.0
description:
  - Applies one manifest of C(aisctl inventory) or C(aisctl ansible export) to the host, with the same
    results as C(aisctl deploy). Renders nothing and decides nothing.
  - Units that run with old files are named in RV(pending); they are restarted by
    M(aisctl.cluster.node_state), one node at a time.
options:
  manifests:
    description: Manifests of the host by processor, as C(uname -m) names it.
    type: dict
    required: true
  payload:
    description:
      - Directory on the host with the files that the manifest names by hash, each C(SHA256.gz).
      - Not needed when the host has them; RV(missing_payload) tells which it lacks.
    type: path
  secrets:
    description:
      - Secrets by name, each as base64.
      - Not needed when the host has them; RV(missing_secrets) tells which it lacks.
    type: dict
    default: {}
attributes:
  check_mode:
    description: Compares and changes nothing.
    support: full
  diff_mode:
    description: Shows texts before and after, never secrets.
    support: full
author:
  - The aisctl authors (@aisctl)
"""

EXAMPLES = r"""
- name: Bring the host to its manifest
  aisctl.cluster.host_state:
    manifests: "{{ aisctl_manifests }}"
"""

RETURN = r"""
entries:
  description: Every entry of the manifest with its state.
  returned: always
  type: list
  elements: dict
pending:
  description: Running units that must restart before they use what is on disk.
  returned: always
  type: list
  elements: str
missing_payload:
  description: Hashes of files that the host lacks and the manifest does not hold.
  returned: always
  type: list
  elements: str
missing_secrets:
  description: Names of secrets that the host lacks.
  returned: always
  type: list
  elements: str
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.aisctl.cluster.plugins.module_utils import apply as m


def main():
    module = AnsibleModule(
        argument_spec={
            "manifests": {"type": "dict", "required": True},
            "payload": {"type": "path"},
            "secrets": {"type": "dict", "default": {}, "no_log": True},
        },
        supports_check_mode=True,
    )
    host = m.Host()
    try:
        module.exit_json(**run(module, host))
    except m.ManifestError as error:
        module.fail_json(msg=str(error))


def run(module, host):
    manifest = m.choose(module.params["manifests"], os.uname()[4])
    # Held until the process ends.
    lock = None if module.check_mode else host.lock()
    report = m.compare(host, manifest)
    missing = m.missing_payload(manifest, report)
    changed = [entry for entry, found in zip(manifest["entries"], report) if found["state"] == "changed"]
    result = {"missing_payload": missing, "missing_secrets": m.missing_secrets(manifest, report)}
    # pylint: disable-next=protected-access
    if module._diff:
        result["diff"] = [m.difference(host, entry) for entry in changed]
    if lock is not None:
        m.apply(host, manifest, report, module.params["payload"], module.params["secrets"])
        lock.close()
    states = [found["state"] for found in report]
    result["changed"] = "changed" in states or "deferred" in states
    result["entries"] = report
    result["pending"] = m.pending_units(host)
    return result


if __name__ == "__main__":
    main()
