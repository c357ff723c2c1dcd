// The merchant's text, kept in this tab until it is sent: a crash, a reload or a dead service loses nothing.

export class Keeping {
  /** @param {string} key */
  constructor(key) {
    this.key = `draft-screen:${key}`;
  }

  /** @returns {{draft?: Record<string, string>, appealed?: string} } */
  read() {
    try {
      return JSON.parse(sessionStorage.getItem(this.key) || "{}");
    } catch {
      return {};
    }
  }

  /** Add to what is kept. A browser that refuses storage is no reason to stop anyone. */
  keep(part) {
    try {
      sessionStorage.setItem(this.key, JSON.stringify({ ...this.read(), ...part }));
    } catch {
      return;
    }
  }

  forget() {
    try {
      sessionStorage.removeItem(this.key);
    } catch {
      return;
    }
  }
}
