# -*- coding: utf-8 -*-
# Copyright the aisctl authors
# SPDX-License-Identifier: Apache-2.0
"""Nodes that are taken out and back in: whether an order has been given, and how far it is.

Reads what the primary says; never ends a wait early, and fails when somebody else ended it.
"""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

MAINTENANCE = 4
DECOMMISSION = 8
ACTIONS = {
    "start-maintenance": "start-maintenance",
    "stop-maintenance": "stop-maintenance",
    "shutdown": "shutdown-node",
    "decommission": "decommission-node",
}
# Looks in a row that have to agree before a node counts as taken back.
TAKEN_BACK_LOOKS = 3


class Failed(Exception):
    """What was waited for will not come by itself."""


def members_of(smap):
    return dict(smap.get("pmap") or {}, **(smap.get("tmap") or {}))


def is_away(smap, node):
    return node in ((smap.get("ext") or {}).get("abs") or {})


def is_done(action, node, smap, operation):
    """Whether this node is, or is on its way to, what the order would make of it."""
    member = members_of(smap).get(node)
    if member is None:
        return action in ("decommission", "stop-maintenance")
    flags = int(member.get("flags") or 0)
    ordered = operation.get("op") or {}
    named = node in (ordered.get("nodes") or [])
    if action == "stop-maintenance":
        return flags & (MAINTENANCE | DECOMMISSION) == 0
    if action == "decommission":
        return flags & DECOMMISSION != 0
    if flags & MAINTENANCE == 0:
        return False
    if action == "shutdown":
        return is_away(smap, node) or (named and ordered.get("action") == ACTIONS["shutdown"])
    return True


def order(action, nodes, options):
    """The body of PUT /v1/cluster."""
    value = {
        "sid": nodes[0] if len(nodes) == 1 else "",
        "sids": nodes,
        "skip_rebalance": not options["rebalance"],
        "rm_user_data": options["rm_user_data"],
        "keep_initial_config": False,
        "no_shutdown": False,
    }
    if options["run"]:
        value["run"] = options["run"]
    return {"action": ACTIONS[action], "name": "", "value": value}


def progress(operation):
    """One line about what moves."""
    moving = [one for one in operation.get("nodes") or [] if one.get("status") or one.get("objects")]
    objects = sum(one.get("objects") or 0 for one in moving)
    left = [one["left"] for one in moving if one.get("left") is not None]
    ordered = operation.get("op") or {}
    what = operation.get("rebalance") if operation.get("move") else ordered.get("action")
    if not what:
        return "nothing moves"
    text = "%s: %d objects moved" % (what, objects)
    return text + (", %d left" % sum(left) if left else "")


class RebalanceWait(object):
    """One rebalance, and those that took its place."""

    def __init__(self, rebalance):
        self.wanted = rebalance

    def look(self, operation, unused_smap):
        """True at the end. Raises Failed."""
        notes = operation.get("rebalances") or []
        if self.wanted == "":
            return self.settled(operation)
        at = [index for index, note in enumerate(notes) if note["id"] == self.wanted]
        if not at:
            raise Failed("there is no rebalance %s" % self.wanted)
        state = notes[at[0]]["state"]
        if state in ("finished", "running"):
            return state == "finished"
        if at[0] + 1 < len(notes):
            # A newer one moves what this one had not moved.
            self.wanted = notes[at[0] + 1]["id"]
            return self.look(operation, unused_smap)
        if (operation.get("op") or {}).get("phase") == "moving":
            return False
        raise Failed("%s was stopped: not everything is where it belongs" % self.wanted)

    @staticmethod
    def settled(operation):
        """Nothing is named: all has to be in its place and no order under way."""
        if operation.get("move") or operation.get("op"):
            return False
        if operation.get("in_place"):
            return True
        raise Failed("no rebalance is running, and not everything is where it belongs")


class DepartureWait(object):
    """Nodes that are in maintenance with nothing on them alone, shut down, or gone."""

    def __init__(self, action, nodes, moves):
        self.action = action
        self.nodes = nodes
        self.moves = moves
        self.back = 0

    def look(self, operation, smap):
        stands = dict((node, self.stand(node, operation, smap)) for node in self.nodes)
        if all(stand == "out" for stand in stands.values()):
            return True
        stuck = sorted(node for node, stand in stands.items() if stand == "not moved")
        if stuck:
            raise Failed("%s: out of service, but its data has not moved: do not power it off" % ", ".join(stuck))
        back = sorted(node for node, stand in stands.items() if stand == "back")
        self.back = self.back + 1 if back else 0
        if self.back >= TAKEN_BACK_LOOKS:
            raise Failed("%s: taken back into service; the %s is over" % (", ".join(back), self.action))
        return False

    def stand(self, node, operation, smap):
        leaves = self.action == "decommission"
        if node not in members_of(smap):
            return "out" if leaves else "back"
        if node in ((operation.get("op") or {}).get("nodes") or []):
            return "on its way"
        found = [one for one in operation.get("nodes") or [] if one["id"] == node]
        if not found or found[0]["status"] != ("decommission" if leaves else "maintenance"):
            return "back"
        if found[0]["holds"] and self.moves:
            return "on its way" if operation.get("move") else "not moved"
        if leaves:
            return "on its way"
        return "out" if self.action == "start-maintenance" or found[0]["away"] else "on its way"
