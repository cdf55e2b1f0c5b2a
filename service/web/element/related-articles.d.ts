/** What `related-articles:loaded` tells. */
export interface RelatedArticlesLoaded {
  /** None of a timeline. */
  requestId?: string;
  count: number;
  /** How many of the items, the first ones, are related; the others only fill the box. */
  related: number;
  fallback: "latest" | null;
}

/** What `related-articles:failed` tells. */
export interface RelatedArticlesFailed {
  error: Error;
}

declare global {
  interface HTMLElementTagNameMap {
    "related-articles": HTMLElement;
  }
  interface HTMLElementEventMap {
    "related-articles:loaded": CustomEvent<RelatedArticlesLoaded>;
    "related-articles:failed": CustomEvent<RelatedArticlesFailed>;
  }
}
