(html) => {
  // What a page is made of, whatever stands in it.
  const page = new DOMParser().parseFromString(html, "text/html");
  const FIXED = ["class", "type", "role", "method", "action", "formaction", "formmethod", "enctype",
    "style", "rel", "target", "http-equiv", "dir", "contenteditable", "is", "slot", "tabindex"];
  const LEADING = ["href", "src", "srcset", "action", "formaction", "poster", "data", "background",
    "ping", "cite", "manifest", "xlink:href"];
  const SHOWN = ["alt", "title", "placeholder", "aria-label", "label", "content", "summary"];
  const elements = new Set(), links = new Set(), code = new Set(), shown = [];
  for (const element of page.querySelectorAll("*")) {
    const way = [];
    for (let each = element; each; each = each.parentElement) way.unshift(each.localName);
    const attributes = [...element.attributes]
      .map(({ name, value }) => (FIXED.includes(name) ? `${name}=${value}` : name))
      .sort();
    elements.add(`${way.join("/")} [${attributes}]`);
    for (const { name, value } of element.attributes) {
      if (LEADING.includes(name)) links.add(value);
      if (SHOWN.includes(name)) shown.push(value);
    }
    if (["script", "style"].includes(element.localName)) code.add(element.textContent);
    const isTyped = element.localName === "textarea";
    const own = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE);
    if (!isTyped && !code.has(element.textContent)) shown.push(...own.map((node) => node.data));
  }
  const comments = page.createNodeIterator(page, NodeFilter.SHOW_COMMENT);
  for (let each; (each = comments.nextNode()); ) elements.add(`comment ${each.data}`);
  const typed = [...page.querySelectorAll("textarea")].map((field) => field.defaultValue);
  return { elements: [...elements], links: [...links], code: [...code], shown, typed };
}
