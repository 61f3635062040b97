/** What the help of `check` says. */

export const CHECK_DESCRIPTION = `Connects to every host and looks at its login, architecture,
libraries, space, ports, mount points, disks, addresses, clock and who keeps it, limits, firewall
and kernel settings. Hosts try their ways to each other: every port of every node, and packets as
large as their interfaces promise. Changes nothing. Every finding says why it matters and how it
is mended; --explain tells more.

--fix mends what is safe to mend and can be undone (kernel settings, the keeper of the clock),
reads it back, and keeps on each host what was before; --undo sets that again. What belongs to the
machine outside of a container is neither found nor mended.`
