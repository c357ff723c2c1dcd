// The offer of a draft that was written for the same order in the same form and never sent.

import { actions, button, el, quoted } from "./cards.js";

export class Restoring {
  /** @param {import("./draft-screen.js").DraftScreen} host */
  constructor(host) {
    this.host = host;
    this.element = el("div", { className: "kept", hidden: true });
    this.id = "";
  }

  /** Offer what is kept for this order, if it is not what stands there. */
  look() {
    const { draft } = this.host;
    this.id = draft.support_id;
    const { draft: kept, blocked } = this.host.keeping.read(this.id);
    this.#offer(kept, blocked);
  }

  /** The Support ID was edited: another order has other words, or none. */
  moved() {
    if (this.host.draft.support_id !== this.id) this.look();
  }

  close() {
    this.element.hidden = true;
  }

  #offer(kept, blocked) {
    const { words, draft } = this.host;
    const other = kept && (kept.subject + kept.body).trim() && (kept.subject !== draft.subject || kept.body !== draft.body);
    this.element.hidden = !other;
    if (!other) return;
    const restore = () => {
      const [now, was] = [this.host.draft, this.host.blocked];
      this.host.blocked = blocked ?? false;
      this.host.fill(kept);
      this.#offer(now, was); // whatever stood there can be had again
    };
    const discard = () => {
      this.close();
      this.host.keeping.keep(this.id, { draft: undefined, blocked: undefined, said: undefined });
      if (this.host.typedIn) this.host.keep();
    };
    this.element.replaceChildren(
      el("p", {}, el("b", {}, words.restore), " ", quoted(kept.body || kept.subject)),
      actions(button(words.restore_yes, restore, "main"), button(words.restore_no, discard)),
    );
    this.host.status.announce(words.restore);
  }
}
