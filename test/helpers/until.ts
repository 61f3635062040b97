/** Waits for what other code does in its own time. */

const MOST_MS = 20_000

/** @throws after 20 s, with the label */
export async function until(what: () => boolean, label: string): Promise<void> {
  const end = performance.now() + MOST_MS
  while (!what()) {
    if (performance.now() > end) throw new Error(`never: ${label}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
