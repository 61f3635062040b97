# -*- coding: utf-8 -*-
# Copyright the aisctl authors
# SPDX-License-Identifier: Apache-2.0
"""The API of a running cluster: a question to any gateway, a change to one gateway at a time.

Decides nothing about the cluster; what its answers mean is said by the cluster. Standard library only.
"""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import json
import time
from http.client import HTTPConnection, HTTPException
from urllib.parse import quote, urlsplit

# To find out that a host does not answer at all.
CONNECT_SECONDS = 3
# One question: longer than a gateway waits for a node that hangs.
QUESTION_SECONDS = 10
# A change waits for a majority.
CHANGE_SECONDS = 40
# How long a request is repeated while the cluster elects a primary.
PATIENCE_SECONDS = 20
PAUSE_SECONDS = 0.3
ANSWER_BYTES_MAX = 64 * 1024 * 1024
# Refusals that are over in a moment, and before which nothing was done.
PASSING = ("NOT_READY", "NO_PRIMARY", "NO_QUORUM", "TOO_BUSY", "UNREACHABLE")


class ApiError(Exception):
    """What the cluster said, or that nobody did."""

    def __init__(self, code, message, hint=""):
        super(ApiError, self).__init__(message if hint == "" else "%s (%s)" % (message, hint))
        self.code = code


class Unsent(Exception):
    """The gateway certainly knows nothing of the request."""


class Gateways(object):
    """The gateways among the nodes of an inventory; the one that answered last is asked first."""

    def __init__(self, nodes, patience=PATIENCE_SECONDS):
        self.patience = patience
        self.urls = [node["url"] for node in nodes if node["role"] == "proxy"]

    def ask(self, path):
        """A JSON answer. Every gateway is tried until one answers."""
        return parse(self.until_answered(lambda url: send(url, "GET", path, None, QUESTION_SECONDS)))

    def change(self, method, path, body=None):
        """The text of the answer. Repeated only when nothing can have been done."""
        text = None if body is None else json.dumps(body)
        return self.until_answered(lambda url: send(url, method, path, text, CHANGE_SECONDS))

    def until_answered(self, attempt):
        last = ApiError("UNREACHABLE", "no gateway is known")
        deadline = time.time() + self.patience
        while self.urls:
            for url in list(self.urls):
                try:
                    found = attempt(url)
                except Unsent as error:
                    last = ApiError("UNREACHABLE", "no gateway answers; the last one: %s" % error)
                    continue
                except ApiError as error:
                    if error.code not in PASSING:
                        raise
                    last = error
                    continue
                self.urls.sort(key=lambda one, there=url: one != there)
                return found
            if time.time() > deadline:
                break
            time.sleep(PAUSE_SECONDS)
        raise last


def send(url, method, path, body, seconds):
    """One request to one gateway, as text."""
    to = urlsplit(url)
    connection = HTTPConnection(to.hostname, to.port, timeout=CONNECT_SECONDS)
    try:
        try:
            connection.connect()
        except OSError as error:
            raise Unsent("%s: %s" % (url, error))
        connection.sock.settimeout(seconds)
        try:
            connection.request(method, path, body=body)
            answer = connection.getresponse()
            text = answer.read(ANSWER_BYTES_MAX).decode("utf-8", "replace")
        except (OSError, HTTPException) as error:
            if method == "GET":
                raise Unsent("%s: %s" % (url, error))
            raise ApiError("OUTCOME_UNKNOWN", "%s: %s: the change may have been made" % (url, error))
        if answer.status >= 400:
            raise refusal(answer, text)
        return text
    finally:
        connection.close()


def refusal(answer, text):
    try:
        message = json.loads(text).get("message", text)
    except (ValueError, AttributeError):
        message = text
    code = answer.getheader("Ais-Ext-Code") or "HTTP_%d" % answer.status
    return ApiError(code, message.strip() or "status %d" % answer.status, answer.getheader("Ais-Ext-Hint") or "")


def parse(text):
    try:
        return json.loads(text)
    except ValueError:
        raise ApiError("BAD_ANSWER", "a gateway's answer is no JSON: %s" % text[:80])


def query(**parameters):
    """A query string; a list repeats its name."""
    pairs = []
    for name, value in parameters.items():
        for one in value if isinstance(value, list) else [value]:
            pairs.append("%s=%s" % (name, quote(str(one), safe="")))
    return "&".join(pairs)


def question(what, **parameters):
    return "/v1/cluster?" + query(what=what, **parameters)
