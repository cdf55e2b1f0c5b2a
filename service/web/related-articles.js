/**
 * <related-articles>: the Related Articles box as one dependency-free element.
 *
 *   <script defer src="https://recommend.example/assets/related-articles.js"></script>
 *   <related-articles article="2026-01-05-drones" endpoint="https://recommend.example">
 *     <ul><li><a href="/world">More in World</a></li></ul>
 *   </related-articles>
 *
 * The children are the fallback: they stay until an answer has come, and for good when none comes within three
 * seconds, it is not a 200, or it holds no articles. Nothing is stored, no cookie or referrer is sent.
 *
 * The service is told which related articles came into view (half of one at least) and which were clicked, with their
 * position and nothing of the reader; not under `no-events`, Do Not Track or Global Privacy Control, and not of a box
 * of latest articles.
 *
 * Attributes
 *   article         id of the story the box stands under
 *   url             its address instead; with neither, the page's canonical link is asked for
 *   limit           number of articles, 5 by default
 *   endpoint        root of the service; the page's own origin by default
 *   link            where an article opens, {id} standing for its encoded id; its own url by default
 *   heading         "Related articles" by default, in the language of the page where the element knows it
 *   more-heading    "More articles": the heading over those that are not related and only fill the box
 *   latest-heading  "Latest articles": the heading when the service did not know the story
 *   latest-note     the small print that says so
 *   variant         the variant to ask for: its name, or auto:UNIT
 *   no-events       tells the service nothing of what was seen and clicked
 *   time-zone       IANA zone in which dates are written; the reader's by default
 * The language of dates and headings is that of the nearest `lang` attribute; headings are in English where the element
 * does not know it.
 *
 * Events (they bubble): `related-articles:loaded`, detail {requestId, count, related, fallback}, and
 * `related-articles:failed`, detail {error}.
 *
 * Theming: text colour and fonts are inherited, so the box is light or dark with the page around it. Custom
 * properties: --related-articles-accent, -muted, -rule, -heading-font, -meta-font, -column (narrowest column), -lines
 * (of a standfirst), -min-height (space to keep free where there are no fallback links). Parts: box, heading, note,
 * list, more-heading, more-list, item, headline, link, standfirst, meta, section, date, reason.
 */
{
  const TIMEOUT = 3000;
  const GATHERING = 500;
  const LINKED = /^(?:https?:\/\/|\/)/i;

  /** Headings over related articles, over others and over the latest, and the note under the last. */
  const WORDS = {
    ar: ["مقالات ذات صلة", "مقالات أخرى", "أحدث المقالات", "لم يُعثر على ما له صلة وثيقة، فهذه أحدث المقالات."],
    de: ["Mehr zum Thema", "Weitere Artikel", "Neueste Artikel", "Eng Verwandtes fand sich nicht; das sind die neuesten."],
    en: [
      "Related articles",
      "More articles",
      "Latest articles",
      "Nothing closely related was found, so these are the newest.",
    ],
    es: [
      "Artículos relacionados",
      "Más artículos",
      "Últimos artículos",
      "No se encontró nada muy relacionado; estos son los más recientes.",
    ],
    fr: ["Articles liés", "Autres articles", "Derniers articles", "Rien d'étroitement lié n'a été trouvé : voici les plus récents."],
    hi: ["संबंधित लेख", "अन्य लेख", "नवीनतम लेख", "कोई निकट संबंधित लेख नहीं मिला, इसलिए ये सबसे नए हैं।"],
    kk: ["Ұқсас мақалалар", "Басқа мақалалар", "Соңғы мақалалар", "Тақырыпқа жақыны табылмады, сондықтан бұлар ең жаңалары."],
    pt: ["Artigos relacionados", "Mais artigos", "Últimos artigos", "Nada muito relacionado foi encontrado; estes são os mais recentes."],
    ru: ["По теме", "Другие статьи", "Последние статьи", "Близкого по теме не нашлось, поэтому здесь самые новые."],
    tr: ["İlgili haberler", "Diğer haberler", "Son haberler", "Yakından ilgili bir şey bulunamadı; bunlar en yenileri."],
    uk: ["За темою", "Інші статті", "Останні статті", "Близького за темою не знайшлося, тож тут найновіші."],
    vi: ["Bài viết liên quan", "Bài viết khác", "Bài viết mới nhất", "Không tìm thấy bài liên quan; đây là những bài mới nhất."],
  };

  // A constructed sheet, because a strict Content-Security-Policy forbids <style>.
  const style = new CSSStyleSheet();
  style.replaceSync(`
    :host { display: block; min-block-size: var(--related-articles-min-height, auto); }
    :host([hidden]) { display: none; }
    section {
      --muted: var(--related-articles-muted, color-mix(in srgb, currentColor 74%, transparent));
      --rule: var(--related-articles-rule, color-mix(in srgb, currentColor 22%, transparent));
    }
    h2, h3, p, ol { margin: 0; padding: 0; }
    ol + h2 { margin-block-start: 1.25em; padding-block-start: .75em; border-block-start: 1px solid var(--rule); }
    h2, h3 {
      font-family: var(--related-articles-heading-font, inherit); text-wrap: balance; overflow-wrap: break-word;
    }
    h2 { font-size: 1.25em; line-height: 1.2; }
    h3 { font-size: 1.0625em; line-height: 1.25; }
    ol {
      display: grid;
      grid-template-columns: repeat(auto-fill, minmax(min(100%, var(--related-articles-column, 18em)), 1fr));
      column-gap: 2em;
      margin-block-start: .75em;
      list-style: none;
    }
    li { padding-block: .875em; border-block-start: 1px solid var(--rule); }
    a { color: inherit; text-decoration: none; }
    a[href]:hover {
      color: var(--related-articles-accent, inherit);
      text-decoration: underline 1px; text-underline-offset: .15em;
    }
    a:focus-visible { outline: 2px solid currentColor; outline-offset: 3px; border-radius: 1px; }
    [part~=standfirst] {
      display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: var(--related-articles-lines, 3);
      overflow: hidden;
      margin-block-start: .3em; font-size: .9375em; line-height: 1.45; overflow-wrap: break-word;
    }
    [part~=note], [part~=meta], [part~=reason] {
      font-family: var(--related-articles-meta-font, inherit); font-size: .8125em; line-height: 1.4;
      color: var(--muted);
    }
    [part~=note] { margin-block-start: .4em; }
    [part~=meta] { margin-block-start: .5em; }
    [part~=section] { color: var(--related-articles-accent, inherit); font-weight: 600; }
    [part~=section]:not(:last-child)::after { content: "·"; margin-inline: .4em .15em; color: var(--muted); }
    [part~=date] { white-space: nowrap; }
    [part~=reason] { margin-block-start: .25em; font-style: italic; overflow-wrap: break-word; }
    @media (prefers-reduced-motion: no-preference) {
      section { animation: appear .2s ease-out; }
      @keyframes appear { from { opacity: .3; } }
    }
    @media print { li { break-inside: avoid; } }
  `);

  /** An element with its part name and content; strings become text nodes, never markup. */
  const build = (name, part, ...content) => {
    const node = document.createElement(name);
    node.setAttribute("part", part);
    node.append(...content.filter(Boolean));
    return node;
  };

  /** A name for one look at a box, which tells nothing of who looks. */
  const newView = () => Array.from(crypto.getRandomValues(new Uint32Array(2)), (part) => part.toString(16).padStart(8, "0")).join("");

  const refusesTracking = () => navigator.doNotTrack === "1" || navigator.globalPrivacyControl === true;

  /** Tells the service which items of one box came into view, each once, and which were clicked. */
  class Events {
    #seen = [];
    #timer = null;

    constructor(address, box, items, nodes) {
      this.address = address;
      const events = new Map();
      nodes.forEach((node, i) => events.set(node, { ...box, item_id: items[i].id, position: items[i].rank ?? i + 1 }));
      this.observer = new IntersectionObserver(
        (entries) => {
          for (const { target, isIntersecting } of entries) {
            if (!isIntersecting) continue;
            this.observer.unobserve(target);
            this.#seen.push({ kind: "impression", ...events.get(target) });
            this.#timer ??= setTimeout(() => this.#flush(), GATHERING);
          }
        },
        { threshold: 0.5 },
      );
      for (const [node, event] of events) {
        this.observer.observe(node);
        const clicked = ({ button, target }) => {
          if (button < 2 && target.closest("a[href]")) this.#send([...this.#seen.splice(0), { kind: "click", ...event }]);
        };
        node.addEventListener("click", clicked);
        node.addEventListener("auxclick", clicked);
      }
      addEventListener("pagehide", this.#flush);
    }

    end() {
      this.observer.disconnect();
      removeEventListener("pagehide", this.#flush);
      this.#flush();
    }

    #flush = () => {
      clearTimeout(this.#timer);
      this.#timer = null;
      if (this.#seen.length) this.#send(this.#seen.splice(0));
    };

    #send(events) {
      // Not sendBeacon, which always sends cookies and the referrer; like it, this outlives the page. A text needs no
      // preflight, and an event that is lost is nothing to trouble the page with.
      fetch(this.address, {
        method: "POST",
        mode: "no-cors",
        keepalive: true,
        credentials: "omit",
        referrerPolicy: "no-referrer",
        headers: { "Content-Type": "text/plain" },
        body: JSON.stringify(events),
      }).catch(() => {});
    }
  }

  class RelatedArticles extends HTMLElement {
    static observedAttributes = ["article", "url", "limit", "endpoint", "variant"];
    #request = null;
    #events = null;

    constructor() {
      super();
      this.attachShadow({ mode: "open" }).adoptedStyleSheets = [style];
      this.#show(document.createElement("slot"));
    }

    connectedCallback() {
      this.#load();
    }

    disconnectedCallback() {
      this.#request.abort();
      this.#request = null;
      this.#events?.end();
    }

    attributeChangedCallback() {
      if (this.#request) this.#load();
    }

    get #limit() {
      return Math.min(Math.max(parseInt(this.getAttribute("limit"), 10) || 5, 1), 50);
    }

    get #root() {
      return `${(this.getAttribute("endpoint") ?? "").replace(/\/+$/, "")}/v1`;
    }

    get #address() {
      const root = this.#root;
      const variant = this.getAttribute("variant");
      const options = `limit=${this.#limit}${variant ? `&variant=${encodeURIComponent(variant)}` : ""}`;
      const article = this.getAttribute("article");
      if (article) return `${root}/articles/${encodeURIComponent(article)}/related?${options}`;
      const canonical = document.querySelector('link[rel~="canonical"][href]')?.href;
      const url = this.getAttribute("url") || canonical || location.href.replace(/#.*/, "");
      return `${root}/related?url=${encodeURIComponent(url)}&${options}`;
    }

    async #load() {
      this.#request?.abort();
      const request = (this.#request = new AbortController());
      await null; // attributes changed together make one request
      if (request.signal.aborted) return;
      try {
        const response = await fetch(this.#address, {
          credentials: "omit",
          referrerPolicy: "no-referrer",
          signal: AbortSignal.any([request.signal, AbortSignal.timeout(TIMEOUT)]),
        });
        if (response.status !== 200) throw new Error(`${response.url} answered ${response.status}`);
        const answer = await response.json();
        if (!answer.items.length) throw new Error(`${response.url} knew no articles`);
        const items = answer.items.slice(0, this.#limit);
        const related = Math.min(answer.related ?? items.length, items.length);
        this.#show(this.#box(items, related, answer.fallback === "latest"));
        if (answer.fallback === null && !this.hasAttribute("no-events") && !refusesTracking()) {
          const variant = response.headers.get("X-Variant");
          const box = { request_id: answer.request_id, article_id: answer.article_id, variant };
          if (answer.impression) Object.assign(box, { impression: answer.impression, view: newView() });
          const asked = this.getAttribute("variant") ?? "";
          if (asked.startsWith("auto:")) box.unit = asked.slice(5);
          this.#events = new Events(`${this.#root}/events`, box, items, this.shadowRoot.querySelectorAll("li"));
        }
        const { request_id: requestId, fallback } = answer;
        this.#tell("loaded", { requestId, count: items.length, related, fallback });
      } catch (error) {
        if (request.signal.aborted) return;
        this.#show(document.createElement("slot"));
        this.#tell("failed", { error });
      }
    }

    #show(content) {
      this.#events?.end();
      this.#events = null;
      const focused = this.matches(":focus-within");
      this.shadowRoot.replaceChildren(content);
      if (focused) content.querySelector("a")?.focus({ preventScroll: true });
    }

    #tell(what, detail) {
      this.dispatchEvent(new CustomEvent(`related-articles:${what}`, { bubbles: true, composed: true, detail }));
    }

    #box(items, related, latest) {
      const text = (attribute, otherwise) => this.getAttribute(attribute) ?? otherwise;
      const language = this.closest("[lang]:not([lang=''])")?.lang.replaceAll("_", "-");
      const own = (language ?? "").split("-")[0].toLowerCase();
      const spoken = Object.hasOwn(WORDS, own) ? own : "en";
      const [relatedHeading, moreHeading, latestHeading, latestNote] = WORDS[spoken];
      const note = latest && text("latest-note", latestNote);
      const dates = new Intl.DateTimeFormat(language, {
        dateStyle: "long",
        timeZone: this.getAttribute("time-zone") ?? undefined,
      });
      const group = (part, kind, otherwise, some, note) => {
        if (!some.length) return [];
        const list = build("ol", `${part}list`, ...some.map((item) => this.#item(item, dates)));
        list.setAttribute("role", "list"); // Safari drops the role with the markers
        const title = build("h2", `${part}heading`, text(`${kind}heading`, otherwise));
        if (!this.hasAttribute(`${kind}heading`) && language && own !== spoken) title.lang = spoken;
        return [title, note && build("p", "note", note), list];
      };
      const groups = latest
        ? group("", "latest-", latestHeading, items, note)
        : [
            ...group("", "", relatedHeading, items.slice(0, related)),
            ...group(related ? "more-" : "", "more-", moreHeading, items.slice(related)),
          ];
      const box = build("section", "box", ...groups);
      box.querySelector("h2").id = "heading";
      box.setAttribute("aria-labelledby", "heading");
      return box;
    }

    #item({ id, title, summary, url, published_at: published, section, reason }, dates) {
      const link = build("a", "link", title);
      const href = this.getAttribute("link")?.replaceAll("{id}", () => encodeURIComponent(id)) ?? url;
      if (LINKED.test(href ?? "")) link.href = href;
      const date = published && build("time", "date", dates.format(new Date(published)));
      if (date) date.dateTime = published;
      return build(
        "li",
        "item",
        build("h3", "headline", link),
        summary && summary !== title && build("p", "standfirst", summary),
        (section || date) && build("p", "meta", section && build("span", "section", section), section && " ", date),
        reason?.text && build("p", "reason", reason.text),
      );
    }
  }

  if (!customElements.get("related-articles")) customElements.define("related-articles", RelatedArticles);
}
