/** Where things are in a footer: for those who read one, whole or not. The shape is in `footer.ts`. */

/** Longest footer: 8 bytes per MiB of content (7 TiB), and JSON. Also bounds the search for one. */
export const FOOTER_BYTES_MAX = 64 * 1024 * 1024

/** `AISF` and `FSIA`. */
export const MAGIC_START = 0x46534941
export const MAGIC_END = 0x41495346
export const HEAD_BYTES = 24
export const TAIL_BYTES = 16
