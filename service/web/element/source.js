/** <related-articles>: the Related Articles box as one element, on its own. Attributes, events, custom properties and
    parts are described in README.md beside this file. Apache-2.0. */
if (globalThis.customElements && !customElements.get("related-articles")) {
  const NEAR = "600px";
  const TIMEOUT = 3000;
  const SEEN = 1000;
  const GATHERING = 500;
  const POLL = 200;
  const LONG = 140;
  const WIDTHS = [160, 320, 480, 640, 960, 1280];
  const LAYOUTS = ["list", "cards", "compact", "strip", "timeline"];
  const ASKED = ["section", "language", "site", "tag", "access", "reader", "prefer", "max-age", "exclude", "fallback", "variant"];

  /** Headings over related articles, over others, and over the latest. */
  const WORDS = {
    ar: ["مقالات ذات صلة", "مقالات أخرى", "أحدث المقالات"],
    de: ["Mehr zum Thema", "Weitere Artikel", "Neueste Artikel"],
    en: ["Related articles", "More articles", "Latest articles"],
    es: ["Artículos relacionados", "Más artículos", "Últimos artículos"],
    fr: ["Articles liés", "Autres articles", "Derniers articles"],
    hi: ["संबंधित लेख", "अन्य लेख", "नवीनतम लेख"],
    kk: ["Ұқсас мақалалар", "Басқа мақалалар", "Соңғы мақалалар"],
    pt: ["Artigos relacionados", "Mais artigos", "Últimos artigos"],
    ru: ["По теме", "Другие статьи", "Последние статьи"],
    tr: ["İlgili haberler", "Diğer haberler", "Son haberler"],
    uk: ["За темою", "Інші статті", "Останні статті"],
    vi: ["Bài viết liên quan", "Bài viết khác", "Bài viết mới nhất"],
  };
  // Constructed, because a strict Content-Security-Policy forbids <style>.
  const style = new CSSStyleSheet();
  style.replaceSync(BOX_CSS); // of box.css, put here by build.py

  /** An element with its part name and content; strings become text nodes, never markup. */
  const build = (name, part, ...content) => {
    const node = document.createElement(name);
    if (part) node.setAttribute("part", part);
    node.append(...content.filter(Boolean));
    return node;
  };

  /** A text whose direction is its own, and whose marks of direction end with it. */
  const text = (part, content) => build("bdi", part, content);

  /** The beginning of a long text, up to the end of a word. */
  const beginning = (content) =>
    content.length > LONG ? `${[...content].slice(0, LONG).join("").replace(/[\s,;:–—-]+\S*$/, "")}…` : content;

  /** The address if it is one of the web, else undefined. */
  const web = (address) => {
    const url = address && URL.canParse(address, document.baseURI) && new URL(address, document.baseURI);
    return url && /^https?:$/.test(url.protocol) ? url.href : undefined;
  };

  /** What writes dates; a language or a zone that browsers do not know is passed over. */
  const calendar = (languages, timeZone, dateStyle) => {
    for (const language of languages) {
      for (const zone of [timeZone, undefined]) {
        try {
          return new Intl.DateTimeFormat(language, { dateStyle, timeZone: zone });
        } catch {}
      }
    }
  };

  /** A name for one look at a box, which tells nothing of who looks. */
  const newView = () =>
    Array.from(crypto.getRandomValues(new Uint32Array(2)), (part) => part.toString(16).padStart(8, "0")).join("");

  const refusesTracking = () => navigator.doNotTrack === "1" || navigator.globalPrivacyControl === true;

  /** Tells the service which items of one box were in view for a second, each once, and which were clicked. */
  class Events {
    #seen = [];
    #waiting = new Map();
    #timer = null;

    constructor(address, events) {
      this.address = address;
      this.observer = new IntersectionObserver(
        (entries) => {
          for (const { target, isIntersecting } of entries) {
            clearTimeout(this.#waiting.get(target));
            if (isIntersecting) this.#waiting.set(target, setTimeout(() => this.#see(target, events.get(target)), SEEN));
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
      this.#waiting.forEach(clearTimeout);
      removeEventListener("pagehide", this.#flush);
      this.#flush();
    }

    #see(node, event) {
      if (document.hidden) return;
      this.observer.unobserve(node);
      this.#seen.push({ kind: "impression", ...event });
      this.#timer ??= setTimeout(this.#flush, GATHERING);
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
    static observedAttributes = ["article", "url", "limit", "endpoint", "consent", ...ASKED];
    #near = null;
    #request = null;
    #filled = false;
    #events = null;
    #tracked = null;

    constructor() {
      super();
      const root = this.attachShadow({ mode: "open" });
      root.adoptedStyleSheets = [style];
      root.append(build("slot"));
    }

    connectedCallback() {
      if (!this.children.length) this.#show(this.#skeleton());
      this.#near = new IntersectionObserver(
        ([{ isIntersecting }]) => {
          if (!isIntersecting) this.style.minBlockSize = ""; // nobody sees it shrink
          else if (!this.#request) this.#load();
        },
        { rootMargin: NEAR },
      );
      if (this.getAttribute("loading") === "eager") this.#load();
      this.#near.observe(this);
    }

    disconnectedCallback() {
      this.#near.disconnect();
      this.#request?.abort();
      this.#request = null;
      this.#events?.end();
    }

    attributeChangedCallback(name) {
      if (name === "consent") this.#track();
      else if (this.#request) this.#load();
    }

    get #limit() {
      return Math.min(Math.max(parseInt(this.getAttribute("limit"), 10) || 5, 1), 50);
    }

    get #root() {
      return `${(this.getAttribute("endpoint") ?? "").replace(/\/+$/, "")}/v1`;
    }

    #address(what) {
      const asked = new URLSearchParams({ limit: this.#limit });
      for (const name of ASKED) {
        const given = this.getAttribute(name);
        if (given) asked.set(name.replace("-", "_"), given);
      }
      const article = this.getAttribute("article");
      if (article) return `${this.#root}/articles/${encodeURIComponent(article)}/${what}?${asked}`;
      const canonical = document.querySelector('link[rel~="canonical"][href]')?.href;
      asked.set("url", this.getAttribute("url") || canonical || location.href.replace(/#.*/, ""));
      return `${this.#root}/${what}?${asked}`;
    }

    async #ask(what, signal) {
      const response = await fetch(this.#address(what), { credentials: "omit", referrerPolicy: "no-referrer", signal });
      if (response.status !== 200) throw new Error(`${response.url} answered ${response.status}`);
      return [await response.json(), response];
    }

    /** The running story, where a timeline is wanted and there is one; else the box is what it is without. */
    async #story(signal) {
      if (this.#layout !== "timeline") return;
      const [story] = await this.#ask("story", signal).catch(() => []);
      if (story?.articles.length) return [{ ...story, items: story.articles }];
    }

    async #load() {
      this.#request?.abort();
      const { signal } = (this.#request = new AbortController());
      await null; // attributes changed together make one request
      if (signal.aborted) return;
      try {
        const timeout = AbortSignal.timeout(this.getAttribute("timeout") > 0 ? +this.getAttribute("timeout") : TIMEOUT);
        const ends = AbortSignal.any([signal, timeout]);
        const [answer, response] = (await this.#story(ends)) ?? (await this.#ask("related", ends));
        const items = answer.items.slice(0, this.#limit);
        if (!items.length) throw new Error(`${response.url} knew no articles`);
        const related = Math.min(answer.related ?? items.length, items.length);
        const box = this.#box(items, related, answer);
        // Links that a finger, a pointer or the focus is on stay as long as that is so.
        while (!this.#filled && this.children.length && this.matches(":hover, :active, :focus-within")) {
          await new Promise((resolve) => setTimeout(resolve, POLL));
          if (signal.aborted) return;
        }
        this.#show(box);
        this.#filled = true;
        if (answer.fallback === null) {
          const { request_id, article_id } = answer;
          const told = { request_id, article_id, variant: response.headers.get("X-Variant") };
          if (answer.impression) Object.assign(told, { impression: answer.impression, view: newView() });
          const asked = this.getAttribute("variant") ?? "";
          if (asked.startsWith("auto:")) told.unit = asked.slice(5);
          const events = items.map((item, i) => ({ ...told, item_id: item.id, position: item.rank ?? i + 1 }));
          this.#tracked = new Map([...box.querySelectorAll("li")].map((node, i) => [node, events[i]]));
          this.#track();
        }
        const { request_id: requestId, fallback = null } = answer;
        this.#tell("loaded", { requestId, count: items.length, related, fallback });
      } catch (error) {
        if (signal.aborted) return;
        this.#show(build("slot"));
        this.#tell("failed", { error });
      }
    }

    /** Counts what is seen and clicked from now on, or no longer. */
    #track() {
      const refused = this.hasAttribute("no-events") || this.getAttribute("consent") === "denied" || refusesTracking();
      if (refused || !this.#tracked) {
        this.#events?.end();
        this.#events = null;
      } else this.#events ??= new Events(`${this.#root}/events`, this.#tracked);
    }

    #show(content) {
      this.#tracked = null;
      this.#track();
      const focused = this.isConnected && this.matches(":focus-within");
      const { top, bottom, height } = this.getBoundingClientRect();
      this.style.minBlockSize = height && bottom > 0 && top < innerHeight ? `${height}px` : ""; // below it nothing moves up
      this.shadowRoot.replaceChildren(content);
      if (focused) content.querySelector("a")?.focus({ preventScroll: true });
    }

    #tell(what, detail) {
      this.dispatchEvent(new CustomEvent(`related-articles:${what}`, { bubbles: true, composed: true, detail }));
    }

    get #layout() {
      const layout = this.getAttribute("layout");
      return LAYOUTS.includes(layout) ? layout : LAYOUTS[0];
    }

    #skeleton() {
      const rows = Array.from({ length: this.#limit }, () => build("li"));
      const box = build("nav", "skeleton", build("h2"), build("ol", "", ...rows));
      box.className = `skeleton ${this.#layout}`;
      box.ariaHidden = "true";
      return box;
    }

    #box(items, related, { fallback, heading, article_id: under }) {
      const language = this.closest("[lang]:not([lang=''])")?.lang.replaceAll("_", "-");
      const own = (language ?? "").split("-")[0].toLowerCase();
      const spoken = Object.hasOwn(WORDS, own) ? own : "en";
      const [relatedHeading, moreHeading, latestHeading] = WORDS[spoken];
      const layout = this.#layout === "timeline" && !heading ? LAYOUTS[0] : this.#layout;
      const style = layout === "list" || heading ? "long" : "medium";
      const dates = calendar([language, undefined], this.getAttribute("time-zone") ?? undefined, style);
      const group = (part, kind, otherwise, some, filler, note) => {
        if (!some.length) return [];
        const list = build("ol", `${part}list`, ...some.map((item) => this.#item(item, dates, layout, filler, under)));
        list.setAttribute("role", "list"); // Safari drops the role with the markers
        if (this.hasAttribute("lead") && !part && layout !== "compact" && !heading) list.firstChild.part.add("lead");
        const title = build("h2", `${part}heading`, text("", this.getAttribute(`${kind}heading`) ?? otherwise));
        if (!this.hasAttribute(`${kind}heading`) && !heading && language && own !== spoken) title.lang = spoken;
        return [title, note && build("p", "note", text("", note)), list];
      };
      const box = build(
        "nav",
        "box",
        ...(fallback === "latest"
          ? group("", "latest-", latestHeading, items, true, this.getAttribute("latest-note"))
          : [
              ...group("", heading ? "story-" : "", heading ?? relatedHeading, items.slice(0, related)),
              ...group(related ? "more-" : "", "more-", moreHeading, items.slice(related), true),
            ]),
      );
      box.className = layout;
      box.querySelector("h2").id = "heading";
      box.setAttribute("aria-labelledby", "heading");
      return box;
    }

    #item({ id, title, summary, url, image_url: image, published_at: published, section, reason, label }, dates, layout, filler, under) {
      const timeline = layout === "timeline";
      const compact = layout === "compact" || (timeline && !label);
      const link = build("a", "link", text("", title));
      const href = web(this.getAttribute("link")?.replaceAll("{id}", () => encodeURIComponent(id)) || url);
      if (timeline && id === under) link.ariaCurrent = "page";
      else if (href) link.href = href;
      const day = new Date(published ?? NaN);
      const date = !isNaN(day) && build("time", "date", text("", dates.format(day)));
      if (date) date.dateTime = day.toISOString();
      const wanted = filler ? "none" : (this.getAttribute("reason") ?? "short");
      const why = wanted === "short" ? reason?.text?.split(" · ")[0] : wanted !== "none" && reason?.text; // the date says the rest
      const picture = !compact && !timeline && this.getAttribute("images") !== "none" && this.#image(id, image);
      const said = timeline ? label && text("role", label) : section && text("section", section);
      const meta = (said || date) && build("p", "meta", said, said && date && " · ", date);
      return build(
        "li",
        timeline && label ? "item turn" : "item",
        picture,
        build(
          "div",
          "text",
          timeline && meta,
          build("h3", "headline", link),
          !compact && summary && summary !== title && build("p", "standfirst", text("", beginning(summary))),
          !timeline && meta,
          !compact && why && build("p", "reason", text("", why)),
        ),
      );
    }

    /** Of a fixed shape, so that nothing moves when it comes, or does not. */
    #image(id, url) {
      const template = this.getAttribute("image-src");
      if (!web(url) && !template?.includes("{id}")) return null;
      const of = (width) => {
        const values = { id: encodeURIComponent(id), url: encodeURIComponent(url), src: url, width };
        return web(template ? template.replace(/\{(id|url|src|width)\}/g, (_, name) => values[name]) : url) ?? "";
      };
      const image = new Image();
      image.alt = "";
      image.loading = "lazy";
      image.decoding = "async";
      image.addEventListener("error", () => image.remove());
      if (template?.includes("{width}")) {
        image.sizes = this.getAttribute("image-sizes") ?? "auto, 20em";
        image.srcset = WIDTHS.map((width) => `${of(width)} ${width}w`).join(", ");
      }
      image.src = of(WIDTHS[2]);
      return build("div", "image", image);
    }
  }

  customElements.define("related-articles", RelatedArticles);
}
