import { UserError } from "../errors/index.js";

/**
 * Options from the words after a command: `key=value`, `--key value`, `--key=value`, and bare names for true. What a name
 * means is not known here; a name before several numbers takes them all as a list (`--classes 0 2 3`).
 * @throws UserError for a value without a name, or a name given twice.
 */
export function parseWords(words: readonly string[]): Record<string, string | boolean> {
  const given: Record<string, string | boolean> = {};
  const set = (name: string, value: string | boolean) => {
    if (Object.hasOwn(given, name)) throw new UserError(`${name} is given twice`);
    given[name] = value;
  };
  for (let i = 0; i < words.length; i++) {
    const word = words[i];
    const dashed = /^--?([A-Za-z][\w-]*)(?:=(.*))?$/s.exec(word);
    const plain = /^([A-Za-z][\w-]*)=(.*)$/s.exec(word);
    if (dashed) {
      const [, name, value] = dashed;
      if (value !== undefined) set(name, value);
      else {
        const values: string[] = [];
        while (i + 1 < words.length && isValue(words[i + 1], values.length === 0)) values.push(words[++i]);
        set(name, values.length === 0 ? true : values.join(","));
      }
    } else if (plain) set(plain[1], plain[2]);
    else if (/^[A-Za-z][\w-]*$/.test(word)) set(word, true);
    else throw new UserError(`"${word}": an option as name=value expected`);
  }
  return given;
}

// Whether a word belongs to the name before it: the first if it is no option itself, further ones if they are numbers. A
// bare name after a value (`--conf 0.4 nosave`) stands for itself.
const isValue = (word: string, first: boolean): boolean =>
  first ? !/^--?[A-Za-z]/.test(word) && !/^[A-Za-z][\w-]*=/.test(word) : /^-?\d[\d.]*$/.test(word);
