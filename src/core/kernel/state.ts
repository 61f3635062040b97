/** The kernel's whole state: one immutable value. Being written; the type's name is stable. */
export interface KernelState {
  readonly phase: 'idle' | 'running' | 'stopped'
}
