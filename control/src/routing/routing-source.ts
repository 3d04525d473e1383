/** A version of the routing table: its name, and who wrote it when, as far as the place knows. */
export interface RoutingEdition {
  readonly revision: string;
  readonly changedAtMs: number | null;
  /** `control`, who asked it to, or whom the source names, such as `user:alice`. */
  readonly changedBy: string | null;
}

/** With its text, good or not. */
export interface RoutingVersion extends RoutingEdition {
  readonly text: string;
  /** Whether a control process wrote it, this one or another. */
  readonly byControl: boolean;
}

/** The place of the routing table: a file, or a ConfigMap. */
export interface RoutingSource {
  readonly kind: 'file' | 'config_map';
  /** @throws AdminError store_unavailable */
  read(): Promise<RoutingVersion>;
  /**
   * Replaces the text as a whole.
   *
   * @param revision that the new text was made from
   * @throws AdminError conflict when another one is in place, or store_unavailable
   */
  replace(revision: string, text: string, by: string): Promise<RoutingVersion>;
}
