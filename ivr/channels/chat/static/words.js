// Words in the visitor's language: one file each, of which one is fetched.
const files = { en: () => import("./en.js"), es: () => import("./es.js") };

/** The first of these language tags that there are words in, English otherwise, and the words. */
export async function words(...wanted) {
  const tags = wanted.map((tag) => (tag ?? "").slice(0, 2).toLowerCase());
  const language = tags.find((tag) => tag in files) ?? "en";
  return { language, words: (await files[language]()).default };
}

export const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
