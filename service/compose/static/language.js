// The box's own words, in the language of the page. English is built in; the others are modules beside this one.

/** Filled in from the catalogue when the modules are bundled. @type {Record<string, string>} */
export const ENGLISH = {};
const LANGUAGES = ["de", "es", "fr", "it"];

/** The language that an element is written in, if we have words for it. @param {Element} element */
export function languageOf(element) {
  const said = element.closest("[lang]")?.getAttribute("lang") ?? "";
  const base = said.toLowerCase().split("-")[0];
  return LANGUAGES.includes(base) ? base : "en";
}

/** The words of a language; English where its module is missing. @returns {Promise<Record<string, string>>} */
export async function wordsOf(language) {
  if (language === "en") return ENGLISH;
  try {
    return { ...ENGLISH, ...(await import(new URL(`draft-screen.${language}.js`, import.meta.url).href)).default };
  } catch {
    console.error(`draft-screen: draft-screen.${language}.js is missing beside draft-screen.js`);
    return ENGLISH;
  }
}

/** Put values in the places of a text: `{n} notes`. */
export function filled(text, values) {
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}
