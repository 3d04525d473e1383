/** One version of the text that holds the routing table, good or not. */
export interface RoutingVersion {
  readonly text: string;
  readonly revision: string;
  readonly changedAtMs: number | null;
  /** Who wrote it, as far as the place knows. */
  readonly changedBy: string | null;
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
