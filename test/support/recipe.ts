import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The configuration of that name in `docs/recipes.md`, with these words put in the place of others. */
export function recipe(name: string, words: Readonly<Record<string, string>>): string {
  const text = readFileSync(fileURLToPath(new URL("../../docs/recipes.md", import.meta.url)), "latin1");
  const [, found] = new RegExp(`\`\`\`nginx ${name}\n([^]*?)\`\`\``).exec(text) ?? [];
  if (found === undefined) throw new Error(`There is no recipe "${name}"`);
  return Object.entries(words).reduce((recipe, [word, other]) => recipe.replaceAll(word, other), found);
}
