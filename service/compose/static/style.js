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
* { box-sizing: border-box; margin: 0; padding: 0; }
[hidden] { display: none !important; }
.status, .info { --tone: var(--info); } .allow, .sent, .granted { --tone: var(--allow); }
.warn, .failed, .broken { --tone: var(--warn); }
.block { --tone: var(--block); }
.status, h2, .actions { display: flex; align-items: center; gap: 0.5rem; }
.status { min-height: 2rem; }
.word, .tag { color: var(--tone); font-weight: 600; }
.idle .word, .checking .word, .away .word, .sending .word { font-weight: 400; }
.advice { min-height: 1.3125rem; color: var(--info); font-size: 0.875rem; line-height: 1.3125rem; }
.advice p { margin: 0; }
.sign { flex: none; width: 0.75rem; height: 0.75rem; background: var(--tone); border-radius: 50%; }
.warn .sign, .failed .sign, .broken .sign { border-radius: 0; clip-path: polygon(50% 4%, 100% 96%, 0 96%); }
.block .sign { border-radius: 2px; }
.idle .sign, .checking .sign, .away .sign, .sending .sign { background: none; border: 2px solid var(--tone); }
.live { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden; }
button, textarea { font: inherit; color: inherit; background: none; border: 1px solid light-dark(#808890, #7c858d); border-radius: 6px;
  padding: 0.375rem 0.75rem; }
button, summary { cursor: pointer; }
:focus-visible { outline: 2px solid light-dark(#1f5fbf, #8ab4f8); outline-offset: 2px; }
.main { background: var(--ink); color: var(--ground); }
.link { border: 0; padding: 0.25rem; text-decoration: underline; background: var(--ground); }
.layer, .mirror, .line, .pop { position: absolute; }
.layer { overflow: hidden; pointer-events: none; contain: layout paint; z-index: 1; }
.mirror { visibility: hidden; overflow-wrap: break-word; overflow-x: hidden; border: 0 solid transparent; }
.line { border-bottom: 2px solid var(--tone); background: color-mix(in srgb, var(--tone) 12%, transparent); }
.line.warn { border-bottom-style: dashed; }
.pop, .panel, .kept { background: var(--ground); border: 1px solid var(--edge); border-radius: 6px; padding: 0.75rem 1rem; }
.pop { z-index: 2; overflow: auto; overscroll-behavior: contain; box-shadow: 0 6px 24px #0003; }
.close { float: right; }
.kept { margin-top: 0.5rem; display: flex; flex-wrap: wrap; gap: 0.5rem 1rem; align-items: center; justify-content: space-between; }
.panel { margin-top: 0.5rem; border-left: 4px solid var(--tone); }
.card { padding: 0.5rem 0; } .card + .card { border-top: 1px solid var(--edge); }
.card > * + *, .panel > * + *, .mend > * + *, .offer > * + *, .panel textarea { margin-top: 0.5rem; }
.tag { margin-right: 0.5rem; }
q { overflow-wrap: anywhere; }
.ref { color: var(--info); font-size: 0.875em; }
blockquote { padding-left: 0.75rem; border-left: 2px solid var(--allow); }
h2 { font-size: 1.0625em; }
ul { list-style: none; }
.changes b { display: inline-block; min-width: 4.5rem; color: var(--block); } .changes .cleared b { color: var(--allow); }
.quiet { color: var(--info); }
textarea { display: block; width: 100%; resize: vertical; }
.actions { flex-wrap: wrap; } .panel label + .actions { margin-top: 0.5rem; } .offer + .offer { margin-top: 1rem; }
@media (forced-colors: active) {
  .sign { forced-color-adjust: none; background: CanvasText; }
  .idle .sign, .checking .sign, .away .sign, .sending .sign { background: none; border-color: CanvasText; }
  .line { forced-color-adjust: none; background: none; border-bottom-color: CanvasText; }
  .line.block { border-bottom-width: 3px; }
}
`);
