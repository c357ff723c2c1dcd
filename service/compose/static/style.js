// The widget's looks. Colours follow the page's `color-scheme`; each can be set from outside by its custom property.
// Every decision has its own shape besides its colour: a disc, a triangle, a square.

export const sheet = new CSSStyleSheet();
sheet.replaceSync(`
:host {
  --allow: var(--draft-screen-allow, light-dark(#1a6b3c, #6fcf97));
  --warn: var(--draft-screen-warn, light-dark(#8a5a00, #e8b04b));
  --block: var(--draft-screen-block, light-dark(#b3261e, #ff8a80));
  --info: var(--draft-screen-info, light-dark(#4a5a68, #a3b3c2));
  --ground: var(--draft-screen-ground, light-dark(#fff, #1d2125));
  --ink: var(--draft-screen-ink, light-dark(#1c2126, #e8eaed));
  --edge: var(--draft-screen-edge, light-dark(#d4d9de, #3b4248));
  display: block; position: relative; color: var(--ink);
  font-size: var(--draft-screen-size, 0.9375rem); line-height: 1.5;
}
[hidden] { display: none !important; }
* { box-sizing: border-box; }
p, h2, ul, blockquote { margin: 0; padding: 0; }
.allow { --tone: var(--allow); } .warn, .failed { --tone: var(--warn); } .block { --tone: var(--block); }
.info, .idle, .checking, .away { --tone: var(--info); } .sent { --tone: var(--allow); }
.status { display: flex; align-items: center; gap: 0.5rem; min-height: 2rem; }
.status .word { color: var(--tone); font-weight: 600; }
.idle .word, .checking .word, .away .word { font-weight: 400; }
.sign { flex: none; width: 0.75rem; height: 0.75rem; background: var(--tone); border-radius: 50%; }
.warn .sign, .failed .sign { border-radius: 0; clip-path: polygon(50% 4%, 100% 96%, 0 96%); }
.block .sign { border-radius: 2px; }
.idle .sign, .checking .sign, .away .sign { background: none; border: 2px solid; color: var(--tone); }
.live { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden; }
button { font: inherit; color: var(--ink); background: var(--ground); border: 1px solid var(--edge); border-radius: 6px;
  padding: 0.375rem 0.875rem; min-height: 2.25rem; cursor: pointer; }
button:hover { border-color: currentColor; }
:focus-visible { outline: 2px solid light-dark(#1f5fbf, #8ab4f8); outline-offset: 2px; }
button.main { background: var(--ink); color: var(--ground); border-color: var(--ink); }
button.link { border: 0; padding: 0 0.25rem; min-height: 1.75rem; text-decoration: underline; background: none; }
.layer { position: absolute; overflow: hidden; pointer-events: none; contain: layout paint; z-index: 1; }
.mirror { position: absolute; visibility: hidden; overflow-wrap: break-word;
  }
.line { position: absolute; border-bottom: 2px solid var(--tone); background: color-mix(in srgb, var(--tone) 12%, transparent); }
.line.warn { border-bottom-style: dashed; } .line.info { border-bottom-style: dotted; background: none; }
.pop { position: absolute; z-index: 2; width: min(26rem, 100%); max-height: 26rem; overflow: auto; padding: 0 1rem 0.75rem;
  background: var(--ground); border: 1px solid var(--edge); border-radius: 8px; box-shadow: 0 6px 24px rgb(0 0 0 / 0.18); }
.pop .close { position: sticky; top: 0; float: right; margin: 0.5rem -0.5rem 0 0.5rem; }
.card { padding: 0.75rem 0; } .card + .card { border-top: 1px solid var(--edge); }
.card > * + * { margin-top: 0.375rem; }
.tag { color: var(--tone); font-weight: 600; margin-right: 0.5rem; }
q { quotes: "“" "”"; overflow-wrap: anywhere; unicode-bidi: isolate; }
.ref { color: var(--info); font-size: 0.875em; }
blockquote { padding: 0.125rem 0 0.125rem 0.75rem; border-left: 2px solid var(--allow); }
.offer button { margin-top: 0.5rem; }
.panel { margin-top: 0.5rem; padding: 1rem; border: 1px solid var(--edge); border-left: 4px solid var(--tone); border-radius: 6px;
  background: var(--ground); }
h2 { display: flex; align-items: center; gap: 0.5rem; font-size: 1.0625em; line-height: 1.4; }
h2 + p, .changes { margin-top: 0.5rem; list-style: none; }
.changes b { display: inline-block; min-width: 4.5rem; } .cleared b { color: var(--allow); } .left b { color: var(--block); }
label { display: block; margin-top: 0.75rem; }
textarea { display: block; width: 100%; margin-top: 0.25rem; padding: 0.5rem; font: inherit; color: inherit; background: transparent;
  border: 1px solid light-dark(#808890, #7c858d); border-radius: 6px; resize: vertical; }
.actions { display: flex; flex-wrap: wrap; gap: 0.5rem; margin-top: 0.75rem; }
`);
