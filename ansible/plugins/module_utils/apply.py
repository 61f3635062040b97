# -*- coding: utf-8 -*-
# Copyright the aisctl authors
# SPDX-License-Identifier: Apache-2.0
"""Brings a host to its manifest, or says what differs.

The same decisions as aisctl's own apply.sh, so that either may run after the other and find nothing to
do. Decides nothing of its own: the manifest says everything. Standard library only.
"""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import base64
import fcntl
import grp
import gzip
import hashlib
import json
import os
import pwd
import shutil
import stat
import subprocess

FORMAT = 1
CHUNK = 1024 * 1024
RELEASES_KEPT = 3
RESERVED = "/proc/sys/net/ipv4/ip_local_reserved_ports"
FORMER = "# Ports of nodes: "
ADDED = "# Added: "


class ManifestError(Exception):
    """What an operator can mend; its text says what happened to what."""


class Host(object):
    """Paths and commands of the host that is changed. A root other than "/" is for tests."""

    def __init__(self, root=""):
        self.root = root.rstrip("/")

    def at(self, path):
        return self.root + path

    def run(self, argv, stdin=None):
        process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        out, err = process.communicate(stdin)
        return process.returncode, out.decode("utf-8", "replace"), err.decode("utf-8", "replace")

    def must(self, argv, what, stdin=None):
        code, unused_out, err = self.run(argv, stdin)
        if code != 0:
            raise ManifestError("%s: %s" % (what, err.strip() or "exit status %d" % code))

    def is_container(self):
        return self.run(["systemd-detect-virt", "-cq"])[0] == 0

    def is_mounted(self, path):
        return os.path.isdir(self.at(path)) and self.run(["mountpoint", "-q", self.at(path)])[0] == 0

    def is_running(self, unit):
        return self.run(["systemctl", "is-active", unit])[1].strip() not in (
            "inactive",
            "failed",
            "unknown",
            "",
        )

    def lock(self):
        """One run at a time; the lock goes with the process."""
        directory = self.at("/run/lock")
        os.makedirs(directory, exist_ok=True)
        handle = open(os.path.join(directory, "aisctl.lock"), "a")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (IOError, OSError):
            raise ManifestError(busy(os.path.join(directory, "aisctl.holder")))
        return handle


def busy(path):
    """Who changes this host now, as far as that run has said."""
    try:
        with open(path) as handle:
            holder = json.load(handle)
        who = '%s from %s runs "%s" (run %s)' % (holder["who"], holder["from"], holder["what"], holder["run"])
    except (IOError, OSError, ValueError, KeyError, TypeError):
        who = "another run"
    return "this host is being changed: %s; nothing was changed here. See: aisctl audit" % who


def choose(manifests, machine):
    """The manifest for this processor."""
    found = manifests.get(machine)
    if found is None:
        raise ManifestError(
            "there is no Node.js for %s in this inventory; add it: aisctl runtime add FILE" % machine
        )
    if found.get("format") != FORMAT:
        raise ManifestError("manifest format %s is not known; use a newer collection" % found.get("format"))
    return found


def compare(host, manifest):
    """State of every entry: same, changed, missing or not-applicable."""
    container = host.is_container()
    report = []
    for entry in manifest["entries"]:
        if entry.get("scope") == "metal" and container:
            state = "not-applicable"
        else:
            state = COMPARE[entry["type"]](host, entry)
        report.append({"type": entry["type"], "path": entry["path"], "state": state})
    return report


def missing_payload(manifest, report):
    """Hashes of files that must be brought: content neither in the manifest nor a secret."""
    hashes = [
        entry["sha256"]
        for entry, found in zip(manifest["entries"], report)
        if found["state"] == "changed"
        and entry["type"] == "file"
        and "content" not in entry
        and "secretRef" not in entry
    ]
    return sorted(set(hashes))


def missing_secrets(manifest, report):
    """Names of secrets that must be brought."""
    names = [
        entry["secretRef"]
        for entry, found in zip(manifest["entries"], report)
        if found["state"] == "changed" and "secretRef" in entry
    ]
    return sorted(set(names))


def apply(host, manifest, report, payload, secrets):
    """Makes changed entries so; updates the report. Nothing is written before all content is there."""
    work = [(entry, found) for entry, found in zip(manifest["entries"], report) if found["state"] != "same"]
    contents = collect(work, payload, secrets)
    remember(host, work)
    reload_units = False
    for entry, found in work:
        if found["state"] == "changed" and entry["type"] == "user":
            host.must(["systemd-sysusers", "-"], "cannot make the user " + entry["path"], entry["content"].encode())
    for entry, found in work:
        if found["state"] == "changed" and entry["type"] in ("dir", "absent"):
            (make_dir if entry["type"] == "dir" else remove)(host, entry)
    for entry, found in work:
        if found["state"] == "changed" and entry["type"] == "file":
            make_file(host, entry, contents[entry["sha256"]])
            reload_units = reload_units or entry["path"].startswith("/etc/systemd/system/")
    for entry, found in work:
        if found["state"] == "changed" and entry["type"] == "link":
            found["state"] = make_link(host, entry)
    if reload_units:
        host.must(["systemctl", "daemon-reload"], "systemctl daemon-reload failed")
    for entry, found in work:
        kernel_or_mount(host, entry, found)
    start_units(host, work)
    sweep(host)


def pending_units(host):
    """Running units that must restart before they use what is on disk."""
    try:
        return sorted(os.listdir(host.at("/var/lib/aisctl/pending")))
    except OSError:
        return []


def switch_links(host, unit):
    """Makes the links that wait for the unit to be stopped."""
    note = host.at("/var/lib/aisctl/pending/" + unit)
    if not os.path.isfile(note):
        return
    with open(note) as lines:
        for line in lines:
            path, unused_bar, value = line.rstrip("\n").partition("|")
            replace_link(host, path, value)
    os.unlink(note)


def difference(host, entry, secret_text="(secret)"):
    """Before and after of one entry, for --diff. Secrets and payload show their hash at most."""
    header = {"before_header": entry["path"], "after_header": entry["path"]}
    if entry["type"] == "file" and "content" in entry:
        return dict(header, before=read_text(host.at(entry["path"])), after=entry["content"])
    if entry["type"] == "file":
        label = secret_text if "secretRef" in entry else "sha256 "
        before = "" if "secretRef" in entry else hash_file(host.at(entry["path"])) or "absent"
        after = "" if "secretRef" in entry else entry["sha256"]
        return dict(header, before=label + before + "\n", after=label + after + "\n(changed)\n")
    wanted = entry.get("value") or " ".join([entry.get("mode", ""), entry.get("owner", "")]).strip()
    return dict(header, before="\n", after="%s %s\n" % (entry["type"], wanted))


def compare_file(host, entry):
    path = host.at(entry["path"])
    if os.path.islink(path) or not os.path.isfile(path):
        return "changed"
    same = mode_of(path) == entry["mode"] and owner_of(path) == entry["owner"]
    return "same" if same and hash_file(path) == entry["sha256"] else "changed"


def compare_dir(host, entry):
    path = host.at(entry["path"])
    if not os.path.lexists(path):
        return "changed"
    if os.path.islink(path) or not os.path.isdir(path):
        raise ManifestError("%s is no directory" % entry["path"])
    if entry.get("value") == "bare":
        return "same"
    return "same" if mode_of(path) == entry["mode"] and owner_of(path) == entry["owner"] else "changed"


def compare_link(host, entry):
    path = host.at(entry["path"])
    return "same" if os.path.islink(path) and os.readlink(path) == entry["value"] else "changed"


def compare_absent(host, entry):
    return "changed" if os.path.lexists(host.at(entry["path"])) else "same"


def compare_user(unused_host, entry):
    try:
        pwd.getpwnam(entry["path"])
        return "same"
    except KeyError:
        return "changed"


def compare_sysctl(unused_host, entry):
    return "same" if " ".join(read_text(sysctl_path(entry["path"])).split()) == entry["value"] else "changed"


def compare_ports(host, entry):
    if not os.access(host.at(RESERVED), os.W_OK):
        return "not-applicable"
    live, former, unused_added = read_reserved(host, entry)
    held = all(has_port(live, port) for port in ports_of(entry["value"]))
    return "same" if held and former == entry["value"] else "changed"


def compare_mount(host, entry):
    if not host.is_mounted(entry["path"]):
        return "missing"
    path = host.at(entry["path"])
    return "same" if mode_of(path) == entry["mode"] and owner_of(path) == entry["owner"] else "changed"


def compare_unit(host, entry):
    if entry["value"] == "disabled":
        enabled = host.run(["systemctl", "is-enabled", entry["path"]])[1].strip() == "enabled"
        return "changed" if enabled or host.is_running(entry["path"]) else "same"
    if host.run(["systemctl", "is-enabled", entry["path"]])[1].strip() != "enabled":
        return "changed"
    active = host.run(["systemctl", "is-active", entry["path"]])[1].strip()
    wanted = entry["value"] != "started" or active in ("active", "activating", "reloading")
    return "same" if wanted else "changed"


COMPARE = {
    "file": compare_file,
    "dir": compare_dir,
    "link": compare_link,
    "absent": compare_absent,
    "user": compare_user,
    "sysctl": compare_sysctl,
    "ports": compare_ports,
    "mount": compare_mount,
    "unit": compare_unit,
}


def collect(work, payload, secrets):
    """Content by hash: bytes, or the path of a gzip file. Checked before anything is written."""
    contents = {}
    for entry, found in work:
        if found["state"] != "changed" or entry["type"] != "file":
            continue
        if "content" in entry:
            contents[entry["sha256"]] = entry["content"].encode()
        elif "secretRef" in entry:
            text = secrets.get(entry["secretRef"])
            if text is None:
                raise ManifestError("the secret %s was not given" % entry["secretRef"])
            contents[entry["sha256"]] = base64.b64decode(text)
        else:
            packed = os.path.join(payload or "", entry["sha256"] + ".gz")
            if not payload or not os.path.isfile(packed):
                raise ManifestError("the content of %s was not brought" % entry["path"])
            contents[entry["sha256"]] = packed
    for wanted, content in contents.items():
        if isinstance(content, bytes) and hashlib.sha256(content).hexdigest() != wanted:
            raise ManifestError("a file or secret is damaged, or of another deployment; nothing was changed")
    return contents


def remember(host, work):
    """Notes, before anything is written, which running units must restart; survives an interruption."""
    units = set()
    for entry, found in work:
        if found["state"] == "changed":
            units.update(entry.get("restart", []))
    for unit in sorted(units):
        if host.is_running(unit):
            note = host.at("/var/lib/aisctl/pending/" + unit)
            os.makedirs(os.path.dirname(note), exist_ok=True)
            with open(note + ".new", "w"):
                pass
            os.rename(note + ".new", note)


def make_dir(host, entry):
    path = host.at(entry["path"])
    os.makedirs(path, exist_ok=True)
    if entry.get("value") != "bare":
        chown(path, entry["owner"])
    os.chmod(path, int(entry["mode"], 8))


def remove(host, entry):
    path = host.at(entry["path"])
    if os.path.isdir(path) and not os.path.islink(path):
        os.rmdir(path)
    else:
        os.unlink(path)


def make_file(host, entry, content):
    path = host.at(entry["path"])
    if os.path.isdir(path) and not os.path.islink(path):
        raise ManifestError("%s is a directory" % entry["path"])
    fresh = path + ".new"
    if os.path.lexists(fresh):
        os.unlink(fresh)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    digest = hashlib.sha256()
    with os.fdopen(descriptor, "wb") as out:
        for chunk in chunks_of(content):
            digest.update(chunk)
            out.write(chunk)
        out.flush()
        os.fsync(out.fileno())
    if digest.hexdigest() != entry["sha256"]:
        os.unlink(fresh)
        raise ManifestError("the content of %s is damaged" % entry["path"])
    chown(fresh, entry["owner"])
    os.chmod(fresh, int(entry["mode"], 8))
    os.rename(fresh, path)
    sync_directory(os.path.dirname(path))


def chunks_of(content):
    """Bytes as they are, or those of a gzip file piece by piece."""
    if isinstance(content, bytes):
        yield content
        return
    with gzip.open(content, "rb") as packed:
        for chunk in iter(lambda: packed.read(CHUNK), b""):
            yield chunk


def make_link(host, entry):
    """A link that restarts a unit is switched only while that unit is stopped."""
    units = [unit for unit in entry.get("restart", []) if host.is_running(unit)]
    if not units:
        replace_link(host, entry["path"], entry["value"])
        return "changed"
    with open(host.at("/var/lib/aisctl/pending/" + units[0]), "a") as note:
        note.write("%s|%s\n" % (entry["path"], entry["value"]))
        note.flush()
        os.fsync(note.fileno())
    return "deferred"


def replace_link(host, path, value):
    fresh = host.at(path) + ".new"
    if os.path.lexists(fresh):
        os.unlink(fresh)
    os.symlink(value, fresh)
    os.rename(fresh, host.at(path))


def kernel_or_mount(host, entry, found):
    if entry["type"] == "sysctl" and found["state"] == "changed":
        with open(sysctl_path(entry["path"]), "w") as setting:
            setting.write(entry["value"] + "\n")
    elif entry["type"] == "ports" and found["state"] == "changed":
        reserve_ports(host, entry)
    elif entry["type"] == "unit" and entry["path"].endswith(".mount") and found["state"] == "changed":
        host.must(
            ["systemctl", "enable", "-q", "--now", entry["path"]],
            "cannot mount: see journalctl -u " + entry["path"],
        )
    elif entry["type"] == "mount" and found["state"] in ("changed", "missing"):
        found["state"] = own_mounted(host, entry)


def read_reserved(host, entry):
    """What is reserved, as (low, high) pairs; for which ports ours was made; which of them it added."""
    notes = {FORMER: "", ADDED: ""}
    for line in read_text(host.at(entry["path"])).splitlines():
        for mark in notes:
            if line.startswith(mark):
                notes[mark] = line[len(mark) :]
    return ranges_of(read_text(host.at(RESERVED)).strip()), notes[FORMER], ports_of(notes[ADDED])


def ranges_of(text):
    """Pairs of a list as the kernel writes it: 4000-4010,51080."""
    words = [word.partition("-") for word in text.split(",") if word]
    return [(int(low), int(high or low)) for low, unused_dash, high in words]


def ports_of(text):
    return [int(word) for word in text.split(",") if word]


def has_port(ranges, port):
    return any(low <= port <= high for low, high in ranges)


def release_port(ranges, port):
    rest = []
    for low, high in ranges:
        if low <= port <= high:
            rest += [pair for pair in ((low, port - 1), (port + 1, high)) if pair[0] <= pair[1]]
        else:
            rest.append((low, high))
    return rest


def reserve_ports(host, entry):
    """What others have reserved stays reserved."""
    ranges, unused_former, added = read_reserved(host, entry)
    wanted = ports_of(entry["value"])
    kept = [port for port in added if port in wanted]
    for port in added:
        if port not in wanted:
            ranges = release_port(ranges, port)
    missing = [port for port in wanted if not has_port(ranges, port)]
    ranges += [(port, port) for port in missing]
    kept += [port for port in missing if port not in kept]
    words = [str(low) if low == high else "%d-%d" % (low, high) for low, high in ranges]
    with open(host.at(RESERVED), "w") as setting:
        setting.write(",".join(words) + "\n")
    lines = [
        "# Written by aisctl, with what this host had reserved before.",
        FORMER + entry["value"],
        ADDED + ",".join(str(port) for port in kept),
        "net.ipv4.ip_local_reserved_ports = " + read_text(host.at(RESERVED)).strip(),
    ]
    path = host.at(entry["path"])
    os.makedirs(os.path.dirname(path), exist_ok=True)
    write_text(path + ".new", "\n".join(lines) + "\n")
    os.rename(path + ".new", path)


def write_text(path, text):
    with open(path, "w") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
        os.fchmod(out.fileno(), 0o644)


def own_mounted(host, entry):
    """Through an open descriptor: if the disk goes away meanwhile, the bare directory stays untouched."""
    path = host.at(entry["path"])
    if not host.is_mounted(entry["path"]):
        return "missing"
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if not host.is_mounted(entry["path"]):
            return "missing"
        same = mode_of(path) == entry["mode"] and owner_of(path) == entry["owner"]
        user, unused_colon, group = entry["owner"].partition(":")
        os.fchown(descriptor, pwd.getpwnam(user).pw_uid, grp.getgrnam(group).gr_gid)
        os.fchmod(descriptor, int(entry["mode"], 8))
        return "same" if same else "changed"
    finally:
        os.close(descriptor)


def start_units(host, work):
    units = [
        entry
        for entry, found in work
        if entry["type"] == "unit" and found["state"] == "changed" and not entry["path"].endswith(".mount")
    ]
    enabled = [unit["path"] for unit in units if unit["value"] != "disabled"]
    disabled = [unit["path"] for unit in units if unit["value"] == "disabled"]
    if enabled:
        host.must(["systemctl", "enable", "-q"] + enabled, "systemctl enable failed")
    if disabled:
        host.must(["systemctl", "disable", "-q", "--now"] + disabled, "systemctl disable failed")
    stopped = [unit["path"] for unit in units if unit["value"] == "started" and not host.is_running(unit["path"])]
    for unit in stopped + disabled:
        note = host.at("/var/lib/aisctl/pending/" + unit)
        if os.path.exists(note):
            os.unlink(note)
    if stopped:
        host.run(["systemctl", "reset-failed"] + stopped)
        host.must(["systemctl", "start", "--no-block"] + stopped, "systemctl start failed")


def sweep(host):
    """Releases: what runs, and the newest up to three. Runtimes: what a kept release names."""
    opt = host.at("/opt/aisnode")
    releases = subdirectories(os.path.join(opt, "release"))
    releases.sort(key=lambda path: os.stat(path).st_mtime, reverse=True)
    used = set()
    for name in os.listdir(opt) if os.path.isdir(opt) else []:
        path = os.path.join(opt, name)
        if os.path.islink(path):
            used.add(os.path.join(opt, os.readlink(path)))
    for unit in pending_units(host):
        for line in read_text(host.at("/var/lib/aisctl/pending/" + unit)).splitlines():
            used.add(os.path.join(opt, line.partition("|")[2]))
    kept = []
    for path in releases:
        if path in used or len(kept) < RELEASES_KEPT:
            kept.append(path)
        else:
            shutil.rmtree(path)
    named = set()
    for path in kept:
        link = os.path.join(path, "runtime")
        if os.path.islink(link):
            named.add(os.path.basename(os.readlink(link)))
    for path in subdirectories(os.path.join(opt, "runtime")):
        if os.path.basename(path) not in named:
            shutil.rmtree(path)


def subdirectories(path):
    if not os.path.isdir(path):
        return []
    found = [os.path.join(path, name) for name in os.listdir(path)]
    return [each for each in found if os.path.isdir(each) and not os.path.islink(each)]


def sysctl_path(key):
    return "/proc/sys/" + key.replace(".", "/")


def read_text(path):
    try:
        with open(path) as text:
            return text.read()
    except (IOError, OSError, UnicodeDecodeError):
        return ""


def hash_file(path):
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as content:
            for chunk in iter(lambda: content.read(CHUNK), b""):
                digest.update(chunk)
    except (IOError, OSError):
        return None
    return digest.hexdigest()


def mode_of(path):
    return "%04o" % stat.S_IMODE(os.lstat(path).st_mode)


def owner_of(path):
    found = os.lstat(path)
    try:
        return "%s:%s" % (pwd.getpwuid(found.st_uid).pw_name, grp.getgrgid(found.st_gid).gr_name)
    except KeyError:
        return "%d:%d" % (found.st_uid, found.st_gid)


def chown(path, owner):
    user, unused_colon, group = owner.partition(":")
    os.chown(path, pwd.getpwnam(user).pw_uid, grp.getgrnam(group).gr_gid)


def sync_directory(path):
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
