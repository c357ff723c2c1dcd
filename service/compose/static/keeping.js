// The merchant's words, kept in this tab until they are sent: a crash, a reload or a dead service loses nothing. They are
// kept under the form and the Support ID that they were written for, so that no other order's form ever shows them.

/** @typedef {{draft?: Record<string, string>, blocked?: boolean, said?: Record<string, string>,
 *   contested?: {id: string, draft: string} | null}} Kept */

export class Keeping {
  /** @param {string} name of the form */
  constructor(name) {
    this.name = name;
    /** The Support ID under which this page has kept something. @type {string | null} */
    this.id = null;
  }

  /** @returns {Kept} */
  read(id) {
    return this.#stored((storage) => JSON.parse(storage.getItem(this.#key(id)))) ?? {};
  }

  /** Add to what is kept for an order. An ID that is still being typed takes its words along. @param {Kept} part */
  keep(id, part) {
    let words = {};
    if (this.id !== null && this.id !== id) {
      const { contested, ...moved } = this.read(this.id);
      words = moved;
      this.#write(this.id, contested ? { contested } : null);
    }
    this.id = id;
    this.#write(id, { ...this.read(id), ...words, ...part });
  }

  forget(id) {
    this.id = null;
    this.#write(id, null);
  }

  #key(id) {
    return `draft-screen:${this.name}:${id.trim()}`;
  }

  #write(id, kept) {
    this.#stored((storage) => (kept ? storage.setItem(this.#key(id), JSON.stringify(kept)) : storage.removeItem(this.#key(id))));
  }

  /** A browser that refuses storage is no reason to stop anyone. */
  #stored(use) {
    try {
      return use(sessionStorage);
    } catch {
      return null;
    }
  }
}

/** What keeps two forms of one page apart, also where they have no ids. @param {HTMLFormElement} form */
export function nameOfForm(form) {
  return `${location.pathname}#${form.id || form.getAttribute("name") || [...document.forms].indexOf(form)}`;
}
