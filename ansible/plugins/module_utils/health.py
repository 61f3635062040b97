# -*- coding: utf-8 -*-
# Copyright the aisctl authors
# SPDX-License-Identifier: Apache-2.0
"""Whether a cluster says of itself that all is well, asked as any client would. Standard library only."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import json
import time

from ansible_collections.aisctl.cluster.plugins.module_utils import cluster, membership

PROBE_SECONDS = 2
PAUSE_SECONDS = 0.2


def ask(url, path):
    """The text of an answer 200, or None."""
    try:
        return cluster.send(url, "GET", path, None, PROBE_SECONDS)
    except (cluster.Unsent, cluster.ApiError):
        return None


def read_map(nodes):
    """The map of the first gateway that knows one."""
    for node in nodes:
        if node["role"] != "proxy":
            continue
        text = ask(node["url"], "/v1/daemon?what=smap")
        try:
            found = json.loads(text) if text is not None else None
        except ValueError:
            continue
        if isinstance(found, dict) and "pmap" in found and "tmap" in found:
            return found
    return None


def primary_of(found):
    """Id of the primary; empty when no gateway knows one."""
    return (found or {}).get("proxy_si", {}).get("daemon_id", "")


def primary_last(order, primary):
    """The ids in the order of the inventory, the present primary at the end."""
    return sorted(order, key=lambda node: node == primary)


def unwell(nodes, found):
    """Why each node that is not well is not, by id."""
    reasons = {}
    members = membership.members_of(found or {})
    ext = (found or {}).get("ext", {})
    for node in nodes:
        member = members.get(node["id"])
        if member is None:
            reasons[node["id"]] = "not in the map"
        elif int(member.get("flags") or 0) & (membership.MAINTENANCE | membership.DECOMMISSION):
            continue
        elif node["id"] in ext.get("abs", {}):
            reasons[node["id"]] = ext["abs"][node["id"]].get("kind", "away")
        elif node["id"] in ext.get("learners", []):
            reasons[node["id"]] = "is catching up"
        elif ask(node["url"], "/v1/health") is None:
            reasons[node["id"]] = "does not answer"
    return reasons


def wait(nodes, must, timeout):
    """Waits until the nodes that must be are well. Gives the primary and who is not well."""
    deadline = time.time() + timeout
    while True:
        found = read_map(nodes)
        reasons = unwell(must, found)
        if not reasons or time.time() > deadline:
            return primary_of(found), reasons
        time.sleep(PAUSE_SECONDS)
